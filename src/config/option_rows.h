// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "config/options.h"

/// What rows of the tables are written with: sizes, and the way to a field.
///
/// Only for the sources that hold tables. Lifetime: constants. Threads: any.
namespace firehose::config {

constexpr std::uint64_t operator""_KiB(unsigned long long count) {
    return count * 1024;
}
constexpr std::uint64_t operator""_MiB(unsigned long long count) {
    return count * 1024 * 1024;
}
constexpr std::uint64_t operator""_GiB(unsigned long long count) {
    return count * 1024 * 1024 * 1024;
}

inline constexpr std::uint64_t kPathMax = 4'095;
inline constexpr std::string_view kDurabilities[] = {"disk", "memory"};

template <class Class, class Member>
Class owner_of(Member Class::*);

template <class Field>
Slot slot_of(Field& field) {
    if constexpr (std::is_enum_v<Field>) {
        static_assert(sizeof(Field) == 1);
        return reinterpret_cast<unsigned char*>(&field);
    } else {
        return &field;
    }
}

/// The row's field: `&at<&Settings::data>`, or in a part, `&at<&Settings::log,
/// &LogSettings::bytes>`.
template <auto First, auto... Rest>
Slot at(void* owner) {
    auto& whole = *static_cast<decltype(owner_of(First))*>(owner);
    return slot_of(((whole.*First).*....*Rest));
}

/// The rows of `[[listener]]`.
[[nodiscard]] std::span<const Option> listener_options();
/// What can be there several times in each.
[[nodiscard]] std::span<const TableList> listener_lists();
/// What is wrong with a Listener as a whole.
[[nodiscard]] std::string listener_problem(const void* listener);

}  // namespace firehose::config
