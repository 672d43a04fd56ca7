// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Writes metrics as Prometheus reads them: text format 0.0.4.
///
///     PrometheusText text;
///     text.counter("firehose_records_total", "Records appended.", 7);
///     text.family("firehose_connections", "gauge", "Open connections.");
///     text.sample("transport", "mqtt", 3);
///
/// Names and labels are ours, never a client's; values of labels are escaped all the same.
/// Lifetime: a value. Threads: none.
/// Source:   prometheus.io, "Exposition formats"; checked by promtool in tests/cli.
namespace firehose::app {

class PrometheusText {
public:
    /// One figure that only grows; its name ends in `_total`.
    void counter(std::string_view name, std::string_view help, std::uint64_t value);
    /// One figure that comes and goes.
    void gauge(std::string_view name, std::string_view help, std::uint64_t value);

    /// Several of one name, told apart by one label: `sample` adds them to the family begun last.
    void family(std::string_view name, std::string_view type, std::string_view help);
    void sample(std::string_view label, std::string_view label_value, std::uint64_t value);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    void line(std::string_view labels, std::uint64_t value);

    std::string text_;
    std::string name_;  // Of the family at hand.
};

}  // namespace firehose::app
