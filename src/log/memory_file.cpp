// SPDX-License-Identifier: Apache-2.0
#include "log/memory_file.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::log {
namespace {

[[nodiscard]] Failure<std::error_code> failure(std::errc error) noexcept {
    return {std::make_error_code(error)};
}

/// Whether a fault that is to happen `left` more times happens now.
[[nodiscard]] bool strikes(std::size_t& left) noexcept {
    if (left == 0) return false;
    --left;
    return true;
}

}  // namespace

class MemoryFile final : public File {
    /// `function` on the state and the file's entry, unless the power was cut since it was opened.
    template <class Outcome, class Function>
    Outcome with(Function&& function) {
        return system_.state_.with([&](auto& state) -> Outcome {
            if (state.cuts != cuts_) return failure(std::errc::io_error);
            return function(state, state.files[number_].contents);
        });
    }

public:
    MemoryFile(MemoryFileSystem& system, std::size_t number, std::uint64_t cuts)
        : system_(system), number_(number), cuts_(cuts) {}
    ~MemoryFile() override {
        system_.state_.with([&](auto& state) {
            if (state.cuts == cuts_) --state.files[number_].opened;
        });
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    using Count = Result<std::size_t, std::error_code>;

    Count write(std::uint64_t offset, std::span<const ByteSpan> parts) override {
        return with<Count>([&](auto& state, MemoryContents& contents) -> Count {
            if (strikes(state.faults.writes_to_fail)) return failure(std::errc::io_error);
            std::size_t left = state.faults.write_bytes_max;
            if (state.faults.bytes_max) {
                const std::uint64_t used = state.bytes_used() - contents.bytes().size() + offset;
                const std::uint64_t room =
                    *state.faults.bytes_max > used ? *state.faults.bytes_max - used : 0;
                if (room == 0) return failure(std::errc::no_space_on_device);
                left = std::min<std::uint64_t>(left, room);
            }
            std::size_t done = 0;
            for (const ByteSpan part : parts) {
                const ByteSpan piece = part.first(std::min(part.size(), left - done));
                contents.write(offset + done, piece);
                done += piece.size();
            }
            return done;
        });
    }

    Count read(std::uint64_t offset, std::span<std::byte> out) override {
        return with<Count>([&](auto& state, MemoryContents& contents) -> Count {
            if (strikes(state.faults.reads_to_fail)) return failure(std::errc::io_error);
            if (offset >= contents.bytes().size()) return std::size_t{0};
            const ByteSpan rest = ByteSpan{contents.bytes()}.subspan(offset);
            const ByteSpan piece =
                rest.first(std::min({rest.size(), out.size(), state.faults.read_bytes_max}));
            std::copy(piece.begin(), piece.end(), out.begin());
            return piece.size();
        });
    }

    Result<std::uint64_t, std::error_code> size() override {
        using Size = Result<std::uint64_t, std::error_code>;
        return with<Size>([](auto&, MemoryContents& contents) -> Size {
            return std::uint64_t{contents.bytes().size()};
        });
    }

    IoResult preallocate(std::uint64_t bytes) override {
        return with<IoResult>([&](auto& state, MemoryContents& contents) -> IoResult {
            const std::uint64_t used = state.bytes_used() - contents.bytes().size();
            if (state.faults.bytes_max && used + bytes > *state.faults.bytes_max) {
                return failure(std::errc::no_space_on_device);
            }
            if (contents.bytes().size() < bytes) contents.resize(bytes);
            return {};
        });
    }

    IoResult sync() override {
        return with<IoResult>([](auto& state, MemoryContents& contents) -> IoResult {
            if (strikes(state.faults.syncs_to_fail)) {
                contents.fail_sync();
                return failure(std::errc::io_error);
            }
            contents.sync();
            return {};
        });
    }

    IoResult truncate(std::uint64_t bytes) override {
        return with<IoResult>([&](auto&, MemoryContents& contents) -> IoResult {
            contents.resize(bytes);
            return {};
        });
    }

private:
    MemoryFileSystem& system_;
    const std::size_t number_;
    const std::uint64_t cuts_;  // When it was opened.
};

std::uint64_t MemoryFileSystem::State::bytes_used() const noexcept {
    std::uint64_t bytes = 0;
    for (const Entry& file : files) {
        if (file.opened != 0 || file.is_named) bytes += file.contents.bytes().size();
    }
    return bytes;
}

void MemoryFileSystem::State::change_names(NameChange change) {
    if (change.from) names.erase(*change.from);
    if (change.to) names.insert_or_assign(*change.to, change.file);
    changes.push_back(std::move(change));
    count_names();
}

void MemoryFileSystem::State::count_names() {
    for (Entry& file : files) file.is_named = file.may_be_named = false;
    for (const auto& [name, file] : names) files[file].is_named = true;
    for (const auto& [name, file] : synced_names) files[file].may_be_named = true;
    for (const NameChange& change : changes) files[change.file].may_be_named = true;
}

std::unique_ptr<File> MemoryFileSystem::open_file(MemoryFileSystem& system, State& state,
                                                  std::size_t number) {
    ++state.files[number].opened;
    return std::make_unique<MemoryFile>(system, number, state.cuts);
}

Result<std::unique_ptr<File>, std::error_code> MemoryFileSystem::create_unlinked() {
    using Created = Result<std::unique_ptr<File>, std::error_code>;
    return state_.with([&](State& state) -> Created {
        if (strikes(state.faults.creates_to_fail)) return failure(std::errc::io_error);
        state.files.push_back({.contents = MemoryContents{false}});
        return open_file(*this, state, state.files.size() - 1);
    });
}

Result<std::unique_ptr<File>, std::error_code> MemoryFileSystem::create(const std::string& name) {
    using Created = Result<std::unique_ptr<File>, std::error_code>;
    return state_.with([&](State& state) -> Created {
        if (strikes(state.faults.creates_to_fail)) return failure(std::errc::io_error);
        if (state.names.contains(name)) return failure(std::errc::file_exists);
        const std::size_t number = state.files.size();
        state.files.emplace_back();
        state.change_names({.from = {}, .to = name, .file = number});
        return open_file(*this, state, number);
    });
}

Result<std::unique_ptr<File>, std::error_code> MemoryFileSystem::open(const std::string& name) {
    using Opened = Result<std::unique_ptr<File>, std::error_code>;
    return state_.with([&](State& state) -> Opened {
        const auto found = state.names.find(name);
        if (found == state.names.end()) return failure(std::errc::no_such_file_or_directory);
        return open_file(*this, state, found->second);
    });
}

Result<std::vector<std::string>, std::error_code> MemoryFileSystem::list() {
    return state_.with([](const State& state) {
        std::vector<std::string> names;
        for (const auto& [name, file] : state.names) names.push_back(name);
        return names;
    });
}

IoResult MemoryFileSystem::rename(const std::string& from, const std::string& to) {
    return state_.with([&](State& state) -> IoResult {
        if (strikes(state.faults.renames_to_fail)) return failure(std::errc::io_error);
        const auto found = state.names.find(from);
        if (found == state.names.end()) return failure(std::errc::no_such_file_or_directory);
        state.change_names({.from = from, .to = to, .file = found->second});
        return {};
    });
}

IoResult MemoryFileSystem::remove(const std::string& name) {
    return state_.with([&](State& state) -> IoResult {
        const auto found = state.names.find(name);
        if (found == state.names.end()) return failure(std::errc::no_such_file_or_directory);
        state.change_names({.from = name, .to = {}, .file = found->second});
        return {};
    });
}

IoResult MemoryFileSystem::sync_folder() {
    return state_.with([](State& state) -> IoResult {
        if (strikes(state.faults.folder_syncs_to_fail)) return failure(std::errc::io_error);
        state.synced_names = state.names;
        state.changes.clear();
        state.count_names();
        return {};
    });
}

Result<FileSystem::Space, std::error_code> MemoryFileSystem::space() {
    return state_.with([](const State& state) -> Result<Space, std::error_code> {
        const std::uint64_t total = state.faults.bytes_max.value_or(std::uint64_t{1} << 40);
        const std::uint64_t used = state.bytes_used();
        return Space{.free = total > used ? total - used : 0, .total = total};
    });
}

void MemoryFileSystem::set_faults(const MemoryFaults& faults) {
    state_.with([&](State& state) { state.faults = faults; });
}

MemoryFaults MemoryFileSystem::faults() const {
    return state_.with([](const State& state) { return state.faults; });
}

std::size_t MemoryFileSystem::files_created() const {
    return state_.with([](const State& state) { return state.files.size(); });
}

std::size_t MemoryFileSystem::files_open() const {
    return state_.with([](const State& state) {
        const auto is_open = [](const Entry& file) { return file.opened != 0; };
        return static_cast<std::size_t>(
            std::count_if(state.files.begin(), state.files.end(), is_open));
    });
}

std::optional<std::size_t> MemoryFileSystem::number_of(const std::string& name) const {
    return state_.with([&](const State& state) -> std::optional<std::size_t> {
        const auto found = state.names.find(name);
        if (found == state.names.end()) return {};
        return found->second;
    });
}

ByteBuffer MemoryFileSystem::contents(std::size_t file) const {
    return state_.with([&](const State& state) { return state.files.at(file).contents.bytes(); });
}

void MemoryFileSystem::flip_bit(std::size_t file, std::uint64_t bit) {
    state_.with([&](State& state) {
        state.files.at(file).contents.at(bit / 8) ^= std::byte{1} << (bit % 8);
    });
}

void MemoryFileSystem::flip_byte(std::size_t file, std::uint64_t offset) {
    state_.with([&](State& state) { state.files.at(file).contents.at(offset) ^= std::byte{0xFF}; });
}

void MemoryFileSystem::cut_at(std::size_t file, std::uint64_t offset) {
    state_.with([&](State& state) {
        MemoryContents& contents = state.files.at(file).contents;
        FH_ASSERT(offset <= contents.bytes().size());
        contents.resize(offset);
        contents.forget_past();
    });
}

void MemoryFileSystem::lose_unsynced() {
    state_.with([](State& state) {
        for (Entry& file : state.files) file.contents.lose_unsynced();
        state.names = state.synced_names;
        state.changes.clear();
        state.count_names();
    });
}

void MemoryFileSystem::power_cut(Random& random) {
    state_.with([&](State& state) {
        ++state.cuts;
        Names& names = state.names;
        names = state.synced_names;
        const unsigned percent = static_cast<unsigned>(random.below(5)) * 25;
        for (const NameChange& change : state.changes) {
            // What was to be renamed may itself not have come to be.
            const bool is_possible = !change.from || names.contains(*change.from);
            if (!is_possible || !random.chance(percent)) continue;
            if (change.from) names.erase(*change.from);
            if (change.to) names.insert_or_assign(*change.to, change.file);
        }
        state.synced_names = names;
        state.changes.clear();
        state.count_names();
        for (Entry& file : state.files) {
            file.opened = 0;
            if (!file.is_named) {
                file = Entry{.contents = MemoryContents{}};
            } else {
                file.contents.power_cut(random);
            }
        }
    });
}

void MemoryFileSystem::forget_closed() {
    state_.with([](State& state) {
        for (Entry& file : state.files) {
            if (file.opened == 0 && !file.is_named && !file.may_be_named)
                file = Entry{.contents = MemoryContents{}};
        }
    });
}

}  // namespace firehose::log
