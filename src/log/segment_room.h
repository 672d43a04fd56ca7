// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/locked.h"
#include "base/waker.h"
#include "log/file.h"

/// Room for the next segment: a file of zeros, written and synced ahead of need.
///
/// A sync of bytes that replace written zeros changes no metadata, so it costs one write to the
/// disk instead of two (docs/adr/0006-room-of-a-segment.md has figures).
/// Ownership: refers to the FileSystem. What was made and not taken is removed by the destructor,
///            or by the next start, because its name ends in `.tmp`.
/// Threads:   `step` the housekeeper's; `take` and `drop` the writer's; is_ready any.
/// Cost:      a step is a write of kStepBytes; the last also a sync.
/// Bounds:    one file of `bytes`, and only where twice as much is free beyond `free_min`.
namespace firehose::log {

class SegmentRoom {
public:
    static constexpr std::uint64_t kStepBytes = std::uint64_t{1} << 20;

    /// `bytes` 0: never makes any.
    SegmentRoom(FileSystem& files, std::uint64_t bytes, std::uint64_t free_min) noexcept
        : files_(files), bytes_(bytes), free_min_(free_min) {}
    ~SegmentRoom();
    SegmentRoom(const SegmentRoom&) = delete;
    SegmentRoom& operator=(const SegmentRoom&) = delete;

    /// Who calls `step`: woken when room was taken.
    void set_maker(Waker* maker) noexcept { maker_.store(maker, std::memory_order_release); }
    /// True: call again.
    bool step();
    [[nodiscard]] bool is_ready() const noexcept {
        return is_ready_.load(std::memory_order_acquire);
    }
    /// The file, named `name` from now on (durable with the next sync of the folder); null when
    /// none is ready or it cannot be renamed.
    [[nodiscard]] std::unique_ptr<File> take(const std::string& name);
    /// Gives the bytes back. False: there were none.
    bool drop();

private:
    [[nodiscard]] bool begin();
    void give_up();

    FileSystem& files_;
    const std::uint64_t bytes_;
    const std::uint64_t free_min_;
    std::atomic<Waker*> maker_{nullptr};
    std::atomic<bool> is_ready_{false};
    Locked<std::unique_ptr<File>> ready_;
    // The maker's:
    std::unique_ptr<File> making_;
    std::uint64_t done_ = 0;
};

}  // namespace firehose::log
