// SPDX-License-Identifier: Apache-2.0
#include "session/owed.h"

#include "base/assert.h"

namespace firehose::session {

bool Owed::push(Seq seq) {
    if (overflowed_at_) return false;
    if (seqs_.size() >= refs_max_) {
        overflowed_at_ = seq;
        return false;
    }
    FH_ASSERT(seqs_.empty() || seqs_.back() < seq);
    seqs_.push_back(seq);
    return true;
}

Seq Owed::front() const {
    FH_ASSERT(!seqs_.empty());
    return seqs_.front();
}

void Owed::pop() {
    FH_ASSERT(!seqs_.empty());
    seqs_.pop_front();
}

void Owed::clear() noexcept {
    seqs_.clear();
    overflowed_at_.reset();
}

}  // namespace firehose::session
