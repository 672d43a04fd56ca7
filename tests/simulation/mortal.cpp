// SPDX-License-Identifier: Apache-2.0
#include "simulation/mortal.h"

#include <algorithm>
#include <utility>

namespace firehose::simulation {

bool Mortal::prepare() {
    if (!is_alive_) return false;
    Random& random = stage_.random;
    const int number = stage_.next_number++;
    // As itself it may come back in time; as a stranger it never does.
    const bool is_itself = random.chance(40);
    const bool is_durable = random.chance(60);
    const std::string id = is_itself ? name() : name() + "-" + std::to_string(number);
    client::ClientOptions options = named(random, name(), is_durable ? 100'000U : 0U);
    options.client_id = id;
    const bool is_v5 = options.version == mqtt::Version::v5;
    Testament testament{
        .number = number,
        .topic = "w/" + std::to_string(random.below(3)),
        .delay_s = is_v5 && random.chance(50) ? static_cast<std::uint32_t>(random.below(20)) : 0U,
        .is_durable = is_durable,
        .crashes = stage_.crashes,
        .store_losses = stage_.store_losses};
    options.will = client::WillMessage{.topic = testament.topic,
                                       .payload = payload_of(number, random.below(60)),
                                       .qos = static_cast<mqtt::Qos>(random.below(3)),
                                       .retain = random.chance(40),
                                       .delay_s = testament.delay_s};
    if (is_itself) {
        for (Testament& before : testaments_) before.may_be_taken_back |= before.may_return;
    }
    testament.may_return = is_itself;
    client_.become(std::move(options));
    testaments_.push_back(std::move(testament));
    return true;
}

void Mortal::on_event(const client::Event& event) {
    if (const auto* connected = std::get_if<client::Connected>(&event)) {
        testaments_.back().is_armed = true;
        if (connected->session_present) stage_.figures.add(Counted::sessions_resumed);
    }
}

void Mortal::act() {
    client::Client& machine = client_.machine();
    if (!client_.has_pipe() || !machine.is_connected() || !stage_.random.chance(20)) return;
    machine.disconnect();
    testaments_.back().has_waved = true;
}

void Mortal::on_disconnected(bool by_server) {
    Testament& testament = testaments_.back();
    testament.was_heard = testament.has_waved && by_server && testament.crashes == stage_.crashes;
}

void Mortal::settle() {
    Actor::settle();
    is_alive_ = false;
}

std::optional<std::string> Mortal::waits_for() const {
    if (client_.has_pipe()) return "is connected";
    return {};
}

std::optional<std::string> Mortal::check(const Records& records) {
    for (const Testament& testament : testaments_) {
        const std::size_t times = count(testament, records);
        const std::string what = "its will " + std::to_string(testament.number) +
                                 " was published " + std::to_string(times) + " times";
        // Its block may have been torn behind it, and with it the record that it was published.
        const bool may_repeat = stage_.figures[Counted::bytes_cut] != 0;
        if (times > (may_repeat ? 2U : 1U)) return what;
        const bool is_undisturbed = testament.crashes == stage_.crashes;
        if (testament.was_heard && is_undisturbed && times != 0) return what + ", and it waved";
        const bool must_come =
            testament.is_armed && !testament.has_waved && !testament.may_be_taken_back &&
            testament.store_losses == stage_.store_losses &&
            (testament.is_durable || is_undisturbed) && (stage_.is_kept || !stage_.may_forget);
        if (must_come && times == 0 && !stage_.may_lose_wills) return what;
    }
    return {};
}

std::size_t Mortal::count(const Testament& testament, const Records& records) {
    return static_cast<std::size_t>(
        std::count_if(records.kept.begin(), records.kept.end(),
                      [&](const Seen& record) { return record.number == testament.number; }));
}

void Mortal::sum_up(const Records& records) {
    for (const Testament& testament : testaments_) {
        const bool is_published = count(testament, records) != 0;
        if (is_published) stage_.figures.add(Counted::wills_published);
        if (testament.is_armed && !is_published) stage_.figures.add(Counted::wills_taken_back);
    }
}

}  // namespace firehose::simulation
