// SPDX-License-Identifier: Apache-2.0
#include "session/stored_session.h"

#include <algorithm>
#include <tuple>

#include "log/crc32c.h"
#include "log/little_endian.h"
#include "session/payload_bytes.h"
#include "topic/topic_filter.h"

namespace firehose::session {
namespace {

using mqtt::Qos;

constexpr std::uint8_t kVersion = 1;
// Where things stand that are changed or read in place.
constexpr std::size_t kFlagsAt = 5;
constexpr std::size_t kIdAt = 6;
constexpr std::size_t kTrueForAt = 14;
constexpr std::size_t kExpiryAt = 38;
constexpr std::size_t kAfterExpiry = 42;

// Of the session.
constexpr std::uint8_t kExpires = 0x01;
constexpr std::uint8_t kWill = 0x02;
constexpr std::uint8_t kWillWaits = 0x04;
constexpr std::uint8_t kShared = 0x08;      // Some of what is in flight is of shared subscriptions.
constexpr std::uint8_t kWillAuthor = 0x10;  // The will says whose it is.
constexpr std::uint8_t kSessionFlags = kExpires | kWill | kWillWaits | kShared | kWillAuthor;

constexpr std::uint8_t kQosBits = 0x03;
// Of a subscription's options, as in SUBSCRIBE (MQTT 5.0, 3.8.3.1).
constexpr std::uint8_t kNoLocal = 0x04;
constexpr std::uint8_t kRetainAsPublished = 0x08;
constexpr unsigned kRetainHandlingShift = 4;
// Of a delivery in flight.
constexpr std::uint8_t kRetain = 0x04;
constexpr std::uint8_t kAwaitsPubcomp = 0x08;
// Of a will.
constexpr std::uint8_t kPayloadIsUtf8 = 0x08;
constexpr std::uint8_t kMessageExpires = 0x10;

std::uint8_t bit(bool is_set, std::uint8_t mask) noexcept {
    return is_set ? mask : std::uint8_t{0};
}

Qos qos_of(std::uint8_t flags, PayloadReader& in) noexcept {
    if ((flags & kQosBits) == kQosBits) in.fail();
    return static_cast<Qos>(flags & kQosBits);
}

InFlight::Awaits first_answer(Qos qos) noexcept {
    return qos == Qos::exactly_once ? InFlight::Awaits::pubrec : InFlight::Awaits::puback;
}

void write(const Subscribed::Entry& entry, PayloadWriter& out) {
    const mqtt::SubscriptionOptions& options = entry.options;
    out.text(entry.filter);
    const unsigned handling = static_cast<unsigned>(options.retain_handling);
    out.number(static_cast<std::uint8_t>(
        static_cast<unsigned>(options.qos) | bit(options.no_local, kNoLocal) |
        bit(options.retain_as_published, kRetainAsPublished) | handling << kRetainHandlingShift));
    out.number(entry.id);
    out.number(number(entry.from_seq));
}

Subscribed::Entry read_subscription(PayloadReader& in) {
    Subscribed::Entry entry;
    entry.filter = in.text();
    const auto flags = in.number<std::uint8_t>();
    const unsigned handling = flags >> kRetainHandlingShift;
    if (handling > static_cast<unsigned>(mqtt::RetainHandling::do_not_send)) in.fail();
    entry.options = {.qos = qos_of(flags, in),
                     .no_local = (flags & kNoLocal) != 0,
                     .retain_as_published = (flags & kRetainAsPublished) != 0,
                     .retain_handling = static_cast<mqtt::RetainHandling>(handling)};
    entry.id = in.number<std::uint32_t>();
    entry.from_seq = Seq{in.number<std::uint64_t>()};
    return entry;
}

void write(const InFlight& delivery, PayloadWriter& out) {
    out.number(delivery.packet_id);
    const bool awaits_pubcomp = delivery.awaits == InFlight::Awaits::pubcomp;
    out.number(static_cast<std::uint8_t>(static_cast<unsigned>(delivery.qos) |
                                         bit(delivery.retain, kRetain) |
                                         bit(awaits_pubcomp, kAwaitsPubcomp)));
    out.number(number(delivery.seq));
    out.count(delivery.subscription_ids.size());
    for (const std::uint32_t id : delivery.subscription_ids) out.number(id);
}

InFlight read_delivery(PayloadReader& in) {
    InFlight delivery;
    delivery.packet_id = in.number<std::uint16_t>();
    const auto flags = in.number<std::uint8_t>();
    delivery.qos = qos_of(flags, in);
    const bool awaits_pubcomp = (flags & kAwaitsPubcomp) != 0;
    delivery.awaits = awaits_pubcomp ? InFlight::Awaits::pubcomp : first_answer(delivery.qos);
    delivery.retain = (flags & kRetain) != 0;
    const bool is_possible = delivery.packet_id != 0 && delivery.qos != Qos::at_most_once &&
                             (!awaits_pubcomp || delivery.qos == Qos::exactly_once);
    if (!is_possible) in.fail();
    delivery.seq = Seq{in.number<std::uint64_t>()};
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        delivery.subscription_ids.push_back(in.number<std::uint32_t>());
    }
    return delivery;
}

void write(const WillMessage& will, PayloadWriter& out) {
    out.number(static_cast<std::uint8_t>(static_cast<unsigned>(will.qos) |
                                         bit(will.retain, kRetain) |
                                         bit(will.payload_is_utf8, kPayloadIsUtf8) |
                                         bit(will.message_expiry_s.has_value(), kMessageExpires)));
    out.number(will.delay_s);
    if (will.message_expiry_s) out.number(*will.message_expiry_s);
    out.text(will.topic);
    out.blob(will.properties);
    out.blob(will.payload);
}

WillMessage read_will(PayloadReader& in) {
    WillMessage will;
    const auto flags = in.number<std::uint8_t>();
    will.qos = qos_of(flags, in);
    will.retain = (flags & kRetain) != 0;
    will.payload_is_utf8 = (flags & kPayloadIsUtf8) != 0;
    will.delay_s = in.number<std::uint32_t>();
    if ((flags & kMessageExpires) != 0) will.message_expiry_s = in.number<std::uint32_t>();
    will.topic = in.text();
    const ByteSpan properties = in.blob();
    will.properties.assign(properties.begin(), properties.end());
    const ByteSpan payload = in.blob();
    will.payload.assign(payload.begin(), payload.end());
    return will;
}

/// It stands first and covers the rest.
std::uint32_t checksum(ByteSpan packed) noexcept {
    return log::crc32c(packed.subspan(sizeof(std::uint32_t)));
}

bool is_shared(const Subscribed::Entry& entry) noexcept {
    return topic::is_shared(entry.filter);
}

bool is_of_shared(const InFlight& delivery) noexcept {
    return !delivery.shared_filter.empty();
}

void write_shared(const std::vector<InFlight>& in_flight, PayloadWriter& out) {
    out.count(
        static_cast<std::size_t>(std::count_if(in_flight.begin(), in_flight.end(), is_of_shared)));
    for (const InFlight& delivery : in_flight) {
        if (!is_of_shared(delivery)) continue;
        out.number(delivery.packet_id);
        out.text(delivery.shared_filter);
    }
}

void read_shared(std::vector<InFlight>& in_flight, PayloadReader& in) {
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        const auto packet_id = in.number<std::uint16_t>();
        const std::string_view filter = in.text();
        for (InFlight& delivery : in_flight) {
            if (delivery.packet_id == packet_id) delivery.shared_filter = filter;
        }
    }
}

/// What each kind of control record changes.
struct Folding {
    StoredSession& session;
    Seq seq;

    void operator()(const SessionOpened& opened) const {
        session.key = opened.key;
        session.expiry_s = opened.expiry_s;
        session.expires_in_s.reset();
        if (session.cursor == Seq{}) session.cursor = seq;
    }
    void operator()(const SessionEnded&) const {
        session = StoredSession{.id = session.id, .key = std::move(session.key)};
    }
    void operator()(const Subscribed& subscribed) const {
        for (const Subscribed::Entry& entry : subscribed.entries) {
            // Nothing before a first subscription is owed; to shared ones the cursor means nothing.
            if (std::all_of(session.subscriptions.begin(), session.subscriptions.end(),
                            is_shared)) {
                session.cursor = std::max(session.cursor, entry.from_seq);
            }
            const auto at = lower_bound(entry.filter);
            if (at != session.subscriptions.end() && at->filter == entry.filter) {
                *at = entry;
            } else {
                session.subscriptions.insert(at, entry);
            }
        }
    }
    void operator()(const Unsubscribed& unsubscribed) const {
        for (const std::string& filter : unsubscribed.filters) {
            const auto at = lower_bound(filter);
            if (at != session.subscriptions.end() && at->filter == filter) {
                session.subscriptions.erase(at);
            }
        }
    }
    void operator()(const PubrelReceived& pubrel) const {
        for (const std::uint16_t id : pubrel.ids) std::erase(session.inbound_held, id);
    }
    void operator()(const IdsAssigned& assigned) const {
        for (const std::uint16_t id : assigned.completed) end_exchange(id);
        for (const IdsAssigned::Entry& entry : assigned.entries) {
            end_exchange(entry.packet_id);
            session.in_flight.push_back({.seq = entry.seq,
                                         .subscription_ids = entry.subscription_ids,
                                         .packet_id = entry.packet_id,
                                         .qos = entry.qos,
                                         .awaits = first_answer(entry.qos),
                                         .retain = entry.retain,
                                         .shared_filter = entry.shared_filter});
            if (!entry.is_copy) session.cursor = std::max(session.cursor, next(entry.seq));
        }
    }
    void operator()(const PubrecReceived& pubrec) const {
        for (InFlight& delivery : session.in_flight) {
            if (delivery.qos != Qos::exactly_once) continue;
            if (std::find(pubrec.ids.begin(), pubrec.ids.end(), delivery.packet_id) ==
                pubrec.ids.end()) {
                continue;
            }
            delivery.awaits = InFlight::Awaits::pubcomp;
        }
    }
    void operator()(const WillArmed& armed) const {
        session.key = armed.key;
        session.will = armed.will;
        session.will_in_s.reset();
    }
    void operator()(const WillDisarmed&) const {
        session.will.reset();
        session.will_in_s.reset();
    }

    // Of shared subscriptions, which are kept apart.
    void operator()(const GroupJoined&) const {}
    void operator()(const GroupLeft&) const {}
    void operator()(const Epoch&) const {}

private:
    [[nodiscard]] std::vector<Subscribed::Entry>::iterator lower_bound(
        const std::string& filter) const {
        return std::lower_bound(
            session.subscriptions.begin(), session.subscriptions.end(), filter,
            [](const auto& entry, const auto& wanted) { return entry.filter < wanted; });
    }
    void end_exchange(std::uint16_t packet_id) const {
        std::erase_if(session.in_flight,
                      [=](const InFlight& delivery) { return delivery.packet_id == packet_id; });
    }
};

}  // namespace

bool StoredSession::fold(Seq seq, const Control& control) {
    if (seq < true_for) return is_kept();
    std::visit(Folding{*this, seq}, control);
    true_for = next(seq);
    return is_kept();
}

void StoredSession::fold_inbound(Seq seq, std::uint16_t packet_id) {
    if (seq < true_for) return;
    true_for = next(seq);
    if (std::find(inbound_held.begin(), inbound_held.end(), packet_id) == inbound_held.end()) {
        inbound_held.push_back(packet_id);
    }
}

Seq StoredSession::needed_from() const noexcept {
    Seq needed = kNeedsNothing;
    // QoS 0 is not owed to who was away.
    if (std::any_of(subscriptions.begin(), subscriptions.end(), [](const auto& entry) {
            return entry.options.qos != Qos::at_most_once && !is_shared(entry);
        })) {
        needed = cursor;
    }
    for (const InFlight& delivery : in_flight) needed = std::min(needed, delivery.seq);
    return needed;
}

ByteBuffer StoredSession::pack() const {
    const bool has_shared = std::any_of(in_flight.begin(), in_flight.end(), is_of_shared);
    ByteBuffer packed;
    PayloadWriter out{packed};
    out.number(std::uint32_t{0});  // The checksum's place.
    out.number(kVersion);
    out.number(static_cast<std::uint8_t>(
        bit(expires_in_s.has_value(), kExpires) | bit(will.has_value(), kWill) |
        bit(will && will_in_s.has_value(), kWillWaits) | bit(has_shared, kShared) |
        bit(will && !will->author.empty(), kWillAuthor)));
    out.number(static_cast<std::uint64_t>(id));
    FH_ASSERT(packed.size() == kTrueForAt);
    out.number(number(true_for));
    out.number(number(cursor));
    out.number(static_cast<std::uint64_t>(wall.since_epoch.count()));
    out.number(expiry_s);
    FH_ASSERT(packed.size() == kAfterExpiry);
    if (expires_in_s) out.number(*expires_in_s);
    out.blob(as_bytes(key));
    out.number(static_cast<std::uint32_t>(subscriptions.size()));
    for (const Subscribed::Entry& entry : subscriptions) write(entry, out);
    out.count(in_flight.size());
    for (const InFlight& delivery : in_flight) write(delivery, out);
    out.count(inbound_held.size());
    for (const std::uint16_t held : inbound_held) out.number(held);
    if (will) write(*will, out);
    if (will && will_in_s) out.number(*will_in_s);
    if (has_shared) write_shared(in_flight, out);
    if (will && !will->author.empty()) out.text(will->author);
    log::put(packed.data(), checksum(packed));
    return packed;
}

std::optional<StoredSession> StoredSession::unpack(ByteSpan packed) {
    if (packed.size() < kAfterExpiry) return std::nullopt;
    PayloadReader in{packed};
    if (in.number<std::uint32_t>() != checksum(packed)) return std::nullopt;
    const auto version = in.number<std::uint8_t>();
    const auto flags = in.number<std::uint8_t>();
    if (version != kVersion || (flags & ~kSessionFlags) != 0) return std::nullopt;
    StoredSession session;
    session.id = PublisherId{in.number<std::uint64_t>()};
    session.true_for = Seq{in.number<std::uint64_t>()};
    session.cursor = Seq{in.number<std::uint64_t>()};
    session.wall = {Microseconds{static_cast<std::int64_t>(in.number<std::uint64_t>())}};
    session.expiry_s = in.number<std::uint32_t>();
    if ((flags & kExpires) != 0) session.expires_in_s = in.number<std::uint32_t>();
    session.key = as_text(in.blob());
    for (auto left = in.number<std::uint32_t>(); left > 0 && in.is_ok(); --left) {
        session.subscriptions.push_back(read_subscription(in));
    }
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        session.in_flight.push_back(read_delivery(in));
    }
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        session.inbound_held.push_back(in.number<std::uint16_t>());
    }
    if ((flags & kWill) != 0) session.will = read_will(in);
    if ((flags & kWillWaits) != 0) session.will_in_s = in.number<std::uint32_t>();
    if ((flags & kShared) != 0) read_shared(session.in_flight, in);
    if ((flags & kWillAuthor) != 0) {
        if (!session.will) return std::nullopt;
        session.will->author = in.text();
    }
    if (!in.is_ok()) return std::nullopt;
    return session;
}

PublisherId StoredSession::id_of(ByteSpan packed) noexcept {
    FH_ASSERT(packed.size() >= kAfterExpiry);
    return PublisherId{log::get<std::uint64_t>(packed.data() + kIdAt)};
}

std::uint32_t StoredSession::expiry_of(ByteSpan packed) noexcept {
    FH_ASSERT(packed.size() >= kAfterExpiry);
    return log::get<std::uint32_t>(packed.data() + kExpiryAt);
}

std::optional<std::string_view> StoredSession::key_of(ByteSpan packed) noexcept {
    if (packed.size() < kAfterExpiry) return std::nullopt;
    const bool expires = (std::to_integer<std::uint8_t>(packed[kFlagsAt]) & kExpires) != 0;
    PayloadReader in{packed.subspan(kAfterExpiry)};
    if (expires) std::ignore = in.number<std::uint32_t>();
    const std::string_view key = as_text(in.blob());
    if (!in.is_ok()) return std::nullopt;
    return key;
}

void StoredSession::set_true_for(std::span<std::byte> packed, Seq true_for) noexcept {
    FH_ASSERT(packed.size() >= kAfterExpiry);
    log::put(packed.data() + kTrueForAt, number(true_for));
    log::put(packed.data(), checksum(packed));
}

}  // namespace firehose::session
