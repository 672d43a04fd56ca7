// SPDX-License-Identifier: Apache-2.0
#include "bus/restore.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

#include "base/log.h"
#include "session/control_record.h"

namespace firehose::bus {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

struct NobodyToWake final : Waker {
    void wake() noexcept override {}
};

/// Sessions while the log is folded: packed, as their row was, until a record concerns them.
class FoldedSessions {
public:
    void load(ViewStore::SessionRow&& row) {
        all_[row.id] = Entry{.packed = std::move(row.packed)};
    }

    void fold(Seq seq, WallTime time, const log::Record& record) {
        const bool is_message = record.kind == log::RecordKind::message;
        if (is_message && record.inbound_packet_id == 0) return;
        const auto found = all_.find(record.publisher);
        if (is_message) {
            session::StoredSession* stored = found == all_.end() ? nullptr : open(found->second);
            if (stored == nullptr || seq < stored->true_for) return;
            stored->fold_inbound(seq, record.inbound_packet_id);
            found->second.is_changed = true;
            return;
        }
        const auto control = session::decode_control(record);
        if (!control) return;
        const bool is_first = std::holds_alternative<session::SessionOpened>(*control) ||
                              std::holds_alternative<session::WillArmed>(*control);
        if (found == all_.end()) {
            if (is_first) begin(seq, time, record.publisher, *control);
            return;
        }
        session::StoredSession* stored = open(found->second);
        if (stored == nullptr || seq < stored->true_for) return;
        found->second.is_changed = true;
        found->second.is_kept = stored->fold(seq, *control);
    }

    /// Hands the kept ones over and forgets each; rows that changed go to `changed`.
    void finish(Seq end, const std::function<void(session::StoredSession&&)>& adopt,
                Restored& out) {
        for (auto at = all_.begin(); at != all_.end(); at = all_.erase(at)) {
            auto& [id, entry] = *at;
            session::StoredSession* stored = open(entry);
            if (stored == nullptr) {
                ++out.rows_unreadable;
                continue;
            }
            if (!entry.is_kept || !stored->is_kept()) {
                if (!entry.is_new) out.changed.push_back({.id = id, .packed = {}});
                continue;
            }
            if (entry.is_changed) {
                stored->true_for = end;
                out.changed.push_back({.id = id, .packed = stored->pack()});
            }
            ++out.sessions;
            adopt(std::move(*stored));
        }
    }

private:
    struct Entry {
        ByteBuffer packed;
        std::unique_ptr<session::StoredSession> opened;
        bool is_new = false;  // Has no row.
        bool is_changed = false;
        bool is_kept = true;
    };

    /// Null: the row cannot be read.
    static session::StoredSession* open(Entry& entry) {
        if (entry.opened == nullptr) {
            auto stored = session::StoredSession::unpack(entry.packed);
            if (!stored) return nullptr;
            entry.opened = std::make_unique<session::StoredSession>(std::move(*stored));
            entry.packed = {};
        }
        return entry.opened.get();
    }

    void begin(Seq seq, WallTime time, PublisherId id, const session::Control& control) {
        auto stored = std::make_unique<session::StoredSession>();
        stored->id = id;
        stored->wall = time;
        stored->cursor = seq;
        const bool is_kept = stored->fold(seq, control);
        all_[id] = Entry{
            .opened = std::move(stored), .is_new = true, .is_changed = true, .is_kept = is_kept};
    }

    std::unordered_map<PublisherId, Entry> all_;
};

/// Reads the log from `from` to its end; `each` gets every block.
class WholeLog {
public:
    explicit WholeLog(const RestoreInputs& inputs)
        : log_(inputs.log), read_step_(inputs.read_step), reader_(log_.add_reader(nobody())) {}

    template <class Each>
    [[nodiscard]] Result<void, std::string> read(Seq from, Restored& out, const Each& each) {
        std::vector<log::BlockRef> blocks;
        const Seq end = log_.end();
        while (from < end) {
            blocks.clear();
            switch (next(from, blocks)) {
                case log::ReadStatus::at_end:
                    return {};
                case log::ReadStatus::not_in_memory:
                    return Failure{std::string{"the log cannot be read at seq " +
                                               std::to_string(number(from)) +
                                               "; run firehose inspect on the data folder"}};
                case log::ReadStatus::too_old:
                    out.missing_to = std::max(out.missing_to, log_.oldest());
                    if (log_.oldest() <= from) {
                        return Failure{std::string{
                            "the log ends nowhere; run firehose inspect on the data folder"}};
                    }
                    from = log_.oldest();
                    break;
                case log::ReadStatus::blocks:
                    for (const log::BlockRef& block : blocks) {
                        if (block->end_seq() <= from) continue;
                        each(*block, from);
                        from = block->end_seq();
                    }
                    break;
            }
        }
        return {};
    }

private:
    /// The log keeps it for ever.
    static NobodyToWake& nobody() {
        static NobodyToWake waker;
        return waker;
    }

    [[nodiscard]] log::ReadStatus next(Seq from, std::vector<log::BlockRef>& blocks) {
        const log::ReadStatus status = log_.read(from, kReadBytes, blocks);
        if (status != log::ReadStatus::not_in_memory) return status;
        if (!log_.request(reader_, from, kReadBytes, 0)) return status;
        static_cast<void>(read_step_());
        std::vector<log::ReadAnswer> answers = log_.take_answers(reader_);
        if (answers.empty()) return status;
        blocks = std::move(answers.front().blocks);
        if (blocks.empty() && answers.front().status == log::ReadStatus::blocks) return status;
        return answers.front().status;
    }

    log::Log& log_;
    const std::function<bool()>& read_step_;
    log::ReaderId reader_;
};

/// Of one view: 0, folds the whole log, when the store has none or says nothing of it.
Result<Seq, std::string> floor_of(ViewStore* store, View view) {
    if (store == nullptr) return Seq{};
    return store->floor(view);
}

Result<void, std::string> load(const RestoreInputs& inputs, FoldedSessions& sessions,
                               Restored& out) {
    if (inputs.store == nullptr) return {};
    auto loaded = inputs.store->load_sessions([&](ViewStore::SessionRow&& row) {
        if (row.id != kSharesRow) {
            sessions.load(std::move(row));
        } else if (inputs.shares != nullptr && !inputs.shares->unpack(row.packed)) {
            ++out.rows_unreadable;
        }
    });
    if (!loaded) return loaded;
    return inputs.store->load_retained([&](ViewStore::RetainedRow&& row) {
        if (!inputs.retained.adopt(row)) ++out.rows_unreadable;
    });
}

}  // namespace

Result<Restored, std::string> restore(const RestoreInputs& inputs) {
    const auto sessions_floor = floor_of(inputs.store, View::sessions);
    if (!sessions_floor) return Failure{sessions_floor.error()};
    const auto retained_floor = floor_of(inputs.store, View::retained);
    if (!retained_floor) return Failure{retained_floor.error()};

    Restored out;
    FoldedSessions sessions;
    if (auto loaded = load(inputs, sessions, out); !loaded) return Failure{loaded.error()};

    // A `keep` record may be newer than the clearing of its topic. Where the view is whole that
    // shows: the topic is not there.
    const bool rebuilds = *retained_floor == Seq{};
    out.is_rebuilt = rebuilds && *sessions_floor == Seq{};
    out.to = inputs.log.end();
    const Seq floor = std::min(*sessions_floor, *retained_floor);
    out.from = floor == Seq{} ? inputs.log.oldest() : floor;

    std::vector<PublisherId> given;
    const auto fold = [&](const log::Block& block, Seq from) {
        const std::uint64_t skipped =
            from > block.first_seq() ? number(from) - number(block.first_seq()) : 0;
        for (std::size_t i = skipped; i < block.count(); ++i) {
            const Seq seq = block.first_seq() + i;
            const log::Record record = block.record(i);
            ++out.records;
            if (auto erasure = erasure_of(record)) {
                out.erasures.push_back({.erasure = *std::move(erasure), .seq = seq});
            }
            if (seq >= *sessions_floor) {
                sessions.fold(seq, block.time(), record);
                if (inputs.shares != nullptr) {
                    inputs.shares->fold(seq, record, record.is_erased, given);
                    given.clear();
                }
            }
            if (seq < *retained_floor) continue;
            if (rebuilds) {
                inputs.retained.rebuild(seq, block.time(), record, block.record_bytes(i));
            } else {
                inputs.retained.fold(seq, block.time(), record, block.record_bytes(i));
            }
        }
    };
    if (auto read = WholeLog{inputs}.read(out.from, out, fold); !read) {
        return Failure{read.error()};
    }
    // The one reader there is has passed everything.
    inputs.retained.forget_tombstones(out.to);
    sessions.finish(out.to, inputs.adopt, out);
    if (inputs.shares != nullptr) {
        inputs.shares->forget_qos_0();
        if (inputs.shares->is_dirty()) {
            out.changed.push_back({.id = kSharesRow, .packed = inputs.shares->pack(out.to)});
        }
    }
    for (const OrderedErasure& ordered : out.erasures) {
        std::optional<std::string> after;
        while (erase_retained(inputs.retained, ordered.erasure, after)) continue;
    }
    out.retained = inputs.retained.count();
    if (out.rows_unreadable != 0) {
        FH_LOG(error, "views_unreadable", {"rows", out.rows_unreadable});
    }
    if (out.missing_to > out.from) {
        FH_LOG(error, "views_older_than_log", {"floor", number(out.from)},
               {"oldest", number(out.missing_to)});
    }
    return out;
}

}  // namespace firehose::bus
