// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "bus/view_store.h"

/// Checkpoints in SQLite: `views.db` in the data folder and its previous generation.
///
/// Each write is one transaction (WAL, synchronous=FULL): all or nothing, durable when it returns.
/// Each row has a CRC32C, because SQLite does not notice a flipped bit inside a value. `open`
/// reads the whole file once; one that is damaged, or gone, is replaced by a copy of the previous
/// generation, and its bytes are kept aside; that is said loudly in the program's log.
/// Ownership: owns its connection; one process a folder (held by the folder's lock).
/// Threads:   one, after `open`.
/// Errors:    sentences with their remedy. After one the store may be used again.
/// Source:    docs/formats/views.md; rule **Checkpoints**.
namespace firehose::store {

class Database;

class SqliteViewStore final : public bus::ViewStore {
public:
    enum class Origin : std::uint8_t {
        new_file,  // There was none.
        current,
        previous,  // The current one was damaged or gone.
    };

    /// @param folder  The data folder; it exists.
    [[nodiscard]] static Result<std::unique_ptr<SqliteViewStore>, std::string> open(
        const std::string& folder);
    ~SqliteViewStore() override;

    [[nodiscard]] Origin origin() const noexcept { return origin_; }

    [[nodiscard]] Written write_sessions(std::span<const SessionRow> rows) override;
    [[nodiscard]] Written write_retained(std::span<const RetainedRow> rows) override;
    [[nodiscard]] Written set_floor(bus::View view, Seq floor) override;
    [[nodiscard]] Result<Seq, std::string> floor(bus::View view) override;
    [[nodiscard]] Result<Seq, std::string> oldest_floor() override;
    [[nodiscard]] Written keep_generation() override;
    [[nodiscard]] Written purge() override;
    [[nodiscard]] Written load_sessions(const std::function<void(SessionRow&&)>& each) override;
    [[nodiscard]] Written load_retained(const std::function<void(RetainedRow&&)>& each) override;

    /// A consistent copy as a new file of its own, synced. For backups.
    [[nodiscard]] Written copy_to(const std::string& path);

private:
    SqliteViewStore(std::string folder, std::unique_ptr<Database> database, Origin origin);
    [[nodiscard]] Written note_floor(std::int64_t of, Seq floor);
    [[nodiscard]] Written in_transaction(const std::function<Written()>& write);

    std::string folder_;
    std::unique_ptr<Database> database_;
    Origin origin_;
    Seq previous_floor_{};
    bool has_previous_ = false;
};

}  // namespace firehose::store
