// SPDX-License-Identifier: Apache-2.0
// paho_cpp_client URI VERSION [CA-FILE]: paho's C++ client (asynchronous), as paho_c_client does
// it, and in 5.0 with properties of a request, its answer and a topic alias. Prints `ok`, or what
// went wrong and ends with status 1.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mqtt/async_client.h>

namespace {

constexpr auto kPatience = std::chrono::seconds{20};

int version = 0;
std::string ca_file;

void check(bool holds, std::string_view what) {
    if (holds) return;
    std::printf("failed: %.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(1);
}

/// Filled in place and copied from there: paho C++ 1.2.0 loses the properties of options that are
/// moved.
void fill(mqtt::connect_options& options, bool is_clean) {
    options.set_mqtt_version(version);
    options.set_connect_timeout(kPatience);
    if (version == MQTTVERSION_5) {
        options.set_clean_start(is_clean);
        mqtt::properties properties;
        properties.add({mqtt::property::SESSION_EXPIRY_INTERVAL, is_clean ? 0 : 300});
        options.set_properties(properties);
    } else {
        options.set_clean_session(is_clean);
    }
    if (!ca_file.empty()) {
        options.set_ssl(mqtt::ssl_options_builder().trust_store(ca_file).verify().finalize());
    }
}

/// One connection: subscribed to `topic` when it is not empty.
class Connection {
public:
    Connection(const std::string& uri, const std::string& id, bool is_clean)
        : client_(uri, id, mqtt::create_options(version)) {
        client_.start_consuming();
        mqtt::connect_options options;
        fill(options, is_clean);
        const auto token = client_.connect(options);
        check(token->wait_for(kPatience), "CONNACK");
        is_session_present_ = token->get_connect_response().is_session_present();
    }

    [[nodiscard]] bool is_session_present() const { return is_session_present_; }

    void subscribe(const std::string& topic) {
        const auto token = client_.subscribe(topic, 2);
        check(token->wait_for(kPatience), "SUBACK");
    }

    void publish(const mqtt::message_ptr& message) {
        check(client_.publish(message)->wait_for(kPatience), "acknowledgement");
    }

    mqtt::const_message_ptr receive(std::string_view payload, int qos) {
        mqtt::const_message_ptr message;
        check(client_.try_consume_message_for(&message, kPatience) && message != nullptr,
              "a message");
        check(message->get_payload_str() == payload, payload);
        check(message->get_qos() == qos, "its QoS");
        return message;
    }

    void close() { check(client_.disconnect()->wait_for(kPatience), "disconnect"); }

private:
    mqtt::async_client client_;
    bool is_session_present_ = false;
};

void publish_at_each_qos(Connection& connection, const std::string& topic) {
    for (int qos = 0; qos <= 2; ++qos) {
        const std::string payload = "qos " + std::to_string(qos);
        connection.publish(mqtt::make_message(topic, payload, qos, false));
        connection.receive(payload, qos);
    }
}

/// Request and answer, as 5.0 has them.
void ask_and_answer(Connection& connection, const std::string& topic) {
    auto request = mqtt::make_message(topic, "request", 1, false);
    request->set_properties({{mqtt::property::RESPONSE_TOPIC, topic},
                             {mqtt::property::CORRELATION_DATA, "42"},
                             {mqtt::property::USER_PROPERTY, "key", "value"}});
    connection.publish(request);
    const auto got = connection.receive("request", 1);
    check(mqtt::get<std::string>(got->get_properties(), mqtt::property::RESPONSE_TOPIC) == topic,
          "its response topic");
    const auto pair =
        mqtt::get<mqtt::string_pair>(got->get_properties(), mqtt::property::USER_PROPERTY);
    check(std::get<0>(pair) == "key" && std::get<1>(pair) == "value", "its user property");
    auto answer = mqtt::make_message(topic, "answer", 1, false);
    answer->set_properties(
        {{mqtt::property::CORRELATION_DATA,
          mqtt::get<std::string>(got->get_properties(), mqtt::property::CORRELATION_DATA)}});
    connection.publish(answer);
    check(mqtt::get<std::string>(connection.receive("answer", 1)->get_properties(),
                                 mqtt::property::CORRELATION_DATA) == "42",
          "its correlation data");
}

void run(const std::string& uri) {
    const std::string topic = "paho/cpp/" + std::to_string(version);
    const std::string id = "paho-cpp-" + std::to_string(version);
    {
        Connection first{uri, id, true};
        check(!first.is_session_present(), "no session at first");
        first.subscribe(topic);
        publish_at_each_qos(first, topic);
        if (version == MQTTVERSION_5) ask_and_answer(first, topic);
        first.close();
    }
    {
        Connection kept{uri, id, false};
        kept.subscribe(topic);
        kept.close();
    }
    {
        Connection other{uri, id + "-other", true};
        for (int qos = 1; qos <= 2; ++qos) {
            other.publish(mqtt::make_message(topic, "away " + std::to_string(qos), qos, false));
        }
        other.close();
    }
    {
        Connection again{uri, id, false};
        check(version == MQTTVERSION_3_1 || again.is_session_present(), "the session is there");
        for (int qos = 1; qos <= 2; ++qos) again.receive("away " + std::to_string(qos), qos);
        again.close();
    }
    Connection{uri, id, true}.close();
}

}  // namespace

int main(int count, char** words) {
    check(count == 3 || count == 4, "usage: paho_cpp_client URI VERSION [CA-FILE]");
    version = std::atoi(words[2]);
    if (count == 4) ca_file = words[3];
    try {
        run(words[1]);
    } catch (const std::exception& error) {
        check(false, error.what());
    }
    std::puts("ok");
}
