// SPDX-License-Identifier: Apache-2.0
// Goal:   an erasure covers what was named and nothing else, and survives its record.
// Method: tables of records; payloads cut at every byte.
#include "bus/erasure.h"

#include <gtest/gtest.h>

#include "bus/keep_record.h"

namespace firehose::bus {
namespace {

log::Record message(std::string_view topic) {
    return {.topic = topic};
}

TEST(Erasure, CoversTheNamedSeqsAndTheTopicsInItsRange) {
    const Erasure erasure{
        .seqs = {Seq{5}, Seq{9}}, .filter = "a/+", .from = Seq{20}, .to = Seq{30}};
    struct Row {
        Seq seq;
        std::string_view topic;
        bool covered;
    };
    const Row rows[] = {
        {Seq{5}, "x", true},     {Seq{6}, "x", false},    {Seq{9}, "a/b", true},
        {Seq{19}, "a/b", false}, {Seq{20}, "a/b", true},  {Seq{30}, "a/c", true},
        {Seq{31}, "a/b", false}, {Seq{25}, "b/b", false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(erasure.covers(row.seq, message(row.topic)), row.covered)
            << row.seq << ' ' << row.topic;
    }
    EXPECT_FALSE(erasure.covers(Seq{5}, {.kind = log::RecordKind::subscribed}));
}

TEST(Erasure, CoversACopyThatWasCarriedForward) {
    ByteBuffer inner;
    log::encode_record({.retain = true, .topic = "a/b", .payload = as_bytes("x")}, inner);
    ByteBuffer payload;
    encode_keep({.seq = Seq{5}, .time = {}, .record_bytes = inner}, payload);
    const log::Record kept{.kind = log::RecordKind::keep, .payload = payload};
    EXPECT_TRUE((Erasure{.seqs = {Seq{5}}}.covers(Seq{700}, kept)));
    EXPECT_FALSE((Erasure{.seqs = {Seq{700}}}.covers(Seq{700}, kept)));
}

TEST(Erasure, SurvivesItsRecordAndRefusesOneThatIsCut) {
    const Erasure erasure{.seqs = {Seq{1}, Seq{2}}, .filter = "a/#", .from = Seq{3}, .to = Seq{4}};
    ByteBuffer payload;
    encode_erasure(erasure, payload);
    const log::Record record{.kind = log::RecordKind::erase, .payload = payload};
    EXPECT_EQ(erasure_of(record), erasure);
    for (std::size_t size = 0; size < payload.size(); ++size) {
        const std::vector<std::byte> exact{payload.begin(),
                                           payload.begin() + static_cast<std::ptrdiff_t>(size)};
        EXPECT_FALSE(erasure_of({.kind = log::RecordKind::erase, .payload = exact})) << size;
    }
    EXPECT_FALSE(erasure_of({.kind = log::RecordKind::keep, .payload = payload}));
}

TEST(Erasures, CoverUntilTheyAreRemoved) {
    Erasures erasures;
    const Erasure one{.seqs = {Seq{5}}};
    EXPECT_FALSE(erasures.cover(Seq{5}, message("x")));
    erasures.add(one);
    erasures.add({.seqs = {Seq{6}}});
    EXPECT_TRUE(erasures.cover(Seq{5}, message("x")));
    erasures.remove(one);
    EXPECT_FALSE(erasures.cover(Seq{5}, message("x")));
    EXPECT_EQ(erasures.all().size(), 1U);
}

}  // namespace
}  // namespace firehose::bus
