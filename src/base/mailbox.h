// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/locked.h"
#include "base/waker.h"

/// A bounded mailbox of values from any threads to one.
///
/// `post` answers false when the box is full and leaves the value with the caller, who decides
/// (hold, refuse, count); nothing is dropped here. The reader is woken once per batch: only by
/// the post that finds the box empty.
/// Threads: post from any; take_all from the reader's only.
namespace firehose {

template <class T>
class Mailbox {
public:
    /// `reader` may be null (the reader polls) and must outlive the mailbox.
    Mailbox(std::size_t capacity, Waker* reader) : capacity_(capacity), reader_(reader) {}

    [[nodiscard]] bool post(T&& value) {
        bool was_empty = false;
        const bool accepted = values_.with([&](std::vector<T>& values) {
            if (values.size() >= capacity_) return false;
            was_empty = values.empty();
            values.push_back(std::move(value));
            return true;
        });
        if (accepted && was_empty && reader_ != nullptr) reader_->wake();
        return accepted;
    }

    /// Everything posted so far, in order per poster.
    [[nodiscard]] std::vector<T> take_all() {
        return values_.with([](std::vector<T>& values) { return std::exchange(values, {}); });
    }

    [[nodiscard]] bool is_empty() const {
        return values_.with([](const std::vector<T>& values) { return values.empty(); });
    }

private:
    std::size_t capacity_;
    Waker* reader_;
    Locked<std::vector<T>> values_;
};

}  // namespace firehose
