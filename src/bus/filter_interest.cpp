// SPDX-License-Identifier: Apache-2.0
#include "bus/filter_interest.h"

#include "topic/topic_filter.h"

namespace firehose::bus {

FilterInterest::FilterInterest(const session::Subscriptions& subscriptions) {
    const bool are_many = subscriptions.size() > session::Subscriptions::kLinearMax;
    for (const auto& [filter, subscription] : subscriptions.all()) {
        if (are_many) {
            index_.add(filter, 0);
        } else {
            filters_.push_back(filter);
        }
    }
}

bool FilterInterest::wants(std::string_view topic) const {
    for (const std::string& filter : filters_) {
        if (topic::matches(filter, topic)) return true;
    }
    if (index_.is_empty()) return false;
    std::vector<topic::SubscriberId> found;
    index_.match(topic, found);
    return !found.empty();
}

std::shared_ptr<const log::TopicInterest> FilterInterest::of(
    const session::Subscriptions& subscriptions) {
    if (subscriptions.find("#") != nullptr) return nullptr;
    return std::make_shared<const FilterInterest>(subscriptions);
}

}  // namespace firehose::bus
