// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

/// One line of `gerrit stream-events`: where it goes, and what the deny rules must know about it.
///
/// Topic: `<base>/<project>/<type>`. The project is the first non-empty of `project`,
/// `change.project`, `refUpdate.project`, `projectName` and `refUpdates[0].project`, each a string
/// or `{"name": string}`; `_` when there is none. Its slashes make levels. Every empty level
/// becomes `_`, and so does each `+`, `#` and control character, and each `/` of the type. So the
/// topic is what germqtt published wherever that worked, and a valid name where it did not.
///
/// A line that breaks the rules is a bad line: the stream goes on with the next one.
/// Lifetime:  the payload is a view of the line, without its LF or CRLF: Gerrit's own bytes.
/// Threads:   none; pure. Cost: one parse of the line.
/// Invariant: a topic that is returned is a valid MQTT topic name of at most 65,535 bytes.
namespace firehose::source {

enum class BadLine : std::uint8_t {
    cut,           // JSON that ends too early.
    not_json,      // Empty lines too.
    invalid_utf8,  // Anywhere in the line.
    wrong_type,    // No object; `type` missing or no string; a project field of another type.
    too_deep,      // Nested more than kDepthMax levels.
    too_large,     // The record would be above `limits.packet_bytes_max`, or the topic too long.
    extra_data,    // Something follows the object, a second one for instance.
};
inline constexpr std::size_t kBadLineKinds = 7;

[[nodiscard]] std::string_view name(BadLine kind) noexcept;

/// Gerrit's deepest event has 8 levels.
inline constexpr std::size_t kDepthMax = 64;

/// What `source.deny` asks about.
struct DenyFacts {
    std::vector<std::string> projects;  // Every project that the event names.
    std::string type;
    bool is_private = false;  // The change is private.
    bool is_draft = false;    // A draft change or patch set of Gerrit 2.14 and before.
};

struct GerritEvent {
    std::string topic;
    std::string_view payload;
    std::optional<WallTime> origin_time;  // `eventCreatedOn`, when it is a number of seconds.
    DenyFacts facts;
};

struct GerritEventRules {
    std::string topic_base = "gerrit";  // A valid topic name.
    std::size_t packet_bytes_max = 2'000'000;
};

/// @param line  without or with its LF or CRLF.
[[nodiscard]] Result<GerritEvent, BadLine> read_gerrit_event(std::string_view line,
                                                             const GerritEventRules& rules);

}  // namespace firehose::source
