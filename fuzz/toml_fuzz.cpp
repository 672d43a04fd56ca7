// SPDX-License-Identifier: Apache-2.0
// Target: parse_toml. Property: any text is read or refused with reasons; what is read lies in the
// ranges of the table, and the same text is read as the same.
#include <string_view>

#include "base/assert.h"
#include "config/load.h"
#include "config/options.h"

using firehose::Microseconds;
using namespace firehose::config;

namespace {

bool is_in_range(const Option& row, Settings& settings) {
    const Slot slot = row.field(&settings);
    std::uint64_t number = row.min.number;
    if (const auto* count = std::get_if<std::uint64_t*>(&slot)) number = **count;
    if (const auto* time = std::get_if<Microseconds*>(&slot)) {
        number = static_cast<std::uint64_t>((*time)->count());
    }
    if (const auto* word = std::get_if<unsigned char*>(&slot)) {
        return **word < std::get<Choice>(row.type).words.size();
    }
    return number >= row.min.number && number <= row.max.number;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    auto settings = parse_toml(text, "f");
    if (!settings) {
        FH_ASSERT(!settings.error().empty());
        for (const auto& error : settings.error()) FH_ASSERT(!to_string(error).empty());
        return 0;
    }
    for (const Option& row : options()) FH_ASSERT(is_in_range(row, *settings));
    FH_ASSERT(parse_toml(text, "f"));
    return 0;
}
