// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"

/// Which frames of a sealed segment hold messages of a topic.
///
/// Threads: none. Cost: add is a hash and a look-up; memory is bounded by the two limits, past
/// which later frames are not covered: they may hold any topic.
/// Source:  docs/formats/segment.md, "Sealed segment".
namespace firehose::log {

class TopicDictionaryBuilder {
public:
    struct Limits {
        std::size_t name_bytes_max = std::size_t{4} << 20;
        std::size_t postings_max = std::size_t{1} << 20;
    };
    TopicDictionaryBuilder() : TopicDictionaryBuilder(Limits{}) {}
    explicit TopicDictionaryBuilder(const Limits& limits) : limits_(limits) {}

    /// A message of `topic` is in `frame`; frames only grow.
    void add(std::string_view topic, std::uint32_t frame);
    /// Frames from this number on are not in it; `frames` when all are.
    [[nodiscard]] std::uint32_t covered(std::uint32_t frames) const noexcept;
    [[nodiscard]] std::uint32_t topics() const noexcept;
    /// The dictionary's plain bytes.
    [[nodiscard]] ByteBuffer encode() const;

private:
    struct Postings {
        std::uint32_t count = 0;
        std::uint32_t last = 0;
        std::string deltas;  // Varints.
    };
    struct Hash {
        using is_transparent = void;
        [[nodiscard]] std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Topics = std::unordered_map<std::string, Postings, Hash, std::equal_to<>>;

    const Limits limits_;
    Topics topics_;
    std::size_t name_bytes_ = 0;
    std::size_t postings_ = 0;
    bool is_full_ = false;
    std::uint32_t full_at_ = 0;
};

/// Walks a dictionary's plain bytes, whatever they are.
///
///     while (reader.next()) use(reader.topic(), reader.frames());
///     if (reader.is_broken()) ...
class TopicDictionaryReader {
public:
    /// `frames`: how many the segment has; a posting beyond is damage.
    TopicDictionaryReader(ByteSpan bytes, std::uint32_t frames) noexcept
        : rest_(bytes), frame_count_(frames) {}

    [[nodiscard]] bool next();
    [[nodiscard]] bool is_broken() const noexcept { return is_broken_; }
    /// Valid until `next`.
    [[nodiscard]] std::string_view topic() const noexcept { return topic_; }
    [[nodiscard]] std::span<const std::uint32_t> frames() const noexcept { return frames_; }

private:
    [[nodiscard]] std::uint64_t varint() noexcept;
    [[nodiscard]] bool read_topic();
    [[nodiscard]] bool read_frames();

    ByteSpan rest_;
    const std::uint32_t frame_count_;
    bool is_broken_ = false;
    std::string topic_;
    std::vector<std::uint32_t> frames_;
};

}  // namespace firehose::log
