// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "bus/authenticator.h"
#include "config/password_file.h"

/// Checks passwords on a thread of its own.
///
/// Without a password file nobody has an identity: every client is let in as an anonymous one.
/// Threads: check from any; one worker from construction to destruction.
/// Limits:  kRequestsMax requests wait; what is beyond is answered `busy`.
namespace firehose::app {

class PasswordAuthenticator final : public bus::Authenticator {
public:
    static constexpr std::size_t kRequestsMax = 1'024;

    /// Without a password file.
    PasswordAuthenticator();
    PasswordAuthenticator(config::PasswordFile passwords, std::uint64_t generation);
    ~PasswordAuthenticator() override;
    PasswordAuthenticator(const PasswordAuthenticator&) = delete;
    PasswordAuthenticator& operator=(const PasswordAuthenticator&) = delete;

    void check(bus::AuthRequest request) override;
    /// Requests from now on are compared with `passwords`, and their replies have `generation`.
    /// Once those before are answered, `on_replaced` runs on the worker's thread. Only for one
    /// that has a password file.
    void replace(config::PasswordFile passwords, std::uint64_t generation,
                 std::function<void()> on_replaced);

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

}  // namespace firehose::app
