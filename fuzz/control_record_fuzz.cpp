// SPDX-License-Identifier: Apache-2.0
// Target:   decode_control, encode_control, StoredSession::fold and fold_inbound.
// Property: any payloads of any kind; what decodes encodes again to the same value; a session that
//           folds them in order packs and unpacks to itself, and changes no more
//           when they are folded a second time. The input is a chain of records:
//           kind, length, payload; an unknown kind is an inbound QoS 2 id.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "log/record.h"
#include "session/control_record.h"
#include "session/stored_session.h"

namespace {

using namespace firehose;           // NOLINT: a fuzz target is one page.
using namespace firehose::session;  // NOLINT

constexpr std::uint64_t kFirst = 1'000;

void check(bool holds) {
    if (!holds) std::abort();
}

struct Step {
    std::optional<Control> control;
    std::uint16_t inbound_id = 0;
};

[[nodiscard]] Step step_of(std::uint8_t kind, std::span<const std::uint8_t> payload) {
    // No slack: ASan sees one too many.
    const auto bytes = std::make_unique<std::byte[]>(payload.size());
    std::transform(payload.begin(), payload.end(), bytes.get(),
                   [](std::uint8_t b) { return std::byte{b}; });
    const log::Record record{.kind = static_cast<log::RecordKind>(kind),
                             .payload = {bytes.get(), payload.size()}};
    auto control = decode_control(record);
    if (!control) return {.inbound_id = kind};
    check(kind_of(*control) == record.kind);
    ByteBuffer again;
    encode_control(*control, again);
    const log::Record same{.kind = record.kind, .payload = again};
    check(decode_control(same) == control);
    return {.control = std::move(control)};
}

/// False: the session ended.
[[nodiscard]] bool fold_all(StoredSession& session, const std::vector<Step>& steps) {
    std::uint64_t seq = kFirst;
    for (const Step& step : steps) {
        if (!step.control) {
            if (step.inbound_id != 0) session.fold_inbound(Seq{seq}, step.inbound_id);
        } else if (!session.fold(Seq{seq}, *step.control)) {
            return false;
        }
        ++seq;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::span<const std::uint8_t> input{data, size};
    std::vector<Step> steps;
    while (input.size() >= 2) {
        const std::size_t length = std::min<std::size_t>(input[1], input.size() - 2);
        steps.push_back(step_of(input[0], input.subspan(2, length)));
        input = input.subspan(2 + length);
    }
    StoredSession session{.id = PublisherId{7}, .key = "k", .expiry_s = 60};
    if (!fold_all(session, steps)) return 0;
    const auto unpacked = StoredSession::unpack(session.pack());
    check(unpacked.has_value());
    check(unpacked->pack() == session.pack());
    StoredSession again = *unpacked;
    check(fold_all(again, steps));
    check(again == *unpacked);
    return 0;
}
