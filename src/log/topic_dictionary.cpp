// SPDX-License-Identifier: Apache-2.0
#include "log/topic_dictionary.h"

#include <algorithm>

namespace firehose::log {
namespace {

template <class Put>
void put_varint(std::uint64_t value, Put&& put) {
    while (value >= 0x80) {
        put(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    put(static_cast<std::uint8_t>(value));
}

void put_varint(ByteBuffer& out, std::uint64_t value) {
    put_varint(value, [&](std::uint8_t byte) { out.push_back(std::byte{byte}); });
}

}  // namespace

void TopicDictionaryBuilder::add(std::string_view topic, std::uint32_t frame) {
    if (is_full_ && frame >= full_at_) return;
    auto found = topics_.find(topic);
    if (found != topics_.end() && found->second.last == frame) return;
    const std::size_t more_names = found == topics_.end() ? topic.size() : 0;
    if (name_bytes_ + more_names > limits_.name_bytes_max || postings_ == limits_.postings_max) {
        is_full_ = true;
        full_at_ = frame;
        return;
    }
    if (found == topics_.end()) found = topics_.try_emplace(std::string{topic}).first;
    Postings& postings = found->second;
    put_varint(frame - postings.last,
               [&](std::uint8_t byte) { postings.deltas.push_back(static_cast<char>(byte)); });
    postings.last = frame;
    ++postings.count;
    ++postings_;
    name_bytes_ += more_names;
}

std::uint32_t TopicDictionaryBuilder::covered(std::uint32_t frames) const noexcept {
    return is_full_ ? std::min(full_at_, frames) : frames;
}

std::uint32_t TopicDictionaryBuilder::topics() const noexcept {
    return static_cast<std::uint32_t>(topics_.size());
}

ByteBuffer TopicDictionaryBuilder::encode() const {
    std::vector<const Topics::value_type*> sorted;
    sorted.reserve(topics_.size());
    for (const auto& topic : topics_) sorted.push_back(&topic);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    ByteBuffer out;
    std::string_view before;
    for (const auto* topic : sorted) {
        const std::string_view name = topic->first;
        const auto differs = std::mismatch(before.begin(), before.end(), name.begin(), name.end());
        const auto shared = static_cast<std::size_t>(differs.first - before.begin());
        put_varint(out, shared);
        put_varint(out, name.size() - shared);
        append(out, name.substr(shared));
        put_varint(out, topic->second.count);
        append(out, topic->second.deltas);
        before = name;
    }
    return out;
}

std::uint64_t TopicDictionaryReader::varint() noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 10 && i < rest_.size(); ++i) {
        const auto byte = std::to_integer<std::uint64_t>(rest_[i]);
        value |= (byte & 0x7F) << (7 * i);
        if ((byte & 0x80) != 0) continue;
        rest_ = rest_.subspan(i + 1);
        return value;
    }
    is_broken_ = true;
    return 0;
}

bool TopicDictionaryReader::next() {
    if (is_broken_ || rest_.empty()) return false;
    is_broken_ = !read_topic() || !read_frames();
    return !is_broken_;
}

bool TopicDictionaryReader::read_topic() {
    const std::uint64_t shared = varint();
    const std::uint64_t own = varint();
    if (is_broken_ || shared > topic_.size() || own > rest_.size()) return false;
    const auto size = static_cast<std::size_t>(own);
    topic_.resize(static_cast<std::size_t>(shared));
    topic_ += as_text(rest_.first(size));
    rest_ = rest_.subspan(size);
    return true;
}

bool TopicDictionaryReader::read_frames() {
    frames_.clear();
    const std::uint64_t count = varint();
    if (is_broken_ || count == 0 || count > frame_count_) return false;
    std::uint64_t frame = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t delta = varint();
        if (is_broken_ || delta >= frame_count_ || (i != 0 && delta == 0)) return false;
        frame += delta;
        if (frame >= frame_count_) return false;
        frames_.push_back(static_cast<std::uint32_t>(frame));
    }
    return true;
}

}  // namespace firehose::log
