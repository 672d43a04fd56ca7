// SPDX-License-Identifier: Apache-2.0
// Goal:   `firehose inspect` says what a log holds, finds every damage and names it, and takes what
//         a running bus or a crash leaves for what it is.
// Method: folders written by a log in disk mode, sealed by its own steps; copies with a flipped
//         byte, cut off, of a later version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/data_folder.h"
#include "cli/log_inspector.h"
#include "log/crc32c.h"
#include "log/log_test_support.h"
#include "log/posix_file.h"
#include "log/segment_log.h"

namespace firehose::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
    int code = 0;
    std::string text;
};

class InspectTest : public ::testing::Test {
protected:
    InspectTest() {
        std::string name = ::testing::TempDir() + "inspectXXXXXX";
        above_ = ::mkdtemp(name.data());
        data_ = above_ + "/data";
    }
    ~InspectTest() override { fs::remove_all(above_); }

    /// Writes 60 records to segments of about 2,000 bytes; `seal`: all but the newest are sealed.
    void write_log(bool seal, bool is_clean = true) {
        const auto folder = app::DataFolder::open(data_, std::chrono::milliseconds{0});
        ASSERT_TRUE(folder.has_value());
        log::PosixFileSystem files{folder->log_path()};
        log::StandingClock clock;
        log::CountingWaker waker;
        log::SegmentLog log{
            {.mode = log::LogMode::disk, .memory_bytes = 1, .segment_bytes = 2'000, .seed = 7},
            files,
            clock,
            log::KeptLog{.log_id = folder->log_id()}};
        const auto appender = log.add_appender(waker);
        for (int i = 0; i < 60; ++i) {
            log::BlockBuilder builder;
            const std::string payload = std::to_string(i) + std::string(40, '.');
            const std::string topic = "often/" + std::to_string(i % 5);
            static_cast<void>(
                builder.add({.qos = 1, .topic = topic, .payload = as_bytes(payload)}));
            static_cast<void>(log.append(appender, builder.take()));
            while (log.write_step()) continue;
        }
        while (seal && log.seal_step()) continue;
        while (is_clean && log.close_step()) continue;
    }

    [[nodiscard]] Outcome run(InspectOptions options) const {
        if (options.paths.empty()) options.paths = {data_};
        Outcome outcome;
        outcome.code = inspect(options, [&](std::string_view text) { outcome.text += text; });
        return outcome;
    }

    /// The nth file of the log, by name.
    [[nodiscard]] std::string file(std::size_t index) const {
        std::vector<std::string> paths;
        for (const auto& entry : fs::directory_iterator{data_ + "/log"}) {
            paths.push_back(entry.path().string());
        }
        std::sort(paths.begin(), paths.end());
        return paths.at(index);
    }
    [[nodiscard]] std::size_t files() const {
        std::size_t count = 0;
        for (const auto& entry : fs::directory_iterator{data_ + "/log"}) {
            count += entry.exists() ? 1 : 0;
        }
        return count;
    }
    static void flip(const std::string& path, std::uint64_t offset) {
        std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
        file.seekg(static_cast<std::streamoff>(offset));
        const char byte = static_cast<char>(file.get() ^ 1);
        file.seekp(static_cast<std::streamoff>(offset));
        file.put(byte);
    }

    std::string above_;
    std::string data_;
};

std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(InspectTest, ListsTheSegmentsOfPlainAndSealedLogs) {
    for (const bool seal : {false, true}) {
        fs::remove_all(data_);
        write_log(seal);
        for (const bool check : {false, true}) {
            const Outcome outcome = run({.is_check = check});
            EXPECT_EQ(outcome.code, kInspectFine) << outcome.text;
            EXPECT_EQ(lines(outcome.text), files() + 3) << outcome.text;
            EXPECT_THAT(outcome.text, HasSubstr(std::to_string(files()) + " segments, 60 records"));
            EXPECT_THAT(outcome.text, HasSubstr("no damage found"));
            EXPECT_THAT(outcome.text, HasSubstr("2023-11-14T22:13:20Z"));
            EXPECT_EQ(outcome.text.find("  sealed  ") != std::string::npos, seal);
        }
    }
}

TEST_F(InspectTest, PrintsTheRecordsAskedForAndNoPayload) {
    for (const bool seal : {false, true}) {
        fs::remove_all(data_);
        write_log(seal);
        const Outcome all = run({.is_records = true});
        EXPECT_EQ(lines(all.text), 62u) << all.text;
        const Outcome some = run({.is_records = true, .from = Seq{30}, .to = Seq{33}});
        EXPECT_EQ(lines(some.text), 6u) << some.text;
        const Outcome topic = run({.is_records = true, .topic = "often/3/#"});
        EXPECT_EQ(lines(topic.text), 12u + 2u) << topic.text;
        EXPECT_THAT(some.text,
                    AllOf(HasSubstr("          30  2023-11-14T22:13:20.000000Z  message"),
                          HasSubstr("often/4"), Not(HasSubstr("....."))));
    }
}

TEST_F(InspectTest, SpeaksJson) {
    write_log(true);
    const Outcome outcome = run({.is_records = true, .is_json = true, .to = Seq{1}});
    EXPECT_THAT(outcome.text, HasSubstr(R"({"type":"record","seq":1,)"
                                        R"("time":"2023-11-14T22:13:20.000000Z","kind":"message",)"
                                        R"("qos":1,"retain":false,"erased":false,)"
                                        R"("topic":"often/0","payload_bytes":41})"));
    const Outcome segments = run({.is_json = true});
    EXPECT_THAT(segments.text, AllOf(HasSubstr(R"({"type":"folder","path":)"),
                                     HasSubstr(R"("number":1,)"), HasSubstr(R"("state":"sealed")"),
                                     HasSubstr(R"({"type":"total","segments":)")));
}

TEST_F(InspectTest, NamesTheRecordThatAFlippedByteCost) {
    write_log(false);
    // The last byte of the first block's record, which has 41 bytes of payload and no fields.
    const std::string path = file(0);
    flip(path, 128 + 64 + 8 + 2 + 2 + 7 + 4 + 40);
    const Outcome outcome = run({});
    EXPECT_EQ(outcome.code, kInspectDamage);
    EXPECT_THAT(outcome.text,
                AllOf(HasSubstr("damage: " + path + ": offset 192, 64 bytes: seqs 1 to 1: "),
                      HasSubstr("59 records"), HasSubstr("1 times damage")));
}

TEST_F(InspectTest, EveryFlippedByteOfASealedSegmentIsFound) {
    write_log(true);
    const std::string path = file(0);
    ASSERT_TRUE(path.ends_with(".sealed"));
    const std::uint64_t bytes = fs::file_size(path);
    for (std::uint64_t offset = 0; offset < bytes; offset += 7) {
        SCOPED_TRACE(offset);
        flip(path, offset);
        // A frame's header repeats what the table says: readers do not need it.
        const bool is_spare = offset >= 128 && offset < 128 + 80;
        const Outcome outcome = run({.paths = {path}, .is_check = true});
        EXPECT_TRUE(is_spare || outcome.code == kInspectDamage) << outcome.text;
        flip(path, offset);
    }
    EXPECT_EQ(run({.paths = {path}, .is_check = true}).code, kInspectFine);
    flip(path, 300);  // Inside the frame.
    EXPECT_EQ(run({.paths = {data_}, .is_check = true}).code, kInspectDamage);
    EXPECT_THAT(run({.is_check = true}).text, HasSubstr("a frame is damaged; readers are told"));
}

TEST_F(InspectTest, ATornTailIsToldButNoDamage) {
    write_log(false, false);
    const std::string newest = file(files() - 1);
    const std::uint64_t end = [&] {
        std::ifstream in{newest, std::ios::binary};
        const std::string all{std::istreambuf_iterator<char>{in}, {}};
        return all.find_last_not_of('\0') + 1;
    }();
    fs::resize_file(newest, end - 5);
    const Outcome torn = run({.is_check = true});
    EXPECT_EQ(torn.code, kInspectFine) << torn.text;
    EXPECT_THAT(torn.text, AllOf(HasSubstr("note: " + newest), HasSubstr("the next start cuts")));
    const auto bus = app::DataFolder::open(data_, std::chrono::milliseconds{0});
    const Outcome used = run({.is_check = true});
    EXPECT_THAT(used.text, AllOf(HasSubstr("in use by pid " + std::to_string(::getpid())),
                                 HasSubstr("the bus is just writing them")));
}

TEST_F(InspectTest, NamesTheSeqsOfASegmentThatIsMissing) {
    for (const bool seal : {false, true}) {
        fs::remove_all(data_);
        write_log(seal);
        fs::remove(file(1));
        const Outcome outcome = run({});
        EXPECT_EQ(outcome.code, kInspectDamage);
        EXPECT_THAT(outcome.text, HasSubstr("the records up to the next segment are missing"));
    }
}

TEST_F(InspectTest, SaysWhatItCannotRead) {
    EXPECT_EQ(run({.paths = {above_ + "/nothing"}}).code, kInspectCannot);
    write_log(false);
    // A later version, its checksum renewed.
    const std::string path = file(0);
    {
        std::fstream out{path, std::ios::in | std::ios::out | std::ios::binary};
        std::string header(128, '\0');
        out.read(header.data(), 128);
        header[8] = 2;
        const std::uint32_t crc = log::crc32c(as_bytes(std::string_view{header}.substr(0, 124)));
        for (unsigned i = 0; i < 4; ++i) header[124 + i] = static_cast<char>(crc >> (8 * i));
        out.seekp(0);
        out.write(header.data(), 128);
    }
    const Outcome later = run({.paths = {path}});
    EXPECT_EQ(later.code, kInspectCannot);
    EXPECT_THAT(later.text, HasSubstr("later format than version 1"));
    std::ofstream{data_ + "/format"} << "firehose-data 2\n";
    const Outcome folder = run({});
    EXPECT_EQ(folder.code, kInspectCannot);
    EXPECT_THAT(folder.text, HasSubstr("the folder has format 2"));
}

TEST_F(InspectTest, FindsASegmentOfAnotherLogAndTheIdOfALostFormat) {
    write_log(false);
    const std::string format = data_ + "/format";
    const std::uint64_t id = (*app::read_format(data_))->log_id;
    fs::remove(format);
    char hex[17];
    std::snprintf(hex, sizeof(hex), "%016llx", static_cast<unsigned long long>(id));
    EXPECT_THAT(run({}).text, HasSubstr(std::string{"log "} + hex + ", without a format"));
    std::ofstream{format} << "firehose-data 1\nlog 0000000000000001\n";
    const Outcome outcome = run({});
    EXPECT_EQ(outcome.code, kInspectDamage);
    EXPECT_THAT(outcome.text, HasSubstr("the segment is of another log"));
}

}  // namespace
}  // namespace firehose::cli
