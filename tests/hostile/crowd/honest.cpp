// SPDX-License-Identifier: Apache-2.0
#include "honest.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "mqtt/codec.h"

namespace firehose::crowd {
namespace {

using mqtt::PacketType;
using mqtt::Version;
using namespace std::chrono_literals;

constexpr Microseconds kPatience = 60s;
constexpr std::string_view kTopic = "honest/x";
constexpr std::size_t kPayloadBytes = 200;

struct Stamp {
    std::uint64_t number;
    std::int64_t sent_at_us;
};

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "crowd: an honest client %s\n", what);
    std::exit(1);
}

template <class Packet>
void send_packet(int socket, const Packet& packet) {
    ByteBuffer out;
    if constexpr (std::is_same_v<Packet, mqtt::Connect>) {
        mqtt::encode(packet, out);
    } else {
        mqtt::encode(packet, Version::v311, out);
    }
    const std::string_view bytes = as_text(out);
    // Little, and answered: it always has room.
    if (send_some(socket, bytes.data(), bytes.size()) != static_cast<std::int64_t>(bytes.size())) {
        give_up("was closed, or not read");
    }
}

double ms_at(const std::vector<std::int64_t>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto last = static_cast<double>(sorted.size() - 1);
    return static_cast<double>(sorted[static_cast<std::size_t>(last * share)]) / 1'000.0;
}

}  // namespace

Honest::Honest(HonestOptions options)
    : options_(std::move(options)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i <= options_.readers; ++i) {
        peers_.push_back(connected("honest-" + std::to_string(i)));
        Peer& peer = peers_.back();
        epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, peer.socket.get(), &event);
        if (i == 0) continue;
        peer.qos = i % 2 == 0 ? mqtt::Qos::at_most_once : mqtt::Qos::at_least_once;
        send_packet(peer.socket.get(),
                    mqtt::Subscribe{.packet_id = 1, .entries = {{kTopic, {.qos = peer.qos}}}});
    }
    const MonotonicTime end = clock_.monotonic() + kPatience;
    const auto is_ready = [&] {
        return std::all_of(peers_.begin(), peers_.end(), [&](const Peer& peer) {
            return peer.answers == (&peer == peers_.data() ? 1U : 2U);
        });
    };
    while (!is_ready()) {
        if (clock_.monotonic() > end) give_up("was not answered");
        poll(100ms);
    }
}

Honest::Peer Honest::connected(const std::string& client_id) {
    Peer peer{.socket = begin_connect(options_.to, {})};
    if (!peer.socket) give_up("cannot connect");
    epoll_event event{.events = EPOLLOUT, .data = {}};
    const net::FileDescriptor once{::epoll_create1(EPOLL_CLOEXEC)};
    ::epoll_ctl(once.get(), EPOLL_CTL_ADD, peer.socket.get(), &event);
    if (::epoll_wait(once.get(), &event, 1, 30'000) != 1) give_up("cannot connect");
    mqtt::Connect connect{.version = Version::v311, .client_id = client_id};
    if (!options_.user.empty()) {
        connect.user_name = options_.user;
        connect.password = as_bytes(options_.password);
    }
    send_packet(peer.socket.get(), connect);
    return peer;
}

void Honest::poll(Microseconds at_most) {
    std::array<epoll_event, 256> events;
    const auto wait = static_cast<int>(std::max<std::int64_t>(0, at_most.count() / 1'000));
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < count; ++i) read(peers_[events[static_cast<std::size_t>(i)].data.u64]);
}

void Honest::read(Peer& peer) {
    if (!receive(peer.socket.get(), peer.input)) give_up("was closed");
    ByteSpan rest = as_bytes(std::string_view{peer.input});
    while (true) {
        const auto frame = mqtt::next_frame(rest, 1U << 20U);
        if (!frame) give_up("was sent no packet");
        if (!*frame) break;
        rest = rest.subspan((*frame)->packet.size());
        if ((*frame)->type != PacketType::publish) {
            ++peer.answers;
            continue;
        }
        const auto publish = mqtt::decode_publish(**frame, Version::v311);
        if (!publish) give_up("was sent no PUBLISH");
        note(peer, as_text(publish->payload));
        if (publish->qos == mqtt::Qos::at_least_once) {
            send_packet(peer.socket.get(),
                        mqtt::Ack{.type = PacketType::puback, .packet_id = publish->packet_id});
        }
    }
    peer.input.erase(0, peer.input.size() - rest.size());
}

void Honest::note(Peer& peer, std::string_view payload) {
    Stamp stamp{};
    if (payload.size() != kPayloadBytes) give_up("was sent another payload");
    std::memcpy(&stamp, payload.data(), sizeof stamp);
    if (stamp.number != peer.due) ++wrong_;
    peer.due = stamp.number + 1;
    latencies_us_.push_back(clock_.monotonic().since_start.count() - stamp.sent_at_us);
}

void Honest::publish() {
    std::string payload(kPayloadBytes, '.');
    const Stamp stamp{.number = number_++, .sent_at_us = clock_.monotonic().since_start.count()};
    std::memcpy(payload.data(), &stamp, sizeof stamp);
    send_packet(peers_.front().socket.get(),
                mqtt::Publish{.qos = mqtt::Qos::at_least_once,
                              .topic = kTopic,
                              .packet_id = static_cast<std::uint16_t>(1 + stamp.number % 60'000),
                              .payload = as_bytes(payload)});
}

bool Honest::is_all_there() const {
    return std::all_of(peers_.begin() + 1, peers_.end(),
                       [this](const Peer& peer) { return peer.due == number_; });
}

Round Honest::run(Microseconds how_long) {
    const std::uint64_t first = number_;
    wrong_ = 0;
    latencies_us_.clear();
    const Microseconds pause = Microseconds{1'000'000} / static_cast<int>(options_.messages_per_s);
    const MonotonicTime end = clock_.monotonic() + how_long;
    MonotonicTime next = clock_.monotonic();
    while (clock_.monotonic() < end) {
        if (clock_.monotonic() >= next) {
            publish();
            next = next + pause;
        }
        poll(std::min(next - clock_.monotonic(), pause));
    }
    const MonotonicTime last = clock_.monotonic() + kPatience;
    while (!is_all_there() && clock_.monotonic() < last) poll(100ms);
    Round round{.sent = number_ - first, .delivered = latencies_us_.size(), .lost = wrong_};
    const std::uint64_t expected = round.sent * options_.readers;
    if (round.delivered < expected) round.lost += expected - round.delivered;
    std::sort(latencies_us_.begin(), latencies_us_.end());
    round.ms_p50 = ms_at(latencies_us_, 0.5);
    round.ms_p99 = ms_at(latencies_us_, 0.99);
    round.ms_max = ms_at(latencies_us_, 1);
    return round;
}

}  // namespace firehose::crowd
