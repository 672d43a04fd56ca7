// SPDX-License-Identifier: Apache-2.0
// Target: HttpConnection. Property: the answers to any bytes do not depend on how these were cut,
// nor on how little the socket takes at a time; after a refusal that closes nothing is answered.
// The first byte of the input is the seed of the cuts.
#include <cstdint>
#include <span>
#include <string>

#include "base/assert.h"
#include "base/random.h"
#include "http/scripted_stream.h"

namespace {

using firehose::http::HttpConnection;
using firehose::http::ScriptedRouter;
using firehose::http::Wire;

constexpr firehose::http::HttpLimits kLimits{.head_bytes_max = 256};

struct Dialogue {
    Dialogue() {
        router.owned = std::make_unique<HttpConnection>(wire.make_stream(), router, kLimits);
    }
    ~Dialogue() { router.handed.stream.reset(); }
    Dialogue(const Dialogue&) = delete;
    Dialogue& operator=(const Dialogue&) = delete;

    [[nodiscard]] bool is_open() const { return router.done == 0; }

    Wire wire;
    ScriptedRouter router;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1 || size > 4'096) return 0;
    firehose::Random random{data[0]};
    const std::string_view input =
        firehose::as_text(std::as_bytes(std::span{data, size}).subspan(1));

    Dialogue whole;
    whole.wire.sends(input);

    Dialogue cut;
    cut.wire.room = 0;
    for (std::size_t at = 0; at < input.size() && cut.is_open();) {
        const std::size_t count = std::min<std::size_t>(1 + random.below(40), input.size() - at);
        cut.wire.sends(input.substr(at, count));
        at += count;
        if (cut.is_open()) cut.wire.has_room(random.below(400));
    }
    for (int i = 0; i < 100 && cut.is_open() && !cut.wire.was_shut_down; ++i) {
        cut.wire.has_room(100'000);
    }
    FH_ASSERT(whole.wire.written == cut.wire.written);
    FH_ASSERT(whole.wire.was_shut_down == cut.wire.was_shut_down);
    FH_ASSERT(whole.router.done == cut.router.done);
    return 0;
}
