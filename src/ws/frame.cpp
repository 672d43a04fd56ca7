// SPDX-License-Identifier: Apache-2.0
#include "ws/frame.h"

namespace firehose::ws {

bool may_be_sent(std::uint16_t code) noexcept {
    // 1004 is reserved; 1005, 1006 and 1015 name what was not on the wire; below 1000 and 1015 to
    // 2999 belong to the protocol.
    if (code >= 3000) return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

}  // namespace firehose::ws
