// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

/// `firehose serve` as a child process that can be killed, and started again on the same folder and
/// ports.
///
/// Threads: none. The child dies with its parent.
namespace firehose::crash {

class BusProcess {
public:
    /// @param folder  holds `users` and `acl` already; firehose.toml, var/ and errors come there.
    BusProcess(std::string program, std::string folder, std::string more_options);
    ~BusProcess() { kill(); }
    BusProcess(const BusProcess&) = delete;
    BusProcess& operator=(const BusProcess&) = delete;

    /// Returns when it is ready. What went wrong, or nothing.
    [[nodiscard]] std::string start();
    /// Started, and maybe not ready yet. False if there is no child.
    [[nodiscard]] bool begin_start();
    /// SIGKILL, and waits for its end. False if it had ended before.
    bool kill();
    /// SIGTERM; it ends when it is done, and is_running says so.
    void ask_to_stop();
    [[nodiscard]] bool is_running();
    /// Whether its last end was exit(0).
    [[nodiscard]] bool has_ended_well() const noexcept { return has_ended_well_; }

    [[nodiscard]] std::uint16_t mqtt_port() const noexcept { return mqtt_port_; }
    [[nodiscard]] std::uint16_t http_port() const noexcept { return http_port_; }

private:
    void write_config() const;
    [[nodiscard]] std::string wait_until_ready();

    std::string program_;
    std::string folder_;
    std::string more_options_;
    std::uint16_t mqtt_port_;
    std::uint16_t http_port_;
    pid_t child_ = 0;
    bool has_ended_well_ = false;
    int output_ = -1;  // The child's standard output, kept open so that it never sees EPIPE.
};

}  // namespace firehose::crash
