// SPDX-License-Identifier: Apache-2.0
// Target:   StoredSession::unpack, key_of.
// Property: any bytes; what unpacks packs again to a session of the same value, and its key is the
//           one that is read without unpacking. The first byte says whether the checksum is mended
//           first, without which nothing random would ever unpack.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "log/crc32c.h"
#include "log/little_endian.h"
#include "session/stored_session.h"

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace firehose;  // NOLINT: a fuzz target is one page.
    if (size == 0) return 0;
    const std::size_t count = size - 1;
    const auto bytes = std::make_unique<std::byte[]>(count);  // No slack: ASan sees one too many.
    std::transform(data + 1, data + size, bytes.get(), [](std::uint8_t b) { return std::byte{b}; });
    const ByteSpan input{bytes.get(), count};
    if ((data[0] & 1) != 0 && count >= 4) {
        log::put(bytes.get(), log::crc32c(input.subspan(4)));
    }

    const auto key = session::StoredSession::key_of(input);
    const auto session = session::StoredSession::unpack(input);
    if (!session) return 0;
    check(key == session->key);
    const ByteBuffer packed = session->pack();
    check(packed.size() <= count);
    check(session::StoredSession::unpack(packed) == session);
    return 0;
}
