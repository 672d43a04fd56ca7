// SPDX-License-Identifier: Apache-2.0
#include "bus/input_budget.h"

namespace firehose::bus {

void InputBudget::note(Account& account, ConnectionId id, std::size_t bytes, bool is_debtor) {
    bytes_ = bytes_ - account.bytes + bytes;
    account.bytes = bytes;
    if (is_debtor && bytes != 0) {
        if (!account.at) account.at = debtors_.insert(debtors_.end(), id);
    } else if (account.at) {
        debtors_.erase(*account.at);
        account.at.reset();
    }
}

std::optional<ConnectionId> InputBudget::excess() const {
    if (bytes_ <= bytes_max_ || debtors_.empty()) return std::nullopt;
    return debtors_.front();
}

}  // namespace firehose::bus
