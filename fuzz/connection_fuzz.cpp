// SPDX-License-Identifier: Apache-2.0
// Target:   Shard with its clients, over a log in memory: whole connections, bytes in, bytes out.
// Property: whatever two strangers do in whatever order and time, what the bus sends are packets,
//           an honest reader gets every honest message once and in order, and when the strangers
//           are gone so is all they had: clients, sessions, subscriptions, feeds, memory.
// The input is a script: a byte picks what happens (see Script::step), the next ones its details.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "bus/bus_test_support.h"

/// Of the sanitizer's allocator; g++ 12 has no header for it.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();

namespace {

using namespace firehose;
using namespace firehose::bus::testing;
using namespace std::chrono_literals;
using mqtt::Qos;
using mqtt::Version;

constexpr std::string_view kHonest = "honest-3f81c6a2";
constexpr std::string_view kAcl =
    "topic read #\ntopic read $SYS/#\ntopic write open/#\npattern readwrite own/%u/%c\n"
    "user honest-3f81c6a2\ntopic readwrite honest/#\n";
constexpr std::size_t kInputMax = 4'096;
constexpr std::size_t kStrangers = 2;
/// What the log and the feeds may keep of what was said, and the test itself.
constexpr std::size_t kMoreBytesMax = 1 << 20;
constexpr std::uint32_t kExpiryMaxS = 100;

constexpr std::array<std::string_view, 12> kTopics{
    "open/a", "open/b/c",     "open//",      "",           "honest/x", "$SYS/broker/uptime",
    "#",      "own/eve/left", "$share/g/oo", "open/a/b/+", "other",    "open/\x7f"};
constexpr std::array<std::string_view, 12> kFilters{
    "#",        "open/+",          "open/a",  "+/+/#",     "$SYS/#", "honest/#",
    "open/a/#", "$share/g/open/#", "$share/", "own/eve/+", "#/#",    "$share/g+/open/a"};
constexpr std::array<std::string_view, 4> kClientIds{"", "left", "right", "a/+/#"};

bus::Settings settings() {
    return {.packet_bytes_max = 2'048,
            .connect_bytes_max = 1'024,
            .subscriptions_max = 8,
            .topic_levels_max = 16,
            .session_expiry_max_s = kExpiryMaxS,
            .session_restart_grace = 0s,
            .will_restart_grace = 0s,
            .feed_window_bytes = 64 * 1024};
}

/// What a script has left.
class Bytes {
public:
    explicit Bytes(std::string_view bytes) : rest_(bytes) {}
    [[nodiscard]] bool is_empty() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    std::string_view text(std::size_t count) {
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(taken.size());
        return taken;
    }
    template <class Table>
    const auto& one_of(const Table& table) {
        return table[byte() % table.size()];
    }

private:
    std::string_view rest_;
};

/// One stranger's connection; made again when it is gone.
struct Stranger {
    Version version = Version::v5;
    bool is_websocket = false;
    std::unique_ptr<Peer> peer;
};

class Script {
public:
    Script(Bus& bus, std::string_view input) : bus_(bus), in_(input) {}

    void run() {
        while (!in_.is_empty()) step();
        for (Stranger& stranger : strangers_) leave(stranger);
    }
    /// What the honest publisher sends next.
    std::uint32_t honest_sent = 0;
    Peer* honest_publisher = nullptr;

private:
    void step() {
        const std::uint8_t what = in_.byte();
        Stranger& stranger = strangers_[(what & 0x80U) != 0 ? 1 : 0];
        switch (what & 0x0FU) {
            case 0:
                return publish_honestly();
            case 1:
                bus_.advance(std::chrono::milliseconds{100} * in_.byte());
                return;
            case 2:
                leave(stranger);
                stranger.version = Version{static_cast<std::uint8_t>(3 + in_.byte() % 3)};
                return;
            case 3:
                leave(stranger);
                stranger.is_websocket = !stranger.is_websocket;
                return;
            case 4:
                if (stranger.peer) stranger.peer->gives_room(in_.byte() * std::size_t{16});
                return;
            case 5:
                if (stranger.peer) stranger.peer->gives_room(SIZE_MAX);
                return;
            case 6:
                return send(stranger, in_.text(in_.byte()));
            default:
                return send_packet(stranger, (what & 0x0FU) - 7U);
        }
    }

    void publish_honestly() {
        const std::string payload = std::to_string(honest_sent++);
        honest_publisher->publishes("honest/x", payload, Qos::at_least_once,
                                    static_cast<std::uint16_t>(1 + honest_sent % 1'000));
        FH_ASSERT(honest_publisher->take().size() == 1);  // Its PUBACK.
    }

    void leave(Stranger& stranger) {
        if (stranger.peer) stranger.peer->vanishes();
        stranger.peer.reset();
    }

    void send(Stranger& stranger, std::string_view bytes) {
        if (!stranger.peer || stranger.peer->wire().is_destroyed) {
            stranger.peer = std::make_unique<Peer>(bus_, stranger.version, stranger.is_websocket);
        }
        // What is held back stays in the socket; a little later it may go on.
        if (!stranger.peer->wire().is_reading) bus_.advance(1s);
        if (!stranger.peer->wire().is_reading) return;
        if (!stranger.is_websocket) {
            stranger.peer->sends_bytes(bytes);
            check_sent(stranger.peer->wire());
            return;
        }
        // Half of a WebSocket's bytes are frames, so that what is in them is reached.
        if (bytes.size() > 125 || (bytes.size() & 1U) != 0) {
            stranger.peer->sends_bytes(bytes);
        } else {
            std::string frame{"\x82\x80\0\0\0\0", 6};
            frame[1] = static_cast<char>(0x80U | bytes.size());
            stranger.peer->sends_bytes(frame.append(bytes));
        }
        stranger.peer->wire().sent.clear();
    }

    /// Whole packets.
    static void check_sent(Wire& wire) {
        while (!wire.sent.empty()) {
            const auto frame = mqtt::next_frame(as_bytes(std::string_view{wire.sent}), 1U << 24U);
            FH_ASSERT(frame.has_value());
            FH_ASSERT(frame->has_value() || wire.room != SIZE_MAX);
            if (!*frame) return;
            wire.sent.erase(0, (*frame)->packet.size());
        }
    }

    /// A packet that is right in itself, of what the script picks.
    void send_packet(Stranger& stranger, unsigned kind) {
        ByteBuffer out;
        const Version version = stranger.version;
        switch (kind) {
            case 0:
                encode_connect(version, out);
                break;
            case 1:
            case 2:
                mqtt::encode(publish(), version, out);
                break;
            case 3:
                mqtt::encode(subscribe(version), version, out);
                break;
            case 4:
                mqtt::encode(
                    mqtt::Unsubscribe{.packet_id = packet_id(), .filters = {in_.one_of(kFilters)}},
                    version, out);
                break;
            case 5:
            case 6:
                mqtt::encode(ack(version), version, out);
                break;
            case 7:
                mqtt::encode_pingreq(out);
                break;
            default:
                mqtt::encode(mqtt::Disconnect{}, version, out);
                break;
        }
        send(stranger, as_text(out));
    }

    std::uint16_t packet_id() { return static_cast<std::uint16_t>(1 + in_.byte() % 40); }

    void encode_connect(Version version, ByteBuffer& out) {
        const std::uint8_t flags = in_.byte();
        mqtt::Connect connect{.version = version,
                              .clean_start = (flags & 1U) != 0,
                              .keep_alive_s = static_cast<std::uint16_t>(in_.byte() % 8),
                              .client_id = in_.one_of(kClientIds)};
        if ((flags & 2U) != 0) {
            connect.user_name = (flags & 4U) != 0 ? "eve" : "mallory";
            connect.password = as_bytes(std::string_view{"right"});
        }
        if ((flags & 8U) != 0) {
            mqtt::Will& will = connect.will.emplace();
            will.topic = in_.one_of(kTopics);
            will.payload = as_bytes(std::string_view{"gone"});
            will.qos = Qos{static_cast<std::uint8_t>(in_.byte() % 3)};
            will.retain = (flags & 16U) != 0;
            if (version == Version::v5) will.delay_s = in_.byte() % 4;
        }
        if (version == Version::v5) {
            connect.session_expiry_s = in_.byte();
            connect.receive_maximum = static_cast<std::uint16_t>(1 + in_.byte() % 4);
            if ((flags & 32U) != 0) connect.maximum_packet_size = 8U + in_.byte();
        }
        mqtt::encode(connect, out);
    }

    mqtt::Publish publish() {
        const std::uint8_t flags = in_.byte();
        mqtt::Publish packet{.dup = (flags & 3U) != 0 && (flags & 4U) != 0,
                             .qos = Qos{static_cast<std::uint8_t>((flags & 3U) % 3U)},
                             .retain = (flags & 8U) != 0,
                             .topic = in_.one_of(kTopics)};
        if (packet.qos == Qos::at_most_once) packet.dup = false;
        if (packet.qos != Qos::at_most_once) packet.packet_id = packet_id();
        if ((flags & 16U) != 0) packet.topic_alias = static_cast<std::uint16_t>(in_.byte() % 16);
        if ((flags & 32U) != 0) packet.message_expiry_s = in_.byte();
        packet.payload = as_bytes(in_.text(in_.byte() % 64U));
        return packet;
    }

    mqtt::Subscribe subscribe(Version version) {
        mqtt::Subscribe packet{.packet_id = packet_id()};
        const unsigned count = 1U + in_.byte() % 3U;
        if (version == Version::v5 && count == 2) packet.subscription_id = 1U + in_.byte();
        for (unsigned i = 0; i < count; ++i) {
            const std::uint8_t options = in_.byte();
            mqtt::Subscribe::Entry entry{.filter = in_.one_of(kFilters)};
            entry.options.qos = Qos{static_cast<std::uint8_t>((options & 3U) % 3U)};
            if (version == Version::v5) {
                entry.options.no_local = (options & 4U) != 0;
                entry.options.retain_as_published = (options & 8U) != 0;
                entry.options.retain_handling =
                    mqtt::RetainHandling{static_cast<std::uint8_t>((options >> 4U) % 3U)};
            }
            packet.entries.push_back(entry);
        }
        return packet;
    }

    mqtt::Ack ack(Version version) {
        constexpr std::array kTypes{mqtt::PacketType::puback, mqtt::PacketType::pubrec,
                                    mqtt::PacketType::pubrel, mqtt::PacketType::pubcomp};
        mqtt::Ack packet{.type = in_.one_of(kTypes), .packet_id = packet_id()};
        const bool can_refuse =
            packet.type == mqtt::PacketType::puback || packet.type == mqtt::PacketType::pubrec;
        if (version == Version::v5 && can_refuse && in_.byte() % 8 == 0) {
            packet.reason = mqtt::ReasonCode::unspecified_error;
        }
        return packet;
    }

    Bus& bus_;
    Bytes in_;
    std::array<Stranger, kStrangers> strangers_;
};

struct Belongings {
    std::size_t clients = 0;
    std::size_t sessions = 0;
    std::uint64_t subscriptions = 0;
    std::uint64_t feeds = 0;

    explicit Belongings(const Bus& bus)
        : clients(bus.shard.clients_open()),
          sessions(bus.shard.sessions_stored()),
          subscriptions(bus.shard.metrics().subscriptions.value()),
          feeds(bus.shard.metrics().feeds.value()) {}
    friend bool operator==(const Belongings&, const Belongings&) = default;
};

void connect_honestly(Peer& peer, std::string_view id) {
    peer.sends(mqtt::Connect{.version = Version::v5,
                             .client_id = id,
                             .user_name = kHonest,
                             .password = as_bytes(std::string_view{"right"})});
    FH_ASSERT(peer.take().size() == 1 && peer.connack_reason == mqtt::ReasonCode::success);
}

void check_honest_reader(Peer& reader, std::uint32_t sent) {
    std::uint32_t next = 0;
    for (const Got& got : reader.take_publishes()) {
        if (got.topic != "honest/x") continue;
        FH_ASSERT(got.payload == std::to_string(next));
        ++next;
        if (got.qos == Qos::at_least_once) {
            reader.acks(mqtt::PacketType::puback, got.packet_id);
        }
    }
    FH_ASSERT(next == sent);
}

/// Failures of the harness's own expectations end the run too.
const bool g_is_set_up = [] {
    GTEST_FLAG_SET(break_on_failure, true);
    return true;
}();

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    // A stranger who knows the honest ones' name and password is none.
    if (size > kInputMax || input.find(kHonest) != std::string_view::npos) return 0;
    Bus bus{settings(),
            kAcl,
            {.memory_bytes = 64 * 1024,
             .segment_bytes = 64 * 1024,
             .bytes_max = 256 * 1024,
             .first_seq = Seq{1},
             .seed = 1}};
    Peer publisher{bus, Version::v5};
    connect_honestly(publisher, "publisher");
    // The window of a QoS 1 reader would close if it acknowledged only at the end.
    Peer reader{bus, Version::v5};
    connect_honestly(reader, "reader");
    reader.subscribes("honest/#");
    FH_ASSERT(reader.take().size() == 1);
    const Belongings before{bus};
    const std::size_t allocated = __sanitizer_get_current_allocated_bytes();

    Script script{bus, input};
    script.honest_publisher = &publisher;
    script.run();
    check_honest_reader(reader, script.honest_sent);
    // Their sessions expire, their delayed wills are out.
    for (int i = 0; i < 3; ++i) bus.advance(std::chrono::seconds{kExpiryMaxS});
    FH_ASSERT(Belongings{bus} == before);
    FH_ASSERT(bus.retained.count() <= kTopics.size());
    FH_ASSERT(__sanitizer_get_current_allocated_bytes() < allocated + kMoreBytesMax);
    return 0;
}
