// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/tcp_stream.h"

/// Reads `GET /events` as NDJSON, over any number of runs of the program: no seq comes twice, and
/// each is above the one before, whatever was killed in between.
///
/// Threads: the loop's.
namespace firehose::crash {

class EventWatch final : private ByteStreamHandler {
public:
    explicit EventWatch(net::EventLoop& loop) : loop_(loop) {}
    ~EventWatch() override = default;
    EventWatch(const EventWatch&) = delete;
    EventWatch& operator=(const EventWatch&) = delete;

    void connect(std::uint16_t port);
    void drop() { stream_.reset(); }
    [[nodiscard]] bool has_connection() const noexcept { return stream_ != nullptr; }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t last_seq() const noexcept { return last_seq_; }
    /// What was wrong first, or nothing.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

private:
    void on_bytes(ByteSpan bytes) override;
    void on_writable() override;
    void on_closed(const std::string&) override { stream_.reset(); }
    void read(std::string_view line);

    net::EventLoop& loop_;
    std::unique_ptr<net::TcpStream> stream_;
    bool is_asked_ = false;
    std::string partial_;
    std::uint64_t last_seq_ = 0;
    std::uint64_t count_ = 0;
    std::string problem_;
};

}  // namespace firehose::crash
