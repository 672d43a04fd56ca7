// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "socket.h"

/// Clients that do what a public server must bear, in equal numbers of each kind.
///
/// Each acts once a second and connects again when it is closed, once a second at most. So the
/// load is given by the number alone: n/5 bytes, n/5 SUBSCRIBEs of ten filters, n/5 times 64 KiB
/// and 2n PINGREQs a second, and as many CONNECTs as the server closes connections.
/// Threads: one; `run` ends with the process.
namespace firehose::crowd {

enum class Kind : std::uint8_t {
    half_open,    // Connects and sends nothing.
    trickle,      // A CONNECT of 8,000 bytes, a byte a second.
    storm,        // SUBSCRIBEs and UNSUBSCRIBEs, 200 filters each.
    huge,         // A PUBLISH of 1.9 MB whose last byte never comes.
    never_reads,  // Subscribes to everything, asks for answers, reads nothing.
};
inline constexpr std::size_t kKinds = 5;

struct CrowdOptions {
    Target to;
    std::size_t count = 0;
    std::vector<std::string> from;  // Addresses to come from, in turn; empty: the kernel's choice.
    int ready_pipe = -1;            // Written to once, when each was connected or refused once.
};

class Misbehaving {
public:
    explicit Misbehaving(CrowdOptions options);
    [[noreturn]] void run();

private:
    struct Member {
        Kind kind{};
        net::FileDescriptor socket;
        std::size_t sent = 0;  // Of the huge packet; steps of the others.
        bool is_greeted = false;
        bool was_tried = false;
    };

    void act(Member& member, std::size_t number);
    void connect(Member& member, std::size_t number);
    [[nodiscard]] bool send(Member& member, std::string_view bytes) const;
    void read_all();

    CrowdOptions options_;
    net::FileDescriptor epoll_;
    std::vector<Member> members_;
    std::string greeting_;
    std::string trickled_;
    std::string subscribe_all_;
    std::array<std::string, 40> storms_;
    std::string huge_;
};

}  // namespace firehose::crowd
