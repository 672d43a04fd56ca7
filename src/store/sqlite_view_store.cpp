// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_view_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "log/crc32c.h"
#include "log/little_endian.h"
#include "store/database.h"

namespace firehose::store {
namespace {

namespace fs = std::filesystem;
using bus::View;
using bus::ViewStore;
using Written = ViewStore::Written;

constexpr const char* kCurrent = "views.db";
constexpr const char* kPrevious = "views.previous.db";
constexpr const char* kUnfinished = "views.previous.db.new";
constexpr const char* kDamaged = "damaged";

constexpr std::int64_t kApplicationId = 0x46'48'56'53;  // "FHVS"
constexpr std::int64_t kVersion = 1;
constexpr const char* kSchema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE floors (view INTEGER PRIMARY KEY, seq INTEGER NOT NULL);"
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, packed BLOB NOT NULL, crc INTEGER NOT NULL);"
    // Rows may be megabytes: not WITHOUT ROWID.
    "CREATE TABLE retained (topic BLOB PRIMARY KEY NOT NULL, seq INTEGER NOT NULL,"
    " time INTEGER NOT NULL, kept_at INTEGER NOT NULL, record BLOB NOT NULL,"
    " crc INTEGER NOT NULL);"
    "PRAGMA application_id = 1179145811;"
    "PRAGMA user_version = 1;"
    "COMMIT";
static_assert(kApplicationId == 1'179'145'811);

std::int64_t signed_of(std::uint64_t number) {
    return static_cast<std::int64_t>(number);
}

std::uint64_t unsigned_of(std::int64_t number) {
    return static_cast<std::uint64_t>(number);
}

std::uint32_t crc_of(const ViewStore::SessionRow& row) {
    std::array<std::byte, 8> head;
    log::put(head.data(), static_cast<std::uint64_t>(row.id));
    return log::crc32c(row.packed, log::crc32c(head));
}

std::uint32_t crc_of(const ViewStore::RetainedRow& row) {
    std::array<std::byte, 24> head;
    log::put(head.data(), number(row.seq));
    log::put(head.data() + 8, unsigned_of(row.time.since_epoch.count()));
    log::put(head.data() + 16, number(row.kept_at));
    return log::crc32c(row.record, log::crc32c(as_bytes(row.topic), log::crc32c(head)));
}

ByteBuffer copy_of(ByteSpan bytes) {
    return {bytes.begin(), bytes.end()};
}

Written load_sessions_of(Database& database,
                         const std::function<void(ViewStore::SessionRow&&)>& each) {
    auto rows = database.prepare("SELECT id, packed, crc FROM sessions");
    if (!rows) return Failure{rows.error()};
    bool is_intact = true;
    while (is_intact && rows->step()) {
        ViewStore::SessionRow row{.id = static_cast<PublisherId>(unsigned_of(rows->integer(0))),
                                  .packed = copy_of(rows->blob(1))};
        is_intact = crc_of(row) == unsigned_of(rows->integer(2));
        if (is_intact) each(std::move(row));
    }
    if (auto done = rows->finish(); !done) return Failure{database.explain(done.error())};
    if (!is_intact) return Failure{database.note_damage("a row of sessions has a wrong checksum")};
    return {};
}

Written load_retained_of(Database& database,
                         const std::function<void(ViewStore::RetainedRow&&)>& each) {
    auto rows = database.prepare("SELECT topic, seq, time, kept_at, record, crc FROM retained");
    if (!rows) return Failure{rows.error()};
    bool is_intact = true;
    while (is_intact && rows->step()) {
        ViewStore::RetainedRow row{.topic = std::string{as_text(rows->blob(0))},
                                   .seq = Seq{unsigned_of(rows->integer(1))},
                                   .time = WallTime{Microseconds{rows->integer(2)}},
                                   .kept_at = Seq{unsigned_of(rows->integer(3))},
                                   .record = copy_of(rows->blob(4))};
        is_intact = crc_of(row) == unsigned_of(rows->integer(5));
        if (is_intact) each(std::move(row));
    }
    if (auto done = rows->finish(); !done) return Failure{database.explain(done.error())};
    if (!is_intact)
        return Failure{database.note_damage("a row of retained messages has a wrong checksum")};
    return {};
}

/// A new file gets its tables; one of a later version is refused.
Written prepare_schema(Database& database) {
    const auto version = database.number("PRAGMA user_version");
    if (!version) return Failure{version.error()};
    const auto tables = database.number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return Failure{tables.error()};
    if (*version == 0 && *tables == 0) return database.run(kSchema);
    const auto application = database.number("PRAGMA application_id");
    if (!application) return Failure{application.error()};
    if (*application != kApplicationId) {
        return Failure{std::string{"views.db: not one of Firehose's; move it away"}};
    }
    if (*version == kVersion) return {};
    return Failure{"views.db: has version " + std::to_string(*version) + ", this program reads " +
                   std::to_string(kVersion) + "; run the newer firehose again"};
}

Result<std::unique_ptr<Database>, Database::Unopened> open_intact(const std::string& path) {
    auto database = Database::open(path);
    if (!database) return database;
    Written intact = prepare_schema(**database);
    if (intact) intact = (*database)->check();
    if (intact) intact = load_sessions_of(**database, [](auto&&) {});
    if (intact) intact = load_retained_of(**database, [](auto&&) {});
    if (!intact) return Failure{Database::Unopened{intact.error(), (*database)->is_damaged()}};
    return database;
}

Result<Seq, std::string> smaller_floor(Database& database) {
    const auto floors = database.number(
        "SELECT CASE count(*) WHEN 2 THEN min(seq) ELSE 0 END FROM floors WHERE view < 2");
    if (!floors) return Failure{floors.error()};
    return Seq{unsigned_of(*floors)};
}

Written sync_path(const std::string& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC);
    const bool is_synced = file >= 0 && ::fsync(file) == 0;
    const std::error_code failed{errno, std::generic_category()};
    if (file >= 0) ::close(file);
    if (is_synced) return {};
    return Failure{path + ": cannot be synced (" + failed.message() +
                   "); see the kernel's log, it is tried again by itself"};
}

/// Synced, then under its name, then the name synced.
Written install(const std::string& from, const std::string& to) {
    if (auto synced = sync_path(from, O_RDWR); !synced) return synced;
    std::error_code failed;
    fs::rename(from, to, failed);
    if (failed) {
        return Failure{to + ": cannot be replaced (" + failed.message() +
                       "); give the folder to the user that runs firehose"};
    }
    return sync_path(fs::path{to}.parent_path().string(), O_RDONLY | O_DIRECTORY);
}

/// The floor of views.previous.db, noted in views.db beside those of the views; never larger than
/// it is.
constexpr std::int64_t kPreviousFloor = 2;

/// Moves a damaged file and what belongs to it out of the way; nothing is thrown away.
Written put_aside(const std::string& folder, const std::string& name) {
    const fs::path aside = fs::path{folder} / kDamaged;
    std::error_code failed;
    std::string target;
    for (const char* suffix : {"", "-wal", "-shm"}) {
        const fs::path from = fs::path{folder} / (name + suffix);
        if (!fs::exists(from, failed)) continue;
        fs::create_directories(aside, failed);
        fs::permissions(aside, fs::perms::owner_all, failed);
        for (int i = 1; target.empty() || fs::exists(aside / (target + suffix), failed); ++i) {
            target = name + "." + std::to_string(i);
        }
        fs::rename(from, aside / (target + suffix), failed);
        if (failed) {
            return Failure{from.string() + ": is damaged and cannot be moved away (" +
                           failed.message() + "); move it by hand"};
        }
    }
    return {};
}

}  // namespace

SqliteViewStore::SqliteViewStore(std::string folder, std::unique_ptr<Database> database,
                                 Origin origin)
    : folder_(std::move(folder)), database_(std::move(database)), origin_(origin) {}

SqliteViewStore::~SqliteViewStore() = default;

Result<std::unique_ptr<SqliteViewStore>, std::string> SqliteViewStore::open(
    const std::string& folder) {
    const std::string current = folder + "/" + kCurrent;
    const std::string previous = folder + "/" + kPrevious;
    std::error_code ignored;
    fs::remove(folder + "/" + kUnfinished, ignored);
    const bool had_current = fs::exists(current, ignored);
    const bool had_previous = fs::exists(previous, ignored);

    Origin origin = had_current ? Origin::current : Origin::new_file;
    Result<std::unique_ptr<Database>, Database::Unopened> database =
        Failure{Database::Unopened{kCurrent + std::string{": is gone"}, true}};
    if (had_current) database = open_intact(current);
    if (!database && had_previous && database.error().is_damage) {
        FH_LOG(error, "views_damaged", {"problem", database.error().problem},
               {"then", "falls back to views.previous.db"});
        if (auto moved = put_aside(folder, kCurrent); !moved) return Failure{moved.error()};
        fs::copy_file(previous, current, ignored);
        origin = Origin::previous;
        database = open_intact(current);
    }
    if (!database && database.error().is_damage) {
        if (had_current || had_previous) {
            FH_LOG(error, "views_damaged", {"problem", database.error().problem},
                   {"then", "folds the log from its beginning"});
        }
        for (const char* name : {kCurrent, kPrevious}) {
            if (auto moved = put_aside(folder, name); !moved) return Failure{moved.error()};
        }
        origin = Origin::new_file;
        database = open_intact(current);
    }
    if (!database) return Failure{database.error().problem};
    std::unique_ptr<SqliteViewStore> store{
        new SqliteViewStore{folder, std::move(*database), origin}};
    store->has_previous_ = fs::exists(previous, ignored);
    const auto noted = store->database_->number("SELECT seq FROM floors WHERE view = 2");
    if (!noted) return Failure{noted.error()};
    store->previous_floor_ = Seq{unsigned_of(*noted)};
    return store;
}

Written SqliteViewStore::in_transaction(const std::function<Written()>& write) {
    if (auto begun = database_->run("BEGIN IMMEDIATE"); !begun) return begun;
    Written written = write();
    if (written) written = database_->run("COMMIT");
    if (!written) static_cast<void>(database_->run("ROLLBACK").has_value());
    return written;
}

Written SqliteViewStore::write_sessions(std::span<const SessionRow> rows) {
    FH_ASSERT(rows.size() <= kRowsMax);
    auto put = database_->prepare(
        "INSERT INTO sessions VALUES (?1, ?2, ?3)"
        " ON CONFLICT (id) DO UPDATE SET packed = ?2, crc = ?3");
    if (!put) return Failure{put.error()};
    auto take = database_->prepare("DELETE FROM sessions WHERE id = ?1");
    if (!take) return Failure{take.error()};
    return in_transaction([&]() -> Written {
        for (const SessionRow& row : rows) {
            Statement& statement = row.packed.empty() ? *take : *put;
            statement.bind(1, signed_of(static_cast<std::uint64_t>(row.id)));
            if (!row.packed.empty()) {
                statement.bind(2, row.packed);
                statement.bind(3, std::int64_t{crc_of(row)});
            }
            static_cast<void>(statement.step());
            if (auto done = statement.finish(); !done) {
                return Failure{database_->explain(done.error())};
            }
        }
        return {};
    });
}

Written SqliteViewStore::write_retained(std::span<const RetainedRow> rows) {
    FH_ASSERT(rows.size() <= kRowsMax);
    auto put = database_->prepare(
        "INSERT INTO retained VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        " ON CONFLICT (topic) DO UPDATE SET seq = ?2, time = ?3, kept_at = ?4, record = ?5,"
        " crc = ?6");
    if (!put) return Failure{put.error()};
    auto take = database_->prepare("DELETE FROM retained WHERE topic = ?1");
    if (!take) return Failure{take.error()};
    return in_transaction([&]() -> Written {
        for (const RetainedRow& row : rows) {
            Statement& statement = row.record.empty() ? *take : *put;
            statement.bind(1, as_bytes(row.topic));
            if (!row.record.empty()) {
                statement.bind(2, signed_of(number(row.seq)));
                statement.bind(3, std::int64_t{row.time.since_epoch.count()});
                statement.bind(4, signed_of(number(row.kept_at)));
                statement.bind(5, row.record);
                statement.bind(6, std::int64_t{crc_of(row)});
            }
            static_cast<void>(statement.step());
            if (auto done = statement.finish(); !done) {
                return Failure{database_->explain(done.error())};
            }
        }
        return {};
    });
}

Written SqliteViewStore::set_floor(View view, Seq floor) {
    return note_floor(static_cast<std::int64_t>(view), floor);
}

Written SqliteViewStore::note_floor(std::int64_t of, Seq floor) {
    auto put = database_->prepare(
        "INSERT INTO floors VALUES (?1, ?2) ON CONFLICT (view) DO UPDATE SET seq = ?2");
    if (!put) return Failure{put.error()};
    return in_transaction([&]() -> Written {
        put->bind(1, of);
        put->bind(2, signed_of(number(floor)));
        static_cast<void>(put->step());
        if (auto done = put->finish(); !done) return Failure{database_->explain(done.error())};
        return {};
    });
}

Result<Seq, std::string> SqliteViewStore::floor(View view) {
    const auto floor =
        database_->number(view == View::sessions ? "SELECT seq FROM floors WHERE view = 0"
                                                 : "SELECT seq FROM floors WHERE view = 1");
    if (!floor) return Failure{floor.error()};
    return Seq{unsigned_of(*floor)};
}

Result<Seq, std::string> SqliteViewStore::oldest_floor() {
    if (has_previous_) return previous_floor_;
    return smaller_floor(*database_);
}

Written SqliteViewStore::keep_generation() {
    const auto floor = smaller_floor(*database_);
    if (!floor) return Failure{floor.error()};
    const std::string unfinished = folder_ + "/" + kUnfinished;
    if (auto copied = copy_to(unfinished); !copied) return copied;
    if (auto installed = install(unfinished, folder_ + "/" + kPrevious); !installed) {
        return installed;
    }
    if (auto noted = note_floor(kPreviousFloor, *floor); !noted) return noted;
    previous_floor_ = *floor;
    has_previous_ = true;
    return {};
}

Written SqliteViewStore::copy_to(const std::string& path) {
    std::error_code ignored;
    fs::remove(path, ignored);
    // VACUUM INTO fills an empty file, so that nobody else may read it at any time.
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        const std::error_code failed{errno, std::generic_category()};
        return Failure{path + ": cannot be made (" + failed.message() +
                       "); make room, or give the folder to the user that runs firehose"};
    }
    ::close(file);
    auto copy = database_->prepare("VACUUM INTO ?1");
    if (!copy) return Failure{copy.error()};
    copy->bind(1, std::string_view{path});
    static_cast<void>(copy->step());
    if (auto done = copy->finish(); !done) return Failure{database_->explain(done.error())};
    return sync_path(path, O_RDWR);
}

/// Deleted content is zeros already (secure_delete), but for the write-ahead log.
Written SqliteViewStore::purge() {
    const auto busy = database_->number("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!busy) return Failure{busy.error()};
    if (*busy != 0) return Failure{std::string{"views.db: is read by another process; close it"}};
    return keep_generation();
}

Written SqliteViewStore::load_sessions(const std::function<void(SessionRow&&)>& each) {
    return load_sessions_of(*database_, each);
}

Written SqliteViewStore::load_retained(const std::function<void(RetainedRow&&)>& each) {
    return load_retained_of(*database_, each);
}

}  // namespace firehose::store
