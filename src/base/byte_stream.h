// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/bytes.h"

/// A client's byte stream, as those see it who do not care whether it is TCP, TLS, a Unix socket
/// or the simulator's pipe.
///
/// Ownership: whoever serves the client owns the ByteStream; the stream refers to its handler,
/// which must outlive it. Destroying the stream closes it at once and calls nobody.
/// Threads:   the loop that it was accepted on; `net` moves streams between loops before use.
/// Invariant: after `on_closed` the stream is dead: `write` returns 0, nothing is called again.
/// A handler may destroy the stream from inside any callback.
namespace firehose {

class ByteStreamHandler {
public:
    virtual ~ByteStreamHandler() = default;

    /// Bytes arrived. The span is valid during the call only: keep what is not consumed.
    virtual void on_bytes(ByteSpan bytes) = 0;
    /// After a short `write`: there is room again. Called once per short write.
    virtual void on_writable() = 0;
    /// The peer closed, or the stream failed (`reason` says which, for the log). Called once.
    virtual void on_closed(const std::string& reason) = 0;
};

class ByteStream {
public:
    virtual ~ByteStream() = default;

    /// Replaces the handler (when a connection changes hands, e.g. HTTP upgrade).
    virtual void set_handler(ByteStreamHandler& handler) noexcept = 0;
    /// Gathers `parts` into one send that never blocks. Returns how many bytes were taken; fewer
    /// than offered means that the socket is full, and `on_writable` follows.
    [[nodiscard]] virtual std::size_t write(std::span<const ByteSpan> parts) = 0;
    /// Stops or resumes reading; TCP then slows the peer. On by default.
    virtual void set_reading(bool enabled) = 0;
    /// Sends what the kernel holds, then closes: no further write. The handler hears `on_closed`
    /// when the peer is gone, at most some seconds later. (A half-close, then a bounded linger.)
    virtual void shut_down() = 0;
    /// The peer's numeric address without the port, e.g. "127.0.0.1" or "::1".
    [[nodiscard]] virtual std::string peer_address() const = 0;
};

}  // namespace firehose
