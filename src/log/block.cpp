// SPDX-License-Identifier: Apache-2.0
#include "log/block.h"

#include <limits>

#include "base/assert.h"

namespace firehose::log {

Record Block::record(std::size_t index) const {
    return intact_record(record_bytes(index));
}

ByteSpan Block::record_bytes(std::size_t index) const noexcept {
    FH_ASSERT(index < offsets_.size());
    const std::size_t start = offsets_[index];
    const std::size_t end = index + 1 < offsets_.size() ? offsets_[index + 1] : bytes_.size();
    return ByteSpan{bytes_}.subspan(start, end - start);
}

BlockRef Block::erased(std::span<const std::size_t> indexes) const {
    const auto copy = std::make_shared<Block>(*this);
    for (const std::size_t index : indexes) {
        const std::size_t size = record_bytes(index).size();
        erase_record(std::span{copy->bytes_}.subspan(offsets_[index], size));
    }
    return copy;
}

std::unique_ptr<Block> BlockBuilder::take() {
    if (block_ == nullptr) return nullptr;
    // The next one is likely to be like this one; what was expected in vain is given back.
    expected_bytes_ = block_->bytes_.size();
    expected_count_ = block_->offsets_.size();
    if (block_->bytes_.capacity() / 2 > block_->bytes_.size()) {
        block_->bytes_.shrink_to_fit();
        block_->offsets_.shrink_to_fit();
    }
    return std::move(block_);
}

std::uint32_t BlockBuilder::add(const Record& record) {
    if (block_ == nullptr) {
        block_ = std::make_unique<Block>();
        block_->bytes_.reserve(expected_bytes_);
        block_->offsets_.reserve(expected_count_);
    }
    FH_ASSERT(block_->bytes_.size() < std::numeric_limits<std::uint32_t>::max() / 4);
    const auto index = static_cast<std::uint32_t>(block_->offsets_.size());
    block_->offsets_.push_back(static_cast<std::uint32_t>(block_->bytes_.size()));
    encode_record(record, block_->bytes_);
    if (record.kind != RecordKind::message || record.qos != 0) block_->is_droppable_ = false;
    return index;
}

}  // namespace firehose::log
