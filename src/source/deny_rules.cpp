// SPDX-License-Identifier: Apache-2.0
#include "source/deny_rules.h"

#include <algorithm>

namespace firehose::source {

namespace {
constexpr std::string_view kProject = "project:";
}  // namespace

Result<DenyRules, std::string> DenyRules::parse(const std::vector<std::string>& words) {
    DenyRules rules;
    for (const std::string& word : words) {
        if (word == "private") {
            rules.private_changes_ = true;
        } else if (word == "draft") {
            rules.drafts_ = true;
        } else if (word.starts_with(kProject) && word.size() > kProject.size()) {
            rules.projects_.push_back(word.substr(kProject.size()));
        } else {
            return Failure{"\"" + word + "\" is no deny rule: project:NAME, private or draft"};
        }
    }
    return rules;
}

std::vector<std::string> DenyRules::default_words() {
    return {"project:All-Users", "private", "draft"};
}

bool DenyRules::denies(const DenyFacts& facts) const noexcept {
    if (private_changes_ && facts.is_private) return true;
    if (drafts_ && facts.is_draft) return true;
    return std::ranges::any_of(facts.projects, [this](const std::string& project) {
        return std::ranges::find(projects_, project) != projects_.end();
    });
}

}  // namespace firehose::source
