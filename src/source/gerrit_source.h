// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "source/event.h"
#include "source/gerrit_ssh.h"
#include "source/metrics.h"

/// Follows one Gerrit: its stream over SSH, reconnecting for ever, into a Sink.
///
/// Owns one thread from `start` to `stop`. What the Sink does not take waits, up to `buffer_bytes`;
/// then events are dropped and counted, because a stream that is not read loses more.
/// Threads:   start and stop on the owner's thread, each at most once; the Sink is called on ours.
/// Lifetime:  sink and metrics outlive it; the destructor stops.
/// Invariant: after `stop` (under two seconds) the Sink is not called again.
/// Deliberately absent: catching up on what happened while offline (Gerrit's stream has no past).
namespace firehose::source {

struct GerritOptions {
    std::string name = "gerrit";  // For the log and `firehose/source/<name>/status`.
    SshTarget ssh;
    std::string topic = "gerrit";
    std::vector<std::string> deny;  // Words of DenyRules.
    std::size_t packet_bytes_max = 2'000'000;
    std::size_t buffer_bytes = 64U << 20U;
    std::uint64_t seed = 0;  // Of the jitter; 0: one from the kernel.
};

class GerritSource {
public:
    /// @return the source, not started, or a sentence about what is wrong with the options.
    [[nodiscard]] static Result<std::unique_ptr<GerritSource>, std::string> make(
        GerritOptions options, Sink& sink, SourceMetrics& metrics);
    ~GerritSource();
    GerritSource(const GerritSource&) = delete;
    GerritSource& operator=(const GerritSource&) = delete;

    void start();
    void stop();

    /// Why the source cannot go on without a person, if it never once was online. For programs
    /// that would rather end than wait; `serve` goes on trying.
    [[nodiscard]] std::optional<StreamEnd> hopeless() const;

private:
    class Follower;
    explicit GerritSource(std::unique_ptr<Follower> follower);

    std::unique_ptr<Follower> follower_;
};

}  // namespace firehose::source
