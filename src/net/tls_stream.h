// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/bio.h>
#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "net/socket_stream.h"
#include "net/tls_context.h"

/// The server's side of a TLS connection as a ByteStream, on a socket that was accepted.
///
/// First comes the handshake: nothing can be written, and the handler hears `on_writable` when it
/// is done, or `on_closed` with the reason why not. Whoever waits for it sets the time limit.
/// Reading goes on until OpenSSL wants more of the socket, or the loop's read buffer is full; then
/// the rest comes in the next turn (`SSL_has_pending` sees what read_ahead holds).
/// Writing makes records of at most 16 KiB. One that the socket did not take whole is encrypted
/// inside OpenSSL: its plaintext counts as taken, and the retry needs none of it.
///
/// Ownership, threads, lifetime: as SocketStream; `shut_down` says goodbye (close_notify) first.
/// Memory:    an idle connection holds no record buffers (measured: docs/adr/0008).
/// Source:    rule **TLS**; RFC 8446 section 6.1.
/// Invariant: `stalled_bytes_` is the plaintext length of the record that is inside OpenSSL.
namespace firehose::net {

/// Handshakes cost a signature: a loop does at most so many steps of them a turn.
class HandshakeGate {
public:
    HandshakeGate(const EventLoop& loop, std::size_t per_turn) noexcept
        : loop_(loop), per_turn_(per_turn) {}

    /// False: not in this turn any more.
    [[nodiscard]] bool take() noexcept;
    /// For a reload.
    void set_per_turn(std::size_t per_turn) noexcept { per_turn_ = per_turn; }

private:
    const EventLoop& loop_;
    std::size_t per_turn_;
    std::uint64_t turn_ = 0;
    std::size_t taken_ = 0;
};

class TlsStream final : public SocketStream {
public:
    static constexpr std::size_t kRecordBytes = 16 * 1024;

    /// `unread` was read from the socket already. `gate` outlives the handshake.
    TlsStream(EventLoop& loop, FileDescriptor socket, std::string peer_address,
              const TlsContext& context, HandshakeGate& gate, ByteBuffer unread = {});
    ~TlsStream() override;

    [[nodiscard]] std::size_t write(std::span<const ByteSpan> parts) override;
    void set_reading(bool enabled) override;
    void shut_down() override;

    // Once the handshake is done.
    [[nodiscard]] Alpn alpn() const;
    /// "TLSv1.3 TLS_AES_256_GCM_SHA384", for logs.
    [[nodiscard]] std::string protocol() const;
    /// Whether the client showed one; it was verified then.
    [[nodiscard]] bool has_peer_certificate() const;
    /// nullopt: there is none, or it is not text.
    [[nodiscard]] std::optional<std::string> peer_common_name() const;
    [[nodiscard]] std::optional<std::string> peer_subject() const;

private:
    friend class SocketStream;
    /// What OpenSSL reads and writes by: the socket, after what was read from it already.
    struct Wire {
        int socket = -1;
        ByteBuffer unread;
        std::size_t unread_at = 0;
        bool is_at_end = false;
    };
    struct Free {
        void operator()(SSL* ssl) const noexcept;
    };
    static const BIO_METHOD* wire_method();
    static int read_wire(BIO* bio, char* to, int size);
    static int write_wire(BIO* bio, const char* from, int size);
    static long control_wire(BIO* bio, int command, long number, void* pointer);

    void on_events(std::uint32_t events) override { dispatch(*this, events); }
    void on_room();
    void on_input(std::uint32_t events);
    void handshake();
    void on_established();
    /// False: the socket is full, or the stream failed.
    [[nodiscard]] bool write_record(ByteSpan record, std::size_t& taken);
    [[nodiscard]] bool finish_record();
    void say_goodbye();
    /// What ended reading: empty if only the socket has nothing now.
    [[nodiscard]] std::string why_no_input(int result);

    std::unique_ptr<SSL, Free> ssl_;
    HandshakeGate& gate_;
    Wire wire_;
    std::size_t record_bytes_ = kRecordBytes;
    std::size_t stalled_bytes_ = 0;
    bool owes_writable_ = false;    // A write was short.
    bool read_wants_room_ = false;  // OpenSSL has to write before it can read.
};

}  // namespace firehose::net
