// SPDX-License-Identifier: Apache-2.0
#include "log/log.h"

namespace firehose::log {

bool has_wanted(const Block& block, const TopicInterest& interest) {
    for (std::size_t i = 0; i < block.count(); ++i) {
        const Record record = block.record(i);
        if (record.kind == RecordKind::gap) return true;
        if (record.kind == RecordKind::message && interest.wants(record.topic)) return true;
    }
    return false;
}

}  // namespace firehose::log
