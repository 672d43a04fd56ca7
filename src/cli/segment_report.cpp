// SPDX-License-Identifier: Apache-2.0
#include "cli/segment_report.h"

#include <unordered_set>
#include <utility>

#include "log/file_io.h"
#include "log/sealed_reader.h"
#include "log/segment_format.h"
#include "log/segment_scan.h"
#include "topic/topic_filter.h"

namespace firehose::cli {
namespace {

using log::ScanProblem;
using log::SealedProblem;

constexpr const char* kLost =
    "readers are told of a gap there and nothing else is lost; a backup may have what is missing; "
    "look after the disk";
constexpr const char* kHarmless = "no record is lost by it; look after the disk";

class Reporter {
public:
    Reporter(const std::string& path, log::File& file, const ReportOptions& options)
        : file_(file), options_(options) {
        report_.file = path;
    }

    [[nodiscard]] SegmentReport run() {
        const auto bytes = file_.size();
        report_.disk_bytes = bytes ? *bytes : 0;
        const auto head = log::read_all(file_, 0, log::kSegmentHeaderBytes);
        const auto header = head ? log::decode_segment_header(*head) : std::nullopt;
        const bool is_sealed = header ? header->is_sealed : report_.file.ends_with(".sealed");
        is_sealed ? read_sealed() : read_plain();
        return std::move(report_);
    }

private:
    void add(Finding::Kind kind, std::uint64_t offset, std::uint64_t bytes, std::string what,
             std::string meaning, Seq from = {}, Seq end = {}) {
        report_.findings.push_back({.kind = kind,
                                    .file = report_.file,
                                    .offset = offset,
                                    .bytes = bytes,
                                    .from = from,
                                    .end = end,
                                    .what = std::move(what),
                                    .meaning = std::move(meaning)});
    }
    void add_unreadable() {
        add(Finding::Kind::cannot, 0, report_.disk_bytes, "the file cannot be read",
            "look after the disk; a backup has it");
    }
    void add_lost_file() {
        add(Finding::Kind::damage, 0, report_.disk_bytes, "neither header of the segment is whole",
            "nothing can be found in it; take the file from a backup");
    }
    void add_newer() {
        add(Finding::Kind::cannot, 0, log::kSegmentHeaderBytes,
            "the segment has a later format than version " + std::to_string(log::kSegmentVersion) +
                ", which this program reads",
            "use the version of firehose that wrote it, or a later one");
    }

    /// Counts topics and passes records on.
    class Visitor final : public log::BlockVisitor {
    public:
        explicit Visitor(Reporter& reporter) : reporter_(reporter) {}
        void on_block(std::uint64_t, const log::BlockHeader&, const log::Block& block) override {
            reporter_.take_block(block, true);
        }
        void on_progress(std::uint64_t bytes) override { reporter_.progress(bytes); }

    private:
        Reporter& reporter_;
    };

    void progress(std::uint64_t bytes) const {
        if (options_.on_progress) options_.on_progress(bytes);
    }

    void take_block(const log::Block& block, bool is_counting) {
        for (std::size_t i = 0; i < block.count(); ++i) {
            const log::Record record = block.record(i);
            const Seq seq = block.first_seq() + i;
            if (is_counting && record.kind == log::RecordKind::message &&
                topics_.size() < SegmentReport::kTopicsMax) {
                topics_.emplace(record.topic);
            }
            if (is_wanted(seq, record)) options_.records->on_record(seq, block.time(), record);
        }
    }

    [[nodiscard]] bool is_wanted(Seq seq, const log::Record& record) const {
        const std::string& filter = options_.records_topic;
        return options_.records != nullptr &&
               (!options_.records_from || seq >= *options_.records_from) &&
               (!options_.records_to || seq <= *options_.records_to) &&
               (filter.empty() ||
                (record.kind == log::RecordKind::message && topic::matches(filter, record.topic)));
    }

    void read_plain() {
        Visitor visitor{*this};
        const auto scan = log::scan_segment(file_, options_.limit, &visitor);
        if (!scan) return on_scan_problem(scan.error());
        report_.is_readable = true;
        report_.number = scan->header.number;
        report_.log_id = scan->header.log_id;
        report_.is_closed = scan->is_closed;
        report_.first_seq = scan->header.first_seq;
        report_.end_seq = scan->end_seq;
        report_.first_time = scan->first_time;
        report_.last_time = scan->end_time;
        report_.records = scan->records;
        report_.topics = topics_.size();
        report_.plain_bytes = scan->bytes;
        report_.tail_offset = scan->bytes;
        report_.tail_bytes = scan->tail_bytes;
        report_.opening_gap = scan->opening_gap;
        if (scan->is_header_damaged) {
            add(Finding::Kind::damage, 0, log::kSegmentHeaderBytes,
                "the segment's header is damaged", kHarmless);
        }
        for (const log::DamagedStretch& stretch : scan->damage) {
            add(Finding::Kind::damage, stretch.offset, stretch.bytes,
                "the bytes are not as they were written", kLost, stretch.from, stretch.end);
        }
        if (scan->pages_unreadable != 0) {
            add(Finding::Kind::cannot, 0, scan->file_bytes,
                std::to_string(scan->pages_unreadable) + " pages cannot be read",
                "look after the disk");
        }
    }

    void on_scan_problem(ScanProblem problem) {
        switch (problem) {
            case ScanProblem::unreadable:
                return add_unreadable();
            case ScanProblem::empty:
            case ScanProblem::torn_header:
                return add(Finding::Kind::note, 0, report_.disk_bytes, "the segment holds nothing",
                           "it was being made when the bus stopped; the next start removes it");
            case ScanProblem::no_header:
                return add_lost_file();
            case ScanProblem::newer_format:
                return add_newer();
            case ScanProblem::sealed:
                return add_unreadable();  // Was asked before.
        }
    }

    void read_sealed() {
        const auto opened = log::SealedFile::open(file_);
        if (!opened) return on_sealed_problem(opened.error());
        const log::SegmentHeader& header = opened->header();
        report_.is_readable = true;
        report_.is_sealed = true;
        report_.number = header.number;
        report_.log_id = header.log_id;
        report_.first_seq = header.first_seq;
        report_.end_seq = header.end_seq;
        report_.first_time = header.first_time;
        report_.last_time = header.last_time;
        report_.records = header.records;
        report_.topics = opened->index() ? opened->index()->topics : 0;
        if (!opened->is_whole()) {
            add(Finding::Kind::damage, 0, report_.disk_bytes,
                "a copy of the segment's header, or its footer, is damaged", kHarmless);
        }
        const log::SealedFrames table = log::read_frames(file_, *opened);
        if (table.is_rebuilt) {
            const std::uint64_t at = opened->index() ? opened->index()->table_offset : 0;
            add(Finding::Kind::damage, at, report_.disk_bytes - at, "the frame table is damaged",
                "it is made again from the frames' headers whenever the segment is opened, which "
                "takes longer; look after the disk");
        }
        read_frames(table);
        if (!options_.is_check) return;
        AnyTopic any;
        if (!log::visit_topics(file_, *opened, any)) {
            const std::uint64_t at = opened->index() ? opened->index()->topics_offset : 0;
            const std::uint64_t bytes = opened->index() ? opened->index()->topics_stored_bytes : 0;
            add(Finding::Kind::damage, at, bytes, "the topic dictionary is damaged",
                "no record is lost; looking for a topic reads the whole segment");
        }
    }

    struct AnyTopic final : log::TopicVisitor {
        [[nodiscard]] bool visit(const log::TopicPostings&) override { return true; }
    };

    void read_frames(const log::SealedFrames& table) {
        std::uint64_t end = log::kSegmentHeaderBytes;
        for (std::size_t i = 0; i < table.frames.size(); ++i) {
            const log::Frame& frame = table.frames[i];
            report_.plain_bytes += frame.plain_bytes;
            if (frame.is_lost()) {
                const bool is_last = i + 1 == table.frames.size();
                const std::uint64_t next =
                    is_last ? report_.disk_bytes : table.frames[i + 1].offset;
                add(Finding::Kind::damage, end, next - end, "frames are damaged or missing", kLost,
                    frame.first_seq, frame.end_seq);
                continue;
            }
            end = frame.offset + log::kFrameHeaderBytes + frame.stored_bytes;
            // The first says whether it begins with a gap record.
            if (i == 0 || options_.is_check || is_asked_for(frame)) read_frame(frame, i == 0);
            progress(end);
        }
    }

    [[nodiscard]] bool is_asked_for(const log::Frame& frame) const {
        return options_.records != nullptr &&
               (!options_.records_from || frame.end_seq > *options_.records_from) &&
               (!options_.records_to || frame.first_seq <= *options_.records_to);
    }

    void read_frame(const log::Frame& frame, bool is_first) {
        const log::FrameRead read = log::read_frame(file_, frame);
        const std::uint64_t bytes = log::kFrameHeaderBytes + frame.stored_bytes;
        if (read.is_io_error) {
            add(Finding::Kind::cannot, frame.offset, bytes, "a frame cannot be read",
                "look after the disk; a backup has it", frame.first_seq, frame.end_seq);
        } else if (read.read_errors != 0) {
            add(Finding::Kind::damage, frame.offset, bytes, "a frame is damaged", kLost,
                frame.first_seq, frame.end_seq);
        } else if (is_first && !read.blocks.empty()) {
            report_.opening_gap = log::gap_of(read.blocks.front()->record(0));
        }
        for (const log::BlockRef& block : read.blocks) take_block(*block, false);
    }

    void on_sealed_problem(SealedProblem problem) {
        switch (problem) {
            case SealedProblem::unreadable:
                return add_unreadable();
            case SealedProblem::not_sealed:
                return add_unreadable();  // Was asked before.
            case SealedProblem::no_header:
                break;
        }
        const auto head = log::read_all(file_, 0, log::kSegmentHeaderBytes);
        if (head && log::is_foreign_segment_header(*head)) return add_newer();
        add_lost_file();
    }

    log::File& file_;
    const ReportOptions& options_;
    std::unordered_set<std::string> topics_;
    SegmentReport report_;
};

}  // namespace

SegmentReport report_segment(const std::string& path, log::File& file,
                             const ReportOptions& options) {
    return Reporter{path, file, options}.run();
}

}  // namespace firehose::cli
