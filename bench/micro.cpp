// SPDX-License-Identifier: Apache-2.0
// Goal:   what one step of a message's way costs: decode, match, append, read, feed.
// Method: Google Benchmark, on one thread, in caches that are warm: a lower bound for what the
//         program pays. One message of 256 B (--payload is the argument of each).
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "bus/feed_table.h"
#include "log/block.h"
#include "mqtt/codec.h"
#include "topic/match_cache.h"

using namespace firehose;  // NOLINT: a benchmark is one page.

namespace {

constexpr std::string_view kTopic = "gerrit/openstack/nova/comment-added";

std::string payload(const benchmark::State& state) {
    return std::string(static_cast<std::size_t>(state.range(0)), 'x');
}

log::Record record(std::string_view payload) {
    return {.payload_is_utf8 = true,
            .topic = kTopic,
            .payload = as_bytes(payload),
            .publisher = PublisherId{7}};
}

void decode_publish(benchmark::State& state) {
    const std::string text = payload(state);
    ByteBuffer bytes;
    mqtt::encode(mqtt::Publish{.topic = kTopic, .payload = as_bytes(text)}, mqtt::Version::v311,
                 bytes);
    for (auto _ : state) {
        const auto frame = mqtt::whole_frame(bytes, 1U << 20U);
        benchmark::DoNotOptimize(mqtt::decode_publish(*frame, mqtt::Version::v311));
    }
}

void append_and_read_record(benchmark::State& state) {
    const std::string text = payload(state);
    log::BlockBuilder builder;
    std::uint32_t index = 0;
    constexpr std::uint32_t kBlock = 256;  // Messages: about a turn of a busy shard.
    for (auto _ : state) {
        index = builder.add(record(text));
        if (index + 1 < kBlock) continue;
        const auto block = builder.take();
        for (std::size_t i = 0; i < block->count(); ++i) {
            benchmark::DoNotOptimize(block->record(i));
        }
    }
}

void match_known_topic(benchmark::State& state) {
    topic::MatchCache cache;
    for (topic::SubscriberId id = 0; id < 500; ++id) {
        cache.add("bench/" + std::to_string(id) + "/#", id);
    }
    std::vector<std::string> names;
    for (int i = 0; i < 2'000; ++i) {
        names.push_back("bench/" + std::to_string(i % 500) + "/" + std::to_string(i));
    }
    std::size_t next = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(cache.match(names[next]));
        next = (next + 1) % names.size();
    }
}

void match_new_topic(benchmark::State& state) {
    topic::SubscriptionIndex index;
    for (topic::SubscriberId id = 0; id < 500; ++id) {
        std::ignore = index.add("bench/" + std::to_string(id) + "/#", id);
    }
    std::vector<topic::SubscriberId> found;
    for (auto _ : state) {
        found.clear();
        index.match("bench/250/status", found);
        benchmark::DoNotOptimize(found.data());
    }
}

/// One encoding for the feed, whatever the number of its members.
void append_to_feed(benchmark::State& state) {
    const std::string text = payload(state);
    session::Subscriptions subscriptions;
    subscriptions.add("#", {});
    bus::FeedTable feeds{std::size_t{8} << 20};
    bus::Feed& feed = feeds.make({.filters = subscriptions.feed_key()}, subscriptions);
    const bus::PlacedRecord placed{.seq = Seq{1}, .record = record(text)};
    std::size_t appended = 0;
    for (auto _ : state) {
        feeds.append(feed, placed, false);
        if (++appended % 256 != 0) continue;
        std::ignore = feeds.take_dirty();
        feeds.drop_all(feed);
    }
}

BENCHMARK(decode_publish)->Arg(256)->Arg(4'096);
BENCHMARK(append_and_read_record)->Arg(256)->Arg(4'096);
BENCHMARK(match_known_topic);
BENCHMARK(match_new_topic);
BENCHMARK(append_to_feed)->Arg(256)->Arg(4'096);

}  // namespace

BENCHMARK_MAIN();
