// SPDX-License-Identifier: Apache-2.0
#include "app/metrics_page.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/prometheus.h"

namespace firehose::app {
namespace {

void write_clients(PrometheusText& text, const bus::Shard& shard) {
    const bus::Metrics& m = shard.metrics();
    const bus::ConnectionCounts counts = shard.connection_counts();
    text.family("firehose_connections", "gauge", "Open connections, by what they speak.");
    text.sample("transport", "mqtt", counts.mqtt);
    text.sample("transport", "websocket", counts.websocket);
    text.sample("transport", "sse", counts.sse);
    text.sample("transport", "ndjson", counts.ndjson);
    text.gauge("firehose_connection_unsent_bytes", "Bytes of single connections not sent yet.",
               counts.unsent_bytes);
    text.gauge("firehose_connection_input_bytes", "Bytes read and not executed yet.",
               counts.input_bytes);
    text.gauge("firehose_sessions", "Sessions, with and without a connection.",
               shard.sessions_stored());
    text.gauge("firehose_clients_connected", "MQTT clients with a session.",
               m.clients_connected.value());
    text.gauge("firehose_subscriptions", "Subscriptions of all sessions.", m.subscriptions.value());
    text.counter("firehose_connections_accepted_total", "MQTT connections taken over.",
                 m.connections_accepted.value());
    text.counter("firehose_connects_refused_total", "CONNECTs refused, for any reason.",
                 m.connects_refused.value());
    text.counter("firehose_sessions_taken_over_total", "Sessions taken by a new connection.",
                 m.sessions_taken_over.value());
    text.counter("firehose_sessions_expired_total", "Sessions that ended without coming back.",
                 m.sessions_expired.value());
    text.counter("firehose_keep_alive_timeouts_total", "Clients that fell silent.",
                 m.keep_alive_timeouts.value());
    text.counter("firehose_protocol_errors_total", "Connections that broke the protocol.",
                 m.protocol_errors.value());
}

void write_messages(PrometheusText& text, const bus::Metrics& m) {
    text.counter("firehose_packets_received_total", "Control packets of any kind.",
                 m.messages_received.value());
    text.counter("firehose_packets_sent_total", "Control packets of any kind.",
                 m.messages_sent.value());
    text.counter("firehose_bytes_received_total", "Bytes from clients.", m.bytes_received.value());
    text.counter("firehose_bytes_sent_total", "Bytes to clients.", m.bytes_sent.value());
    text.counter("firehose_publishes_received_total", "PUBLISHes from clients.",
                 m.publishes_received.value());
    text.counter("firehose_publishes_sent_total", "PUBLISHes to clients.",
                 m.publishes_sent.value());
    text.counter("firehose_publishes_denied_total", "PUBLISHes refused by right or limit.",
                 m.publishes_denied.value());
    text.counter("firehose_publishes_refused_total", "PUBLISHes that the log did not take.",
                 m.publishes_refused.value());
    text.counter("firehose_publishes_dropped_total", "Messages that a reader lost.",
                 m.publishes_dropped.value());
    text.counter("firehose_deliveries_too_large_total", "Beyond the client's Maximum Packet Size.",
                 m.too_large.value());
    text.gauge("firehose_feeds", "Feeds: encodings that readers share.", m.feeds.value());
    text.gauge("firehose_feed_bytes", "Encoded bytes that feeds keep.", m.feed_bytes.value());
    text.counter("firehose_feed_members_fallen_out_total", "Readers that left a feed's window.",
                 m.members_fallen_out.value());
    text.counter("firehose_catch_up_reads_total", "Blocks read for readers that are behind.",
                 m.catch_up_reads.value());
}

void write_arrivals(PrometheusText& text, const ArrivalMetrics& m) {
    text.counter("firehose_proxy_headers_untrusted_total",
                 "Connections where a PROXY header is due, not from net.trusted_proxies.",
                 m.proxy_headers_untrusted.value());
    text.counter("firehose_proxy_headers_refused_total", "PROXY headers that made no sense.",
                 m.proxy_headers_refused.value());
    text.counter("firehose_tls_handshakes_total", "TLS handshakes that were done.",
                 m.tls_handshakes.value());
    text.counter("firehose_tls_handshakes_failed_total",
                 "Given up by either side; late ones are in firehose_limit_reached_total.",
                 m.tls_handshakes_failed.value());
    text.counter("firehose_first_bytes_refused_total",
                 "Connections that began with neither MQTT nor HTTP where both are spoken.",
                 m.first_bytes_refused.value());
}

void write_limits(PrometheusText& text, const bus::Metrics& all,
                  const bus::AddressMetrics& addresses, const ArrivalMetrics& arrivals) {
    const bus::LimitMetrics& met = all.limits;
    text.family("firehose_limit_reached_total", "counter",
                "How often a limit was met, by its name in the configuration.");
    const auto limit = [&](std::string_view name, const bus::Counter& counter) {
        text.sample("limit", name, counter.value());
    };
    limit("auth.anonymous_wildcard_all", met.wildcard_all);
    limit("connection.replies_max", met.replies);
    limit("limits.address.connections_max", addresses.connections_over);
    limit("limits.address.connects_per_s", addresses.connects_refused);
    limit("limits.address.requests_per_s", addresses.requests_refused);
    limit("limits.address.subscribes_per_s", addresses.subscribes_refused);
    limit("limits.client_id_bytes_max", met.client_id_bytes);
    limit("limits.connect_bytes_max", met.connect_bytes);
    text.sample("limit", "limits.connect_timeout",
                met.connect_timeout.value() + arrivals.first_bytes_late.value());
    limit("limits.connections_max", met.connections);
    limit("limits.filters_per_subscribe_max", met.filters_per_subscribe);
    limit("limits.input_bytes_max", all.input_excesses);
    limit("limits.packet_bytes_max", met.packet_bytes);
    limit("limits.subscription_bytes_max", met.subscription_bytes);
    limit("limits.subscriptions_max", met.subscriptions);
    limit("limits.topic_bytes_max", met.topic_bytes);
    limit("limits.topic_levels_max", met.topic_levels);
    limit("limits.user_name_bytes_max", met.user_name_bytes);
    limit("limits.user_properties_max", met.user_properties);
    limit("listener.connections_max", arrivals.listener_full);
    limit("net.proxy_header_timeout", arrivals.proxy_headers_late);
    limit("publish.inflight_max", met.publish_inflight);
    limit("publish.messages_per_s", met.publish_quota);
    limit("publish.stall_max", met.publish_stall);
    limit("retained.bytes_max", met.retained_bytes);
    limit("retained.count_max", met.retained_count);
    limit("tls.handshake_timeout", arrivals.tls_handshakes_late);
    text.counter("firehose_connections_refused_total", "Closed at once: too many of an address.",
                 addresses.connections_refused.value());
    text.gauge("firehose_addresses", "Addresses that limits remember.",
               addresses.addresses.value());
    text.counter("firehose_addresses_forgotten_total", "Forgotten because there were too many.",
                 addresses.addresses_forgotten.value());
}

void write_log(PrometheusText& text, const log::LogMetrics& m) {
    text.gauge("firehose_log_oldest_seq", "The oldest position that can be read.", m.oldest_seq);
    text.gauge("firehose_log_end_seq", "The position after the newest record.", m.end_seq);
    text.gauge("firehose_log_durable_seq", "Positions before it survive a power cut.",
               m.durable_seq);
    text.counter("firehose_log_records_total", "Records appended.", m.records_total);
    text.counter("firehose_log_bytes_total", "Their bytes.", m.bytes_total);
    text.counter("firehose_log_blocks_total", "Blocks appended.", m.blocks_total);
    text.counter("firehose_log_syncs_total", "Times that the disk confirmed.", m.syncs_total);
    text.counter("firehose_log_write_errors_total", "Failed writes and syncs.",
                 m.write_errors_total);
    text.counter("firehose_log_read_errors_total", "Failed reads, and damage found.",
                 m.read_errors_total);
    text.counter("firehose_log_records_damaged_total", "Records whose checksum was wrong.",
                 m.records_damaged_total);
    text.counter("firehose_log_records_refused_total", "The log was full or degraded.",
                 m.records_refused_total);
    text.counter("firehose_log_records_dropped_total", "QoS 0 that was never written.",
                 m.records_dropped_total);
    text.gauge("firehose_log_memory_bytes", "Of the newest records in memory.", m.memory_bytes);
    text.gauge("firehose_log_unwritten_bytes", "Of it, not in a segment yet.", m.unwritten_bytes);
    text.gauge("firehose_log_disk_bytes", "Of the segments.", m.disk_bytes);
    text.gauge("firehose_log_held_bytes", "Of segments that durable sessions need.", m.held_bytes);
    text.gauge("firehose_log_segments", "Segment files.", m.segments);
    text.gauge("firehose_log_degraded", "1: only QoS 0 is taken.", m.is_degraded ? 1 : 0);
}

void write_sources(PrometheusText& text, const source::SourceMetrics& m) {
    text.counter("firehose_source_published_total", "Events of sources.", m.published.load());
    text.counter("firehose_source_denied_total", "Withheld by source.deny.", m.denied.load());
    text.counter("firehose_source_dropped_total", "Lost: source.buffer_bytes were full.",
                 m.dropped.load());
    text.counter("firehose_source_connected_total", "Connections made.", m.connected.load());
    text.counter("firehose_source_bad_lines_total", "Lines that made no sense.",
                 m.bad_lines_total());
}

void write_process(PrometheusText& text) {
    const ProcessFigures figures = process_figures();
    text.gauge("firehose_resident_bytes", "Memory of the process (RSS).", figures.resident_bytes);
    text.gauge("firehose_open_descriptors", "Files and sockets of the process.",
               figures.open_descriptors);
    text.gauge("firehose_sockstat_tcp_sockets", "TCP sockets of the network namespace.",
               figures.tcp_sockets);
    text.gauge("firehose_sockstat_tcp_bytes", "Buffers of all TCP sockets of the machine.",
               figures.tcp_socket_bytes);
}

}  // namespace

ProcessFigures process_figures() {
    ProcessFigures figures;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::uint64_t pages = 0;
    if (std::ifstream statm{"/proc/self/statm"}; statm >> pages >> pages) {
        figures.resident_bytes = pages * page;
    }
    std::error_code failed;
    for (auto at = std::filesystem::directory_iterator{"/proc/self/fd", failed};
         !failed && at != std::filesystem::directory_iterator{}; at.increment(failed)) {
        ++figures.open_descriptors;
    }
    std::ifstream sockstat{"/proc/net/sockstat"};
    for (std::string row; std::getline(sockstat, row);) {
        if (!row.starts_with("TCP: ")) continue;
        std::istringstream words{row.substr(5)};
        std::string name;
        for (std::uint64_t value = 0; words >> name >> value;) {
            if (name == "alloc") figures.tcp_sockets = value;
            if (name == "mem") figures.tcp_socket_bytes = value * page;
        }
    }
    return figures;
}

std::string metrics_page(const MetricsSources& from) {
    PrometheusText text;
    text.gauge("firehose_uptime_seconds", "Since the start.",
               static_cast<std::uint64_t>(
                   std::chrono::duration_cast<std::chrono::seconds>(from.uptime).count()));
    write_clients(text, from.shard);
    write_messages(text, from.shard.metrics());
    write_arrivals(text, from.arrivals);
    write_limits(text, from.shard.metrics(), from.addresses.metrics(), from.arrivals);
    text.gauge("firehose_retained_messages", "Topics with a retained message.",
               from.retained.count());
    text.gauge("firehose_retained_bytes", "Their records.", from.retained.bytes());
    write_log(text, from.log);
    write_sources(text, from.source);
    write_process(text);
    return text.text();
}

}  // namespace firehose::app
