// SPDX-License-Identifier: Apache-2.0
#include "config/config_error.h"

namespace firehose::config {

std::string to_string(const ConfigError& error) {
    std::string text = error.file;
    if (error.line != 0) text += ":" + std::to_string(error.line);
    text += ": ";
    if (!error.key.empty()) text += error.key + ": ";
    text += error.problem;
    if (!error.allowed.empty()) text += "; allowed: " + error.allowed;
    return text;
}

std::ostream& operator<<(std::ostream& out, const ConfigError& error) {
    return out << to_string(error);
}

}  // namespace firehose::config
