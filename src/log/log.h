// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/locked.h"
#include "base/time.h"
#include "base/waker.h"
#include "log/block.h"

/// The contract of the log, the same for local segments and, later, JetStream.
///
/// `append` links a block and answers with a ticket; what becomes of it is heard later through
/// `take_outcomes`: placed (its seqs are known), durable (it survives a power cut, as far as the
/// configured durability promises), or refused. Nothing uses a seq at the time of the append.
/// Reading never blocks: what is in the memory window is returned at once; what is not is read by
/// a reader thread (`request`) and answered through `take_answers`.
/// Threads:   any; each appender and each reader handle belongs to one thread.
/// Cost:      append holds a plain mutex for a few pointer writes: no copy, CRC, allocation of
///            payload size, or system call inside.
/// Invariant: seqs only grow, are never used twice, and are not dense.
/// Source:    rules **Positions**, **Appending**, **Three ways to read**.
namespace firehose::log {

struct Outcome {
    enum class Kind : std::uint8_t { placed, durable, refused };
    Ticket ticket{};
    Kind kind = Kind::placed;
    Seq first_seq{};  // Of a placed block.
};

enum class ReadStatus : std::uint8_t {
    blocks,         // `out` has at least one block that ends after the position.
    at_end,         // Nothing linked at or after the position yet.
    not_in_memory,  // Ask for it with `request`.
    too_old,        // Below `oldest()`: a gap up to there.
};

enum class ReaderId : std::uint32_t {};

/// Which topics a reader that is behind looks for: lets what reads history skip the rest by its
/// index. Called from reader threads; what it wants does not change.
class TopicInterest {
public:
    TopicInterest() = default;
    virtual ~TopicInterest() = default;
    TopicInterest(const TopicInterest&) = delete;
    TopicInterest& operator=(const TopicInterest&) = delete;

    [[nodiscard]] virtual bool wants(std::string_view topic) const = 0;

    /// Which frames of the segment that was read last hold something of it: who reads on asks the
    /// segment's dictionary once.
    struct Frames {
        std::uint64_t segment = 0;  // As its cache counts them; 0: none.
        std::shared_ptr<const std::vector<bool>> wanted;
    };
    [[nodiscard]] Locked<Frames>& frames() const noexcept { return frames_; }

private:
    mutable Locked<Frames> frames_;
};
/// Whether a message of the block has a topic that is wanted, or the block has a gap record: that
/// is for everybody.
[[nodiscard]] bool has_wanted(const Block& block, const TopicInterest& interest);

/// What became of a `request`.
struct ReadAnswer {
    std::uint64_t cookie = 0;                // As asked.
    ReadStatus status = ReadStatus::blocks;  // blocks, at_end or too_old.
    std::vector<BlockRef> blocks;
    /// Where to read on: everything below was considered. With an interest, blocks without any
    /// record that it wants may be missing before it (control records' blocks too, gaps never).
    Seq up_to{};
};

class Log {
public:
    virtual ~Log() = default;

    /// Registers an appender or reader and whom to wake: an appender's on new outcomes, a
    /// reader's on newly linked blocks, on durable progress and on answers. `waker` outlives the
    /// log's threads or is removed by `stop`. Who appends is not woken by its own `append`, nor are
    /// readers with the same waker: after it they look by themselves.
    [[nodiscard]] virtual AppenderId add_appender(Waker& waker) = 0;
    [[nodiscard]] virtual ReaderId add_reader(Waker& waker) = 0;

    /// Links the block, or refuses it when `log.unwritten_bytes_max` is reached.
    [[nodiscard]] virtual Ticket append(AppenderId appender, std::unique_ptr<Block> block) = 0;
    /// Appends to `out` what became of the appender's tickets since the last call. Of one ticket:
    /// placed, then durable; or refused alone. Durable outcomes come in ticket order.
    virtual void take_outcomes(AppenderId appender, std::vector<Outcome>& out) = 0;

    /// True well before `append` refuses: hold publishers back. The appenders are woken when it
    /// turns false. One relaxed load.
    [[nodiscard]] virtual bool is_full() const noexcept = 0;

    /// False while the disk takes nothing (rule **Degraded**): what must be durable (QoS >= 1,
    /// control records) is refused before it is appended. The appenders are woken when it turns
    /// true again. One relaxed load.
    [[nodiscard]] virtual bool takes_durable() const noexcept { return true; }

    /// The smallest position that can still be read.
    [[nodiscard]] virtual Seq oldest() const = 0;
    /// One past the newest linked record: where a reader of the tail waits.
    [[nodiscard]] virtual Seq end() const = 0;
    /// Records below are durable; equals end() with `durability = memory`.
    [[nodiscard]] virtual Seq durable_end() const = 0;

    /// Blocks from the one that holds `from` on (or the first after it, where `from` lies in a
    /// hole), in order, until `bytes_max` or some number of blocks is reached (at least one
    /// block). To reach the end, read until `at_end`.
    [[nodiscard]] virtual ReadStatus read(Seq from, std::size_t bytes_max,
                                          std::vector<BlockRef>& out) = 0;
    /// The same, from disk, later. At most 1,024 requests wait a reader; false when full.
    /// `interest`: null for everything.
    [[nodiscard]] virtual bool request(ReaderId reader, Seq from, std::size_t bytes_max,
                                       std::uint64_t cookie,
                                       std::shared_ptr<const TopicInterest> interest) = 0;
    [[nodiscard]] bool request(ReaderId reader, Seq from, std::size_t bytes_max,
                               std::uint64_t cookie) {
        return request(reader, from, bytes_max, cookie, nullptr);
    }
    [[nodiscard]] virtual std::vector<ReadAnswer> take_answers(ReaderId reader) = 0;

    /// Asked of a log that keeps nothing for its own sake: it wants to be told by the reader what
    /// it may still ask for. One relaxed load; to be looked at once a turn.
    [[nodiscard]] virtual bool wants_needed(ReaderId) const noexcept { return false; }
    /// The reader asks for nothing before `from` any more, whatever happens.
    virtual void note_needed(ReaderId, Seq /*from*/) {}

protected:
    /// Gives a block its place; from then on it is immutable.
    static void place(Block& block, Seq first_seq, WallTime time) noexcept {
        block.first_seq_ = first_seq;
        block.time_ = time;
    }
    static void stamp(Block& block, AppenderId appender, Ticket ticket) noexcept {
        block.appender_ = appender;
        block.ticket_ = ticket;
    }
};

}  // namespace firehose::log
