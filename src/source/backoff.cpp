// SPDX-License-Identifier: Apache-2.0
#include "source/backoff.h"

#include <algorithm>

namespace firehose::source {

Microseconds Backoff::after(Microseconds connected_for) noexcept {
    if (connected_for >= options_.good_after) next_ = options_.first;
    const auto half = static_cast<std::uint64_t>(next_.count() / 2);
    const Microseconds wait{static_cast<Microseconds::rep>(half + random_.below(half + 1))};
    next_ = std::min(next_ * 2, options_.longest);
    return wait;
}

}  // namespace firehose::source
