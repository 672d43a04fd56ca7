// SPDX-License-Identifier: Apache-2.0
#include "client/packet_ids.h"

#include "base/assert.h"

namespace firehose::client {

std::uint16_t PacketIds::take() {
    FH_ASSERT(count_ < 65'535);
    do {
        ++last_;
    } while (last_ == 0 || used_.test(last_));
    used_.set(last_);
    ++count_;
    return last_;
}

void PacketIds::give_back(std::uint16_t id) {
    if (!used_.test(id)) return;
    used_.reset(id);
    --count_;
}

}  // namespace firehose::client
