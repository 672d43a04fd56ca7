// SPDX-License-Identifier: Apache-2.0
// Goal:   dialogues that read as dialogues.
// Method: each packet of the client becomes one short line.
#include "client/scripted_server.h"

namespace firehose::client {
namespace {

std::string connect_line(const mqtt::Connect& connect) {
    std::ostringstream out;
    out << "CONNECT " << connect.version << ' ' << connect.client_id
        << (connect.clean_start ? " clean" : " resume") << " k" << connect.keep_alive_s;
    if (connect.will) out << " will " << connect.will->topic;
    if (connect.user_name) out << " user " << *connect.user_name;
    return std::move(out).str();
}

std::string publish_line(const mqtt::Publish& publish) {
    std::ostringstream out;
    out << "PUBLISH " << publish.packet_id << ' ' << publish.topic << (publish.dup ? " dup" : "")
        << " q" << publish.qos << (publish.retain ? " retain" : "") << " ("
        << as_text(publish.payload) << ')';
    return std::move(out).str();
}

}  // namespace

std::string ScriptedServer::line_of(const mqtt::Frame& frame) const {
    std::ostringstream out;
    out << frame.type;
    switch (frame.type) {
        case mqtt::PacketType::connect:
            return connect_line(*decode_connect(frame));
        case mqtt::PacketType::publish:
            return publish_line(*decode_publish(frame, version_));
        case mqtt::PacketType::puback:
        case mqtt::PacketType::pubrec:
        case mqtt::PacketType::pubrel:
        case mqtt::PacketType::pubcomp: {
            const auto ack = decode_ack(frame, version_);
            out << ' ' << ack->packet_id;
            if (ack->reason != mqtt::ReasonCode::success) out << ' ' << ack->reason;
            break;
        }
        case mqtt::PacketType::subscribe: {
            const auto subscribe = decode_subscribe(frame, version_);
            out << ' ' << subscribe->packet_id;
            for (const auto& entry : subscribe->entries) out << ' ' << entry.filter;
            break;
        }
        case mqtt::PacketType::disconnect:
            out << ' ' << decode_disconnect(frame, version_)->reason;
            break;
        case mqtt::PacketType::connack:
        case mqtt::PacketType::suback:
        case mqtt::PacketType::unsubscribe:
        case mqtt::PacketType::unsuback:
        case mqtt::PacketType::pingreq:
        case mqtt::PacketType::pingresp:
        case mqtt::PacketType::auth:
            break;
    }
    return std::move(out).str();
}

std::vector<std::string> ScriptedServer::hears() {
    std::vector<std::string> lines;
    ByteSpan rest = client_.output();
    while (!rest.empty()) {
        const auto frame = mqtt::next_frame(rest, 1U << 24U);
        FH_ASSERT(frame.has_value() && frame->has_value());
        lines.push_back(line_of(**frame));
        rest = rest.subspan((*frame)->packet.size());
    }
    client_.wrote(client_.output().size());
    return lines;
}

std::vector<std::string> ScriptedServer::events() {
    std::vector<std::string> lines;
    for (const Event& event : client_.take_events()) {
        std::ostringstream out;
        out << event;
        lines.push_back(std::move(out).str());
    }
    return lines;
}

}  // namespace firehose::client
