// SPDX-License-Identifier: Apache-2.0
#include "topic/topic_name.h"

#include <algorithm>

namespace firehose::topic {

bool is_valid_name(std::string_view name) noexcept {
    constexpr std::string_view kForbidden{"+#\0", 3};  // [MQTT-3.3.2-2] [MQTT-4.7.3-2]
    // [MQTT-4.7.3-1] [MQTT-4.7.3-3]
    return !name.empty() && name.size() <= kBytesMax &&
           name.find_first_of(kForbidden) == std::string_view::npos;
}

std::size_t level_count(std::string_view topic) noexcept {
    return static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/')) + 1;
}

}  // namespace firehose::topic
