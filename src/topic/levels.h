// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// Walks over the levels of a topic name or filter, empty ones included.
///
///     for (Levels levels{topic}; !levels.at_end(); levels.advance()) use(levels.level());
///
/// Lifetime: the levels are views into the topic. Threads: a value on one stack frame.
/// Invariant: a topic with n separators has n + 1 levels, the empty topic has one.
namespace firehose::topic {

class Levels {
public:
    explicit constexpr Levels(std::string_view topic) noexcept : rest_(topic) { cut(); }

    [[nodiscard]] constexpr bool at_end() const noexcept { return at_end_; }
    [[nodiscard]] constexpr bool is_last() const noexcept { return level_.size() == rest_.size(); }
    /// Only while not at the end.
    [[nodiscard]] constexpr std::string_view level() const noexcept { return level_; }

    constexpr void advance() noexcept {
        if (is_last()) {
            at_end_ = true;
            return;
        }
        rest_.remove_prefix(level_.size() + 1);
        cut();
    }

private:
    constexpr void cut() noexcept { level_ = rest_.substr(0, rest_.find('/')); }

    std::string_view rest_;  // From the current level on.
    std::string_view level_;
    bool at_end_ = false;
};

}  // namespace firehose::topic
