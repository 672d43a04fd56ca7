// SPDX-License-Identifier: Apache-2.0
#include "cli/log_inspector.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "app/data_folder.h"
#include "cli/progress_bar.h"
#include "log/file_io.h"
#include "log/posix_file.h"
#include "log/segment_format.h"

namespace firehose::cli {
namespace {

namespace fs = std::filesystem;

/// The segment files of one folder, or files that were named one by one.
struct FileSet {
    std::vector<std::string> paths;  // In the order of their numbers.
    bool is_log = false;             // All of a log: what is between them is looked at.
    bool is_in_use = false;
    std::uint64_t log_id = 0;  // 0: any.
};

class Inspector {
public:
    Inspector(const InspectOptions& options, InspectPrinter::Out out)
        : options_(options), printer_(std::move(out), options.is_json), bar_("checking") {}

    [[nodiscard]] int run() {
        for (const std::string& path : options_.paths) inspect_path(path);
        total_.is_checked = options_.is_check;
        if (total_.segments != 0 || !options_.is_records) printer_.print(total_);
        if (total_.damage != 0) return kInspectDamage;
        return total_.cannot != 0 ? kInspectCannot : kInspectFine;
    }

private:
    void inspect_path(const std::string& path) {
        std::error_code failed;
        const auto status = fs::status(path, failed);
        if (fs::is_directory(status)) return inspect_folder(path);
        if (fs::is_regular_file(status)) return inspect_files({.paths = {path}});
        say({.kind = Finding::Kind::cannot,
             .file = path,
             .what = failed ? failed.message() : "is neither a folder nor a file",
             .meaning = "name a data folder or a segment file"});
    }

    void inspect_folder(const std::string& path) {
        const bool is_data = fs::exists(path + "/log");
        FileSet files{.is_log = true};
        if (is_data) {
            FolderReport folder{.path = path, .user = app::data_folder_user(path)};
            const auto format = app::read_format(path);
            if (!format) {
                say({.kind = Finding::Kind::cannot,
                     .file = path,
                     .what = format.error(),
                     .meaning = "its segments may be named one by one"});
                return;
            }
            files.is_in_use = folder.user.has_value();
            list(path + "/log", files);
            if (*format) {
                folder.format = (*format)->version;
                folder.log_id = files.log_id = (*format)->log_id;
            } else {
                folder.log_id = first_log_id(files);
            }
            printer_.print(folder);
        } else {
            list(path, files);
        }
        inspect_files(files);
    }

    [[nodiscard]] static std::uint64_t first_log_id(const FileSet& files) {
        for (const std::string& path : files.paths) {
            if (const auto header = header_of(path)) return header->log_id;
        }
        return 0;
    }

    /// By number; where a segment is there plain and sealed, the sealed one.
    void list(const std::string& folder, FileSet& files) {
        std::map<std::string, std::string> by_number;
        std::error_code failed;
        for (fs::directory_iterator entry{folder, failed}, end; !failed && entry != end;
             entry.increment(failed)) {
            const fs::path& path = entry->path();
            const bool is_sealed = path.extension() == ".sealed";
            if (!is_sealed && path.extension() != ".open") continue;
            std::string& place = by_number[path.stem().string()];
            if (place.empty() || is_sealed) place = path.string();
        }
        if (failed) {
            say({.kind = Finding::Kind::cannot,
                 .file = folder,
                 .what = failed.message(),
                 .meaning = "run it as the user who runs the bus"});
        }
        for (const auto& [number, path] : by_number) files.paths.push_back(path);
    }

    [[nodiscard]] static std::optional<log::SegmentHeader> header_of(const std::string& path) {
        const auto file = log::open_read_only(path);
        if (!file) return {};
        const auto head = log::read_all(**file, 0, log::kSegmentHeaderBytes);
        return head ? log::decode_segment_header(*head) : std::nullopt;
    }

    void inspect_files(const FileSet& files) {
        for (const std::string& path : files.paths) {
            std::error_code gone;
            const auto bytes = fs::file_size(path, gone);
            if (!gone) bytes_total_ += bytes;
        }
        const std::vector<std::optional<Seq>> limits = limits_of(files);
        std::vector<Finding> findings;
        std::optional<SegmentReport> before;
        for (std::size_t i = 0; i < files.paths.size(); ++i) {
            const bool is_newest = files.is_log && i + 1 == files.paths.size();
            auto report = read(files, files.paths[i], limits[i], is_newest);
            if (!report) continue;
            bytes_done_ += report->disk_bytes;
            if (is_newest || !files.is_log) note_tail(*report, files.is_in_use && is_newest);
            if (files.is_log && report->has_records()) {
                if (before) find_hole(*before, *report, findings);
                before = *report;
                before->findings.clear();
            }
            check_owner(files, *report);
            if (!options_.is_records) printer_.print(*report);
            count(*report);
            std::move(report->findings.begin(), report->findings.end(),
                      std::back_inserter(findings));
        }
        for (const Finding& finding : findings) say(finding);
    }

    /// Where the segment after each begins.
    [[nodiscard]] static std::vector<std::optional<Seq>> limits_of(const FileSet& files) {
        std::vector<std::optional<Seq>> limits(files.paths.size());
        std::optional<Seq> limit;
        for (std::size_t i = files.paths.size(); files.is_log && i-- > 0;) {
            limits[i] = limit;
            if (const auto header = header_of(files.paths[i])) limit = header->first_seq;
        }
        return limits;
    }

    [[nodiscard]] std::optional<SegmentReport> read(const FileSet& files, const std::string& path,
                                                    std::optional<Seq> limit, bool is_newest) {
        auto file = log::open_read_only(path);
        if (!file && file.error() == std::errc::no_such_file_or_directory && files.is_in_use) {
            // The bus has sealed it meanwhile, or deleted it.
            file = log::open_read_only(fs::path{path}.replace_extension(".sealed").string());
            if (!file) return {};
        }
        if (!file) {
            SegmentReport report{.file = path};
            report.findings.push_back({.kind = Finding::Kind::cannot,
                                       .file = path,
                                       .what = file.error().message(),
                                       .meaning = "run it as the user who runs the bus"});
            return report;
        }
        ReportOptions options{.is_check = options_.is_check,
                              .limit = limit,
                              .records = options_.is_records ? &printer_ : nullptr,
                              .records_from = options_.from,
                              .records_to = options_.to,
                              .records_topic = options_.topic};
        if (options_.is_check) {
            options.on_progress = [this](std::uint64_t bytes) {
                bar_.show(bytes_done_ + bytes, bytes_total_);
            };
        }
        SegmentReport report = report_segment(path, **file, options);
        // What was under way when it was read first is there when it is read again.
        if (is_newest && files.is_in_use && !report.findings.empty() && !options_.is_records) {
            report = report_segment(path, **file, options);
        }
        return report;
    }

    static void note_tail(SegmentReport& report, bool is_in_use) {
        if (report.tail_bytes == 0) return;
        report.findings.push_back(
            {.kind = Finding::Kind::note,
             .file = report.file,
             .offset = report.tail_offset,
             .bytes = report.tail_bytes,
             .what = "bytes behind the last whole record",
             .meaning = is_in_use ? "the bus is just writing them"
                                  : "never acknowledged; the next start cuts them off"});
    }

    /// As recovery does: seqs between two segments that neither holds, nor says to be missing.
    static void find_hole(const SegmentReport& before, const SegmentReport& next,
                          std::vector<Finding>& findings) {
        const bool is_hole = before.end_seq < next.first_seq;
        const bool is_recorded = next.opening_gap && next.opening_gap->from <= before.end_seq;
        if (!is_hole || is_recorded) return;
        findings.push_back(
            {.kind = Finding::Kind::damage,
             .file = before.file,
             .offset = before.tail_offset,
             .bytes = before.tail_bytes,
             .from = before.end_seq,
             .end = next.first_seq,
             .what = "the records up to the next segment are missing",
             .meaning = "its end was cut off, or a segment between them was removed; readers are "
                        "told of a gap; a backup may have them"});
    }

    static void check_owner(const FileSet& files, SegmentReport& report) {
        const bool is_ours =
            files.log_id == 0 || report.log_id == 0 || report.log_id == files.log_id;
        if (is_ours) return;
        report.findings.push_back(
            {.kind = Finding::Kind::damage,
             .file = report.file,
             .what = "the segment is of another log",
             .meaning = "files of two data folders were mixed, and the bus does not start; put it "
                        "back where it came from"});
    }

    void count(const SegmentReport& report) {
        if (!report.is_readable) return;
        ++total_.segments;
        total_.records += report.records;
        total_.plain_bytes += report.plain_bytes;
        total_.disk_bytes += report.disk_bytes;
    }

    void say(const Finding& finding) {
        if (finding.kind == Finding::Kind::damage) ++total_.damage;
        if (finding.kind == Finding::Kind::cannot) ++total_.cannot;
        printer_.print(finding);
    }

    const InspectOptions& options_;
    InspectPrinter printer_;
    ProgressBar bar_;
    InspectTotal total_;
    std::uint64_t bytes_done_ = 0;
    std::uint64_t bytes_total_ = 0;
};

}  // namespace

int inspect(const InspectOptions& options, InspectPrinter::Out out) {
    return Inspector{options, std::move(out)}.run();
}

}  // namespace firehose::cli
