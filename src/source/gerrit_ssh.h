// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "source/stream_watch.h"
#include "source/tcp_connect.h"

/// One SSH connection that runs `gerrit stream-events`, from connecting to its end.
///
/// Key authentication; the host key is checked against known_hosts before anything is sent.
/// Threads:  `stream` runs on its source's thread until the stream ends or `stop` is set; then it
///           returns within a second.
/// Lifetime: bytes handed to the listener are valid during the call only.
/// Errors:   say what is wrong and what to do about it; never a secret.
/// Libraries: libssh, in gerrit_ssh.cpp and nowhere else.
namespace firehose::source {

enum class HostKeys : std::uint8_t {
    strict,      // A host key must be in known_hosts.
    accept_new,  // An unknown host's key is written there; a changed one is refused all the same.
};

struct SshTarget {
    std::string host;
    std::uint16_t port = 29418;
    std::string username;
    std::string key_file;     // Private, without a passphrase. `~/` is the home directory.
    std::string known_hosts;  // A file.
    HostKeys host_keys = HostKeys::strict;
    std::vector<std::string> types;  // Event types to subscribe to; empty: all.
    StreamWatchOptions watch;
};

/// Why a stream ended, or never began.
struct StreamEnd {
    enum class Cause : std::uint8_t {
        stopped,   // We were told to.
        network,   // Cannot connect, connection lost, server silent.
        host_key,  // Unknown or changed.
        key_file,  // Missing, unreadable, with a passphrase.
        refused,   // Gerrit does not let this user in, or not at the stream.
        ended,     // Gerrit closed the stream.
    };
    Cause cause = Cause::stopped;
    std::string what;
    std::string remedy;  // What a person can do; empty when waiting is all.

    /// True when trying again cannot help before a person has done something.
    [[nodiscard]] bool needs_a_person() const noexcept {
        return cause == Cause::host_key || cause == Cause::key_file || cause == Cause::refused;
    }
};

class StreamListener {
public:
    virtual ~StreamListener() = default;
    /// The command is running: from now on events come.
    virtual void on_open() = 0;
    virtual void on_bytes(std::string_view bytes) = 0;
    /// Called each turn, at least as often as it asks by what it returns: how long it can wait.
    [[nodiscard]] virtual Microseconds on_turn() = 0;
};

/// `gerrit stream-events`, with one `-s` for each type.
[[nodiscard]] std::string stream_command(const std::vector<std::string>& types);

[[nodiscard]] StreamEnd stream_gerrit_events(const SshTarget& target, StopSignal& stop,
                                             Clock& clock, StreamListener& listener);

}  // namespace firehose::source
