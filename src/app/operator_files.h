// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "app/access_files.h"
#include "app/doors.h"
#include "app/root_files.h"
#include "base/result.h"
#include "config/settings.h"

/// Every file that a configuration names and that is read before a door opens: passwords, ACLs,
/// certificates and their keys.
///
/// A start reads them before it becomes `process.user`; a reload as that user.
/// Lifetime: a value. Threads: any. Cost: reads files.
namespace firehose::app {

struct OperatorFiles {
    AccessFiles::Contents access;
    Doors::TlsContexts tls;
    std::vector<std::string> kept;  // Out of reach by now: what was read of them stays.

    /// All or nothing; the error lists the problems, one a line.
    [[nodiscard]] static Result<OperatorFiles, std::string> read(const config::Settings& settings,
                                                                 const RootFiles& root_files = {});
};

}  // namespace firehose::app
