// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

/// One connection's place among those of its listener: counted while it lives.
///
/// Made when the connection was accepted; moves with it from hand to hand. The count is its
/// entrance's, which outlives it. Lifetime: as long as the connection. Threads: the shard's.
namespace firehose::bus {

class Place {
public:
    /// A few connections beyond the bound are let in so that they can be told.
    static constexpr std::size_t kToBeTold = 8;

    Place() = default;
    /// One more of `count`, of which there may be `max`; 0: any number.
    Place(std::size_t& count, std::size_t max)
        : count_(&count), is_over_(max != 0 && count >= max) {
        ++count;
    }
    Place(Place&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)), is_over_(other.is_over_) {}
    Place& operator=(Place&& other) noexcept {
        std::swap(count_, other.count_);
        std::swap(is_over_, other.is_over_);
        return *this;
    }
    ~Place() {
        if (count_ != nullptr) --*count_;
    }

    /// One of the few beyond the bound: tell it, and close it.
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }

private:
    std::size_t* count_ = nullptr;
    bool is_over_ = false;
};

}  // namespace firehose::bus
