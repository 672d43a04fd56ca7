// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "log/file.h"

/// A stretch of a file in memory, moved forward as a scan goes.
///
/// What cannot be read, of a page of 4 KiB each, is zeros and counted: a bad sector costs what it
/// held.
/// Threads: the caller's. Cost: reads of 1 MiB, or what is asked at once if that is more.
/// Lifetime: a span is good until the next call.
namespace firehose::log {

class FileWindow {
public:
    FileWindow(File& file, std::uint64_t end) : file_(file), end_(end) {}

    /// The bytes from `offset` on, at least `count` unless the file ends before.
    [[nodiscard]] ByteSpan at(std::uint64_t offset, std::size_t count) {
        if (offset >= end_) return {};
        count = static_cast<std::size_t>(std::min<std::uint64_t>(count, end_ - offset));
        const bool is_there = offset >= begin_ && offset + count <= begin_ + bytes_.size();
        if (!is_there) {
            const auto more = std::min<std::uint64_t>(std::max(count, kBytes), end_ - offset);
            fill(offset, static_cast<std::size_t>(more));
        }
        return ByteSpan{bytes_}.subspan(static_cast<std::size_t>(offset - begin_));
    }

    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }
    [[nodiscard]] std::uint64_t pages_unreadable() const noexcept { return pages_unreadable_; }

private:
    static constexpr std::size_t kBytes = std::size_t{1} << 20;
    static constexpr std::size_t kPageBytes = 4'096;

    void fill(std::uint64_t offset, std::size_t count) {
        bytes_.resize(count);
        begin_ = offset;
        std::size_t done = 0;
        std::size_t step = count;
        while (done < count) {
            const auto piece = std::span{bytes_}.subspan(done, std::min(step, count - done));
            const auto got = file_.read(offset + done, piece);
            if (got && *got != 0) {
                done += *got;
            } else if (step > kPageBytes) {
                step = kPageBytes;
            } else {
                std::fill(piece.begin(), piece.end(), std::byte{0});
                ++pages_unreadable_;
                done += piece.size();
            }
        }
    }

    File& file_;
    const std::uint64_t end_;
    std::uint64_t begin_ = 0;
    ByteBuffer bytes_;
    std::uint64_t pages_unreadable_ = 0;
};

}  // namespace firehose::log
