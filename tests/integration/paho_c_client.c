// SPDX-License-Identifier: Apache-2.0
// paho_c_client URI VERSION [CA-FILE]: paho's C client, publishing to itself. VERSION is 3, 4 or 5.
//
// It connects, subscribes, publishes and receives at each QoS, finds what it retained, and comes back to its session for
// what was published while it was away. Prints `ok`, or what went wrong and ends with status 1.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <MQTTClient.h>

enum { kPatienceMs = 20000, kMessages = 5 };

static int version;
static const char* ca_file;

static void check(int holds, const char* what) {
    if (holds) return;
    printf("failed: %s\n", what);
    exit(1);
}

/// Connected; `session_present` is what CONNACK said.
static MQTTClient open_client(const char* uri, const char* id, int clean, int* session_present) {
    MQTTClient client = NULL;
    MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
    create.MQTTVersion = version;
    check(MQTTClient_createWithOptions(&client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create) == MQTTCLIENT_SUCCESS,
          "create");
    MQTTClient_connectOptions v3 = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions v5 = MQTTClient_connectOptions_initializer5;
    MQTTClient_connectOptions options = version == MQTTVERSION_5 ? v5 : v3;
    MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
    options.MQTTVersion = version;
    options.connectTimeout = kPatienceMs / 1000;
    if (ca_file != NULL) {
        tls.trustStore = ca_file;
        tls.verify = 1;
        options.ssl = &tls;
    }
    if (version != MQTTVERSION_5) {
        options.cleansession = clean;
        const int result = MQTTClient_connect(client, &options);
        if (result != MQTTCLIENT_SUCCESS) printf("%s\n", MQTTClient_strerror(result));
        check(result == MQTTCLIENT_SUCCESS, "connect");
        *session_present = options.returned.sessionPresent;
        return client;
    }
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = 300};
    MQTTProperties_add(&properties, &expiry);
    options.cleanstart = clean;
    MQTTResponse response = MQTTClient_connect5(client, &options, clean ? NULL : &properties, NULL);
    check(response.reasonCode == MQTTREASONCODE_SUCCESS, "connect");
    *session_present = options.returned.sessionPresent;
    MQTTResponse_free(response);
    MQTTProperties_free(&properties);
    return client;
}

static void subscribe(MQTTClient client, const char* topic) {
    if (version == MQTTVERSION_5) {
        MQTTResponse response = MQTTClient_subscribe5(client, topic, 2, NULL, NULL);
        check(response.reasonCode == MQTTREASONCODE_GRANTED_QOS_2, "subscribe");
        MQTTResponse_free(response);
    } else {
        check(MQTTClient_subscribe(client, topic, 2) == MQTTCLIENT_SUCCESS, "subscribe");
    }
}

static void publish(MQTTClient client, const char* topic, const char* payload, int qos, int retained) {
    MQTTClient_message message = MQTTClient_message_initializer;
    MQTTClient_deliveryToken token = 0;
    message.payload = (void*)payload;
    message.payloadlen = (int)strlen(payload);
    message.qos = qos;
    message.retained = retained;
    if (version == MQTTVERSION_5) {
        MQTTResponse response = MQTTClient_publishMessage5(client, topic, &message, &token);
        check(response.reasonCode == MQTTREASONCODE_SUCCESS, "publish");
        MQTTResponse_free(response);
    } else {
        check(MQTTClient_publishMessage(client, topic, &message, &token) == MQTTCLIENT_SUCCESS, "publish");
    }
    check(MQTTClient_waitForCompletion(client, token, kPatienceMs) == MQTTCLIENT_SUCCESS, "acknowledgement");
}

static void receive(MQTTClient client, const char* payload, int qos, int retained) {
    char* topic = NULL;
    int length = 0;
    MQTTClient_message* message = NULL;
    check(MQTTClient_receive(client, &topic, &length, &message, kPatienceMs) == MQTTCLIENT_SUCCESS && message != NULL, "a message");
    check(message->payloadlen == (int)strlen(payload) && memcmp(message->payload, payload, strlen(payload)) == 0, payload);
    check(message->qos == qos, "its QoS");
    check(!message->retained == !retained, "its RETAIN flag");
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
}

static void close_client(MQTTClient client) {
    if (version == MQTTVERSION_5) {
        check(MQTTClient_disconnect5(client, kPatienceMs, MQTTREASONCODE_SUCCESS, NULL) == MQTTCLIENT_SUCCESS, "disconnect");
    } else {
        check(MQTTClient_disconnect(client, kPatienceMs) == MQTTCLIENT_SUCCESS, "disconnect");
    }
    MQTTClient_destroy(&client);
}

int main(int count, char** words) {
    check(count == 3 || count == 4, "usage: paho_c_client URI VERSION [CA-FILE]");
    const char* uri = words[1];
    version = atoi(words[2]);
    ca_file = count == 4 ? words[3] : NULL;
    MQTTClient_init_options init = MQTTClient_init_options_initializer;
    init.do_openssl_init = 1;
    MQTTClient_global_init(&init);

    int present = 0;
    char topic[24], id[24], other_id[24], payload[16];
    snprintf(topic, sizeof topic, "paho/c/%d", version);
    snprintf(id, sizeof id, "paho-c-%d", version);
    snprintf(other_id, sizeof other_id, "paho-c-other-%d", version);
    MQTTClient client = open_client(uri, id, 1, &present);
    check(!present, "no session at first");
    subscribe(client, topic);
    for (int qos = 0; qos <= 2; ++qos) {
        snprintf(payload, sizeof payload, "qos %d", qos);
        publish(client, topic, payload, qos, 0);
        receive(client, payload, qos, 0);
    }
    publish(client, topic, "kept", 1, 1);
    receive(client, "kept", 1, 0);
    close_client(client);

    client = open_client(uri, id, 0, &present);
    subscribe(client, topic);
    receive(client, "kept", 1, 1);
    publish(client, topic, "", 1, 1);
    receive(client, "", 1, 0);
    close_client(client);
    MQTTClient other = open_client(uri, other_id, 1, &present);
    for (int number = 0; number < kMessages; ++number) {
        snprintf(payload, sizeof payload, "away %d", number);
        publish(other, topic, payload, 2, 0);
    }
    close_client(other);
    client = open_client(uri, id, 0, &present);
    // Of 5.0 it does not say; what comes says it.
    check(version != MQTTVERSION_3_1_1 || present, "the session is there");
    for (int number = 0; number < kMessages; ++number) {
        snprintf(payload, sizeof payload, "away %d", number);
        receive(client, payload, 2, 0);
    }
    close_client(client);
    close_client(open_client(uri, id, 1, &present));
    printf("ok\n");
    return 0;
}
