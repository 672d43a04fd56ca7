// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/checkpoint.h"
#include "bus/delayed_log.h"
#include "bus/memory_view_store.h"
#include "bus/restore.h"
#include "bus/shard.h"
#include "log/memory_file.h"
#include "log/recovery.h"
#include "log/segment_log.h"
#include "mqtt/codec.h"

/// A shard, a log in memory and clients made of bytes: the whole bus without sockets or clocks.
///
///     Bus bus;
///     Peer reader = bus.connect("r");
///     reader.subscribe("#");
///     EXPECT_EQ(reader.take_topics(), ...);
///
/// With a Premises of its own it keeps its log there, on disk, and goes on with what is in it.
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
    std::vector<std::uint32_t> subscription_ids = {};
    std::optional<std::uint16_t> topic_alias = {};
    std::optional<std::uint32_t> message_expiry_s = {};
};

/// What outlives a bus.
struct Premises {
    ManualClock clock;
    log::MemoryFileSystem files;
    log::MemoryFileSystem damaged;
    MemoryViewStore store;
    std::uint64_t runs = 0;
};

class Bus {
public:
    static constexpr std::string_view kOpenAcl = "topic readwrite #\ntopic read $SYS/#\n";

    explicit Bus(Settings with = {}, std::string_view acl_text = kOpenAcl,
                 log::SegmentLogOptions log_options = {})
        : Bus(std::make_shared<Premises>(), with, acl_text, log_options, {}) {}
    /// The next run on these premises, with its log on disk.
    Bus(const std::shared_ptr<Premises>& on, Settings with)
        : Bus(on, with, kOpenAcl, {.mode = log::LogMode::disk, .seed = 1}, found(*on)) {
        shard.begin_turn(clock.monotonic(), clock.wall());
        auto restored =
            restore({.store = &premises->store,
                     .log = log,
                     .retained = retained,
                     .shares = &shard.shares(),
                     .read_step = [this] { return log.read_step(); },
                     .adopt = [this](auto&& stored) { shard.adopt(std::move(stored)); }});
        EXPECT_TRUE(restored) << restored.error();
        if (restored) checkpointer.add_rows(std::move(restored->changed));
        shard.start_shares();
        shard.end_turn();
        turn();
    }

    /// Turns until there is nothing left to do; the log's writer and readers take their steps.
    void turn() {
        for (int i = 0; i < 1'000; ++i) {
            shard.begin_turn(clock.monotonic(), clock.wall());
            shard.end_turn();
            bool is_busy = is_writing && log.write_step();
            is_busy = (is_reading && log.read_step()) || is_busy;
            if (!is_busy && !shard.has_work()) return;
        }
        FAIL() << "the shard never comes to rest";
    }
    void advance(Microseconds by) {
        clock.advance(by);
        turn();
    }
    /// A whole round.
    void checkpoint() {
        checkpointer.begin();
        for (int i = 0; i < 1'000 && checkpointer.is_running(); ++i) {
            turn();
            std::ignore = checkpointer.step();
        }
        EXPECT_FALSE(checkpointer.is_running());
    }
    /// As the program does when it is told to stop.
    void stop() {
        shard.begin_drain();
        turn();
        shard.end_drain();
        turn();
        checkpoint();
        while (log.close_step()) continue;
    }

    std::shared_ptr<Premises> premises;
    Settings settings;
    ManualClock& clock = premises->clock;
    log::MemoryFileSystem& files = premises->files;
    Acl acl;
    RetainedView retained;
    FakeAuthenticator authenticator;
    Erasures erasures;
    NoWaker waker;
    log::SegmentLog log;
    bool is_writing = true;  // False: nothing more reaches the log's files,
    bool is_reading = true;  // or is read back from them.
    DelayedLog delayed{log};
    Shard shard;
    Entrance& entrance = shard.add_entrance({.name = "disk",
                                             .durability = Durability::disk,
                                             .acl = &acl,
                                             .authenticator = &authenticator});
    Entrance& memory_entrance = shard.add_entrance({.name = "memory",
                                                    .durability = Durability::memory,
                                                    .acl = &acl,
                                                    .authenticator = &authenticator});
    Checkpointer checkpointer;

private:
    Bus(std::shared_ptr<Premises> on, Settings with, std::string_view acl_text,
        const log::SegmentLogOptions& log_options, log::KeptLog kept)
        : premises(std::move(on)),
          settings(with),
          acl(*Acl::parse(acl_text)),
          log(log_options, files, clock, std::move(kept)),
          shard({.settings = settings,
                 .log = delayed,
                 .retained = retained,
                 .publisher_seed = ++premises->runs << 32U,
                 .version = "test",
                 .erasures = &erasures},
                waker),
          checkpointer(premises->store, delayed, retained, {&shard.session_rows()}) {}
    static log::KeptLog found(Premises& premises) {
        auto recovered = log::recover(premises.files, premises.damaged, {.log_id = 7});
        EXPECT_TRUE(recovered);
        return std::move(recovered->log);
    }
};

class Peer {
public:
    Peer(Bus& bus, mqtt::Version version, bool is_websocket = false)
        : Peer(bus, version, bus.entrance, is_websocket) {}
    Peer(Bus& bus, mqtt::Version version, Entrance& entrance, bool is_websocket = false,
         std::optional<std::string> certificate_user = std::nullopt)
        : Peer(bus, version, entrance, is_websocket,
               firehose::bus::Peer{.address = "127.0.0.1",
                                   .certificate_user = std::move(certificate_user)}) {}
    /// From an address that limits hold for.
    Peer(Bus& bus, mqtt::Version version, firehose::bus::Peer from)
        : Peer(bus, version, bus.entrance, false, std::move(from)) {}
    Peer(Bus& bus, mqtt::Version version, Entrance& entrance, bool is_websocket,
         firehose::bus::Peer from)
        : bus_(bus), version_(version), wire_(std::make_shared<Wire>()) {
        bus_.shard.begin_turn(bus_.clock.monotonic(), bus_.clock.wall());
        bus_.shard.accept_mqtt({.stream = std::make_unique<WireStream>(wire_),
                                .entrance = entrance,
                                .peer = std::move(from),
                                .is_websocket = is_websocket});
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
        const bool has_id = qos != mqtt::Qos::at_most_once;
        return sends(mqtt::Publish{.qos = qos,
                                   .retain = retain,
                                   .topic = topic,
                                   .packet_id = has_id ? packet_id : std::uint16_t{0},
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
            if ((*frame)->type == mqtt::PacketType::publish) {
                keep_publish(**frame);
                heard_.push_back({(*frame)->type, publishes_.back().packet_id, publishes_.back()});
            }
            if (mqtt::PacketType::puback <= (*frame)->type &&
                (*frame)->type <= mqtt::PacketType::pubcomp) {
                const mqtt::Ack ack = *mqtt::decode_ack(**frame, version_);
                reasons_.push_back(ack.reason);
                heard_.push_back({ack.type, ack.packet_id, {}});
            }
            if ((*frame)->type == mqtt::PacketType::connack) {
                const mqtt::Connack connack = *mqtt::decode_connack(**frame, version_);
                connack_present = connack.session_present;
                connack_reason = connack.reason;
                connack_text = connack.reason_string.value_or("");
                connack_shared = connack.shared_available;
                connack_qos_max = connack.maximum_qos;
            }
            if ((*frame)->type == mqtt::PacketType::disconnect) {
                const mqtt::Disconnect said = *mqtt::decode_disconnect(**frame, version_);
                disconnect_reason = said.reason;
                disconnect_text = said.reason_string.value_or("");
            }
            if ((*frame)->type == mqtt::PacketType::suback) {
                suback_reasons = (*mqtt::decode_suback(**frame, version_)).reasons;
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
    /// PUBLISHes and acknowledgements, in the order in which they came.
    struct Heard {
        mqtt::PacketType type{};
        std::uint16_t packet_id = 0;
        Got publish;
    };
    std::vector<Heard> take_heard() {
        std::ignore = take();
        publishes_.clear();
        return std::exchange(heard_, {});
    }
    std::vector<std::string> take_payloads() {
        std::vector<std::string> payloads;
        for (const Got& got : take_publishes()) payloads.push_back(got.payload);
        return payloads;
    }
    [[nodiscard]] Wire& wire() { return *wire_; }

    bool connack_present = false;
    mqtt::ReasonCode connack_reason = mqtt::ReasonCode::unspecified_error;
    std::string connack_text;
    std::optional<bool> connack_shared;
    std::optional<mqtt::Qos> connack_qos_max;
    std::optional<mqtt::ReasonCode> disconnect_reason;
    std::string disconnect_text;
    std::vector<mqtt::ReasonCode> suback_reasons;

private:
    void keep_publish(const mqtt::Frame& frame) {
        const auto publish = mqtt::decode_publish(frame, version_);
        ASSERT_TRUE(publish.has_value());
        publishes_.push_back({std::string{publish->topic}, std::string{as_text(publish->payload)},
                              publish->qos, publish->retain, publish->dup, publish->packet_id,
                              publish->subscription_ids, publish->topic_alias,
                              publish->message_expiry_s});
    }

    Bus& bus_;
    mqtt::Version version_;
    std::shared_ptr<Wire> wire_;
    std::vector<Got> publishes_;
    std::vector<mqtt::ReasonCode> reasons_;
    std::vector<Heard> heard_;
};

}  // namespace firehose::bus::testing
