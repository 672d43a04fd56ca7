// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "app/admin_door.h"
#include "base/result.h"
#include "base/time.h"
#include "bus/erase_job.h"
#include "http/http_request.h"

/// The operator's order to take records back, as the housekeeper's job and its answer.
///
/// `POST /erase?seq=N&seq=M` or `?topic=FILTER&from=POSITION[&to=POSITION]`; a position is a seq,
/// a UTC time, or `first`. Answers line by line (NDJSON) with `taken`, `records`, `bytes`,
/// `bytes_done` and, while a step fails, `problem`; the last has `complete` or `error`.
/// Threads: erase_order on the loop's; what erase_work returns is the housekeeper's.
/// Source:  rule **Taking something back**.
namespace firehose::app {

/// The error says what would be right.
[[nodiscard]] Result<bus::EraseOrder, std::string> erase_order(const http::HttpRequest& request);

/// A piece of the work: true as long as it is to be called again. Sleeps a moment where the job
/// waits. Without a reply it is silent.
[[nodiscard]] std::function<bool()> erase_work(bus::EraseJob job, Clock& clock,
                                               std::optional<AdminReply> reply);

}  // namespace firehose::app
