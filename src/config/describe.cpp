// SPDX-License-Identifier: Apache-2.0
#include "config/describe.h"

#include <algorithm>

#include "config/values.h"

namespace firehose::config {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

std::string in_toml(std::string_view text) {
    std::string quoted = "\"";
    for (const char byte : text) {
        if (byte == '"' || byte == '\\') quoted += '\\';
        quoted += byte;
    }
    return quoted + '"';
}

std::string in_toml(Value::List list) {
    std::string text = "[";
    for (const std::string_view entry : list) {
        if (text.size() > 1) text += ", ";
        text += in_toml(entry);
    }
    return text + "]";
}

/// Sizes that are no multiple of 1024 are plain numbers: in TOML 2000000 needs no quotes.
std::string size_in_toml(std::uint64_t bytes) {
    const std::string text = format_bytes(bytes);
    return text.find(' ') == std::string::npos ? text : in_toml(text);
}

std::string size_for_people(std::uint64_t bytes) {
    const std::string text = format_bytes(bytes);
    return text.find(' ') == std::string::npos ? format_count(bytes) : text;
}

Microseconds time_of(Bound bound) {
    return Microseconds{static_cast<std::int64_t>(bound.number)};
}

std::string words_text(const Choice& choice) {
    std::string text;
    for (const std::string_view word : choice.words) {
        if (!text.empty()) text += ", ";
        text += in_toml(word);
    }
    return text;
}

std::string up_to(const Option& row) {
    return "up to " + std::to_string(row.max.number);
}

std::string example_of(const Option& row) {
    return row.example.empty() ? default_text(row) : std::string{row.example};
}

/// Breaks text into lines of at most `width` bytes, each after `indent`.
std::string wrapped(std::string_view text, std::string_view indent, std::size_t width) {
    std::string out;
    std::string line;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (!line.empty() && indent.size() + line.size() + 1 + word.size() > width) {
            out.append(indent).append(line) += '\n';
            line.clear();
        }
        if (!line.empty()) line += ' ';
        line += word;
    }
    out.append(indent).append(line) += '\n';
    return out;
}

/// Each list of tables, then those inside it.
template <class Visit>
void each_list(Visit visit) {
    for (const TableList& list : table_lists()) {
        visit(list);
        for (const TableList& inner : list.inner) visit(inner);
    }
}

/// The rows of one section, in the table's order.
template <class Visit>
void each_in(std::string_view section, Visit visit) {
    for (const Option& row : options()) {
        if (section_of(row.key) == section) visit(row);
    }
}

constexpr std::string_view kValues =
    "Sizes are texts with a unit (\"64 KiB\"; B, kB, MB, GB are powers of 1000, KiB, MiB, GiB, TiB "
    "of 1024) or plain numbers, in bytes. Durations are texts with a unit (\"500 ms\"; ms, s, min, "
    "h, d) or plain numbers, in seconds. Addresses are \"host:port\" with a numeric host, IPv6 in "
    "brackets. Relative paths start where firehose was started; ~/ is the home folder.";

std::string help_row(std::string_view prefix, const Option& row) {
    const std::string fallback = default_text(row);
    std::string text = "  " + std::string{prefix} + std::string{row.key} +
                       (fallback.empty() ? "  (required)" : " = " + fallback) + "\n";
    text += wrapped(row.doc, "      ", 79);
    text += wrapped("Allowed: " + allowed_text(row) + ".", "      ", 79);
    return text;
}

std::string md_table_head() {
    return "| key | type | default | allowed | reload | what it is |\n|---|---|---|---|---|---|\n";
}

std::string md_row(const Option& row) {
    const std::string fallback = default_text(row);
    std::string text =
        "| `" + std::string{row.key} + "` | " + type_text(row) + " | " +
        (fallback.empty() ? "required" : "`" + fallback + "`") + " | " + allowed_text(row) + " | " +
        (row.reload == Reload::live ? "live" : "restart") + " | " + std::string{row.doc};
    if (!row.example.empty()) text += " Example: `" + std::string{row.example} + "`.";
    return text + " |\n";
}

std::string last_part(const Option& row) {
    const auto dot = row.key.find('.');
    return std::string{dot == std::string_view::npos ? row.key : row.key.substr(dot + 1)};
}

std::string sample_row(const std::string& name, const Option& row) {
    const std::string fallback = default_text(row);
    return wrapped(std::string{row.doc} + " (" + allowed_text(row) + ")", "# ", 99) + "#" + name +
           " = " + (fallback.empty() ? example_of(row) : fallback) + "\n\n";
}

}  // namespace

std::string type_text(const Option& row) {
    return std::visit(Overloaded{
                          [](const Bool&) { return "true or false"; },
                          [](const Count&) { return "number"; },
                          [](const Bytes&) { return "size"; },
                          [](const Duration&) { return "duration"; },
                          [](const Text&) { return "text"; },
                          [](const Path&) { return "path"; },
                          [](const Choice&) { return "one of"; },
                          [](const ListOfText&) { return "list of texts"; },
                          [](const ListOfEndpoints&) { return "list of addresses"; },
                      },
                      row.type);
}

std::string allowed_text(const Option& row) {
    return std::visit(
        Overloaded{
            [](const Bool&) { return std::string{"true or false"}; },
            [&](const Count&) {
                return format_count(row.min.number) + " to " + format_count(row.max.number);
            },
            [&](const Bytes&) {
                return size_for_people(row.min.number) + " to " + size_for_people(row.max.number);
            },
            [&](const Duration&) {
                return format_duration(time_of(row.min)) + " to " +
                       format_duration(time_of(row.max));
            },
            [&](const Text&) {
                return "a text of " + std::to_string(row.min.number) + " to " +
                       std::to_string(row.max.number) + " bytes";
            },
            [](const Path&) { return std::string{"a path"}; },
            [](const Choice& choice) { return words_text(choice); },
            [&](const ListOfText&) { return "a list of " + up_to(row) + " texts"; },
            [&](const ListOfEndpoints&) {
                return "a list of " + up_to(row) + R"( addresses such as "127.0.0.1:1883" or )" +
                       R"("[::1]:1883")";
            },
        },
        row.type);
}

std::string default_text(const Option& row) {
    return std::visit(Overloaded{
                          [](const Value::Required&) { return std::string{}; },
                          [](bool flag) { return std::string{flag ? "true" : "false"}; },
                          [&](std::uint64_t number) {
                              return std::holds_alternative<Bytes>(row.type)
                                         ? size_in_toml(number)
                                         : std::to_string(number);
                          },
                          [](Microseconds time) { return in_toml(format_duration(time)); },
                          [](std::string_view text) { return in_toml(text); },
                          [](Value::List list) { return in_toml(list); },
                      },
                      row.value.held);
}

std::string help_config() {
    std::string text = "Every key of the configuration file, with its default.\n\n";
    text += wrapped(kValues, "", 79);
    for (const Section& section : sections()) {
        text += '\n';
        if (section.name.empty()) {
            text += std::string{section.doc} + "\n";
        } else {
            text += std::string{section.name} + ": " + std::string{section.doc} + "\n";
        }
        each_in(section.name, [&](const Option& row) { text += help_row("", row); });
    }
    each_list([&](const TableList& list) {
        text +=
            "\n" + wrapped("[[" + std::string{list.key} + "]]: " + std::string{list.doc}, "", 79);
        for (const Option& row : list.options) text += help_row("", row);
    });
    return text;
}

std::string configuration_md() {
    std::string text =
        "# Configuration\n\n"
        "<!-- Made from the table in src/config/options.cpp by `config_docs`, a test compares. "
        "-->\n\n"
        "`firehose serve -c FILE` reads a TOML file; without one the defaults below hold. "
        "`firehose check-config FILE`\nreports everything that is wrong with a file. Unknown keys, "
        "wrong types and values out of range are reported\ntogether, before a port opens; only a "
        "syntax error stops at the first. `deploy/firehose.toml` is a file with\nevery key at its "
        "default.\n\n";
    text += wrapped(kValues, "", 110);
    text +=
        "\n**reload** says whether a changed value is taken over while the bus runs (`live`) or at "
        "the next start (`restart`).\n";
    for (const Section& section : sections()) {
        const std::string title =
            section.name.empty() ? "Top level" : "[" + std::string{section.name} + "]";
        text +=
            "\n## " + title + "\n\n" + std::string{section.doc} +
            (section.name.empty() ? "" : " Keys are written below `" + title + "`, or in full.");
        text += "\n\n" + md_table_head();
        each_in(section.name, [&](const Option& row) { text += md_row(row); });
    }
    each_list([&](const TableList& list) {
        text += "\n## [[" + std::string{list.key} + "]]\n\n" + std::string{list.doc} + "\n\n" +
                md_table_head();
        for (const Option& row : list.options) text += md_row(row);
    });
    return text;
}

std::string sample_toml() {
    std::string text =
        "# SPDX-License-Identifier: Apache-2.0\n"
        "# Configuration of firehose: every key at its default. Take the # away to change one.\n"
        "# Made from the table in src/config/options.cpp; `firehose check-config FILE` checks it.\n"
        "#\n";
    text += wrapped(kValues, "# ", 99) + "\n";
    for (const Section& section : sections()) {
        if (!section.name.empty()) {
            text += "# " + std::string{section.doc} + "\n[" + std::string{section.name} + "]\n\n";
        }
        each_in(section.name, [&](const Option& row) { text += sample_row(last_part(row), row); });
    }
    each_list([&](const TableList& list) {
        text += "# " + std::string{list.doc} + "\n#[[" + std::string{list.key} + "]]\n\n";
        for (const Option& row : list.options) text += sample_row(std::string{row.key}, row);
    });
    text.pop_back();
    return text;
}

}  // namespace firehose::config
