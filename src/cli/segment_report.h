// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "log/file.h"
#include "log/gap.h"
#include "log/record.h"

/// What one segment file holds and what is wrong with it, for `firehose inspect`.
///
/// Changes nothing. A plain segment is read as a whole; of a sealed one the headers and the index,
/// and with `is_check` every frame and the topics.
/// Threads: the caller's. Cost: memory for one block or frame, and for the topics of a plain one.
/// Source:  docs/formats/segment.md.
namespace firehose::cli {

struct Finding {
    enum class Kind : std::uint8_t {
        damage,  // Bytes are not as they were written, or missing.
        note,    // As it may be; worth knowing.
        cannot,  // Could not be looked at.
    };
    Kind kind = Kind::note;
    std::string file;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    Seq from{};  // Seqs that may be lost: [from, end); none where they are equal.
    Seq end{};
    std::string what;
    std::string meaning;  // What it costs, and what to do.
};

struct SegmentReport {
    static constexpr std::size_t kTopicsMax = 100'000;  // Counted in a plain segment.

    std::string file;
    std::uint64_t number = 0;
    std::uint64_t log_id = 0;
    bool is_readable = false;  // Else there are findings only.
    bool is_sealed = false;
    bool is_closed = false;  // Plain: a clean stop.
    Seq first_seq{};
    Seq end_seq{};
    WallTime first_time{};
    WallTime last_time{};
    std::uint64_t records = 0;
    std::size_t topics = 0;  // Of messages; a sealed one counts those that its index covers.
    std::uint64_t plain_bytes = 0;
    std::uint64_t disk_bytes = 0;
    std::uint64_t tail_bytes = 0;  // Plain: behind the last whole record.
    std::uint64_t tail_offset = 0;
    std::optional<log::Gap> opening_gap;
    std::vector<Finding> findings;

    [[nodiscard]] bool has_records() const noexcept { return end_seq > first_seq; }
};

class RecordVisitor {
public:
    virtual ~RecordVisitor() = default;
    virtual void on_record(Seq seq, WallTime time, const log::Record& record) = 0;
};

struct ReportOptions {
    bool is_check = false;
    std::optional<Seq> limit;  // Where the next segment begins (log/segment_scan.h).
    RecordVisitor* records = nullptr;
    std::optional<Seq> records_from;
    std::optional<Seq> records_to;  // The last one.
    std::string records_topic;      // A valid filter: messages of such topics only; empty: all.
    std::function<void(std::uint64_t bytes)> on_progress;  // So far of the file.
};

[[nodiscard]] SegmentReport report_segment(const std::string& path, log::File& file,
                                           const ReportOptions& options);

}  // namespace firehose::cli
