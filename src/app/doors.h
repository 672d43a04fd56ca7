// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/access_files.h"
#include "app/http_door.h"
#include "base/result.h"
#include "bus/shard.h"
#include "config/settings.h"
#include "net/event_loop.h"
#include "net/listener.h"

/// Every way in for clients: the listeners, and what becomes of a connection until the shard has
/// it.
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
    void on_tick(MonotonicTime now) { http_door_.on_tick(now); }
    void end_turn() { http_door_.end_turn(); }
    /// Nobody comes in any more.
    void close_listeners() { listeners_.clear(); }
    /// Nor do those who are on their way.
    void close_all();

    /// Of the listeners that are open, in the order of the settings.
    [[nodiscard]] std::vector<std::string> addresses(config::Speaks speaks) const;
    /// Of the first of them; 0 if there is none.
    [[nodiscard]] std::uint16_t port(config::Speaks speaks) const;

private:
    struct Open {
        config::Speaks speaks;
        std::unique_ptr<net::Listener> listener;
    };

    [[nodiscard]] Result<void, std::string> open(const config::Listener& listener);
    void accept(std::unique_ptr<net::TcpStream> stream, config::Speaks speaks,
                bus::Entrance& entrance);

    net::EventLoop& loop_;
    bus::Shard& shard_;
    const config::Settings& settings_;
    const AccessFiles& files_;
    HttpDoor http_door_;
    std::vector<Open> listeners_;
};

}  // namespace firehose::app
