// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <libssh/libssh_version.h>
#include <openssl/crypto.h>
#include <toml++/impl/version.h>
#include <CLI/Version.hpp>
#include <boost/version.hpp>
#include <cstdio>

#include "cli/command.h"

namespace firehose::cli {
namespace {

int print_version() {
    std::printf("firehose %s\n", FIREHOSE_VERSION);
    std::printf(
        "Boost %d.%d, CLI11 %s, fmt %d.%d, libssh %d.%d.%d, OpenSSL %s, "
        "toml++ %d.%d\n",
        BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1'000, CLI11_VERSION, FMT_VERSION / 10'000,
        FMT_VERSION / 100 % 100, LIBSSH_VERSION_MAJOR, LIBSSH_VERSION_MINOR, LIBSSH_VERSION_MICRO,
        ::OpenSSL_version(OPENSSL_VERSION_STRING), TOML_LIB_MAJOR, TOML_LIB_MINOR);
    return kExitOk;
}

}  // namespace

void add_version_command(CLI::App& program, int& exit_code) {
    program.add_subcommand("version", "Prints the versions of firehose and of its libraries")
        ->callback([&exit_code] { exit_code = print_version(); });
}

}  // namespace firehose::cli
