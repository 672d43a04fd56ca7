// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

/// One SQLite connection and its prepared statements, with errors as sentences.
///
///     auto row = database.prepare("SELECT packed FROM sessions WHERE id = ?1");
///     row->bind(1, id);
///     while (row->step()) use(row->blob(0));
///     if (auto failed = row->finish(); !failed) return Failure{failed.error()};
///
/// The one place that knows SQLite's API.
/// Ownership: statements must go before their database. Lifetime: blob() until the next step.
/// Threads:   one at a time. SQLite waits up to kBusyTimeout for another process, then says so.
/// Source:    sqlite.org/c3ref.
namespace firehose::store {

class Statement {
public:
    Statement(sqlite3& database, sqlite3_stmt* statement) noexcept
        : database_(&database), statement_(statement) {}
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    /// Parameters count from 1, columns from 0. What is bound must outlive `finish`.
    void bind(int parameter, std::int64_t value) noexcept;
    void bind(int parameter, ByteSpan value) noexcept;
    void bind(int parameter, std::string_view text) noexcept;
    /// True: there is a row. False: the end, or an error: see `finish`.
    [[nodiscard]] bool step() noexcept;
    [[nodiscard]] std::int64_t integer(int column) noexcept;
    [[nodiscard]] ByteSpan blob(int column) noexcept;
    /// Resets it for the next use; the failure, if `step` met one. The value is SQLite's code.
    [[nodiscard]] Result<void, int> finish() noexcept;

private:
    sqlite3* database_;
    sqlite3_stmt* statement_;
    int status_ = 0;
};

class Database {
public:
    using Done = Result<void, std::string>;

    /// Opens the file, which is made with mode 0600 if it does not exist.
    struct Unopened {
        std::string problem;
        bool is_damage = false;  // Of the file, not of the way to it.
    };
    [[nodiscard]] static Result<std::unique_ptr<Database>, Unopened> open(const std::string& path);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    [[nodiscard]] Result<Statement, std::string> prepare(std::string_view sql);
    /// Statements without parameters and rows.
    [[nodiscard]] Done run(const char* sql);
    /// The first column of the first row.
    [[nodiscard]] Result<std::int64_t, std::string> number(std::string_view sql);
    /// SQLite's own check of the file's structure.
    [[nodiscard]] Done check();
    /// What went wrong last, as a sentence with its remedy.
    [[nodiscard]] std::string explain(int code);
    /// Whether SQLite, or the caller by `note_damage`, found the file damaged.
    [[nodiscard]] bool is_damaged() const noexcept { return is_damaged_; }
    [[nodiscard]] std::string note_damage(std::string_view what);

private:
    Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

    std::string path_;
    sqlite3* handle_;
    bool is_damaged_ = false;
};

}  // namespace firehose::store
