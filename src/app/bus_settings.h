// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bus/address_limits.h"
#include "bus/settings.h"
#include "config/settings.h"

/// From the configuration's words to the bus's. The table has checked every range.
///
/// Threads: a pure function.
namespace firehose::app {

[[nodiscard]] bus::Settings bus_settings(const config::Settings& settings);
[[nodiscard]] bus::AddressLimitSettings address_limit_settings(const config::Settings& settings);
/// What is not kept is as safe as memory, whatever a listener promises.
[[nodiscard]] bus::Durability bus_durability(const config::Settings& settings,
                                             config::Durability asked);

}  // namespace firehose::app
