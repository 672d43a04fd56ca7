// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cli/segment_report.h"

/// Words for what `firehose inspect` found: a table and sentences, or a JSON object a line.
///
/// Never a payload: its size only. Threads: the main thread.
namespace firehose::cli {

struct FolderReport {
    std::string path;
    std::uint64_t format = 0;  // 0: without a file `format`.
    std::uint64_t log_id = 0;
    std::optional<pid_t> user;  // The process that has it in use; 0: unknown which.
};

struct InspectTotal {
    std::uint64_t segments = 0;
    std::uint64_t records = 0;
    std::uint64_t plain_bytes = 0;
    std::uint64_t disk_bytes = 0;
    std::uint64_t damage = 0;  // Findings of each kind.
    std::uint64_t cannot = 0;
    bool is_checked = false;
};

class InspectPrinter final : public RecordVisitor {
public:
    using Out = std::function<void(std::string_view)>;

    InspectPrinter(Out out, bool is_json) : out_(std::move(out)), is_json_(is_json) {}

    void print(const FolderReport& folder);
    void print(const SegmentReport& segment);
    void print(const Finding& finding);
    void print(const InspectTotal& total);
    void on_record(Seq seq, WallTime time, const log::Record& record) override;

private:
    const Out out_;
    const bool is_json_;
    bool has_head_ = false;
};

}  // namespace firehose::cli
