// SPDX-License-Identifier: Apache-2.0
#include "bus/mount_point.h"

#include "topic/topic_filter.h"

namespace firehose::bus {

std::string mounted_topic(std::string_view mount_point, std::string_view topic) {
    if (topic.starts_with('$')) return std::string{topic};
    return std::string{mount_point} + std::string{topic};
}

std::string mounted_filter(std::string_view mount_point, std::string_view filter) {
    if (!topic::is_valid_filter(filter)) return std::string{filter};
    std::size_t name = 0;
    if (topic::is_shared(filter)) name = filter.find('/', filter.find('/') + 1) + 1;
    if (filter.size() + mount_point.size() > kTopicBytesMax) return {};
    return std::string{filter.substr(0, name)} + std::string{mount_point} +
           std::string{filter.substr(name)};
}

mqtt::Subscribe mounted(std::string_view mount_point, const mqtt::Subscribe& packet,
                        KeptNames& kept) {
    mqtt::Subscribe changed = packet;
    kept.reserve(packet.entries.size());  // Views into it must not move.
    for (mqtt::Subscribe::Entry& entry : changed.entries) {
        entry.filter = kept.emplace_back(mounted_filter(mount_point, entry.filter));
    }
    return changed;
}

mqtt::Unsubscribe mounted(std::string_view mount_point, const mqtt::Unsubscribe& packet,
                          KeptNames& kept) {
    mqtt::Unsubscribe changed = packet;
    kept.reserve(packet.filters.size());
    for (std::string_view& filter : changed.filters) {
        filter = kept.emplace_back(mounted_filter(mount_point, filter));
    }
    return changed;
}

}  // namespace firehose::bus
