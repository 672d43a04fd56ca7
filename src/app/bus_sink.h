// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bus/shard.h"
#include "source/event.h"

/// A source's way into this bus: its shard's mailbox, bounded in bytes as well.
///
/// Threads: called on the source's thread. Events wait in the source while the sink is full.
namespace firehose::app {

class BusSink final : public source::Sink {
public:
    /// `name` is the source's, for `firehose/source/<name>/status`.
    BusSink(bus::Shard& shard, std::string name, std::size_t bytes_max)
        : shard_(shard), name_(std::move(name)), bytes_max_(bytes_max) {}

    [[nodiscard]] bool publish(source::Event&& event) override;
    void on_state(source::SourceState state, std::string_view reason) override;

private:
    bus::Shard& shard_;
    std::string name_;
    std::size_t bytes_max_;
};

}  // namespace firehose::app
