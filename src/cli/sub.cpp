// SPDX-License-Identifier: Apache-2.0
#include "cli/sub.h"

#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "cli/command.h"

namespace firehose::cli {
namespace {

constexpr const char* kName = "firehose sub";
constexpr std::size_t kTextBytesMax = 65'536;

const std::map<std::string, mqtt::RetainHandling> kRetainHandlings{
    {"always", mqtt::RetainHandling::send},
    {"new", mqtt::RetainHandling::send_if_new},
    {"never", mqtt::RetainHandling::do_not_send},
};

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose sub -t '#' -v                       everything, with its topics\n"
    "  firehose sub -h bus.example.org -t 'gerrit/#' --json\n"
    "  firehose sub -t 'gerrit/+/change-merged' -C 1 -W 60\n"
    "\n"
    "A lost connection is made again, with growing pauses; the first one is not retried.\n"
    "Exit codes: 0 -C or -W was reached, or Ctrl-C; 1 no connection, the server refused, or -W\n"
    "came before -C; 2 wrong usage.";

class Subscriber final : public MqttSessionHandler {
public:
    Subscriber(const SubOptions& options, SessionFlags flags, source::StopSignal& stop)
        : options_(options),
          subscription_id_(flags.properties.subscription_id),
          pairs_(std::move(flags.properties.subscribe_pairs)),
          loop_(std::move(flags.loop), *this, stop) {}

    int run();

    void on_event(const client::Event& event) override;
    void on_turn() override { flush(); }

private:
    void subscribe();
    void on_subscribed(const client::Subscribed& answer);
    void on_message(const client::Message& message);
    void flush();

    const SubOptions& options_;
    const std::optional<std::uint32_t> subscription_id_;
    const std::vector<Properties::Pair> pairs_;
    MqttSessionLoop loop_;
    std::string text_;  // Printed, not yet written.
    std::uint64_t seen_ = 0;
};

int Subscriber::run() {
    const SessionEnd end = loop_.run();
    flush();
    switch (end) {
        case SessionEnd::finished:
        case SessionEnd::interrupted:
            return kExitOk;
        case SessionEnd::timed_out:
            if (options_.count == 0) return kExitOk;
            std::fprintf(stderr, "%s: %llu of %llu messages came in time\n", kName,
                         static_cast<unsigned long long>(seen_),
                         static_cast<unsigned long long>(options_.count));
            return kExitFailed;
        case SessionEnd::failed:
            return kExitFailed;
    }
    return kExitFailed;
}

void Subscriber::on_event(const client::Event& event) {
    if (std::holds_alternative<client::Connected>(event)) subscribe();
    if (const auto* answer = std::get_if<client::Subscribed>(&event)) on_subscribed(*answer);
    if (const auto* message = std::get_if<client::Message>(&event)) on_message(*message);
}

void Subscriber::subscribe() {
    std::vector<mqtt::Subscribe::Entry> entries;
    for (const std::string& filter : options_.filters) {
        entries.push_back({.filter = filter,
                           .options = {.qos = static_cast<mqtt::Qos>(options_.qos),
                                       .no_local = options_.no_local,
                                       .retain_as_published = options_.retain_as_published,
                                       .retain_handling = options_.skips_retained
                                                              ? mqtt::RetainHandling::do_not_send
                                                              : options_.retain_handling}});
    }
    // Rule **Reserved properties**; other brokers pay no attention to it.
    std::vector<mqtt::UserProperty> pairs;
    if (options_.style == PrintStyle::json) pairs.push_back({"firehose-seq", "1"});
    for (const auto& [pair_name, value] : pairs_) pairs.push_back({pair_name, value});
    const auto token = loop_.client().subscribe(entries, pairs, subscription_id_);
    if (!token) loop_.fail("--topic: " + std::string{name(token.error())});
}

void Subscriber::on_subscribed(const client::Subscribed& answer) {
    std::size_t refused = 0;
    for (std::size_t i = 0; i < answer.reasons.size(); ++i) {
        if (answer.reasons[i] < mqtt::ReasonCode::unspecified_error) continue;
        ++refused;
        const std::string why = answer.text.empty() ? "" : " (" + answer.text + ")";
        std::fprintf(stderr, "%s: the server refused the topic %s: %s%s\n", kName,
                     options_.filters[i].c_str(), std::string{name(answer.reasons[i])}.c_str(),
                     why.c_str());
    }
    if (refused == answer.reasons.size()) loop_.fail("no topic is left to follow");
}

void Subscriber::on_message(const client::Message& message) {
    // Servers before 5.0 know no Retain Handling.
    if (message.retain && options_.skips_retained && !options_.retain_as_published) return;
    if (options_.count > 0 && seen_ == options_.count) return;
    ++seen_;
    append_message(message, options_.style, text_);
    if (text_.size() > kTextBytesMax) flush();
    if (seen_ == options_.count) loop_.finish();
}

void Subscriber::flush() {
    if (text_.empty()) return;
    const bool is_written = std::fwrite(text_.data(), 1, text_.size(), stdout) == text_.size() &&
                            std::fflush(stdout) == 0;
    text_.clear();
    if (!is_written) loop_.fail("standard output: cannot be written");
}

}  // namespace

int run_sub(const SubOptions& options) {
    auto flags = session_options(kName, options.connection);
    if (!flags) return kExitUsage;
    static source::StopSignal stop;  // Signals may come as long as the program lives.
    stop_at_signals(stop);
    return Subscriber{options, *std::move(flags), stop}.run();
}

void add_sub_command(CLI::App& program, int& exit_code) {
    CLI::App* sub = program.add_subcommand("sub", "Prints what is published, as it comes");
    auto options = std::make_shared<SubOptions>();
    add_connection_flags(*sub, options->connection);
    sub->add_option("-t,--topic", options->filters, "A topic filter; may be given again")
        ->required()
        ->allow_extra_args(false)
        ->type_name("FILTER");
    sub->add_option("-q,--qos", options->qos, "The highest QoS to be served with")
        ->capture_default_str()
        ->check(CLI::Range(0, 2));
    sub->add_flag_callback(
        "-v,--verbose", [options] { options->style = PrintStyle::topic_and_payload; },
        "Print the topic before each payload");
    sub->add_flag_callback(
        "--json", [options] { options->style = PrintStyle::json; },
        "Print one JSON object a line, with seq and time where the server gives them");
    sub->add_flag("-R,--no-retained", options->skips_retained, "Leave retained messages out");
    sub->add_flag("--no-local", options->no_local, "Not what this client publishes (MQTT 5)");
    sub->add_flag("--retain-as-published", options->retain_as_published,
                  "Show of each message whether it was published as retained (MQTT 5)");
    sub->add_option("--retain-handling", options->retain_handling,
                    "Retained messages: always, new (with a new subscription), never (MQTT 5)")
        ->transform(CLI::CheckedTransformer(kRetainHandlings))
        ->type_name("WHEN");
    sub->add_option("-C,--count", options->count, "End after so many messages")
        ->check(CLI::PositiveNumber);
    sub->footer(kExamples);
    sub->callback([options, &exit_code] { exit_code = run_sub(*options); });
}

}  // namespace firehose::cli
