// SPDX-License-Identifier: Apache-2.0
#include "topic/topic_filter.h"

#include "topic/levels.h"
#include "topic/topic_name.h"

namespace firehose::topic {

namespace {

constexpr std::string_view kShare = "$share";

}  // namespace

bool is_valid_filter(std::string_view filter) noexcept {
    if (filter.empty() || filter.size() > kBytesMax) return false;  // [MQTT-4.7.3-1]
    if (filter.find('\0') != std::string_view::npos) return false;  // [MQTT-4.7.3-2]
    for (Levels levels{filter}; !levels.at_end(); levels.advance()) {
        const std::string_view level = levels.level();
        if (level.find_first_of("+#") == std::string_view::npos) continue;
        if (level.size() != 1) return false;                  // [MQTT-4.7.1-1] [MQTT-4.7.1-2]
        if (level == "#" && !levels.is_last()) return false;  // [MQTT-4.7.1-1]
    }
    return true;
}

bool has_wildcard(std::string_view filter) noexcept {
    return filter.find_first_of("+#") != std::string_view::npos;
}

bool matches(std::string_view filter, std::string_view name) noexcept {
    Levels wanted{filter};
    Levels given{name};
    // [MQTT-4.7.2-1]
    if (is_dollar(name) && (wanted.level() == "+" || wanted.level() == "#")) return false;
    for (; !wanted.at_end(); wanted.advance(), given.advance()) {
        if (wanted.level() == "#") return true;  // Also the level above: "a/#" matches "a".
        if (given.at_end()) return false;
        if (wanted.level() != "+" && wanted.level() != given.level()) return false;
    }
    return given.at_end();
}

std::string_view literal_prefix(std::string_view filter) noexcept {
    const std::size_t wildcard = filter.find_first_of("+#");
    if (wildcard == std::string_view::npos) return filter;
    // `#` stands for its parent too, so the separator before it is not in every match.
    const bool drops_separator = filter[wildcard] == '#' && wildcard > 0;
    return filter.substr(0, drops_separator ? wildcard - 1 : wildcard);
}

bool is_shared(std::string_view filter) noexcept {
    return filter.starts_with(kShare) &&
           (filter.size() == kShare.size() || filter[kShare.size()] == '/');
}

std::optional<SharedFilter> parse_shared(std::string_view filter) noexcept {
    if (!is_shared(filter) || filter.size() == kShare.size()) return std::nullopt;
    const std::string_view rest = filter.substr(kShare.size() + 1);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return std::nullopt;  // [MQTT-4.8.2-2]
    const SharedFilter shared{rest.substr(0, slash), rest.substr(slash + 1)};
    // [MQTT-4.8.2-1]
    if (shared.group.empty() || has_wildcard(shared.group)) return std::nullopt;
    if (shared.group.find('\0') != std::string_view::npos) return std::nullopt;
    if (!is_valid_filter(shared.filter)) return std::nullopt;
    return shared;
}

bool is_wildcard_all(std::string_view filter) noexcept {
    return filter.ends_with('#') && filter.find_first_not_of("+/#") == std::string_view::npos;
}

}  // namespace firehose::topic
