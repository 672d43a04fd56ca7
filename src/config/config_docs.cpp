// SPDX-License-Identifier: Apache-2.0
// config_docs <root> writes docs/configuration.md, docs/mosquitto.md and deploy/firehose.toml below
// <root> from the tables of options; `config_docs --check <root>` compares instead, and says how to
// write them.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "config/describe.h"
#include "config/mosquitto_options.h"

namespace {

bool is_same(const std::string& path, const std::string& text) {
    std::ifstream file{path};
    const std::string there{std::istreambuf_iterator<char>{file}, {}};
    if (there == text) return true;
    std::fprintf(stderr, "%s is not what the table of options says; run: config_docs <root>\n",
                 path.c_str());
    return false;
}

bool write_file(const std::string& path, const std::string& text) {
    std::ofstream file{path};
    file << text;
    file.close();
    if (!file) std::fprintf(stderr, "%s cannot be written\n", path.c_str());
    return !file.fail();
}

}  // namespace

int main(int count, char** words) {
    const bool is_check = count == 3 && std::strcmp(words[1], "--check") == 0;
    if (count != 2 && !is_check) {
        std::fprintf(stderr, "usage: config_docs [--check] <root>\n");
        return 2;
    }
    const std::string root = words[count - 1];
    const auto act = is_check ? is_same : write_file;
    const bool docs = act(root + "/docs/configuration.md", firehose::config::configuration_md());
    const bool sample = act(root + "/deploy/firehose.toml", firehose::config::sample_toml());
    const bool mosquitto = act(root + "/docs/mosquitto.md", firehose::config::mosquitto_md());
    return docs && sample && mosquitto ? 0 : 1;
}
