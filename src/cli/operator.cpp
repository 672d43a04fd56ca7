// SPDX-License-Identifier: Apache-2.0
// firehose connections, sessions, disconnect, trace, metrics: a running bus as its operator sees
// it.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cli/admin_client.h"
#include "cli/command.h"

namespace firehose::cli {
namespace {

constexpr const char* kFooter =
    "The bus is asked through its admin door, a socket in its data folder, so only its own user\n"
    "and root may. Exit codes: 0 done; 1 no bus serves that folder, or it refused.";

struct Flags {
    std::string data = "./var";
    std::string client;
    bool is_json = false;
};

int fail(const char* command, const AdminError& error) {
    std::fprintf(stderr, "firehose %s: %s\n", command, error.message.c_str());
    return kExitFailed;
}

/// The field as one word: what a client chose may hold blanks and control characters.
std::string word(const boost::json::object& row, const char* name) {
    const boost::json::value* field = row.if_contains(name);
    if (field == nullptr || field->is_null()) return "-";
    if (!field->is_string()) return boost::json::serialize(*field);
    const std::string_view text{field->as_string().data(), field->as_string().size()};
    if (text.empty()) return "-";
    std::string shown;
    for (const char byte : text) {
        const auto number = static_cast<unsigned char>(byte);
        shown += number <= 0x20 || number == 0x7F ? '?' : byte;
    }
    return shown;
}

struct Column {
    const char* field;
    int width;  // Negative: to the left.
};

void print_row(std::span<const Column> columns, const boost::json::object* row) {
    std::string line;
    for (const Column& column : columns) {
        const std::string text = row == nullptr ? column.field : word(*row, column.field);
        if (!line.empty()) line += "  ";
        line += column.width < 0 ? fmt::format("{:<{}}", text, -column.width)
                                 : fmt::format("{:>{}}", text, column.width);
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    std::printf("%s\n", line.c_str());
}

/// All pages of a list, a row a line.
int list(const char* command, const Flags& flags, std::span<const Column> columns) {
    std::string after;
    if (!flags.is_json) print_row(columns, nullptr);
    while (true) {
        std::string answer;
        AdminRequest request{.data = flags.data,
                             .is_post = false,
                             .path = std::string{"/"} + command,
                             .query = {{"limit", "1000"}}};
        if (!after.empty()) request.query.emplace_back("after", after);
        const auto asked = ask_bus(request, [&](std::string_view line) { answer.append(line); });
        if (!asked) return fail(command, asked.error());
        boost::system::error_code failed;
        const boost::json::value page = boost::json::parse(answer, failed);
        const auto* rows =
            failed || !page.is_object() ? nullptr : page.as_object().if_contains(command);
        if (rows == nullptr || !rows->is_array()) {
            return fail(command, {AdminFailure::refused, "the bus's answer makes no sense"});
        }
        for (const boost::json::value& row : rows->as_array()) {
            if (!row.is_object()) continue;
            if (flags.is_json) {
                std::printf("%s\n", boost::json::serialize(row).c_str());
            } else {
                print_row(columns, &row.as_object());
            }
        }
        const auto* next = page.as_object().if_contains("next");
        if (next == nullptr || next->is_null()) return kExitOk;
        after = next->is_string() ? std::string{next->as_string().c_str()}
                                  : boost::json::serialize(*next);
    }
}

constexpr Column kConnections[] = {
    {"id", 6},           {"transport", -9}, {"version", -7},       {"address", -15},
    {"listener", -8},    {"reading", -7},   {"subscriptions", 13}, {"unsent_bytes", 12},
    {"connected_s", 11}, {"user", -10},     {"client", -10}};
constexpr Column kSessions[] = {{"connected", -9},     {"durable", -7},  {"expires_in_s", 12},
                                {"subscriptions", 13}, {"in_flight", 9}, {"position", 16},
                                {"user", -10},         {"client", -10}};

/// What the bus answers, as it comes.
int print_answer(const char* command, const AdminRequest& request) {
    const auto asked = ask_bus(request, [](std::string_view line) {
        std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
        std::fflush(stdout);
    });
    return asked ? kExitOk : fail(command, asked.error());
}

CLI::App* add(CLI::App& program, const char* name, const char* about,
              const std::shared_ptr<Flags>& flags) {
    CLI::App* command = program.add_subcommand(name, about);
    command->add_option("--data", flags->data, "The bus's data folder [./var]")
        ->type_name("FOLDER");
    command->footer(kFooter);
    return command;
}

}  // namespace

void add_operator_commands(CLI::App& program, int& exit_code) {
    auto flags = std::make_shared<Flags>();
    const auto add_list = [&](const char* name, const char* about,
                              std::span<const Column> columns) {
        CLI::App* command = add(program, name, about, flags);
        command->add_flag("--json", flags->is_json, "A JSON object a line");
        command->callback([=, &exit_code] { exit_code = list(name, *flags, columns); });
    };
    add_list("connections", "Lists who is connected to a running bus", kConnections);
    add_list("sessions", "Lists the sessions of a running bus, those of absent clients too",
             kSessions);

    CLI::App* disconnect =
        add(program, "disconnect", "Disconnects a client of a running bus", flags);
    disconnect->add_option("CLIENT", flags->client, "Its client id")->required();
    disconnect->callback([flags, &exit_code] {
        exit_code = print_answer(
            "disconnect",
            {.data = flags->data, .path = "/disconnect", .query = {{"client", flags->client}}});
    });

    CLI::App* trace =
        add(program, "trace", "Follows one client's packets, without payloads, until interrupted",
            flags);
    trace->add_option("CLIENT", flags->client, "Its client id; it may connect later")->required();
    trace->callback([flags, &exit_code] {
        exit_code = print_answer("trace", {.data = flags->data,
                                           .is_post = false,
                                           .path = "/trace",
                                           .query = {{"client", flags->client}}});
    });

    CLI::App* metrics =
        add(program, "metrics", "Prints every counter, as Prometheus reads it", flags);
    metrics->callback([flags, &exit_code] {
        exit_code =
            print_answer("metrics", {.data = flags->data, .is_post = false, .path = "/metrics"});
    });
}

}  // namespace firehose::cli
