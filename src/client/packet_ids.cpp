// SPDX-License-Identifier: Apache-2.0
#include "client/packet_ids.h"

#include "base/assert.h"

namespace firehose::client {

std::uint16_t PacketIds::take() {
    FH_ASSERT(used_.size() < 65'535);
    do {
        ++last_;
    } while (last_ == 0 || used_.contains(last_));
    used_.insert(last_);
    return last_;
}

}  // namespace firehose::client
