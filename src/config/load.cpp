// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <system_error>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "config/describe.h"
#include "config/files.h"
#include "config/nearest.h"
#include "config/options.h"
#include "config/values.h"

namespace firehose::config {
namespace {

std::string quoted(std::string_view text) {
    constexpr std::size_t kShown = 60;
    std::string shown = "\"";
    for (const char byte : text.substr(0, kShown)) {
        shown += static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F ? '?' : byte;
    }
    return shown + (text.size() > kShown ? "...\"" : "\"");
}

std::string name_of(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table:
            return "a table";
        case toml::node_type::array:
            return "a list";
        case toml::node_type::string:
            return "a text";
        case toml::node_type::integer:
            return "a number";
        case toml::node_type::floating_point:
            return "a number with a fraction";
        case toml::node_type::boolean:
            return "true or false";
        case toml::node_type::date:
        case toml::node_type::time:
        case toml::node_type::date_time:
            return "a date or time";
        case toml::node_type::none:
            break;
    }
    return "nothing";
}

std::size_t line_of(const toml::node& node) {
    return node.source().begin.line;
}

std::string with_home(const std::string& path) {
    if (path != "~" && !path.starts_with("~/")) return path;
    const char* home = std::getenv("HOME");
    return home == nullptr ? path : home + path.substr(1);
}

/// What a file has said so far: the settings it fills, its problems, and where each key stands.
class Reading {
public:
    explicit Reading(std::string_view file) : file_(file) {}

    void table(const toml::table& table, const std::string& prefix);
    void finish();

    [[nodiscard]] Result<Settings, ConfigErrors> result() {
        if (errors_.empty()) return std::move(settings_);
        std::ranges::stable_sort(errors_, {}, &ConfigError::line);
        return Failure{std::move(errors_)};
    }

private:
    void complain(std::size_t line, std::string key, std::string problem, std::string allowed) {
        errors_.push_back({file_, line, std::move(key), std::move(problem), std::move(allowed)});
    }
    void unknown(std::size_t line, const std::string& key);
    void list_of_tables(const TableList& list, const toml::node& node);
    void one_of_list(const TableList& list, const toml::table& table);
    void value(const Option& row, void* owner, const std::string& key, const toml::node& node);
    std::string file_;
    Settings settings_;
    ConfigErrors errors_;
    std::map<std::string, std::size_t, std::less<>> lines_;  // Of the keys that are set and good.
    std::map<std::string, std::size_t> names_;               // Of tables in lists, with their list.
};

/// Puts one TOML value into one field, or says why not: chosen by the field's type.
struct Assign {
    const Option& row;
    const toml::node& node;
    std::string problem;  // Empty: it is done.

    void operator()(bool* field) {
        if (const auto flag = node.value_exact<bool>()) {
            *field = *flag;
        } else {
            problem = "is " + name_of(node);
        }
    }
    void operator()(std::uint64_t* field) {
        std::optional<std::uint64_t> number;
        if (const auto plain = node.value_exact<std::int64_t>()) {
            if (*plain >= 0) number = static_cast<std::uint64_t>(*plain);
        } else if (const auto text = node.value_exact<std::string_view>();
                   text && std::holds_alternative<Bytes>(row.type)) {
            number = parse_bytes(*text);
            if (!number) problem = quoted(*text) + " is no size";
        } else {
            problem = "is " + name_of(node);
        }
        if (!problem.empty()) return;
        if (!number || *number < row.min.number || *number > row.max.number) {
            problem = "is out of range";
        } else {
            *field = *number;
        }
    }
    void operator()(Microseconds* field) {
        constexpr std::int64_t kSecondsMost = INT64_MAX / 1'000'000;
        std::optional<Microseconds> time;
        if (const auto plain = node.value_exact<std::int64_t>()) {
            if (*plain >= 0 && *plain <= kSecondsMost) time = std::chrono::seconds{*plain};
        } else if (const auto text = node.value_exact<std::string_view>()) {
            time = parse_duration(*text);
            if (!time) problem = quoted(*text) + " is no duration";
        } else {
            problem = "is " + name_of(node);
        }
        if (!problem.empty()) return;
        const auto count = time ? static_cast<std::uint64_t>(time->count()) : 0;
        if (!time || count < row.min.number || count > row.max.number) {
            problem = "is out of range";
        } else {
            *field = *time;
        }
    }
    void operator()(std::string* field) {
        const auto text = node.value_exact<std::string_view>();
        if (!text) {
            problem = "is " + name_of(node);
            return;
        }
        if (text->find('\0') != std::string_view::npos) {
            problem = "contains a zero byte";
        } else if (text->size() < row.min.number || text->size() > row.max.number) {
            problem = text->empty() ? "is empty" : quoted(*text) + " is too long";
        } else if (std::holds_alternative<Path>(row.type)) {
            *field = with_home(std::string{*text});
        } else if (auto wrong = row.check ? row.check(*text) : std::string{}; !wrong.empty()) {
            problem = quoted(*text) + " " + wrong;
        } else {
            *field = *text;
        }
    }
    void operator()(unsigned char* field) {
        const auto& choice = std::get<Choice>(row.type);
        const auto text = node.value_exact<std::string_view>();
        if (!text) {
            problem = "is " + name_of(node);
        } else if (const auto index = index_of(choice, *text)) {
            *field = *index;
        } else if (!choice.later.empty() && *text == choice.later) {
            problem = quoted(*text) + " comes with the next release";
        } else {
            problem = quoted(*text) + " is none of the words";
        }
    }
    void operator()(std::vector<std::string>* field) {
        std::vector<std::string> texts;
        each([&](std::string_view text) {
            auto wrong = row.check ? row.check(text) : std::string{};
            texts.emplace_back(text);
            return wrong.empty() ? wrong : quoted(text) + " " + wrong;
        });
        if (problem.empty()) *field = std::move(texts);
    }
    void operator()(std::vector<Endpoint>* field) {
        std::vector<Endpoint> endpoints;
        each([&](std::string_view text) -> std::string {
            const auto endpoint = parse_endpoint(text);
            if (!endpoint) return quoted(text) + " is no address with a port";
            endpoints.push_back(*endpoint);
            return {};
        });
        if (problem.empty()) *field = std::move(endpoints);
    }

private:
    /// Calls `take` with each text of a list; its answer is what is wrong with it.
    template <class Take>
    void each(Take take) {
        const toml::array* list = node.as_array();
        if (list == nullptr) {
            problem = "is " + name_of(node);
        } else if (list->size() < row.min.number || list->size() > row.max.number) {
            problem = "has " + std::to_string(list->size()) + " entries";
        } else {
            for (const toml::node& entry : *list) {
                const auto text = entry.value_exact<std::string_view>();
                const std::string wrong =
                    text ? take(*text) : "has an entry that is " + name_of(entry);
                if (wrong.empty()) continue;
                problem += problem.empty() ? wrong : ", " + wrong;
            }
        }
    }
};

void Reading::value(const Option& row, void* owner, const std::string& key,
                    const toml::node& node) {
    Assign assign{.row = row, .node = node, .problem = {}};
    std::visit(assign, row.field(owner));
    if (assign.problem.empty()) {
        lines_[key] = line_of(node);
    } else {
        complain(line_of(node), key, std::move(assign.problem), allowed_text(row));
    }
}

void Reading::unknown(std::size_t line, const std::string& key) {
    std::vector<std::string> known;
    for (const Option& row : options()) known.emplace_back(row.key);
    for (const Section& section : sections()) known.emplace_back(section.name);
    for (const TableList& list : table_lists()) {
        known.emplace_back(list.key);
        for (const Option& row : list.options) {
            known.push_back(std::string{list.key} + "." + std::string{row.key});
        }
    }
    const auto near = nearest(key, known);
    complain(line, key, "is no known key" + (near.empty() ? "" : ": did you mean " + near + "?"),
             "");
}

void Reading::list_of_tables(const TableList& list, const toml::node& node) {
    const std::string key{list.key};
    const toml::array* entries = node.as_array();
    if (entries == nullptr ||
        !std::ranges::all_of(*entries, [](const toml::node& entry) { return entry.is_table(); })) {
        complain(line_of(node), key, "is " + name_of(node), "[[" + key + "]], once for each");
        return;
    }
    if (entries->size() > list.count_max) {
        complain(line_of(node), key, "is there " + std::to_string(entries->size()) + " times",
                 "at most " + std::to_string(list.count_max));
        return;
    }
    for (const toml::node& entry : *entries) one_of_list(list, *entry.as_table());
}

void Reading::one_of_list(const TableList& list, const toml::table& table) {
    void* owner = list.append(settings_);
    const std::string prefix = std::string{list.key} + ".";
    for (const auto& [key, node] : table) {
        const auto row = std::ranges::find(list.options, key.str(), &Option::key);
        if (row == list.options.end()) {
            unknown(key.source().begin.line, prefix + std::string{key.str()});
        } else {
            value(*row, owner, prefix + std::string{key.str()}, node);
        }
    }
    for (const Option& row : list.options) {
        const std::string key = prefix + std::string{row.key};
        if (std::holds_alternative<Value::Required>(row.value.held) && !table.contains(row.key)) {
            complain(line_of(table), key, "is missing", allowed_text(row));
        }
        if (row.key != "name") continue;
        const std::string& name = *std::get<std::string*>(row.field(owner));
        const auto [first, is_new] = names_.try_emplace(prefix + name, line_of(table));
        if (!is_new) {
            complain(
                line_of(table), key,
                quoted(name) + " is the name of the one in line " + std::to_string(first->second),
                "a name of its own for each");
        }
    }
}

void Reading::table(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
        const std::string key = prefix + std::string{name.str()};
        const auto row = std::ranges::find(options(), key, &Option::key);
        const auto list = std::ranges::find(table_lists(), key, &TableList::key);
        const auto section = std::ranges::find(sections(), key, &Section::name);
        if (row != options().end()) {
            value(*row, &settings_, key, node);
        } else if (list != table_lists().end()) {
            list_of_tables(*list, node);
        } else if (section == sections().end() || key.empty()) {
            unknown(name.source().begin.line, key);
        } else if (const toml::table* inner = node.as_table()) {
            this->table(*inner, key + ".");
        } else {
            complain(line_of(node), key, "is " + name_of(node), "[" + key + "], a table");
        }
    }
}

void Reading::finish() {
    const auto line = [&](std::string_view key) {
        const auto found = lines_.find(key);
        return found == lines_.end() ? 0 : found->second;
    };
    const LogSettings& log = settings_.log;
    if (log.segment_bytes > log.bytes / 2) {
        complain(std::max(line("log.segment_bytes"), line("log.bytes")), "log.segment_bytes",
                 "is more than half of log.bytes, " + format_bytes(log.bytes),
                 "at most " + format_bytes(log.bytes / 2));
    }
    // A packet that fits no segment, or never fits what may wait, could not be appended.
    const std::uint64_t packet = settings_.limits.packet_bytes_max;
    const std::uint64_t most = std::min(log.segment_bytes, log.unwritten_bytes_max) / 2;
    if (packet > most) {
        complain(std::max({line("limits.packet_bytes_max"), line("log.segment_bytes"),
                           line("log.unwritten_bytes_max")}),
                 "limits.packet_bytes_max",
                 "is more than half of log.segment_bytes or log.unwritten_bytes_max",
                 "at most " + format_bytes(most));
    }
}

}  // namespace

Result<Settings, ConfigErrors> parse_toml(std::string_view text, std::string_view file) {
    const toml::parse_result parsed = toml::parse(text, file);
    if (!parsed) {
        const toml::parse_error& error = parsed.error();
        return Failure{
            ConfigErrors{{std::string{file}, error.source().begin.line, "",
                          std::string{error.description()} +
                              " (the file is not TOML from here on, so the rest was not checked)",
                          ""}}};
    }
    Reading reading{file};
    reading.table(parsed.table(), "");
    reading.finish();
    return reading.result();
}

Result<Settings, ConfigErrors> load_file(const std::string& path) {
    const auto text = read_file(path, kFileBytesMax);
    if (!text) return Failure{ConfigErrors{{path, 0, "", text.error(), ""}}};
    return parse_toml(*text, path);
}

}  // namespace firehose::config
