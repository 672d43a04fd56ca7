// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FH_ASSERT: our own bugs only, on in release, never reached by a peer's input.
///
/// Prints the expression and its place to standard error and aborts.
namespace firehose {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace firehose

#define FH_ASSERT(expression)            \
    ((expression) ? static_cast<void>(0) \
                  : ::firehose::assertion_failed(#expression, __FILE__, __LINE__))
