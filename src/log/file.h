// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>

#include "base/bytes.h"
#include "base/result.h"

/// The seam between the log and the disk: files that are written and read at offsets.
///
/// The log's logic sees only this; posix_file.h is the real thing, memory_file.h the one with
/// injected faults for tests and the simulator.
/// Ownership: a File is closed by its destructor; an unlinked one is gone then. It may outlive
///            nothing of its FileSystem.
/// Threads:   one writer and any number of readers of one File at a time; a FileSystem any.
/// Errors:    any errno; a failed `write` may have written a part. A failed `sync` is never
///            repeated on the same file (rule **A failed fsync**).
namespace firehose::log {

using IoResult = Result<void, std::error_code>;

class File {
public:
    virtual ~File() = default;

    /// Writes `parts` one after the other at `offset`; returns how many bytes, at least 1.
    [[nodiscard]] virtual Result<std::size_t, std::error_code> write(
        std::uint64_t offset, std::span<const ByteSpan> parts) = 0;
    /// Reads up to `out.size()` bytes at `offset`; 0 at the end.
    [[nodiscard]] virtual Result<std::size_t, std::error_code> read(std::uint64_t offset,
                                                                    std::span<std::byte> out) = 0;
    [[nodiscard]] virtual Result<std::uint64_t, std::error_code> size() = 0;
    [[nodiscard]] virtual IoResult preallocate(std::uint64_t bytes) = 0;
    /// fdatasync.
    [[nodiscard]] virtual IoResult sync() = 0;
};

class FileSystem {
public:
    virtual ~FileSystem() = default;

    /// A file without a name, for reading and writing; gone when closed.
    [[nodiscard]] virtual Result<std::unique_ptr<File>, std::error_code> create_unlinked() = 0;
};

}  // namespace firehose::log
