// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/byte_stream.h"
#include "base/ip_network.h"
#include "base/time.h"
#include "bus/address_limits.h"
#include "bus/entrance.h"
#include "bus/metrics.h"
#include "config/settings.h"
#include "net/event_loop.h"
#include "net/proxy_header.h"
#include "net/tcp_stream.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"

/// Connections on their way in: from the listener to whoever speaks their protocol.
///
/// A connection passes the stages that its way asks for, in this order: the PROXY header, the TLS
/// handshake, the first byte (which tells MQTT from HTTP). Each stage is a small object that owns
/// the stream, has its own time limit, and hands the stream on or drops it.
///
/// Ownership: owns the connections until they are handed on by `on_arrived`, which may be called
///            from inside `accept`.
/// Threads:   its loop's; one a shard.
/// Limits:    `connections_max` on their way at a time; a time for each stage.
/// Source:    rules **TLS**, **A shard never waits**.
namespace firehose::app {

/// What a listener means for those who come in by it.
struct Way {
    std::string name;
    config::Speaks speaks = config::Speaks::mqtt;
    bus::Entrance& entrance;
    net::ProxyProtocol proxy_protocol = net::ProxyProtocol::off;
    /// Whoever may connect to it is trusted to write PROXY headers: a Unix socket.
    bool trusts_all_proxies = false;
    std::vector<std::string> origins = {};    // Of pages that may use WebSocket; empty: all.
    std::optional<net::TlsContext> tls = {};  // Replaced by a reload.
    /// What of a client's certificate is its user name.
    enum class UserName : std::uint8_t { none, common_name, subject };
    UserName user_name = UserName::none;
};

enum class Protocol : std::uint8_t { mqtt, http };

struct ArrivalLimits {
    std::size_t connections_max = 0;
    Microseconds proxy_header_time_max{0};
    Microseconds handshake_time_max{0};
    Microseconds first_byte_time_max{0};
};

/// What did not arrive. Late ones are counted by the limit that they met.
struct ArrivalMetrics {
    bus::Counter proxy_headers_untrusted;  // From an address that may write none.
    bus::Counter proxy_headers_refused;    // Malformed, or of another version.
    bus::Counter proxy_headers_late;       // net.proxy_header_timeout
    bus::Counter tls_handshakes;           // Done.
    bus::Counter tls_handshakes_failed;
    bus::Counter tls_handshakes_late;  // tls.handshake_timeout
    bus::Counter first_bytes_refused;  // Neither MQTT nor HTTP.
    bus::Counter first_bytes_late;     // limits.connect_timeout
    bus::Counter listener_full;        // listener.connections_max; a few were let in to be told.
};

class Arrivals {
public:
    using OnArrived = std::function<void(bus::Incoming&&, const Way&, Protocol)>;

    /// `trusted` names the proxies whose headers are believed. All references outlive it.
    Arrivals(net::EventLoop& loop, const IpNetworks& trusted, bus::AddressLimits& addresses,
             ArrivalLimits limits, std::size_t handshakes_per_turn, OnArrived on_arrived);
    ~Arrivals();
    Arrivals(const Arrivals&) = delete;
    Arrivals& operator=(const Arrivals&) = delete;

    void set_limits(ArrivalLimits limits) { limits_ = limits; }
    /// The way outlives the connection.
    void accept(std::unique_ptr<net::TcpStream> stream, Way& way);
    /// Ends those who take too long.
    void on_tick(MonotonicTime now);
    /// Destroys the stages that ended in this turn.
    void end_turn();
    void close_all();
    [[nodiscard]] std::size_t size() const noexcept { return stages_.size(); }
    [[nodiscard]] const ArrivalMetrics& metrics() const noexcept { return metrics_; }

private:
    class Stage;
    class ProxyStage;
    class TlsStage;
    class FirstByteStage;
    /// A connection between two stages.
    struct Arrival {
        Way& way;
        bus::Peer peer;
        std::unique_ptr<ByteStream> stream;
        ByteBuffer unread;
    };

    /// False: there are too many connections of its listener.
    [[nodiscard]] bool seat(Arrival& arrival);
    /// False: there are too many connections of its address.
    [[nodiscard]] bool admit(bus::Peer& peer);
    void begin_tls(std::unique_ptr<net::TcpStream> stream, Arrival&& arrival);
    void look(Arrival&& arrival);
    void arrive(Arrival&& arrival, Protocol protocol);
    template <class AnyStage, class... Args>
    AnyStage& make(Args&&... args);
    void end(Stage& stage);
    /// It ends without having arrived.
    void drop(Stage& stage, std::string_view what, std::string_view reason);

    net::EventLoop& loop_;
    const IpNetworks& trusted_;
    bus::AddressLimits& addresses_;
    ArrivalLimits limits_;
    ArrivalMetrics metrics_;
    net::HandshakeGate gate_;
    OnArrived on_arrived_;
    std::unordered_map<Stage*, std::unique_ptr<Stage>> stages_;
    std::vector<std::unique_ptr<Stage>> ended_;
};

}  // namespace firehose::app
