// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mqtt/packets.h"

/// A listener's mount point: what its clients call `a/b` is `<mount point>a/b` on the bus.
///
/// Names are mounted where packets come in and unmounted where they go out, so that nothing between
/// knows of it. What is not valid stays as it is, to be refused as it is.
/// Lifetime: the mounted packets' views point into `kept`. Threads: pure functions.
/// Source:   mosquitto.conf(5), `mount_point`.
namespace firehose::bus {

/// Longest name that a packet and a record can hold.
inline constexpr std::size_t kTopicBytesMax = 65'535;

[[nodiscard]] std::string mounted_topic(std::string_view mount_point, std::string_view topic);
/// Behind `$share/<group>/` where that is. Empty, which is no filter: it would be too long.
[[nodiscard]] std::string mounted_filter(std::string_view mount_point, std::string_view filter);

/// The texts that a mounted packet needs.
using KeptNames = std::vector<std::string>;
[[nodiscard]] mqtt::Subscribe mounted(std::string_view mount_point, const mqtt::Subscribe& packet,
                                      KeptNames& kept);
[[nodiscard]] mqtt::Unsubscribe mounted(std::string_view mount_point,
                                        const mqtt::Unsubscribe& packet, KeptNames& kept);

}  // namespace firehose::bus
