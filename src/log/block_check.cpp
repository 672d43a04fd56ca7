// SPDX-License-Identifier: Apache-2.0
#include "log/block_check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "log/gap.h"
#include "log/little_endian.h"

namespace firehose::log {
namespace {

using Place = BlockCheck::Place;

class Checker {
public:
    Checker(ByteSpan stored, std::uint32_t count) : stored_(stored), count_(count) {}

    [[nodiscard]] BlockCheck run() {
        out_.records.reserve(count_);
        std::size_t at = 0;
        while (out_.records.size() < count_) {
            std::size_t size = 0;
            if (is_intact_at(at, size)) {
                out_.records.push_back(place(at, size, true));
                at += size;
                out_.intact_count = static_cast<std::uint32_t>(out_.records.size());
                out_.intact_bytes = static_cast<std::uint32_t>(at);
            } else {
                at = pass_damage(at, size);
            }
        }
        out_.has_slack = at < stored_.size();
        return std::move(out_);
    }

private:
    [[nodiscard]] static Place place(std::size_t at, std::size_t size, bool is_intact) noexcept {
        return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(size), is_intact};
    }

    [[nodiscard]] bool is_intact_at(std::size_t at, std::size_t& size) const noexcept {
        return at < stored_.size() && is_record_intact(stored_.subspan(at), size);
    }

    /// Puts down the damaged record at `at`, or all that are until one is intact; returns where.
    /// `size`: what its length says, if that lies within the block.
    [[nodiscard]] std::size_t pass_damage(std::size_t at, std::size_t size) {
        const auto left = count_ - static_cast<std::uint32_t>(out_.records.size());
        if (size != 0 && fills_the_block(at + size, left - 1)) {
            add_damaged(at, size, 1);
            return at + size;
        }
        if (const auto found = find_chain(at, left)) {
            add_damaged(at, found->at - at, left - found->count);
            return found->at;
        }
        add_damaged(at, stored_.size() - std::min(at, stored_.size()), left);
        return stored_.size();
    }

    /// Whether the lengths from `at` on make `count` records to the end of the block. A wrong
    /// length may lead to the start of a later record, and that would take this one's seq.
    [[nodiscard]] bool fills_the_block(std::size_t at, std::uint32_t count) const noexcept {
        while (count != 0 && at < stored_.size()) {
            const std::size_t size = size_at(at);
            if (size == 0) return false;
            at += size;
            --count;
        }
        return count == 0 && at == stored_.size();
    }

    void add_damaged(std::size_t at, std::size_t bytes, std::uint32_t count) {
        out_.damaged += count;
        // Of several in a row nobody knows where one ends; the first stands for all bytes.
        for (std::uint32_t i = 0; i < count; ++i) {
            out_.records.push_back(place(at, i == 0 ? bytes : 0, false));
        }
    }

    struct Chain {
        std::size_t at = 0;
        std::uint32_t count = 0;
    };

    /// The first place behind `at` from which intact records reach the end of the block and are
    /// fewer than those still to come.
    [[nodiscard]] std::optional<Chain> find_chain(std::size_t at, std::uint32_t left) {
        for (std::size_t from = at + 1; from + kRecordHeaderBytes < stored_.size(); ++from) {
            std::uint32_t count = 0;
            std::size_t to = from;
            while (to < stored_.size() && count < left) {
                const std::size_t claimed = size_at(to);
                if (claimed == 0) break;
                if (searched_ + claimed > kSearchBytesMax) return {};
                searched_ += claimed;
                std::size_t size = 0;
                if (!is_intact_at(to, size)) break;
                to += size;
                ++count;
            }
            if (to == stored_.size() && count < left) return Chain{from, count};
        }
        return {};
    }

    /// What the record at `at` would take, if it can be one; else 0. Saves checksums.
    [[nodiscard]] std::size_t size_at(std::size_t at) const noexcept {
        if (stored_.size() - at < kRecordHeaderBytes) return 0;
        const std::size_t size =
            kRecordHeaderBytes + std::size_t{get<std::uint32_t>(stored_.data() + at)};
        return size <= stored_.size() - at && size <= kRecordBytesMax ? size : 0;
    }

    const ByteSpan stored_;
    const std::uint32_t count_;
    std::size_t searched_ = 0;
    BlockCheck out_;
};

}  // namespace

BlockCheck check_block(ByteSpan stored, std::uint32_t count) {
    return Checker{stored, count}.run();
}

BlockRef checked_block(ByteSpan stored, const BlockHeader& header, const BlockCheck& check,
                       std::uint32_t count) {
    ByteBuffer bytes;
    std::vector<std::uint32_t> offsets;
    offsets.reserve(count);
    if (check.is_intact() && count == header.count) {  // Nearly always.
        for (const Place& place : check.records) offsets.push_back(place.offset);
        bytes.assign(stored.begin(), stored.end());
        return std::make_shared<const Block>(header.first_seq, header.time, std::move(bytes),
                                             std::move(offsets));
    }
    bytes.reserve(stored.size());
    for (std::uint32_t index = 0; index < count; ++index) {
        const Place& place = check.records[index];
        offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
        if (place.is_intact) {
            append(bytes, stored.subspan(place.offset, place.bytes));
        } else {
            const Seq seq = header.first_seq + index;
            const GapPayload payload = encode({.from = seq, .to = seq});
            encode_record({.kind = RecordKind::gap, .payload = payload}, bytes);
        }
    }
    return std::make_shared<const Block>(header.first_seq, header.time, std::move(bytes),
                                         std::move(offsets));
}

}  // namespace firehose::log
