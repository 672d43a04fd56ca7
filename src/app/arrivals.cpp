// SPDX-License-Identifier: Apache-2.0
#include "app/arrivals.h"

#include <utility>

#include "base/log.h"
#include "mqtt/utf8.h"

namespace firehose::app {
namespace {

/// A control packet's type and flags: only CONNECT comes first [MQTT-3.1.0-1].
constexpr std::byte kConnect{0x10};

bool is_method_letter(std::byte byte) {
    return byte >= std::byte{'A'} && byte <= std::byte{'Z'};
}

}  // namespace

/// One connection in one stage. It may end itself inside any callback: it lives to the turn's end.
class Arrivals::Stage : public ByteStreamHandler {
public:
    Stage(Arrivals& arrivals, Microseconds time_max)
        : arrivals_(arrivals), deadline_(arrivals.loop_.now() + time_max) {}

    [[nodiscard]] MonotonicTime deadline() const noexcept { return deadline_; }
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Where it counts if its time is over.
    [[nodiscard]] virtual bus::Counter& late() const noexcept = 0;

protected:
    Arrivals& arrivals_;

private:
    MonotonicTime deadline_;
};

/// Reads the header that a proxy puts before its client's bytes.
class Arrivals::ProxyStage final : public Stage {
public:
    ProxyStage(Arrivals& arrivals, std::unique_ptr<net::TcpStream> stream, Arrival&& arrival)
        : Stage(arrivals, arrivals.limits_.proxy_header_time_max),
          stream_(std::move(stream)),
          arrival_(std::move(arrival)) {
        stream_->set_handler(*this);
    }
    [[nodiscard]] std::string_view name() const noexcept override { return "PROXY header"; }
    [[nodiscard]] bus::Counter& late() const noexcept override {
        return arrivals_.metrics_.proxy_headers_late;
    }

    void on_bytes(ByteSpan bytes) override {
        append(arrival_.unread, bytes);
        const auto parsed = net::parse_proxy_header(arrival_.unread, arrival_.way.proxy_protocol);
        if (!parsed) {
            arrivals_.metrics_.proxy_headers_refused.add();
            return arrivals_.drop(*this, name(), parsed.error());
        }
        if (!*parsed) return;
        const net::ProxyHeader& header = **parsed;
        if (header.address) arrival_.peer.address = *header.address;
        arrival_.peer.is_tls = header.is_tls;
        if (arrival_.way.user_name == Way::UserName::common_name) {
            arrival_.peer.certificate_user = header.common_name;
        }
        arrival_.unread.erase(arrival_.unread.begin(),
                              arrival_.unread.begin() + static_cast<std::ptrdiff_t>(header.size));
        if (!arrivals_.admit(arrival_.peer)) {
            return arrivals_.drop(*this, name(), "too many connections of its address");
        }
        arrivals_.begin_tls(std::move(stream_), std::move(arrival_));
        arrivals_.end(*this);
    }
    void on_writable() override {}
    void on_closed(const std::string& reason) override { arrivals_.drop(*this, name(), reason); }

private:
    std::unique_ptr<net::TcpStream> stream_;
    Arrival arrival_;
};

/// Waits for the handshake, then knows who the client is by its certificate.
class Arrivals::TlsStage final : public Stage {
public:
    TlsStage(Arrivals& arrivals, std::unique_ptr<net::TlsStream> stream, Arrival&& arrival)
        : Stage(arrivals, arrivals.limits_.handshake_time_max),
          stream_(std::move(stream)),
          arrival_(std::move(arrival)) {
        stream_->set_handler(*this);
    }
    [[nodiscard]] std::string_view name() const noexcept override { return "TLS handshake"; }
    [[nodiscard]] bus::Counter& late() const noexcept override {
        return arrivals_.metrics_.tls_handshakes_late;
    }

    void on_bytes(ByteSpan) override {}  // Not before the handshake is done, and then not here.
    void on_writable() override {
        arrival_.peer.is_tls = true;
        if (!name_user()) return fail("the certificate names nobody");
        arrivals_.metrics_.tls_handshakes.add();
        const net::Alpn alpn = stream_->alpn();
        arrival_.stream = std::move(stream_);
        if (alpn == net::Alpn::none || arrival_.way.speaks != config::Speaks::any) {
            arrivals_.look(std::move(arrival_));
        } else {
            arrivals_.arrive(std::move(arrival_),
                             alpn == net::Alpn::mqtt ? Protocol::mqtt : Protocol::http);
        }
        arrivals_.end(*this);
    }
    void on_closed(const std::string& reason) override { fail(reason); }

private:
    void fail(std::string_view reason) {
        arrivals_.metrics_.tls_handshakes_failed.add();
        arrivals_.drop(*this, name(), reason);
    }
    /// False: its certificate has a name that cannot be a user's. Without a certificate it is the
    /// entrance that decides.
    [[nodiscard]] bool name_user() {
        if (arrival_.way.user_name == Way::UserName::none || !stream_->has_peer_certificate()) {
            return true;
        }
        auto user = arrival_.way.user_name == Way::UserName::subject ? stream_->peer_subject()
                                                                     : stream_->peer_common_name();
        const bool is_name = user && mqtt::text_fault(*user) == mqtt::TextFault::none;
        if (is_name) arrival_.peer.certificate_user = std::move(user);
        return is_name;
    }

    std::unique_ptr<net::TlsStream> stream_;
    Arrival arrival_;
};

/// Tells MQTT from HTTP by the first byte: a CONNECT, or the letter of a method.
class Arrivals::FirstByteStage final : public Stage {
public:
    FirstByteStage(Arrivals& arrivals, Arrival&& arrival)
        : Stage(arrivals, arrivals.limits_.first_byte_time_max), arrival_(std::move(arrival)) {
        arrival_.stream->set_handler(*this);
    }
    [[nodiscard]] std::string_view name() const noexcept override { return "first byte"; }
    [[nodiscard]] bus::Counter& late() const noexcept override {
        return arrivals_.metrics_.first_bytes_late;
    }

    void on_bytes(ByteSpan bytes) override {
        append(arrival_.unread, bytes);
        decide();
    }
    /// Also once, with what was read by the stage before.
    void decide() {
        const std::byte first = arrival_.unread.front();
        if (first != kConnect && !is_method_letter(first)) {
            arrivals_.metrics_.first_bytes_refused.add();
            return arrivals_.drop(*this, name(), "neither MQTT nor HTTP");
        }
        arrivals_.arrive(std::move(arrival_), first == kConnect ? Protocol::mqtt : Protocol::http);
        arrivals_.end(*this);
    }
    void on_writable() override {}
    void on_closed(const std::string& reason) override { arrivals_.drop(*this, name(), reason); }

private:
    Arrival arrival_;
};

Arrivals::Arrivals(net::EventLoop& loop, const IpNetworks& trusted, bus::AddressLimits& addresses,
                   ArrivalLimits limits, std::size_t handshakes_per_turn, OnArrived on_arrived)
    : loop_(loop),
      trusted_(trusted),
      addresses_(addresses),
      limits_(limits),
      gate_(loop, handshakes_per_turn),
      on_arrived_(std::move(on_arrived)) {}

Arrivals::~Arrivals() = default;

template <class AnyStage, class... Args>
AnyStage& Arrivals::make(Args&&... args) {
    auto made = std::make_unique<AnyStage>(*this, std::forward<Args>(args)...);
    AnyStage& stage = *made;
    stages_.emplace(&stage, std::move(made));
    return stage;
}

void Arrivals::accept(std::unique_ptr<net::TcpStream> stream, Way& way) {
    if (stages_.size() >= limits_.connections_max) return;  // Closes it.
    Arrival arrival{
        .way = way, .peer = {.address = stream->peer_address()}, .stream = {}, .unread = {}};
    if (!seat(arrival)) return;
    if (way.proxy_protocol == net::ProxyProtocol::off) {
        // Before anything is made for it but its socket.
        if (!admit(arrival.peer)) return;
        return begin_tls(std::move(stream), std::move(arrival));
    }
    if (!way.trusts_all_proxies && !trusted_.contains(arrival.peer.address)) {
        metrics_.proxy_headers_untrusted.add();
        FH_LOG(info, "connection_refused", {"listener", way.entrance.name},
               {"reason", "it does not come from a proxy of net.trusted_proxies"});
        return;
    }
    make<ProxyStage>(std::move(stream), std::move(arrival));
}

bool Arrivals::seat(Arrival& arrival) {
    bus::Entrance& entrance = arrival.way.entrance;
    const std::size_t most = entrance.connections_max;
    const bool is_full = most != 0 && entrance.connections >= most;
    if (is_full) metrics_.listener_full.add();
    if (is_full && entrance.connections >= most + bus::Place::kToBeTold) return false;
    arrival.peer.place = bus::Place{entrance.connections, most};
    return true;
}

bool Arrivals::admit(bus::Peer& peer) {
    auto lease = addresses_.admit(peer.address, loop_.now());
    if (lease) peer.lease = std::move(*lease);
    return lease.has_value();
}

void Arrivals::begin_tls(std::unique_ptr<net::TcpStream> stream, Arrival&& arrival) {
    if (!arrival.way.tls) {
        arrival.stream = std::move(stream);
        return look(std::move(arrival));
    }
    std::string address = stream->peer_address();
    auto secured = std::make_unique<net::TlsStream>(loop_, stream->take_socket(),
                                                    std::move(address), *arrival.way.tls, gate_,
                                                    std::exchange(arrival.unread, {}));
    make<TlsStage>(std::move(secured), std::move(arrival));
}

void Arrivals::look(Arrival&& arrival) {
    switch (arrival.way.speaks) {
        case config::Speaks::mqtt:
            return arrive(std::move(arrival), Protocol::mqtt);
        case config::Speaks::http:
        case config::Speaks::websockets:
            return arrive(std::move(arrival), Protocol::http);
        case config::Speaks::any: {
            const bool has_bytes = !arrival.unread.empty();
            auto& stage = make<FirstByteStage>(std::move(arrival));
            if (has_bytes) stage.decide();
        }
    }
}

void Arrivals::arrive(Arrival&& arrival, Protocol protocol) {
    on_arrived_({.stream = std::move(arrival.stream),
                 .entrance = arrival.way.entrance,
                 .peer = std::move(arrival.peer),
                 .unread = std::move(arrival.unread)},
                arrival.way, protocol);
}

void Arrivals::on_tick(MonotonicTime now) {
    std::vector<Stage*> late;
    for (const auto& [key, stage] : stages_) {
        if (now >= stage->deadline()) late.push_back(key);
    }
    for (Stage* stage : late) {
        if (!stages_.contains(stage)) continue;
        stage->late().add();
        drop(*stage, stage->name(), "it took too long");
    }
}

void Arrivals::drop(Stage& stage, std::string_view what, std::string_view reason) {
    if (!stages_.contains(&stage)) return;  // It ended in this turn.
    FH_LOG(info, "connection_dropped", {"at", what}, {"reason", reason});
    end(stage);
}

void Arrivals::end(Stage& stage) {
    const auto found = stages_.find(&stage);
    ended_.push_back(std::move(found->second));
    stages_.erase(found);
}

void Arrivals::end_turn() {
    ended_.clear();
}

void Arrivals::close_all() {
    stages_.clear();
}

}  // namespace firehose::app
