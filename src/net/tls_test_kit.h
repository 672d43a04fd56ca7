// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/file_descriptor.h"
#include "net/tls_context.h"

/// For tests of TLS: certificates made on the spot, and a client that OpenSSL plays.
///
/// Lifetime: one test; the folder goes with it. Threads: one.
namespace firehose::net {

struct FreeTls {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

/// A certificate with its key, in files.
struct Issued {
    std::unique_ptr<EVP_PKEY, FreeTls> key;
    std::unique_ptr<X509, FreeTls> certificate;
    std::string cert_file;
    std::string key_file;

    [[nodiscard]] TlsOptions::Certificate files() const { return {cert_file, key_file}; }
};

/// An authority of its own in a folder of its own.
class Authority {
public:
    explicit Authority(std::string name = "Test authority");
    ~Authority();
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    /// `dns` names the server; a client's certificate has none.
    [[nodiscard]] Issued issue(const std::string& common_name, const std::string& dns = "");
    /// A list of revoked certificates that names this one.
    [[nodiscard]] std::string revoke(const Issued& revoked);
    [[nodiscard]] const std::string& ca_file() const noexcept { return ca_.cert_file; }
    /// A file in the folder with that text.
    [[nodiscard]] std::string file(const std::string& name, std::string_view text);

private:
    void note(const Issued& issued);

    std::string folder_;
    std::vector<std::string> files_;
    long next_serial_ = 1;
    Issued ca_;
};

/// The client's side, on a raw non-blocking socket.
class TlsClient {
public:
    struct Options {
        std::string server_name = "localhost";
        const Issued* certificate = nullptr;
        std::string alpn = {};  // As on the wire.
        unsigned char max_fragment_code = 0;
        int version_max = 0;
    };
    TlsClient(FileDescriptor socket, const Options& options);

    /// One step; true once it is done.
    [[nodiscard]] bool handshake();
    /// Appends what is there to `received`.
    void read();
    /// True if OpenSSL took it all.
    [[nodiscard]] bool write(std::string_view text);
    [[nodiscard]] SSL* ssl() noexcept { return ssl_.get(); }
    [[nodiscard]] std::string server_common_name() const;

    std::string received;
    bool has_goodbye = false;  // The server said that it closes.
    FileDescriptor socket;

private:
    std::unique_ptr<SSL_CTX, FreeTls> context_;
    std::unique_ptr<SSL, FreeTls> ssl_;
};

}  // namespace firehose::net
