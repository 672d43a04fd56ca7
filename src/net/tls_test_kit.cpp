// SPDX-License-Identifier: Apache-2.0
#include "net/tls_test_kit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace firehose::net {
namespace {

constexpr long kDay = 86'400;

template <class Write>
void write_pem(const std::string& path, Write write) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr) << path;
    EXPECT_EQ(write(file), 1);
    std::fclose(file);
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    ASSERT_NE(extension, nullptr);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

void add_common_name(X509_NAME* name, const std::string& text) {
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<int>(text.size()), -1, 0);
}

/// Signed by `issuer`, or by itself.
Issued make(const std::string& folder, const std::string& common_name, long serial,
            const Issued* issuer, const std::string& dns) {
    Issued made;
    made.key.reset(EVP_EC_gen("P-256"));
    made.certificate.reset(X509_new());
    X509* const certificate = made.certificate.get();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(certificate), kDay);
    X509_set_pubkey(certificate, made.key.get());
    add_common_name(X509_get_subject_name(certificate), common_name);
    X509* const signer = issuer == nullptr ? certificate : issuer->certificate.get();
    X509_set_issuer_name(certificate, X509_get_subject_name(signer));
    if (issuer == nullptr) {
        add_extension(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
    } else if (!dns.empty()) {
        add_extension(certificate, signer, NID_subject_alt_name, "DNS:" + dns);
    }
    X509_sign(certificate, (issuer == nullptr ? made.key : issuer->key).get(), EVP_sha256());
    const std::string stem = folder + "/" + std::to_string(serial);
    made.cert_file = stem + ".pem";
    made.key_file = stem + ".key";
    write_pem(made.cert_file, [&](std::FILE* file) { return PEM_write_X509(file, certificate); });
    write_pem(made.key_file, [&](std::FILE* file) {
        return PEM_write_PrivateKey(file, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return made;
}

std::string temporary_folder() {
    std::string name = "/tmp/firehose-tls-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    return name;
}

}  // namespace

Authority::Authority(std::string name)
    : folder_(temporary_folder()), ca_(make(folder_, name, next_serial_++, nullptr, "")) {
    note(ca_);
}

Authority::~Authority() {
    for (const std::string& path : files_) ::unlink(path.c_str());
    ::rmdir(folder_.c_str());
}

Issued Authority::issue(const std::string& common_name, const std::string& dns) {
    Issued issued = make(folder_, common_name, next_serial_++, &ca_, dns);
    note(issued);
    return issued;
}

void Authority::note(const Issued& issued) {
    files_.insert(files_.end(), {issued.cert_file, issued.key_file});
}

std::string Authority::revoke(const Issued& revoked) {
    X509_CRL* const list = X509_CRL_new();
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(ca_.certificate.get()));
    ASN1_TIME* const when = X509_gmtime_adj(nullptr, -kDay);
    X509_CRL_set1_lastUpdate(list, when);
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked.certificate.get()));
    X509_REVOKED_set_revocationDate(entry, when);
    X509_CRL_add0_revoked(list, entry);
    ASN1_TIME* const next = X509_gmtime_adj(nullptr, kDay);
    X509_CRL_set1_nextUpdate(list, next);
    X509_CRL_sort(list);
    X509_CRL_sign(list, ca_.key.get(), EVP_sha256());
    const std::string path = folder_ + "/crl.pem";
    files_.push_back(path);
    write_pem(path, [&](std::FILE* file) { return PEM_write_X509_CRL(file, list); });
    ASN1_TIME_free(when);
    ASN1_TIME_free(next);
    X509_CRL_free(list);
    return path;
}

std::string Authority::file(const std::string& name, std::string_view text) {
    const std::string path = folder_ + "/" + name;
    files_.push_back(path);
    write_pem(path, [&](std::FILE* file) {
        return std::fwrite(text.data(), 1, text.size(), file) == text.size() ? 1 : 0;
    });
    return path;
}

TlsClient::TlsClient(FileDescriptor with, const Options& options)
    : socket(std::move(with)), context_(SSL_CTX_new(TLS_client_method())) {
    if (options.certificate != nullptr) {
        SSL_CTX_use_certificate(context_.get(), options.certificate->certificate.get());
        SSL_CTX_use_PrivateKey(context_.get(), options.certificate->key.get());
    }
    SSL_CTX_set_mode(context_.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (options.version_max != 0) {
        SSL_CTX_set_max_proto_version(context_.get(), options.version_max);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str());
    if (!options.alpn.empty()) {
        SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                            static_cast<unsigned int>(options.alpn.size()));
    }
    if (options.max_fragment_code != 0) {
        SSL_set_tlsext_max_fragment_length(ssl_.get(), options.max_fragment_code);
    }
    if (socket) {
        ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
        SSL_set_fd(ssl_.get(), socket.get());
    }
    SSL_set_connect_state(ssl_.get());
}

bool TlsClient::handshake() {
    return SSL_do_handshake(ssl_.get()) == 1;
}

void TlsClient::read() {
    std::array<char, 16 * 1024> buffer;
    int count = 0;
    while ((count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()))) > 0) {
        received.append(buffer.data(), static_cast<std::size_t>(count));
    }
    has_goodbye = SSL_get_error(ssl_.get(), count) == SSL_ERROR_ZERO_RETURN;
}

bool TlsClient::write(std::string_view text) {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
}

std::string TlsClient::server_common_name() const {
    const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    if (certificate == nullptr) return {};
    std::array<char, 100> text{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text.data(),
                              static_cast<int>(text.size()));
    return text.data();
}

}  // namespace firehose::net
