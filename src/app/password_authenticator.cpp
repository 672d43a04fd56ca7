// SPDX-License-Identifier: Apache-2.0
#include "app/password_authenticator.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <variant>

#include "base/assert.h"

namespace firehose::app {
namespace {

void answer(const bus::AuthRequest& request, bus::AuthResult result, std::uint64_t generation) {
    // A full box means that the shard has not taken 65,536 answers: the client's connect time-out
    // ends the wait.
    std::ignore = request.reply->post(
        {.connection = request.connection, .result = result, .generation = generation});
}

}  // namespace

class PasswordAuthenticator::Worker {
public:
    Worker(config::PasswordFile passwords, std::uint64_t generation)
        : passwords_(std::move(passwords)), generation_(generation), thread_([this] { run(); }) {}
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
            if (tasks_.size() >= kRequestsMax) return false;
            tasks_.emplace_back(std::move(request));
        }
        wake_.notify_one();
        return true;
    }

    struct Replacement {
        config::PasswordFile passwords;
        std::uint64_t generation = 0;
        std::function<void()> on_replaced;
    };
    /// One a reload: not bounded by kRequestsMax, for it must not be refused.
    void replace(Replacement replacement) {
        {
            const std::scoped_lock lock{mutex_};
            tasks_.emplace_back(std::move(replacement));
        }
        wake_.notify_one();
    }

private:
    void run() {
        std::unique_lock lock{mutex_};
        while (true) {
            wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
            if (stopping_) return;
            auto task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            if (auto* replacement = std::get_if<Replacement>(&task)) {
                passwords_ = std::move(replacement->passwords);
                generation_ = replacement->generation;
                replacement->on_replaced();
            } else {
                check(std::get<bus::AuthRequest>(task));
            }
            lock.lock();
        }
    }

    void check(const bus::AuthRequest& request) const {
        const bool is_right = passwords_.verify(request.user_name, request.password);
        answer(request, is_right ? bus::AuthResult::accepted : bus::AuthResult::refused,
               generation_);
    }

    config::PasswordFile passwords_;  // The thread's, as is:
    std::uint64_t generation_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::variant<bus::AuthRequest, Replacement>> tasks_;
    bool stopping_ = false;
    std::thread thread_;
};

PasswordAuthenticator::PasswordAuthenticator(config::PasswordFile passwords,
                                             std::uint64_t generation)
    : worker_(std::make_unique<Worker>(std::move(passwords), generation)) {}

PasswordAuthenticator::PasswordAuthenticator() = default;

PasswordAuthenticator::~PasswordAuthenticator() = default;

void PasswordAuthenticator::check(bus::AuthRequest request) {
    if (!worker_) {
        answer(request, bus::AuthResult::anonymous, 0);
    } else if (!worker_->take(request)) {
        answer(request, bus::AuthResult::busy, 0);
    }
}

void PasswordAuthenticator::replace(config::PasswordFile passwords, std::uint64_t generation,
                                    std::function<void()> on_replaced) {
    FH_ASSERT(worker_ != nullptr);
    worker_->replace({std::move(passwords), generation, std::move(on_replaced)});
}

}  // namespace firehose::app
