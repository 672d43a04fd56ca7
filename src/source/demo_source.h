// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "source/event.h"
#include "source/metrics.h"

/// `serve --demo`: recorded events of the binary, replayed at a natural pace, for ever.
///
/// Topics and payloads are those of a Gerrit source; that this is a demo is said through
/// `Sink::on_state` (the status topic of the source named `demo`), which the page shows.
/// Threads:   DemoScript is pure. DemoSource owns one thread from `start` to `stop`.
/// Invariant: denied events are not part of the demo (the default rules hold here too).
namespace firehose::source {

/// The lines in their order, again and again, each after an irregular wait of 0.3 to 3 seconds.
class DemoScript {
public:
    /// `lines` outlives the script.
    DemoScript(std::string_view lines, std::uint64_t seed);

    struct Step {
        Microseconds wait{0};  // Since the step before.
        Event event;
    };
    /// Empty when no line is an event.
    [[nodiscard]] std::optional<Step> next();
    [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }

private:
    std::vector<Event> events_;
    std::size_t next_ = 0;
    Random random_;
};

/// The lines that the binary carries.
[[nodiscard]] std::string_view demo_events() noexcept;

class DemoSource {
public:
    DemoSource(std::uint64_t seed, Sink& sink, SourceMetrics& metrics);
    ~DemoSource();
    DemoSource(const DemoSource&) = delete;
    DemoSource& operator=(const DemoSource&) = delete;

    void start();
    void stop();

private:
    class Player;
    std::unique_ptr<Player> player_;
};

}  // namespace firehose::source
