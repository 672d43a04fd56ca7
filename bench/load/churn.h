// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "target.h"

/// Two loads without publishers and readers: connections that come and go, and retained messages
/// that a new reader is sent.
///
/// Threads: the caller's alone. Each prints one line of JSON and returns the exit status.
namespace firehose::bench {

/// connect, CONNECT, CONNACK, SUBSCRIBE, SUBACK, DISCONNECT, end of stream; one after another.
[[nodiscard]] int churn(const Target& target, double seconds);

/// Sets `count` retained messages of `payload` bytes, then subscribes `rounds` times to all.
/// `server_us` is of one delivery, `bytes_each` what a retained message costs in memory.
[[nodiscard]] int retained(const Target& target, std::size_t count, std::size_t payload,
                           std::size_t rounds);

}  // namespace firehose::bench
