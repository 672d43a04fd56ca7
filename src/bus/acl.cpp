// SPDX-License-Identifier: Apache-2.0
#include "bus/acl.h"

#include <algorithm>
#include <utility>

namespace firehose::bus {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\v\f");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\v\f") - first + 1);
}

/// Takes the first word off `text` and the blanks after it.
std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find_first_of(kBlanks), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    text = trimmed(text);
    return word;
}

/// Takes the first level off `topic`; false once there is none left.
bool take_level(std::string_view& topic, std::string_view& level, bool& is_done) {
    if (is_done) return false;
    const auto slash = topic.find('/');
    level = topic.substr(0, slash);
    is_done = slash == std::string_view::npos;
    topic.remove_prefix(is_done ? topic.size() : slash + 1);
    return true;
}

/// Empty if `filter` is a valid topic filter of at most `levels_max` levels.
std::string filter_problem(std::string_view filter, std::size_t levels_max) {
    if (filter.empty()) return "there is no topic";
    std::string_view level;
    std::size_t levels = 0;
    for (bool is_done = false; take_level(filter, level, is_done); ++levels) {
        if (level.find('\0') != std::string_view::npos) return "the topic has a zero byte";
        if (level == "+" || (level == "#" && is_done)) continue;
        if (level.find('#') != std::string_view::npos) {
            return "# stands for whole levels and comes last";
        }
        if (level.find('+') != std::string_view::npos) return "+ stands for one whole level";
    }
    return levels <= levels_max ? "" : "the topic has too many levels";
}

/// A level of a pattern with the names inserted, compared with `text` piece by piece.
struct Names {
    std::string_view user;
    std::string_view client;
};

/// Takes `piece` off the front of `text`.
bool take(std::string_view& text, std::string_view piece) {
    if (!text.starts_with(piece)) return false;
    text.remove_prefix(piece.size());
    return true;
}

/// Whether a level that is no wildcard, its %u and %c replaced, is the beginning of `topic`, and
/// ends where a level ends. Takes it off. Inserted text is literal; a `/` in it spans levels.
bool take_literal(std::string_view level, const Names& names, std::string_view& topic) {
    while (!level.empty()) {
        if (level.starts_with("%u") || level.starts_with("%c")) {
            if (!take(topic, level[1] == 'u' ? names.user : names.client)) return false;
            level.remove_prefix(2);
        } else {
            if (!take(topic, level.substr(0, 1))) return false;
            level.remove_prefix(1);
        }
    }
    return topic.empty() || topic.front() == '/';
}

/// Whether `filter` covers `topic` [MQTT-4.7.2-1]; one pass over both.
/// `names` nullptr: a plain filter, in which %u and %c are only text.
bool covers(std::string_view filter, std::string_view topic, const Names* names) {
    // Neither a wildcard nor an inserted name leads to a topic of the bus itself.
    if (topic.starts_with('$') && !filter.starts_with('$')) return false;
    bool is_done = false;
    bool topic_ended = false;
    std::string_view level;
    while (take_level(filter, level, is_done)) {
        if (level == "#") return true;  // Also for the level above it: "a/#" covers "a".
        if (topic_ended) return false;
        if (level == "+") {
            topic.remove_prefix(std::min(topic.find('/'), topic.size()));
        } else if (names != nullptr) {
            if (!take_literal(level, *names, topic)) return false;
        } else if (!take(topic, level) || !(topic.empty() || topic.front() == '/')) {
            return false;
        }
        topic_ended = topic.empty();
        if (!topic_ended) topic.remove_prefix(1);
    }
    return topic_ended;
}

bool has_wildcard(std::string_view name) {
    return name.find_first_of("+#") != std::string_view::npos;
}
bool has_slash(std::string_view name) {
    return name.find('/') != std::string_view::npos;
}

}  // namespace

struct Acl::Parser {
    Acl acl;
    std::vector<AclError> errors;
    std::vector<Rule>* section = nullptr;  // Where `topic` lines go; nullptr: anonymous.
    std::size_t line_number = 0;

    void fail(std::string problem) { errors.push_back({line_number, std::move(problem)}); }

    void line(std::string_view text) {
        if (text.size() > kLineBytesMax) return fail("the line is too long");
        text = trimmed(text);
        if (text.empty() || text.front() == '#') return;
        const std::string_view word = take_word(text);
        if (word == "user") {
            user(text);
        } else if (word == "topic") {
            rule(text, section == nullptr ? acl.anonymous_ : *section);
        } else if (word == "pattern") {
            const std::size_t before = acl.patterns_.size();
            rule(text, acl.patterns_);
            if (acl.patterns_.size() == before) return;
            Rule& added = acl.patterns_.back();
            added.has_user = added.filter.find("%u") != std::string::npos;
            added.has_client = added.filter.find("%c") != std::string::npos;
        } else {
            fail("a line begins with topic, user or pattern");
        }
    }

    void user(std::string_view name) {
        if (name.empty()) return fail("there is no user name");
        // Nodes of a map stay where they are, so the pointer outlives later users.
        section = &acl.users_[std::string{name}];
    }

    void rule(std::string_view text, std::vector<Rule>& rules) {
        // As mosquitto reads it: an access word counts as one only if a topic follows it.
        Access access = Access::readwrite;
        std::string_view rest = text;
        const std::string_view word = take_word(rest);
        if (!rest.empty()) {
            if (word == "read") {
                access = Access::read;
            } else if (word == "write") {
                access = Access::write;
            } else if (word == "deny") {
                access = Access::deny;
            } else if (word != "readwrite") {
                return fail("access is one of read, write, readwrite, deny");
            }
            text = rest;
        }
        if (auto problem = filter_problem(text, kLevelsMax); !problem.empty()) {
            return fail(std::move(problem));
        }
        rules.push_back({.access = access, .filter = std::string{text}});
    }
};

Acl Acl::none() {
    Acl acl;
    acl.no_file_ = true;
    return acl;
}

Acl Acl::open() {
    Acl acl = none();
    acl.is_open_ = true;
    return acl;
}

Result<Acl, std::vector<AclError>> Acl::parse(std::string_view text) {
    Parser parser;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        ++parser.line_number;
        parser.line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (!parser.errors.empty()) return Failure{std::move(parser.errors)};
    // Denials are asked first, so that the first rule that covers a topic decides.
    const auto denials_first = [](std::vector<Rule>& rules) {
        // Not std::ranges: clang 14 cannot read libstdc++ 12's subrange, which that returns.
        std::stable_partition(rules.begin(), rules.end(),
                              [](const Rule& rule) { return rule.access == Access::deny; });
    };
    denials_first(parser.acl.anonymous_);
    denials_first(parser.acl.patterns_);
    for (auto& [name, rules] : parser.acl.users_) denials_first(rules);
    return std::move(parser.acl);
}

const std::vector<Acl::Rule>* Acl::rules_of(const Identity& who) const {
    if (!who.user_name) return &anonymous_;
    const auto found = users_.find(*who.user_name);
    return found == users_.end() ? nullptr : &found->second;
}

bool Acl::allows(const Identity& who, std::string_view topic, Access wanted) const {
    const auto grants = [wanted](const Rule& rule) {
        return (static_cast<unsigned>(rule.access) & static_cast<unsigned>(wanted)) != 0;
    };
    if (const std::vector<Rule>* rules = rules_of(who)) {
        for (const Rule& rule : *rules) {
            if (!grants(rule) && rule.access != Access::deny) continue;
            if (covers(rule.filter, topic, nullptr)) return rule.access != Access::deny;
        }
    }
    if (patterns_.empty()) return false;

    const Names names{who.user_name ? std::string_view{*who.user_name} : std::string_view{},
                      who.client_id};
    if (has_wildcard(names.user) || has_wildcard(names.client)) return false;
    for (const Rule& rule : patterns_) {
        if (rule.has_user && !who.user_name) continue;
        if (rule.access != Access::deny) {
            if (!grants(rule)) continue;
            if (rule.has_user && has_slash(names.user)) continue;
            if (rule.has_client && has_slash(names.client)) continue;
        }
        if (covers(rule.filter, topic, &names)) return rule.access != Access::deny;
    }
    return false;
}

bool Acl::may_read(const Identity& who, std::string_view topic) const {
    return no_file_ || allows(who, topic, Access::read);
}

bool Acl::may_write(const Identity& who, std::string_view topic) const {
    return no_file_ ? is_open_ : allows(who, topic, Access::write);
}

std::string Acl::read_class(const Identity& who) const {
    if (no_file_) return "*";
    const auto matters = [](const Rule& rule) { return rule.access != Access::write; };
    const bool by_user = std::ranges::any_of(
        patterns_, [&](const Rule& rule) { return rule.has_user && matters(rule); });
    const bool by_client = std::ranges::any_of(
        patterns_, [&](const Rule& rule) { return rule.has_client && matters(rule); });

    std::string key = "a";
    if (who.user_name) {
        const bool has_own = by_user || users_.contains(*who.user_name);
        // The length keeps a name that looks like the rest of a key apart from it.
        key = has_own ? "u" + std::to_string(who.user_name->size()) + ":" + *who.user_name : "o";
    }
    // Names with wildcards are granted nothing by patterns, so they are not like their neighbours.
    const bool has_danger =
        has_wildcard(who.client_id) || (who.user_name && has_wildcard(*who.user_name));
    if (!patterns_.empty() && has_danger) return key + "!";
    return by_client ? key + "c" + who.client_id : key;
}

}  // namespace firehose::bus
