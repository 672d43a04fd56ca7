// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <utility>

/// Data inside its lock: the only way to the value is through the mutex that guards it.
///
///     Locked<std::vector<int>> numbers;
///     numbers.with([](auto& values) { values.push_back(1); });
///
/// Threads: any. What shares data this way is listed in ARCHITECTURE.md. Keep the function short:
/// no copy of payloads, no system call, no call out.
namespace firehose {

template <class T>
class Locked {
public:
    template <class... Args>
    explicit Locked(Args&&... args) : value_(std::forward<Args>(args)...) {}

    template <class Function>
    decltype(auto) with(Function&& function) {
        const std::scoped_lock lock{mutex_};
        return std::forward<Function>(function)(value_);
    }
    template <class Function>
    decltype(auto) with(Function&& function) const {
        const std::scoped_lock lock{mutex_};
        return std::forward<Function>(function)(value_);
    }

private:
    mutable std::mutex mutex_;
    T value_;
};

}  // namespace firehose
