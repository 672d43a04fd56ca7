// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/types.h"

/// What was published, what was acknowledged, and what every reader got: the judge of a crash test.
///
/// A publisher has two streams, `crash/<publisher>/1` at QoS 1 and `crash/<publisher>/2` at QoS 2,
/// and numbers the messages of each 1, 2, 3 ... It repeats what is not acknowledged, so each number
/// gets into the log. A reader of a stream must therefore see 1, 2, 3 ...; a number may come again
/// only where QoS 1 allows it:
///   - the publisher sent it again (QoS 1 publishes), or
///   - the reader got it on this connection, or on the last one on which it got anything of the
///     stream (QoS 1 deliveries: the acknowledgement may have been lost with that connection).
/// Threads: none. Cost: O(1) a message.
namespace firehose::crash {

inline constexpr std::size_t kStreams = 2;

struct Message {
    std::size_t publisher = 0;
    std::size_t stream = 0;  // QoS - 1.
    std::uint64_t number = 0;
};
[[nodiscard]] std::string topic_of(std::size_t publisher, std::size_t stream);
/// The number first, then as much filling as makes `bytes`.
[[nodiscard]] std::string payload_of(std::uint64_t number, std::size_t bytes);
/// False for what no publisher of the test has sent.
[[nodiscard]] bool parse(std::string_view topic, std::string_view payload, Message& message);

/// What a reader asked for.
struct Wish {
    std::array<bool, kStreams> streams{true, true};
    mqtt::Qos qos = mqtt::Qos::exactly_once;
};

class Ledger {
public:
    Ledger(std::size_t publishers, const std::vector<Wish>& wishes);

    /// The number of that stream's next message.
    [[nodiscard]] std::uint64_t publish(std::size_t publisher, std::size_t stream);
    void acknowledged(const Message& message);
    /// The publisher's connection is over: what is not acknowledged will be sent again.
    void publisher_lost(std::size_t publisher);

    void reader_connected(std::size_t reader);
    /// What is wrong with that delivery; empty if nothing.
    [[nodiscard]] std::string delivered(std::size_t reader, const Message& message, mqtt::Qos qos);

    /// Acknowledged messages that the reader has not got.
    [[nodiscard]] std::uint64_t owed(std::size_t reader) const;
    /// The first of them, in words; empty if there is none.
    [[nodiscard]] std::string first_owed(std::size_t reader) const;
    [[nodiscard]] std::uint64_t last_published(std::size_t publisher, std::size_t stream) const {
        return sent_[publisher][stream].published;
    }

    struct Totals {
        std::uint64_t published = 0;
        std::uint64_t acknowledged = 0;
        std::uint64_t sent_again = 0;
        std::uint64_t delivered = 0;  // The first time.
        std::uint64_t repeated = 0;   // As QoS 1 may.
    };
    [[nodiscard]] const Totals& totals() const noexcept { return totals_; }

private:
    static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

    struct Sent {
        std::uint64_t published = 0;
        std::uint64_t acknowledged = 0;  // All up to here: answers come in order.
        std::vector<bool> is_sent_again;
    };
    struct Got {
        std::uint64_t last = 0;
        std::uint64_t lowest_here = kNone;  // On this connection.
        std::uint64_t lowest_before = kNone;
    };
    struct Reader {
        Wish wish;
        std::vector<std::array<Got, kStreams>> got;  // By publisher.
        std::uint64_t count = 0;
    };

    std::vector<std::array<Sent, kStreams>> sent_;
    std::array<std::uint64_t, kStreams> acknowledged_{};
    std::vector<Reader> readers_;
    Totals totals_;
};

}  // namespace firehose::crash
