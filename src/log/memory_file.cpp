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
    template <class Function>
    auto with(Function&& function) {
        return system_.state_.with(
            [&](auto& state) { return function(state, state.files[number_]); });
    }

public:
    MemoryFile(MemoryFileSystem& system, std::size_t number) : system_(system), number_(number) {}
    ~MemoryFile() override {
        with([](auto&, auto& file) { file.is_open = false; });
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    Result<std::size_t, std::error_code> write(std::uint64_t offset,
                                               std::span<const ByteSpan> parts) override {
        return with([&](auto& state, auto& file) -> Result<std::size_t, std::error_code> {
            if (strikes(state.faults.writes_to_fail)) return failure(std::errc::io_error);
            std::size_t left = state.faults.write_bytes_max;
            if (state.faults.bytes_max) {
                const std::uint64_t used = state.bytes_open() - file.bytes.size() + offset;
                const std::uint64_t room =
                    *state.faults.bytes_max > used ? *state.faults.bytes_max - used : 0;
                if (room == 0) return failure(std::errc::no_space_on_device);
                left = std::min<std::uint64_t>(left, room);
            }
            std::size_t done = 0;
            for (const ByteSpan part : parts) {
                const ByteSpan piece = part.first(std::min(part.size(), left - done));
                if (piece.empty()) continue;
                const std::size_t end = offset + done + piece.size();
                if (file.bytes.size() < end) file.bytes.resize(end);
                std::copy(piece.begin(), piece.end(),
                          file.bytes.begin() + static_cast<std::ptrdiff_t>(offset + done));
                done += piece.size();
            }
            return done;
        });
    }

    Result<std::size_t, std::error_code> read(std::uint64_t offset,
                                              std::span<std::byte> out) override {
        return with([&](auto& state, auto& file) -> Result<std::size_t, std::error_code> {
            if (strikes(state.faults.reads_to_fail)) return failure(std::errc::io_error);
            if (offset >= file.bytes.size()) return std::size_t{0};
            const ByteSpan rest = ByteSpan{file.bytes}.subspan(offset);
            const ByteSpan piece =
                rest.first(std::min({rest.size(), out.size(), state.faults.read_bytes_max}));
            std::copy(piece.begin(), piece.end(), out.begin());
            return piece.size();
        });
    }

    Result<std::uint64_t, std::error_code> size() override {
        return with([](auto&, auto& file) { return std::uint64_t{file.bytes.size()}; });
    }

    IoResult preallocate(std::uint64_t bytes) override {
        return with([&](auto& state, auto& file) -> IoResult {
            const std::uint64_t used = state.bytes_open() - file.bytes.size();
            if (state.faults.bytes_max && used + bytes > *state.faults.bytes_max) {
                return failure(std::errc::no_space_on_device);
            }
            if (file.bytes.size() < bytes) file.bytes.resize(bytes);
            return {};
        });
    }

    IoResult sync() override {
        return with([](auto& state, auto& file) -> IoResult {
            if (strikes(state.faults.syncs_to_fail)) return failure(std::errc::io_error);
            file.synced = file.bytes;
            return {};
        });
    }

    IoResult truncate(std::uint64_t bytes) override {
        return with([&](auto&, auto& file) -> IoResult {
            file.bytes.resize(bytes);
            return {};
        });
    }

private:
    MemoryFileSystem& system_;
    const std::size_t number_;
};

std::uint64_t MemoryFileSystem::State::bytes_open() const noexcept {
    std::uint64_t bytes = 0;
    for (const Contents& file : files) bytes += file.is_open ? file.bytes.size() : 0;
    return bytes;
}

Result<std::unique_ptr<File>, std::error_code> MemoryFileSystem::create_unlinked() {
    using Created = Result<std::unique_ptr<File>, std::error_code>;
    return state_.with([&](State& state) -> Created {
        if (strikes(state.faults.creates_to_fail)) return failure(std::errc::io_error);
        state.files.emplace_back();
        return std::unique_ptr<File>{std::make_unique<MemoryFile>(*this, state.files.size() - 1)};
    });
}

Result<std::unique_ptr<File>, std::error_code> MemoryFileSystem::create(const std::string& name) {
    using Created = Result<std::unique_ptr<File>, std::error_code>;
    return state_.with([&](State& state) -> Created {
        if (strikes(state.faults.creates_to_fail)) return failure(std::errc::io_error);
        if (state.names.contains(name)) return failure(std::errc::file_exists);
        state.names.emplace(name, state.files.size());
        state.files.emplace_back();
        return std::unique_ptr<File>{std::make_unique<MemoryFile>(*this, state.files.size() - 1)};
    });
}

Result<std::unique_ptr<File>, std::error_code> MemoryFileSystem::open(const std::string& name) {
    using Opened = Result<std::unique_ptr<File>, std::error_code>;
    return state_.with([&](State& state) -> Opened {
        const auto found = state.names.find(name);
        if (found == state.names.end()) return failure(std::errc::no_such_file_or_directory);
        state.files[found->second].is_open = true;
        return std::unique_ptr<File>{std::make_unique<MemoryFile>(*this, found->second)};
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
        const auto found = state.names.find(from);
        if (found == state.names.end()) return failure(std::errc::no_such_file_or_directory);
        const std::size_t file = found->second;
        state.names.erase(found);
        state.names.insert_or_assign(to, file);
        return {};
    });
}

IoResult MemoryFileSystem::remove(const std::string& name) {
    return state_.with([&](State& state) -> IoResult {
        if (state.names.erase(name) == 0) return failure(std::errc::no_such_file_or_directory);
        return {};
    });
}

IoResult MemoryFileSystem::sync_folder() {
    return state_.with([](State& state) -> IoResult {
        if (strikes(state.faults.syncs_to_fail)) return failure(std::errc::io_error);
        state.synced_names = state.names;
        return {};
    });
}

Result<FileSystem::Space, std::error_code> MemoryFileSystem::space() {
    return state_.with([](const State& state) -> Result<Space, std::error_code> {
        const std::uint64_t total = state.faults.bytes_max.value_or(std::uint64_t{1} << 40);
        const std::uint64_t used = state.bytes_open();
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
        const auto is_open = [](const Contents& file) { return file.is_open; };
        return static_cast<std::size_t>(
            std::count_if(state.files.begin(), state.files.end(), is_open));
    });
}

ByteBuffer MemoryFileSystem::contents(std::size_t file) const {
    return state_.with([&](const State& state) { return state.files.at(file).bytes; });
}

void MemoryFileSystem::flip_bit(std::size_t file, std::uint64_t bit) {
    state_.with(
        [&](State& state) { state.files.at(file).bytes.at(bit / 8) ^= std::byte{1} << (bit % 8); });
}

void MemoryFileSystem::flip_byte(std::size_t file, std::uint64_t offset) {
    state_.with([&](State& state) { state.files.at(file).bytes.at(offset) ^= std::byte{0xFF}; });
}

void MemoryFileSystem::cut_at(std::size_t file, std::uint64_t offset) {
    state_.with([&](State& state) {
        FH_ASSERT(offset <= state.files.at(file).bytes.size());
        state.files.at(file).bytes.resize(offset);
    });
}

void MemoryFileSystem::lose_unsynced() {
    state_.with([](State& state) {
        for (Contents& file : state.files) file.bytes = file.synced;
        state.names = state.synced_names;
    });
}

void MemoryFileSystem::forget_closed() {
    state_.with([](State& state) {
        for (Contents& file : state.files) {
            if (!file.is_open) file = {.is_open = false};
        }
    });
}

}  // namespace firehose::log
