// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/locked.h"
#include "log/erase.h"
#include "log/record.h"

/// What an operator took back: which records, as the payload of an `erase` record, and as what
/// every door asks until their bytes are gone.
///
/// Threads: an Erasure is a value; Erasures may be used from any thread.
/// Source:  docs/formats/control.md; rule **Taking something back**.
namespace firehose::bus {

struct Erasure {
    static constexpr std::size_t kSeqsMax = 10'000;

    std::vector<Seq> seqs;  // Ascending; and, unless the filter is empty:
    std::string filter;     // topics that match it,
    Seq from{};             // from here
    Seq to{};               // to here, inclusive.

    /// Also a `keep` record that holds what is taken back.
    [[nodiscard]] bool covers(Seq seq, const log::Record& record) const;
    friend bool operator==(const Erasure&, const Erasure&) = default;
};

void encode_erasure(const Erasure& erasure, ByteBuffer& out);
/// Nothing unless `record` is an `erase` record that makes sense.
[[nodiscard]] std::optional<Erasure> erasure_of(const log::Record& record);

/// An `erase` record that a start met.
struct OrderedErasure {
    Erasure erasure;
    Seq seq{};  // Of the record.
};

class RetainedView;
/// Takes what is covered out of a page of the view, in topic order behind `after`, which follows.
/// False: that was the last page.
[[nodiscard]] bool erase_retained(RetainedView& retained, const Erasure& erasure,
                                  std::optional<std::string>& after);

/// An erasure as the log is told of it.
class ErasureSelection final : public log::EraseSelection {
public:
    explicit ErasureSelection(Erasure erasure) : erasure_(std::move(erasure)) {}
    [[nodiscard]] Seq first() const override;
    [[nodiscard]] bool covers(Seq seq, const log::Record& record) const override {
        return erasure_.covers(seq, record);
    }
    [[nodiscard]] bool may_cover(Seq from, Seq end) const override;
    [[nodiscard]] bool may_cover(std::string_view topic) const override;

private:
    const Erasure erasure_;
};

/// The erasures whose records may still have their bytes. Shared by all doors.
/// Cost: one relaxed load a record while there is none, which is nearly always.
class Erasures {
public:
    void add(Erasure erasure);
    /// The files and the memory hold nothing of it any more.
    void remove(const Erasure& erasure);

    [[nodiscard]] bool cover(Seq seq, const log::Record& record) const {
        return count_.load(std::memory_order_acquire) != 0 && any_covers(seq, record);
    }
    [[nodiscard]] std::vector<Erasure> all() const;

private:
    using List = std::vector<Erasure>;
    [[nodiscard]] bool any_covers(Seq seq, const log::Record& record) const;

    std::atomic<std::size_t> count_{0};
    Locked<std::shared_ptr<const List>> list_{std::make_shared<const List>()};
};

}  // namespace firehose::bus
