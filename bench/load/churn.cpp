// SPDX-License-Identifier: Apache-2.0
#include "churn.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "../process_cpu.h"
#include "peers.h"
#include "process_memory.h"

namespace firehose::bench {
namespace {

constexpr std::size_t kPerWrite = 200;
constexpr std::size_t kReadBytes = 256 * 1024;

std::string encoded_retained(const Target& target, std::size_t index, std::size_t payload) {
    const std::string text = known_text(std::max(payload, kStampBytes));
    const std::string topic = "bench/retained/" + std::to_string(index);
    ByteBuffer out;
    mqtt::encode(mqtt::Publish{.qos = mqtt::Qos::at_least_once,
                               .retain = true,
                               .topic = topic,
                               .packet_id = static_cast<std::uint16_t>(index % 60'000 + 1),
                               .payload = as_bytes(std::string(kStampBytes, 'x') + text)},
                 target.version, out);
    return std::string{as_text(out)};
}

/// At QoS 1 in windows that the smallest Receive Maximum of the peers allows.
void set_all(const Target& target, std::size_t count, std::size_t payload) {
    constexpr std::size_t kWindow = 20;
    Wire wire{target, 0};
    log_in(wire, target, "bench-retainer");
    const std::size_t ack_bytes = 4;
    for (std::size_t i = 0; i < count;) {
        std::string batch;
        const std::size_t begun = std::min(kWindow, count - i);
        for (std::size_t k = 0; k < begun; ++k) batch += encoded_retained(target, i++, payload);
        std::ignore = wire.ask(batch, begun * ack_bytes);
    }
}

std::size_t read_all(const Target& target, std::size_t count, std::size_t round) {
    Wire wire{target, 1 + round};
    log_in(wire, target, "bench-late-reader-" + std::to_string(round));
    std::vector<char> buffer(kReadBytes);
    subscribe(wire, target, "bench/retained/#", mqtt::Qos::at_most_once);
    std::size_t seen = 0;
    while (seen < count) {
        PacketCursor packets{wire.read(buffer)};
        while (packets.next()) seen += (packets.first_byte & 0xF0U) == 0x30 ? 1 : 0;
        wire.keep(packets.rest());
    }
    return seen;
}

}  // namespace

int churn(const Target& target, double seconds) {
    const double cpu = cpu_s(target.pid);
    const double start = now_s();
    std::size_t cycles = 0;
    ByteBuffer bye;
    mqtt::encode(mqtt::Disconnect{}, target.version, bye);
    while (now_s() - start < seconds) {
        Wire wire{target, cycles % 40'000};
        log_in(wire, target, "bench-guest");
        subscribe(wire, target, "bench/guest", mqtt::Qos::at_most_once);
        wire.send(as_text(bye));
        wire.reset();
        ++cycles;
    }
    const double elapsed = now_s() - start;
    ::usleep(300'000);  // The server may still be closing.
    const auto each = static_cast<double>(cycles);
    std::printf("{\"server_us\": %.2f, \"cycles_per_s\": %.0f, \"cycles\": %zu}\n",
                (cpu_s(target.pid) - cpu) * 1e6 / each, each / elapsed, cycles);
    return 0;
}

int retained(const Target& target, std::size_t count, std::size_t payload, std::size_t rounds) {
    const Memory before = memory_of(target.pid);
    set_all(target, count, payload);
    ::sleep(1);
    const Memory after = memory_of(target.pid);
    const double cpu = cpu_s(target.pid);
    const double start = now_s();
    std::size_t seen = 0;
    for (std::size_t round = 0; round < rounds; ++round) seen += read_all(target, count, round);
    const double elapsed = now_s() - start;
    std::printf(
        "{\"server_us\": %.4f, \"seconds\": %.3f, \"deliveries\": %zu, "
        "\"bytes_each\": %.0f}\n",
        (cpu_s(target.pid) - cpu) * 1e6 / static_cast<double>(seen),
        elapsed / static_cast<double>(rounds), seen,
        static_cast<double>(after.rss_bytes - before.rss_bytes) / static_cast<double>(count));
    return 0;
}

}  // namespace firehose::bench
