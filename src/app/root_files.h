// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/settings.h"

/// Files that a start as root read and that `process.user`, whom it became, may not read.
///
/// A private key is usually root's alone. Root reads it once, at the start; no reload of this
/// process can. So a reload keeps what was read of such a file and says so, instead of refusing
/// everything else. Any other file that cannot be read is a mistake of the operator's, which stops
/// a reload.
/// Deliberately absent: a right of root's kept for later readings (capabilities, a helper): whoever
/// takes over the process would have it too.
///
/// Lifetime: a value. Threads: any, once made. Cost: a system call for each question.
namespace firehose::app {

class RootFiles {
public:
    /// There are none: the process is who it was.
    RootFiles() = default;
    /// Of what was just read, those that this process cannot read now.
    [[nodiscard]] static RootFiles of(const std::vector<config::Listener>& listeners);

    /// It is one of them, and still out of reach.
    [[nodiscard]] bool keeps(const std::string& path) const;
    /// One of what the listener's TLS needs is.
    [[nodiscard]] bool keeps_tls(const config::Listener& listener) const;
    /// Of what these listeners name.
    [[nodiscard]] std::vector<std::string> kept(
        const std::vector<config::Listener>& listeners) const;

private:
    std::set<std::string> paths_;
};

}  // namespace firehose::app
