// SPDX-License-Identifier: Apache-2.0
// Goal:   what is written is what is read: no setting is lost or changed on the way.
// Method: every row of the tables set to something else than its default; whole mosquitto.confs.
#include "config/write_toml.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "config/mosquitto_conf.h"
#include "config/options.h"
#include "config/values.h"

namespace firehose::config {
namespace {

/// Changes a field to another value of its row.
struct Change {
    const Option& row;

    void operator()(bool* flag) const { *flag = !*flag; }
    void operator()(std::uint64_t* number) const {
        *number = *number == row.min.number ? row.min.number + 1 : row.min.number;
    }
    void operator()(Microseconds* time) const {
        const Microseconds least{static_cast<std::int64_t>(row.min.number)};
        *time = *time == least ? least + std::chrono::seconds{1} : least;
    }
    void operator()(std::string* text) const { *text = "other"; }
    void operator()(unsigned char* word) const { *word = *word == 0 ? 1 : 0; }
    void operator()(std::vector<std::string>* list) const {
        for (const char* word : {"private", "error", "stdout", "10.0.0.0/8", "other"}) {
            if (row.check != nullptr && !row.check(word).empty()) continue;
            *list = {word};
            return;
        }
        ADD_FAILURE() << "no word for " << row.key;
    }
    void operator()(std::vector<Endpoint>* list) const { *list = {{"::1", 7}, {"127.0.0.1", 0}}; }
};

Settings read(const std::string& text) {
    auto parsed = parse_toml(text, "written.toml");
    EXPECT_TRUE(parsed) << text << to_string(parsed.error().front());
    return parsed ? *std::move(parsed) : Settings{};
}

TEST(WriteToml, DefaultsAreNothing) {
    EXPECT_EQ(write_toml(Settings{}), "");
}

TEST(WriteToml, EveryRowComesBack) {
    for (const Option& row : options()) {
        SCOPED_TRACE(row.key);
        Settings changed;
        std::visit(Change{row}, row.field(&changed));
        // A segment or a queue must hold a packet.
        if (row.key == "log.segment_bytes" || row.key == "log.unwritten_bytes_max") {
            changed.limits.packet_bytes_max = 1'024;
        }
        if (row.key == "log.bytes") changed.log.bytes = 1'000'000'000;
        const std::string text = write_toml(changed);
        EXPECT_NE(text, "");
        EXPECT_EQ(write_toml(read(text)), text);
    }
}

// Numbers that other brokers divided by, or let overflow, are refused or mean something.
TEST(WriteToml, EveryNumberIsDefinedAtEveryEnd) {
    for (const Option& row : options()) {
        Settings scratch;
        const Slot slot = row.field(&scratch);
        const bool is_number = std::holds_alternative<std::uint64_t*>(slot) ||
                               std::holds_alternative<Microseconds*>(slot);
        if (!is_number) continue;
        for (const char* value : {"0", "-1", "65536", "2147483648", "18446744073709551616",
                                  "9223372036854775807", "-9223372036854775808"}) {
            const std::string text = std::string{row.key} + " = " + value + "\n";
            const auto parsed = parse_toml(text, "n.toml");
            if (!parsed) continue;
            EXPECT_EQ(write_toml(read(write_toml(*parsed))), write_toml(*parsed)) << text;
        }
    }
}

TEST(WriteToml, TablesComeBackInTheirOrder) {
    Settings changed;
    changed.listen.mqtt.clear();
    changed.listeners.resize(2);
    changed.listeners[0].host = "127.0.0.1";
    changed.listeners[1].port = 8080;
    changed.listeners[1].speaks = Speaks::websockets;
    changed.listeners[1].password_file = "/a \"quoted\" \\ name";
    const std::string text = write_toml(changed);
    const Settings again = read(text);
    EXPECT_EQ(write_toml(again), text);
    ASSERT_EQ(again.listeners.size(), 2U);
    EXPECT_EQ(again.listeners[0].host, "127.0.0.1");
    EXPECT_EQ(again.listeners[1].password_file, "/a \"quoted\" \\ name");
}

TEST(WriteToml, MosquittoConfsComeBack) {
    for (const char* text : {
             "",
             "port 1883\n",
             "listener 1883\nallow_anonymous true\nlistener 8080 127.0.0.1\nprotocol websockets\n",
             "per_listener_settings true\nlistener 1\npassword_file /p\nlistener 2 ::1\nacl_file "
             "/a\n",
             "pid_file /p\npersistence true\npersistence_location /var/lib/mosquitto/\nlog_type "
             "error\n"
             "max_inflight_messages 0\nmax_queued_messages 7\nmax_packet_size 0\nsys_interval 0\n"
             "persistent_client_expiration 2m\nfirehose_log.bytes 1 GB\nmessage_size_limit 99\n",
         }) {
        SCOPED_TRACE(text);
        const auto conf = parse_mosquitto_conf(text, "m.conf");
        ASSERT_TRUE(conf) << to_string(conf.error().front());
        const std::string toml = write_toml(conf->settings);
        EXPECT_EQ(write_toml(read(toml)), toml);
    }
}

}  // namespace
}  // namespace firehose::config
