// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/byte_stream.h"
#include "base/bytes.h"
#include "base/random.h"

/// One simulated connection: two bounded buffers, the server's end a ByteStream.
///
/// Nothing arrives by itself: the scheduler calls `deliver` inside a turn of the shard, and the
/// client takes what it wants when it wants. So a slow reader is a client that rarely takes, and
/// a full socket is a buffer that nobody empties.
/// Ownership: the pipe outlives the server's end, which the shard owns and may destroy at any
///            time, also inside a callback.
/// Threads:   the simulation's one.
namespace firehose::simulation {

class SimPipe {
public:
    struct Limits {
        std::size_t to_server_bytes = 4'096;
        std::size_t to_client_bytes = 8'192;
    };

    SimPipe(Random& random, Limits limits) : random_(random), limits_(limits) {}
    ~SimPipe();
    SimPipe(const SimPipe&) = delete;
    SimPipe& operator=(const SimPipe&) = delete;

    /// For the shard; once.
    [[nodiscard]] std::unique_ptr<ByteStream> server_end();

    // The client's side.
    /// Takes a part of `bytes`, as much as there is room for.
    [[nodiscard]] std::size_t write(ByteSpan bytes);
    [[nodiscard]] ByteBuffer read(std::size_t bytes_max);
    /// The client is gone; of what it wrote last, a part may never arrive.
    void close();
    /// The server's process is gone; with `is_cut` the machine, and a part of what was sent.
    void orphan(bool is_cut);
    [[nodiscard]] bool is_orphan() const { return is_orphan_; }
    /// Nothing will come any more.
    [[nodiscard]] bool is_at_end() const { return is_server_closed_ && to_client_.empty(); }

    /// For the trace.
    [[nodiscard]] std::string describe() const;

    // The network's: within a turn of the shard.
    /// Lets one thing happen at the server: bytes, room or the end. False: nothing to happen.
    bool deliver();
    /// Both sides are done with it.
    [[nodiscard]] bool is_over() const { return is_client_closed_ && server_ == nullptr; }

private:
    class ServerEnd;

    Random& random_;
    const Limits limits_;
    ByteBuffer to_server_;
    ByteBuffer to_client_;
    ServerEnd* server_ = nullptr;  // Null: not handed over yet, or destroyed.
    bool is_client_closed_ = false;
    bool is_server_closed_ = false;  // shut_down was called, or the end is destroyed.
    bool is_orphan_ = false;
};

}  // namespace firehose::simulation
