// SPDX-License-Identifier: Apache-2.0
#include "net/file_descriptor.h"

#include <unistd.h>

namespace firehose::net {

void FileDescriptor::reset() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
}

}  // namespace firehose::net
