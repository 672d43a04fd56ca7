// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "config/settings.h"

/// The table of options: one row is everything that is known about a key.
///
/// The parser, the range checks, `--help-config`, docs/configuration.md and deploy/firehose.toml
/// are all made from it. A row names the field of Settings that it fills, and the field's type is
/// checked against the row's by a test; adding an option is adding a row and a field.
///
/// Lifetime: the tables are constants. Threads: any.
/// Invariant: keys are unique, sorted by section; each default lies in its own range (tested).
namespace firehose::config {

// The types of values. What a file writes for each: docs/configuration.md.
struct Bool {};
struct Count {};
struct Bytes {};
struct Duration {};
struct Text {};
struct Path {};
struct Choice {
    std::span<const std::string_view> words;  // In the order of the field's enumerators.
    std::string_view later = {};              // A word that a later release will understand.
};
struct ListOfText {};
struct ListOfEndpoints {};
using Type =
    std::variant<Bool, Count, Bytes, Duration, Text, Path, Choice, ListOfText, ListOfEndpoints>;

/// A default. Made from what a row writes naturally: true, 256, 10s, "text", a list of texts.
class Value {
public:
    struct Required {};
    using List = std::span<const std::string_view>;

    constexpr Value(Required) : held(Required{}) {}
    constexpr Value(bool flag) : held(flag) {}
    template <std::integral T>
    requires(!std::same_as<T, bool>) constexpr Value(T number)
        : held(static_cast<std::uint64_t>(number)) {}
    template <class Rep, class Period>
    constexpr Value(std::chrono::duration<Rep, Period> time) : held(Microseconds{time}) {}
    constexpr Value(const char* text) : held(std::string_view{text}) {}
    constexpr Value(List list) : held(list) {}
    template <std::size_t Count>
    constexpr Value(const std::string_view (&list)[Count]) : held(List{list}) {}

    std::variant<Required, bool, std::uint64_t, Microseconds, std::string_view, List> held;
};
inline constexpr Value::Required kRequired{};

/// One end of a range: a number (count, bytes, length of a list) or a duration, in microseconds.
struct Bound {
    template <std::integral T>
    constexpr Bound(T limit) : number(static_cast<std::uint64_t>(limit)) {}
    template <class Rep, class Period>
    constexpr Bound(std::chrono::duration<Rep, Period> time)
        : number(static_cast<std::uint64_t>(Microseconds{time}.count())) {}

    std::uint64_t number;
};

/// Whether a reload takes it over, or only a restart.
enum class Reload : std::uint8_t { live, restart };

/// The field of Settings (or of a GerritSource) that a row fills. Enumerations are bytes.
using Slot = std::variant<bool*, std::uint64_t*, Microseconds*, std::string*, unsigned char*,
                          std::vector<std::string>*, std::vector<Endpoint>*>;

struct Option {
    std::string_view key;
    Type type;
    Value value;
    Bound min = 0;
    Bound max = 0;
    Reload reload = Reload::restart;
    Slot (*field)(void* owner);
    /// What is wrong with a text, or with one text of a list; empty if nothing is.
    std::string (*check)(std::string_view text) = nullptr;
    std::string_view doc;
    std::string_view example = {};  // In TOML; empty: the default is one.
};

/// An array of tables: `[[key]]` once for each.
struct TableList {
    std::string_view key;
    std::string_view doc;
    std::uint64_t count_max;
    std::span<const Option> options;
    void* (*append)(void* owner);  // Adds one, with defaults, and returns it.
    /// The one at `index`; null past the last.
    void* (*at)(void* owner, std::size_t index);
    /// Lists in each of them: their keys begin with this one's.
    std::span<const TableList> inner = {};
    /// What is wrong with one as a whole; empty if nothing is.
    std::string (*check)(const void* one) = nullptr;
};

/// A group of keys with the same first part, and what it is about.
struct Section {
    std::string_view name;  // "" for keys without a dot.
    std::string_view doc;
};

[[nodiscard]] std::span<const Option> options();
[[nodiscard]] std::span<const TableList> table_lists();
[[nodiscard]] std::span<const Section> sections();

/// Fills the fields of `owner` (what the rows' `field` takes) with the rows' defaults.
void set_defaults(std::span<const Option> rows, void* owner);

/// The word's place, which is its enumerator; nullopt if it is none of them.
[[nodiscard]] std::optional<unsigned char> index_of(const Choice& choice, std::string_view word);

/// The part before the first dot; "" if there is none.
[[nodiscard]] std::string_view section_of(std::string_view key);

}  // namespace firehose::config
