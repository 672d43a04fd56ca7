// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "cli/inspect_printer.h"

/// What `firehose inspect` does: goes through data folders or segment files, and says what they
/// hold and what is wrong with them.
///
/// Takes no lock and changes nothing, so it may run beside a bus: what that one is just writing is
/// no damage. Threads: the main thread.
namespace firehose::cli {

struct InspectOptions {
    std::vector<std::string> paths;  // Data folders, folders of segments, or segments.
    bool is_check = false;
    bool is_records = false;
    bool is_json = false;
    std::optional<Seq> from;  // Of the records that are printed.
    std::optional<Seq> to;
    std::string topic;  // Of the messages that are printed: a filter; empty: all records.
};

inline constexpr int kInspectFine = 0;
inline constexpr int kInspectDamage = 1;
inline constexpr int kInspectCannot = 2;

[[nodiscard]] int inspect(const InspectOptions& options, InspectPrinter::Out out);

}  // namespace firehose::cli
