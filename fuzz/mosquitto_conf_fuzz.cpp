// SPDX-License-Identifier: Apache-2.0
// Target: parse_mosquitto_conf. Property: any text is read, or refused with reasons whose lines
// exist; what is read can be written as a firehose.toml that reads as the same.
#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "config/load.h"
#include "config/mosquitto_conf.h"
#include "config/write_toml.h"

using namespace firehose::config;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    // An included file is the text once more: its own include_dir is refused.
    const ReadFolder folder =
        [&](const std::string&) -> firehose::Result<std::vector<IncludedFile>, std::string> {
        return std::vector<IncludedFile>{{.path = "included", .text = std::string{text}}};
    };
    const auto conf = parse_mosquitto_conf(text, "f", folder, {1883});
    std::ignore = is_mosquitto_conf(text, "f");
    if (!conf) {
        FH_ASSERT(!conf.error().empty());
        for (const auto& error : conf.error()) {
            FH_ASSERT(error.line <= lines && !to_string(error).empty());
        }
        return 0;
    }
    for (const auto& note : conf->notes) FH_ASSERT(note.line <= lines && !note.problem.empty());
    const std::string written = write_toml(conf->settings);
    const auto again = parse_toml(written, "written");
    FH_ASSERT(again);
    FH_ASSERT(write_toml(*again) == written);
    return 0;
}
