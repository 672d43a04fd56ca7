// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "client/client.h"
#include "simulation/sim_pipe.h"
#include "ws/decoder.h"

/// An MQTT client at its end of a pipe: it connects, reads and writes when the scheduler says so,
/// plainly or in WebSocket frames.
///
/// Ownership: owns its machine and the pipe it uses; a pipe it gave up is handed to the world,
///            which keeps it until the server let go.
/// Threads:   the simulation's one.
namespace firehose::simulation {

class SimClient {
public:
    struct Options {
        std::string name;
        client::ClientOptions client;
        std::optional<std::string> filter;  // Subscribed to whenever there is no session.
        mqtt::Qos qos = mqtt::Qos::at_most_once;
        std::size_t read_bytes_max = 4'096;  // At a step; small for a slow reader.
        bool is_websocket = false;
    };

    SimClient(Options options, Random& random);

    [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
    [[nodiscard]] client::Client& machine() noexcept { return *machine_; }
    [[nodiscard]] const client::Client& machine() const noexcept { return *machine_; }
    [[nodiscard]] bool is_websocket() const noexcept { return options_.is_websocket; }
    [[nodiscard]] bool has_pipe() const noexcept { return pipe_ != nullptr; }
    [[nodiscard]] bool is_subscribed() const noexcept { return is_subscribed_; }
    /// Tells of a slow reader that it may now read fast.
    void hurry() noexcept { options_.read_bytes_max = 1 << 20; }
    /// Subscribes, though it may have done so already.
    void subscribe();
    /// Not connected: goes on as another client, which remembers nothing.
    void become(client::ClientOptions client);

    /// For the trace.
    [[nodiscard]] std::string describe() const;
    /// Bytes read and written since the last call.
    [[nodiscard]] std::size_t take_bytes_moved() noexcept { return std::exchange(moved_, 0); }

    /// Opens a connection; the pipe's other end is for the shard.
    [[nodiscard]] SimPipe& connect(MonotonicTime now, SimPipe::Limits limits);
    /// Reads, writes, and does what follows. The events are the client's, in order.
    [[nodiscard]] std::vector<client::Event> step(MonotonicTime now);
    /// The connection breaks; the pipe is the caller's now.
    [[nodiscard]] std::unique_ptr<SimPipe> disconnect();
    /// The server ended the connection, and everything that it sent was read.
    [[nodiscard]] bool is_cut_off() const { return pipe_ != nullptr && pipe_->is_at_end(); }
    /// The server died; with `is_cut` a part of what it sent never comes.
    void orphan(bool is_cut) {
        if (pipe_ != nullptr) pipe_->orphan(is_cut);
    }
    [[nodiscard]] bool is_orphan() const { return pipe_ != nullptr && pipe_->is_orphan(); }
    /// It has said all that it had to say.
    [[nodiscard]] bool is_flushed() const { return machine_->output().empty() && framed_.empty(); }

private:
    void take(ByteSpan bytes, MonotonicTime now);
    [[nodiscard]] std::size_t write();
    void subscribe_if_needed(const client::Event& event);

    Options options_;
    Random& random_;
    std::unique_ptr<client::Client> machine_;
    std::unique_ptr<SimPipe> pipe_;
    std::optional<ws::Decoder> decoder_;
    ByteBuffer framed_;  // Not yet written.
    std::size_t moved_ = 0;
    bool is_subscribed_ = false;  // SUBACK came, and the session is still there.
};

}  // namespace firehose::simulation
