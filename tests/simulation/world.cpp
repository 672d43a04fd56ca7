// SPDX-License-Identifier: Apache-2.0
#include "simulation/world.h"

#include <algorithm>
#include <iostream>
#include <limits>
#include <sstream>

#include "base/assert.h"

namespace firehose::simulation {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
constexpr int kBrokenMessage = 8;  // Which of the reader's messages Break hits.
constexpr std::string_view kAcl =
    "topic read t/#\n"
    "user publisher\n"
    "topic readwrite t/#\n"
    "user reader\n"
    "topic read t/#\n";

[[nodiscard]] bus::Acl parsed_acl() {
    auto acl = bus::Acl::parse(kAcl);
    FH_ASSERT(acl.has_value());
    return *acl;
}

/// Small bounds, so that all of them are met; which ones depends on the seed.
[[nodiscard]] log::SegmentLogOptions log_options(Random& random) {
    return {.memory_bytes = std::size_t{1'000} << random.below(10),
            .unwritten_bytes_max = std::size_t{20'000} << random.below(5),
            .segment_bytes = std::uint64_t{4'000} << random.below(6),
            .first_seq = Seq{1'000},
            .seed = random.next()};
}

[[nodiscard]] bus::Settings bus_settings(Random& random) {
    bus::Settings settings;
    settings.session_inflight_max = static_cast<std::uint16_t>(1 + random.below(20));
    settings.receive_maximum = static_cast<std::uint16_t>(1 + random.below(20));
    settings.publish_inflight_max = static_cast<std::uint16_t>(1 + random.below(64));
    settings.owed_refs = 1 + random.below(32);
    settings.feed_window_bytes = std::size_t{8'000} << random.below(6);
    settings.own_bytes_target = std::size_t{1'000} << random.below(6);
    settings.tail_bytes_per_turn = std::size_t{1'000} << random.below(8);
    settings.pull_bytes_per_turn = std::size_t{1'000} << random.below(6);
    // A held publisher waits for the scheduler here, not for a disk.
    settings.publish_stall_max = std::chrono::hours{1};
    settings.connect_timeout = std::chrono::hours{1};
    return settings;
}

[[nodiscard]] client::ClientOptions named(Random& random, const std::string& name) {
    const bool is_v5 = random.chance(50);
    return {.version = is_v5 ? mqtt::Version::v5 : mqtt::Version::v311,
            .client_id = name,
            .clean_start = false,
            .session_expiry_s = is_v5 ? 100'000u : 0u,
            .keep_alive = std::chrono::seconds{0},
            .connect_timeout = std::chrono::hours{1},
            .user_name = name,
            .password = "secret",
            .in_flight_max = 1 + random.below(40),
            .receive_maximum = static_cast<std::uint16_t>(1 + random.below(30))};
}

[[nodiscard]] client::ClientOptions anonymous(Random& random) {
    return {.version = random.chance(50) ? mqtt::Version::v5 : mqtt::Version::v311,
            .keep_alive = std::chrono::seconds{0},
            .connect_timeout = std::chrono::hours{1}};
}

}  // namespace

std::optional<Break> break_named(std::string_view name) {
    constexpr std::pair<std::string_view, Break> kNames[] = {
        {"drop", Break::drop},
        {"twice", Break::twice},
        {"swap", Break::swap},
        {"retained", Break::retained},
    };
    for (const auto& [known, value] : kNames) {
        if (known == name) return value;
    }
    return {};
}

void World::SlowAuthenticator::answer_one() {
    if (waiting_.empty()) return;
    const bus::AuthRequest request = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    FH_ASSERT(request.reply->post({request.connection, bus::AuthResult::accepted}));
}

World::World(const WorldOptions& options)
    : options_(options),
      random_(options.seed),
      clock_(random_),
      log_(log_options(random_), files_, clock_),
      log_reader_(log_.add_reader(waker_)),
      acl_(parsed_acl()),
      settings_(bus_settings(random_)) {
    if (random_.chance(50)) {
        files_.set_faults({.write_bytes_max = 1 + random_.below(500),
                           .read_bytes_max = 1 + random_.below(5'000)});
    }
    for (std::uint64_t shards = 1 + random_.below(2); shards > 0; --shards) {
        nodes_.push_back(
            {.shard = std::make_unique<bus::Shard>(bus::Shared{.settings = settings_,
                                                               .log = log_,
                                                               .retained = retained_,
                                                               .acl = acl_,
                                                               .authenticator = authenticator_},
                                                   waker_)});
    }
    const auto slowness = [&] { return std::size_t{64} << random_.below(8); };
    const auto add = [&](SimClient::Options who) {
        clients_.push_back(std::make_unique<SimClient>(std::move(who), random_));
    };
    add({.name = "publisher", .client = named(random_, "publisher")});
    add({.name = "reader",
         .client = named(random_, "reader"),
         .filter = "t/#",
         .qos = mqtt::Qos::exactly_once,
         .read_bytes_max = slowness()});
    add({.name = "watcher",
         .client = anonymous(random_),
         .filter = "t/#",
         .read_bytes_max = slowness()});
    reading_.subscribed_below = kUnknown;
}

World::~World() {
    nodes_.clear();  // Before the pipes that they have the other ends of.
}

std::optional<std::string> World::run(int steps) {
    for (int i = 0; i < steps && !problem_; ++i) step(true);
    if (problem_) return problem_;
    return settle();
}

void World::step(bool has_faults) {
    clock_.pass();
    const std::uint64_t dice = random_.below(1'000);
    SimClient& someone = *clients_[random_.below(clients_.size())];
    if (dice < 350) {
        turn(nodes_[random_.below(nodes_.size())]);
    } else if (dice < 700) {
        step(someone);
    } else if (dice < 800) {
        if (has_faults) publish();
    } else if (dice < 870) {
        log_.write_step();
    } else if (dice < 940) {
        log_.read_step();
    } else if (dice < 960) {
        authenticator_.answer_one();
    } else if (dice < 990) {
        if (!someone.has_pipe()) connect(someone);
    } else if (dice < 995) {
        if (has_faults && someone.has_pipe()) disconnect(someone);
    }
}

void World::turn(Node& node) {
    node.shard->begin_turn(clock_.monotonic(), clock_.wall());
    for (SimPipe* pipe : std::exchange(node.unaccepted, {})) {
        node.open.push_back(pipe);
        node.shard->accept_mqtt(pipe->server_end(), false, {});
    }
    for (std::uint64_t i = random_.below(8); i > 0 && !node.open.empty(); --i) {
        node.open[random_.below(node.open.size())]->deliver();
    }
    node.shard->end_turn();
    // Only pipes that were accepted here and that both sides let go.
    const std::vector<SimPipe*> accepted = node.open;
    std::erase_if(node.open, [](const SimPipe* pipe) { return pipe->is_over(); });
    std::erase_if(old_pipes_, [&](const std::unique_ptr<SimPipe>& pipe) {
        return pipe->is_over() &&
               std::find(accepted.begin(), accepted.end(), pipe.get()) != accepted.end();
    });
}

void World::publish() {
    client::Client& machine = clients_[0]->machine();
    const int number = static_cast<int>(sent_.size());
    const int qos = static_cast<int>(random_.below(3));
    const std::string topic = "t/" + std::to_string(random_.below(5));
    const std::string payload =
        payload_of(number, random_.chance(5) ? random_.below(20'000) : random_.below(300));
    const auto token = machine.publish({.topic = topic,
                                        .payload = as_bytes(payload),
                                        .qos = static_cast<mqtt::Qos>(qos),
                                        .retain = random_.chance(30)});
    if (!token) return;
    sent_.push_back({.number = number, .qos = qos});
    tokens_.emplace_back(*token, sent_.size() - 1);
}

void World::connect(SimClient& client) {
    const SimPipe::Limits limits{.to_server_bytes = std::size_t{64} << random_.below(8),
                                 .to_client_bytes = std::size_t{64} << random_.below(9)};
    const bool is_stranger = !client.machine().options().user_name;
    Node& node = is_stranger ? nodes_[random_.below(nodes_.size())] : nodes_.front();
    node.unaccepted.push_back(&client.connect(clock_.monotonic(), limits));
    ++connections_;
    trace(client.name(), "connects");
}

void World::disconnect(SimClient& client) {
    trace(client.name(), "is disconnected");
    std::unique_ptr<SimPipe> pipe = client.disconnect();
    for (const client::Event& event : client.machine().take_events()) on_event(client, event);
    if (client.name() == "reader") reading_.may_lose_qos0 = true;
    for (Node& node : nodes_) {
        if (std::erase(node.unaccepted, pipe.get()) != 0) return;  // Before anybody accepted it.
    }
    old_pipes_.push_back(std::move(pipe));
}

void World::step(SimClient& client) {
    if (!client.has_pipe()) return;
    for (const client::Event& event : client.step(clock_.monotonic())) on_event(client, event);
    bytes_moved_ += client.take_bytes_moved();
    if (!problem_ && client.is_cut_off()) fail(client.name() + ": the server closed");
}

void World::on_event(SimClient& client, const client::Event& event) {
    if (options_.is_verbose) {
        std::ostringstream text;
        text << event;
        trace(client.name(), text.str().substr(0, 100));
    }
    if (const auto* connected = std::get_if<client::Connected>(&event)) {
        on_connected(client, *connected);
    } else if (const auto* message = std::get_if<client::Message>(&event)) {
        on_message(client, *message);
    } else if (const auto* published = std::get_if<client::Published>(&event)) {
        const auto found = std::find_if(tokens_.begin(), tokens_.end(), [&](const auto& entry) {
            return entry.first == published->token;
        });
        if (found == tokens_.end()) return fail(client.name() + ": acknowledged twice");
        // A PUBREL that was sent again finds its exchange finished: no error [4.3.3, table 3-7].
        const bool is_known = published->reason == mqtt::ReasonCode::success ||
                              (published->reason == mqtt::ReasonCode::packet_identifier_not_found &&
                               sent_[found->second].qos == 2);
        if (!is_known) {
            return fail("publish refused: " + std::to_string(static_cast<int>(published->reason)));
        }
        sent_[found->second].is_acknowledged = true;
        tokens_.erase(found);
    } else if (const auto* subscribed = std::get_if<client::Subscribed>(&event)) {
        if (subscribed->reasons.at(0) >= mqtt::ReasonCode::unspecified_error) {
            return fail(client.name() + ": SUBSCRIBE refused");
        }
        if (client.name() == "reader") {
            reading_.subscribed_below = std::min(reading_.subscribed_below, number(log_.end()));
        }
        if (client.name() == "watcher") watchings_.back().subscribed_below = number(log_.end());
    } else if (const auto* refused = std::get_if<client::Refused>(&event)) {
        fail(client.name() + ": CONNECT refused: " + refused->text);
    } else if (const auto* hang_up = std::get_if<client::HangUp>(&event)) {
        fail(client.name() + ": hung up: " + hang_up->text);
    }
}

void World::on_connected(SimClient& client, const client::Connected& connected) {
    if (client.name() == "reader" && reading_.subscribed_below != kUnknown &&
        !connected.session_present) {
        fail("reader: its session is gone");
    }
    if (client.name() == "watcher") {
        watchings_.push_back({.who = "watcher " + std::to_string(watchings_.size() + 1),
                              .qos_max = 0,
                              .subscribed_below = kUnknown});
    }
}

void World::on_message(SimClient& client, const client::Message& message) {
    const Seen seen{.number = number_of(as_text(message.payload)),
                    .qos = static_cast<int>(message.qos),
                    .retain = message.retain,
                    .topic = message.topic};
    if (seen.number < 0) return fail(client.name() + ": a payload that nobody published");
    const std::size_t size = message.payload.size();
    const std::string whole = payload_of(seen.number, size);
    if (as_text(message.payload) != whole) return fail(client.name() + ": a damaged payload");
    if (client.name() == "late comer") {
        if (options_.broken == Break::retained && messages_seen_++ == 0) return;
        late_.with_copies.push_back(seen);
    }
    if (client.name() == "watcher") watchings_.back().with_copies.push_back(seen);
    if (message.retain) return;  // A copy, not a delivery.
    if (client.name() == "watcher") watchings_.back().messages.push_back(seen);
    if (client.name() != "reader") return;

    const bool is_hit = seen.qos == 2 && reading_.messages.size() >= kBrokenMessage &&
                        !held_back_ && messages_seen_ == 0;
    if (is_hit && options_.broken == Break::drop) {
        ++messages_seen_;
        return;
    }
    if (is_hit && options_.broken == Break::swap) {
        held_back_ = seen;
        ++messages_seen_;
        return;
    }
    reading_.messages.push_back(seen);
    if (held_back_) reading_.messages.push_back(*std::exchange(held_back_, {}));
    if (is_hit && options_.broken == Break::twice) {
        reading_.messages.push_back(seen);
        ++messages_seen_;
    }
}

std::optional<std::string> World::settle() {
    trace("world", "settles");
    for (const auto& client : clients_) client->hurry();
    // Comes while others may still be behind: what is newer than its position comes to it live.
    clients_.push_back(std::make_unique<SimClient>(
        SimClient::Options{.name = "late comer", .client = anonymous(random_), .filter = "t/#"},
        random_));
    constexpr int kIdleRounds = 40;  // That bring nobody anything: it will not settle any more.
    constexpr int kSteps = 250;
    std::optional<std::string> open = verdict();
    std::size_t progress = 0;
    for (int idle = 0; open && idle < kIdleRounds; ++idle) {
        for (int i = 0; i < kSteps && !problem_; ++i) step(false);
        if (problem_) return problem_;
        if (std::exchange(progress, bytes_moved_) != bytes_moved_) idle = 0;
        open = verdict();
    }
    if (options_.is_verbose) dump();
    if (open) return "did not settle: " + *open;
    return {};
}

/// What may say why it did not settle.
void World::dump() {
    const log::LogMetrics metrics = log_.metrics();
    trace("log", "refused " + std::to_string(metrics.blocks_refused_total) + ", unwritten " +
                     std::to_string(metrics.unwritten_bytes) + " bytes, end " +
                     std::to_string(metrics.end_seq));
    for (const Node& node : nodes_) {
        trace("shard", "tail at " + std::to_string(number(node.shard->tail_position())));
    }
    for (const Sent& sent : sent_) {
        if (sent.qos == 0 || sent.is_acknowledged) continue;
        trace("publisher",
              "waits for " + std::to_string(sent.number) + " at QoS " + std::to_string(sent.qos));
    }
    for (const auto& client : clients_) trace(client->name(), client->describe());
}

std::optional<std::string> World::verdict() {
    if (clients_[0]->machine().in_flight() != 0) {
        return "publisher: " + std::to_string(clients_[0]->machine().in_flight()) + " in flight";
    }
    for (const auto& client : clients_) {
        const bool is_there = client->has_pipe() && client->machine().is_connected();
        if (!is_there) return client->name() + ": not connected";
        if (client->name() != "publisher" && !client->is_subscribed()) {
            return client->name() + ": not subscribed";
        }
    }
    const std::vector<Seen> log = read_log();
    if (auto problem = check_publisher(sent_, log)) return problem;
    reading_.is_complete = true;
    if (auto problem = check_reader(reading_, log)) return problem;
    watchings_.back().is_complete = true;
    for (const Reading& watching : watchings_) {
        if (auto problem = check_reader(watching, log)) return problem;
    }
    if (auto problem = check_retained(watchings_.back().with_copies, log)) return problem;
    return check_retained(late_.with_copies, log);
}

std::vector<Seen> World::read_log() {
    std::vector<Seen> records;
    Seq from = log_.oldest();
    while (from < log_.end()) {
        std::vector<log::BlockRef> blocks;
        if (log_.read(from, 1 << 20, blocks) != log::ReadStatus::blocks) {
            FH_ASSERT(log_.request(log_reader_, from, 1 << 20, 0));
            std::vector<log::ReadAnswer> answers;
            while ((answers = log_.take_answers(log_reader_)).empty()) log_.read_step();
            blocks = std::move(answers.at(0).blocks);
        }
        FH_ASSERT(!blocks.empty());
        for (const log::BlockRef& block : blocks) {
            for (std::size_t i = 0; i < block->count(); ++i) {
                const log::Record record = block->record(i);
                if (record.kind != log::RecordKind::message)
                    continue;  // What sessions may not forget.
                records.push_back({.number = number_of(as_text(record.payload)),
                                   .qos = record.qos,
                                   .retain = record.retain,
                                   .topic = std::string{record.topic},
                                   .seq = number(block->first_seq() + i)});
            }
        }
        from = blocks.back()->end_seq();
    }
    return records;
}

World::Figures World::figures() const {
    const log::LogMetrics metrics = log_.metrics();
    return {.records = metrics.records_total,
            .connections = connections_,
            .disk_reads = metrics.read_answers_total};
}

void World::fail(std::string problem) {
    if (!problem_) problem_ = std::move(problem);
}

void World::trace(std::string_view what, std::string_view detail) {
    if (!options_.is_verbose) return;
    std::cout << clock_.monotonic().since_start.count() << " " << what << " " << detail << "\n";
}

}  // namespace firehose::simulation
