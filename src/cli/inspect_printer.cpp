// SPDX-License-Identifier: Apache-2.0
#include "cli/inspect_printer.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/progress_bar.h"

namespace firehose::cli {
namespace {

std::string quoted(std::string_view text) {
    return boost::json::serialize(boost::json::string_view{text.data(), text.size()});
}

/// A topic may hold control characters, which a terminal would obey.
std::string printable(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    return out;
}

std::string to_the_second(WallTime time) {
    constexpr std::size_t kUpToSeconds = 19;
    return to_rfc3339(time).substr(0, kUpToSeconds) + "Z";
}

const char* name_of(Finding::Kind kind) {
    switch (kind) {
        case Finding::Kind::damage:
            return "damage";
        case Finding::Kind::note:
            return "note";
        case Finding::Kind::cannot:
            return "cannot";
    }
    return "";
}

std::string name_of(log::RecordKind kind) {
    using log::RecordKind;
    switch (kind) {
        case RecordKind::message:
            return "message";
        case RecordKind::gap:
            return "gap";
        case RecordKind::session_opened:
            return "session_opened";
        case RecordKind::session_ended:
            return "session_ended";
        case RecordKind::subscribed:
            return "subscribed";
        case RecordKind::unsubscribed:
            return "unsubscribed";
        case RecordKind::pubrel_received:
            return "pubrel_received";
        case RecordKind::ids_assigned:
            return "ids_assigned";
        case RecordKind::pubrec_received:
            return "pubrec_received";
        case RecordKind::will_armed:
            return "will_armed";
        case RecordKind::will_disarmed:
            return "will_disarmed";
        case RecordKind::group_joined:
            return "group_joined";
        case RecordKind::group_left:
            return "group_left";
        case RecordKind::keep:
            return "keep";
        case RecordKind::erase:
            return "erase";
        case RecordKind::epoch:
            return "epoch";
    }
    return "kind_" + std::to_string(static_cast<unsigned>(kind));
}

std::string gap_text(const log::Record& record) {
    const auto gap = log::gap_of(record);
    if (!gap) return "";
    return fmt::format("{} to {}, {}", number(gap->from), number(gap->to),
                       gap->reason == log::GapReason::crash ? "crash" : "not stored");
}

}  // namespace

void InspectPrinter::print(const FolderReport& folder) {
    if (is_json_) {
        out_(fmt::format(R"({{"type":"folder","path":{},"format":{},"log":"{:016x}","pid":{}}})"
                         "\n",
                         quoted(folder.path), folder.format, folder.log_id,
                         folder.user ? std::to_string(*folder.user) : "null"));
        return;
    }
    std::string line = fmt::format("{}: log {:016x}, ", folder.path, folder.log_id);
    line += folder.format == 0 ? "without a format" : fmt::format("format {}", folder.format);
    if (folder.user && *folder.user == 0) line += ", in use";
    if (folder.user && *folder.user != 0) line += fmt::format(", in use by pid {}", *folder.user);
    out_(line + '\n');
}

void InspectPrinter::print(const SegmentReport& segment) {
    if (!segment.is_readable) return;
    const char* state = segment.is_sealed ? "sealed" : "open";
    if (is_json_) {
        out_(fmt::format(
            R"({{"type":"segment","file":{},"number":{},"log":"{:016x}","state":"{}",)"
            R"("first_seq":{},"end_seq":{},"first_time":{},"last_time":{},"records":{},)"
            R"("topics":{},"plain_bytes":{},"disk_bytes":{}}})"
            "\n",
            quoted(segment.file), segment.number, segment.log_id, state, number(segment.first_seq),
            number(segment.end_seq), quoted(to_rfc3339(segment.first_time)),
            quoted(to_rfc3339(segment.last_time)), segment.records, segment.topics,
            segment.plain_bytes, segment.disk_bytes));
        return;
    }
    constexpr const char* kRow =
        "{:>8}  {:<6}  {:>12}  {:>12}  {:>10}  {:<20}  {:<20}  {:>7}  {:>10}  {:>10}\n";
    if (!std::exchange(has_head_, true)) {
        out_(fmt::format(fmt::runtime(kRow), "segment", "state", "first seq", "last seq", "records",
                         "from", "to", "topics", "plain", "on disk"));
    }
    const bool has_any = segment.has_records();
    out_(fmt::format(fmt::runtime(kRow), segment.number, state, number(segment.first_seq),
                     has_any ? std::to_string(number(segment.end_seq) - 1) : "-", segment.records,
                     has_any ? to_the_second(segment.first_time) : "-",
                     has_any ? to_the_second(segment.last_time) : "-", segment.topics,
                     bytes_text(segment.plain_bytes), bytes_text(segment.disk_bytes)));
}

void InspectPrinter::print(const Finding& finding) {
    const bool has_seqs = finding.end > finding.from;
    if (is_json_) {
        std::string line =
            fmt::format(R"({{"type":"{}","file":{},"offset":{},"bytes":{},)", name_of(finding.kind),
                        quoted(finding.file), finding.offset, finding.bytes);
        if (has_seqs) {
            line += fmt::format(R"("first_seq":{},"end_seq":{},)", number(finding.from),
                                number(finding.end));
        }
        out_(line + fmt::format(R"("what":{},"meaning":{}}})"
                                "\n",
                                quoted(finding.what), quoted(finding.meaning)));
        return;
    }
    std::string line = fmt::format("{}: {}: ", name_of(finding.kind), finding.file);
    if (finding.bytes != 0) {
        line += fmt::format("offset {}, {} bytes: ", finding.offset, finding.bytes);
    }
    if (has_seqs) {
        line += fmt::format("seqs {} to {}: ", number(finding.from), number(finding.end) - 1);
    }
    out_(line + fmt::format("{}; {}\n", finding.what, finding.meaning));
}

void InspectPrinter::print(const InspectTotal& total) {
    if (is_json_) {
        out_(fmt::format(R"({{"type":"total","segments":{},"records":{},"plain_bytes":{},)"
                         R"("disk_bytes":{},"damage":{},"cannot":{},"checked":{}}})"
                         "\n",
                         total.segments, total.records, total.plain_bytes, total.disk_bytes,
                         total.damage, total.cannot, total.is_checked));
        return;
    }
    std::string line =
        fmt::format("{} segments, {} records, {} plain, {} on disk: ", total.segments,
                    total.records, bytes_text(total.plain_bytes), bytes_text(total.disk_bytes));
    line += total.damage == 0 ? "no damage found" : fmt::format("{} times damage", total.damage);
    if (total.cannot != 0) line += fmt::format(", {} could not be read", total.cannot);
    if (!total.is_checked) line += "; sealed segments were not read through";
    out_(line + '\n');
}

void InspectPrinter::on_record(Seq seq, WallTime time, const log::Record& record) {
    const std::string gap = gap_text(record);
    if (is_json_) {
        std::string line = fmt::format(
            R"({{"type":"record","seq":{},"time":{},"kind":"{}","qos":{},"retain":{},)"
            R"("erased":{},"topic":{},"payload_bytes":{})",
            number(seq), quoted(to_rfc3339(time)), name_of(record.kind), record.qos, record.retain,
            record.is_erased, quoted(record.topic), record.payload.size());
        if (const auto missing = log::gap_of(record)) {
            line += fmt::format(R"(,"first_seq":{},"end_seq":{})", number(missing->from),
                                number(missing->to) + 1);
        }
        out_(line + "}\n");
        return;
    }
    out_(fmt::format("{:>12}  {}  {:<15}  {}  {:>10}  {}{}{}{}\n", number(seq), to_rfc3339(time),
                     name_of(record.kind), record.qos, record.payload.size(),
                     printable(record.topic), gap, record.retain ? "  retained" : "",
                     record.is_erased ? "  erased" : ""));
}

}  // namespace firehose::cli
