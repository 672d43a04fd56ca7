// SPDX-License-Identifier: Apache-2.0
#include "mqtt/protocol_error.h"

namespace firehose::mqtt {

std::ostream& operator<<(std::ostream& out, const ProtocolError& error) {
    out << name(error.reason) << ": ";
    if (!error.field.empty()) out << error.field << ": ";
    out << error.detail << " at byte " << error.offset;
    if (!error.statement.empty()) out << " (" << error.statement << ')';
    return out;
}

}  // namespace firehose::mqtt
