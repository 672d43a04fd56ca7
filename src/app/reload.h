// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/doors.h"
#include "app/operator_files.h"
#include "base/log.h"
#include "base/result.h"
#include "config/settings.h"
#include "net/event_loop.h"

/// A new configuration for the running bus, all or nothing.
///
/// Everything is read and judged first, on a thread of its own: the configuration, the files that
/// it names (certificates too), where the log goes. What was found good comes to the loop in one
/// piece, and what can still fail there (ports) is done before anything is changed. A mistake
/// changes nothing.
/// One reload at a time: whoever asks meanwhile is answered by one more after it.
/// Threads: the loop's, and one while files are read. Source: ARCHITECTURE.md, "Reload".
namespace firehose::app {

/// Reads the configuration as the start did, flags included. The error lists every problem, one a
/// line. Runs on another thread than the first reading.
using ReadAgain = std::function<Result<config::Settings, std::string>()>;

/// What was read and is good.
struct Prepared {
    config::Settings settings;
    OperatorFiles files;
    LogSetup log;
};

struct ReloadOutcome {
    std::string problem;                     // Empty: it is done.
    std::vector<std::string> needs_restart;  // Keys that were left as they are.
    std::vector<std::string> kept;           // Files that count as a start as root read them.
};

class Reloader {
public:
    using TakeOver = std::function<ReloadOutcome(Prepared&&)>;
    using OnDone = std::function<void(const ReloadOutcome&)>;

    Reloader(net::EventLoop& loop, ReadAgain read_again, RootFiles root_files, TakeOver take_over)
        : loop_(loop),
          read_again_(std::move(read_again)),
          root_files_(std::move(root_files)),
          take_over_(std::move(take_over)) {}
    /// Waits for what is being read.
    ~Reloader();
    Reloader(const Reloader&) = delete;
    Reloader& operator=(const Reloader&) = delete;

    void start(OnDone on_done);

private:
    [[nodiscard]] Result<Prepared, std::string> prepare() const;
    void begin();
    void finish();

    net::EventLoop& loop_;
    ReadAgain read_again_;
    const RootFiles root_files_;
    TakeOver take_over_;
    std::atomic<bool> is_ending_{false};
    std::thread reading_;
    /// Written by the thread before it posts `finish`, read by that.
    std::optional<Result<Prepared, std::string>> prepared_;
    std::vector<OnDone> asked_;    // By those of the reload under way.
    std::vector<OnDone> waiting_;  // They asked since it began.
};

}  // namespace firehose::app
