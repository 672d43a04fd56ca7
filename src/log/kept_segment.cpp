// SPDX-License-Identifier: Apache-2.0
#include "log/kept_segment.h"

#include <array>
#include <cinttypes>
#include <cstdio>

namespace firehose::log {

std::string segment_name(std::uint64_t number, bool is_sealed) {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "%020" PRIu64 "%s", number,
                  is_sealed ? ".sealed" : ".open");
    return name.data();
}

}  // namespace firehose::log
