// SPDX-License-Identifier: Apache-2.0
#include "source/gerrit_line.h"

#include <utility>

#include "base/log.h"

namespace firehose::source {

GerritLines::GerritLines(std::string source_name, GerritEventRules rules, DenyRules deny,
                         EventOutbox& outbox, SourceMetrics& metrics)
    : source_name_(std::move(source_name)),
      rules_(std::move(rules)),
      deny_(std::move(deny)),
      outbox_(outbox),
      metrics_(metrics),
      splitter_(rules_.packet_bytes_max + 1) {}  // One more: a CR is not part of the payload.

void GerritLines::on_bytes(std::string_view bytes) {
    splitter_.feed(bytes, [this](std::string_view line) { on_line(line); });
    for (; too_long_seen_ < splitter_.too_long(); ++too_long_seen_) {
        on_bad_line(BadLine::too_large);
    }
}

void GerritLines::on_end() {
    if (splitter_.reset()) on_bad_line(BadLine::cut);
}

void GerritLines::on_line(std::string_view line) {
    Result<GerritEvent, BadLine> event = read_gerrit_event(line, rules_);
    if (!event) {
        on_bad_line(event.error());
        return;
    }
    if (deny_.denies(event->facts)) {
        ++metrics_.denied;
        return;
    }
    if (outbox_.put({std::move(event->topic), std::string{event->payload}, event->origin_time})) {
        ++metrics_.published;
        is_dropping_ = false;
        return;
    }
    ++metrics_.dropped;
    if (!std::exchange(is_dropping_, true)) {
        FH_LOG(error, "source_gap", {"source", source_name_},
               {"reason", "source.buffer_bytes are full: the log is too slow, events are lost"});
    }
}

void GerritLines::on_bad_line(BadLine kind) {
    const auto index = static_cast<std::size_t>(kind);
    ++metrics_.bad_lines.at(index);
    if (!std::exchange(is_logged_.at(index), true)) {
        FH_LOG(warn, "source_bad_line", {"source", source_name_}, {"kind", name(kind)},
               {"note", "skipped and counted; further ones of this kind are only counted"});
    }
}

}  // namespace firehose::source
