// SPDX-License-Identifier: Apache-2.0
#include "bus/address_limits.h"

#include <algorithm>
#include <utility>

namespace firehose::bus {

std::size_t AddressLimits::Hash::operator()(const Key& key) const noexcept {
    // SplitMix64's finaliser, over what a stranger may choose and a seed that he does not know.
    std::uint64_t mixed = key.number ^ seed ^ (key.is_v4 ? 0x9E37'79B9'7F4A'7C15U : 0U);
    mixed = (mixed ^ mixed >> 30U) * 0xBF58'476D'1CE4'E5B9U;
    mixed = (mixed ^ mixed >> 27U) * 0x94D0'49BB'1331'11EBU;
    return mixed ^ mixed >> 31U;
}

AddressLimits::Key AddressLimits::key_of(const IpAddress& address) noexcept {
    // IPv4 is the end of its sixteen bytes, the /64 of IPv6 their start.
    const auto& bytes = address.bytes();
    const std::size_t from = address.is_v4() ? 12 : 0;
    Key key{.is_v4 = address.is_v4()};
    for (std::size_t i = from; i < (address.is_v4() ? 16U : 8U); ++i) {
        key.number = key.number << 8U | bytes[i];
    }
    return key;
}

bool AddressLimits::is_exempt(const IpAddress& address) const noexcept {
    return std::ranges::any_of(settings_.exempt,
                               [&](const IpNetwork& network) { return network.contains(address); });
}

std::optional<AddressLimits::Lease> AddressLimits::admit(std::string_view text, MonotonicTime now) {
    const auto address = IpAddress::parse(text);
    if (!address || is_exempt(*address)) return Lease{};
    forget_idle(now);
    Entries::value_type& at = entry_of(key_of(*address), now);
    Entry& entry = at.second;
    const std::uint64_t most = settings_.connections_max;
    if (most != 0 && entry.connections >= most + kToBeTold) {
        metrics_.connections_refused.add();
        return std::nullopt;
    }
    Lease lease;
    lease.limits_ = this;
    lease.entry_ = &at;
    lease.is_over_ = most != 0 && entry.connections >= most;
    if (lease.is_over_) metrics_.connections_over.add();
    if (entry.connections++ == 0) idle_.erase(entry.idle);
    return lease;
}

/// The address's entry, made if it is new: idle until a connection is counted.
AddressLimits::Entries::value_type& AddressLimits::entry_of(const Key& key, MonotonicTime now) {
    const auto found = entries_.find(key);
    if (found != entries_.end()) return *found;
    if (entries_.size() >= kAddressesMax && !idle_.empty()) {
        // Full: its limits are forgotten if it still had any.
        const auto oldest = entries_.find(idle_.front());
        if (says_something(oldest->second, now)) metrics_.addresses_forgotten.add();
        entries_.erase(oldest);
        idle_.pop_front();
    }
    const auto made = entries_.try_emplace(key).first;
    made->second.idle = idle_.insert(idle_.end(), key);
    metrics_.addresses.set(entries_.size());
    return *made;
}

/// An entry whose buckets are all full is as good as none.
bool AddressLimits::says_something(const Entry& entry, MonotonicTime now) noexcept {
    return !entry.connects.is_full(now) || !entry.subscribes.is_full(now) ||
           !entry.requests.is_full(now) || !entry.publishes.is_full(now);
}

/// A few at a time, so that memory returns after a storm and nobody pays for it at once.
void AddressLimits::forget_idle(MonotonicTime now) {
    for (int i = 0; i < 2 && !idle_.empty(); ++i) {
        const auto oldest = entries_.find(idle_.front());
        if (says_something(oldest->second, now)) return;
        entries_.erase(oldest);
        idle_.pop_front();
    }
    metrics_.addresses.set(entries_.size());
}

void AddressLimits::release(Entries::value_type& at) {
    if (--at.second.connections == 0) at.second.idle = idle_.insert(idle_.end(), at.first);
}

AddressLimits::Lease& AddressLimits::Lease::operator=(Lease&& other) noexcept {
    if (this == &other) return *this;
    end();
    limits_ = std::exchange(other.limits_, nullptr);
    entry_ = std::exchange(other.entry_, nullptr);
    is_over_ = std::exchange(other.is_over_, false);
    return *this;
}

void AddressLimits::Lease::end() noexcept {
    if (limits_ != nullptr) std::exchange(limits_, nullptr)->release(*entry_);
}

Microseconds AddressLimits::Lease::take_connect(MonotonicTime now) const {
    if (is_exempt()) return Microseconds{0};
    const Microseconds wait = entry_->second.connects.try_take(limits_->settings_.connects, now);
    if (wait.count() > 0) limits_->metrics_.connects_refused.add();
    return wait;
}

Microseconds AddressLimits::Lease::take_subscribe(MonotonicTime now) const {
    if (is_exempt()) return Microseconds{0};
    const Microseconds wait =
        entry_->second.subscribes.try_take(limits_->settings_.subscribes, now);
    if (wait.count() > 0) limits_->metrics_.subscribes_refused.add();
    return wait;
}

Microseconds AddressLimits::Lease::take_request(MonotonicTime now) const {
    if (is_exempt()) return Microseconds{0};
    const Microseconds wait = entry_->second.requests.try_take(limits_->settings_.requests, now);
    if (wait.count() > 0) limits_->metrics_.requests_refused.add();
    return wait;
}

Microseconds AddressLimits::Lease::take_publish(MonotonicTime now, std::size_t bytes) const {
    if (is_exempt()) return Microseconds{0};
    return entry_->second.publishes.try_take(limits_->settings_.publishes, now, bytes);
}

}  // namespace firehose::bus
