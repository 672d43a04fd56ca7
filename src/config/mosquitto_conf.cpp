// SPDX-License-Identifier: Apache-2.0
#include "config/mosquitto_conf.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include "config/checks.h"
#include "config/files.h"
#include "config/load.h"
#include "config/mosquitto_draft.h"
#include "config/mosquitto_options.h"
#include "config/nearest.h"
#include "config/options.h"
#include "config/write_toml.h"

namespace firehose::config {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";
constexpr std::string_view kOurs = "firehose_";
constexpr std::size_t kLineBytesMax = 65'535;
constexpr std::size_t kTextBytesMax = 4'095;

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find_first_of(kBlanks), text.size());
    const std::string_view word = text.substr(0, end);
    text = trimmed(text.substr(end));
    return word;
}

std::string shown(std::string_view text) {
    constexpr std::size_t kShown = 60;
    std::string out = "\"";
    for (const char byte : text.substr(0, kShown)) {
        out += static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F ? '?' : byte;
    }
    return out + (text.size() > kShown ? "...\"" : "\"");
}

/// As strtol(3) with base 0 reads it, which mosquitto uses: 0x10 and 010 are not ten.
std::optional<std::int64_t> number_of(std::string_view word) {
    const bool is_negative = word.starts_with('-');
    if (is_negative || word.starts_with('+')) word.remove_prefix(1);
    int base = 10;
    if (word.size() > 2 && (word.starts_with("0x") || word.starts_with("0X"))) {
        base = 16;
        word.remove_prefix(2);
    } else if (word.size() > 1 && word.starts_with('0')) {
        base = 8;
    }
    std::int64_t number = 0;
    const auto [end, failed] =
        std::from_chars(word.data(), word.data() + word.size(), number, base);
    if (failed != std::errc{} || end != word.data() + word.size() || number < 0) {
        return std::nullopt;
    }
    return is_negative ? -number : number;
}

/// Reads a value as its row's kind says; the answer is what is wrong with it.
struct ReadValue {
    MosquittoGiven& given;

    std::string operator()(const MosquittoFlag&) const {
        given.flag = given.word == "true" || given.word == "1";
        const bool is_flag = given.flag || given.word == "false" || given.word == "0";
        return is_flag ? "" : shown(given.word) + " is neither true nor false";
    }
    std::string operator()(const MosquittoNumber& row) const {
        const auto number = number_of(given.word);
        if (!number) return shown(given.word) + " is no number that fits";
        given.number = *number;
        return *number < row.min || *number > row.max ? "is out of range" : "";
    }
    std::string operator()(const MosquittoText&) const {
        if (given.text.size() > kTextBytesMax) return "is too long";
        if (!is_utf8(given.text)) return "is not UTF-8";
        return given.text.find('\0') == std::string_view::npos ? "" : "contains a zero byte";
    }
    std::string operator()(const MosquittoWords& row) const {
        const bool is_known =
            row.words.empty() || std::ranges::find(row.words, given.word) != row.words.end();
        return is_known ? "" : shown(given.word) + " is none of the words";
    }
    std::string operator()(const MosquittoAnything&) const { return ""; }
};

/// A key of ours, by its name with dots or with underscores.
const Option* find_our_option(std::string_view spelt) {
    const auto is_same = [&](std::string_view key) {
        return key.size() == spelt.size() &&
               std::equal(key.begin(), key.end(), spelt.begin(), [](char ours, char theirs) {
                   return ours == theirs || (ours == '.' && theirs == '_');
               });
    };
    for (const Option& row : options()) {
        if (is_same(row.key)) return &row;
    }
    return nullptr;
}

/// The value as TOML writes it: texts get their quotes unless the file has some.
std::string in_toml(const Option& row, std::string_view value) {
    const bool is_bare = std::holds_alternative<Bool>(row.type) ||
                         std::holds_alternative<Count>(row.type) || value.starts_with('"') ||
                         value.starts_with('[') || value.starts_with('\'');
    const bool is_number = !value.empty() && std::ranges::all_of(value, [](char byte) {
        return byte >= '0' && byte <= '9';
    });
    const bool is_quantity =
        std::holds_alternative<Bytes>(row.type) || std::holds_alternative<Duration>(row.type);
    if (is_bare || (is_number && is_quantity)) return std::string{value};
    std::string quoted = "\"";
    for (const char byte : value) {
        if (byte == '"' || byte == '\\') quoted += '\\';
        quoted += byte;
    }
    return quoted + '"';
}

class Reader {
public:
    Reader(const ReadFolder& read_folder, MosquittoDraft& draft)
        : read_folder_(read_folder), draft_(draft) {}

    void file(std::string_view text, std::string_view name, bool is_included);

private:
    void line(std::string_view text);
    void option(const MosquittoOption& row, std::string_view value);
    void ours(std::string_view key, std::string_view value);
    void unknown(std::string_view name);
    void include(std::string_view path);

    const ReadFolder& read_folder_;
    MosquittoDraft& draft_;
    bool is_included_ = false;
    std::map<std::string, std::size_t, std::less<>> once_;
    std::string ours_;  // Of this file, in TOML, each key in its own line.
    std::size_t ours_lines_ = 0;
};

void Reader::file(std::string_view text, std::string_view name, bool is_included) {
    is_included_ = is_included;
    draft_.file = name;
    draft_.line = 0;
    draft_.current = MosquittoDraft::kNone;  // A file's options do not continue another's listener.
    ours_.clear();
    ours_lines_ = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        ++draft_.line;
        line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (ours_.empty()) return;
    auto read = parse_toml_over(draft_.settings, ours_, name);
    if (read) {
        draft_.settings = *std::move(read);
    } else {
        draft_.errors.insert(draft_.errors.end(), read.error().begin(), read.error().end());
    }
}

void Reader::line(std::string_view text) {
    draft_.name.clear();
    if (text.starts_with('#')) return;
    if (text.size() > kLineBytesMax) return draft_.fail("the line is too long");
    text = trimmed(text);
    if (text.empty()) return;
    const std::string_view name = take_word(text);
    draft_.name = shown(name).substr(1, shown(name).size() - 2);
    if (name.starts_with(kOurs)) return ours(name.substr(kOurs.size()), text);
    const MosquittoOption* row = find_mosquitto_option(name);
    if (row == nullptr) return unknown(name);
    option(*row, text);
}

void Reader::option(const MosquittoOption& row, std::string_view value) {
    if (row.fate == MosquittoFate::refused) {
        return draft_.fail("is not supported: " + std::string{row.doc});
    }
    MosquittoGiven given{.text = value, .word = {}, .rest = value};
    given.word = take_word(given.rest);
    const bool needs_value = !std::holds_alternative<MosquittoAnything>(row.kind);
    if (needs_value && value.empty()) return draft_.fail("has no value", allowed_text(row.kind));
    if (std::string wrong = std::visit(ReadValue{given}, row.kind); !wrong.empty()) {
        return draft_.fail(std::move(wrong), allowed_text(row.kind));
    }
    if (const auto* text = std::get_if<MosquittoText>(&row.kind);
        text != nullptr && text->is_once) {
        const auto [first, is_new] = once_.try_emplace(std::string{row.name}, draft_.line);
        if (!is_new) return draft_.fail("is given a second time", "once");
    }
    if (row.name == "include_dir") return include(value);
    if (row.fate == MosquittoFate::noted) return draft_.note(std::string{row.doc});
    row.take(draft_, given);
}

void Reader::ours(std::string_view key, std::string_view value) {
    const Option* row = find_our_option(key);
    if (row == nullptr) {
        std::vector<std::string> known;
        for (const Option& option : options()) known.emplace_back(option.key);
        const std::string near = nearest(key, known);
        return draft_.fail("is no known key" +
                           (near.empty() ? "" : ": did you mean firehose_" + near + "?"));
    }
    if (value.empty()) return draft_.fail("has no value");
    for (; ours_lines_ + 1 < draft_.line; ++ours_lines_) ours_ += '\n';
    ours_ += std::string{row->key} + " = " + in_toml(*row, value);
}

void Reader::unknown(std::string_view name) {
    if (name.starts_with('#')) {
        return draft_.fail("is no option; a comment begins with the first character of its line");
    }
    const std::string near = nearest(name, mosquitto_option_names());
    draft_.fail("is no known option" + (near.empty() ? "" : ": did you mean " + near + "?"));
}

void Reader::include(std::string_view path) {
    if (is_included_) return draft_.fail("is for the main file only");
    if (!read_folder_) return draft_.fail("cannot be read here");
    const auto files = read_folder_(std::string{path});
    if (!files) return draft_.fail(files.error());
    // The main file goes on where it was.
    const auto kept = std::tuple{draft_.file, draft_.line, draft_.current, ours_, ours_lines_};
    for (const IncludedFile& included : *files) file(included.text, included.path, true);
    is_included_ = false;
    std::tie(draft_.file, draft_.line, draft_.current, ours_, ours_lines_) = kept;
}

Result<std::vector<IncludedFile>, std::string> read_folder(const std::string& path) {
    std::error_code failed;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator entry{path, failed}, end; !failed && entry != end;
         entry.increment(failed)) {
        std::string name = entry->path().filename().string();
        if (name.size() > 5 && name.ends_with(".conf")) names.push_back(std::move(name));
        if (names.size() > kIncludedMax) return Failure{"has more than 1,000 files"};
    }
    if (failed) return Failure{shown(path) + ": " + failed.message()};
    std::sort(names.begin(), names.end(), is_included_before);
    std::vector<IncludedFile> files;
    for (const std::string& name : names) {
        std::string whole = path + (path.ends_with('/') ? "" : "/") + name;
        auto text = read_file(whole, kFileBytesMax);
        if (!text) return Failure{whole + ": " + text.error()};
        files.push_back({.path = std::move(whole), .text = *std::move(text)});
    }
    return files;
}

char upper(char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

}  // namespace

bool is_included_before(std::string_view one, std::string_view other) {
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
        if (one[i] == other[i]) continue;
        const auto big = static_cast<unsigned char>(upper(one[i]));
        const auto other_big = static_cast<unsigned char>(upper(other[i]));
        return big == other_big ? one[i] < other[i] : big < other_big;
    }
    return one.size() < other.size();
}

bool is_mosquitto_conf(std::string_view text, std::string_view file) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        if (line.starts_with('[')) return false;
        const std::string_view name = take_word(line);
        const bool is_toml = line.starts_with('=') || name.find('=') != std::string_view::npos;
        return !is_toml;
    }
    return !file.ends_with(".toml");
}

Result<MosquittoConf, ConfigErrors> parse_mosquitto_conf(std::string_view text,
                                                         std::string_view file,
                                                         const ReadFolder& read_folder,
                                                         const std::vector<std::uint16_t>& ports) {
    MosquittoDraft draft;
    Reader{read_folder, draft}.file(text, file, false);
    draft.finish(ports);
    if (!draft.errors.empty()) return Failure{std::move(draft.errors)};
    // What a firehose.toml may not say, this may not either: the tables' ranges hold for both.
    if (auto checked = parse_toml(write_toml(draft.settings), file); !checked) {
        ConfigErrors problems = checked.error();
        for (ConfigError& error : problems) error.line = 0;
        return Failure{std::move(problems)};
    }
    return MosquittoConf{.settings = std::move(draft.settings), .notes = std::move(draft.notes)};
}

Result<MosquittoConf, ConfigErrors> load_mosquitto_conf(const std::string& path,
                                                        const std::vector<std::uint16_t>& ports) {
    const auto text = read_file(path, kFileBytesMax);
    if (!text) return Failure{ConfigErrors{{path, 0, "", text.error(), ""}}};
    return parse_mosquitto_conf(*text, path, read_folder, ports);
}

}  // namespace firehose::config
