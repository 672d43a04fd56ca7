// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"

/// How long to wait before the next attempt at a server that went away.
///
/// Doubles from `first` to `longest`, each wait drawn from its upper half, so that many clients of
/// one restarted server do not come back at the same moment. A connection that lasted `good_after`
/// starts from `first` again; one that is refused at once does not.
/// Threads: one owner. Pure: the seed decides the jitter.
namespace firehose::source {

struct BackoffOptions {
    Microseconds first = std::chrono::seconds{1};
    Microseconds longest = std::chrono::seconds{60};
    Microseconds good_after = std::chrono::seconds{120};
};

class Backoff {
public:
    Backoff(BackoffOptions options, std::uint64_t seed) noexcept
        : options_(options), random_(seed), next_(options.first) {}

    /// A connection ended, or an attempt failed, after it had been open for `connected_for`.
    /// @return how long to wait, between half of the present step and the whole of it.
    [[nodiscard]] Microseconds after(Microseconds connected_for) noexcept;

private:
    BackoffOptions options_;
    Random random_;
    Microseconds next_;
};

}  // namespace firehose::source
