// SPDX-License-Identifier: Apache-2.0
// Goal:   files of certificates are taken whole or refused with the file and the remedy; what they
//         say holds for clients (rule TLS).
// Method: certificates made on the spot, handshakes in memory between two sides of OpenSSL.
#include "net/tls_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <cstdio>

#include "net/tls_test_kit.h"

namespace firehose::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct TlsContexts : testing::Test {
    Authority authority;
    Issued server = authority.issue("server", "localhost");

    [[nodiscard]] std::string problem(const TlsOptions& options) {
        const auto loaded = TlsContext::load(options);
        return loaded ? "" : loaded.error();
    }
    /// The server's common name as the client sees it; or "refused: " and the server's reason.
    [[nodiscard]] std::string shake_hands(const TlsContext& context,
                                          const TlsClient::Options& options) {
        BIO* server_side = nullptr;
        BIO* client_side = nullptr;
        BIO_new_bio_pair(&server_side, 0, &client_side, 0);
        const std::unique_ptr<SSL, FreeTls> accepting{context.make_server()};
        TlsClient client{FileDescriptor{}, options};
        SSL_set_bio(accepting.get(), server_side, server_side);
        SSL_set_bio(client.ssl(), client_side, client_side);
        for (int i = 0; i < 10; ++i) {
            const bool is_client_done = client.handshake();
            const int result = SSL_accept(accepting.get());
            if (SSL_get_error(accepting.get(), result) == SSL_ERROR_SSL) {
                return "refused: " + take_tls_error();
            }
            if (is_client_done && result == 1) return client.server_common_name();
            std::ignore = take_tls_error();
        }
        return "refused by the client";
    }
};

TEST_F(TlsContexts, RefuseBadFilesWithTheirNameAndARemedy) {
    const Issued other = authority.issue("other", "other");
    const std::string empty = authority.file("empty", "");
    const std::string junk = authority.file("junk", "-----BEGIN CERTIFICATE-----\nQUJD\n");
    const std::string encrypted = authority.file("encrypted", "");
    std::FILE* out = std::fopen(encrypted.c_str(), "w");
    char pass[] = "secret";
    PEM_write_PrivateKey(out, server.key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr, pass);
    std::fclose(out);
    struct Row {
        TlsOptions options;
        std::string file;
        std::string remedy;
    };
    const auto with = [&](auto change) {
        TlsOptions options{.certificate = server.files()};
        change(options);
        return options;
    };
    const std::string missing = "/nowhere/cert.pem";
    for (const Row& row : {
             Row{with([&](auto& o) { o.certificate.cert_file = missing; }), missing, "exist"},
             Row{with([&](auto& o) { o.certificate.key_file = missing; }), missing, "exist"},
             Row{with([&](auto& o) { o.certificate.cert_file = junk; }), junk, "must be PEM"},
             Row{with([&](auto& o) { o.certificate.key_file = empty; }), empty, "private key of"},
             Row{with([&](auto& o) { o.certificate.key_file = other.key_file; }), other.key_file,
                 "mismatch"},
             Row{with([&](auto& o) { o.certificate.key_file = encrypted; }), encrypted,
                 "without a passphrase"},
             Row{with([&](auto& o) { o.ca_file = empty; }), empty, "who sign"},
             Row{with([&](auto& o) { o.ca_file = junk; }), junk, "who sign"},
             Row{with([&](auto& o) { o.ca_file = missing; }), missing, "exist"},
             Row{with([&](auto& o) { o.ca_path = "/nowhere"; }), "/nowhere", "openssl rehash"},
             Row{with([&](auto& o) {
                     o.ca_file = authority.ca_file();
                     o.crl_file = empty;
                 }),
                 empty, "revoked"},
             Row{with([&](auto& o) { o.requires_certificate = true; }), "require_certificate",
                 "ca_file or ca_path"},
             Row{with([&](auto& o) { o.ciphers = "NONE-SUCH"; }), "NONE-SUCH", "openssl ciphers"},
             Row{with([&](auto& o) { o.ciphersuites = "NONE"; }), "NONE", "-tls1_3"},
             Row{with([&](auto& o) {
                     o.more.push_back({junk, server.key_file});
                 }),
                 junk, "must be PEM"},
         }) {
        EXPECT_THAT(problem(row.options), AllOf(HasSubstr(row.file), HasSubstr(row.remedy)));
    }
}

TEST_F(TlsContexts, ShowTheCertificateThatTheClientAsksFor) {
    const Issued one = authority.issue("one", "one.example");
    const Issued any = authority.issue("any", "*.any.example");
    const auto context =
        TlsContext::load({.certificate = server.files(), .more = {one.files(), any.files()}});
    ASSERT_TRUE(context) << context.error();
    EXPECT_EQ(shake_hands(*context, {.server_name = "localhost"}), "server");
    EXPECT_EQ(shake_hands(*context, {.server_name = "one.example"}), "one");
    EXPECT_EQ(shake_hands(*context, {.server_name = "ONE.example"}), "one");
    EXPECT_EQ(shake_hands(*context, {.server_name = "x.any.example"}), "any");
    EXPECT_EQ(shake_hands(*context, {.server_name = "nobody.example"}), "server");
}

TEST_F(TlsContexts, AreReplacedUnderTheirConnections) {
    const Issued renewed = authority.issue("renewed", "localhost");
    auto context = TlsContext::load({.certificate = server.files(), .more = {server.files()}});
    ASSERT_TRUE(context);
    const std::unique_ptr<SSL, FreeTls> old{context->make_server()};
    *context = std::move(*TlsContext::load({.certificate = renewed.files()}));
    EXPECT_EQ(shake_hands(*context, {}), "renewed");
    // One that had begun ends with the certificate it began with.
    BIO* server_side = nullptr;
    BIO* client_side = nullptr;
    BIO_new_bio_pair(&server_side, 0, &client_side, 0);
    TlsClient client{FileDescriptor{}, {}};
    SSL_set_bio(old.get(), server_side, server_side);
    SSL_set_bio(client.ssl(), client_side, client_side);
    for (int i = 0; i < 4; ++i) {
        std::ignore = client.handshake();
        SSL_accept(old.get());
    }
    EXPECT_EQ(client.server_common_name(), "server");
}

TEST_F(TlsContexts, JudgeClientsByTheirCertificates) {
    Authority stranger{"Another authority"};
    const Issued good = authority.issue("good");
    const Issued revoked = authority.issue("revoked");
    const Issued foreign = stranger.issue("good");
    const auto context = TlsContext::load({.certificate = server.files(),
                                           .ca_file = authority.ca_file(),
                                           .crl_file = authority.revoke(revoked),
                                           .requires_certificate = true});
    ASSERT_TRUE(context) << context.error();
    EXPECT_EQ(shake_hands(*context, {.certificate = &good}), "server");
    EXPECT_EQ(shake_hands(*context, {.certificate = &revoked}),
              "refused: certificate verify failed");
    EXPECT_EQ(shake_hands(*context, {.certificate = &foreign}),
              "refused: certificate verify failed");
    EXPECT_EQ(shake_hands(*context, {}), "refused: peer did not return a certificate");
    const auto lax =
        TlsContext::load({.certificate = server.files(), .ca_file = authority.ca_file()});
    EXPECT_EQ(shake_hands(*lax, {}), "server");
    EXPECT_EQ(shake_hands(*lax, {.certificate = &foreign}), "refused: certificate verify failed");
}

TEST_F(TlsContexts, SpeakNothingOlderThanTheyAreTold) {
    const auto standard = TlsContext::load({.certificate = server.files()});
    const auto strict =
        TlsContext::load({.certificate = server.files(), .min_version = TlsVersion::tls_1_3});
    EXPECT_EQ(shake_hands(*standard, {.version_max = TLS1_2_VERSION}), "server");
    EXPECT_THAT(shake_hands(*standard, {.version_max = TLS1_1_VERSION}), HasSubstr("refused"));
    EXPECT_THAT(shake_hands(*strict, {.version_max = TLS1_2_VERSION}), HasSubstr("refused"));
}

}  // namespace
}  // namespace firehose::net
