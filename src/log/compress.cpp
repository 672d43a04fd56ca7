// SPDX-License-Identifier: Apache-2.0
#include "log/compress.h"

#include <zstd.h>

#include "base/assert.h"

namespace firehose::log {
namespace {

// Of what the log holds, higher levels save some percent and cost a multiple; and a table of
// matches that stays in the innermost cache is half as fast again and finds as many: bench/sealing.
constexpr int kLevel = 1;
constexpr int kTableBits = 12;  // Of 4 bytes an entry.

}  // namespace

class Compressor::Impl {
public:
    Impl() : context_(ZSTD_createCCtx()) {
        FH_ASSERT(context_ != nullptr);
        set(ZSTD_c_compressionLevel, kLevel);
        set(ZSTD_c_hashLog, kTableBits);
    }
    ~Impl() { ZSTD_freeCCtx(context_); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void compress(ByteSpan plain, ByteBuffer& out) {
        out.resize(ZSTD_compressBound(plain.size()));
        const std::size_t size =
            ZSTD_compress2(context_, out.data(), out.size(), plain.data(), plain.size());
        FH_ASSERT(ZSTD_isError(size) == 0);  // The room is enough for anything.
        out.resize(size);
    }

private:
    void set(ZSTD_cParameter parameter, int value) {
        const std::size_t done = ZSTD_CCtx_setParameter(context_, parameter, value);
        FH_ASSERT(ZSTD_isError(done) == 0);
    }

    ZSTD_CCtx* context_;
};

Compressor::Compressor() : impl_(std::make_unique<Impl>()) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::compress(ByteSpan plain, ByteBuffer& out) {
    impl_->compress(plain, out);
}

bool decompress(ByteSpan stored, std::span<std::byte> plain) noexcept {
    // Its 160 KiB are kept for the thread's next call: to get them costs more than a small frame.
    thread_local const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{
        ZSTD_createDCtx(), &ZSTD_freeDCtx};
    FH_ASSERT(context != nullptr);
    return ZSTD_decompressDCtx(context.get(), plain.data(), plain.size(), stored.data(),
                               stored.size()) == plain.size();
}

}  // namespace firehose::log
