// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.h"
#include "session/subscriptions.h"
#include "topic/subscription_index.h"

/// What a set of filters wants of the log: with it a reader that is behind is not given blocks in
/// which nothing matches, and sealed segments are read only where their index has a topic of its.
///
/// Lifetime: a copy of the filters; goes on when the subscriptions change, and is then out of date.
/// Threads:  made by the shard, asked by reader threads.
/// Source:   rule **Three ways to read**.
namespace firehose::bus {

class FilterInterest final : public log::TopicInterest {
public:
    explicit FilterInterest(const session::Subscriptions& subscriptions);

    [[nodiscard]] bool wants(std::string_view topic) const override;

    /// Null where everything is wanted: then there is nothing to skip.
    [[nodiscard]] static std::shared_ptr<const log::TopicInterest> of(
        const session::Subscriptions& subscriptions);

private:
    std::vector<std::string> filters_;  // Unless they are many:
    topic::SubscriptionIndex index_;
};

}  // namespace firehose::bus
