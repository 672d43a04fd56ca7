// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "bus/view_store.h"

/// Checkpoints in memory, with faults: for tests and the simulator.
///
/// A write that succeeded is durable at once, as the contract says; so a power cut changes nothing
/// but the write under way. Faults count down, one a write.
/// Threads: one.
namespace firehose::bus {

class MemoryViewStore final : public ViewStore {
public:
    struct Faults {
        std::size_t writes_to_fail = 0;           // Of the next writes: nothing is kept.
        std::size_t writes_that_lie = 0;          // After those: kept, but said to have failed.
        std::size_t writes_until_cut = SIZE_MAX;  // Then all fail, until `power_returns`.
    };
    struct Generation {
        std::map<PublisherId, ByteBuffer> sessions;
        std::map<std::string, RetainedRow> retained;
        Seq floors[2] = {};
    };

    [[nodiscard]] Written write_sessions(std::span<const SessionRow> rows) override;
    [[nodiscard]] Written write_retained(std::span<const RetainedRow> rows) override;
    [[nodiscard]] Written set_floor(View view, Seq floor) override;
    [[nodiscard]] Result<Seq, std::string> floor(View view) override;
    [[nodiscard]] Result<Seq, std::string> oldest_floor() override;
    [[nodiscard]] Written keep_generation() override;
    [[nodiscard]] Written load_sessions(const std::function<void(SessionRow&&)>& each) override;
    [[nodiscard]] Written load_retained(const std::function<void(RetainedRow&&)>& each) override;

    [[nodiscard]] Faults& faults() noexcept { return faults_; }
    void power_returns() noexcept { faults_ = {}; }
    /// The current generation is found damaged at the next start: the previous one, or nothing.
    void fall_back();
    void lose_everything();
    [[nodiscard]] const Generation& current() const noexcept { return current_; }
    [[nodiscard]] std::size_t writes() const noexcept { return writes_; }

private:
    [[nodiscard]] Written write(const std::function<void()>& apply);

    Generation current_;
    Generation previous_;
    bool has_previous_ = false;
    Faults faults_;
    std::size_t writes_ = 0;
};

}  // namespace firehose::bus
