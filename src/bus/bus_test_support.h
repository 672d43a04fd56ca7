// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/delayed_log.h"
#include "bus/shard.h"
#include "log/memory_file.h"
#include "log/segment_log.h"
#include "mqtt/codec.h"

/// A shard, a log in memory and clients made of bytes: the whole bus without sockets or clocks.
///
///     Bus bus;
///     Peer reader = bus.connect("r");
///     reader.subscribe("#");
///     EXPECT_EQ(reader.take_topics(), ...);
///
/// Threads: none; every call runs a turn of the shard. For tests only.
namespace firehose::bus::testing {

struct ManualClock final : Clock {
    MonotonicTime monotonic() noexcept override { return monotonic_now; }
    WallTime wall() noexcept override { return wall_now; }
    void advance(Microseconds by) {
        monotonic_now = monotonic_now + by;
        wall_now = wall_now + by;
    }
    MonotonicTime monotonic_now{Microseconds{1'000'000}};
    WallTime wall_now{Microseconds{1'767'323'045'000'000}};
};

/// What the shard writes to one client; takes at most `room` bytes until it is given more.
struct Wire {
    std::string sent;
    std::size_t room = SIZE_MAX;
    bool is_reading = true;
    bool is_shut_down = false;
    bool is_destroyed = false;
    bool wants_room = false;
    ByteStreamHandler* handler = nullptr;
};

class WireStream final : public ByteStream {
public:
    explicit WireStream(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
    ~WireStream() override { wire_->is_destroyed = true; }
    void set_handler(ByteStreamHandler& handler) noexcept override { wire_->handler = &handler; }
    std::size_t write(std::span<const ByteSpan> parts) override {
        std::size_t written = 0;
        for (const ByteSpan part : parts) {
            const std::size_t taken = std::min(part.size(), wire_->room);
            wire_->sent.append(as_text(part.first(taken)));
            wire_->room -= wire_->room == SIZE_MAX ? 0 : taken;
            written += taken;
            if (taken < part.size()) {
                wire_->wants_room = true;
                break;
            }
        }
        return written;
    }
    void set_reading(bool enabled) override { wire_->is_reading = enabled; }
    void shut_down() override { wire_->is_shut_down = true; }
    std::string peer_address() const override { return "127.0.0.1"; }

private:
    std::shared_ptr<Wire> wire_;
};

/// Accepts the password "right" for every user.
struct FakeAuthenticator final : Authenticator {
    void check(AuthRequest request) override {
        const auto result =
            request.password == "right" ? AuthResult::accepted : AuthResult::refused;
        EXPECT_TRUE(request.reply->post({request.connection, result}));
    }
};

struct NoWaker final : Waker {
    void wake() noexcept override {}
};

/// A PUBLISH that a client got, with its text owned.
struct Got {
    std::string topic;
    std::string payload;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    bool dup = false;
    std::uint16_t packet_id = 0;
};

class Bus {
public:
    explicit Bus(Settings with = {},
                 std::string_view acl_text = "topic readwrite #\ntopic read $SYS/#\n",
                 log::SegmentLogOptions log_options = {})
        : settings(with),
          acl(*Acl::parse(acl_text)),
          log(log_options, files, clock),
          shard({.settings = settings,
                 .log = delayed,
                 .retained = retained,
                 .acl = acl,
                 .authenticator = authenticator,
                 .version = "test"},
                waker) {}

    /// Turns until there is nothing left to do; the log's writer and readers take their steps.
    void turn() {
        for (int i = 0; i < 1'000; ++i) {
            shard.begin_turn(clock.monotonic(), clock.wall());
            shard.end_turn();
            bool is_busy = log.write_step();
            is_busy = log.read_step() || is_busy;
            if (!is_busy && !shard.has_work()) return;
        }
        FAIL() << "the shard never comes to rest";
    }
    void advance(Microseconds by) {
        clock.advance(by);
        turn();
    }

    Settings settings;
    ManualClock clock;
    log::MemoryFileSystem files;
    Acl acl;
    RetainedView retained;
    FakeAuthenticator authenticator;
    NoWaker waker;
    log::SegmentLog log;
    DelayedLog delayed{log};
    Shard shard;
};

class Peer {
public:
    Peer(Bus& bus, mqtt::Version version, bool is_websocket = false,
         Durability durability = Durability::disk)
        : bus_(bus), version_(version), wire_(std::make_shared<Wire>()) {
        bus_.shard.begin_turn(bus_.clock.monotonic(), bus_.clock.wall());
        bus_.shard.accept_mqtt(std::make_unique<WireStream>(wire_), is_websocket, {}, durability);
        bus_.shard.end_turn();
    }

    template <class Packet>
    Peer& sends(const Packet& packet) {
        ByteBuffer bytes;
        if constexpr (std::is_same_v<Packet, mqtt::Connect>) {
            mqtt::encode(packet, bytes);
        } else {
            mqtt::encode(packet, version_, bytes);
        }
        return sends_bytes(as_text(bytes));
    }
    Peer& sends_bytes(std::string_view bytes) {
        if (!wire_->is_destroyed && wire_->handler != nullptr) {
            wire_->handler->on_bytes(as_bytes(bytes));
        }
        bus_.turn();
        return *this;
    }

    Peer& connects(std::string_view id, bool clean_start = true, std::uint32_t expiry_s = 0) {
        return sends(mqtt::Connect{.version = version_,
                                   .clean_start = clean_start,
                                   .client_id = id,
                                   .session_expiry_s = expiry_s});
    }
    Peer& subscribes(std::string_view filter, mqtt::Qos qos = mqtt::Qos::at_most_once) {
        return sends(mqtt::Subscribe{.packet_id = 1, .entries = {{filter, {.qos = qos}}}});
    }
    Peer& publishes(std::string_view topic, std::string_view payload,
                    mqtt::Qos qos = mqtt::Qos::at_most_once, std::uint16_t packet_id = 0,
                    bool retain = false) {
        return sends(mqtt::Publish{.qos = qos,
                                   .retain = retain,
                                   .topic = topic,
                                   .packet_id = packet_id,
                                   .payload = as_bytes(payload)});
    }
    Peer& acks(mqtt::PacketType type, std::uint16_t packet_id) {
        return sends(mqtt::Ack{.type = type, .packet_id = packet_id});
    }
    /// The network is gone.
    void vanishes() {
        if (!wire_->is_destroyed) wire_->handler->on_closed("reset");
        bus_.turn();
    }
    /// The socket takes so many bytes more.
    Peer& gives_room(std::size_t bytes) {
        wire_->room = bytes;
        if (std::exchange(wire_->wants_room, false)) wire_->handler->on_writable();
        bus_.turn();
        return *this;
    }

    /// The packets received since the last call, by type; PUBLISHes go to `take_publishes` too.
    std::vector<mqtt::PacketType> take() {
        std::vector<mqtt::PacketType> types;
        while (true) {
            const auto frame = mqtt::next_frame(as_bytes(std::string_view{wire_->sent}), 1U << 24U);
            EXPECT_TRUE(frame.has_value()) << "not a packet";
            if (!frame || !*frame) return types;
            types.push_back((*frame)->type);
            if ((*frame)->type == mqtt::PacketType::publish) keep_publish(**frame);
            if (mqtt::PacketType::puback <= (*frame)->type &&
                (*frame)->type <= mqtt::PacketType::pubcomp) {
                reasons_.push_back((*mqtt::decode_ack(**frame, version_)).reason);
            }
            if ((*frame)->type == mqtt::PacketType::connack) {
                connack_present = (*mqtt::decode_connack(**frame, version_)).session_present;
                connack_reason = (*mqtt::decode_connack(**frame, version_)).reason;
            }
            wire_->sent.erase(0, (*frame)->packet.size());
        }
    }
    /// The reasons of the acknowledgements received since the last call of any `take`.
    std::vector<mqtt::ReasonCode> take_reasons() {
        reasons_.clear();
        std::ignore = take();
        return std::exchange(reasons_, {});
    }
    std::vector<Got> take_publishes() {
        std::ignore = take();
        return std::exchange(publishes_, {});
    }
    std::vector<std::string> take_payloads() {
        std::vector<std::string> payloads;
        for (const Got& got : take_publishes()) payloads.push_back(got.payload);
        return payloads;
    }
    [[nodiscard]] Wire& wire() { return *wire_; }

    bool connack_present = false;
    mqtt::ReasonCode connack_reason = mqtt::ReasonCode::unspecified_error;

private:
    void keep_publish(const mqtt::Frame& frame) {
        const auto publish = mqtt::decode_publish(frame, version_);
        ASSERT_TRUE(publish.has_value());
        publishes_.push_back({std::string{publish->topic}, std::string{as_text(publish->payload)},
                              publish->qos, publish->retain, publish->dup, publish->packet_id});
    }

    Bus& bus_;
    mqtt::Version version_;
    std::shared_ptr<Wire> wire_;
    std::vector<Got> publishes_;
    std::vector<mqtt::ReasonCode> reasons_;
};

}  // namespace firehose::bus::testing
