// SPDX-License-Identifier: Apache-2.0
#include "client/client_events.h"

namespace firehose::client {
namespace {

struct Printer {
    std::ostream& out;

    void operator()(const Connected& e) const {
        out << "connected" << (e.session_present ? " to its session" : "");
    }
    void operator()(const Refused& e) const { out << "refused " << e.reason << ' ' << e.text; }
    void operator()(const Message& e) const {
        out << "message " << e.topic << " (" << as_text(e.payload) << ") qos=" << e.qos
            << (e.retain ? " retain" : "") << (e.dup ? " dup" : "");
    }
    void operator()(const Published& e) const {
        out << "published " << static_cast<std::uint64_t>(e.token) << ' ' << e.reason;
    }
    void operator()(const Subscribed& e) const { answered("subscribed", e.token, e.reasons); }
    void operator()(const Unsubscribed& e) const { answered("unsubscribed", e.token, e.reasons); }
    void operator()(const HangUp& e) const { out << "hang up " << e.reason << ' ' << e.text; }

    void answered(const char* what, Token token,
                  const std::vector<mqtt::ReasonCode>& reasons) const {
        out << what << ' ' << static_cast<std::uint64_t>(token);
        for (const mqtt::ReasonCode reason : reasons) out << ' ' << reason;
    }
};

}  // namespace

std::ostream& operator<<(std::ostream& out, const Event& event) {
    std::visit(Printer{out}, event);
    return out;
}

}  // namespace firehose::client
