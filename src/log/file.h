// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

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
    /// The file ends there from now on; durable with the next sync.
    [[nodiscard]] virtual IoResult truncate(std::uint64_t bytes) = 0;
};

class FileSystem {
public:
    virtual ~FileSystem() = default;

    /// A file without a name, for reading and writing; gone when closed.
    [[nodiscard]] virtual Result<std::unique_ptr<File>, std::error_code> create_unlinked() = 0;

    /// Named files of the one folder; names without `/`. A name is durable after sync_folder.
    /// `create` fails with EEXIST; both open for reading and writing.
    [[nodiscard]] virtual Result<std::unique_ptr<File>, std::error_code> create(
        const std::string& name) = 0;
    [[nodiscard]] virtual Result<std::unique_ptr<File>, std::error_code> open(
        const std::string& name) = 0;
    /// The names of regular files, in no order.
    [[nodiscard]] virtual Result<std::vector<std::string>, std::error_code> list() = 0;
    /// Replaces `to`.
    [[nodiscard]] virtual IoResult rename(const std::string& from, const std::string& to) = 0;
    [[nodiscard]] virtual IoResult remove(const std::string& name) = 0;
    [[nodiscard]] virtual IoResult sync_folder() = 0;
    /// Bytes that may still be written, and of the whole file system.
    struct Space {
        std::uint64_t free = 0;
        std::uint64_t total = 0;
    };
    [[nodiscard]] virtual Result<Space, std::error_code> space() = 0;
};

}  // namespace firehose::log
