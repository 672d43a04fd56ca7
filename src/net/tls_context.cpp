// SPDX-License-Identifier: Apache-2.0
#include "net/tls_context.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <system_error>

namespace firehose::net {
namespace {

struct Free {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

/// Protocols as ALPN writes them, each after its length: by (offers MQTT) + 2 * (offers HTTP).
constexpr std::string_view kAlpnOffers[] = {"", "\x04mqtt", "\x08http/1.1", "\x04mqtt\x08http/1.1"};

/// Nobody is at the terminal of a daemon: an encrypted key is an error.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

Failure<std::string> failed(const std::string& file, const std::string& remedy) {
    return Failure{file + ": " + take_tls_error() + "; " + remedy};
}

/// Whether OpenSSL may read it: said by ourselves, as OpenSSL's words do not tell it from a file
/// with the wrong contents.
bool is_readable(const std::string& file) {
    const std::unique_ptr<BIO, Free> bio{BIO_new_file(file.c_str(), "r")};
    return bio != nullptr;
}

Result<void, std::string> read_certificate(SSL_CTX* context,
                                           const TlsOptions::Certificate& certificate) {
    const std::string& cert = certificate.cert_file;
    const std::string& key = certificate.key_file;
    for (const std::string& file : {cert, key}) {
        if (!is_readable(file)) {
            return failed(file, "does it exist, and may this user read it?");
        }
    }
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1) {
        return failed(cert,
                      "it must be PEM: the server's certificate first, then those that signed it");
    }
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return failed(key,
                      "it must be the private key of " + cert +
                          " in PEM, without a passphrase (`openssl pkey -in KEY -out PLAIN` takes "
                          "one off)");
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return failed(key, "it is not the key of " + cert);
    }
    return {};
}

/// A folder without a single hashed name would verify nobody, silently.
bool has_hashed_file(const std::string& folder) {
    const std::unique_ptr<DIR, Free> open{::opendir(folder.c_str())};
    if (open == nullptr) return false;
    while (const dirent* entry = ::readdir(open.get())) {
        const std::string_view name{entry->d_name};
        if (name.size() >= 10 && name[8] == '.' &&
            name.find_first_not_of("0123456789abcdef") == 8) {
            return true;
        }
    }
    return false;
}

Result<void, std::string> read_authorities(SSL_CTX* context, const TlsOptions& options) {
    if (!options.ca_file.empty()) {
        if (!is_readable(options.ca_file)) {
            return failed(options.ca_file, "does it exist, and may this user read it?");
        }
        if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1) {
            return failed(options.ca_file,
                          "it must hold the certificates, in PEM, of those who sign clients'");
        }
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.ca_file.c_str()));
    }
    if (!options.ca_path.empty()) {
        if (!has_hashed_file(options.ca_path)) {
            return Failure{options.ca_path +
                           ": holds no certificate by its hash; is it a folder that this user may "
                           "read? Run `openssl rehash " +
                           options.ca_path + "`"};
        }
        if (SSL_CTX_load_verify_dir(context, options.ca_path.c_str()) != 1) {
            return failed(options.ca_path, "is it a folder that this user may read?");
        }
    }
    if (options.crl_file.empty()) return {};
    X509_STORE* store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == nullptr ||
        X509_load_crl_file(lookup, options.crl_file.c_str(), X509_FILETYPE_PEM) < 1) {
        return failed(options.crl_file,
                      "it must hold the authority's list of revoked certificates, in PEM");
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return {};
}

/// RFC 7301: ours is the order. Whoever offers nothing that we speak goes on without: old clients
/// offer what they please.
int choose_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void* argument) {
    const std::string_view offer = *static_cast<const std::string_view*>(argument);
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(
            &chosen, out_size, reinterpret_cast<const unsigned char*>(offer.data()),
            static_cast<unsigned int>(offer.size()), in, in_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

Result<void, std::string> set_ciphers(SSL_CTX* context, const TlsOptions& options) {
    if (!options.ciphers.empty() &&
        SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1) {
        return failed("ciphers \"" + options.ciphers + "\"", "`openssl ciphers` lists them");
    }
    if (!options.ciphersuites.empty() &&
        SSL_CTX_set_ciphersuites(context, options.ciphersuites.c_str()) != 1) {
        return failed("ciphersuites \"" + options.ciphersuites + "\"",
                      "`openssl ciphers -tls1_3 -s` lists them");
    }
    return {};
}

/// What every connection gets, whatever its certificate.
void set_options(SSL_CTX* context, const TlsOptions& options) {
    SSL_CTX_set_min_proto_version(
        context, options.min_version == TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Rule **TLS**: an idle connection owns no buffers; a record's rest may come from anywhere.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    // Sessions are resumed by tickets, which cost the server no memory.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    static constexpr std::string_view kSessionContext = "firehose";
    SSL_CTX_set_session_id_context(context,
                                   reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                   static_cast<unsigned int>(kSessionContext.size()));
    SSL_CTX_set_default_passwd_cb(context, &no_passphrase);
    const std::string_view& offer =
        kAlpnOffers[(options.offers_mqtt ? 1U : 0U) + (options.offers_http ? 2U : 0U)];
    if (offer.empty()) return;
    SSL_CTX_set_alpn_select_cb(context, &choose_alpn, const_cast<std::string_view*>(&offer));
}

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const noexcept {
    SSL_CTX_free(context);
}

Result<TlsContext::Context, std::string> TlsContext::make(
    const TlsOptions& options, const TlsOptions::Certificate& certificate) {
    Context made{SSL_CTX_new(TLS_server_method())};
    SSL_CTX* const context = made.get();
    if (context == nullptr) return Failure{"TLS: " + take_tls_error()};
    set_options(context, options);
    if (auto read = read_certificate(context, certificate); !read) return Failure{read.error()};
    if (auto set = set_ciphers(context, options); !set) return Failure{set.error()};
    const bool verifies = !options.ca_file.empty() || !options.ca_path.empty();
    if (!verifies && (options.requires_certificate || !options.crl_file.empty())) {
        return Failure{std::string{
            "require_certificate and crl_file need ca_file or ca_path: who signs the clients' "
            "certificates"}};
    }
    if (!verifies) return made;
    if (auto read = read_authorities(context, options); !read) return Failure{read.error()};
    const int required = options.requires_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
    return made;
}

Result<TlsContext, std::string> TlsContext::load(const TlsOptions& options) {
    auto first = make(options, options.certificate);
    if (!first) return Failure{first.error()};
    if (options.more.empty()) return TlsContext{std::move(*first)};
    using Others = std::vector<Context>;
    auto others = std::make_unique<Others>();
    for (const TlsOptions::Certificate& certificate : options.more) {
        auto other = make(options, certificate);
        if (!other) return Failure{other.error()};
        others->push_back(std::move(*other));
    }
    // Freed with the context, so that handshakes which a reload overtakes still find them.
    static const int kOthersIndex = SSL_CTX_get_ex_new_index(
        0, nullptr, nullptr, nullptr, [](void*, void* held, CRYPTO_EX_DATA*, int, long, void*) {
            delete static_cast<Others*>(held);
        });
    SSL_CTX_set_ex_data(first->get(), kOthersIndex, others.release());
    const auto on_server_name = [](SSL* ssl, int*, void*) -> int {
        const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
        const auto covers = [name](SSL_CTX* context) {
            return X509_check_host(SSL_CTX_get0_certificate(context), name, 0, 0, nullptr) == 1;
        };
        SSL_CTX* const standard = SSL_get_SSL_CTX(ssl);
        if (covers(standard)) return SSL_TLSEXT_ERR_OK;
        for (const Context& other :
             *static_cast<Others*>(SSL_CTX_get_ex_data(standard, kOthersIndex))) {
            if (!covers(other.get())) continue;
            SSL_set_SSL_CTX(ssl, other.get());
            break;
        }
        return SSL_TLSEXT_ERR_OK;  // Nobody's name: the default one; the client judges it.
    };
    SSL_CTX_set_tlsext_servername_callback(first->get(), +on_server_name);
    return TlsContext{std::move(*first)};
}

TlsContext TlsContext::share() const {
    SSL_CTX_up_ref(context_.get());
    return TlsContext{Context{context_.get()}};
}

SSL* TlsContext::make_server() const {
    return SSL_new(context_.get());
}

std::string take_tls_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "no reason given";
    if (ERR_SYSTEM_ERROR(code)) {
        return std::error_code{static_cast<int>(ERR_GET_REASON(code)), std::system_category()}
            .message();
    }
    const char* reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

}  // namespace firehose::net
