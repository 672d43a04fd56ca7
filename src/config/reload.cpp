// SPDX-License-Identifier: Apache-2.0
#include "config/reload.h"

#include <algorithm>
#include <type_traits>

#include "config/options.h"

namespace firehose::config {
namespace {

/// The two fields of one row. `now` is only read: the table's functions know no const.
bool is_same(const Option& row, void* next, void* now) {
    return std::visit(
        [&](auto* field) {
            return *field == *std::get<std::remove_reference_t<decltype(field)>>(row.field(now));
        },
        row.field(next));
}

void keep(const Option& row, void* next, void* now) {
    std::visit(
        [&](auto* field) {
            *field = *std::get<std::remove_reference_t<decltype(field)>>(row.field(now));
        },
        row.field(next));
}

bool same_sources(Settings& next, Settings& now) {
    const auto list = std::ranges::find(table_lists(), "source.gerrit", &TableList::key);
    auto& sources = next.source.gerrit;
    if (sources.size() != now.source.gerrit.size()) return false;
    for (std::size_t i = 0; i < sources.size(); ++i) {
        for (const Option& row : list->options) {
            if (!is_same(row, &sources[i], &now.source.gerrit[i])) return false;
        }
    }
    return true;
}

}  // namespace

std::vector<std::string> keep_until_restart(Settings& next, const Settings& current) {
    Settings now = current;
    std::vector<std::string> kept;
    for (const Option& row : options()) {
        if (row.reload == Reload::live || is_same(row, &next, &now)) continue;
        keep(row, &next, &now);
        kept.emplace_back(row.key);
    }
    if (!same_sources(next, now)) {
        next.source.gerrit = now.source.gerrit;
        kept.emplace_back("source.gerrit");
    }
    return kept;
}

}  // namespace firehose::config
