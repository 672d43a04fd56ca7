// SPDX-License-Identifier: Apache-2.0
// Goal:   kill -9 at any moment takes back nothing that was acknowledged: every acknowledged
//         message reaches every durable reader, QoS 2 exactly once, in order per publisher and
//         topic, and no seq is used twice.
// Method: rounds.h; the judge is ledger.h. Ends with one line of figures, and status 1 with the
//         problems if there were any.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "rounds.h"

int main(int argc, char** argv) {
    firehose::crash::RoundsOptions options;
    std::string password_file;
    options.seed = firehose::random_seed();
    CLI::App app{"Rounds of kill -9 under QoS 1 and 2 load"};
    app.add_option("--firehose", options.program)->required();
    app.add_option("--folder", options.folder, "Holds users and acl")->required();
    app.add_option("--password-file", password_file)->required();
    app.add_option("--rounds", options.rounds);
    app.add_option("--publishers", options.publishers)->check(CLI::Range(1, 1'000));
    app.add_option("--readers", options.readers)->check(CLI::Range(1, 1'000));
    app.add_option("--seed", options.seed,
                   "Of the load and of the moments; threads have their own");
    app.add_option("--options", options.more_options, "More lines of firehose.toml");
    app.add_flag("--verbose", options.is_verbose);
    CLI11_PARSE(app, argc, argv);
    std::ifstream file{password_file};
    std::getline(file, options.password);

    firehose::crash::Rounds rounds{options};
    const std::string problem = rounds.run();
    std::printf("crash: seed=%llu %s\n", static_cast<unsigned long long>(options.seed),
                rounds.summary().c_str());
    if (problem.empty()) return 0;
    std::printf("crash: %s\n", problem.c_str());
    return 1;
}
