// SPDX-License-Identifier: Apache-2.0
#include "cli/usage.h"

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command.h"
#include "config/nearest.h"

namespace firehose::cli {
namespace {

/// The command that was being typed: the innermost one that was named.
const CLI::App& innermost(const CLI::App& program) {
    const CLI::App* command = &program;
    while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
    return *command;
}

std::string full_name(const CLI::App& command) {
    const CLI::App* parent = command.get_parent();
    return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

/// What could have been typed there.
std::vector<std::string> known_words(const CLI::App& command) {
    std::vector<std::string> words;
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
        for (const std::string& name : option->get_snames()) words.push_back("-" + name);
    }
    for (const CLI::App* inner : command.get_subcommands(nullptr))
        words.push_back(inner->get_name());
    return words;
}

std::string mistake(const CLI::App& command, const CLI::ParseError& error) {
    const std::vector<std::string> rest = command.remaining(true);
    if (rest.empty()) return error.what();
    const bool is_option = rest.front().starts_with('-');
    const bool is_command = !is_option && !command.get_subcommands(nullptr).empty();
    const char* kind =
        is_option ? "unknown option " : (is_command ? "unknown command " : "unexpected word ");
    std::string text = kind + rest.front();
    const auto known = known_words(command);
    const std::string word = rest.front().substr(0, rest.front().find('='));
    const std::string near = config::nearest(word, known);
    return near.empty() ? text : text + ": did you mean " + near + "?";
}

}  // namespace

int explain(const CLI::App& program, const CLI::ParseError& error) {
    const CLI::App& command = innermost(program);
    if (error.get_exit_code() == 0) {
        std::ostringstream out;
        std::ostringstream none;
        (void)program.exit(error, out, none);
        std::fputs(out.str().c_str(), stdout);
        return kExitOk;
    }
    const std::string name = full_name(command);
    std::fprintf(stderr, "%s: %s\nTry: %s --help\n", name.c_str(), mistake(command, error).c_str(),
                 name.c_str());
    return kExitUsage;
}

}  // namespace firehose::cli
