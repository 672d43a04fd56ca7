// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "log/file_io.h"
#include "log/gap.h"
#include "log/log_test_support.h"
#include "log/memory_file.h"
#include "log/recovery.h"
#include "log/segment_log.h"

/// What the tests of recovery share: folders as values, and lives of a log in them.
/// Threads: one test's.
namespace firehose::log::recovery_test {

inline constexpr RecoveryOptions kOurs{.log_id = 9};

/// Names and bytes of a folder.
using Folder = std::map<std::string, ByteBuffer>;

[[nodiscard]] inline Folder folder_of(MemoryFileSystem& files) {
    Folder folder;
    const auto names = files.list();
    for (const std::string& name : *names) folder[name] = files.contents(*files.number_of(name));
    return folder;
}

inline void put(MemoryFileSystem& files, const Folder& folder) {
    for (const auto& [name, bytes] : folder) {
        const auto file = files.create(name);
        ASSERT_TRUE(file.has_value());
        if (!bytes.empty()) {
            ASSERT_TRUE(write_all(**file, 0, ByteSpan{bytes}).has_value());
        }
        ASSERT_TRUE((*file)->sync().has_value());
    }
    ASSERT_TRUE(files.sync_folder().has_value());
}

[[nodiscard]] inline SegmentLogOptions on_disk() {
    return {.mode = LogMode::disk, .memory_bytes = 0, .seed = 7};
}

/// Payload by seq, and the seqs of gap records' ranges.
struct Content {
    std::map<std::uint64_t, std::string> records;
    std::vector<Gap> gaps;

    [[nodiscard]] std::set<std::string> payloads() const {
        std::set<std::string> out;
        for (const auto& [seq, payload] : records) out.insert(payload);
        return out;
    }
};

[[nodiscard]] inline Content read_all_of(SegmentLog& log, ReaderId reader) {
    Content content;
    Seq from = log.oldest();
    while (from < log.end()) {
        std::vector<BlockRef> blocks;
        ReadStatus status = log.read(from, 1 << 20, blocks);
        if (status == ReadStatus::not_in_memory) {
            EXPECT_TRUE(log.request(reader, from, 1 << 20, 1));
            EXPECT_TRUE(log.read_step());
            ReadAnswer answer = std::move(log.take_answers(reader).at(0));
            status = answer.status;
            blocks = std::move(answer.blocks);
        }
        if (status != ReadStatus::blocks || blocks.empty()) {
            ADD_FAILURE() << "nothing to read at " << number(from);
            break;
        }
        for (const BlockRef& block : blocks) {
            for (std::size_t i = 0; i < block->count(); ++i) {
                const Record record = block->record(i);
                const Seq seq = block->first_seq() + i;
                if (seq < from) continue;
                if (const auto gap = gap_of(record)) {
                    content.gaps.push_back(*gap);
                } else {
                    content.records[number(seq)] = std::string{as_text(record.payload)};
                }
            }
            from = std::max(from, block->end_seq());
        }
    }
    return content;
}

/// One life of a log: from recovery on, until it is stopped or dropped.
struct Life {
    Life(FileSystem& folder, StandingClock& time, SegmentLogOptions options = on_disk())
        : Life{folder, damaged_here, time, options} {}
    Life(FileSystem& folder, FileSystem& damaged, StandingClock& time, SegmentLogOptions options) {
        auto recovered = recover(folder, damaged, kOurs);
        EXPECT_TRUE(recovered.has_value())
            << recovered.error().file << " " << recovered.error().problem;
        if (!recovered) return;
        found = std::move(*recovered);
        next_seq = found.log.next_seq;
        end_seq = found.log.end_seq;
        log = std::make_unique<SegmentLog>(options, folder, time, std::move(found.log));
        appender = log->add_appender(waker);
        reader = log->add_reader(waker);
    }
    void append(const std::vector<std::string>& payloads) {
        static_cast<void>(log->append(appender, block_of(payloads)));
    }
    void write() {
        while (log->write_step()) continue;
    }
    void stop() {
        write();
        while (log->close_step()) continue;
    }
    [[nodiscard]] Content content() { return read_all_of(*log, reader); }

    MemoryFileSystem damaged_here;  // Unless another is given.
    CountingWaker waker;
    Recovered found;
    Seq next_seq{};
    Seq end_seq{};
    std::unique_ptr<SegmentLog> log;
    AppenderId appender{};
    ReaderId reader{};
};

}  // namespace firehose::log::recovery_test
