// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

/// Commands to a running bus through its admin door (app/admin_door.h), by libcurl over the Unix
/// socket in its data folder.
///
/// Threads: the main thread; blocks until the bus has answered.
namespace firehose::cli {

struct AdminRequest {
    std::string data;  // The bus's data folder.
    bool is_post = true;
    std::string path;  // "/backup"
    std::vector<std::pair<std::string, std::string>> query;
};

enum class AdminFailure : std::uint8_t {
    no_bus,   // No process serves this folder.
    refused,  // It answered with a status from 400 on; or the connection broke.
};

struct AdminError {
    AdminFailure kind = AdminFailure::refused;
    std::string message;  // A sentence with its remedy.
};

/// Calls `on_line` for each line of the answer as it arrives. Done: the answer is complete.
[[nodiscard]] Result<void, AdminError> ask_bus(
    const AdminRequest& request, const std::function<void(std::string_view)>& on_line);

}  // namespace firehose::cli
