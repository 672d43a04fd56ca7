// SPDX-License-Identifier: Apache-2.0
#include "app/password_authenticator.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace firehose::app {
namespace {

void answer(const bus::AuthRequest& request, bus::AuthResult result) {
    // A full box means that the shard has not taken 65,536 answers: the client's connect time-out
    // ends the wait.
    std::ignore = request.reply->post({.connection = request.connection, .result = result});
}

}  // namespace

class PasswordAuthenticator::Worker {
public:
    explicit Worker(const config::PasswordFile& passwords)
        : passwords_(passwords), thread_([this] { run(); }) {}
    ~Worker() {
        {
            const std::scoped_lock lock{mutex_};
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    [[nodiscard]] bool take(bus::AuthRequest& request) {
        {
            const std::scoped_lock lock{mutex_};
            if (requests_.size() >= kRequestsMax) return false;
            requests_.push_back(std::move(request));
        }
        wake_.notify_one();
        return true;
    }

private:
    void run() {
        std::unique_lock lock{mutex_};
        while (true) {
            wake_.wait(lock, [this] { return stopping_ || !requests_.empty(); });
            if (stopping_) return;
            const bus::AuthRequest request = std::move(requests_.front());
            requests_.pop_front();
            lock.unlock();
            const bool is_right = passwords_.verify(request.user_name, request.password);
            answer(request, is_right ? bus::AuthResult::accepted : bus::AuthResult::refused);
            lock.lock();
        }
    }

    const config::PasswordFile& passwords_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<bus::AuthRequest> requests_;
    bool stopping_ = false;
    std::thread thread_;
};

PasswordAuthenticator::PasswordAuthenticator(const config::PasswordFile* passwords)
    : passwords_(passwords) {
    if (passwords_ != nullptr) worker_ = std::make_unique<Worker>(*passwords_);
}

PasswordAuthenticator::~PasswordAuthenticator() = default;

void PasswordAuthenticator::check(bus::AuthRequest request) {
    if (passwords_ == nullptr) {
        answer(request, bus::AuthResult::anonymous);
    } else if (!worker_->take(request)) {
        answer(request, bus::AuthResult::busy);
    }
}

}  // namespace firehose::app
