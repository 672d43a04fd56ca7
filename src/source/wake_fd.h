// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/waker.h"

/// A descriptor that becomes readable when another thread calls `wake`: an eventfd for `poll`.
///
/// Threads: `wake` from any; the rest by its owner. Closes its descriptor at the end.
namespace firehose::source {

class WakeFd final : public Waker {
public:
    WakeFd() noexcept;
    ~WakeFd() override;
    WakeFd(const WakeFd&) = delete;
    WakeFd& operator=(const WakeFd&) = delete;

    void wake() noexcept override;
    /// Makes it unreadable again.
    void clear() noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_; }

private:
    int fd_;
};

}  // namespace firehose::source
