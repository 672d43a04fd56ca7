// SPDX-License-Identifier: Apache-2.0
// firehose erase: takes records back from every door and from the files.
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/admin_client.h"
#include "cli/command.h"
#include "cli/progress_bar.h"
#include "cli/terminal.h"

namespace firehose::cli {
namespace {

constexpr const char* kFooter =
    "From the moment that the bus has taken the order no door gives the records out any more:\n"
    "not to readers that are behind, not as retained messages, not by HTTP. Then their payloads\n"
    "and properties become zeros in memory and in the files: each segment that holds one is "
    "written\n"
    "again. Their seqs and topics stay. It cannot be undone, and does not reach what was "
    "delivered\n"
    "or backed up before.\n"
    "\n"
    "POSITION is a seq, a UTC time as in 2026-01-31T12:00:00Z, or `first`.\n"
    "\n"
    "Examples:\n"
    "  firehose erase --seq 4711 4712\n"
    "  firehose erase --topic 'ci/secret-job/#' --from 2026-01-31T12:00:00Z\n"
    "  firehose erase --topic 'ci/secret-job/#' --from first\n"
    "\n"
    "Exit codes: 0 erased; 1 it failed; 2 wrong usage.";

/// Of one request: a query has to fit the head of a request.
constexpr std::size_t kSeqsMax = 500;

struct EraseFlags {
    std::string data = "./var";
    std::vector<std::uint64_t> seqs;
    std::string topic;
    std::string from;
    std::string to;
    bool yes = false;
};

struct EraseAnswer {
    std::string error = "the bus stopped before everything was erased; start it, and it goes on";
    std::uint64_t records = 0;

    void hear(std::string_view line, ProgressBar& bar) {
        boost::system::error_code failed;
        const auto value = boost::json::parse(line, failed);
        const auto* said = failed ? nullptr : value.if_object();
        if (said == nullptr) return;
        const auto number = [&](const char* name) {
            const auto* field = said->if_contains(name);
            return field == nullptr ? 0 : field->to_number<std::uint64_t>(failed);
        };
        if (const auto* text = said->if_contains("error"); text != nullptr && text->is_string()) {
            error = text->as_string().c_str();
            return;
        }
        records = number("records");
        bar.show(number("bytes_done"), number("bytes"));
        if (said->contains("complete")) error.clear();
    }
};

/// What is wrong with the flags together; empty: nothing.
std::string problem_with(const EraseFlags& flags) {
    if (flags.seqs.empty() == flags.topic.empty()) return "name either --seq or --topic";
    if (!flags.topic.empty() && flags.from.empty()) {
        return "--topic needs --from; `--from first` takes everything there is";
    }
    if (flags.topic.empty() && !(flags.from.empty() && flags.to.empty())) {
        return "--from and --to belong to --topic";
    }
    return {};
}

/// A person is asked; a script says --yes.
bool is_meant(const EraseFlags& flags) {
    if (flags.yes) return true;
    if (::isatty(STDIN_FILENO) != 1) {
        std::fprintf(stderr, "firehose erase: it cannot be undone; say --yes\n");
        return false;
    }
    const auto answer = ask("This cannot be undone. Type yes to erase: ");
    return answer && *answer == "yes";
}

std::vector<AdminRequest> requests_of(const EraseFlags& flags) {
    const AdminRequest empty{.data = flags.data, .path = "/erase", .query = {}};
    std::vector<AdminRequest> requests;
    for (std::size_t i = 0; i < flags.seqs.size(); ++i) {
        if (i % kSeqsMax == 0) requests.push_back(empty);
        requests.back().query.emplace_back("seq", std::to_string(flags.seqs[i]));
    }
    if (flags.topic.empty()) return requests;
    requests.push_back(empty);
    requests.back().query = {{"topic", flags.topic}, {"from", flags.from}};
    if (!flags.to.empty()) requests.back().query.emplace_back("to", flags.to);
    return requests;
}

/// How many records the bus found in its files.
Result<std::uint64_t, std::string> erase(const EraseFlags& flags) {
    ProgressBar bar{"erasing"};
    std::uint64_t records = 0;
    for (const AdminRequest& request : requests_of(flags)) {
        EraseAnswer answer;
        const auto asked = ask_bus(request, [&](std::string_view line) { answer.hear(line, bar); });
        if (!asked) return Failure{asked.error().message};
        if (!answer.error.empty()) return Failure{answer.error};
        records += answer.records;
    }
    return records;
}

int run(const EraseFlags& flags) {
    if (const std::string problem = problem_with(flags); !problem.empty()) {
        std::fprintf(stderr, "firehose erase: %s\nTry: firehose erase --help\n", problem.c_str());
        return kExitUsage;
    }
    if (!is_meant(flags)) return kExitUsage;
    const auto records = erase(flags);
    if (!records) {
        std::fprintf(stderr, "firehose erase: %s\n", records.error().c_str());
        return kExitFailed;
    }
    std::printf("erased %llu records\n", static_cast<unsigned long long>(*records));
    return kExitOk;
}

}  // namespace

void add_erase_command(CLI::App& program, int& exit_code) {
    CLI::App* erase =
        program.add_subcommand("erase", "Takes records back from every door and from the files");
    auto flags = std::make_shared<EraseFlags>();
    erase->add_option("--seq", flags->seqs, "These records, by their seqs")->type_name("SEQ...");
    erase->add_option("--topic", flags->topic, "Records whose topic matches, within a range")
        ->type_name("FILTER");
    erase->add_option("--from", flags->from, "The range's first position")->type_name("POSITION");
    erase->add_option("--to", flags->to, "The range's last position [the newest record]")
        ->type_name("POSITION");
    erase->add_option("--data", flags->data, "The bus's data folder [./var]")->type_name("FOLDER");
    erase->add_flag("--yes", flags->yes, "Do not ask");
    erase->footer(kFooter);
    erase->callback([flags, &exit_code] { exit_code = run(*flags); });
}

}  // namespace firehose::cli
