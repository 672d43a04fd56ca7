// SPDX-License-Identifier: Apache-2.0
#include "app/bus_sink.h"

#include "base/log.h"

namespace firehose::app {

bool BusSink::publish(source::Event&& event) {
    if (shard_.internal_bytes_waiting() >= bytes_max_) return false;
    bus::InternalPublish publish{.topic = std::move(event.topic),
                                 .payload = std::move(event.payload),
                                 .qos = mqtt::Qos::exactly_once,
                                 .origin_time = event.origin_time};
    if (shard_.post(std::move(publish))) return true;
    event.topic = std::move(publish.topic);
    event.payload = std::move(publish.payload);
    return false;
}

void BusSink::on_state(source::SourceState state, std::string_view reason) {
    FH_LOG(info, "source_state", {"source", name_}, {"state", source::name(state)},
           {"reason", reason});
    if (!shard_.post({.topic = "firehose/source/" + name_ + "/status",
                      .payload = std::string{source::name(state)},
                      .qos = mqtt::Qos::at_least_once,
                      .retain = true})) {
        FH_LOG(warn, "source_state_not_published", {"source", name_});
    }
}

}  // namespace firehose::app
