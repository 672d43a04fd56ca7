// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bus/shard.h"

/// The way of the program's log to `$SYS/broker/log/#`: one for the program, as the log is.
///
/// The log's thread may have a line when the shard is gone already, so the shard is behind a lock.
/// Threads: any.
namespace firehose::app {

/// Null: lines are dropped from now on. Returns when no line is on its way to the shard before.
void lead_log_topics_to(bus::Shard* shard);
void post_log_topic(std::string topic, std::string text);

}  // namespace firehose::app
