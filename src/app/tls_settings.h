// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "config/settings.h"
#include "net/tls_context.h"

/// From a listener's configuration to what its TLS needs.
///
/// Threads: any. Cost: reads files.
namespace firehose::app {

/// Of a listener with TLS. The error names the file and the remedy.
[[nodiscard]] Result<net::TlsContext, std::string> load_tls(const config::Listener& listener);

}  // namespace firehose::app
