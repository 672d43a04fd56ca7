// SPDX-License-Identifier: Apache-2.0
#include "app/prometheus.h"

namespace firehose::app {
namespace {

std::string escaped(std::string_view text) {
    std::string out;
    for (const char byte : text) {
        if (byte == '\n') {
            out += "\\n";
            continue;
        }
        if (byte == '\\' || byte == '"') out += '\\';
        out += byte;
    }
    return out;
}

}  // namespace

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += "# HELP " + name_ + " " + std::string{help} + "\n# TYPE " + name_ + " " +
             std::string{type} + "\n";
}

void PrometheusText::line(std::string_view labels, std::uint64_t value) {
    text_ += name_;
    text_ += labels;
    text_ += " " + std::to_string(value) + "\n";
}

void PrometheusText::counter(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "counter", help);
    line("", value);
}

void PrometheusText::gauge(std::string_view name, std::string_view help, std::uint64_t value) {
    family(name, "gauge", help);
    line("", value);
}

void PrometheusText::sample(std::string_view label, std::string_view label_value,
                            std::uint64_t value) {
    line("{" + std::string{label} + "=\"" + escaped(label_value) + "\"}", value);
}

}  // namespace firehose::app
