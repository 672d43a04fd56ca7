// SPDX-License-Identifier: Apache-2.0
#include "store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <system_error>
#include <utility>

namespace firehose::store {
namespace {

constexpr int kBusyTimeoutMs = 5'000;

/// Who can do something about it, and what.
std::string_view remedy(int code) {
    switch (code & 0xFF) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return "another process holds it; close whatever has it open";
        case SQLITE_FULL:
            return "the disk is full; make room, it is tried again by itself";
        case SQLITE_IOERR:
            return "the disk failed; see the kernel's log, it is tried again by itself";
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return "the file is damaged; a restart falls back to views.previous.db and the log";
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH:
            return "give the folder and its files to the user that runs firehose";
        default:
            return "this is not expected; please report it";
    }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      status_(other.status_) {}

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

void Statement::bind(int parameter, std::int64_t value) noexcept {
    sqlite3_bind_int64(statement_, parameter, value);
}

void Statement::bind(int parameter, ByteSpan value) noexcept {
    // A null pointer would bind NULL.
    const void* bytes = value.empty() ? "" : static_cast<const void*>(value.data());
    sqlite3_bind_blob64(statement_, parameter, bytes, value.size(), SQLITE_STATIC);
}

void Statement::bind(int parameter, std::string_view text) noexcept {
    sqlite3_bind_text64(statement_, parameter, text.data(), text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
}

bool Statement::step() noexcept {
    status_ = sqlite3_step(statement_);
    return status_ == SQLITE_ROW;
}

std::int64_t Statement::integer(int column) noexcept {
    return sqlite3_column_int64(statement_, column);
}

ByteSpan Statement::blob(int column) noexcept {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return {static_cast<const std::byte*>(bytes), bytes == nullptr ? 0 : size};
}

Result<void, int> Statement::finish() noexcept {
    const int status = std::exchange(status_, SQLITE_OK);
    const int code = sqlite3_extended_errcode(database_);
    sqlite3_reset(statement_);
    if (status == SQLITE_OK || status == SQLITE_ROW || status == SQLITE_DONE) return {};
    return Failure{code};
}

Result<std::unique_ptr<Database>, Database::Unopened> Database::open(const std::string& path) {
    // SQLite gives its -wal and -shm files the mode of this one.
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        const std::error_code failed{errno, std::generic_category()};
        return Failure{Unopened{path + ": cannot be opened (" + failed.message() +
                                "); give the folder and its files to the user that runs firehose"}};
    }
    ::close(file);
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<Database> database{new Database{path, handle}};
    if (code != SQLITE_OK) return Failure{Unopened{database->explain(code)}};
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    // Checkpoints are written while the log waits for the same disk: small and often is better.
    auto set = database->run(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000;"
        "PRAGMA journal_size_limit=16777216; PRAGMA cell_size_check=ON; PRAGMA secure_delete=ON");
    if (!set) return Failure{Unopened{set.error(), database->is_damaged()}};
    return database;
}

Database::~Database() {
    sqlite3_close_v2(handle_);
}

Result<Statement, std::string> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return Failure{explain(code)};
    return Statement{*handle_, statement};
}

Database::Done Database::run(const char* sql) {
    const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) return {};
    return Failure{explain(code)};
}

Result<std::int64_t, std::string> Database::number(std::string_view sql) {
    auto statement = prepare(sql);
    if (!statement) return Failure{statement.error()};
    const std::int64_t value = statement->step() ? statement->integer(0) : 0;
    if (auto done = statement->finish(); !done) return Failure{explain(done.error())};
    return value;
}

Database::Done Database::check() {
    auto statement = prepare("PRAGMA quick_check(1)");
    if (!statement) return Failure{statement.error()};
    const std::string said{statement->step() ? as_text(statement->blob(0)) : std::string_view{}};
    if (auto done = statement->finish(); !done) return Failure{explain(done.error())};
    if (said == "ok") return {};
    return Failure{note_damage(said)};
}

std::string Database::note_damage(std::string_view what) {
    is_damaged_ = true;
    return path_ + ": " + std::string{what} + "; " + std::string{remedy(SQLITE_CORRUPT)};
}

std::string Database::explain(int code) {
    const int primary = code & 0xFF;
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) is_damaged_ = true;
    std::string text = path_ + ": " + sqlite3_errstr(primary);
    const std::string detail = handle_ == nullptr ? "" : sqlite3_errmsg(handle_);
    if (!detail.empty() && detail != "not an error" && text.find(detail) == std::string::npos) {
        text += " (" + detail + ")";
    }
    return text + "; " + std::string{remedy(code)};
}

}  // namespace firehose::store
