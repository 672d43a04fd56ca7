// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "base/waker.h"
#include "log/block.h"

/// What the log's tests share: a clock that stands until told, a waker that counts, blocks of
/// numbered records, and inputs on the heap without slack.
/// Threads: one test's.
namespace firehose::log {

class StandingClock final : public Clock {
public:
    [[nodiscard]] MonotonicTime monotonic() noexcept override { return monotonic_now; }
    [[nodiscard]] WallTime wall() noexcept override { return wall_now; }

    MonotonicTime monotonic_now{};
    WallTime wall_now{Microseconds{1'700'000'000'000'000}};
};

class CountingWaker final : public Waker {
public:
    void wake() noexcept override { ++count; }
    int count = 0;
};

/// Bytes on the heap with no slack after the last, so that ASan sees one too many.
class ExactBytes {
public:
    explicit ExactBytes(ByteSpan bytes)
        : data_(std::make_unique<std::byte[]>(bytes.size())), size_(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), data_.get());
    }
    [[nodiscard]] ByteSpan span() const { return {data_.get(), size_}; }

private:
    std::unique_ptr<std::byte[]> data_;
    std::size_t size_;
};

/// A block of one record for each payload, all on one topic.
[[nodiscard]] inline std::unique_ptr<Block> block_of(const std::vector<std::string>& payloads) {
    BlockBuilder builder;
    for (const std::string& payload : payloads) {
        static_cast<void>(builder.add({.topic = "a/b", .payload = as_bytes(payload)}));
    }
    return builder.take();
}

[[nodiscard]] inline std::vector<std::string> payloads_of(const std::vector<BlockRef>& blocks) {
    std::vector<std::string> payloads;
    for (const BlockRef& block : blocks) {
        for (std::size_t i = 0; i < block->count(); ++i) {
            const Record record = block->record(i);
            payloads.emplace_back(record.kind == RecordKind::gap ? "(gap)"
                                                                 : as_text(record.payload));
        }
    }
    return payloads;
}

}  // namespace firehose::log
