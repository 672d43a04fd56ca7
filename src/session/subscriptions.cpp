// SPDX-License-Identifier: Apache-2.0
#include "session/subscriptions.h"

#include <algorithm>

#include "base/assert.h"
#include "topic/topic_filter.h"

namespace firehose::session {

bool Subscriptions::add(std::string_view filter, const Subscription& subscription) {
    if (const auto known = by_filter_.find(filter); known != by_filter_.end()) {
        // The same filter replaces, and no record comes twice or is missed for it. [MQTT-3.8.4-3]
        known->second.options = subscription.options;
        known->second.id = subscription.id;
        return false;
    }
    const auto& entry = *by_filter_.emplace(filter, subscription).first;
    filter_bytes_ += filter.size();
    if (slots_) {
        take_slot(entry);
    } else if (by_filter_.size() > kLinearMax) {
        slots_ = std::make_unique<Slots>();
        for (const auto& each : by_filter_) take_slot(each);
    }
    return true;
}

void Subscriptions::take_slot(const ByFilter::value_type& entry) {
    topic::SubscriberId slot;
    if (slots_->free.empty()) {
        slot = static_cast<topic::SubscriberId>(slots_->by_slot.size());
        slots_->by_slot.push_back(&entry);
    } else {
        slot = slots_->free.back();
        slots_->free.pop_back();
        slots_->by_slot[slot] = &entry;
    }
    slots_->slot_of.emplace(entry.first, slot);
    slots_->index.add(entry.first, slot);
}

bool Subscriptions::remove(std::string_view filter) {
    const auto known = by_filter_.find(filter);
    if (known == by_filter_.end()) return false;
    if (slots_) {
        const auto slot = slots_->slot_of.find(filter);
        slots_->index.remove(filter, slot->second);
        slots_->by_slot[slot->second] = nullptr;
        slots_->free.push_back(slot->second);
        slots_->slot_of.erase(slot);
    }
    filter_bytes_ -= filter.size();
    by_filter_.erase(known);
    if (by_filter_.empty()) slots_.reset();
    return true;
}

void Subscriptions::clear() {
    slots_.reset();
    by_filter_.clear();
    filter_bytes_ = 0;
}

const Subscription* Subscriptions::find(std::string_view filter) const {
    const auto known = by_filter_.find(filter);
    return known == by_filter_.end() ? nullptr : &known->second;
}

bool Subscriptions::match(const MatchQuery& query, Match& out) const {
    out.qos = mqtt::Qos::at_most_once;
    out.retain_as_published = false;
    out.ids.clear();
    bool is_match = false;
    const auto consider = [&](const Subscription& subscription) {
        if (query.seq < subscription.from_seq) return;
        if (query.is_own && subscription.options.no_local) return;  // [MQTT-3.8.3-3]
        is_match = true;
        out.qos = std::max(out.qos, subscription.options.qos);  // [MQTT-3.3.4-2]
        out.retain_as_published |= subscription.options.retain_as_published;
        if (subscription.id != 0) out.ids.push_back(subscription.id);  // [MQTT-3.3.4-4]
    };
    if (slots_) {
        std::vector<topic::SubscriberId> found;
        slots_->index.match(query.name, found);
        for (const topic::SubscriberId slot : found) consider(slots_->by_slot[slot]->second);
    } else {
        for (const auto& [filter, subscription] : by_filter_) {
            if (topic::matches(filter, query.name)) consider(subscription);
        }
    }
    std::sort(out.ids.begin(), out.ids.end());
    return is_match;
}

bool Subscriptions::is_qos_0() const noexcept {
    return std::all_of(by_filter_.begin(), by_filter_.end(), [](const auto& entry) {
        return entry.second.options.qos == mqtt::Qos::at_most_once;
    });
}

bool Subscriptions::is_feedable() const noexcept {
    return !by_filter_.empty() &&
           std::all_of(by_filter_.begin(), by_filter_.end(), [](const auto& entry) {
               const Subscription& subscription = entry.second;
               return subscription.options.qos == mqtt::Qos::at_most_once &&
                      !subscription.options.no_local && subscription.id == 0;
           });
}

std::string Subscriptions::feed_key() const {
    FH_ASSERT(is_feedable());
    std::string key;
    for (const auto& [filter, subscription] : by_filter_) {
        key += filter;
        key += '\0';  // No filter contains it.
        key += subscription.options.retain_as_published ? 'r' : '-';
    }
    return key;
}

}  // namespace firehose::session
