// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "source/deny_rules.h"
#include "source/event_outbox.h"
#include "source/gerrit_event.h"
#include "source/line_splitter.h"
#include "source/metrics.h"

/// From the bytes of a Gerrit stream to events in the outbox: split, read, withhold, count.
///
/// A bad line is counted by kind, logged once per kind, and skipped; it never ends the stream.
/// Threads: its source's. Lifetime: refers to the outbox and the metrics, which outlive it.
namespace firehose::source {

class GerritLines {
public:
    GerritLines(std::string source_name, GerritEventRules rules, DenyRules deny,
                EventOutbox& outbox, SourceMetrics& metrics);

    void on_bytes(std::string_view bytes);
    /// The stream ended: a line that was begun is a cut one.
    void on_end();

private:
    void on_line(std::string_view line);
    void on_bad_line(BadLine kind);

    std::string source_name_;
    GerritEventRules rules_;
    DenyRules deny_;
    EventOutbox& outbox_;
    SourceMetrics& metrics_;
    LineSplitter splitter_;
    std::uint64_t too_long_seen_ = 0;
    std::array<bool, kBadLineKinds> is_logged_{};
    bool is_dropping_ = false;
};

}  // namespace firehose::source
