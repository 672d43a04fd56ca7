// SPDX-License-Identifier: Apache-2.0
// Goal:   what a session may not forget is read back as it was written, from exactly its bytes.
// Method: one value of each kind, with every field set; each cut; bytes that follow; bad values.
#include "session/control_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace firehose::session {
namespace {

using log::Record;
using log::RecordKind;
using mqtt::Qos;

ByteBuffer bytes_of(std::string_view text) {
    return {as_bytes(text).begin(), as_bytes(text).end()};
}

std::vector<Control> samples() {
    return {
        SessionOpened{.key = std::string{"uuser\0id", 8}, .expiry_s = 0xFFFF'FFFF},
        SessionEnded{},
        Subscribed{.entries = {{.filter = "a/#",
                                .options = {.qos = Qos::exactly_once,
                                            .no_local = true,
                                            .retain_as_published = true,
                                            .retain_handling = mqtt::RetainHandling::do_not_send},
                                .id = 268'435'455,
                                .from_seq = Seq{1ULL << 52}},
                               {.filter = "b", .options = {}, .id = 0, .from_seq = Seq{0}}}},
        Unsubscribed{.filters = {"a/#", "", "b"}},
        PubrelReceived{.ids = {1, 65'535}},
        IdsAssigned{.entries = {{.packet_id = 1,
                                 .qos = Qos::at_least_once,
                                 .retain = true,
                                 .is_copy = true,
                                 .seq = Seq{7},
                                 .subscription_ids = {1, 2}},
                                {.packet_id = 65'535, .qos = Qos::exactly_once, .seq = Seq{8}}},
                    .completed = {3}},
        IdsAssigned{},
        PubrecReceived{.ids = {9}},
        WillArmed{.key = "c17",
                  .will = {.topic = "will/topic",
                           .payload = bytes_of("gone"),
                           .properties = bytes_of("properties"),
                           .qos = Qos::exactly_once,
                           .retain = true,
                           .payload_is_utf8 = true,
                           .message_expiry_s = 0,
                           .delay_s = 30}},
        WillArmed{.key = "a", .will = {.topic = "t"}},
        WillArmed{.key = "a", .will = {.topic = "t", .author = std::string("uw\0a", 4)}},
        WillDisarmed{},
        IdsAssigned{.entries = {{.packet_id = 1, .seq = Seq{7}, .shared_filter = "$share/g/t"},
                                {.packet_id = 2, .seq = Seq{8}},
                                {.packet_id = 3, .seq = Seq{8}, .shared_filter = "$share/h/t"}}},
        GroupJoined{.filter = "$share/g/a/#", .qos = Qos::exactly_once, .is_durable = true},
        GroupJoined{.filter = "$share/g/a"},
        GroupLeft{.filter = "$share/g/a", .cursor = Seq{9}, .unacknowledged = {Seq{3}, Seq{5}}},
        Epoch{},
    };
}

ByteBuffer encoded(const Control& control) {
    ByteBuffer payload;
    encode_control(control, payload);
    return payload;
}

/// From the heap, without slack behind the last byte.
std::optional<Control> decoded(RecordKind kind, ByteSpan payload) {
    const auto exact = std::make_unique<std::byte[]>(payload.size());
    std::copy(payload.begin(), payload.end(), exact.get());
    return decode_control(Record{.kind = kind, .payload = {exact.get(), payload.size()}});
}

TEST(ControlRecord, IsReadBackAsItWasWritten) {
    for (const Control& control : samples()) {
        SCOPED_TRACE(static_cast<int>(kind_of(control)));
        const auto read = decoded(kind_of(control), encoded(control));
        ASSERT_TRUE(read.has_value());
        EXPECT_TRUE(*read == control);
    }
}

/// Records of the version before had no list of what is of shared subscriptions, and no author.
std::size_t size_before(const Control& control, std::size_t size) {
    if (const auto* armed = std::get_if<WillArmed>(&control)) {
        return size - 2 - armed->will.author.size();
    }
    const auto* assigned = std::get_if<IdsAssigned>(&control);
    if (assigned == nullptr) return size;
    size -= 2;
    for (const auto& entry : assigned->entries) {
        if (!entry.shared_filter.empty()) size -= 4 + entry.shared_filter.size();
    }
    return size;
}

TEST(ControlRecord, IsRefusedWhenItIsCutAnywhere) {
    for (const Control& control : samples()) {
        const ByteBuffer payload = encoded(control);
        for (std::size_t size = 0; size < payload.size(); ++size) {
            SCOPED_TRACE(size);
            const bool is_whole = size == size_before(control, payload.size());
            EXPECT_EQ(decoded(kind_of(control), ByteSpan{payload}.first(size)).has_value(),
                      is_whole);
        }
    }
}

TEST(ControlRecord, PassesOverWhatALaterVersionAdds) {
    for (const Control& control : samples()) {
        ByteBuffer payload = encoded(control);
        append(payload, "later");
        const auto read = decoded(kind_of(control), payload);
        ASSERT_TRUE(read.has_value());
        EXPECT_TRUE(*read == control);
    }
}

TEST(ControlRecord, IsNoneOfTheOtherKinds) {
    for (const RecordKind kind : {RecordKind::message, RecordKind::gap, RecordKind::keep,
                                  RecordKind::erase, static_cast<RecordKind>(200)}) {
        EXPECT_FALSE(decoded(kind, encoded(SessionOpened{.key = "a"})));
    }
}

TEST(ControlRecord, RefusesImpossibleValues) {
    struct Row {
        const char* what;
        RecordKind kind;
        std::string_view payload;
    };
    using namespace std::string_view_literals;
    static constexpr Row kRows[] = {
        {"packet id 0", RecordKind::pubrel_received, "\1\0\0\0"sv},
        {"packet id 0 assigned", RecordKind::ids_assigned, "\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0"sv},
        {"an id for QoS 0", RecordKind::ids_assigned, "\1\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv},
        {"QoS 3 assigned", RecordKind::ids_assigned, "\1\0\1\0\3\0\0\0\0\0\0\0\0\0\0\0\0"sv},
        {"completed id 0", RecordKind::ids_assigned, "\0\0\1\0\0\0"sv},
        {"QoS 3 subscribed", RecordKind::subscribed, "\1\0\1\0a\3\0\0\0\0\0\0\0\0\0\0\0\0"sv},
        {"retain handling 3", RecordKind::subscribed, "\1\0\1\0a\x30\0\0\0\0\0\0\0\0\0\0\0\0"sv},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.what);
        EXPECT_FALSE(decoded(row.kind, as_bytes(row.payload)));
    }
}

TEST(ControlRecord, HasTheBytesThatTheFormatSays) {
    using namespace std::string_view_literals;
    const IdsAssigned assigned{.entries = {{.packet_id = 0x0102,
                                            .qos = Qos::exactly_once,
                                            .retain = true,
                                            .is_copy = true,
                                            .seq = Seq{0x0A0B},
                                            .subscription_ids = {5}}},
                               .completed = {4}};
    EXPECT_EQ(as_text(encoded(assigned)),
              "\1\0\2\1\x0E\x0B\x0A\0\0\0\0\0\0\1\0\5\0\0\0\1\0\4\0\0\0"sv);
    EXPECT_EQ(as_text(encoded(SessionOpened{.key = "ax", .expiry_s = 60})), "\2\0ax\x3C\0\0\0"sv);
}

}  // namespace
}  // namespace firehose::session
