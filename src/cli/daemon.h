// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "net/file_descriptor.h"

/// `-d`: the program goes on in the background once it serves.
///
///     auto daemon = Daemon::begin();      // Before the first thread. Two processes from here on.
///     serve(settings, [&] { daemon->tell_ready(); });
///
/// Whoever started it waits in `begin` and exits there: with 0 when the bus serves, and with the
/// bus's own exit code when it does not, whose reason is on standard error by then.
/// Threads: one, before the others.
/// Source:  daemon(7), "SysV daemons"; the folder stays, because relative paths of the
///          configuration start there.
namespace firehose::cli {

class Daemon {
public:
    /// Returns in the background process only. Nothing: the system refused, which was printed.
    [[nodiscard]] static std::optional<Daemon> begin();

    /// Lets the starter go, and lets go of its terminal.
    void tell_ready();
    /// The bus ends without having served.
    void tell_failed(int exit_code);

private:
    explicit Daemon(net::FileDescriptor starter) : starter_(std::move(starter)) {}
    net::FileDescriptor starter_;  // The pipe that the starter reads.
};

}  // namespace firehose::cli
