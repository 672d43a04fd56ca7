// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/log_inspector.h"
#include "config/settings.h"
#include "topic/topic_filter.h"

namespace firehose::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  firehose inspect /var/lib/firehose              its segments, and what is damaged\n"
    "  firehose inspect /var/lib/firehose --quick      the same without reading sealed ones\n"
    "  firehose inspect var/log/00000000000000000007.sealed --records --from 4711 --to 4720\n"
    "  firehose inspect --records --topic 'ci/#'        messages of these topics\n"
    "\n"
    "Changes nothing and takes no lock, so it may run beside a bus. Payloads are never printed, "
    "only\n"
    "their sizes.\n"
    "Exit codes: 0 no damage found; 1 damage; 2 something could not be read, or wrong usage.";

int run(InspectOptions options) {
    if (options.paths.empty()) options.paths.push_back(config::Settings{}.data);
    return inspect(options,
                   [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); });
}

}  // namespace

void add_inspect_command(CLI::App& program, int& exit_code) {
    struct Flags {
        InspectOptions options;
        std::optional<std::uint64_t> from;
        std::optional<std::uint64_t> to;
        bool is_quick = false;
    };
    CLI::App* command = program.add_subcommand(
        "inspect", "Says what a data folder's log holds, and what of it is damaged");
    auto flags = std::make_shared<Flags>();
    InspectOptions& options = flags->options;
    command->add_option("PATH", options.paths, "Data folders or segment files [./var]");
    command->add_flag("--quick", flags->is_quick, "Take sealed segments at their index's word");
    CLI::Option* records =
        command->add_flag("--records", options.is_records, "Print the records, one a line");
    command->add_option("--from", flags->from, "The first seq to print")
        ->type_name("SEQ")
        ->needs(records);
    command->add_option("--to", flags->to, "The last seq to print")
        ->type_name("SEQ")
        ->needs(records);
    command->add_option("--topic", options.topic, "Only messages whose topic matches this filter")
        ->type_name("FILTER")
        ->needs(records)
        ->check([](const std::string& filter) {
            return topic::is_valid_filter(filter) ? std::string{} : "is no topic filter";
        });
    command->add_flag("--json", options.is_json, "Print a JSON object a line");
    command->footer(kExamples);
    command->callback([flags, &exit_code] {
        // Who asks for a few records does not want the rest to be read.
        flags->options.is_check = !flags->is_quick && !flags->options.is_records;
        if (flags->from) flags->options.from = Seq{*flags->from};
        if (flags->to) flags->options.to = Seq{*flags->to};
        exit_code = run(flags->options);
    });
}

}  // namespace firehose::cli
