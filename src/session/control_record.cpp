// SPDX-License-Identifier: Apache-2.0
#include "session/control_record.h"

#include <algorithm>
#include <type_traits>

#include "session/payload_bytes.h"

namespace firehose::session {
namespace {

using log::RecordKind;
using mqtt::Qos;

constexpr std::uint8_t kQosBits = 0x03;
// Of a subscription's options, as in SUBSCRIBE (MQTT 5.0, 3.8.3.1).
constexpr std::uint8_t kNoLocal = 0x04;
constexpr std::uint8_t kRetainAsPublished = 0x08;
constexpr unsigned kRetainHandlingShift = 4;
// Of an assigned id.
constexpr std::uint8_t kAssignedRetain = 0x04;
constexpr std::uint8_t kAssignedCopy = 0x08;
// Of a will.
constexpr std::uint8_t kWillRetain = 0x04;
constexpr std::uint8_t kWillUtf8 = 0x08;
constexpr std::uint8_t kWillExpires = 0x10;
// Of a group's member.
constexpr std::uint8_t kMemberDurable = 0x04;

std::uint8_t flags(Qos qos, bool first, std::uint8_t first_bit, bool second,
                   std::uint8_t second_bit) noexcept {
    return static_cast<std::uint8_t>(static_cast<std::uint8_t>(qos) | (first ? first_bit : 0U) |
                                     (second ? second_bit : 0U));
}

Qos qos_of(std::uint8_t bits, PayloadReader& in) noexcept {
    if ((bits & kQosBits) == kQosBits) in.fail();
    return static_cast<Qos>(bits & kQosBits);
}

// One `write` and one `read` for each record, field by field as the format's table.

void write(const std::vector<std::uint16_t>& ids, PayloadWriter& out) {
    out.count(ids.size());
    for (const std::uint16_t id : ids) out.number(id);
}

std::uint16_t read_id(PayloadReader& in) {
    const auto id = in.number<std::uint16_t>();
    if (id == 0) in.fail();
    return id;
}

void read(std::vector<std::uint16_t>& ids, PayloadReader& in) {
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        ids.push_back(read_id(in));
    }
}

void write(const SessionOpened& opened, PayloadWriter& out) {
    out.text(opened.key);
    out.number(opened.expiry_s);
}

void read(SessionOpened& opened, PayloadReader& in) {
    opened.key = in.text();
    opened.expiry_s = in.number<std::uint32_t>();
}

void write(const SessionEnded&, PayloadWriter&) {}
void read(SessionEnded&, PayloadReader&) {}

void write(const Subscribed& subscribed, PayloadWriter& out) {
    out.count(subscribed.entries.size());
    for (const Subscribed::Entry& entry : subscribed.entries) {
        const mqtt::SubscriptionOptions& options = entry.options;
        out.text(entry.filter);
        out.number(static_cast<std::uint8_t>(
            flags(options.qos, options.no_local, kNoLocal, options.retain_as_published,
                  kRetainAsPublished) |
            static_cast<unsigned>(options.retain_handling) << kRetainHandlingShift));
        out.number(entry.id);
        out.number(number(entry.from_seq));
    }
}

void read(Subscribed& subscribed, PayloadReader& in) {
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        Subscribed::Entry entry;
        entry.filter = in.text();
        const auto bits = in.number<std::uint8_t>();
        entry.options.qos = qos_of(bits, in);
        entry.options.no_local = (bits & kNoLocal) != 0;
        entry.options.retain_as_published = (bits & kRetainAsPublished) != 0;
        const unsigned handling = (bits >> kRetainHandlingShift) & kQosBits;
        if (handling > static_cast<unsigned>(mqtt::RetainHandling::do_not_send)) in.fail();
        entry.options.retain_handling = static_cast<mqtt::RetainHandling>(handling);
        entry.id = in.number<std::uint32_t>();
        entry.from_seq = static_cast<Seq>(in.number<std::uint64_t>());
        subscribed.entries.push_back(std::move(entry));
    }
}

void write(const Unsubscribed& unsubscribed, PayloadWriter& out) {
    out.count(unsubscribed.filters.size());
    for (const std::string& filter : unsubscribed.filters) out.text(filter);
}

void read(Unsubscribed& unsubscribed, PayloadReader& in) {
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        unsubscribed.filters.emplace_back(in.text());
    }
}

void write(const PubrelReceived& received, PayloadWriter& out) {
    write(received.ids, out);
}
void read(PubrelReceived& received, PayloadReader& in) {
    read(received.ids, in);
}

void write(const IdsAssigned& assigned, PayloadWriter& out) {
    out.count(assigned.entries.size());
    for (const IdsAssigned::Entry& entry : assigned.entries) {
        out.number(entry.packet_id);
        out.number(flags(entry.qos, entry.retain, kAssignedRetain, entry.is_copy, kAssignedCopy));
        out.number(number(entry.seq));
        out.count(entry.subscription_ids.size());
        for (const std::uint32_t id : entry.subscription_ids) out.number(id);
    }
    write(assigned.completed, out);
    const auto is_shared = [](const auto& entry) { return !entry.shared_filter.empty(); };
    const auto& entries = assigned.entries;
    out.count(static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), is_shared)));
    for (const IdsAssigned::Entry& entry : entries) {
        if (!is_shared(entry)) continue;
        out.number(entry.packet_id);
        out.text(entry.shared_filter);
    }
}

/// Later versions of the record have it: which of the entries are of shared subscriptions.
void read_shared(IdsAssigned& assigned, PayloadReader& in) {
    if (in.is_at_end()) return;
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        const std::uint16_t id = read_id(in);
        const std::string_view filter = in.text();
        for (IdsAssigned::Entry& entry : assigned.entries) {
            if (entry.packet_id == id) entry.shared_filter = filter;
        }
    }
}

void read(IdsAssigned& assigned, PayloadReader& in) {
    for (std::size_t left = in.count(); left > 0 && in.is_ok(); --left) {
        IdsAssigned::Entry entry;
        entry.packet_id = read_id(in);
        const auto bits = in.number<std::uint8_t>();
        entry.qos = qos_of(bits, in);
        if (entry.qos == Qos::at_most_once) in.fail();
        entry.retain = (bits & kAssignedRetain) != 0;
        entry.is_copy = (bits & kAssignedCopy) != 0;
        entry.seq = static_cast<Seq>(in.number<std::uint64_t>());
        for (std::size_t ids = in.count(); ids > 0 && in.is_ok(); --ids) {
            entry.subscription_ids.push_back(in.number<std::uint32_t>());
        }
        assigned.entries.push_back(std::move(entry));
    }
    read(assigned.completed, in);
    read_shared(assigned, in);
}

void write(const PubrecReceived& received, PayloadWriter& out) {
    write(received.ids, out);
}
void read(PubrecReceived& received, PayloadReader& in) {
    read(received.ids, in);
}

void write(const WillArmed& armed, PayloadWriter& out) {
    const WillMessage& will = armed.will;
    out.text(armed.key);
    out.number(static_cast<std::uint8_t>(
        flags(will.qos, will.retain, kWillRetain, will.payload_is_utf8, kWillUtf8) |
        (will.message_expiry_s ? kWillExpires : 0U)));
    out.number(will.delay_s);
    out.number(will.message_expiry_s.value_or(0));
    out.text(will.topic);
    out.blob(will.properties);
    out.blob(will.payload);
    out.text(will.author);
}

void read(WillArmed& armed, PayloadReader& in) {
    WillMessage& will = armed.will;
    armed.key = in.text();
    const auto bits = in.number<std::uint8_t>();
    will.qos = qos_of(bits, in);
    will.retain = (bits & kWillRetain) != 0;
    will.payload_is_utf8 = (bits & kWillUtf8) != 0;
    will.delay_s = in.number<std::uint32_t>();
    const auto message_expiry_s = in.number<std::uint32_t>();
    if ((bits & kWillExpires) != 0) will.message_expiry_s = message_expiry_s;
    will.topic = in.text();
    const ByteSpan properties = in.blob();
    will.properties.assign(properties.begin(), properties.end());
    const ByteSpan payload = in.blob();
    will.payload.assign(payload.begin(), payload.end());
    if (!in.is_at_end()) will.author = in.text();  // Older records end here.
}

void write(const GroupJoined& joined, PayloadWriter& out) {
    out.text(joined.filter);
    out.number(flags(joined.qos, joined.is_durable, kMemberDurable, false, 0));
}

void read(GroupJoined& joined, PayloadReader& in) {
    joined.filter = in.text();
    const auto bits = in.number<std::uint8_t>();
    joined.qos = qos_of(bits, in);
    joined.is_durable = (bits & kMemberDurable) != 0;
}

void write(const GroupLeft& left, PayloadWriter& out) {
    out.text(left.filter);
    out.number(number(left.cursor));
    out.number(static_cast<std::uint32_t>(left.unacknowledged.size()));
    for (const Seq seq : left.unacknowledged) out.number(number(seq));
}

void read(GroupLeft& left, PayloadReader& in) {
    left.filter = in.text();
    left.cursor = Seq{in.number<std::uint64_t>()};
    for (auto count = in.number<std::uint32_t>(); count > 0 && in.is_ok(); --count) {
        left.unacknowledged.push_back(Seq{in.number<std::uint64_t>()});
    }
}

void write(const Epoch&, PayloadWriter&) {}
void read(Epoch&, PayloadReader&) {}

void write(const WillDisarmed&, PayloadWriter&) {}
void read(WillDisarmed&, PayloadReader&) {}

constexpr RecordKind kind_of(const SessionOpened&) noexcept {
    return RecordKind::session_opened;
}
constexpr RecordKind kind_of(const SessionEnded&) noexcept {
    return RecordKind::session_ended;
}
constexpr RecordKind kind_of(const Subscribed&) noexcept {
    return RecordKind::subscribed;
}
constexpr RecordKind kind_of(const Unsubscribed&) noexcept {
    return RecordKind::unsubscribed;
}
constexpr RecordKind kind_of(const PubrelReceived&) noexcept {
    return RecordKind::pubrel_received;
}
constexpr RecordKind kind_of(const IdsAssigned&) noexcept {
    return RecordKind::ids_assigned;
}
constexpr RecordKind kind_of(const PubrecReceived&) noexcept {
    return RecordKind::pubrec_received;
}
constexpr RecordKind kind_of(const WillArmed&) noexcept {
    return RecordKind::will_armed;
}
constexpr RecordKind kind_of(const WillDisarmed&) noexcept {
    return RecordKind::will_disarmed;
}
constexpr RecordKind kind_of(const GroupJoined&) noexcept {
    return RecordKind::group_joined;
}
constexpr RecordKind kind_of(const GroupLeft&) noexcept {
    return RecordKind::group_left;
}
constexpr RecordKind kind_of(const Epoch&) noexcept {
    return RecordKind::epoch;
}

template <class Kind>
std::optional<Control> decode_as(ByteSpan payload) {
    PayloadReader in{payload};
    Kind control;
    read(control, in);
    if (!in.is_ok()) return std::nullopt;
    return Control{std::move(control)};
}

}  // namespace

RecordKind kind_of(const Control& control) noexcept {
    // `visit` throws only for a valueless variant, which a value of these types never is.
    return std::visit([](const auto& one) { return kind_of(one); }, control);
}

void encode_control(const Control& control, ByteBuffer& out) {
    PayloadWriter writer{out};
    std::visit([&](const auto& one) { write(one, writer); }, control);
}

std::optional<Control> decode_control(const log::Record& record) {
    switch (record.kind) {
        case RecordKind::session_opened:
            return decode_as<SessionOpened>(record.payload);
        case RecordKind::session_ended:
            return decode_as<SessionEnded>(record.payload);
        case RecordKind::subscribed:
            return decode_as<Subscribed>(record.payload);
        case RecordKind::unsubscribed:
            return decode_as<Unsubscribed>(record.payload);
        case RecordKind::pubrel_received:
            return decode_as<PubrelReceived>(record.payload);
        case RecordKind::ids_assigned:
            return decode_as<IdsAssigned>(record.payload);
        case RecordKind::pubrec_received:
            return decode_as<PubrecReceived>(record.payload);
        case RecordKind::will_armed:
            return decode_as<WillArmed>(record.payload);
        case RecordKind::will_disarmed:
            return decode_as<WillDisarmed>(record.payload);
        case RecordKind::group_joined:
            return decode_as<GroupJoined>(record.payload);
        case RecordKind::group_left:
            return decode_as<GroupLeft>(record.payload);
        case RecordKind::epoch:
            return decode_as<Epoch>(record.payload);
        default:
            return std::nullopt;  // No session's.
    }
}

}  // namespace firehose::session
