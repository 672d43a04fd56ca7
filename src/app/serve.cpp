// SPDX-License-Identifier: Apache-2.0
#include "app/serve.h"

#include <cstdio>

namespace firehose::app {

int serve(const config::Settings&) {
    std::fputs("firehose serve: this build has no bus yet\n", stderr);
    return 1;
}

}  // namespace firehose::app
