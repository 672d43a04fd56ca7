// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config_error.h"
#include "config/settings.h"

/// A configuration file of either kind, read into Settings: what a start and a reload use.
///
/// Which kind it is, its content says (`is_mosquitto_conf`), unless the operator does.
/// Threads: any that may wait for a disk. Cost: start-up and reload only.
namespace firehose::config {

enum class ConfigFormat : std::uint8_t { by_content, toml, mosquitto };

struct ConfigSource {
    std::string path;
    ConfigFormat format = ConfigFormat::by_content;
    std::vector<std::uint16_t> ports;  // `-p`: see mosquitto_conf.h.
};

struct LoadedConfig {
    Settings settings;
    ConfigErrors notes;  // For the operator to read; nothing is wrong.
    bool is_mosquitto = false;
};

[[nodiscard]] Result<LoadedConfig, ConfigErrors> load_config(const ConfigSource& source);

}  // namespace firehose::config
