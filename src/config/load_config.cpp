// SPDX-License-Identifier: Apache-2.0
#include "config/load_config.h"

#include "config/files.h"
#include "config/load.h"
#include "config/mosquitto_conf.h"

namespace firehose::config {

Result<LoadedConfig, ConfigErrors> load_config(const ConfigSource& source) {
    bool is_mosquitto = source.format == ConfigFormat::mosquitto;
    if (source.format == ConfigFormat::by_content) {
        const auto text = read_file(source.path, kFileBytesMax);
        if (!text) return Failure{ConfigErrors{{source.path, 0, "", text.error(), ""}}};
        is_mosquitto = is_mosquitto_conf(*text, source.path);
    }
    if (!is_mosquitto) {
        auto settings = load_file(source.path);
        if (!settings) return Failure{settings.error()};
        return LoadedConfig{.settings = *std::move(settings), .notes = {}, .is_mosquitto = false};
    }
    auto read = load_mosquitto_conf(source.path, source.ports);
    if (!read) return Failure{read.error()};
    return LoadedConfig{.settings = std::move(read->settings),
                        .notes = std::move(read->notes),
                        .is_mosquitto = true};
}

}  // namespace firehose::config
