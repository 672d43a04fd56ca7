// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "mqtt/packets.h"
#include "topic/subscription_index.h"

/// A session's own subscriptions, and what they make of a record.
///
/// Shared and `$replay` filters are not kept here.
/// Lifetime: a Subscription& is valid until it is removed; its filter is the map's key.
/// Threads:  belongs to its session.
/// Cost:     match is linear over up to kLinearMax filters, by an index of its own beyond them.
///           The bus bounds the number of filters.
/// Source:   MQTT 5.0 sections 3.3.4, 3.8.3, 3.8.4; rule **Changing subscriptions**.
namespace firehose::session {

struct Subscription {
    mqtt::SubscriptionOptions options;
    std::uint32_t id = 0;  // Subscription Identifier; 0: none.
    Seq from_seq{};        // Records before it do not match.
};

/// What to look for: a record's name and position, and whether this session published it.
struct MatchQuery {
    std::string_view name;
    Seq seq{};
    bool is_own = false;
};

/// One delivery for all filters that matched (rule **One reader, one position**).
struct Match {
    mqtt::Qos qos = mqtt::Qos::at_most_once;  // The highest granted [MQTT-3.3.4-2].
    bool retain_as_published = false;         // Any of them asks for it.
    std::vector<std::uint32_t> ids;           // All, ascending, repeated ones too [MQTT-3.3.4-4].

    friend bool operator==(const Match&, const Match&) = default;
};

class Subscriptions {
public:
    static constexpr std::size_t kLinearMax = 32;
    using ByFilter = std::map<std::string, Subscription, std::less<>>;

    Subscriptions() = default;
    Subscriptions(Subscriptions&&) = default;
    Subscriptions& operator=(Subscriptions&&) = default;

    /// Adds a valid filter, or replaces the options and identifier of the same filter, which keeps
    /// its from_seq. [MQTT-3.8.4-3] True: it is new.
    bool add(std::string_view filter, const Subscription& subscription);
    /// False: there was none. [MQTT-3.10.4-1]
    bool remove(std::string_view filter);
    void clear();

    [[nodiscard]] const Subscription* find(std::string_view filter) const;
    [[nodiscard]] const ByFilter& all() const noexcept { return by_filter_; }
    [[nodiscard]] bool is_empty() const noexcept { return by_filter_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return by_filter_.size(); }
    /// Of all filters together.
    [[nodiscard]] std::size_t filter_bytes() const noexcept { return filter_bytes_; }

    /// Fills `out` (which is cleared first). False: nothing matches.
    [[nodiscard]] bool match(const MatchQuery& query, Match& out) const;

    /// All are at QoS 0: nothing that is delivered for them is acknowledged.
    [[nodiscard]] bool is_qos_0() const noexcept;
    /// A feed member could read for all of them: QoS 0, no No Local, no identifiers.
    [[nodiscard]] bool is_feedable() const noexcept;
    /// The same text for the same set of (filter, Retain As Published). Only when feedable.
    [[nodiscard]] std::string feed_key() const;

private:
    struct Slots {
        topic::SubscriptionIndex index;
        std::vector<const ByFilter::value_type*> by_slot;  // Null: free.
        std::map<std::string_view, topic::SubscriberId> slot_of;
        std::vector<topic::SubscriberId> free;
    };
    void take_slot(const ByFilter::value_type& entry);

    ByFilter by_filter_;
    std::size_t filter_bytes_ = 0;
    std::unique_ptr<Slots> slots_;  // From the first time that there are more than kLinearMax.
};

}  // namespace firehose::session
