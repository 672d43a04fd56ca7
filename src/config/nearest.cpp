// SPDX-License-Identifier: Apache-2.0
#include "config/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace firehose::config {
namespace {

constexpr std::size_t kWordMax = 100;

/// Insertions, deletions and replacements from one to the other.
std::size_t edits(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 1; i <= from.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const std::size_t above = row[j];
            const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
            row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
            diagonal = above;
        }
    }
    return row.back();
}

std::string_view last_part(std::string_view key) {
    return key.substr(key.rfind('.') + 1);
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> known) {
    if (word.empty() || word.size() > kWordMax) return {};
    std::string best;
    std::size_t best_edits = word.size() / 3 + 1;
    for (const std::string& candidate : known) {
        const std::size_t distance = edits(word, candidate);
        if (distance >= best_edits) continue;
        best_edits = distance;
        best = candidate;
    }
    if (!best.empty()) return best;
    const auto found = std::ranges::find(known, last_part(word),
                                         [](const std::string& key) { return last_part(key); });
    return found == known.end() ? std::string{} : *found;
}

}  // namespace firehose::config
