// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

/// Who publishes where and who reads what. Everything is known beforehand: how often each message
/// is to be delivered, and which number comes next.
///
///     fanout   publishers -> "bench/t"; every reader on "bench/#"
///     filters  topics "bench/<group>/<topic>"; reader r on "bench/<r mod filters>/#"
///     pairs    publisher i -> "bench/<i>"; reader i on it
///
/// A group is what a reader's filter covers; messages are numbered by (publisher, group).
/// Lifetime: a value. Threads: read only.
namespace firehose::bench {

enum class Pattern : std::uint8_t { fanout, filters, pairs };

struct Plan {
    Pattern pattern = Pattern::fanout;
    std::size_t publishers = 1;
    std::size_t readers = 1;
    std::size_t filters = 1;  // Pattern::filters only.
    std::size_t topics = 1;   // Likewise, in all.

    [[nodiscard]] std::size_t groups() const {
        if (pattern == Pattern::fanout) return 1;
        return pattern == Pattern::filters ? filters : publishers;
    }
    /// Topics that publisher `p` uses, one after another.
    [[nodiscard]] std::size_t topics_of_publisher() const {
        return pattern == Pattern::filters ? topics : 1;
    }
    [[nodiscard]] std::size_t group_of_topic(std::size_t publisher, std::size_t topic) const {
        if (pattern == Pattern::fanout) return 0;
        return pattern == Pattern::filters ? topic % filters : publisher;
    }
    [[nodiscard]] std::size_t group_of_reader(std::size_t reader) const {
        return reader % groups();
    }
    [[nodiscard]] std::size_t readers_of_group(std::size_t group) const {
        return readers / groups() + (group < readers % groups() ? 1 : 0);
    }
    [[nodiscard]] std::string topic_name(std::size_t publisher, std::size_t topic) const {
        const std::string group = std::to_string(group_of_topic(publisher, topic));
        if (pattern == Pattern::fanout) return "bench/t";
        if (pattern == Pattern::pairs) return "bench/" + group;
        return "bench/" + group + "/" + std::to_string(topic);
    }
    [[nodiscard]] std::string filter(std::size_t reader) const {
        if (pattern == Pattern::fanout) return "bench/#";
        const std::string group = std::to_string(group_of_reader(reader));
        return pattern == Pattern::pairs ? "bench/" + group : "bench/" + group + "/#";
    }
};

}  // namespace firehose::bench
