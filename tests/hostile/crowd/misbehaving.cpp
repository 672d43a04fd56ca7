// SPDX-License-Identifier: Apache-2.0
#include "misbehaving.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "mqtt/codec.h"

namespace firehose::crowd {
namespace {

using mqtt::Version;

constexpr int kSmallBuffer = 4'096;
constexpr std::size_t kFiltersAStorm = 10;
constexpr std::size_t kHugeBytes = 1'900'000;
constexpr int kPingsAStep = 10;
constexpr std::size_t kHugeStep = 64 * 1024;
/// A second is cut into as many slices, so that not all act at once.
constexpr std::size_t kSlices = 50;

template <class Packet>
std::string encoded(const Packet& packet) {
    ByteBuffer out;
    if constexpr (std::is_same_v<Packet, mqtt::Connect>) {
        mqtt::encode(packet, out);
    } else {
        mqtt::encode(packet, Version::v311, out);
    }
    return std::string{as_text(out)};
}

std::string storm(std::size_t step) {
    std::vector<std::string> filters;
    for (std::size_t i = 0; i < kFiltersAStorm; ++i) {
        filters.push_back("open/" + std::to_string(step / 2 * kFiltersAStorm + i) + "/+/#");
    }
    if (step % 2 == 0) {
        mqtt::Subscribe packet{.packet_id = 1};
        for (const std::string& filter : filters) packet.entries.push_back({filter, {}});
        return encoded(packet);
    }
    mqtt::Unsubscribe packet{.packet_id = 2};
    for (const std::string& filter : filters) packet.filters.push_back(filter);
    return encoded(packet);
}

}  // namespace

Misbehaving::Misbehaving(CrowdOptions options)
    : options_(std::move(options)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < options_.count; ++i) {
        members_.push_back({.kind = static_cast<Kind>(i % kKinds)});
    }
    greeting_ = encoded(mqtt::Connect{.version = Version::v311});
    trickled_ = {"\x10\xc0\x3e\0\4MQTT\4\2\0\0", 13};
    subscribe_all_ = encoded(mqtt::Subscribe{.packet_id = 1, .entries = {{"#", {}}}});
    for (std::size_t step = 0; step < storms_.size(); ++step) storms_[step] = storm(step);
    const std::string payload(kHugeBytes, 'x');
    huge_ = encoded(mqtt::Publish{.topic = "open/huge", .payload = as_bytes(payload)});
}

void Misbehaving::run() {
    SystemClock clock;
    bool is_told = false;
    MonotonicTime next = clock.monotonic();
    for (std::size_t slice = 0;; slice = (slice + 1) % kSlices) {
        for (std::size_t i = slice; i < members_.size(); i += kSlices) act(members_[i], i);
        read_all();
        const bool is_ready = std::all_of(members_.begin(), members_.end(),
                                          [](const Member& one) { return one.was_tried; });
        if (!is_told && is_ready && slice + 1 == kSlices) {
            is_told = ::write(options_.ready_pipe, "r", 1) == 1;
        }
        next = next + Microseconds{1'000'000} / static_cast<int>(kSlices);
        const Microseconds left = next - clock.monotonic();
        if (left > Microseconds{0})
            ::usleep(static_cast<useconds_t>(left.count()));
        else
            next = clock.monotonic();  // Late: it does not catch up.
    }
}

void Misbehaving::connect(Member& member, std::size_t number) {
    SocketOptions socket_options;
    if (!options_.from.empty()) {
        socket_options.from = options_.from[number % options_.from.size()];
    }
    if (member.kind == Kind::never_reads) socket_options.receive_buffer = kSmallBuffer;
    member.socket = begin_connect(options_.to, socket_options);
    member.was_tried = true;
    member.is_greeted = false;
    member.sent = 0;
    if (!member.socket || member.kind == Kind::never_reads) return;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = number}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, member.socket.get(), &event);
}

bool Misbehaving::send(Member& member, std::string_view bytes) const {
    return send_some(member.socket.get(), bytes.data(), bytes.size()) >= 0;
}

void Misbehaving::act(Member& member, std::size_t number) {
    if (!member.socket) return connect(member, number);
    const bool speaks = member.kind != Kind::half_open && member.kind != Kind::trickle;
    bool is_alive = true;
    if (speaks && !std::exchange(member.is_greeted, true)) {
        is_alive = send(member, greeting_);
        if (member.kind == Kind::never_reads) is_alive = send(member, subscribe_all_);
    } else {
        switch (member.kind) {
            case Kind::half_open:
                return;
            case Kind::trickle:
                is_alive = send(member, std::string_view{trickled_}.substr(
                                            member.sent++ % trickled_.size(), 1));
                break;
            case Kind::storm:
                is_alive = send(member, storms_[member.sent++ % storms_.size()]);
                break;
            case Kind::huge: {
                const std::string_view rest =
                    std::string_view{huge_}.substr(member.sent, kHugeStep);
                if (member.sent + rest.size() >= huge_.size()) return;  // It stays so.
                const auto sent = send_some(member.socket.get(), rest.data(), rest.size());
                is_alive = sent >= 0;
                if (is_alive) member.sent += static_cast<std::size_t>(sent);
                break;
            }
            case Kind::never_reads: {
                std::string pings;
                for (int i = 0; i < kPingsAStep; ++i) pings += std::string_view{"\xc0\0", 2};
                is_alive = send(member, pings);
                break;
            }
        }
    }
    if (!is_alive) member.socket.reset();
}

/// All but those who never read.
void Misbehaving::read_all() {
    std::array<epoll_event, 1'024> events;
    std::string heard;
    while (true) {
        const int count =
            ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
        if (count <= 0) return;
        for (int i = 0; i < count; ++i) {
            Member& member = members_[events[static_cast<std::size_t>(i)].data.u64];
            heard.clear();
            if (member.socket && !receive(member.socket.get(), heard)) member.socket.reset();
        }
    }
}

}  // namespace firehose::crowd
