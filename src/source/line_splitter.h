// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// Bytes, in whatever pieces they come, to lines.
///
/// A line ends with LF; it is handed on without it (a CR before it stays: it is the reader's).
/// A line of more than `line_bytes_max` bytes is skipped up to its LF and counted, so that memory
/// stays bounded and the next line arrives.
/// Lifetime: a line is a view, valid during the call of `on_line` only.
/// Threads:  none. Cost: a line inside one piece is not copied.
/// Invariant: the same bytes give the same lines, however they are cut.
namespace firehose::source {

class LineSplitter {
public:
    explicit LineSplitter(std::size_t line_bytes_max) noexcept : line_bytes_max_(line_bytes_max) {}

    using OnLine = std::function<void(std::string_view)>;
    void feed(std::string_view bytes, const OnLine& on_line);

    /// The stream ended: forgets what it has of a line. True if that was a line not counted yet.
    [[nodiscard]] bool reset() noexcept;

    /// Lines that were skipped because they were too long, counted when they become so.
    [[nodiscard]] std::uint64_t too_long() const noexcept { return too_long_; }

private:
    std::size_t line_bytes_max_;
    std::string begun_;  // Invariant: at most line_bytes_max_ bytes, no LF.
    bool is_skipping_ = false;
    std::uint64_t too_long_ = 0;
};

}  // namespace firehose::source
