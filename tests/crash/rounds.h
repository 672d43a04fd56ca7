// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "bus_process.h"
#include "event_watch.h"
#include "ledger.h"
#include "peer.h"
#include "retained_probe.h"

/// Rounds of kill -9: the program runs under load, is killed at a random moment, starts again on
/// the same folder and ports, and its clients come back and go on.
///
/// In a round some clients are dropped and stay away until the next start. Before one in
/// `kDrainOneIn` kills publishers rest until every reader has all that was acknowledged; else what
/// was under way goes on in the next round; after a drain a stranger asks for retained messages,
/// which publishers set and clear now and then. One in `kKillStartOneIn` starts is killed as well,
/// at a moment before or soon after it is ready. The first problem ends the run. Threads: one, the
/// loop's.
namespace firehose::crash {

struct RoundsOptions {
    std::string program;
    std::string folder;
    std::string user_name = "crash";
    std::string password;
    std::string more_options;  // Lines of firehose.toml after the section [auth].
    std::size_t publishers = 50;
    std::size_t readers = 50;
    unsigned rounds = 5;
    std::uint64_t seed = 1;
    bool is_verbose = false;
};

class Rounds final : private PeerHandler {
public:
    explicit Rounds(const RoundsOptions& options);
    ~Rounds() override = default;
    Rounds(const Rounds&) = delete;
    Rounds& operator=(const Rounds&) = delete;

    /// What is wrong, or nothing.
    [[nodiscard]] std::string run();
    /// One line of figures.
    [[nodiscard]] std::string summary() const;

private:
    static constexpr unsigned kDrainOneIn = 4;
    static constexpr unsigned kKillStartOneIn = 3;

    void make_cast();
    void begin();
    void round(unsigned number);
    void conclude();

    void start_bus();
    void connect_all();
    void kill_bus();
    /// Some starts are killed before they are done, or just after.
    void kill_some_starts();
    void stop_bus();
    void drain();
    void check_retained();
    void drop_some();
    void publish_more();
    void publish_one(std::size_t publisher);
    /// Turns until `is_done`; false, and a problem named `what`, after kPatience.
    template <class Condition>
    bool turn_until(const char* what, Condition is_done);
    void turn_for(Microseconds length);
    void turn();

    [[nodiscard]] bool all_connected() const;
    [[nodiscard]] bool all_lost() const;
    [[nodiscard]] bool nothing_owed() const;
    void note(const std::string& problem);
    [[nodiscard]] bool is_reader(const Peer& peer) const { return peer.index() >= publishers_; }
    [[nodiscard]] std::string name_of(const Peer& peer) const;
    [[nodiscard]] client::ClientOptions login(const std::string& client_id,
                                              mqtt::Version version) const;

    void on_event(Peer& peer, client::Event& event) override;
    void on_lost(Peer& peer, const std::string& reason) override;
    void on_connected(Peer& peer, bool session_present);
    void on_message(Peer& peer, const client::Message& message);
    void on_published(Peer& peer, const client::Published& published);

    const RoundsOptions& options_;
    std::size_t publishers_;
    Random random_;
    SystemClock clock_;
    std::unique_ptr<net::EventLoop> loop_;
    BusProcess bus_;
    std::unique_ptr<Ledger> ledger_;
    std::vector<std::unique_ptr<Peer>> peers_;  // Publishers first.
    std::vector<std::map<client::Token, Message>> in_flight_;
    std::vector<bool> is_subscribed_;
    std::vector<bool> has_session_;
    std::vector<std::uint64_t> last_kept_;  // By publisher: the number of its retained value.
    EventWatch watch_;
    RetainedProbe probe_;
    bool may_lose_ = false;    // Connections may end: the program was killed.
    bool is_resting_ = false;  // Publishers rest.
    std::size_t connections_ = 0;
    std::size_t kills_ = 0;
    std::size_t killed_starts_ = 0;
    std::size_t drains_ = 0;
    std::string problem_;  // The first ones, a line each.
    unsigned problems_left_ = 0;
};

}  // namespace firehose::crash
