// SPDX-License-Identifier: Apache-2.0
// Goal:   an order to erase is understood as the operator means it, and what is half said is
//         refused with what would be right.
// Method: a table of queries.
#include "app/erase_job.h"

#include <gtest/gtest.h>

namespace firehose::app {
namespace {

TEST(EraseOrder, IsReadFromTheQueryOrRefused) {
    struct Row {
        const char* query;
        const char* problem;  // Null: fine.
    };
    const Row rows[] = {
        {"seq=1&seq=22", nullptr},
        {"topic=a/%23&from=first", nullptr},
        {"topic=a&from=12&to=2026-01-31T12:00:00Z", nullptr},
        {"", "either"},
        {"seq=1&topic=a&from=first", "either"},
        {"seq=x", "not a seq"},
        {"seq=-1", "not a seq"},
        {"seq=", "not a seq"},
        {"topic=a", "from is"},
        {"topic=a&from=yesterday", "from is"},
        {"topic=a/%23/b&from=first", "filter"},
        {"topic=a&from=first&to=first", "to is"},
        {"topic=a&from=first&to=2026-01-31", "to is"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.query);
        const auto order = erase_order({.query = *http::parse_query(row.query)});
        EXPECT_EQ(order.has_value(), row.problem == nullptr);
        if (!order) {
            EXPECT_NE(order.error().find(row.problem), std::string::npos) << order.error();
        }
    }
    const auto seqs = erase_order({.query = *http::parse_query("seq=1&seq=22")});
    EXPECT_EQ(seqs->seqs, (std::vector<Seq>{Seq{1}, Seq{22}}));
    const auto range =
        erase_order({.query = *http::parse_query("topic=a&from=12&to=1970-01-01T00:00:01Z")});
    EXPECT_EQ(range->filter, "a");
    EXPECT_EQ(range->from.seq, Seq{12});
    EXPECT_EQ(range->to.time, (WallTime{Microseconds{1'000'000}}));
}

}  // namespace
}  // namespace firehose::app
