// SPDX-License-Identifier: Apache-2.0
#include "app/operator_files.h"

#include <utility>

namespace firehose::app {

Result<OperatorFiles, std::string> OperatorFiles::read(const config::Settings& settings,
                                                       const RootFiles& root_files) {
    const std::vector<config::Listener> listeners = settings.all_listeners();
    auto access = AccessFiles::read(listeners, settings.auth.without_acl_file, root_files);
    if (!access) return Failure{access.error()};
    auto tls = Doors::read_tls(listeners, root_files);
    if (!tls) return Failure{tls.error()};
    return OperatorFiles{std::move(*access), std::move(*tls), root_files.kept(listeners)};
}

}  // namespace firehose::app
