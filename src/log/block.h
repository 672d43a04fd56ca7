// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "log/record.h"

/// A block: the records of one loop turn of one shard, linked to the log as a whole.
///
/// BlockBuilder encodes records outside any lock; `Log::append` gives the finished block its
/// first_seq and time and links it; from then on it is immutable and shared. It is the one thing
/// that shared_ptr is for: it outlives the shard that wrote it.
/// Threads:   a builder belongs to one shard; a linked block to everybody, read-only.
/// Cost:      record(i) re-reads the record's head (no CRC: checked once when read from disk).
/// Invariant: record i has seq first_seq + i; records are in the order they were added.
namespace firehose::log {

enum class AppenderId : std::uint32_t {};  // A shard or a source, in this process.
enum class Ticket : std::uint64_t {};      // Counts one appender's blocks, from 1.

class Block {
public:
    Block() = default;
    /// A block read back: `offsets` has the start of each record in `bytes`.
    Block(Seq first_seq, WallTime time, ByteBuffer bytes, std::vector<std::uint32_t> offsets)
        : first_seq_(first_seq),
          time_(time),
          bytes_(std::move(bytes)),
          offsets_(std::move(offsets)) {}

    [[nodiscard]] Seq first_seq() const noexcept { return first_seq_; }
    /// One past the last record's seq.
    [[nodiscard]] Seq end_seq() const noexcept { return first_seq_ + offsets_.size(); }
    [[nodiscard]] WallTime time() const noexcept { return time_; }
    [[nodiscard]] std::size_t count() const noexcept { return offsets_.size(); }
    [[nodiscard]] Record record(std::size_t index) const;
    /// The record's bytes as encode_record made them.
    [[nodiscard]] ByteSpan record_bytes(std::size_t index) const noexcept;
    /// All records' bytes.
    [[nodiscard]] ByteSpan bytes() const noexcept { return bytes_; }
    /// A copy in which these records are erased (record.h).
    [[nodiscard]] std::shared_ptr<const Block> erased(std::span<const std::size_t> indexes) const;
    [[nodiscard]] AppenderId appender() const noexcept { return appender_; }
    /// 0 of a block that was read back.
    [[nodiscard]] Ticket ticket() const noexcept { return ticket_; }
    /// Nothing but QoS 0 messages: may leave memory unwritten (rule **Degraded**).
    [[nodiscard]] bool is_droppable() const noexcept { return is_droppable_; }
    /// What it costs in memory, its own bookkeeping included.
    [[nodiscard]] std::size_t memory_bytes() const noexcept {
        return sizeof(Block) + bytes_.capacity() + offsets_.capacity() * sizeof(std::uint32_t);
    }

private:
    friend class BlockBuilder;
    friend class Log;  // Places it.

    Seq first_seq_{};
    WallTime time_{};
    AppenderId appender_{};
    Ticket ticket_{};
    bool is_droppable_ = true;
    ByteBuffer bytes_;
    std::vector<std::uint32_t> offsets_;  // Start of each record in bytes_.
};

using BlockRef = std::shared_ptr<const Block>;

inline constexpr std::size_t kBlockBytesTarget = std::size_t{1} << 20;

class BlockBuilder {
public:
    /// Encodes a record; returns its index in the block.
    std::uint32_t add(const Record& record);
    [[nodiscard]] bool is_empty() const noexcept { return block_ == nullptr; }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return block_ == nullptr ? 0 : block_->bytes_.size();
    }
    /// Link it now: a larger block would only wait longer. A hint, not a limit.
    [[nodiscard]] bool is_full() const noexcept { return bytes() >= kBlockBytesTarget; }
    /// The finished block; the builder is empty again. Null when nothing was added.
    [[nodiscard]] std::unique_ptr<Block> take();

private:
    std::unique_ptr<Block> block_;
    std::size_t expected_bytes_ = 0;
    std::size_t expected_count_ = 0;
};

}  // namespace firehose::log
