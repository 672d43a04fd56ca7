// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "config/settings.h"

/// Where the program's own log goes: descriptors, the journal, syslog, topics.
///
/// None of them waits for whoever reads it longer than kWaitMax, and one that had to wait is not
/// waited for again until it takes a line. Lines that were lost are counted, and said once it
/// takes lines again.
/// Threads: made on any thread, then the log's. Source: systemd.journal-fields(7) and the native
///          protocol of journald; RFC 3164; sd-daemon(3) for `<N>`.
namespace firehose::app {

/// Where things are outside of tests.
struct LogPaths {
    std::string journal = "/run/systemd/journal/socket";
    std::string syslog = "/dev/log";
};

/// Gets the lines of `topic`: a topic below $SYS/broker/log, and the line.
using LogTopicSink = std::function<void(std::string topic, std::string text)>;

/// Opens all that `logging` names, or says what cannot be opened. Opening changes nothing but that
/// a missing file is there.
[[nodiscard]] Result<LogSetup, std::string> open_log_destinations(
    const config::LoggingSettings& logging, const LogTopicSink& topics, const LogPaths& paths = {});

/// The files among them.
[[nodiscard]] std::vector<std::string> log_files(const config::LoggingSettings& logging);

}  // namespace firehose::app
