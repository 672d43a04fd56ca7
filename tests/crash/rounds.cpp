// SPDX-License-Identifier: Apache-2.0
#include "rounds.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace firehose::crash {
namespace {

constexpr Microseconds kPatience{60'000'000};
constexpr Microseconds kTurn{20'000};
constexpr Microseconds kQuiet{300'000};
constexpr Microseconds kMoment{20'000};
constexpr std::uint64_t kRunMaxUs = 600'000;   // From "ready" to the kill, at most.
constexpr std::uint64_t kStartMaxUs = 60'000;  // From exec to the kill of a start.
constexpr std::uint64_t kOwedMax = 8'000;  // By all readers that are here; then publishers rest.
constexpr std::size_t kInFlight = 4;
constexpr std::size_t kAwayMax = 8;
constexpr std::uint64_t kKeptOneIn = 20;  // Publishes: a retained one.
constexpr unsigned kProblemsMax = 10;
constexpr std::uint64_t kPayloadMax = 400;
constexpr std::uint32_t kSessionExpiry = 86'400;

/// Readers differ: some at QoS 1, some of one stream only, some with filters that overlap.
Wish wish_of(std::size_t reader) {
    switch (reader % 5) {
        case 1:
            return {.qos = mqtt::Qos::at_least_once};
        case 2:
            return {.streams = {false, true}};
        default:
            return {};
    }
}

std::vector<std::string_view> filters_of(std::size_t reader) {
    switch (reader % 5) {
        case 2:
            return {"crash/+/2"};
        case 3:
            return {"crash/#", "crash/+/1"};
        default:
            return {"crash/#"};
    }
}

}  // namespace

Rounds::Rounds(const RoundsOptions& options)
    : options_(options),
      publishers_(options.publishers),
      random_(options.seed),
      loop_(std::move(*net::EventLoop::create(clock_))),
      bus_(options.program, options.folder, options.more_options),
      last_kept_(options.publishers),
      watch_(*loop_),
      probe_(*loop_) {
    make_cast();
}

client::ClientOptions Rounds::login(const std::string& client_id, mqtt::Version version) const {
    return {.version = version,
            .client_id = client_id,
            .clean_start = false,
            .session_expiry_s = kSessionExpiry,
            .keep_alive = std::chrono::seconds{0},
            .connect_timeout = std::chrono::seconds{60},
            .user_name = options_.user_name,
            .password = options_.password,
            .in_flight_max = kInFlight};
}

void Rounds::make_cast() {
    std::vector<Wish> wishes;
    PeerHandler& handler = *this;
    for (std::size_t i = 0; i < publishers_ + options_.readers; ++i) {
        const auto version = i % 2 == 0 ? mqtt::Version::v5 : mqtt::Version::v311;
        const bool is_publisher = i < publishers_;
        const std::size_t number = is_publisher ? i : i - publishers_;
        auto how =
            login((is_publisher ? "publisher-" : "reader-") + std::to_string(number), version);
        // Small windows among them: they fill, and the session reads on later.
        if (!is_publisher) {
            how.receive_maximum = static_cast<std::uint16_t>(number % 4 == 0 ? 3 : 40);
            wishes.push_back(wish_of(number));
        }
        peers_.push_back(std::make_unique<Peer>(*loop_, handler, i, std::move(how)));
    }
    in_flight_.resize(publishers_);
    is_subscribed_.resize(options_.readers);
    has_session_.resize(peers_.size());
    ledger_ = std::make_unique<Ledger>(publishers_, wishes);
}

std::string Rounds::run() {
    begin();
    for (unsigned i = 0; i < options_.rounds && problem_.empty(); ++i) round(i);
    if (problem_.empty()) conclude();
    bus_.kill();
    return problem_;
}

std::string Rounds::summary() const {
    const Ledger::Totals& totals = ledger_->totals();
    const auto text = [](auto number) { return std::to_string(number); };
    return "kills=" + text(kills_) + " killed_starts=" + text(killed_starts_) +
           " drained=" + text(drains_) + " connections=" + text(connections_) +
           " published=" + text(totals.published) + " acknowledged=" + text(totals.acknowledged) +
           " sent_again=" + text(totals.sent_again) + " delivered=" + text(totals.delivered) +
           " repeated_at_qos1=" + text(totals.repeated) + " seqs_seen=" + text(watch_.count()) +
           " last_seq=" + text(watch_.last_seq());
}

void Rounds::begin() {
    is_resting_ = true;
    start_bus();
    turn_until("the first connections and subscriptions", [this] {
        return all_connected() &&
               std::count(is_subscribed_.begin(), is_subscribed_.end(), false) == 0;
    });
    is_resting_ = false;
}

void Rounds::round(unsigned number) {
    turn_for(Microseconds{1 + static_cast<std::int64_t>(random_.below(kRunMaxUs))});
    drop_some();
    turn_for(Microseconds{1 + static_cast<std::int64_t>(random_.below(kRunMaxUs / 4))});
    if (random_.below(kDrainOneIn) == 0) drain();
    kill_bus();
    kill_some_starts();
    start_bus();
    if (options_.is_verbose) std::printf("%u: %s\n", number + 1, summary().c_str());
    if (const std::string& wrong = watch_.problem(); !wrong.empty()) note(wrong);
}

void Rounds::conclude() {
    drain();
    stop_bus();
    start_bus();
    drain();
    is_resting_ = true;
    turn_for(kQuiet);  // What came twice would come now.
    stop_bus();
    if (const std::string& wrong = watch_.problem(); !wrong.empty()) note(wrong);
}

void Rounds::stop_bus() {
    if (!problem_.empty()) return;
    is_resting_ = true;
    may_lose_ = true;
    bus_.ask_to_stop();
    turn_until("a clean stop", [this] { return !bus_.is_running() && all_lost(); });
    if (problem_.empty() && !bus_.has_ended_well()) note("a clean stop ended with a bad status");
}

void Rounds::start_bus() {
    if (!problem_.empty()) return;
    if (const std::string wrong = bus_.start(); !wrong.empty()) return note("the start: " + wrong);
    may_lose_ = false;
    watch_.connect(bus_.http_port());
    connect_all();
}

void Rounds::connect_all() {
    for (auto& peer : peers_) {
        if (!peer->has_connection()) peer->connect(bus_.mqtt_port());
    }
}

void Rounds::kill_bus() {
    if (!problem_.empty()) return;
    may_lose_ = true;
    if (!bus_.kill()) return note("the program ended by itself");
    ++kills_;
    // Half of the time what it had sent is still read; else it is as if it never arrived.
    if (random_.chance(50)) {
        for (auto& peer : peers_) peer->drop(false);
        watch_.drop();
    }
    turn_until("the end of all connections", [this] { return all_lost(); });
}

void Rounds::kill_some_starts() {
    while (problem_.empty() && random_.below(kKillStartOneIn) == 0) {
        if (!bus_.begin_start()) return note("no child");
        turn_for(Microseconds{static_cast<std::int64_t>(random_.below(kStartMaxUs))});
        if (!bus_.kill()) return note("the program ended by itself while it started");
        ++killed_starts_;
    }
}

/// Publishers rest until everything is acknowledged and everybody has it.
void Rounds::drain() {
    if (!problem_.empty()) return;
    is_resting_ = true;
    connect_all();
    turn_until("acknowledgements", [this] {
        return all_connected() && std::all_of(in_flight_.begin(), in_flight_.end(),
                                              [](const auto& map) { return map.empty(); });
    });
    if (!turn_until("deliveries", [this] { return nothing_owed(); })) {
        for (std::size_t i = 0; i < options_.readers; ++i) {
            if (ledger_->owed(i) == 0) continue;
            note(name_of(*peers_[publishers_ + i]) + " is owed " +
                 std::to_string(ledger_->owed(i)) + ", first " + ledger_->first_owed(i));
        }
    }
    check_retained();
    ++drains_;
    is_resting_ = false;
}

void Rounds::check_retained() {
    if (!problem_.empty()) return;
    probe_.ask(bus_.mqtt_port(), last_kept_);
    turn_until("retained messages", [this] { return probe_.has_all(); });
    turn_for(kMoment);  // What is too much would come now.
    if (const std::string wrong = probe_.conclude(); !wrong.empty()) note(wrong);
}

void Rounds::drop_some() {
    for (std::size_t i = random_.below(kAwayMax); i > 0; --i) {
        Peer& peer = *peers_[random_.below(peers_.size())];
        peer.drop(random_.chance(50));
    }
}

void Rounds::publish_more() {
    if (is_resting_) return;
    std::uint64_t owed = 0;
    for (std::size_t i = 0; i < options_.readers; ++i) {
        if (peers_[publishers_ + i]->client().is_connected()) owed += ledger_->owed(i);
    }
    if (owed > kOwedMax) return;
    for (std::size_t i = 0; i < publishers_; ++i) {
        client::Client& client = peers_[i]->client();
        while (client.is_connected() && client.can_publish(mqtt::Qos::exactly_once)) {
            publish_one(i);
        }
        peers_[i]->flush();
    }
}

void Rounds::publish_one(std::size_t publisher) {
    const bool is_kept = random_.below(kKeptOneIn) == 0;
    Message message{.publisher = publisher, .stream = is_kept ? kStreams : random_.below(kStreams)};
    message.number =
        is_kept ? ++last_kept_[publisher] : ledger_->publish(publisher, message.stream);
    const std::string topic = is_kept ? kept_topic(publisher) : topic_of(publisher, message.stream);
    const std::string payload = is_kept ? kept_value(message.number)
                                        : payload_of(message.number, random_.below(kPayloadMax));
    // One QoS a topic: sent again, one of QoS 1 comes after one of QoS 2 that was taken before.
    const auto qos = is_kept ? 1 + publisher % 2 : message.stream + 1;
    const auto token =
        peers_[publisher]->client().publish({.topic = topic,
                                             .payload = as_bytes(payload),
                                             .qos = mqtt::Qos{static_cast<std::uint8_t>(qos)},
                                             .retain = is_kept});
    if (!token) return note("a publish was refused here");
    in_flight_[publisher].emplace(*token, message);
}

template <class Condition>
bool Rounds::turn_until(const char* what, Condition is_done) {
    const MonotonicTime begin = clock_.monotonic();
    while (problem_.empty()) {
        if (is_done()) return true;
        if (clock_.monotonic() - begin > kPatience) {
            note(std::string{what} + " did not come in time");
        } else {
            turn();
        }
    }
    return false;
}

void Rounds::turn_for(Microseconds length) {
    const MonotonicTime begin = clock_.monotonic();
    while (problem_.empty() && clock_.monotonic() - begin < length) turn();
}

void Rounds::turn() {
    loop_->run_turn(kTurn);
    publish_more();
}

bool Rounds::all_connected() const {
    return std::all_of(peers_.begin(), peers_.end(),
                       [](const auto& peer) { return peer->client().is_connected(); });
}

bool Rounds::all_lost() const {
    return !watch_.has_connection() &&
           std::none_of(peers_.begin(), peers_.end(),
                        [](const auto& peer) { return peer->has_connection(); });
}

bool Rounds::nothing_owed() const {
    for (std::size_t i = 0; i < options_.readers; ++i) {
        if (ledger_->owed(i) > 0 || !ledger_->first_owed(i).empty()) return false;
    }
    return true;
}

void Rounds::note(const std::string& problem) {
    if (problem_.empty()) problems_left_ = kProblemsMax;
    if (problems_left_ == 0) return;
    --problems_left_;
    problem_ += (problem_.empty() ? "" : "\n") + problem;
}

std::string Rounds::name_of(const Peer& peer) const {
    return peer.client().client_id();
}

void Rounds::on_event(Peer& peer, client::Event& event) {
    if (const auto* connected = std::get_if<client::Connected>(&event)) {
        on_connected(peer, connected->session_present);
    } else if (const auto* message = std::get_if<client::Message>(&event)) {
        on_message(peer, *message);
    } else if (const auto* published = std::get_if<client::Published>(&event)) {
        on_published(peer, *published);
    } else if (const auto* subscribed = std::get_if<client::Subscribed>(&event)) {
        is_subscribed_[peer.index() - publishers_] = true;
        for (const mqtt::ReasonCode reason : subscribed->reasons) {
            if (reason >= mqtt::ReasonCode::unspecified_error) note("SUBACK refuses");
        }
    } else if (const auto* refused = std::get_if<client::Refused>(&event)) {
        note(name_of(peer) + ": CONNACK " + std::to_string(static_cast<int>(refused->reason)));
    } else if (const auto* over = std::get_if<client::HangUp>(&event)) {
        if (!may_lose_) note(name_of(peer) + ": " + over->text);
    }
}

void Rounds::on_connected(Peer& peer, bool session_present) {
    ++connections_;
    const bool had_session = has_session_[peer.index()];
    has_session_[peer.index()] = true;
    if (session_present != had_session) {
        return note(name_of(peer) +
                    (had_session ? ": its session is lost" : ": a session is there"));
    }
    if (!is_reader(peer)) return;
    const std::size_t reader = peer.index() - publishers_;
    ledger_->reader_connected(reader);
    if (had_session && is_subscribed_[reader]) return;
    std::vector<mqtt::Subscribe::Entry> entries;
    for (const std::string_view filter : filters_of(reader)) {
        entries.push_back({.filter = filter, .options = {.qos = wish_of(reader).qos}});
    }
    if (!peer.client().subscribe(entries)) note("a subscription was refused here");
}

void Rounds::on_message(Peer& peer, const client::Message& message) {
    Message known;
    if (!parse(message.topic, as_text(message.payload), known)) {
        return note(name_of(peer) + " got a stranger on " + message.topic);
    }
    const std::string wrong = ledger_->delivered(peer.index() - publishers_, known, message.qos);
    if (!wrong.empty()) note(name_of(peer) + " got " + wrong);
}

void Rounds::on_published(Peer& peer, const client::Published& published) {
    auto& waiting = in_flight_[peer.index()];
    const auto found = waiting.find(published.token);
    if (found == waiting.end()) return note(name_of(peer) + ": an answer to nothing");
    // A PUBREL that is repeated because its PUBCOMP was lost finds nothing any more.
    if (published.reason >= mqtt::ReasonCode::unspecified_error &&
        published.reason != mqtt::ReasonCode::packet_identifier_not_found) {
        note(name_of(peer) + ": refused with " +
             std::to_string(static_cast<int>(published.reason)));
    }
    if (found->second.stream < kStreams) ledger_->acknowledged(found->second);
    waiting.erase(found);
}

void Rounds::on_lost(Peer& peer, const std::string& reason) {
    if (!is_reader(peer)) ledger_->publisher_lost(peer.index());
    if (may_lose_ || reason == "dropped") return;
    if (!bus_.is_running()) return note("the program ended by itself");
    note(name_of(peer) + " lost its connection: " + reason);
}

}  // namespace firehose::crash
