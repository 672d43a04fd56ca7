// SPDX-License-Identifier: Apache-2.0
// Target: ws::Decoder. Property: what a stream decodes to does not depend on how it is cut, nothing
// follows a close or a failure, and control payload is at most 125 bytes.
// The first two bytes of the input pick the options and the seed of the cuts.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/random.h"
#include "ws/decoder.h"

namespace {

using firehose::ByteSpan;
using firehose::ws::Event;

/// Everything that a decoder said, with the pieces of data joined.
class Witness {
public:
    explicit Witness(firehose::ws::DecoderOptions options) : decoder_(options) {}

    void feed(ByteSpan input, std::size_t scratch_size) {
        std::array<std::byte, 64> scratch;
        while (true) {
            const Event event = decoder_.next(input, std::span{scratch}.first(scratch_size));
            if (event.kind == Event::Kind::none) break;
            note(event);
        }
        FH_ASSERT(input.empty());
    }
    [[nodiscard]] const std::string& said() const { return said_; }

private:
    void note(const Event& event) {
        FH_ASSERT(!is_over_);
        is_over_ = event.kind == Event::Kind::closed || event.kind == Event::Kind::failed;
        if (event.kind != Event::Kind::data) {
            FH_ASSERT(event.payload.size() <= 125);
            said_ += static_cast<char>('A' + static_cast<int>(event.kind));
            said_ += std::to_string(static_cast<int>(event.code));
        }
        // A text that turns out to be no UTF-8 may have been handed on in part: only whole
        // messages are compared there.
        std::string& place = event.is_text ? text_ : said_;
        place += firehose::as_text(event.payload);
        if (event.ends_message) said_ += std::exchange(text_, {}) + '|';
    }

    firehose::ws::Decoder decoder_;
    std::string said_;
    std::string text_;
    bool is_over_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const firehose::ws::DecoderOptions options{
        .role = (data[0] & 1) != 0 ? firehose::ws::Role::client : firehose::ws::Role::server,
        .text = (data[0] & 2) != 0 ? firehose::ws::TextFrames::accepted
                                   : firehose::ws::TextFrames::refused,
        .frame_bytes_max = 100'000};
    firehose::Random random{data[1]};
    const ByteSpan input = std::as_bytes(std::span{data, size}).subspan(2);

    Witness whole{options};
    whole.feed(input, 64);
    Witness cut{options};
    for (std::size_t at = 0; at < input.size();) {
        const std::size_t count = std::min<std::size_t>(1 + random.below(20), input.size() - at);
        cut.feed(input.subspan(at, count), 1 + random.below(64));
        at += count;
    }
    FH_ASSERT(whole.said() == cut.said());
    return 0;
}
