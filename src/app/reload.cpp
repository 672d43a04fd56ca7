// SPDX-License-Identifier: Apache-2.0
#include "app/reload.h"

#include <utility>

#include "app/log_destinations.h"
#include "app/log_topics.h"

namespace firehose::app {

Reloader::~Reloader() {
    is_ending_ = true;
    if (reading_.joinable()) reading_.join();
}

void Reloader::start(OnDone on_done) {
    waiting_.push_back(std::move(on_done));
    if (!reading_.joinable()) begin();
}

void Reloader::begin() {
    asked_ = std::exchange(waiting_, {});
    reading_ = std::thread{[this] {
        prepared_.emplace(prepare());
        while (!loop_.post([this] { finish(); }) && !is_ending_) std::this_thread::yield();
    }};
}

Result<Prepared, std::string> Reloader::prepare() const {
    auto settings = read_again_();
    if (!settings) return Failure{settings.error()};
    auto files = OperatorFiles::read(*settings, root_files_);
    if (!files) return Failure{files.error()};
    auto log = open_log_destinations(settings->logging, &post_log_topic);
    if (!log) return Failure{log.error()};
    return Prepared{std::move(*settings), std::move(*files), std::move(*log)};
}

void Reloader::finish() {
    reading_.join();
    reading_ = {};
    Result<Prepared, std::string> prepared = *std::exchange(prepared_, std::nullopt);
    const ReloadOutcome outcome =
        prepared ? take_over_(std::move(*prepared)) : ReloadOutcome{.problem = prepared.error()};
    for (const OnDone& on_done : std::exchange(asked_, {})) on_done(outcome);
    if (!waiting_.empty()) begin();
}

}  // namespace firehose::app
