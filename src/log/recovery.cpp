// SPDX-License-Identifier: Apache-2.0
#include "log/recovery.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "log/file_io.h"
#include "log/gap.h"
#include "log/record.h"
#include "log/sealed_reader.h"
#include "log/segment_store.h"

namespace firehose::log {
namespace {

constexpr std::string_view kPlainSuffix = ".open";
constexpr std::string_view kSealedSuffix = ".sealed";
constexpr std::string_view kUnfinishedSuffix = ".tmp";
constexpr std::size_t kNumberDigits = 20;
constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

/// The files of one segment number.
struct Files {
    bool has_plain = false;
    bool has_sealed = false;
};

/// A segment as it was found, before it is known what comes after it.
struct Found {
    KeptSegment segment;
    std::vector<DamagedStretch> damage;
    std::optional<CutBlock> cut_block;
    std::optional<Gap> opening_gap;
    Seq seq_limit{};
    std::uint64_t tail_bytes = 0;
    std::uint64_t durable_before = 0;
    bool is_closed = false;
    bool is_past_closing = false;
    bool is_past_limit = false;
};

class Recoverer {
public:
    Recoverer(FileSystem& log, FileSystem& damaged, const RecoveryOptions& options)
        : files_(log), damaged_(damaged), options_(options) {}

    [[nodiscard]] Result<Recovered, RecoveryError> run() {
        if (auto listed = list(); !listed) return Failure{listed.error()};
        if (auto synced = sync_names(); !synced) return Failure{synced.error()};
        if (auto read = read_segments(); !read) return Failure{read.error()};
        if (auto cut = cut_tail(); !cut) return Failure{cut.error()};
        find_holes();
        keep_damage_aside();
        if (!out_.removed.empty()) {
            if (auto synced = sync_names(); !synced) return Failure{synced.error()};
        }
        decide_where_to_go_on();
        for (Found& found : found_) out_.log.segments.push_back(std::move(found.segment));
        return std::move(out_);
    }

private:
    using Step = Result<void, RecoveryError>;

    [[nodiscard]] static Failure<RecoveryError> problem(const std::string& file,
                                                        std::error_code error) {
        return Failure{RecoveryError{file, error.message() + "; look after the disk"}};
    }

    [[nodiscard]] Step list() {
        const auto names = files_.list();
        if (!names) return problem("", names.error());
        for (const std::string& name : *names) {
            if (name.ends_with(kUnfinishedSuffix)) {
                if (auto removed = remove(name); !removed) return removed;
                continue;
            }
            std::uint64_t number = 0;
            const char* digits_end = name.data() + std::min(name.size(), kNumberDigits);
            const auto [end, error] = std::from_chars(name.data(), digits_end, number);
            const std::string_view suffix =
                std::string_view{name}.substr(std::min(name.size(), kNumberDigits));
            const bool is_ours = error == std::errc{} && end == digits_end && number != 0 &&
                                 (suffix == kPlainSuffix || suffix == kSealedSuffix);
            if (!is_ours) continue;  // Somebody's notes are no concern of ours.
            Files& files = segments_[number];
            (suffix == kPlainSuffix ? files.has_plain : files.has_sealed) = true;
            out_.log.last_number = std::max(out_.log.last_number, number);
        }
        out_.log.log_id = options_.log_id;
        return {};
    }

    /// Before a file goes because another one is there, that one must stay: a process that was
    /// killed may have given it its name a moment ago.
    [[nodiscard]] Step sync_names() {
        if (const auto synced = files_.sync_folder(); !synced) return problem("", synced.error());
        return {};
    }

    [[nodiscard]] Step remove(const std::string& name) {
        if (const auto removed = files_.remove(name); !removed) {
            return problem(name, removed.error());
        }
        out_.removed.push_back(name);
        return {};
    }

    /// From the newest to the oldest: each ends where the next begins.
    [[nodiscard]] Step read_segments() {
        std::optional<Seq> limit;
        for (auto at = segments_.rbegin(); at != segments_.rend(); ++at) {
            const auto& [number, files] = *at;
            const std::size_t before = found_.size();
            if (files.has_sealed) {
                if (auto read = read_sealed_file(number, files.has_plain); !read) return read;
            }
            if (found_.size() == before && files.has_plain) {
                if (auto read = read_plain_file(number, limit); !read) return read;
            }
            if (found_.size() != before) limit = found_.back().segment.header.first_seq;
            is_newest_known_ = is_newest_known_ || found_.size() != before;
        }
        std::reverse(found_.begin(), found_.end());
        return {};
    }

    [[nodiscard]] Step check_owner(const std::string& name, const SegmentHeader& header) {
        if (header.log_id == 0 || header.log_id == options_.log_id) return {};
        return Failure{RecoveryError{
            name,
            "is a segment of another log: files of two data folders were mixed; put it back "
            "where it came from"}};
    }

    /// Adds nothing where the plain file has to serve.
    [[nodiscard]] Step read_sealed_file(std::uint64_t number, bool has_plain) {
        const std::string name = segment_name(number, true);
        auto file = files_.open(name);
        if (!file) return problem(name, file.error());
        const auto opened = SealedFile::open(**file);
        if (!opened && opened.error() == SealedProblem::unreadable) {
            return Failure{RecoveryError{name, "cannot be read; look after the disk"}};
        }
        const bool is_whole = opened && opened->is_whole();
        if (!is_whole && has_plain) return remove(name);  // Its sealing did not get far.
        if (!opened) {
            note_lost_file(name, **file);
            return {};
        }
        if (auto owned = check_owner(name, opened->header()); !owned) return owned;
        if (has_plain) {
            if (auto removed = remove(segment_name(number, false)); !removed) return removed;
        }
        out_.bytes_read += kSegmentHeaderBytes;
        Found found;
        found.segment = {.name = name,
                         .file = std::move(*file),
                         .header = opened->header(),
                         .bytes = opened->file_bytes(),
                         .disk_bytes = opened->file_bytes(),
                         .end_seq = opened->header().end_seq,
                         .end_time = opened->header().last_time};
        found.seq_limit = opened->header().seq_limit;
        found_.push_back(std::move(found));
        return {};
    }

    [[nodiscard]] Step read_plain_file(std::uint64_t number, std::optional<Seq> limit) {
        const std::string name = segment_name(number, false);
        auto file = files_.open(name);
        if (!file) return problem(name, file.error());
        auto scan = scan_segment(**file, limit);
        if (scan && !limit) {
            if (const auto torn = torn_at(*scan)) {
                if (const auto done = (*file)->truncate(*torn); !done) {
                    return problem(name, done.error());
                }
                out_.bytes_cut += scan->bytes + scan->tail_bytes - *torn;
                scan = scan_segment(**file, limit);
            }
        }
        if (!scan) return on_scan_problem(name, **file, scan.error());
        if (auto owned = check_owner(name, scan->header); !owned) return owned;
        scan->header.number = number;
        scan->header.log_id = options_.log_id;
        out_.bytes_read += scan->file_bytes;
        Found found;
        if (scan->is_header_damaged) found.damage.push_back({.bytes = kSegmentHeaderBytes});
        found.damage.insert(found.damage.end(), scan->damage.begin(), scan->damage.end());
        found.segment = {.name = name,
                         .file = std::move(*file),
                         .header = scan->header,
                         .bytes = scan->bytes,
                         .disk_bytes = scan->file_bytes,
                         .end_seq = scan->end_seq,
                         .end_time = scan->end_time,
                         .index = std::move(scan->index)};
        found.cut_block = scan->cut_block;
        found.opening_gap = scan->opening_gap;
        found.seq_limit = scan->seq_limit;
        found.tail_bytes = scan->tail_bytes;
        found.durable_before = scan->durable_before;
        found.is_closed = scan->is_closed;
        found.is_past_closing = scan->is_past_closing;
        found.is_past_limit = scan->is_past_limit;
        found_.push_back(std::move(found));
        return {};
    }

    /// Where what was never durable begins to be torn: of the writes since the last sync some may
    /// have arrived and others not, in no order.
    [[nodiscard]] static std::optional<std::uint64_t> torn_at(const SegmentScan& scan) {
        for (const DamagedStretch& stretch : scan.damage) {
            if (stretch.offset >= scan.durable_before) return stretch.offset;
        }
        return {};
    }

    [[nodiscard]] Step on_scan_problem(const std::string& name, File& file, ScanProblem what) {
        switch (what) {
            case ScanProblem::unreadable:
                return Failure{RecoveryError{name, "cannot be read; look after the disk"}};
            case ScanProblem::newer_format:
                return Failure{RecoveryError{
                    name, "was written by a newer firehose; start that one, or another folder"}};
            case ScanProblem::sealed:
                return Failure{RecoveryError{
                    name, "is a sealed segment under another name; rename it to end in .sealed"}};
            case ScanProblem::empty:
                return remove(name);
            case ScanProblem::torn_header:  // Or a damaged one: seqs may have been given.
                // The newest stays until a newer one is there: who starts again before that must
                // not take the one before it, cleanly stopped, for the end.
                if (!is_newest_known_ && !is_newest_lost_) {
                    is_newest_lost_ = true;
                    return {};
                }
                return remove(name);
            case ScanProblem::no_header:
                note_lost_file(name, file);
                return {};
        }
        return {};
    }

    /// Nothing in it can be found. Its seqs are named by `find_holes`.
    void note_lost_file(const std::string& name, File& file) {
        const auto bytes = file.size();
        lost_bytes_ += bytes ? *bytes : 0;
        is_newest_lost_ = is_newest_lost_ || !is_newest_known_;
        lost_files_.push_back({name, bytes ? *bytes : 0});
    }

    /// What was never acknowledged goes, and what stays is durable from now on.
    [[nodiscard]] Step cut_tail() {
        for (Found& found : found_) {  // An older one may have lost its end, too.
            if (auto mended = mend_cut_block(found); !mended) return mended;
            if (auto cut = cut_at_limit(found); !cut) return cut;
        }
        if (found_.empty() || found_.back().segment.header.is_sealed) return {};
        Found& newest = found_.back();
        KeptSegment& segment = newest.segment;
        // A closing header keeps what follows, so that a start that is cut off here finds the same
        // again: zeros, or what makes it no clean stop.
        const bool ends_in_closing = newest.is_closed || newest.is_past_closing;
        if (!ends_in_closing && segment.disk_bytes > segment.bytes) {
            if (const auto done = segment.file->truncate(segment.bytes); !done) {
                return problem(segment.name, done.error());
            }
            out_.bytes_cut += newest.tail_bytes;
            segment.disk_bytes = segment.bytes;
        }
        if (auto again = write_again(segment, newest.durable_before); !again) return again;
        if (const auto done = segment.file->sync(); !done) {
            return problem(segment.name, done.error());
        }
        return {};
    }

    /// What the writer gave up on to write it again in the next segment. That one may go without
    /// having taken a block, and then nothing would say any more that this does not count.
    [[nodiscard]] Step cut_at_limit(Found& found) {
        if (!found.is_past_limit) return {};
        KeptSegment& segment = found.segment;
        if (const auto done = segment.file->truncate(segment.bytes); !done) {
            return problem(segment.name, done.error());
        }
        if (const auto done = segment.file->sync(); !done) {
            return problem(segment.name, done.error());
        }
        out_.bytes_cut += segment.disk_bytes - segment.bytes;
        segment.disk_bytes = segment.bytes;
        return {};
    }

    /// The same bytes over themselves: where a sync had failed before the process was killed, the
    /// system may show bytes that are not on the disk, and would not write them with the next sync.
    [[nodiscard]] Step write_again(const KeptSegment& segment, std::uint64_t from) {
        while (from < segment.bytes) {
            const auto count = std::min<std::uint64_t>(kCopyBytes, segment.bytes - from);
            const auto bytes = read_all(*segment.file, from, static_cast<std::size_t>(count));
            if (!bytes) return problem(segment.name, bytes.error());
            if (bytes->empty()) break;
            if (const auto done = write_all(*segment.file, from, ByteSpan{*bytes}); !done) {
                return problem(segment.name, done.error());
            }
            from += bytes->size();
        }
        return {};
    }

    /// A header that promises more than is there is written again for what is.
    [[nodiscard]] Step mend_cut_block(const Found& found) {
        if (!found.cut_block) return {};
        const KeptSegment& segment = found.segment;
        const auto header =
            encode(found.cut_block->header, segment.header.salt, found.cut_block->offset);
        if (const auto done = write_all(*segment.file, found.cut_block->offset, header); !done) {
            return problem(segment.name, done.error());
        }
        if (const auto done = segment.file->sync(); !done) {
            return problem(segment.name, done.error());
        }
        return {};
    }

    /// Seqs that should be between two segments and are in neither.
    void find_holes() {
        Found* before = nullptr;
        for (Found& next : found_) {
            if (next.segment.has_blocks() && before != nullptr) find_hole(*before, next);
            for (const DamagedStretch& stretch : next.damage) {
                out_.damage.push_back({.file = next.segment.name, .stretch = stretch});
            }
            if (next.segment.has_blocks()) before = &next;
        }
        for (const auto& [name, bytes] : lost_files_) {
            out_.damage.push_back({.file = name, .stretch = {.bytes = bytes}});
        }
    }

    void find_hole(const Found& found, Found& next) {
        const Seq from = found.segment.end_seq;
        const Seq end = next.segment.header.first_seq;
        if (from >= end || is_recorded(next, from)) return;
        next.segment.lost_from = from;
        const bool is_tail = found.tail_bytes != 0 || found.cut_block;
        const std::string missing = missing_between(found.segment, next.segment);
        Damage damage{.file = missing.empty() ? found.segment.name : missing,
                      .stretch = {.from = from, .end = end}};
        if (missing.empty() && is_tail) {
            damage.stretch.offset = found.segment.bytes;
            damage.stretch.bytes = found.segment.disk_bytes - found.segment.bytes;
        }
        out_.damage.push_back(std::move(damage));
    }

    /// The next segment says itself what is missing before it.
    [[nodiscard]] static bool is_recorded(Found& next, Seq from) {
        if (next.segment.header.is_sealed && !next.opening_gap) {
            const auto opened = SealedFile::open(*next.segment.file);
            if (!opened) return false;
            const SegmentRead first =
                read_sealed(*next.segment.file, *opened, next.segment.header.first_seq, 1);
            if (!first.blocks.empty()) next.opening_gap = gap_of(first.blocks[0]->record(0));
        }
        return next.opening_gap && next.opening_gap->from <= from;
    }

    /// The file between the two, if there should be one.
    [[nodiscard]] std::string missing_between(const KeptSegment& before, const KeptSegment& after) {
        for (const auto& [name, bytes] : lost_files_) {
            if (name > before.name && name < after.name) return name;
        }
        const std::uint64_t number = before.header.number + 1;
        return number < after.header.number ? segment_name(number, false) : std::string{};
    }

    void keep_damage_aside() {
        const std::uint64_t kept = measure_kept_aside();
        std::uint64_t left =
            options_.damaged_bytes_max - std::min(kept, options_.damaged_bytes_max);
        bool is_any = false;
        for (Damage& damage : out_.damage) {
            if (damage.stretch.bytes == 0) continue;
            const std::string name = damage.file + "." + std::to_string(damage.stretch.offset);
            damage.is_new = !damaged_.open(name);
            if (!damage.is_new) damage.kept_as = name;
            if (!damage.is_new || damage.stretch.bytes > left) continue;
            if (!keep_aside(damage, name)) continue;
            damage.kept_as = name;
            left -= damage.stretch.bytes;
            is_any = true;
        }
        if (is_any) static_cast<void>(damaged_.sync_folder());
    }

    [[nodiscard]] std::uint64_t measure_kept_aside() {
        std::uint64_t bytes = 0;
        const auto names = damaged_.list();
        if (!names) return bytes;
        for (const std::string& name : *names) {
            if (name.ends_with(kUnfinishedSuffix)) {  // An earlier start was cut off.
                static_cast<void>(damaged_.remove(name));
                continue;
            }
            const auto file = damaged_.open(name);
            const auto size = file ? (*file)->size() : Result<std::uint64_t, std::error_code>{0};
            bytes += size ? *size : 0;
        }
        return bytes;
    }

    /// It has its name only when it is whole: a start that is cut off here is made good.
    [[nodiscard]] bool keep_aside(const Damage& damage, const std::string& name) {
        auto source = files_.open(damage.file);
        if (!source) return false;
        const std::string unfinished = name + std::string{kUnfinishedSuffix};
        auto target = damaged_.create(unfinished);
        if (!target) return false;
        if (copy(**source, damage.stretch, **target) && damaged_.rename(unfinished, name)) {
            return true;
        }
        static_cast<void>(damaged_.remove(unfinished));
        return false;
    }

    [[nodiscard]] static bool copy(File& from, const DamagedStretch& stretch, File& to) {
        for (std::uint64_t done = 0; done < stretch.bytes;) {
            const auto count = std::min<std::uint64_t>(kCopyBytes, stretch.bytes - done);
            const auto bytes =
                read_all(from, stretch.offset + done, static_cast<std::size_t>(count));
            if (!bytes || bytes->empty() || !write_all(to, done, ByteSpan{*bytes})) return false;
            done += bytes->size();
        }
        return to.sync().has_value();
    }

    void decide_where_to_go_on() {
        Seq seq_limit{};
        bool has_blocks = false;
        for (const Found& found : found_) {
            seq_limit = std::max(seq_limit, found.seq_limit);
            out_.log.time = std::max(out_.log.time, found.segment.end_time);
            if (!found.segment.has_blocks()) continue;
            has_blocks = true;
            out_.log.end_seq = found.segment.end_seq;
        }
        if (!has_blocks && !found_.empty()) {
            out_.log.end_seq = found_.front().segment.header.first_seq;
        }
        const bool is_new = found_.empty() && lost_files_.empty();
        out_.was_clean =
            !is_newest_lost_ && (is_new || (!found_.empty() && found_.back().is_closed));
        if (out_.was_clean) {
            // A closing header may stand beyond the last block.
            if (!found_.empty()) {
                out_.log.end_seq = std::max(out_.log.end_seq, found_.back().segment.end_seq);
            }
            out_.log.next_seq = out_.log.end_seq;
            return;
        }
        // What a lost segment may have reserved and given: no more than its bytes can hold.
        if (is_newest_lost_) {
            seq_limit = std::max(seq_limit, out_.log.end_seq) + kReserved +
                        lost_bytes_ / kRecordHeaderBytes;
        }
        out_.log.next_seq = std::max(seq_limit, out_.log.end_seq);
    }

    FileSystem& files_;
    FileSystem& damaged_;
    const RecoveryOptions options_;
    std::map<std::uint64_t, Files> segments_;
    std::vector<Found> found_;
    std::vector<std::pair<std::string, std::uint64_t>> lost_files_;  // Name, bytes.
    std::uint64_t lost_bytes_ = 0;
    bool is_newest_known_ = false;  // While reading: one was read already.
    bool is_newest_lost_ = false;
    Recovered out_;
};

}  // namespace

Result<Recovered, RecoveryError> recover(FileSystem& log, FileSystem& damaged,
                                         const RecoveryOptions& options) {
    return Recoverer{log, damaged, options}.run();
}

}  // namespace firehose::log
