// SPDX-License-Identifier: Apache-2.0
#include "peers.h"

#include <algorithm>
#include <ctime>

namespace firehose::bench {
namespace {

std::uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000ULL +
           static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::string connect_packet(const Target& target, const std::string& client_id) {
    mqtt::Connect connect{.version = target.version, .clean_start = true, .client_id = client_id};
    if (!target.user_name.empty()) {
        connect.user_name = target.user_name;
        connect.password = as_bytes(target.password);
    }
    ByteBuffer out;
    mqtt::encode(connect, out);
    return std::string{as_text(out)};
}

void log_in(Wire& wire, const Target& target, const std::string& client_id) {
    const std::string answer = wire.ask(connect_packet(target, client_id), 4);
    if (answer[0] != 0x20 || answer[3] != 0) give_up("CONNACK refuses " + client_id);
}

void subscribe(Wire& wire, const Target& target, const std::string& filter, mqtt::Qos qos) {
    mqtt::Subscribe subscribe{.packet_id = 1, .entries = {{filter, {.qos = qos}}}};
    ByteBuffer out;
    mqtt::encode(subscribe, target.version, out);
    const std::string answer = wire.ask(as_text(out), target.version == mqtt::Version::v5 ? 6 : 5);
    PacketCursor packets{answer};
    if (!packets.next() || packets.first_byte != 0x90 ||
        static_cast<unsigned char>(packets.body.back()) > 2) {
        give_up("SUBACK refuses " + filter);
    }
    wire.keep(packets.rest());  // A retained message may have come with it.
}

Reader::Reader(const Target& target, const Plan& plan, std::size_t index, mqtt::Qos qos,
               std::string_view text, int receive_buffer)
    : target_(target),
      text_(text),
      expected_(plan.publishers, 0),
      wire_(target, index, receive_buffer) {
    if (target.is_raw()) {
        wire_.send("R");
    } else {
        log_in(wire_, target, "bench-reader-" + std::to_string(index));
        subscribe(wire_, target, plan.filter(index), qos);
    }
    wire_.drive_by_events();
}

void Reader::on_readable(std::span<char> buffer, Findings& findings) {
    PacketCursor packets{wire_.read(buffer)};
    const std::uint64_t now = now_ns();
    while (packets.next()) {
        switch (packets.first_byte & 0xF0U) {
            case 0x30:
                on_publish(packets.first_byte, packets.body, now, findings);
                break;
            case 0x60:  // PUBREL
                append_ack(answers_, kPubcomp, u16_at(packets.body, 0));
                break;
            default:
                give_up("a reader was sent a packet that it cannot expect: " +
                        std::to_string(packets.first_byte));
        }
    }
    wire_.keep(packets.rest());
    if (!answers_.empty()) wire_.send(answers_);
    answers_.clear();
}

void Reader::on_publish(unsigned first_byte, std::string_view body, std::uint64_t now_ns,
                        Findings& findings) {
    const unsigned qos = (first_byte >> 1U) & 3U;
    std::size_t at = std::size_t{2} + u16_at(body, 0);
    if (qos > 0) {
        append_ack(answers_, qos == 1 ? kPuback : kPubrec, u16_at(body, at));
        at += 2;
    }
    // No message of ours has properties; a server may add few.
    if (target_.version == mqtt::Version::v5) {
        at += 1 + static_cast<unsigned char>(body[at]);
    }
    const std::string_view payload = body.substr(at);
    ++findings.received;
    if (payload.size() != text_.size() + kStampBytes || payload.substr(kStampBytes) != text_) {
        ++findings.corrupt;
        return;
    }
    const Stamp stamp = read_stamp(payload);
    if (stamp.publisher >= expected_.size()) {
        ++findings.corrupt;
        return;
    }
    std::uint32_t& expected = expected_[stamp.publisher];
    if (stamp.number < expected) {
        ++findings.repeated;
        return;
    }
    findings.lost += stamp.number - expected;
    expected = stamp.number + 1;
    findings.latency.add(now_ns - std::min(now_ns, stamp.sent_ns));
}

Publisher::Publisher(const Target& target, const Plan& plan, std::size_t index, mqtt::Qos qos,
                     std::string_view text, std::size_t window)
    : plan_(plan),
      index_(static_cast<std::uint32_t>(index)),
      qos_(qos),
      window_(window),
      wire_(target, index),
      next_(plan.groups(), 0) {
    for (std::size_t topic = 0; topic < plan.topics_of_publisher(); ++topic) {
        messages_.emplace_back(plan.topic_name(index, topic), text, qos, target.version);
    }
    if (target.is_raw()) {
        wire_.send("P");
    } else {
        log_in(wire_, target, "bench-publisher-" + std::to_string(index));
    }
    wire_.drive_by_events();
}

std::size_t Publisher::room() const {
    return qos_ == mqtt::Qos::at_most_once ? SIZE_MAX : window_ - unacknowledged();
}

std::uint64_t Publisher::publish(std::size_t count, std::uint64_t now_ns) {
    std::uint64_t deliveries = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t topic = next_topic_;
        if (++next_topic_ == messages_.size()) next_topic_ = 0;
        const std::size_t group = plan_.group_of_topic(index_, topic);
        if (++packet_id_ == 0) packet_id_ = 1;
        messages_[topic].append_to(
            out_, {.sent_ns = now_ns, .publisher = index_, .number = next_[group]++}, packet_id_);
        deliveries += plan_.readers_of_group(group);
    }
    if (qos_ != mqtt::Qos::at_most_once) begun_ += count;
    wire_.send(out_);
    out_.clear();
    return deliveries;
}

void Publisher::on_readable(std::span<char> buffer) {
    PacketCursor packets{wire_.read(buffer)};
    while (packets.next()) {
        switch (packets.first_byte & 0xF0U) {
            case kPuback:
            case kPubcomp:
                ++ended_;
                break;
            case kPubrec:
                append_ack(out_, kPubrel, u16_at(packets.body, 0));
                break;
            default:
                give_up("a publisher was sent a packet that it cannot expect: " +
                        std::to_string(packets.first_byte));
        }
        // A reason of 0x80 and above would be a refusal.
        if (packets.body.size() > 2 && static_cast<unsigned char>(packets.body[2]) >= 0x80) {
            give_up("a publish was refused");
        }
    }
    wire_.keep(packets.rest());
    if (!out_.empty()) wire_.send(out_);
    out_.clear();
}

}  // namespace firehose::bench
