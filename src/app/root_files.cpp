// SPDX-License-Identifier: Apache-2.0
#include "app/root_files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace firehose::app {
namespace {

bool is_out_of_reach(const std::string& path) {
    return ::access(path.c_str(), R_OK) != 0 && errno == EACCES;
}

std::vector<std::string> tls_files(const config::Listener& listener) {
    const config::TlsSettings& tls = listener.tls;
    if (!tls.is_on()) return {};
    std::vector<std::string> files{tls.cert_file, tls.key_file, tls.ca_file, tls.crl_file};
    for (const auto& [cert_file, key_file] : tls.certificates) {
        files.push_back(cert_file);
        files.push_back(key_file);
    }
    std::erase(files, "");
    return files;
}

std::set<std::string> files_of(const std::vector<config::Listener>& listeners) {
    std::set<std::string> files;
    for (const config::Listener& listener : listeners) {
        files.insert({listener.password_file, listener.acl_file});
        for (std::string& file : tls_files(listener)) files.insert(std::move(file));
    }
    files.erase("");
    return files;
}

}  // namespace

RootFiles RootFiles::of(const std::vector<config::Listener>& listeners) {
    RootFiles found;
    found.paths_ = files_of(listeners);
    std::erase_if(found.paths_, [](const std::string& path) { return !is_out_of_reach(path); });
    return found;
}

bool RootFiles::keeps(const std::string& path) const {
    return paths_.contains(path) && is_out_of_reach(path);
}

bool RootFiles::keeps_tls(const config::Listener& listener) const {
    return std::ranges::any_of(tls_files(listener),
                               [this](const std::string& path) { return keeps(path); });
}

std::vector<std::string> RootFiles::kept(const std::vector<config::Listener>& listeners) const {
    std::vector<std::string> found;
    for (const std::string& path : files_of(listeners)) {
        if (keeps(path)) found.push_back(path);
    }
    return found;
}

}  // namespace firehose::app
