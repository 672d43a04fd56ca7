// SPDX-License-Identifier: Apache-2.0
#include "config/write_toml.h"

#include "config/options.h"
#include "config/values.h"

namespace firehose::config {
namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        if (code < 0x20 || code == 0x7F) {
            constexpr std::string_view kDigits = "0123456789ABCDEF";
            out += std::string{"\\u00"} + kDigits[code >> 4U] + kDigits[code & 15U];
            continue;
        }
        if (byte == '"' || byte == '\\') out += '\\';
        out += byte;
    }
    return out + '"';
}

template <class List, class Text>
std::string list_text(const List& list, Text text) {
    std::string out;
    for (const auto& entry : list) out += (out.empty() ? "" : ", ") + quoted(text(entry));
    return "[" + out + "]";
}

/// What a field holds, in TOML.
struct ValueText {
    const Option& row;

    std::string operator()(const bool* flag) const { return *flag ? "true" : "false"; }
    std::string operator()(const std::uint64_t* number) const {
        const std::string size = format_bytes(*number);
        const bool has_unit =
            std::holds_alternative<Bytes>(row.type) && size.find(' ') != std::string::npos;
        return has_unit ? quoted(size) : std::to_string(*number);
    }
    std::string operator()(const Microseconds* time) const {
        return quoted(format_duration(*time));
    }
    std::string operator()(const std::string* text) const { return quoted(*text); }
    std::string operator()(const unsigned char* word) const {
        return quoted(std::get<Choice>(row.type).words[*word]);
    }
    std::string operator()(const std::vector<std::string>* list) const {
        return list_text(*list, [](const std::string& entry) { return entry; });
    }
    std::string operator()(const std::vector<Endpoint>* list) const {
        return list_text(*list, format_endpoint);
    }
};

std::string value_text(const Option& row, void* owner) {
    return std::visit(ValueText{row}, row.field(owner));
}

void add_line(std::string_view key, const std::string& value, std::string& text) {
    text += std::string{key} + " = " + value + "\n";
}

/// Each table of the list in `held`; `fresh` is an owner of the same kind, to make defaults in.
void add_list(const TableList& list, void* held, void* fresh, std::string& text) {
    void* const plain = list.append(fresh);
    for (std::size_t index = 0; void* one = list.at(held, index); ++index) {
        text += std::string{text.empty() ? "" : "\n"} + "[[" + std::string{list.key} + "]]\n";
        for (const Option& row : list.options) {
            const std::string value = value_text(row, one);
            if (value != value_text(row, plain)) add_line(row.key, value, text);
        }
        for (const TableList& inner : list.inner) add_list(inner, one, plain, text);
    }
}

}  // namespace

std::string write_toml(const Settings& settings) {
    // The tables' slots are made for writing as well; nothing is written through them here.
    Settings held = settings;
    Settings defaults;
    if (!held.listeners.empty()) {  // As load.cpp: they stand for the short form.
        defaults.listen.mqtt.clear();
        defaults.listen.http.clear();
    }
    std::string text;
    std::string_view section;
    for (const Option& row : options()) {
        const std::string value = value_text(row, &held);
        if (value == value_text(row, &defaults)) continue;
        std::string_view key = row.key;
        const std::string_view own = section_of(key);
        if (own != section) {
            text += std::string{text.empty() ? "" : "\n"} + "[" + std::string{own} + "]\n";
            section = own;
        }
        if (!own.empty()) key.remove_prefix(own.size() + 1);
        add_line(key, value, text);
    }
    for (const TableList& list : table_lists()) add_list(list, &held, &defaults, text);
    return text;
}

}  // namespace firehose::config
