// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/access_files.h"
#include "app/arrivals.h"
#include "app/http_door.h"
#include "app/root_files.h"
#include "app/service_manager.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "bus/address_limits.h"
#include "bus/shard.h"
#include "config/settings.h"
#include "net/event_loop.h"
#include "net/listener.h"

/// Every way in for clients: the listeners, and what becomes of a connection until the shard has
/// it.
///
/// A change is made in two steps: `plan` opens what is missing and may fail, `apply` cannot. What
/// a plan opened accepts nobody before `apply`, if both are called in one turn; a plan that is
/// dropped closes it again.
/// A listener that is gone closes its port; the clients that came in by it stay. Its entrance
/// stays too, and serves again if a listener of that name comes back.
/// Ownership: owns listeners and connections that are on their way; the shard owns them after.
/// Threads:   its loop's; one a shard.
namespace firehose::app {

class Doors {
    struct Door;
    using Sockets = std::vector<std::unique_ptr<net::Listener>>;

public:
    /// `settings` are those of the start. All of them outlive the doors. `passed` are sockets that
    /// are open already; each serves the listener of its name, else the one of its address.
    Doors(net::EventLoop& loop, bus::Shard& shard, const config::Settings& settings,
          const AccessFiles& files, std::vector<PassedSocket>& passed,
          bus::AddressLimits& addresses);
    ~Doors();
    /// What /status of the HTTP ports says.
    void set_status(std::function<std::string()> status) {
        http_door_.set_status(std::move(status));
    }

    /// What the doors are to be.
    class Plan {
    public:
        Plan(Plan&&) noexcept;
        Plan& operator=(Plan&&) = delete;
        ~Plan();

    private:
        friend class Doors;
        struct Entry {
            config::Listener listener;
            Door* door = nullptr;
            bool is_open = false;                // It was before.
            std::unique_ptr<Door> fresh;         // It, where there was none of that name.
            Sockets sockets;                     // Of one that was not open.
            std::optional<net::TlsContext> tls;  // Read again, so that a certificate is renewed.
        };
        Plan() = default;
        [[nodiscard]] bool has(const Door* door) const;
        std::vector<Entry> entries;
    };
    /// What TLS of a listener needs; nothing for one without.
    struct ReadTls {
        std::optional<net::TlsContext> context;
        bool is_kept = false;  // Not read: what serves goes on.
    };
    using TlsContexts = std::vector<ReadTls>;  // In the order of the listeners.
    /// Reads files.
    [[nodiscard]] static Result<TlsContexts, std::string> read_tls(
        const std::vector<config::Listener>& listeners, const RootFiles& root_files = {});
    /// Opens what `settings` name and is not open; `tls` was read for them. The error is a sentence
    /// with its remedy.
    [[nodiscard]] Result<Plan, std::string> plan(const config::Settings& settings,
                                                 TlsContexts&& tls);
    /// An entrance that stays, and what its listener was and is to be.
    struct Change {
        const bus::Entrance& entrance;
        const config::Listener& was;
        const config::Listener& now;
    };
    [[nodiscard]] static std::vector<Change> changes_of(const Plan& plan);
    /// `files` have what `settings` name by now.
    void apply(Plan&& plan, const config::Settings& settings);

    void on_tick(MonotonicTime now);
    void end_turn();
    /// Nobody comes in any more.
    void close_listeners();
    /// Nor do those who are on their way.
    void close_all();

    [[nodiscard]] const ArrivalMetrics& arrival_metrics() const noexcept {
        return arrivals_.metrics();
    }

    /// Of the listeners that are open, in the order of the settings.
    struct Address {
        std::string name;
        config::Speaks speaks;
        bool is_tls;
        std::uint16_t port;  // 0: a Unix socket.
        std::string text;
    };
    [[nodiscard]] std::vector<Address> addresses() const;

private:
    [[nodiscard]] Door* find_open(const config::Listener& listener, const Plan& plan) const;
    [[nodiscard]] Door* find_closed(const std::string& name, const Plan& plan) const;
    [[nodiscard]] std::optional<net::TlsContext> held_tls(const config::Listener& listener) const;
    /// `is_only`: there is no other listener, which could do without this one.
    [[nodiscard]] Result<Sockets, std::string> open(Door& door, const config::Listener& listener,
                                                    const config::Settings& settings, bool is_only);
    [[nodiscard]] net::FileDescriptor take_passed(const config::Listener& listener,
                                                  const std::string& host) const;
    void serve(Door& door, Plan::Entry& entry, const config::Settings& settings);
    void take(bus::Incoming&& incoming, const Way& way, Protocol protocol);

    net::EventLoop& loop_;
    bus::Shard& shard_;
    const AccessFiles& files_;
    std::vector<PassedSocket>& passed_;
    IpNetworks trusted_proxies_;
    HttpDoor http_door_;
    Arrivals arrivals_;
    std::vector<std::unique_ptr<Door>> doors_;  // In the order of the settings.
    /// No longer of the settings; connections that came in by them ask them what they are. One
    /// whose name comes back is opened again: so they are as many as there were names.
    std::vector<std::unique_ptr<Door>> closed_;
};

}  // namespace firehose::app
