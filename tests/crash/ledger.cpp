// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"

#include <algorithm>
#include <charconv>

namespace firehose::crash {
namespace {

constexpr std::string_view kPrefix = "crash/";

template <class Number>
bool take_number(std::string_view& text, Number& number, char end) {
    const auto [next, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(next - text.data()));
    if (end == '\0') return text.empty();
    if (!text.starts_with(end)) return false;
    text.remove_prefix(1);
    return true;
}

std::string words(const Message& message) {
    return topic_of(message.publisher, message.stream) + " number " +
           std::to_string(message.number);
}

}  // namespace

std::string topic_of(std::size_t publisher, std::size_t stream) {
    return std::string{kPrefix} + std::to_string(publisher) + "/" + std::to_string(stream + 1);
}

std::string payload_of(std::uint64_t number, std::size_t bytes) {
    std::string text = std::to_string(number) + " ";
    while (text.size() < bytes) text += static_cast<char>('a' + (text.size() * 7 + number) % 26);
    return text;
}

bool parse(std::string_view topic, std::string_view payload, Message& message) {
    if (!topic.starts_with(kPrefix)) return false;
    topic.remove_prefix(kPrefix.size());
    std::size_t qos = 0;
    if (!take_number(topic, message.publisher, '/') || !take_number(topic, qos, '\0')) return false;
    if (qos < 1 || qos > kStreams) return false;
    message.stream = qos - 1;
    return take_number(payload, message.number, ' ');
}

Ledger::Ledger(std::size_t publishers, const std::vector<Wish>& wishes) : sent_(publishers) {
    for (const Wish& wish : wishes) {
        auto& reader = readers_.emplace_back();
        reader.wish = wish;
        reader.got.resize(publishers);
    }
}

std::uint64_t Ledger::publish(std::size_t publisher, std::size_t stream) {
    Sent& sent = sent_[publisher][stream];
    ++totals_.published;
    sent.is_sent_again.resize(sent.published + 2);
    return ++sent.published;
}

void Ledger::acknowledged(const Message& message) {
    ++totals_.acknowledged;
    ++acknowledged_[message.stream];
    std::uint64_t& up_to = sent_[message.publisher][message.stream].acknowledged;
    up_to = std::max(up_to, message.number);
}

void Ledger::publisher_lost(std::size_t publisher) {
    for (Sent& sent : sent_[publisher]) {
        for (std::uint64_t n = sent.acknowledged + 1; n <= sent.published; ++n) {
            if (!sent.is_sent_again[n]) ++totals_.sent_again;
            sent.is_sent_again[n] = true;
        }
    }
}

void Ledger::reader_connected(std::size_t reader) {
    for (auto& streams : readers_[reader].got) {
        for (Got& got : streams) {
            if (got.lowest_here != kNone) got.lowest_before = got.lowest_here;
            got.lowest_here = kNone;
        }
    }
}

std::string Ledger::delivered(std::size_t reader, const Message& message, mqtt::Qos qos) {
    Reader& who = readers_[reader];
    if (message.publisher >= sent_.size() ||
        message.number > sent_[message.publisher][message.stream].published) {
        return words(message) + ", which was never published";
    }
    if (!who.wish.streams[message.stream]) return words(message) + ", which it did not ask for";
    const auto published_at = mqtt::Qos{static_cast<std::uint8_t>(message.stream + 1)};
    if (qos != std::min(published_at, who.wish.qos)) {
        return words(message) + " at QoS " + std::to_string(static_cast<int>(qos));
    }
    Got& got = who.got[message.publisher][message.stream];
    if (message.number > got.last + 1) {
        return words(message) + " after number " + std::to_string(got.last);
    }
    const bool is_new = message.number == got.last + 1;
    if (is_new) {
        got.last = message.number;
        ++who.count;
        ++totals_.delivered;
    } else {
        const bool was_sent_again =
            published_at == mqtt::Qos::at_least_once &&
            sent_[message.publisher][message.stream].is_sent_again[message.number];
        const bool may_be_lost = qos == mqtt::Qos::at_least_once &&
                                 message.number >= std::min(got.lowest_here, got.lowest_before);
        if (!was_sent_again && !may_be_lost) {
            return words(message) + " again, although it had " + std::to_string(got.last);
        }
        ++totals_.repeated;
    }
    got.lowest_here = std::min(got.lowest_here, message.number);
    return {};
}

std::uint64_t Ledger::owed(std::size_t reader) const {
    const Reader& who = readers_[reader];
    std::uint64_t due = 0;
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
        if (who.wish.streams[stream]) due += acknowledged_[stream];
    }
    // It may also have what nobody acknowledged yet.
    return due > who.count ? due - who.count : 0;
}

std::string Ledger::first_owed(std::size_t reader) const {
    const Reader& who = readers_[reader];
    for (std::size_t publisher = 0; publisher < sent_.size(); ++publisher) {
        for (std::size_t stream = 0; stream < kStreams; ++stream) {
            const std::uint64_t last = who.got[publisher][stream].last;
            if (who.wish.streams[stream] && last < sent_[publisher][stream].acknowledged) {
                return words({.publisher = publisher, .stream = stream, .number = last + 1});
            }
        }
    }
    return {};
}

}  // namespace firehose::crash
