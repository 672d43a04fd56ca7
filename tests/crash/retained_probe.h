// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "peer.h"

/// A stranger that subscribes to `kept/+` and must get, as retained copies, the last value of each
/// topic and nothing else.
///
/// Each publisher p counts the values of `kept/p`; one in `kClearOneIn` of them is empty and clears
/// the topic. Ask it while publishers rest: then the last acknowledged value is the retained one.
/// Threads: the loop's.
namespace firehose::crash {

[[nodiscard]] std::string kept_topic(std::size_t publisher);
[[nodiscard]] std::string kept_value(std::uint64_t number);

class RetainedProbe final : private PeerHandler {
public:
    explicit RetainedProbe(net::EventLoop& loop);
    ~RetainedProbe() override = default;
    RetainedProbe(const RetainedProbe&) = delete;
    RetainedProbe& operator=(const RetainedProbe&) = delete;

    /// @param last  the number of each publisher's last value; 0: it has published none.
    void ask(std::uint16_t port, const std::vector<std::uint64_t>& last);
    /// All that is expected has come. Stay a moment for what is not.
    [[nodiscard]] bool has_all() const { return is_subscribed_ && awaited_.empty(); }
    /// Ends the connection. What was wrong, or nothing.
    [[nodiscard]] std::string conclude();

private:
    void on_event(Peer& peer, client::Event& event) override;
    void on_lost(Peer& peer, const std::string& reason) override;
    void on_message(const client::Message& message);

    Peer peer_;
    std::map<std::string, std::string> awaited_;
    bool is_subscribed_ = false;
    bool is_asking_ = false;
    std::string problem_;
};

}  // namespace firehose::crash
