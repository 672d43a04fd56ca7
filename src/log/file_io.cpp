// SPDX-License-Identifier: Apache-2.0
#include "log/file_io.h"

namespace firehose::log {

IoResult write_all(File& file, std::uint64_t offset, std::span<ByteSpan> left) {
    while (!left.empty()) {
        if (left.front().empty()) {
            left = left.subspan(1);
            continue;
        }
        const auto taken = file.write(offset, left);
        if (!taken) return Failure{taken.error()};
        if (*taken == 0) return Failure{std::make_error_code(std::errc::io_error)};
        offset += *taken;
        std::size_t count = *taken;
        while (!left.empty() && count >= left.front().size()) {
            count -= left.front().size();
            left = left.subspan(1);
        }
        if (count > 0) left.front() = left.front().subspan(count);
    }
    return {};
}

IoResult write_all(File& file, std::uint64_t offset, ByteSpan bytes) {
    return write_all(file, offset, std::span{&bytes, 1});
}

Result<ByteBuffer, std::error_code> read_all(File& file, std::uint64_t offset, std::size_t count) {
    ByteBuffer bytes(count);
    std::size_t done = 0;
    while (done < count) {
        const auto got = file.read(offset + done, std::span{bytes}.subspan(done));
        if (!got) return Failure{got.error()};
        if (*got == 0) break;
        done += *got;
    }
    bytes.resize(done);
    return bytes;
}

}  // namespace firehose::log
