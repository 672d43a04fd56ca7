// SPDX-License-Identifier: Apache-2.0
#include "net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace firehose::net {
namespace {

/// One for all streams of a thread: small parts become one record here.
thread_local std::array<std::byte, TlsStream::kRecordBytes> t_record;

int as_int(std::size_t size) {
    return static_cast<int>(size);
}

/// Text of a name's entry in UTF-8; nullopt if it has none, or a NUL inside.
std::optional<std::string> to_utf8(const ASN1_STRING* text) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, text);
    if (size < 0) return std::nullopt;
    std::string copy{reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)};
    OPENSSL_free(utf8);
    if (copy.empty() || copy.find('\0') != std::string::npos) return std::nullopt;
    return copy;
}

}  // namespace

bool HandshakeGate::take() noexcept {
    if (std::exchange(turn_, loop_.turns()) != loop_.turns()) taken_ = 0;
    return taken_++ < per_turn_;
}

// The way to the socket.

const BIO_METHOD* TlsStream::wire_method() {
    static const BIO_METHOD* const kMethod = [] {
        BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "firehose");
        FH_ASSERT(method != nullptr);
        BIO_meth_set_read(method, &TlsStream::read_wire);
        BIO_meth_set_write(method, &TlsStream::write_wire);
        BIO_meth_set_ctrl(method, &TlsStream::control_wire);
        return method;
    }();
    return kMethod;
}

int TlsStream::read_wire(BIO* bio, char* to, int size) {
    Wire& wire = *static_cast<Wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (wire.unread_at < wire.unread.size()) {
        const std::size_t count =
            std::min(static_cast<std::size_t>(size), wire.unread.size() - wire.unread_at);
        std::copy_n(wire.unread.begin() + static_cast<std::ptrdiff_t>(wire.unread_at), count,
                    reinterpret_cast<std::byte*>(to));
        wire.unread_at += count;
        if (wire.unread_at == wire.unread.size()) wire.unread = {};
        if (wire.unread.empty()) wire.unread_at = 0;
        return as_int(count);
    }
    const ssize_t received = ::recv(wire.socket, to, static_cast<std::size_t>(size), 0);
    if (received < 0 && is_would_block(errno)) BIO_set_retry_read(bio);
    wire.is_at_end = received == 0;
    return static_cast<int>(received);
}

int TlsStream::write_wire(BIO* bio, const char* from, int size) {
    const Wire& wire = *static_cast<Wire*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(wire.socket, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && is_would_block(errno)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

long TlsStream::control_wire(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return static_cast<Wire*>(BIO_get_data(bio))->is_at_end ? 1 : 0;
    return 0;
}

void TlsStream::Free::operator()(SSL* ssl) const noexcept {
    SSL_free(ssl);
}

// The stream.

TlsStream::TlsStream(EventLoop& loop, FileDescriptor socket, std::string peer_address,
                     const TlsContext& context, HandshakeGate& gate, ByteBuffer unread)
    : SocketStream(loop, std::move(socket), std::move(peer_address), State::handshaking),
      ssl_(context.make_server()),
      gate_(gate),
      wire_{.socket = socket_.get(), .unread = std::move(unread)} {
    BIO* const bio = ssl_ == nullptr ? nullptr : BIO_new(wire_method());
    if (bio == nullptr) {
        fail_soon("no memory for TLS");
        return;
    }
    BIO_set_data(bio, &wire_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    if (!wire_.unread.empty()) loop_->mark_ready(id_, EPOLLIN);
}

TlsStream::~TlsStream() = default;

void TlsStream::handshake() {
    if (!gate_.take()) return loop_->mark_ready(id_, EPOLLIN);
    ERR_clear_error();
    const int result = SSL_accept(ssl_.get());
    if (result == 1) return on_established();
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        awaits_room_ = error == SSL_ERROR_WANT_WRITE;
        return update_events();
    }
    if (error == SSL_ERROR_SSL) return close("TLS handshake failed: " + take_tls_error());
    close("the peer closed the connection during the TLS handshake");
}

void TlsStream::on_established() {
    state_ = State::open;
    awaits_room_ = false;
    // A client with little memory may have asked for small records (RFC 6066, section 4).
    const auto code = SSL_SESSION_get_max_fragment_length(SSL_get_session(ssl_.get()));
    if (code != TLSEXT_max_fragment_length_DISABLED) record_bytes_ = 256U << code;
    // It may have sent more than its part of the handshake.
    if (SSL_has_pending(ssl_.get()) == 1 || !wire_.unread.empty()) {
        loop_->mark_ready(id_, EPOLLIN);
    }
    update_events();
    handler_->on_writable();
}

std::size_t TlsStream::write(std::span<const ByteSpan> parts) {
    if (state_ != State::open || awaits_room_) {
        owes_writable_ = true;
        return 0;
    }
    std::size_t taken = 0;
    std::size_t buffered = 0;  // In t_record.
    for (ByteSpan part : parts) {
        while (!part.empty()) {
            if (buffered == 0 && part.size() >= record_bytes_) {
                if (!write_record(part.first(record_bytes_), taken)) return taken;
                part = part.subspan(record_bytes_);
                continue;
            }
            const ByteSpan fits = part.first(std::min(part.size(), record_bytes_ - buffered));
            std::copy(fits.begin(), fits.end(), t_record.begin() + as_int(buffered));
            buffered += fits.size();
            part = part.subspan(fits.size());
            if (buffered < record_bytes_) continue;
            if (!write_record(ByteSpan{t_record}.first(buffered), taken)) return taken;
            buffered = 0;
        }
    }
    if (buffered > 0) std::ignore = write_record(ByteSpan{t_record}.first(buffered), taken);
    return taken;
}

bool TlsStream::write_record(ByteSpan record, std::size_t& taken) {
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), record.data(), as_int(record.size()));
    if (result > 0) {
        const auto written = static_cast<std::size_t>(result);
        taken += written;
        // One record goes whole or not at all; should it not be one, the rest follows.
        return written == record.size() || write_record(record.subspan(written), taken);
    }
    if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_WRITE) {
        fail_soon("write failed: " + take_tls_error());
        return false;
    }
    // In the middle of a message of TLS's own (a key update) the record was not looked at yet.
    if (SSL_in_init(ssl_.get()) == 0) {
        stalled_bytes_ = record.size();
        taken += record.size();
    }
    awaits_room_ = true;
    owes_writable_ = true;  // There may be more parts; a call too many does no harm.
    update_events();
    return false;
}

/// The record that is inside goes on its way: OpenSSL looks at the length only.
bool TlsStream::finish_record() {
    if (stalled_bytes_ == 0) return true;
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), t_record.data(), as_int(stalled_bytes_));
    if (result > 0) {
        stalled_bytes_ = 0;
        return true;
    }
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE) return false;
    fail_soon("write failed: " + take_tls_error());
    return false;
}

void TlsStream::on_room() {
    if (state_ == State::handshaking) return handshake();
    if (!awaits_room_ || !finish_record()) return;
    awaits_room_ = false;
    if (state_ == State::lingering) {
        say_goodbye();
        ::shutdown(socket_.get(), SHUT_WR);
        return update_events();
    }
    if (std::exchange(read_wants_room_, false)) loop_->mark_ready(id_, EPOLLIN);
    update_events();
    if (std::exchange(owes_writable_, false)) handler_->on_writable();
}

void TlsStream::on_input(std::uint32_t events) {
    if (state_ == State::handshaking) return handshake();
    EventLoop& loop = *loop_;
    const SourceId id = id_;
    const std::span<std::byte> buffer = loop.read_buffer();
    std::size_t filled = 0;
    std::string end;
    while (filled < buffer.size()) {
        ERR_clear_error();
        const int result =
            SSL_read(ssl_.get(), buffer.data() + filled, as_int(buffer.size() - filled));
        if (result <= 0) {
            end = why_no_input(result);
            break;
        }
        filled += static_cast<std::size_t>(result);
    }
    if (filled == buffer.size() && SSL_has_pending(ssl_.get()) == 1) loop.mark_ready(id, EPOLLIN);
    if (filled > 0) handler_->on_bytes(buffer.first(filled));
    if (!loop.is_registered(id)) return;
    if (!end.empty()) return close(end);
    // Neither bytes nor an error, yet the loop reports one: it could not watch the socket.
    if (filled == 0 && (events & EPOLLERR) != 0) {
        close("connection dropped: the kernel cannot watch it");
    }
}

std::string TlsStream::why_no_input(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
            return {};
        case SSL_ERROR_WANT_WRITE:
            read_wants_room_ = true;
            awaits_room_ = true;
            update_events();
            return {};
        case SSL_ERROR_ZERO_RETURN:
            return "the peer closed the connection";
        case SSL_ERROR_SSL:
            return "TLS failed: " + take_tls_error();
        default:
            return "connection lost: " + last_error().message();
    }
}

void TlsStream::set_reading(bool enabled) {
    SocketStream::set_reading(enabled);
    const bool may_hold = enabled && loop_ != nullptr && state_ == State::open;
    if (may_hold && SSL_has_pending(ssl_.get()) == 1) loop_->mark_ready(id_, EPOLLIN);
}

void TlsStream::shut_down() {
    if (state_ == State::handshaking) return linger(true);
    if (state_ != State::open) return;
    if (stalled_bytes_ == 0) say_goodbye();
    linger(stalled_bytes_ == 0);
}

void TlsStream::say_goodbye() {
    ERR_clear_error();
    std::ignore = SSL_shutdown(ssl_.get());  // What the socket does not take now is lost.
}

Alpn TlsStream::alpn() const {
    const unsigned char* name = nullptr;
    unsigned int size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    if (size == 0) return Alpn::none;
    return size == 4 ? Alpn::mqtt : Alpn::http;  // Of what we offer.
}

std::string TlsStream::protocol() const {
    return std::string{SSL_get_version(ssl_.get())} + " " + SSL_get_cipher_name(ssl_.get());
}

bool TlsStream::has_peer_certificate() const {
    return SSL_get0_peer_certificate(ssl_.get()) != nullptr;
}

std::optional<std::string> TlsStream::peer_common_name() const {
    const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return std::nullopt;
    const X509_NAME* const subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) return std::nullopt;
    return to_utf8(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

std::optional<std::string> TlsStream::peer_subject() const {
    const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return std::nullopt;
    BIO* const out = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out, &text);
    std::string subject{text, static_cast<std::size_t>(std::max(size, 0L))};
    BIO_free(out);
    return subject;
}

}  // namespace firehose::net
