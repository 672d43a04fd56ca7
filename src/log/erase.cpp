// SPDX-License-Identifier: Apache-2.0
#include "log/erase.h"

#include <cstddef>
#include <vector>

namespace firehose::log {

bool is_to_erase(const EraseSelection& selection, Seq seq, const Record& record) {
    const bool has_content = record.kind == RecordKind::message || record.kind == RecordKind::keep;
    return has_content && !record.is_erased && selection.covers(seq, record);
}

BlockRef without_erased(const BlockRef& block, const EraseSelection& selection,
                        std::uint64_t& records) {
    std::vector<std::size_t> covered;
    for (std::size_t i = 0; i < block->count(); ++i) {
        if (is_to_erase(selection, block->first_seq() + i, block->record(i))) covered.push_back(i);
    }
    records += covered.size();
    return covered.empty() ? block : block->erased(covered);
}

}  // namespace firehose::log
