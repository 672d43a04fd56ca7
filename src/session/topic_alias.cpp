// SPDX-License-Identifier: Apache-2.0
#include "session/topic_alias.h"

namespace firehose::session {

namespace {

Failure<mqtt::ProtocolError> fail(mqtt::ReasonCode reason, std::string_view detail,
                                  std::string_view statement) noexcept {
    mqtt::ProtocolError error;
    error.reason = reason;
    error.detail = detail;
    error.statement = statement;
    return Failure{error};
}

}  // namespace

Result<std::string_view, mqtt::ProtocolError> TopicAliases::resolve(
    std::string_view topic, std::optional<std::uint16_t> alias) {
    using mqtt::ReasonCode;
    if (!alias) {
        if (!topic.empty()) return topic;
        return fail(ReasonCode::protocol_error, "Topic Name: empty without Topic Alias",
                    "MQTT-4.7.3-1");
    }
    if (*alias == 0) {
        return fail(ReasonCode::topic_alias_invalid, "Topic Alias: 0", "MQTT-3.3.2-8");
    }
    if (*alias > alias_max_) {
        return fail(ReasonCode::topic_alias_invalid, "Topic Alias: above our maximum",
                    "MQTT-3.3.2-9");
    }
    const std::size_t index = *alias - 1U;
    if (!topic.empty()) {
        if (names_.size() <= index) names_.resize(index + 1);
        names_[index] = topic;  // [MQTT-3.3.2-12]
        return topic;
    }
    if (index >= names_.size() || names_[index].empty()) {
        return fail(ReasonCode::protocol_error, "Topic Alias: never set on this connection",
                    "MQTT-3.3.2-7");
    }
    return std::string_view{names_[index]};
}

OutboundAliases::Use OutboundAliases::of(std::string_view topic) const {
    if (alias_max_ == 0) return {};
    const auto known = alias_of_.find(topic);
    if (known != alias_of_.end()) return {.alias = known->second, .is_known = true};
    if (alias_of_.size() >= alias_max_) return {};
    return {.alias = static_cast<std::uint16_t>(alias_of_.size() + 1)};
}

void OutboundAliases::set(std::string_view topic) {
    const auto alias = static_cast<std::uint16_t>(alias_of_.size() + 1);
    alias_of_.emplace(topic, alias);
}

}  // namespace firehose::session
