// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/bytes.h"

/// Compression of the frames of sealed segments: zstd, each call one independent frame.
///
/// Ownership: a Compressor keeps its working memory (about 1 MiB) between calls.
/// Threads:   one at a time; `decompress` any.
/// Source:    docs/formats/segment.md; RFC 8878.
namespace firehose::log {

class Compressor {
public:
    Compressor();
    ~Compressor();
    Compressor(Compressor&&) noexcept;
    Compressor& operator=(Compressor&&) noexcept;

    /// `out` becomes the compressed bytes.
    void compress(ByteSpan plain, ByteBuffer& out);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// False: `stored` is not one frame of exactly `plain.size()` bytes.
[[nodiscard]] bool decompress(ByteSpan stored, std::span<std::byte> plain) noexcept;

}  // namespace firehose::log
