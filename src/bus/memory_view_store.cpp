// SPDX-License-Identifier: Apache-2.0
#include "bus/memory_view_store.h"

#include <algorithm>
#include <utility>

namespace firehose::bus {

ViewStore::Written MemoryViewStore::write(const std::function<void()>& apply) {
    ++writes_;
    if (faults_.writes_until_cut == 0) return Failure{std::string{"the power is cut"}};
    if (faults_.writes_until_cut != SIZE_MAX) --faults_.writes_until_cut;
    if (faults_.writes_to_fail != 0) {
        --faults_.writes_to_fail;
        return Failure{std::string{"the store fails as it was told"}};
    }
    apply();
    if (faults_.writes_that_lie != 0) {
        --faults_.writes_that_lie;
        return Failure{std::string{"the store lies as it was told"}};
    }
    return {};
}

ViewStore::Written MemoryViewStore::write_sessions(std::span<const SessionRow> rows) {
    return write([&] {
        for (const SessionRow& row : rows) {
            if (row.packed.empty()) {
                current_.sessions.erase(row.id);
            } else {
                current_.sessions[row.id] = row.packed;
            }
        }
    });
}

ViewStore::Written MemoryViewStore::write_retained(std::span<const RetainedRow> rows) {
    return write([&] {
        for (const RetainedRow& row : rows) {
            if (row.record.empty()) {
                current_.retained.erase(row.topic);
            } else {
                current_.retained[row.topic] = row;
            }
        }
    });
}

ViewStore::Written MemoryViewStore::set_floor(View view, Seq floor) {
    return write([&] { current_.floors[static_cast<std::size_t>(view)] = floor; });
}

Result<Seq, std::string> MemoryViewStore::floor(View view) {
    return current_.floors[static_cast<std::size_t>(view)];
}

Result<Seq, std::string> MemoryViewStore::oldest_floor() {
    const Generation& oldest = has_previous_ ? previous_ : current_;
    return std::min(oldest.floors[0], oldest.floors[1]);
}

ViewStore::Written MemoryViewStore::keep_generation() {
    return write([&] {
        previous_ = current_;
        has_previous_ = true;
    });
}

ViewStore::Written MemoryViewStore::load_sessions(const std::function<void(SessionRow&&)>& each) {
    for (const auto& [id, packed] : current_.sessions) each({.id = id, .packed = packed});
    return {};
}

ViewStore::Written MemoryViewStore::load_retained(const std::function<void(RetainedRow&&)>& each) {
    for (const auto& [topic, row] : current_.retained) each(RetainedRow{row});
    return {};
}

void MemoryViewStore::fall_back() {
    current_ = has_previous_ ? previous_ : Generation{};
}

void MemoryViewStore::lose_everything() {
    current_ = previous_ = {};
    has_previous_ = false;
}

}  // namespace firehose::bus
