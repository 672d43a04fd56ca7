// SPDX-License-Identifier: Apache-2.0
// Target: SubscriptionIndex and MatchCache. Property: after any adds and removes, both answer for
// any name what the reference `matches` answers; when everything is removed, the index is as empty
// as new. The input is lines: `+<id><filter>` adds, `-<id><filter>` removes, others are names.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "topic/match_cache.h"
#include "topic/subscription_index.h"
#include "topic/topic_filter.h"
#include "topic/topic_name.h"

using namespace firehose::topic;

namespace {

using Reference = std::set<std::pair<std::string, SubscriberId>>;

void compare(MatchCache& cache, const Reference& reference, std::string_view name) {
    std::vector<SubscriberId> expected;
    for (const auto& [filter, id] : reference) {
        if (!matches(filter, name)) continue;
        FH_ASSERT(name.starts_with(literal_prefix(filter)));
        expected.push_back(id);
    }
    std::sort(expected.begin(), expected.end());
    std::vector<SubscriberId> found;
    cache.index().match(name, found);
    std::sort(found.begin(), found.end());
    FH_ASSERT(found == expected);
    expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
    const auto cached = cache.match(name);
    FH_ASSERT(std::equal(cached.begin(), cached.end(), expected.begin(), expected.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input{reinterpret_cast<const char*>(data), size};
    MatchCache cache{{.names_max = 4, .ids_max = 16}};
    Reference reference;
    while (!input.empty()) {
        const std::size_t end = std::min(input.find('\n'), input.size());
        std::string_view line = input.substr(0, end);
        input.remove_prefix(std::min(end + 1, input.size()));
        const bool is_change = line.size() > 2 && (line[0] == '+' || line[0] == '-');
        if (!is_change) {
            if (is_valid_name(line)) compare(cache, reference, line);
            continue;
        }
        const SubscriberId id = static_cast<unsigned char>(line[1]);
        const std::string filter{line.substr(2)};
        if (!is_valid_filter(filter)) continue;
        if (line[0] == '+') {
            FH_ASSERT(cache.add(filter, id) == reference.emplace(filter, id).second);
        } else {
            FH_ASSERT(cache.remove(filter, id) == (reference.erase({filter, id}) == 1));
        }
        FH_ASSERT(cache.index().filter_count() == reference.size());
    }
    for (const auto& [filter, id] : reference) FH_ASSERT(cache.remove(filter, id));
    FH_ASSERT(cache.index().is_empty() && cache.index().node_count() == 1);
    return 0;
}
