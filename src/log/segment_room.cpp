// SPDX-License-Identifier: Apache-2.0
#include "log/segment_room.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "log/file_io.h"

namespace firehose::log {
namespace {

const std::string kName = "next.room.tmp";

[[nodiscard]] ByteSpan zeros(std::uint64_t count) {
    static const ByteBuffer bytes(SegmentRoom::kStepBytes);
    return ByteSpan{bytes}.first(static_cast<std::size_t>(count));
}

}  // namespace

SegmentRoom::~SegmentRoom() {
    if (making_ || is_ready()) static_cast<void>(files_.remove(kName));
}

bool SegmentRoom::step() {
    if (bytes_ == 0 || is_ready() || (!making_ && !begin())) return false;
    const std::uint64_t count = std::min(kStepBytes, bytes_ - done_);
    IoResult done = write_all(*making_, done_, zeros(count));
    done_ += count;
    if (done && done_ < bytes_) return true;
    if (done) done = making_->sync();
    if (!done) {
        give_up();
        return false;
    }
    ready_.with([&](std::unique_ptr<File>& ready) { ready = std::move(making_); });
    is_ready_.store(true, std::memory_order_release);
    return false;
}

bool SegmentRoom::begin() {
    const auto space = files_.space();
    if (!space || space->free < free_min_ + 2 * bytes_) return false;
    static_cast<void>(files_.remove(kName));  // Of an earlier try.
    auto file = files_.create(kName);
    if (!file) return false;
    making_ = std::move(*file);
    done_ = 0;
    return true;
}

void SegmentRoom::give_up() {
    making_.reset();
    static_cast<void>(files_.remove(kName));
}

std::unique_ptr<File> SegmentRoom::take(const std::string& name) {
    if (!is_ready()) return nullptr;
    std::unique_ptr<File> file = ready_.with([](auto& ready) { return std::move(ready); });
    const auto renamed = files_.rename(kName, name);
    if (!renamed) static_cast<void>(files_.remove(kName));
    is_ready_.store(false, std::memory_order_release);
    if (Waker* maker = maker_.load(std::memory_order_acquire)) maker->wake();
    return renamed ? std::move(file) : nullptr;
}

bool SegmentRoom::drop() {
    if (!is_ready()) return false;
    ready_.with([](auto& ready) { ready.reset(); });
    static_cast<void>(files_.remove(kName));
    is_ready_.store(false, std::memory_order_release);
    return true;
}

}  // namespace firehose::log
