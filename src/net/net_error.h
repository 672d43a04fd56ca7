// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <system_error>

/// Why a socket could not be had: the kernel's code, and a sentence for the operator that names
/// the address and what to do about it.
///
/// Lifetime: a value. Threads: none.
namespace firehose::net {

struct NetError {
    std::error_code code;
    std::string message;
};

/// The calling thread's errno as a code.
[[nodiscard]] std::error_code last_error() noexcept;

}  // namespace firehose::net
