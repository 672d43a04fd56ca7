// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/access_files.h"
#include "app/arrivals.h"
#include "app/http_door.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "bus/shard.h"
#include "config/settings.h"
#include "net/event_loop.h"
#include "net/listener.h"

/// Every way in for clients: the listeners, the connections on their way in, and the HTTP door.
///
/// Ownership: owns listeners and connections that are on their way; the shard owns them after.
/// Threads:   its loop's; one a shard.
namespace firehose::app {

class Doors {
public:
    /// `files` has read what the listeners of `settings` name. All of them outlive the doors.
    Doors(net::EventLoop& loop, bus::Shard& shard, const config::Settings& settings,
          const AccessFiles& files);

    /// Opens what the settings name. The error is a sentence with its remedy.
    [[nodiscard]] Result<void, std::string> open();
    void on_tick(MonotonicTime now);
    void end_turn();
    /// Nobody comes in any more.
    void close_listeners() { listeners_.clear(); }
    /// Nor do those who are on their way.
    void close_all();

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
    struct Open {
        Way& way;
        std::unique_ptr<net::Listener> listener;
    };

    [[nodiscard]] Result<void, std::string> open(const config::Listener& listener);
    [[nodiscard]] Result<void, std::string> open_socket(const config::Listener& listener, Way& way,
                                                        const std::string& host);
    [[nodiscard]] Result<void, std::string> open_path(const config::Listener& listener, Way& way);
    void take(bus::Incoming&& incoming, const Way& way, Protocol protocol);

    net::EventLoop& loop_;
    bus::Shard& shard_;
    const config::Settings& settings_;
    const AccessFiles& files_;
    const IpNetworks trusted_proxies_;
    std::vector<std::unique_ptr<Way>> ways_;
    HttpDoor http_door_;
    Arrivals arrivals_;
    std::vector<Open> listeners_;
};

}  // namespace firehose::app
