// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How one thread tells another that there is something to look at.
///
/// `wake` may be called from any thread, never blocks, and is cheap when the other is awake: an
/// event loop writes its eventfd only if it announced that it is about to sleep. Spurious wake-ups
/// are allowed; lost ones are not: what was done before `wake` is seen by the woken thread.
namespace firehose {

class Waker {
public:
    virtual ~Waker() = default;
    virtual void wake() noexcept = 0;
};

}  // namespace firehose
