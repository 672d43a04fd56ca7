// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/view_store.h"
#include "log/file.h"
#include "log/log.h"
#include "simulation/truth.h"

/// Where the simulation stands between the bus and what it rests on: it sees what passes, stops
/// the machine in the middle of it, and, when it is told to, breaks it.
///
/// The broken builds are made here and nowhere else, so that the bus itself has no hooks.
/// Ownership: each refers to what it stands before, which outlives it.
/// Threads:   the simulation's one.
namespace firehose::simulation {

/// A fault put in on purpose, to show that the oracle sees it.
enum class Break : std::uint8_t {
    nothing,
    // At the reader.
    drop,         // It forgets a message.
    twice,        // It gets one twice at QoS 2.
    swap,         // It gets two in the wrong order.
    retained,     // One retained copy is missing.
    share_drop,   // A member of a shared subscription forgets a message,
    share_twice,  // or gets one twice at QoS 2.
    // At the seams.
    fsync_skipped,      // The disk says that it synced, and did not.
    ack_early,          // The log says durable when it has only placed.
    cursor_off_by_one,  // Checkpoints hold session cursors one too far on.
    seq_twice,          // Recovery does not see how far seqs were reserved.
    pubrel_forgotten,   // PUBREL and PUBREC records are not written, and said to be durable.
};
[[nodiscard]] std::optional<Break> break_named(std::string_view name);

/// The disk: everything reaches it until `stop_after` so many changes more; then the machine has
/// stopped, though whoever writes is told that all is well.
class DiskSeam final : public log::FileSystem {
public:
    DiskSeam(log::FileSystem& inner, Break broken) : inner_(inner), broken_(broken) {}

    void stop_after(std::uint64_t changes) { left_ = changes; }
    void go_on() { left_.reset(); }
    [[nodiscard]] bool is_stopped() const noexcept { return left_ == 0; }
    [[nodiscard]] std::uint64_t segments_sealed() const noexcept { return sealed_; }

    [[nodiscard]] Result<std::unique_ptr<log::File>, std::error_code> create_unlinked() override;
    [[nodiscard]] Result<std::unique_ptr<log::File>, std::error_code> create(
        const std::string& name) override;
    [[nodiscard]] Result<std::unique_ptr<log::File>, std::error_code> open(
        const std::string& name) override;
    [[nodiscard]] Result<std::vector<std::string>, std::error_code> list() override;
    [[nodiscard]] log::IoResult rename(const std::string& from, const std::string& to) override;
    [[nodiscard]] log::IoResult remove(const std::string& name) override;
    [[nodiscard]] log::IoResult sync_folder() override;
    [[nodiscard]] Result<Space, std::error_code> space() override;

private:
    class SeamFile;
    /// False: the machine has stopped, nothing changes any more.
    [[nodiscard]] bool may_change();
    [[nodiscard]] std::unique_ptr<log::File> wrap(std::unique_ptr<log::File> file);

    log::FileSystem& inner_;
    const Break broken_;
    std::optional<std::uint64_t> left_;
    std::uint64_t sealed_ = 0;
};

/// The log: shows the Truth every block that somebody is given.
class LogSeam final : public log::Log {
public:
    LogSeam(log::Log& inner, Truth& truth, Break broken)
        : inner_(inner), truth_(truth), broken_(broken) {}

    [[nodiscard]] log::AppenderId add_appender(Waker& waker) override {
        return inner_.add_appender(waker);
    }
    [[nodiscard]] log::ReaderId add_reader(Waker& waker) override {
        return inner_.add_reader(waker);
    }
    [[nodiscard]] log::Ticket append(log::AppenderId appender,
                                     std::unique_ptr<log::Block> block) override;
    void take_outcomes(log::AppenderId appender, std::vector<log::Outcome>& out) override;
    [[nodiscard]] bool is_full() const noexcept override { return inner_.is_full(); }
    [[nodiscard]] bool takes_durable() const noexcept override { return inner_.takes_durable(); }
    [[nodiscard]] Seq oldest() const override { return inner_.oldest(); }
    [[nodiscard]] Seq end() const override { return inner_.end(); }
    [[nodiscard]] Seq durable_end() const override {
        return broken_ == Break::ack_early ? inner_.end() : inner_.durable_end();
    }
    [[nodiscard]] log::ReadStatus read(Seq from, std::size_t bytes_max,
                                       std::vector<log::BlockRef>& out) override;
    using Log::request;
    [[nodiscard]] bool request(log::ReaderId reader, Seq from, std::size_t bytes_max,
                               std::uint64_t cookie,
                               std::shared_ptr<const log::TopicInterest> interest) override {
        return inner_.request(reader, from, bytes_max, cookie, std::move(interest));
    }
    [[nodiscard]] std::vector<log::ReadAnswer> take_answers(log::ReaderId reader) override;

private:
    log::Log& inner_;
    Truth& truth_;
    const Break broken_;
};

/// The checkpoint store.
class StoreSeam final : public bus::ViewStore {
public:
    StoreSeam(bus::ViewStore& inner, Break broken) : inner_(inner), broken_(broken) {}

    [[nodiscard]] Written write_sessions(std::span<const SessionRow> rows) override;
    [[nodiscard]] Written write_retained(std::span<const RetainedRow> rows) override {
        return inner_.write_retained(rows);
    }
    [[nodiscard]] Written set_floor(bus::View view, Seq floor) override {
        return inner_.set_floor(view, floor);
    }
    [[nodiscard]] Result<Seq, std::string> floor(bus::View view) override {
        return inner_.floor(view);
    }
    [[nodiscard]] Result<Seq, std::string> oldest_floor() override { return inner_.oldest_floor(); }
    [[nodiscard]] Written keep_generation() override { return inner_.keep_generation(); }
    [[nodiscard]] Written load_sessions(const std::function<void(SessionRow&&)>& each) override {
        return inner_.load_sessions(each);
    }
    [[nodiscard]] Written load_retained(const std::function<void(RetainedRow&&)>& each) override {
        return inner_.load_retained(each);
    }

private:
    bus::ViewStore& inner_;
    const Break broken_;
};

}  // namespace firehose::simulation
