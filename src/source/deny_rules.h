// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "source/gerrit_event.h"

/// `source.deny`: which events a public bus does not show. "Sensitive data should not be
/// published."
///
/// Words: `project:NAME` (any project that the event names, exactly), `private` (changes that are
/// private) and `draft` (drafts of Gerrit 2.14 and before). An event that one of them fits is
/// withheld and counted. No word: everything passes.
/// Threads: immutable after parsing.
/// Deliberately absent: what is private in a `ref-updated` shows in no field of it.
namespace firehose::source {

class DenyRules {
public:
    /// Passes everything.
    DenyRules() = default;

    /// @return the rules, or a sentence that names the word which is none.
    [[nodiscard]] static Result<DenyRules, std::string> parse(
        const std::vector<std::string>& words);

    /// The default of `source.deny`.
    [[nodiscard]] static std::vector<std::string> default_words();

    [[nodiscard]] bool denies(const DenyFacts& facts) const noexcept;

private:
    std::vector<std::string> projects_;
    bool private_changes_ = false;
    bool drafts_ = false;
};

}  // namespace firehose::source
