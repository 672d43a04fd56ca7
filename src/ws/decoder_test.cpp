// SPDX-License-Identifier: Apache-2.0
// Goal:   frames become the right events, broken ones the right close code, and neither depends on
//         how the bytes were cut.
// Method: tables of frames written in hex; each row is decoded whole, byte by byte, and once for
//         every cut point, from exact-size heap blocks, into a transcript that must be the same.
#include "ws/decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "ws/encoder.h"

namespace firehose::ws {
namespace {

/// Bytes on the heap with no slack after the last one.
class ExactBytes {
public:
    explicit ExactBytes(ByteSpan bytes)
        : data_(std::make_unique<std::byte[]>(bytes.size())), size_(bytes.size()) {
        std::copy(bytes.begin(), bytes.end(), data_.get());
    }
    [[nodiscard]] ByteSpan span() const { return {data_.get(), size_}; }

private:
    std::unique_ptr<std::byte[]> data_;
    std::size_t size_;
};

/// "81 05 'Hello'": hex pairs, and text in quotes.
ByteBuffer bytes_of(std::string_view text) {
    ByteBuffer out;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == ' ') {
            ++i;
        } else if (text[i] == '\'') {
            const std::size_t end = text.find('\'', i + 1);
            append(out, text.substr(i + 1, end - i - 1));
            i = end + 1;
        } else {
            out.push_back(
                static_cast<std::byte>(std::stoi(std::string{text.substr(i, 2)}, {}, 16)));
            i += 2;
        }
    }
    return out;
}

/// What a decoder says, with the pieces of data joined: "b:Hello. ping:x close:1000:bye".
class Transcript {
public:
    explicit Transcript(DecoderOptions options, std::size_t scratch_size = 4'096)
        : decoder_(options), scratch_(scratch_size) {}

    void feed(ByteSpan bytes) {
        const ExactBytes exact{bytes};
        ByteSpan input = exact.span();
        while (true) {
            const Event event = decoder_.next(input, scratch_);
            if (event.kind == Event::Kind::none) break;
            note(event);
        }
        EXPECT_TRUE(input.empty());
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    void note(const Event& event) {
        const auto begin = [this](std::string_view what) {
            if (!text_.empty()) text_ += ' ';
            text_ += what;
        };
        const std::string code = std::to_string(static_cast<int>(event.code));
        switch (event.kind) {
            case Event::Kind::none:
                return;
            case Event::Kind::data:
                if (!in_data_) begin(event.is_text ? "t:" : "b:");
                in_data_ = !event.ends_message;
                text_ += as_text(event.payload);
                if (event.ends_message) text_ += '.';
                return;
            // A control frame inside a message: what follows begins a new note, wherever the
            // input was cut.
            case Event::Kind::ping:
                begin("ping:");
                break;
            case Event::Kind::pong:
                begin("pong:");
                break;
            case Event::Kind::closed:
                begin("close:" + code + ":");
                break;
            case Event::Kind::failed:
                EXPECT_FALSE(event.detail.empty());
                begin("fail:" + code);
                break;
        }
        in_data_ = false;
        text_ += as_text(event.payload);
    }

    Decoder decoder_;
    std::vector<std::byte> scratch_;
    std::string text_;
    bool in_data_ = false;
};

void expect_at_every_cut(const ByteBuffer& bytes, DecoderOptions options,
                         const std::string& expected) {
    const ByteSpan all{bytes};
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
        Transcript transcript{options};
        transcript.feed(all.first(cut));
        transcript.feed(all.subspan(cut));
        ASSERT_EQ(transcript.text(), expected) << "cut at " << cut;
    }
    Transcript single{options, 1};
    for (std::size_t i = 0; i < all.size(); ++i) single.feed(all.subspan(i, 1));
    ASSERT_EQ(single.text(), expected) << "byte by byte";
}

struct Row {
    const char* from;
    const char* bytes;
    const char* expected;
};

TEST(Decoder, ReadsAClientsFrames) {
    static constexpr Row kRows[] = {
        {"5.7 masked, here as binary", "82 85 37fa213d 7f9f4d5158", "b:Hello."},
        {"mask of zero", "82 83 00000000 'abc'", "b:abc."},
        {"empty message", "82 80 11223344", "b:."},
        {"two messages in one read", "82 81 00000000 'a' 82 81 00000000 'b'", "b:a. b:b."},
        {"5.4 fragments", "02 81 00000000 'a' 00 81 00000000 'b' 80 81 00000000 'c'", "b:abc."},
        {"empty fragments", "02 80 00000000 00 80 00000000 00 81 00000000 'x' 80 80 00000000",
         "b:x."},
        {"5.4 ping between fragments", "02 81 00000000 'a' 89 81 00000000 'p' 80 81 00000000 'b'",
         "b:a ping:p b:b."},
        {"5.5.2 ping without payload", "89 80 01020304", "ping:"},
        {"5.5.3 unasked pong", "8A 82 00000000 'hi'", "pong:hi"},
        {"5.5.1 close without code", "88 80 00000000", "close:1005:"},
        {"5.5.1 close with code", "88 82 00000000 03E8", "close:1000:"},
        {"5.5.1 close with reason", "88 85 00000000 03E9 'bye'", "close:1001:bye"},
        {"7.4.2 a private code", "88 82 00000000 0FA0", "close:4000:"},
        {"5.5.1 nothing counts after close", "88 82 00000000 03E8 82 81 00000000 'x' FF FF FF",
         "close:1000:"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        expect_at_every_cut(bytes_of(row.bytes), {}, row.expected);
    }
}

TEST(Decoder, NamesTheCloseCodeOfWhatIsBroken) {
    static constexpr Row kRows[] = {
        {"5.1 a client's frame is masked", "82 01 'x'", "fail:1002"},
        {"5.2 RSV1", "C2 80 00000000", "fail:1002"},
        {"5.2 RSV2", "A2 80 00000000", "fail:1002"},
        {"5.2 RSV3", "92 80 00000000", "fail:1002"},
        {"5.2 reserved opcode 3", "83 80 00000000", "fail:1002"},
        {"5.2 reserved opcode B", "8B 80 00000000", "fail:1002"},
        {"5.2 shortest length, 16 bit", "82 FE 007D 00000000", "fail:1002"},
        {"5.2 shortest length, 64 bit", "82 FF 000000000000FFFF 00000000", "fail:1002"},
        {"5.2 top bit of the length", "82 FF 8000000000000000 00000000", "fail:1002"},
        {"frame_bytes_max", "82 FF 7FFFFFFFFFFFFFFF 00000000", "fail:1009"},
        {"5.4 continuation first", "80 81 00000000 'x'", "fail:1002"},
        {"5.4 a new message inside another", "02 81 00000000 'a' 82 81 00000000 'b'",
         "b:a fail:1002"},
        {"5.5 fragmented ping", "09 80 00000000", "fail:1002"},
        {"5.5 ping of 126", "89 FE 007E 00000000", "fail:1002"},
        {"5.5.1 half a code", "88 81 00000000 03", "fail:1002"},
        {"7.4.1 1005 on the wire", "88 82 00000000 03ED", "fail:1002"},
        {"7.4.1 1006 on the wire", "88 82 00000000 03EE", "fail:1002"},
        {"7.4.2 below 1000", "88 82 00000000 03E7", "fail:1002"},
        {"7.4.2 above 4999", "88 82 00000000 1388", "fail:1002"},
        {"5.5.1 reason is UTF-8", "88 84 00000000 03E8 C328", "fail:1007"},
        {"MQTT-6.0.0-1", "81 85 00000000 'Hello'", "fail:1003"},
        {"nothing counts after a failure", "83 80 00000000 82 81 00000000 'x'", "fail:1002"},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        expect_at_every_cut(bytes_of(row.bytes), {}, row.expected);
    }
}

TEST(Decoder, ReadsAServersFramesForTheClient) {
    const DecoderOptions client{.role = Role::client};
    expect_at_every_cut(bytes_of("82 05 'Hello'"), client, "b:Hello.");
    expect_at_every_cut(bytes_of("89 01 'x' 88 02 03E8"), client, "ping:x close:1000:");
    expect_at_every_cut(bytes_of("82 81 00000000 'x'"), client, "fail:1002");
}

TEST(Decoder, ChecksTextWhereItIsAccepted) {
    const DecoderOptions options{.text = TextFrames::accepted};
    static constexpr Row kRows[] = {
        {"text", "81 85 00000000 'Hello'", "t:Hello."},
        {"8.1 a character over two fragments", "01 81 00000000 C3 80 81 00000000 A9",
         "t:\xC3\xA9."},
        {"text, then binary", "81 81 00000000 'a' 82 81 00000000 FF", "t:a. b:\xFF."},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.from);
        expect_at_every_cut(bytes_of(row.bytes), options, row.expected);
    }
    // Where it fails inside a piece depends on the cut; that it fails, and as what, does not.
    for (const char* bytes : {"81 82 00000000 C328", "81 81 00000000 C3", "81 83 00000000 EDA080",
                              "81 84 00000000 F4908080", "81 82 00000000 C080"}) {
        SCOPED_TRACE(bytes);
        Transcript transcript{options};
        transcript.feed(bytes_of(bytes));
        EXPECT_EQ(transcript.text(), "fail:1007");
    }
}

TEST(Decoder, TakesEveryLengthFormOnBothSidesOfItsBoundary) {
    for (const std::size_t size : {125U, 126U, 127U, 65'535U, 65'536U, 70'000U}) {
        SCOPED_TRACE(size);
        const std::string payload(size, 'p');
        ByteBuffer frame;
        append_masked_frame(frame, Opcode::binary, as_bytes(payload), 0xA1B2C3D4);
        for (const std::size_t cut :
             {std::size_t{0}, std::size_t{1}, std::size_t{3}, frame.size() / 2, frame.size() - 1}) {
            Transcript transcript{{.frame_bytes_max = size}};
            transcript.feed(ByteSpan{frame}.first(cut));
            transcript.feed(ByteSpan{frame}.subspan(cut));
            ASSERT_TRUE(transcript.text() == "b:" + payload + ".");
        }
        Transcript limited{{.frame_bytes_max = size - 1}};
        limited.feed(frame);
        EXPECT_EQ(limited.text(), "fail:1009");
    }
}

}  // namespace
}  // namespace firehose::ws
