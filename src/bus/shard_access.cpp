// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"
#include "base/log.h"
#include "bus/mqtt_client.h"
#include "bus/shard.h"

// Rights that change while the bus runs: at one position, for every way to read.
namespace firehose::bus {

void Shard::change_access(const std::function<void()>& change) {
    settle();
    flush_feeds();
    // Members of a feed share what was encoded by the old rules. They leave it at the first record
    // that they could not be sent yet, and enter the feed of their new class; whoever lags reads
    // that part again by itself, by the new rules.
    std::vector<Client*> moving;
    for (auto& [id, client] : clients_) {
        if (client->mode() != ReadMode::feed) continue;
        client->detach();
        moving.push_back(client.get());
    }
    // A feed is judged by one member's identity: none outlives the rules that made it.
    remove_empty_feeds();
    FH_ASSERT(feeds_.size() == 0);
    change();
    metrics_.acl_epoch.add();
    index_.on_rights_changed();
    durable_index_.on_rights_changed();
    for (Client* client : moving) client->reselect();
    // The other ways to read ask at each record (`deliver`, `send_retained`);
    // but whom they ask may have changed.
    for (auto& [id, client] : clients_) {
        if (auto* const mqtt = dynamic_cast<MqttClient*>(client.get())) mqtt->on_access_changed();
    }
}

std::size_t Shard::expel(const std::function<bool(const MqttClient&)>& is_gone) {
    hear_auth_replies();
    std::vector<MqttClient*> gone;
    for (auto& [id, client] : clients_) {
        auto* const mqtt = dynamic_cast<MqttClient*>(client.get());
        if (mqtt != nullptr && mqtt->has_session() && is_gone(*mqtt)) {
            gone.push_back(mqtt);
        }
    }
    for (MqttClient* client : gone) {
        FH_LOG(info, "client_expelled", {"client", client->identity().client_id},
               {"user", client->identity().user_name.value_or("")});
        client->on_expelled();
    }
    return gone.size();
}

}  // namespace firehose::bus
