// SPDX-License-Identifier: Apache-2.0
#include "app/tls_settings.h"

namespace firehose::app {

Result<net::TlsContext, std::string> load_tls(const config::Listener& listener) {
    const config::TlsSettings& tls = listener.tls;
    net::TlsOptions options;
    const auto add = [&](const std::string& cert_file, const std::string& key_file) {
        if (options.certificate.cert_file.empty()) {
            options.certificate = {cert_file, key_file};
        } else {
            options.more.push_back({cert_file, key_file});
        }
    };
    if (!tls.cert_file.empty()) add(tls.cert_file, tls.key_file);
    for (const auto& [cert_file, key_file] : tls.certificates) add(cert_file, key_file);
    options.min_version = tls.min_version == config::TlsVersion::tls_1_3 ? net::TlsVersion::tls_1_3
                                                                         : net::TlsVersion::tls_1_2;
    options.ciphers = tls.ciphers;
    options.ciphersuites = tls.ciphersuites;
    options.ca_file = tls.ca_file;
    options.ca_path = tls.ca_path;
    options.crl_file = tls.crl_file;
    options.requires_certificate = tls.require_certificate;
    options.offers_mqtt =
        listener.speaks == config::Speaks::mqtt || listener.speaks == config::Speaks::any;
    options.offers_http = listener.speaks != config::Speaks::mqtt;
    return net::TlsContext::load(options);
}

}  // namespace firehose::app
