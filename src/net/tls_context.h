// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// What a listener's TLS needs, read from files once: certificates, authorities, protocols.
///
/// Which certificate is shown depends on the name that the client asks for (SNI): the first whose
/// names cover it, else the default one.
/// A reload loads a second context and moves it over the first: connections keep what they began
/// with (OpenSSL counts references), new ones get the new.
/// Files are never trusted half: a file that cannot be read, that holds no certificate where one is
/// needed, or a key that does not fit is an error, and nobody is asked for a passphrase.
///
/// Lifetime: a value. Threads: one at a time. Cost: files are read in `load` only.
/// Source: rule **TLS**; RFC 8446, RFC 5246, RFC 6066 section 3 (SNI), RFC 7301 (ALPN).
namespace firehose::net {

enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

/// What is agreed on by ALPN.
enum class Alpn : std::uint8_t { none, mqtt, http };

struct TlsOptions {
    struct Certificate {
        std::string cert_file;  // PEM: the certificate, then its chain.
        std::string key_file;   // PEM, not encrypted.
    };
    Certificate certificate;
    std::vector<Certificate> more = {};  // For other names.
    TlsVersion min_version = TlsVersion::tls_1_2;
    std::string ciphers = {};       // For 1.2, in OpenSSL's words; empty: OpenSSL's choice.
    std::string ciphersuites = {};  // For 1.3, likewise.

    // Certificates of clients.
    std::string ca_file = {};  // PEM.
    std::string ca_path = {};  // A folder that `openssl rehash` has been through.
    std::string crl_file = {};
    /// Without one the handshake fails. Needs ca_file or ca_path.
    bool requires_certificate = false;

    // What is offered by ALPN.
    bool offers_mqtt = true;
    bool offers_http = false;
};

class TlsContext {
public:
    /// The error is a sentence that names the file and the remedy.
    [[nodiscard]] static Result<TlsContext, std::string> load(const TlsOptions& options);
    /// The same once more: both hold the keys as they were read.
    [[nodiscard]] TlsContext share() const;
    /// One more connection's server side; null when memory is short.
    [[nodiscard]] SSL* make_server() const;

private:
    struct Free {
        void operator()(SSL_CTX* context) const noexcept;
    };
    using Context = std::unique_ptr<SSL_CTX, Free>;

    explicit TlsContext(Context context) : context_(std::move(context)) {}
    [[nodiscard]] static Result<Context, std::string> make(
        const TlsOptions& options, const TlsOptions::Certificate& certificate);

    Context context_;  // Of the default certificate; it owns those of the others.
};

/// The oldest error of OpenSSL's queue in words, which is emptied.
[[nodiscard]] std::string take_tls_error();

}  // namespace firehose::net
