// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <set>

#include "app/tls_settings.h"
#include "bus/acl.h"
#include "config/files.h"
#include "config/password_file.h"

namespace firehose::cli {
namespace {

constexpr std::size_t kAclBytesMax = 16 * 1024 * 1024;

config::ConfigErrors acl_errors(const std::string& path) {
    const auto text = config::read_file(path, kAclBytesMax);
    if (!text) return {{path, 0, "", text.error(), ""}};
    const auto acl = bus::Acl::parse(*text);
    config::ConfigErrors errors;
    if (acl) return errors;
    for (const bus::AclError& error : acl.error()) {
        errors.push_back({path, error.line, "", error.problem, ""});
    }
    return errors;
}

}  // namespace

void print(const config::ConfigErrors& errors) {
    for (const config::ConfigError& error : errors) {
        std::fprintf(stderr, "%s\n", to_string(error).c_str());
    }
}

std::optional<config::ConfigFormat> config_format(std::string_view word) {
    if (word == "toml") return config::ConfigFormat::toml;
    if (word == "mosquitto") return config::ConfigFormat::mosquitto;
    return std::nullopt;
}

std::optional<config::LoadedConfig> read_config(const config::ConfigSource& source) {
    auto loaded = config::load_config(source);
    if (!loaded) {
        print(loaded.error());
        return std::nullopt;
    }
    for (const config::ConfigError& note : loaded->notes) {
        std::fprintf(stderr, "note: %s\n", to_string(note).c_str());
    }
    return *std::move(loaded);
}

bool files_are_good(const config::Settings& settings) {
    std::set<std::string> password_files{settings.auth.password_file};
    std::set<std::string> acl_files{settings.auth.acl_file};
    for (const config::Listener& listener : settings.all_listeners()) {
        password_files.insert(listener.password_file);
        acl_files.insert(listener.acl_file);
    }
    config::ConfigErrors errors;
    const auto add = [&](config::ConfigErrors more) {
        std::ranges::move(more, std::back_inserter(errors));
    };
    for (const std::string& path : password_files) {
        if (path.empty()) continue;
        if (const auto users = config::PasswordFile::load(path); !users) add(users.error());
    }
    for (const std::string& path : acl_files) {
        if (!path.empty()) add(acl_errors(path));
    }
    for (const config::Listener& listener : settings.all_listeners()) {
        if (!listener.tls.is_on()) continue;
        if (const auto tls = app::load_tls(listener); !tls) {
            add({{"listener " + listener.address(), 0, "", tls.error(), ""}});
        }
    }
    print(errors);
    return errors.empty();
}

}  // namespace firehose::cli
