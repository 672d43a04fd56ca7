// SPDX-License-Identifier: Apache-2.0
#include "app/log_topics.h"

#include "base/locked.h"

namespace firehose::app {
namespace {

Locked<bus::Shard*>& readers() {
    static Locked<bus::Shard*> shard{nullptr};
    return shard;
}

}  // namespace

void lead_log_topics_to(bus::Shard* shard) {
    readers().with([shard](bus::Shard*& current) { current = shard; });
}

void post_log_topic(std::string topic, std::string text) {
    readers().with([&](bus::Shard* shard) {
        if (shard == nullptr) return;
        std::ignore = shard->post(bus::Shard::SysLine{std::move(topic), std::move(text)});
    });
}

}  // namespace firehose::app
