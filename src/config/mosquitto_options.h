// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The table of mosquitto's options: one row is everything that is known about a name.
///
/// The reader (mosquitto_conf.h) and docs/mosquitto.md are both made from it, so that no option of
/// mosquitto.conf(5), 2.0 and 2.1, is unknown, and none is taken in silence without an effect.
/// Lifetime: the tables are constants. Threads: any.
/// Invariant: names are unique; a row that is taken has a `take` (tested).
/// Source:   mosquitto.conf(5) of mosquitto 2.0.11 and 2.1.
namespace firehose::config {

struct MosquittoDraft;

/// Where in the file an option may stand, and what it is about.
enum class MosquittoScope : std::uint8_t {
    global,
    listener,  // The `listener` above it; before the first, the one that `port` opens.
    security,  // All listeners, or with `per_listener_settings true` the one above it.
    bridge,
    plugin,
};

enum class MosquittoFate : std::uint8_t { taken, noted, refused };

// What a value looks like.
struct MosquittoFlag {};
/// mosquitto takes any number that fits an int; what is outside of min to max is refused.
struct MosquittoNumber {
    std::int64_t min = std::numeric_limits<std::int32_t>::min();
    std::int64_t max = std::numeric_limits<std::int32_t>::max();
};
struct MosquittoText {
    bool is_once = false;  // A second one is refused; else the last one counts.
};
/// The first word after the name is one of these.
struct MosquittoWords {
    std::span<const std::string_view> words;
};
/// mosquitto no longer reads a value either.
struct MosquittoAnything {};
using MosquittoKind =
    std::variant<MosquittoFlag, MosquittoNumber, MosquittoText, MosquittoWords, MosquittoAnything>;

/// A value as its row's kind reads it.
struct MosquittoGiven {
    std::string_view text;  // All after the name, without blanks around it.
    std::string_view word;  // The first word of it.
    std::string_view rest;  // What follows the first word.
    std::int64_t number = 0;
    bool flag = false;
};

struct MosquittoOption {
    std::string_view name;  // Ends in `_` where any continuation is meant (`plugin_opt_`).
    MosquittoScope scope = MosquittoScope::global;
    MosquittoKind kind = MosquittoText{};
    MosquittoFate fate = MosquittoFate::taken;
    void (*take)(MosquittoDraft& draft, const MosquittoGiven& given) = nullptr;
    /// Taken: what it sets. Noted: what holds instead. Refused: why.
    std::string_view doc;
};

/// Every option but those of bridges and plugins.
[[nodiscard]] std::span<const MosquittoOption> mosquitto_broker_options();
/// Those, and pre-shared keys: they come with a later release.
[[nodiscard]] std::span<const MosquittoOption> mosquitto_later_options();

/// Null: there is none of that name.
[[nodiscard]] const MosquittoOption* find_mosquitto_option(std::string_view name);
[[nodiscard]] std::vector<std::string> mosquitto_option_names();

/// What a file may write: "true or false", "0 to 65535".
[[nodiscard]] std::string allowed_text(const MosquittoKind& kind);
/// docs/mosquitto.md.
[[nodiscard]] std::string mosquitto_md();

}  // namespace firehose::config
