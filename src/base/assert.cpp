// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace firehose {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
    std::fprintf(stderr, "firehose: assertion failed: %s (%s:%d)\n", expression, file, line);
    std::abort();
}

}  // namespace firehose
