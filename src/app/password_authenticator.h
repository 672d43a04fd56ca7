// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "bus/authenticator.h"
#include "config/password_file.h"

/// Checks passwords on a thread of its own.
///
/// Without a password file nobody has an identity: every client is let in as an anonymous one.
/// Lifetime: `passwords` is read only. Threads: check from any; one worker from construction to
///           destruction. At most kRequestsMax requests wait; what is beyond is answered `busy`.
namespace firehose::app {

class PasswordAuthenticator final : public bus::Authenticator {
public:
    static constexpr std::size_t kRequestsMax = 1'024;

    /// `passwords` null: there is no password file.
    explicit PasswordAuthenticator(const config::PasswordFile* passwords);
    ~PasswordAuthenticator() override;
    PasswordAuthenticator(const PasswordAuthenticator&) = delete;
    PasswordAuthenticator& operator=(const PasswordAuthenticator&) = delete;

    void check(bus::AuthRequest request) override;

private:
    class Worker;
    const config::PasswordFile* passwords_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace firehose::app
