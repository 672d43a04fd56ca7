// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "app/reload.h"
#include "config/settings.h"

/// The whole bus in one call: what `firehose serve` does.
///
/// Threads: called on the main thread; starts the others and joins them.
namespace firehose::app {

/// Runs until SIGINT or SIGTERM and drains. Prints one line `ready mqtt=... http=...` on standard
/// output, and calls `on_ready`, once every port is open (with the ports that were given, should a
/// listener ask for 0).
///
/// SIGHUP, or POST /reload at the admin door: `read_again`, and what it gives is taken over.
///
/// @return the exit code: 0 after a clean stop, 1 when it could not start or had to give up.
[[nodiscard]] int serve(const config::Settings& settings, ReadAgain read_again,
                        const std::function<void()>& on_ready = {});

}  // namespace firehose::app
