// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/assert.h"

/// A value or the reason why there is none: `std::expected`'s spelling for C++20.
///
///     Result<Packet, ProtocolError> decode(...);
///     auto packet = decode(...);
///     if (!packet) return Failure{packet.error()};
///     use(*packet);
///
/// Lifetime: holds its value or error. Threads: none. Cost: the larger of both plus a tag.
/// Invariant: `*r`, `r->` need `r.has_value()`; `error()` needs the opposite (asserted).
namespace firehose {

/// Marks an error on its way into a Result.
template <class E>
struct Failure {
    E error;
};
template <class E>
Failure(E) -> Failure<E>;

template <class T, class E>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    template <class F>
    Result(Failure<F> failure) : state_(std::in_place_index<1>, std::move(failure.error)) {}

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] T& operator*() & noexcept { return value(); }
    [[nodiscard]] const T& operator*() const& noexcept { return value(); }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(value()); }
    [[nodiscard]] T* operator->() noexcept { return &value(); }
    [[nodiscard]] const T* operator->() const noexcept { return &value(); }

    [[nodiscard]] const E& error() const noexcept {
        FH_ASSERT(!has_value());
        return *std::get_if<1>(&state_);
    }

private:
    [[nodiscard]] T& value() noexcept {
        FH_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }
    [[nodiscard]] const T& value() const noexcept {
        FH_ASSERT(has_value());
        return *std::get_if<0>(&state_);
    }

    std::variant<T, E> state_;
};

/// Success without a value: `return {};`.
template <class E>
class [[nodiscard]] Result<void, E> {
public:
    Result() = default;
    template <class F>
    Result(Failure<F> failure) : error_(std::move(failure.error)) {}

    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] const E& error() const noexcept {
        FH_ASSERT(error_.has_value());
        return *error_;
    }

private:
    std::optional<E> error_;
};

}  // namespace firehose
