// SPDX-License-Identifier: Apache-2.0
// Goal:   QoS 2 is exactly once, in order, from a publisher's queue to a reader's application,
//         wherever in the dialogues the bus dies.
// Method: a publisher and a reader that do what MQTT asks of clients; at each packet that either
//         sends the bus dies: before it, or after it with nothing written, all written and no
//         answer heard, or all answers lost; with and without a checkpoint before. Then both come
//         back and go on until nothing is left to say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "bus/bus_test_support.h"

namespace firehose::bus {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;
using testing::Bus;
using testing::Peer;
using testing::Premises;

enum class Cut : std::uint8_t { before, unwritten, unheard, answers_lost };

/// The client's half of both directions [MQTT-4.3.3-1] to [MQTT-4.3.3-13].
class Client {
public:
    Client(std::string id, Version version) : id_(std::move(id)), version_(version) {}

    void connect(Bus& bus) {
        peer_ = std::make_unique<Peer>(bus, version_);
        peer_->connects(id_, false, 1'000);
        std::ignore = peer_->take();
        to_send_.clear();
        for (auto& [packet_id, sending] : sendings_) {  // [MQTT-4.4.0-1]
            to_send_.push_back(
                {sending.is_received ? PacketType::pubrel : PacketType::publish, packet_id});
        }
    }
    void subscribe(std::string_view filter) {
        peer_->subscribes(filter, Qos::exactly_once);
        std::ignore = peer_->take();
    }
    void queue(const std::string& payload) {
        std::uint16_t packet_id = 1;  // The lowest: soon one that a crash left in doubt.
        while (sendings_.contains(packet_id)) ++packet_id;
        sendings_[packet_id] = {payload};
        to_send_.push_back({PacketType::publish, packet_id});
    }
    /// Nothing is left to send.
    [[nodiscard]] bool hear() {
        for (const Peer::Heard& heard : peer_->take_heard()) on_packet(heard);
        return to_send_.empty();
    }
    void say_one() {
        const auto [type, packet_id] = to_send_.front();
        to_send_.erase(to_send_.begin());
        if (type == PacketType::publish) {
            Sending& sending = sendings_[packet_id];
            peer_->sends(mqtt::Publish{.dup = std::exchange(sending.was_sent, true),
                                       .qos = Qos::exactly_once,
                                       .topic = "t",
                                       .packet_id = packet_id,
                                       .payload = as_bytes(sending.payload)});
        } else {
            peer_->acks(type, packet_id);
        }
    }
    [[nodiscard]] const std::vector<std::string>& delivered() const { return delivered_; }
    [[nodiscard]] bool is_idle() const { return sendings_.empty() && held_.empty(); }

private:
    struct Sending {
        std::string payload;
        bool was_sent = false;
        bool is_received = false;  // PUBREC came.
    };

    void on_packet(const Peer::Heard& heard) {
        switch (heard.type) {
            case PacketType::publish:
                ASSERT_EQ(heard.publish.qos, Qos::exactly_once);
                if (held_.insert(heard.packet_id).second) {
                    delivered_.push_back(heard.publish.payload);
                }
                to_send_.push_back({PacketType::pubrec, heard.packet_id});
                break;
            case PacketType::pubrel:  // Also of an id that is not known here.
                held_.erase(heard.packet_id);
                to_send_.push_back({PacketType::pubcomp, heard.packet_id});
                break;
            case PacketType::pubrec:
                ASSERT_TRUE(sendings_.contains(heard.packet_id));
                sendings_[heard.packet_id].is_received = true;
                to_send_.push_back({PacketType::pubrel, heard.packet_id});
                break;
            case PacketType::pubcomp:
                sendings_.erase(heard.packet_id);
                break;
            default:
                FAIL() << "not expected: " << static_cast<int>(heard.type);
        }
    }

    std::string id_;
    Version version_;
    std::unique_ptr<Peer> peer_;
    std::map<std::uint16_t, Sending> sendings_;
    std::set<std::uint16_t> held_;  // Received, not released.
    std::vector<std::pair<PacketType, std::uint16_t>> to_send_;
    std::vector<std::string> delivered_;
};

class Dialogue {
public:
    explicit Dialogue(Version version) : Dialogue(version, {"r"}, "t") {}
    /// With readers who share what is published.
    Dialogue(Version version, const std::vector<std::string>& readers, std::string_view filter)
        : publisher_("p", version) {
        for (const std::string& id : readers) readers_.emplace_back(id, version);
        start();
        for (Client& reader : readers_) reader.subscribe(filter);
    }

    /// Until nothing is left to say, or the bus has died before or after packet `packet`.
    bool go_on(std::size_t packet, Cut cut, bool has_checkpoint) {
        for (std::size_t i = 0; i < 1'000; ++i) {
            Client* speaker = nullptr;
            for (Client& reader : readers_) {
                if (!reader.hear() && speaker == nullptr) speaker = &reader;
            }
            if (!publisher_.hear() && speaker == nullptr) speaker = &publisher_;
            if (speaker == nullptr) return false;
            Client& next = *speaker;
            if (i != packet) {
                next.say_one();
                continue;
            }
            if (has_checkpoint) bus_->checkpoint();
            die_at(next, cut);
            return true;
        }
        ADD_FAILURE() << "they never stop talking";
        return false;
    }
    void finish() { std::ignore = go_on(SIZE_MAX, Cut::before, false); }
    Client& publisher() { return publisher_; }
    Client& reader() { return readers_.front(); }
    std::vector<Client>& readers() { return readers_; }

private:
    void start() {
        bus_ = std::make_unique<Bus>(
            premises_,
            Settings{.anonymous_sessions = AnonymousSessions::standard, .share_anonymous = true});
        publisher_.connect(*bus_);
        // What a reader is sent at once waits on the wire.
        for (Client& reader : readers_) reader.connect(*bus_);
    }
    void die_at(Client& next, Cut cut) {
        if (cut == Cut::unwritten) bus_->is_writing = false;
        if (cut == Cut::unheard) bus_->delayed.hold();
        if (cut != Cut::before) next.say_one();
        bus_.reset();
        premises_->files.lose_unsynced();
        start();
    }

    std::shared_ptr<Premises> premises_ = std::make_shared<Premises>();
    std::unique_ptr<Bus> bus_;
    Client publisher_;
    std::vector<Client> readers_;
};

class Qos2Crash : public ::testing::TestWithParam<std::tuple<Version, Cut, bool>> {};

TEST_P(Qos2Crash, AtAnyPacketKeepsExactlyOnceAndTheOrder) {
    const auto [version, cut, has_checkpoint] = GetParam();
    bool has_died = true;
    std::size_t packet = 0;
    for (; has_died; ++packet) {
        SCOPED_TRACE("packet " + std::to_string(packet));
        Dialogue dialogue{version};
        dialogue.publisher().queue("one");
        dialogue.publisher().queue("two");
        has_died = dialogue.go_on(packet, cut, has_checkpoint);
        dialogue.publisher().queue("three");  // May get an id that is in doubt.
        dialogue.finish();
        ASSERT_THAT(dialogue.reader().delivered(), ::testing::ElementsAre("one", "two", "three"));
        ASSERT_TRUE(dialogue.reader().is_idle());
        ASSERT_TRUE(dialogue.publisher().is_idle());
    }
    EXPECT_GE(packet, 8U);  // Two exchanges of two packets, on either side.
}

TEST_P(Qos2Crash, ASecondOneOnTheWayBackKeepsExactlyOnceToo) {
    const auto [version, cut, has_checkpoint] = GetParam();
    for (std::size_t first = 0; first < 6; ++first) {
        for (std::size_t second = 0; second < 4; ++second) {
            SCOPED_TRACE("packets " + std::to_string(first) + " and " + std::to_string(second));
            Dialogue dialogue{version};
            dialogue.publisher().queue("one");
            std::ignore = dialogue.go_on(first, cut, has_checkpoint);
            std::ignore = dialogue.go_on(second, cut, false);
            dialogue.publisher().queue("two");
            dialogue.finish();
            ASSERT_THAT(dialogue.reader().delivered(), ::testing::ElementsAre("one", "two"));
            ASSERT_TRUE(dialogue.reader().is_idle());
            ASSERT_TRUE(dialogue.publisher().is_idle());
        }
    }
}

/// [MQTT-4.8.2-4] [MQTT-4.8.2-5]
TEST_P(Qos2Crash, AtAnyPacketOfSharedSubscriptionsKeepsExactlyOnce) {
    const auto [version, cut, has_checkpoint] = GetParam();
    bool has_died = true;
    for (std::size_t packet = 0; has_died; ++packet) {
        SCOPED_TRACE("packet " + std::to_string(packet));
        Dialogue dialogue{version, {"r1", "r2"}, "$share/g/t"};
        dialogue.publisher().queue("one");
        dialogue.publisher().queue("two");
        has_died = dialogue.go_on(packet, cut, has_checkpoint);
        dialogue.publisher().queue("three");
        dialogue.finish();
        std::vector<std::string> delivered;
        for (const Client& reader : dialogue.readers()) {
            ASSERT_TRUE(reader.is_idle());
            delivered.insert(delivered.end(), reader.delivered().begin(), reader.delivered().end());
        }
        ASSERT_THAT(delivered, ::testing::UnorderedElementsAre("one", "two", "three"));
        ASSERT_TRUE(dialogue.publisher().is_idle());
    }
}

INSTANTIATE_TEST_SUITE_P(Exchange, Qos2Crash,
                         ::testing::Combine(::testing::Values(Version::v311, Version::v5),
                                            ::testing::Values(Cut::before, Cut::unwritten,
                                                              Cut::unheard, Cut::answers_lost),
                                            ::testing::Bool()));

}  // namespace
}  // namespace firehose::bus
