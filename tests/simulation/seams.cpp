// SPDX-License-Identifier: Apache-2.0
#include "simulation/seams.h"

#include <algorithm>
#include <utility>

#include "session/stored_session.h"

namespace firehose::simulation {

std::optional<Break> break_named(std::string_view name) {
    constexpr std::pair<std::string_view, Break> kNames[] = {
        {"drop", Break::drop},
        {"twice", Break::twice},
        {"swap", Break::swap},
        {"retained", Break::retained},
        {"share-drop", Break::share_drop},
        {"share-twice", Break::share_twice},
        {"no-fsync", Break::fsync_skipped},
        {"early-ack", Break::ack_early},
        {"cursor", Break::cursor_off_by_one},
        {"seq-twice", Break::seq_twice},
        {"pubrel", Break::pubrel_forgotten},
    };
    for (const auto& [known, value] : kNames) {
        if (known == name) return value;
    }
    return {};
}

// The disk.

class DiskSeam::SeamFile final : public log::File {
public:
    /// `inner` is null for a file that was created after the machine had stopped.
    SeamFile(DiskSeam& seam, std::unique_ptr<log::File> inner)
        : seam_(seam), inner_(std::move(inner)) {}

    Result<std::size_t, std::error_code> write(std::uint64_t offset,
                                               std::span<const ByteSpan> parts) override {
        if (seam_.may_change() && inner_ != nullptr) return inner_->write(offset, parts);
        std::size_t size = 0;
        for (const ByteSpan part : parts) size += part.size();
        return size;
    }
    Result<std::size_t, std::error_code> read(std::uint64_t offset,
                                              std::span<std::byte> out) override {
        if (inner_ == nullptr) return std::size_t{0};
        return inner_->read(offset, out);
    }
    Result<std::uint64_t, std::error_code> size() override {
        if (inner_ == nullptr) return std::uint64_t{0};
        return inner_->size();
    }
    log::IoResult preallocate(std::uint64_t bytes) override {
        return seam_.may_change() && inner_ != nullptr ? inner_->preallocate(bytes)
                                                       : log::IoResult{};
    }
    log::IoResult sync() override {
        if (seam_.broken_ == Break::fsync_skipped) return {};
        return seam_.may_change() && inner_ != nullptr ? inner_->sync() : log::IoResult{};
    }
    log::IoResult truncate(std::uint64_t bytes) override {
        return seam_.may_change() && inner_ != nullptr ? inner_->truncate(bytes) : log::IoResult{};
    }

private:
    DiskSeam& seam_;
    std::unique_ptr<log::File> inner_;
};

bool DiskSeam::may_change() {
    if (!left_) return true;
    if (*left_ == 0) return false;
    --*left_;
    return true;
}

std::unique_ptr<log::File> DiskSeam::wrap(std::unique_ptr<log::File> file) {
    return std::make_unique<SeamFile>(*this, std::move(file));
}

Result<std::unique_ptr<log::File>, std::error_code> DiskSeam::create_unlinked() {
    if (!may_change()) return wrap(nullptr);
    auto file = inner_.create_unlinked();
    if (!file) return file;
    return wrap(std::move(*file));
}

Result<std::unique_ptr<log::File>, std::error_code> DiskSeam::create(const std::string& name) {
    if (!may_change()) return wrap(nullptr);
    auto file = inner_.create(name);
    if (!file) return file;
    return wrap(std::move(*file));
}

Result<std::unique_ptr<log::File>, std::error_code> DiskSeam::open(const std::string& name) {
    auto file = inner_.open(name);
    if (!file) return is_stopped() ? decltype(file){wrap(nullptr)} : std::move(file);
    return wrap(std::move(*file));
}

Result<std::vector<std::string>, std::error_code> DiskSeam::list() {
    return inner_.list();
}

log::IoResult DiskSeam::rename(const std::string& from, const std::string& to) {
    if (!may_change()) return {};
    if (to.ends_with(".sealed")) ++sealed_;
    return inner_.rename(from, to);
}

log::IoResult DiskSeam::remove(const std::string& name) {
    return may_change() ? inner_.remove(name) : log::IoResult{};
}

log::IoResult DiskSeam::sync_folder() {
    return may_change() ? inner_.sync_folder() : log::IoResult{};
}

Result<log::FileSystem::Space, std::error_code> DiskSeam::space() {
    return inner_.space();
}

// The log.

log::Ticket LogSeam::append(log::AppenderId appender, std::unique_ptr<log::Block> block) {
    if (broken_ != Break::pubrel_forgotten) return inner_.append(appender, std::move(block));
    log::BlockBuilder rest;
    for (std::size_t i = 0; i < block->count(); ++i) {
        log::Record record = block->record(i);
        if (record.kind == log::RecordKind::pubrel_received ||
            record.kind == log::RecordKind::pubrec_received) {
            // Readers pass over what they do not know; so the block keeps its number of records.
            record.kind = log::RecordKind::epoch;
            record.payload = {};
        }
        rest.add(record);
    }
    return inner_.append(appender, rest.take());
}

void LogSeam::take_outcomes(log::AppenderId appender, std::vector<log::Outcome>& out) {
    if (broken_ != Break::ack_early) return inner_.take_outcomes(appender, out);
    std::vector<log::Outcome> outcomes;
    inner_.take_outcomes(appender, outcomes);
    for (log::Outcome outcome : outcomes) {
        if (outcome.kind == log::Outcome::Kind::durable) continue;
        out.push_back(outcome);
        if (outcome.kind != log::Outcome::Kind::placed) continue;
        outcome.kind = log::Outcome::Kind::durable;
        out.push_back(outcome);
    }
}

log::ReadStatus LogSeam::read(Seq from, std::size_t bytes_max, std::vector<log::BlockRef>& out) {
    const std::size_t before = out.size();
    const log::ReadStatus status = inner_.read(from, bytes_max, out);
    for (std::size_t i = before; i < out.size(); ++i) truth_.saw(*out[i]);
    return status;
}

std::vector<log::ReadAnswer> LogSeam::take_answers(log::ReaderId reader) {
    std::vector<log::ReadAnswer> answers = inner_.take_answers(reader);
    for (const log::ReadAnswer& answer : answers) {
        for (const log::BlockRef& block : answer.blocks) truth_.saw(*block);
    }
    return answers;
}

// The store.

bus::ViewStore::Written StoreSeam::write_sessions(std::span<const SessionRow> rows) {
    if (broken_ != Break::cursor_off_by_one) return inner_.write_sessions(rows);
    std::vector<SessionRow> changed{rows.begin(), rows.end()};
    for (SessionRow& row : changed) {
        auto session = session::StoredSession::unpack(row.packed);
        if (!session) continue;
        session->cursor = next(session->cursor);
        row.packed = session->pack();
    }
    return inner_.write_sessions(changed);
}

}  // namespace firehose::simulation
