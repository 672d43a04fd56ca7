// SPDX-License-Identifier: Apache-2.0
#include "source/gerrit_event.h"

#include <array>
#include <boost/json.hpp>
#include <utility>

namespace firehose::source {

namespace json = boost::json;

namespace {

constexpr std::size_t kTopicBytesMax = 65'535;
constexpr std::int64_t kLastSecond = 253'402'300'799;  // 9999-12-31T23:59:59Z.

/// Length of the well-formed UTF-8 sequence at the start of `text`; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xC0) != 0x80) return 0;
    }
    // Overlong forms, surrogates, and what lies past U+10FFFF, show in the second byte.
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return length;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string_view without_line_end(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

BadLine kind_of(const json::error_code& error) {
    if (error == json::error::incomplete) return BadLine::cut;
    if (error == json::error::too_deep) return BadLine::too_deep;
    if (error == json::error::extra_data) return BadLine::extra_data;
    return BadLine::not_json;
}

Result<json::object, BadLine> parse(std::string_view line) {
    json::parse_options options;
    options.max_depth = kDepthMax;
    json::error_code error;
    json::value value =
        json::parse(json::string_view{line.data(), line.size()}, error, {}, options);
    if (error) return Failure{kind_of(error)};
    if (!value.is_object()) return Failure{BadLine::wrong_type};
    return std::move(value.get_object());
}

/// Adds the project that `value` names, if it names one. False: it is of the wrong type.
bool add_project(const json::value* value, std::vector<std::string>& projects) {
    if (value == nullptr) return true;
    if (value->is_object()) value = value->get_object().if_contains("name");
    if (value == nullptr || !value->is_string()) return false;
    const json::string& text = value->get_string();
    if (!text.empty()) projects.emplace_back(text.data(), text.size());
    return true;
}

bool add_project_of(const json::value* holder, std::vector<std::string>& projects) {
    if (holder == nullptr) return true;
    if (!holder->is_object()) return false;
    return add_project(holder->get_object().if_contains("project"), projects);
}

/// The fields of the rule in their order: the first of `projects` is the event's.
bool read_projects(const json::object& event, std::vector<std::string>& projects) {
    const json::value* updates = event.if_contains("refUpdates");
    if (updates != nullptr && !updates->is_array()) return false;
    const bool has_updates = updates != nullptr && !updates->get_array().empty();
    return add_project(event.if_contains("project"), projects) &&
           add_project_of(event.if_contains("change"), projects) &&
           add_project_of(event.if_contains("refUpdate"), projects) &&
           add_project(event.if_contains("projectName"), projects) &&
           add_project_of(has_updates ? &updates->get_array().front() : nullptr, projects);
}

/// Further updates of a batch have no part in the topic, but what is denied is denied.
void add_projects_of_batch(const json::object& event, std::vector<std::string>& projects) {
    const json::value* updates = event.if_contains("refUpdates");
    if (updates == nullptr) return;
    for (const json::value& update : updates->get_array()) {
        static_cast<void>(add_project_of(&update, projects));
    }
}

/// Appends `text` with everything that a topic name may not hold turned into one `_` each.
void append_levels(std::string& topic, std::string_view text, bool slash_makes_level) {
    bool level_is_empty = true;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const auto first = static_cast<unsigned char>(text[0]);
        const bool is_c1 =
            length == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
        if (text[0] == '/' && slash_makes_level) {
            if (level_is_empty) topic += '_';
            topic += '/';
            level_is_empty = true;
        } else {
            const bool is_replaced = first < 0x20 || first == 0x7F || is_c1 || first == '+' ||
                                     first == '#' || first == '/';
            topic.append(is_replaced ? std::string_view{"_"} : text.substr(0, length));
            level_is_empty = false;
        }
        text.remove_prefix(length);
    }
    if (level_is_empty) topic += '_';
}

bool is_true(const json::object& object, json::string_view key) {
    const json::value* value = object.if_contains(key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

void read_change_facts(const json::object& event, DenyFacts& facts) {
    facts.is_draft = facts.type == "draft-published";
    if (const json::value* change = event.if_contains("change")) {
        const json::object& object = change->get_object();  // read_projects has checked that.
        facts.is_private = is_true(object, "private");
        const json::value* status = object.if_contains("status");
        if (status != nullptr && status->is_string() && status->get_string() == "DRAFT") {
            facts.is_draft = true;
        }
    }
    // The old documentation spells it both ways.
    for (const json::string_view key : {"patchSet", "patchset"}) {
        const json::value* patch_set = event.if_contains(key);
        if (patch_set != nullptr && patch_set->is_object() &&
            is_true(patch_set->get_object(), "isDraft")) {
            facts.is_draft = true;
        }
    }
}

std::optional<WallTime> read_time(const json::object& event) {
    const json::value* value = event.if_contains("eventCreatedOn");
    if (value == nullptr || !value->is_int64()) return std::nullopt;
    const std::int64_t seconds = value->get_int64();
    if (seconds < 0 || seconds > kLastSecond) return std::nullopt;
    return WallTime{std::chrono::seconds{seconds}};
}

/// As MQTT 5.0 PUBLISH at QoS 1 or 2 without properties, the largest that readers are sent.
std::size_t packet_bytes(std::size_t topic, std::size_t payload) {
    constexpr std::size_t kFixedHeader = 5;
    return kFixedHeader + 2 + topic + 2 + 1 + payload;
}

}  // namespace

std::string_view name(BadLine kind) noexcept {
    switch (kind) {
        case BadLine::cut:
            return "cut";
        case BadLine::not_json:
            return "not_json";
        case BadLine::invalid_utf8:
            return "invalid_utf8";
        case BadLine::wrong_type:
            return "wrong_type";
        case BadLine::too_deep:
            return "too_deep";
        case BadLine::too_large:
            return "too_large";
        case BadLine::extra_data:
            return "extra_data";
    }
    return "unknown";
}

Result<GerritEvent, BadLine> read_gerrit_event(std::string_view line,
                                               const GerritEventRules& rules) {
    GerritEvent result;
    result.payload = without_line_end(line);
    if (result.payload.size() > rules.packet_bytes_max) return Failure{BadLine::too_large};
    if (!is_utf8(result.payload)) return Failure{BadLine::invalid_utf8};
    const Result<json::object, BadLine> event = parse(result.payload);
    if (!event) return Failure{event.error()};

    const json::value* type = event->if_contains("type");
    std::vector<std::string>& projects = result.facts.projects;
    if (type == nullptr || !type->is_string() || !read_projects(*event, projects)) {
        return Failure{BadLine::wrong_type};
    }
    result.facts.type.assign(type->get_string().data(), type->get_string().size());
    read_change_facts(*event, result.facts);
    result.origin_time = read_time(*event);

    result.topic = rules.topic_base + "/";
    append_levels(result.topic, projects.empty() ? std::string_view{} : projects.front(), true);
    result.topic += '/';
    append_levels(result.topic, result.facts.type, false);
    if (result.topic.size() > kTopicBytesMax ||
        packet_bytes(result.topic.size(), result.payload.size()) > rules.packet_bytes_max) {
        return Failure{BadLine::too_large};
    }
    add_projects_of_batch(*event, projects);
    return result;
}

}  // namespace firehose::source
