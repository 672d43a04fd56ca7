// SPDX-License-Identifier: Apache-2.0
#include "simulation/actor.h"

#include <iostream>

namespace firehose::simulation {

void Stage::trace(std::string_view who, std::string_view what) const {
    if (!is_verbose) return;
    std::cout << clock.monotonic().since_start.count() << " " << who << " " << what << "\n";
}

client::ClientOptions named(Random& random, const std::string& name, std::uint32_t expiry_s) {
    // Only 5.0 has words for a session that ends by itself.
    const bool is_v5 = random.chance(50) || (expiry_s != 0 && expiry_s < 100'000);
    return {.version = is_v5 ? mqtt::Version::v5 : mqtt::Version::v311,
            .client_id = name,
            .clean_start = expiry_s == 0,
            .session_expiry_s = is_v5 ? expiry_s : 0U,
            .keep_alive = std::chrono::seconds{0},
            .connect_timeout = std::chrono::hours{1},
            .user_name = name,
            .password = "secret",
            .in_flight_max = 1 + random.below(40),
            .receive_maximum = static_cast<std::uint16_t>(1 + random.below(30))};
}

client::ClientOptions anonymous(Random& random) {
    return {.version = random.chance(50) ? mqtt::Version::v5 : mqtt::Version::v311,
            .keep_alive = std::chrono::seconds{0},
            .connect_timeout = std::chrono::hours{1}};
}

}  // namespace firehose::simulation
