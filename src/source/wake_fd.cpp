// SPDX-License-Identifier: Apache-2.0
#include "source/wake_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

namespace firehose::source {

WakeFd::WakeFd() noexcept : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    FH_ASSERT(fd_ >= 0);
}

WakeFd::~WakeFd() {
    ::close(fd_);
}

void WakeFd::wake() noexcept {
    static_cast<void>(::eventfd_write(fd_, 1));
}

void WakeFd::clear() noexcept {
    eventfd_t value = 0;
    static_cast<void>(::eventfd_read(fd_, &value));
}

}  // namespace firehose::source
