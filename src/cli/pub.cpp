// SPDX-License-Identifier: Apache-2.0
#include "cli/pub.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "cli/command.h"

namespace firehose::cli {
namespace {

constexpr const char* kName = "firehose pub";
constexpr std::size_t kReadBytes = 65'536;
constexpr std::size_t kLineBytesMax = 16U << 20U;

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose pub -t ci/build -m 'passed' -u ci --password-file ci.pw\n"
    "  tail -f events.jsonl | firehose pub -t app/events -l -q 1 -u app\n"
    "  firehose pub -t app/status -n -r             clears the retained message\n"
    "\n"
    "With -q 1 and -q 2 it ends when the server has acknowledged everything; what a lost\n"
    "connection left open is sent again.\n"
    "Exit codes: 0 everything was taken; 1 no connection, or the server refused; 2 wrong usage.";

class Publisher final : public MqttSessionHandler {
public:
    Publisher(const PubOptions& options, SessionFlags flags, source::StopSignal& stop)
        : options_(options),
          properties_(std::move(flags.properties.publish)),
          loop_(std::move(flags.loop), *this, stop) {}

    /// The only message, or nothing: then the messages are standard input's lines.
    int run(std::optional<std::string> message);

    void on_event(const client::Event& event) override;
    void on_turn() override;
    [[nodiscard]] int input_fd() override;
    void on_input() override;

private:
    void take_lines();
    [[nodiscard]] bool publish(const std::string& payload);
    [[nodiscard]] mqtt::Qos qos() const noexcept { return static_cast<mqtt::Qos>(options_.qos); }

    const PubOptions& options_;
    const ByteBuffer properties_;
    MqttSessionLoop loop_;
    std::deque<std::string> waiting_;  // Bounded: input is read only when it is empty.
    std::string input_;                // A line that has not ended.
    bool is_input_over_ = true;
    bool was_refused_ = false;
};

int Publisher::run(std::optional<std::string> message) {
    is_input_over_ = message.has_value();
    if (message) waiting_.push_back(*std::move(message));
    const SessionEnd end = loop_.run();
    if (end == SessionEnd::finished) return was_refused_ ? kExitFailed : kExitOk;
    if (end != SessionEnd::failed) {
        std::fprintf(stderr, "%s: ended with %zu messages not acknowledged\n", kName,
                     waiting_.size() + loop_.client().in_flight());
    }
    return kExitFailed;
}

void Publisher::on_event(const client::Event& event) {
    const auto* published = std::get_if<client::Published>(&event);
    if (published == nullptr || published->reason < mqtt::ReasonCode::unspecified_error) return;
    if (!was_refused_) {
        const bool is_right = published->reason == mqtt::ReasonCode::not_authorized;
        std::fprintf(stderr, "%s: the server refused to publish to %s: %s%s\n", kName,
                     options_.topic.c_str(), std::string{name(published->reason)}.c_str(),
                     is_right ? "; this user needs a line in the server's ACL file" : "");
    }
    was_refused_ = true;
}

void Publisher::on_turn() {
    while (!waiting_.empty() && loop_.client().can_publish(qos()) && !loop_.is_output_full()) {
        if (!publish(waiting_.front())) return;
        waiting_.pop_front();
    }
    if (is_input_over_ && waiting_.empty() && loop_.client().in_flight() == 0) loop_.finish();
}

bool Publisher::publish(const std::string& payload) {
    const auto token = loop_.client().publish({.topic = options_.topic,
                                               .payload = as_bytes(payload),
                                               .qos = qos(),
                                               .retain = options_.retain,
                                               .properties = properties_});
    if (token) return true;
    const std::string what = token.error() == client::Rejected::bad_topic
                                 ? "--topic " + options_.topic
                                 : "message of " + std::to_string(payload.size()) + " bytes";
    loop_.fail(what + ": " + std::string{name(token.error())});
    return false;
}

int Publisher::input_fd() {
    return !is_input_over_ && waiting_.empty() && !loop_.is_output_full() ? STDIN_FILENO : -1;
}

void Publisher::on_input() {
    std::array<char, kReadBytes> buffer;
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (count < 0) {
        loop_.fail("standard input: " + std::generic_category().message(errno));
        return;
    }
    input_.append(buffer.data(), static_cast<std::size_t>(count));
    take_lines();
    if (count == 0) {
        if (!input_.empty()) waiting_.push_back(std::exchange(input_, {}));
        is_input_over_ = true;
    } else if (input_.size() > kLineBytesMax) {
        loop_.fail("standard input: a line of more than 16 MiB");
    }
}

void Publisher::take_lines() {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = input_.find('\n', begin)) != std::string::npos;) {
        waiting_.push_back(input_.substr(begin, end - begin));
        begin = end + 1;
    }
    input_.erase(0, begin);
}

/// The only message; nullopt once what is wrong was printed. Not for lines.
std::optional<std::string> message_of(const PubOptions& options) {
    if (options.is_empty) return std::string{};
    if (options.message) return options.message;
    std::ifstream file{options.file, std::ios::binary};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (file.good() || file.eof()) return text;
    std::fprintf(stderr, "%s: --file %s: %s\n", kName, options.file.c_str(),
                 std::generic_category().message(errno).c_str());
    return std::nullopt;
}

}  // namespace

int run_pub(const PubOptions& options) {
    std::optional<std::string> message;
    if (!options.is_lines) {
        message = message_of(options);
        if (!message) return kExitUsage;
    }
    auto flags = session_options(kName, options.connection);
    if (!flags) return kExitUsage;
    // So that QoS 2 stays exactly once over a short loss of the connection.
    constexpr std::uint32_t kSessionKeptS = 300;
    std::uint32_t& expiry_s = flags->loop.client.session_expiry_s;
    if (options.qos > 0 && expiry_s == 0) expiry_s = kSessionKeptS;
    static source::StopSignal stop;  // Signals may come as long as the program lives.
    stop_at_signals(stop);
    return Publisher{options, *std::move(flags), stop}.run(std::move(message));
}

void add_pub_command(CLI::App& program, int& exit_code) {
    CLI::App* pub = program.add_subcommand("pub", "Publishes a message, a file, or lines");
    auto options = std::make_shared<PubOptions>();
    add_connection_flags(*pub, options->connection);
    pub->add_option("-t,--topic", options->topic, "The topic")->required();
    CLI::Option_group* what = pub->add_option_group("What to publish, one of");
    what->add_option("-m,--message", options->message, "This text");
    what->add_option("-f,--file", options->file, "A file, as one message");
    what->add_flag("-l,--lines", options->is_lines, "Each line of standard input");
    what->add_flag("-n,--null", options->is_empty, "Nothing; with -r it clears the topic");
    what->require_option(1);
    pub->add_option("-q,--qos", options->qos, "0, 1 or 2")
        ->capture_default_str()
        ->check(CLI::Range(0, 2));
    pub->add_flag("-r,--retain", options->retain,
                  "Let the server keep it for those who come later");
    pub->footer(kExamples);
    pub->callback([options, &exit_code] { exit_code = run_pub(*options); });
}

}  // namespace firehose::cli
