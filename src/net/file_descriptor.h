// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

/// A descriptor that is closed when its owner goes.
///
/// Ownership: exactly one owner; moved, never copied. Threads: a value.
/// Invariant: `get()` is -1 exactly when nothing is owned.
namespace firehose::net {

class FileDescriptor {
public:
    FileDescriptor() noexcept = default;
    explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
    FileDescriptor(FileDescriptor&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) {
            reset();
            descriptor_ = std::exchange(other.descriptor_, -1);
        }
        return *this;
    }
    ~FileDescriptor() { reset(); }

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    explicit operator bool() const noexcept { return descriptor_ >= 0; }
    void reset() noexcept;

private:
    int descriptor_ = -1;
};

}  // namespace firehose::net
