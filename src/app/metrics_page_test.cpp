// SPDX-License-Identifier: Apache-2.0
// Goal:   what is exported is named once and for ever; each limit that is met can be seen.
// Method: the page of a bus with one client, as text.
#include "app/metrics_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "app/prometheus.h"
#include "bus/bus_test_support.h"

namespace firehose::app {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

TEST(PrometheusText, WritesFamiliesAndEscapesLabels) {
    PrometheusText text;
    text.counter("a_total", "What it counts.", 7);
    text.family("b", "gauge", "By kind.");
    text.sample("kind", "x\"\\\n", 1);
    EXPECT_EQ(text.text(),
              "# HELP a_total What it counts.\n# TYPE a_total counter\na_total 7\n"
              "# HELP b By kind.\n# TYPE b gauge\nb{kind=\"x\\\"\\\\\\n\"} 1\n");
}

struct MetricsPage : ::testing::Test {
    std::string page() {
        return metrics_page({.shard = bus.shard,
                             .log = bus.log.metrics(),
                             .retained = bus.retained,
                             .addresses = addresses,
                             .arrivals = arrivals,
                             .source = source});
    }
    bus::AddressLimits addresses{{}, 1};
    ArrivalMetrics arrivals;
    source::SourceMetrics source;
    bus::testing::Bus bus{{.client_id_bytes_max = 23}};
};

TEST_F(MetricsPage, HasTheseNamesAndNoOthers) {
    static constexpr std::string_view kNames[] = {
        "firehose_addresses",
        "firehose_addresses_forgotten_total",
        "firehose_bytes_received_total",
        "firehose_bytes_sent_total",
        "firehose_catch_up_reads_total",
        "firehose_clients_connected",
        "firehose_connection_input_bytes",
        "firehose_connection_unsent_bytes",
        "firehose_connections",
        "firehose_connections_accepted_total",
        "firehose_connections_refused_total",
        "firehose_connects_refused_total",
        "firehose_deliveries_too_large_total",
        "firehose_feed_bytes",
        "firehose_feed_members_fallen_out_total",
        "firehose_feeds",
        "firehose_first_bytes_refused_total",
        "firehose_keep_alive_timeouts_total",
        "firehose_limit_reached_total",
        "firehose_log_blocks_total",
        "firehose_log_bytes_total",
        "firehose_log_degraded",
        "firehose_log_disk_bytes",
        "firehose_log_durable_seq",
        "firehose_log_end_seq",
        "firehose_log_held_bytes",
        "firehose_log_memory_bytes",
        "firehose_log_oldest_seq",
        "firehose_log_read_errors_total",
        "firehose_log_records_damaged_total",
        "firehose_log_records_dropped_total",
        "firehose_log_records_refused_total",
        "firehose_log_records_total",
        "firehose_log_segments",
        "firehose_log_syncs_total",
        "firehose_log_unwritten_bytes",
        "firehose_log_write_errors_total",
        "firehose_open_descriptors",
        "firehose_packets_received_total",
        "firehose_packets_sent_total",
        "firehose_protocol_errors_total",
        "firehose_proxy_headers_refused_total",
        "firehose_proxy_headers_untrusted_total",
        "firehose_publishes_denied_total",
        "firehose_publishes_dropped_total",
        "firehose_publishes_received_total",
        "firehose_publishes_refused_total",
        "firehose_publishes_sent_total",
        "firehose_resident_bytes",
        "firehose_retained_bytes",
        "firehose_retained_messages",
        "firehose_sessions",
        "firehose_sessions_expired_total",
        "firehose_sessions_taken_over_total",
        "firehose_sockstat_tcp_bytes",
        "firehose_sockstat_tcp_sockets",
        "firehose_source_bad_lines_total",
        "firehose_source_connected_total",
        "firehose_source_denied_total",
        "firehose_source_dropped_total",
        "firehose_source_published_total",
        "firehose_subscriptions",
        "firehose_tls_handshakes_failed_total",
        "firehose_tls_handshakes_total",
        "firehose_uptime_seconds",
    };
    std::set<std::string> names;
    std::istringstream lines{page()};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with('#')) names.insert(line.substr(0, line.find_first_of(" {")));
    }
    EXPECT_THAT(names, ElementsAreArray(kNames));
}

TEST_F(MetricsPage, CountsConnectionsByTransportAndLimitsByName) {
    bus::testing::Peer plain{bus, mqtt::Version::v5};
    plain.connects(std::string(24, 'x'));
    bus::testing::Peer web{bus, mqtt::Version::v311, true};
    const std::string text = page();
    EXPECT_THAT(text, HasSubstr("firehose_connections{transport=\"websocket\"} 1\n"));
    EXPECT_THAT(text,
                HasSubstr("firehose_limit_reached_total{limit=\"limits.client_id_bytes_max\"} 1"));
}

TEST(ProcessFigures, AreReadFromTheSystem) {
    const ProcessFigures figures = process_figures();
    EXPECT_GT(figures.resident_bytes, 1U << 20);
    EXPECT_GT(figures.open_descriptors, 2U);
}

}  // namespace
}  // namespace firehose::app
