// SPDX-License-Identifier: Apache-2.0
// Goal:   dashboards made for mosquitto find every name that they know, with figures that mean the
//         same.
// Method: the names of mosquitto 2.0's manual as a list; load averages against its formula.
#include "bus/sys_topics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace firehose::bus {
namespace {

using namespace std::chrono_literals;

// mosquitto(8), "Broker status", 2.0.11; without connection/#, which is about its bridges.
constexpr std::string_view kNames[] = {
    "bytes/received", "bytes/sent", "clients/connected", "clients/active", "clients/expired",
    "clients/disconnected", "clients/inactive", "clients/maximum", "clients/total",
    "heap/current size", "heap/maximum size", "messages/inflight", "messages/received",
    "messages/sent", "publish/messages/dropped", "publish/messages/received",
    "publish/messages/sent", "retained messages/count", "store/messages/count", "messages/stored",
    "store/messages/bytes", "subscriptions/count", "version", "uptime",
    // What it sends in truth.
    "heap/current", "heap/maximum", "shared_subscriptions/count"};
constexpr std::string_view kLoads[] = {"connections",       "bytes/received", "bytes/sent",
                                       "messages/received", "messages/sent",  "publish/dropped",
                                       "publish/received",  "publish/sent",   "sockets"};

TEST(SysTopics, HasEveryNameOfMosquittosManual) {
    SysTopics sys;
    sys.update(Metrics{}, {.version = "v"}, 10s);
    for (const std::string_view name : kNames) {
        EXPECT_TRUE(sys.values().contains("$SYS/broker/" + std::string{name})) << name;
    }
    for (const std::string_view load : kLoads) {
        for (const std::string_view span : {"1min", "5min", "15min"}) {
            const std::string name =
                "$SYS/broker/load/" + std::string{load} + "/" + std::string{span};
            EXPECT_TRUE(sys.values().contains(name)) << name;
        }
    }
}

// deployment: the eight that the first dashboard read.
TEST(SysTopics, HasTheEightOfTheFirstDashboard) {
    SysTopics sys;
    sys.update(Metrics{}, {.heap_bytes = 7}, 10s);
    for (const std::string_view name :
         {"heap/current", "clients/total", "load/bytes/received/1min", "load/bytes/sent/1min",
          "subscriptions/count", "load/messages/received/1min", "load/messages/sent/1min",
          "load/publish/dropped/1min"}) {
        EXPECT_TRUE(sys.values().contains("$SYS/broker/" + std::string{name})) << name;
    }
    EXPECT_EQ(sys.values().find("$SYS/broker/heap/current")->second, "7");
}

TEST(SysTopics, AveragesLoadsAsMosquittoDoes) {
    Metrics metrics;
    SysTopics sys;
    const auto load = [&](const char* span) {
        return sys.values().find("$SYS/broker/load/messages/received/" + std::string{span})->second;
    };
    metrics.messages_received.add(100);
    sys.update(metrics, {}, 10s);  // 600 a minute.
    const double kept = std::exp(-10.0 / 60);
    char expected[32];
    std::snprintf(expected, sizeof expected, "%.2f", 600 * (1 - kept));
    EXPECT_EQ(load("1min"), expected);
    sys.update(metrics, {}, 10s);  // Nothing came.
    std::snprintf(expected, sizeof expected, "%.2f", 600 * (1 - kept) * kept);
    EXPECT_EQ(load("1min"), expected);
    std::snprintf(expected, sizeof expected, "%.2f",
                  600 * (1 - std::exp(-10.0 / 900)) * std::exp(-10.0 / 900));
    EXPECT_EQ(load("15min"), expected);
}

TEST(SysTopics, RemembersTheLargestHeap) {
    SysTopics sys;
    sys.update(Metrics{}, {.heap_bytes = 9}, 10s);
    sys.update(Metrics{}, {.heap_bytes = 5}, 10s);
    EXPECT_EQ(sys.values().find("$SYS/broker/heap/maximum")->second, "9");
    EXPECT_EQ(sys.values().find("$SYS/broker/heap/current size")->second, "5");
}

}  // namespace
}  // namespace firehose::bus
