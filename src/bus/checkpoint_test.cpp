// SPDX-License-Identifier: Apache-2.0
// Goal:   whatever moment a crash takes, rows of the store and the log from the floors on are the
//         retained messages and sessions that the whole log says; floors move last and never past
//         what is durable; failing writes lose nothing; the log alone rebuilds what it can.
// Method: a shard that folds what it appends, as the real one would, over a log in memory and a
//         store with faults; after every step of a round a start is made beside it and compared;
//         random histories under a seed.
#include "bus/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/delayed_log.h"
#include "bus/keep_record.h"
#include "bus/memory_view_store.h"
#include "bus/restore.h"
#include "log/log_test_support.h"
#include "log/memory_file.h"
#include "log/segment_log.h"
#include "session/control_record.h"

namespace firehose::bus {
namespace {

using session::StoredSession;
using Step = Checkpointer::Step;

/// What a start finds, as text.
using State = std::map<std::string, std::string>;

State state_of(const RetainedView& retained, const std::map<PublisherId, StoredSession>& sessions) {
    State out;
    RetainedView::PageQuery query{.filter = "#", .max_seq = Seq{UINT64_MAX}};
    while (true) {
        RetainedView::Page page = retained.page(query);
        for (const auto& entry : page.entries) {
            std::size_t size = 0;
            const auto record = log::decode_record(entry.record_bytes, size);
            out["retained " + std::string{record->topic}] =
                std::string{as_text(record->payload)} + "@" + std::to_string(number(entry.seq));
        }
        if (!page.next) break;
        query.resume_after = std::move(page.next);
    }
    for (const auto& [id, stored] : sessions) {
        std::string text = stored.key + " subscribed";
        for (const auto& entry : stored.subscriptions) text += " " + entry.filter;
        text += " held";
        std::set<std::uint16_t> held(stored.inbound_held.begin(), stored.inbound_held.end());
        for (const auto packet_id : held) text += " " + std::to_string(packet_id);
        out["session " + std::to_string(static_cast<std::uint64_t>(id))] = text;
    }
    return out;
}

/// A log, and what a shard would know from it.
class World {
public:
    explicit World(log::SegmentLogOptions options = {.first_seq = Seq{1}, .seed = 1})
        : segments(options, files, clock),
          log(segments),
          appender(log.add_appender(waker)),
          box(waker),
          checkpointer(store, log, retained, {&box}) {}

    Seq append(const log::Record& record) {
        log::BlockBuilder builder;
        static_cast<void>(builder.add(record));
        static_cast<void>(log.append(appender, builder.take()));
        // Folded as the tail reader does; sessions as they change when the record is appended.
        std::vector<log::BlockRef> blocks;
        EXPECT_EQ(segments.read(tail, 1 << 20, blocks), log::ReadStatus::blocks);
        for (const auto& block : blocks) {
            for (std::size_t i = 0; i < block->count(); ++i) {
                retained.fold(block->first_seq() + i, block->time(), block->record(i),
                              block->record_bytes(i));
            }
            tail = block->end_seq();
        }
        while (segments.write_step()) continue;
        return blocks.back()->first_seq();
    }
    Seq retain(std::string_view topic, std::string_view payload) {
        return append({.retain = true, .topic = topic, .payload = as_bytes(payload)});
    }
    Seq keep(const Kept& kept) {
        ByteBuffer payload;
        encode_keep(kept, payload);
        return append({.kind = log::RecordKind::keep, .payload = payload});
    }
    void control(std::uint64_t id, const session::Control& control) {
        ByteBuffer payload;
        encode_control(control, payload);
        const auto publisher = static_cast<PublisherId>(id);
        const Seq seq =
            append({.kind = kind_of(control), .payload = payload, .publisher = publisher});
        auto& stored =
            sessions.try_emplace(publisher, StoredSession{.id = publisher}).first->second;
        if (!stored.fold(seq, control)) sessions.erase(publisher);
        dirty.insert(publisher);
    }
    void publish_qos_2(std::uint64_t id, std::uint16_t packet_id) {
        const auto publisher = static_cast<PublisherId>(id);
        const Seq seq = append({.qos = 2,
                                .topic = "t",
                                .payload = as_bytes("x"),
                                .publisher = publisher,
                                .inbound_packet_id = packet_id});
        const auto found = sessions.find(publisher);
        if (found == sessions.end()) return;
        found->second.fold_inbound(seq, packet_id);
        dirty.insert(publisher);
    }

    /// The shard's turn: answers the housekeeper.
    void turn() {
        const std::size_t wanted = std::min(box.requested(), answer_rows_max);
        if (wanted == 0) return;
        SessionRows answer{.true_for = log.end(), .tail = tail, .needed_from = Seq{7}};
        while (!dirty.empty() && answer.rows.size() < wanted) {
            const PublisherId id = *dirty.begin();
            dirty.erase(dirty.begin());
            ViewStore::SessionRow row{.id = id};
            if (const auto found = sessions.find(id); found != sessions.end()) {
                StoredSession stored = found->second;
                stored.true_for = log.end();
                row.packed = stored.pack();
            }
            answer.rows.push_back(std::move(row));
        }
        answer.is_last = dirty.empty();
        box.answer(std::move(answer));
    }
    void finish_round() {
        for (int i = 0; i < 1'000 && checkpointer.is_running(); ++i) {
            turn();
            static_cast<void>(checkpointer.step());
        }
        ASSERT_FALSE(checkpointer.is_running());
    }
    void round() {
        checkpointer.begin();
        finish_round();
    }

    [[nodiscard]] State state() const { return state_of(retained, sessions); }
    /// A start beside it: what is there if the process died now.
    State restarted(ViewStore* from, Restored* out = nullptr) {
        RetainedView fresh;
        std::map<PublisherId, StoredSession> adopted;
        const auto restored = restore(
            {.store = from,
             .log = segments,
             .retained = fresh,
             .read_step = [&] { return segments.read_step(); },
             .adopt =
                 [&](StoredSession&& stored) { adopted.emplace(stored.id, std::move(stored)); }});
        EXPECT_TRUE(restored) << restored.error();
        if (restored && out != nullptr) *out = *restored;
        return state_of(fresh, adopted);
    }

    log::StandingClock clock;
    log::MemoryFileSystem files;
    log::SegmentLog segments;
    testing::DelayedLog log;
    log::CountingWaker waker;
    log::AppenderId appender;
    RetainedView retained;
    MemoryViewStore store;
    SessionRowsBox box;
    Checkpointer checkpointer;
    Seq tail{1};
    std::map<PublisherId, StoredSession> sessions;
    std::set<PublisherId> dirty;
    std::size_t answer_rows_max = 2;
};

session::SessionOpened opened(std::string key) {
    return {.key = std::move(key), .expiry_s = 60};
}

session::Subscribed subscribed(std::string filter) {
    return {.entries = {{.filter = std::move(filter)}}};
}

TEST(Checkpointer, ARoundWritesWhatChangedAndMovesTheFloors) {
    World world;
    world.retain("a", "1");
    world.control(5, opened("five"));
    world.control(5, subscribed("x/#"));
    const Seq end = world.log.end();
    world.round();
    EXPECT_EQ(world.store.current().retained.size(), 1u);
    EXPECT_EQ(world.store.current().sessions.size(), 1u);
    EXPECT_EQ(*world.store.floor(View::sessions), end);
    EXPECT_EQ(*world.store.floor(View::retained), end);
    EXPECT_EQ(world.checkpointer.sessions_needed_from(), Seq{7});
    Restored restored;
    EXPECT_EQ(world.restarted(&world.store, &restored), world.state());
    EXPECT_EQ(restored.records, 0u);
    EXPECT_TRUE(restored.changed.empty());
}

TEST(Checkpointer, ARoundWithoutChangesWritesNothing) {
    World world;
    world.retain("a", "1");
    world.round();
    const std::size_t before = world.store.writes();
    world.round();
    EXPECT_EQ(world.store.writes(), before);
    world.append({.topic = "not/retained"});
    world.round();
    EXPECT_EQ(world.store.writes(), before + 2);  // The floors alone.
}

TEST(Checkpointer, NothingIsWrittenBeforeItIsDurable) {
    World world;
    world.log.hold();
    world.retain("a", "1");
    world.control(5, opened("five"));
    world.checkpointer.begin();
    for (int i = 0; i < 20; ++i) {
        world.turn();
        static_cast<void>(world.checkpointer.step());
    }
    EXPECT_EQ(world.checkpointer.step(), Step::waits);
    EXPECT_EQ(world.store.writes(), 0u);
    world.log.let_durable();
    world.finish_round();
    EXPECT_EQ(world.restarted(&world.store), world.state());
}

TEST(Checkpointer, AClearedTopicLeavesTheStoreAlsoWhenItsTombstoneIsGone) {
    World world;
    world.retain("a", "1");
    world.retain("b", "1");
    world.round();
    world.retain("a", "");
    world.retained.forget_tombstones(world.log.end());
    world.round();
    EXPECT_EQ(world.store.current().retained.size(), 1u);
    world.retain("b", "");
    world.retained.forget_tombstones(world.log.end());
    world.retain("b", "2");
    world.round();
    EXPECT_EQ(world.store.current().retained.size(), 1u);
    EXPECT_EQ(world.restarted(&world.store), world.state());
}

TEST(Checkpointer, AnEndedSessionLeavesTheStore) {
    World world;
    world.control(5, opened("five"));
    world.control(6, opened("six"));
    world.round();
    world.control(5, session::SessionEnded{});
    world.round();
    EXPECT_EQ(world.store.current().sessions.size(), 1u);
}

TEST(Checkpointer, AFailedWriteIsTriedAgainAndTheFloorsWait) {
    World world;
    world.retain("a", "1");
    world.control(5, opened("five"));
    world.store.faults().writes_to_fail = 3;
    world.checkpointer.begin();
    int failures = 0;
    while (world.checkpointer.is_running()) {
        world.turn();
        if (world.checkpointer.step() == Step::failed) {
            ++failures;
            EXPECT_FALSE(world.checkpointer.error().empty());
            EXPECT_EQ(*world.store.floor(View::sessions), Seq{});
        }
        ASSERT_LT(failures, 10);
    }
    EXPECT_EQ(failures, 3);
    EXPECT_TRUE(world.checkpointer.error().empty());
    EXPECT_EQ(world.restarted(&world.store), world.state());
}

TEST(Checkpointer, ChangesDuringARoundAreTheNextOnes) {
    World world;
    world.retain("a", "1");
    world.checkpointer.begin();
    world.turn();
    static_cast<void>(world.checkpointer.step());
    const Seq later = world.retain("b", "1");
    world.control(5, opened("five"));
    world.finish_round();
    EXPECT_LE(*world.store.floor(View::retained), later);
    EXPECT_LE(*world.store.floor(View::sessions), later);
    EXPECT_EQ(world.restarted(&world.store), world.state());
    world.round();
    EXPECT_EQ(world.store.current().sessions.size(), 1u);
}

TEST(Restore, TheLogAloneRebuildsRetainedMessagesAndSessions) {
    World world;
    world.retain("a", "1");
    world.retain("b", "1");
    world.retain("a", "");
    world.control(5, opened("five"));
    world.control(5, subscribed("x"));
    world.publish_qos_2(5, 9);
    Restored restored;
    EXPECT_EQ(world.restarted(nullptr, &restored), world.state());
    EXPECT_TRUE(restored.is_rebuilt);
    EXPECT_EQ(restored.changed.size(), 1u);
    MemoryViewStore empty;
    EXPECT_EQ(world.restarted(&empty), world.state());
}

TEST(Restore, RecordsOfASessionThatNobodyKnowsAreIgnored) {
    World world;
    world.control(5, opened("five"));
    world.append({.kind = log::RecordKind::session_ended, .publisher = PublisherId{77}});
    world.append(
        {.kind = log::RecordKind::subscribed, .publisher = PublisherId{5}});  // No payload.
    EXPECT_EQ(world.restarted(nullptr), world.state());
}

/// An encoded record, and what a keep record of it says.
struct KeptRecord {
    KeptRecord(Seq seq, std::string_view topic, std::string_view payload) {
        log::encode_record({.retain = true, .topic = topic, .payload = as_bytes(payload)}, bytes);
        kept = {.seq = seq, .time = WallTime{Microseconds{3}}, .record_bytes = bytes};
    }
    ByteBuffer bytes;
    Kept kept;
};

TEST(Restore, AKeepRecordBringsBackWhatTheLogHasNoMore) {
    World world;
    const KeptRecord old{Seq{0}, "old", "kept"};
    world.keep(old.kept);
    const Seq newer = world.retain("new", "1");
    const KeptRecord stale{Seq{0}, "new", "stale"};
    world.keep(stale.kept);
    EXPECT_EQ(world.restarted(nullptr),
              (State{{"retained old", "kept@0"},
                     {"retained new", "1@" + std::to_string(number(newer))}}));
    // A clearing that was copied forward after a late copy.
    const KeptRecord cleared{world.log.end(), "old", ""};
    world.keep(cleared.kept);
    EXPECT_EQ(world.restarted(nullptr).count("retained old"), 0u);
}

TEST(Restore, ALateKeepRecordDoesNotBringBackWhatWasClearedWhileTheStoreIsThere) {
    World world;
    const Seq seq = world.retain("a", "1");
    world.retain("a", "");
    world.round();
    const KeptRecord late{seq, "a", "1"};
    world.keep(late.kept);
    EXPECT_EQ(world.restarted(&world.store), State{});
}

TEST(Restore, AKeepRecordMovesWhereAnEntryIsKept) {
    World world;
    const Seq seq = world.retain("a", "1");
    world.round();
    EXPECT_EQ(world.retained.kept_below(next(seq), {}, {}).entries.size(), 1u);
    const KeptRecord copy{seq, "a", "1"};
    const Seq copied = world.keep(copy.kept);
    EXPECT_TRUE(world.retained.kept_below(next(seq), {}, {}).entries.empty());
    world.round();
    EXPECT_EQ(world.store.current().retained.at("a").kept_at, copied);
    EXPECT_EQ(world.store.current().retained.at("a").seq, seq);
}

TEST(Restore, ReadsWhatLeftMemory) {
    World world{{.memory_bytes = 1'000, .segment_bytes = 4'096, .first_seq = Seq{1}, .seed = 1}};
    for (int i = 0; i < 300; ++i) {
        world.retain("t/" + std::to_string(i % 50), "payload " + std::to_string(i));
    }
    std::vector<log::BlockRef> blocks;
    EXPECT_EQ(world.segments.read(Seq{1}, 1, blocks), log::ReadStatus::not_in_memory);
    EXPECT_EQ(world.restarted(nullptr), world.state());
}

TEST(Restore, SaysWhatTheLogHasNoMore) {
    World world{{.memory_bytes = 1'000,
                 .segment_bytes = 4'096,
                 .bytes_max = 8'192,
                 .first_seq = Seq{1},
                 .seed = 1}};
    world.retain("a", "1");
    world.round();
    for (int i = 0; i < 1'000; ++i) world.retain("b", std::to_string(i));
    ASSERT_GT(world.segments.oldest(), *world.store.floor(View::retained));
    Restored restored;
    EXPECT_EQ(world.restarted(&world.store, &restored), world.state());
    EXPECT_EQ(restored.missing_to, world.segments.oldest());
}

/// One random step of a history.
void live(World& world, Random& random) {
    const auto topic = "t/" + std::to_string(random.below(6));
    const std::uint64_t id = 1 + random.below(5);
    const auto publisher = static_cast<PublisherId>(id);
    const bool is_known = world.sessions.contains(publisher);
    switch (random.below(12)) {
        case 0:
        case 1:
        case 2:
            world.retain(topic, std::to_string(random.below(1'000)));
            break;
        case 3:
            world.retain(topic, "");
            break;
        case 4:
            world.retained.forget_tombstones(world.log.end());
            break;
        case 5:
            // Ids are never used twice: a session that ended stays ended.
            world.control(1'000 + number(world.log.end()), opened("k"));
            break;
        case 6:
            if (is_known) world.control(id, subscribed(topic));
            break;
        case 7:
            if (is_known) world.publish_qos_2(id, static_cast<std::uint16_t>(1 + random.below(9)));
            break;
        case 8:
            if (is_known) world.control(id, session::PubrelReceived{.ids = {1, 2, 3}});
            break;
        case 9:
            if (is_known && random.chance(20)) world.control(id, session::SessionEnded{});
            break;
        case 10:
            if (!world.sessions.empty()) {
                const auto oldest = world.sessions.rbegin()->first;
                if (random.chance(50)) {
                    world.control(static_cast<std::uint64_t>(oldest), session::SessionEnded{});
                }
            }
            break;
        default:
            world.append({.topic = topic, .payload = as_bytes("not retained")});
            break;
    }
}

TEST(Restore, AtEveryMomentAStartFindsWhatTheLogSays) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        SCOPED_TRACE(seed);
        Random random{seed};
        World world;
        for (std::uint64_t id = 1; id <= 5; ++id) world.control(id, opened("first"));
        for (int i = 0; i < 120; ++i) {
            live(world, random);
            if (random.chance(20)) world.checkpointer.begin();
            if (random.chance(5)) world.store.faults().writes_to_fail = 2;
            if (random.chance(5)) world.store.faults().writes_that_lie = 1;
            if (random.chance(60)) world.turn();
            static_cast<void>(world.checkpointer.step());
            if (random.chance(5) && !world.checkpointer.is_running()) {
                static_cast<void>(world.store.keep_generation());
            }
            ASSERT_EQ(world.restarted(&world.store), world.state()) << "after " << i;
        }
        // The previous generation and the log from its floor say the same.
        world.store.fall_back();
        EXPECT_EQ(world.restarted(&world.store), world.state());
        EXPECT_EQ(world.restarted(nullptr), world.state());
    }
}

}  // namespace
}  // namespace firehose::bus
