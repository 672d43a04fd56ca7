// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "mqtt/codec.h"

/// A payload that says when it was sent, by whom, and which one it is; the rest is a text that
/// every reader knows.
///
/// Layout: nanoseconds (8 bytes, the monotonic clock), publisher (4), number (4), text.
/// Lifetime: values. Threads: none.
namespace firehose::bench {

struct Stamp {
    std::uint64_t sent_ns = 0;
    std::uint32_t publisher = 0;
    std::uint32_t number = 0;
};
inline constexpr std::size_t kStampBytes = sizeof(Stamp);
static_assert(kStampBytes == 16);

/// Neither a pattern that a compressor folds to nothing, nor noise: half of the bits are given.
[[nodiscard]] inline std::string known_text(std::size_t payload_bytes) {
    std::string text(payload_bytes - kStampBytes, '.');
    std::uint32_t state = 1;
    for (char& c : text) {
        state = state * 1'664'525U + 1'013'904'223U;
        c = static_cast<char>('a' + (state >> 28U));
    }
    return text;
}

[[nodiscard]] inline Stamp read_stamp(std::string_view payload) {
    Stamp stamp;
    std::memcpy(&stamp, payload.data(), kStampBytes);
    return stamp;
}

/// An encoded PUBLISH whose packet identifier and stamp are written anew for each message: so that
/// the generator costs as little as it can on a machine that it shares with the server.
class MessageTemplate {
public:
    MessageTemplate(std::string_view topic, std::string_view text, mqtt::Qos qos,
                    mqtt::Version version) {
        const std::string payload = std::string(kStampBytes, '\0') + std::string{text};
        mqtt::Publish publish{.qos = qos, .topic = topic, .payload = as_bytes(payload)};
        if (qos != mqtt::Qos::at_most_once) publish.packet_id = 1;
        ByteBuffer out;
        mqtt::encode(publish, version, out);
        bytes_ = as_text(out);
        stamp_at_ = bytes_.size() - payload.size();
        if (qos == mqtt::Qos::at_most_once) return;
        id_at_ = stamp_at_ - sizeof(std::uint16_t) - (version == mqtt::Version::v5 ? 1 : 0);
    }

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

    void append_to(std::string& out, const Stamp& stamp, std::uint16_t packet_id) const {
        const std::size_t begin = out.size();
        out += bytes_;
        std::memcpy(out.data() + begin + stamp_at_, &stamp, kStampBytes);
        if (id_at_ == 0) return;
        out[begin + id_at_] = static_cast<char>(packet_id >> 8U);
        out[begin + id_at_ + 1] = static_cast<char>(packet_id & 0xFFU);
    }

private:
    std::string bytes_;
    std::size_t stamp_at_ = 0;
    std::size_t id_at_ = 0;  // 0: QoS 0.
};

/// The whole packets of `bytes`, one after another; what is left over at the end is no whole one.
class PacketCursor {
public:
    explicit PacketCursor(std::string_view bytes) : rest_(bytes) {}

    /// False: no whole packet is left.
    [[nodiscard]] bool next() {
        std::size_t length = 0;
        std::size_t at = 1;
        for (unsigned shift = 0;; shift += 7, ++at) {
            if (at >= rest_.size()) return false;
            const auto byte = static_cast<unsigned char>(rest_[at]);
            length |= static_cast<std::size_t>(byte & 0x7FU) << shift;
            if ((byte & 0x80U) == 0) break;
        }
        ++at;
        if (rest_.size() < at + length) return false;
        first_byte = static_cast<unsigned char>(rest_[0]);
        body = rest_.substr(at, length);
        rest_.remove_prefix(at + length);
        return true;
    }
    [[nodiscard]] std::string_view rest() const { return rest_; }

    unsigned first_byte = 0;
    std::string_view body;

private:
    std::string_view rest_;
};

[[nodiscard]] inline std::uint16_t u16_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8U |
                                      static_cast<unsigned char>(bytes[at + 1]));
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP without a reason, the same in every version.
inline void append_ack(std::string& out, unsigned first_byte, std::uint16_t packet_id) {
    out += {static_cast<char>(first_byte), 2, static_cast<char>(packet_id >> 8U),
            static_cast<char>(packet_id & 0xFFU)};
}
inline constexpr unsigned kPuback = 0x40;
inline constexpr unsigned kPubrec = 0x50;
inline constexpr unsigned kPubrel = 0x62;
inline constexpr unsigned kPubcomp = 0x70;

}  // namespace firehose::bench
