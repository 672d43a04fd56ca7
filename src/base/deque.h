// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/container/deque.hpp>

/// A deque that owns no memory before its first element: std::deque takes half a KiB when it is
/// made, which counts where each of many thousand connections has some.
///
/// As std::deque otherwise. Threads: none.
namespace firehose {

template <class T>
using Deque = boost::container::deque<T>;

}  // namespace firehose
