// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/locked.h"
#include "base/random.h"
#include "log/file.h"
#include "log/memory_contents.h"

/// Files in memory that fail when they are told to: for tests and the simulator.
///
/// Faults are set on the MemoryFileSystem and hold for all its files; damage is done to one file,
/// by its number (in order of creation, from 0). A file's bytes stay reachable by number after it
/// was closed, until `forget_closed`. A power cut loses a random part of what was not synced:
/// memory_contents.h has the bytes; of the names that were made, changed or removed since the last
/// `sync_folder`, any may be as before.
/// Ownership: the MemoryFileSystem outlives its files.
/// Threads:   any; one lock around everything.
namespace firehose::log {

struct MemoryFaults {
    std::optional<std::uint64_t> bytes_max;  // Of all open files: beyond it ENOSPC.
    std::size_t write_bytes_max = SIZE_MAX;  // Of one write: the rest is left to the caller.
    std::size_t read_bytes_max = SIZE_MAX;   // Of one read.
    std::size_t writes_to_fail = 0;          // So many of the next writes fail: EIO.
    std::size_t reads_to_fail = 0;
    std::size_t syncs_to_fail = 0;
    std::size_t creates_to_fail = 0;
    std::size_t folder_syncs_to_fail = 0;
    std::size_t renames_to_fail = 0;
};

class MemoryFileSystem final : public FileSystem {
public:
    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> create_unlinked() override;
    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> create(
        const std::string& name) override;
    [[nodiscard]] Result<std::unique_ptr<File>, std::error_code> open(
        const std::string& name) override;
    [[nodiscard]] Result<std::vector<std::string>, std::error_code> list() override;
    [[nodiscard]] IoResult rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] IoResult remove(const std::string& name) override;
    [[nodiscard]] IoResult sync_folder() override;
    [[nodiscard]] Result<Space, std::error_code> space() override;

    void set_faults(const MemoryFaults& faults);
    [[nodiscard]] MemoryFaults faults() const;

    [[nodiscard]] std::size_t files_created() const;
    [[nodiscard]] std::size_t files_open() const;
    [[nodiscard]] ByteBuffer contents(std::size_t file) const;
    /// Flips bit `offset % 8` of the byte at `offset / 8`.
    void flip_bit(std::size_t file, std::uint64_t bit);
    void flip_byte(std::size_t file, std::uint64_t offset);
    /// The file ends there.
    void cut_at(std::size_t file, std::uint64_t offset);
    /// A power cut at which nothing that was not synced survives. Files that are open stay so.
    void lose_unsynced();
    /// A power cut at which some of it does, in sectors, in no order. Files that are open from
    /// before give an error from now on; those without a name are gone.
    void power_cut(Random& random);
    /// Frees the bytes of files that are closed and have no name.
    void forget_closed();
    /// The file of that name, for damage by hand.
    [[nodiscard]] std::optional<std::size_t> number_of(const std::string& name) const;

private:
    friend class MemoryFile;

    struct Entry {
        MemoryContents contents;
        std::size_t opened = 0;  // Times, now.
        bool is_named = false;
        bool may_be_named = false;  // After a power cut.
    };
    using Names = std::map<std::string, std::size_t, std::less<>>;
    struct NameChange {
        std::optional<std::string> from;  // Goes.
        std::optional<std::string> to;    // Comes.
        std::size_t file = 0;
    };
    struct State {
        std::vector<Entry> files;
        Names names;
        Names synced_names;
        std::vector<NameChange> changes;  // Since synced_names, in order.
        std::uint64_t cuts = 0;
        MemoryFaults faults;

        [[nodiscard]] std::uint64_t bytes_used() const noexcept;
        void change_names(NameChange change);
        void count_names();
    };
    [[nodiscard]] static std::unique_ptr<File> open_file(MemoryFileSystem& system, State& state,
                                                         std::size_t number);

    Locked<State> state_;
};

}  // namespace firehose::log
