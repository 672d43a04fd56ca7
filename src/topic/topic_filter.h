// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

/// Topic filters: what a subscription asks for, and which names it matches.
///
/// `matches` is the reference: the index and the caches must agree with it (topic_match_fuzz).
/// Threads: pure functions; returned views point into the argument.
/// Cost:    one pass over filter and name, no allocation, no recursion.
/// Source:  MQTT 5.0 sections 4.7 and 4.8.2; 3.1.1 section 4.7.
namespace firehose::topic {

/// 1 to 65,535 bytes; `#` alone in the last level, `+` alone in its level, no U+0000.
/// A shared subscription's filter passes as well: ask `is_shared` first.
[[nodiscard]] bool is_valid_filter(std::string_view filter) noexcept;

/// Has a `+` or `#`. Only for valid filters.
[[nodiscard]] bool has_wildcard(std::string_view filter) noexcept;

/// Whether a valid filter matches a valid name. A filter that begins with a wildcard does not
/// match a name that begins with `$`. [MQTT-4.7.2-1]
[[nodiscard]] bool matches(std::string_view filter, std::string_view name) noexcept;

/// What every name that a valid filter matches begins with: "a/b" for `a/b/#` (which matches
/// `a/b` too), "a/b/" for `a/b/+`, the whole filter where it has no wildcard.
[[nodiscard]] std::string_view literal_prefix(std::string_view filter) noexcept;

struct SharedFilter {
    std::string_view group;
    std::string_view filter;

    friend bool operator==(const SharedFilter&, const SharedFilter&) = default;
};

/// Is `$share` or begins with `$share/`: it asks for a shared subscription, perhaps wrongly.
[[nodiscard]] bool is_shared(std::string_view filter) noexcept;

/// The parts of `$share/<group>/<filter>`: a group of at least one character without `/`, `+`
/// and `#` [MQTT-4.8.2-1] [MQTT-4.8.2-2], then a valid filter; else nothing, and the
/// SUBSCRIBE is answered with 0x8F.
[[nodiscard]] std::optional<SharedFilter> parse_shared(std::string_view filter) noexcept;

/// Whether the filter has nothing but wildcards and ends in `#`: with few exceptions it matches all
/// that there is.
[[nodiscard]] bool is_wildcard_all(std::string_view filter) noexcept;

}  // namespace firehose::topic
