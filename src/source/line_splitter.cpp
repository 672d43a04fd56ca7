// SPDX-License-Identifier: Apache-2.0
#include "source/line_splitter.h"

namespace firehose::source {

void LineSplitter::feed(std::string_view bytes, const OnLine& on_line) {
    while (!bytes.empty()) {
        const std::size_t end = bytes.find('\n');
        const bool is_complete = end != std::string_view::npos;
        const std::string_view piece = bytes.substr(0, end);
        bytes.remove_prefix(is_complete ? end + 1 : bytes.size());

        if (!is_skipping_ && piece.size() > line_bytes_max_ - begun_.size()) {
            is_skipping_ = true;
            ++too_long_;
            begun_.clear();
        }
        if (!is_complete) {
            if (!is_skipping_) begun_.append(piece);
            return;
        }
        if (!is_skipping_ && begun_.empty()) {
            on_line(piece);
        } else if (!is_skipping_) {
            begun_.append(piece);
            on_line(begun_);
        }
        begun_.clear();
        is_skipping_ = false;
    }
}

bool LineSplitter::reset() noexcept {
    const bool had_some = !begun_.empty();
    begun_.clear();
    is_skipping_ = false;
    return had_some;
}

}  // namespace firehose::source
