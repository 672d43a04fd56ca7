// SPDX-License-Identifier: Apache-2.0
#include "bus/tail_index.h"

namespace firehose::bus {

TailIndex::Slot TailIndex::add(Subscriber subscriber, Identity reader, const Acl& acl) {
    if (free_.empty()) {
        free_.push_back(static_cast<Slot>(entries_.size()));
        entries_.emplace_back();
    }
    const Slot slot = free_.back();
    free_.pop_back();
    entries_[slot] = {subscriber, std::move(reader), &acl};
    return slot;
}

void TailIndex::add_filter(Slot slot, std::string_view filter) {
    cache_.add(filter, slot);
}

void TailIndex::remove_filter(Slot slot, std::string_view filter) {
    cache_.remove(filter, slot);
}

void TailIndex::remove(Slot slot) {
    entries_[slot] = {};
    free_.push_back(slot);
}

}  // namespace firehose::bus
