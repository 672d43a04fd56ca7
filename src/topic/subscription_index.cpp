// SPDX-License-Identifier: Apache-2.0
#include "topic/subscription_index.h"

#include <algorithm>

#include "base/assert.h"
#include "topic/levels.h"
#include "topic/topic_name.h"

namespace firehose::topic {

namespace {

using Ids = std::vector<SubscriberId>;

bool insert(Ids& ids, SubscriberId id) {
    const auto place = std::lower_bound(ids.begin(), ids.end(), id);
    if (place != ids.end() && *place == id) return false;
    ids.insert(place, id);
    return true;
}

bool erase(Ids& ids, SubscriberId id) {
    const auto place = std::lower_bound(ids.begin(), ids.end(), id);
    if (place == ids.end() || *place != id) return false;
    ids.erase(place);
    if (ids.empty()) Ids{}.swap(ids);
    return true;
}

/// A filter as the tree has it: the node it ends at, and whether it is that node's `#`.
struct Place {
    std::string_view path;
    bool is_root = false;  // `#` alone: no path at all, which is not the empty level.
    bool is_below = false;
};

Place place_of(std::string_view filter) noexcept {
    if (filter == "#") return {{}, true, true};
    if (filter.ends_with("/#")) return {filter.substr(0, filter.size() - 2), false, true};
    return {filter, false, false};
}

}  // namespace

SubscriptionIndex::SubscriptionIndex() : nodes_(1) {}

SubscriptionIndex::NodeId SubscriptionIndex::child(NodeId parent, std::string_view level) const {
    if (level == "+") return nodes_[parent].plus;
    const auto edge = edges_.find(EdgeView{parent, level});
    return edge == edges_.end() ? kNone : edge->second;
}

SubscriptionIndex::NodeId SubscriptionIndex::make_child(NodeId parent, std::string_view level) {
    NodeId node;
    if (free_.empty()) {
        FH_ASSERT(nodes_.size() < kNone);
        node = static_cast<NodeId>(nodes_.size());
        nodes_.emplace_back();
    } else {
        node = free_.back();
        free_.pop_back();
    }
    nodes_[node].parent = parent;
    ++nodes_[parent].children;
    if (level == "+") {
        nodes_[parent].plus = node;
    } else {
        edges_.emplace(EdgeKey{parent, std::string{level}}, node);
    }
    return node;
}

bool SubscriptionIndex::add(std::string_view filter, SubscriberId id) {
    const Place place = place_of(filter);
    NodeId node = kRoot;
    if (!place.is_root) {
        for (Levels levels{place.path}; !levels.at_end(); levels.advance()) {
            const NodeId next = child(node, levels.level());
            node = next != kNone ? next : make_child(node, levels.level());
        }
    }
    if (!insert(place.is_below ? nodes_[node].below : nodes_[node].here, id)) return false;
    ++filter_count_;
    return true;
}

bool SubscriptionIndex::remove(std::string_view filter, SubscriberId id) {
    const Place place = place_of(filter);
    NodeId node = kRoot;
    if (!place.is_root) {
        for (Levels levels{place.path}; !levels.at_end(); levels.advance()) {
            node = child(node, levels.level());
            if (node == kNone) return false;
        }
    }
    if (!erase(place.is_below ? nodes_[node].below : nodes_[node].here, id)) return false;
    --filter_count_;
    prune(node, place.path);
    return true;
}

void SubscriptionIndex::prune(NodeId node, std::string_view path) {
    while (node != kRoot) {
        const Node& empty = nodes_[node];
        if (empty.children != 0 || !empty.here.empty() || !empty.below.empty()) return;
        const NodeId parent = empty.parent;
        const std::size_t slash = path.rfind('/');
        const bool is_first = slash == std::string_view::npos;
        const std::string_view level = is_first ? path : path.substr(slash + 1);
        if (level == "+") {
            nodes_[parent].plus = kNone;
        } else {
            edges_.erase(edges_.find(EdgeView{parent, level}));
        }
        --nodes_[parent].children;
        nodes_[node] = Node{};
        free_.push_back(node);
        node = parent;
        path = is_first ? std::string_view{} : path.substr(0, slash);
    }
    if (filter_count_ != 0) return;
    // Nothing is subscribed: give back what a burst of filters made the arrays grow to.
    nodes_ = std::vector<Node>(1);
    std::vector<NodeId>{}.swap(free_);
}

void SubscriptionIndex::match(std::string_view name, std::vector<SubscriberId>& out) const {
    const auto give = [&out](const Ids& ids) { out.insert(out.end(), ids.begin(), ids.end()); };
    // The nodes that the levels read so far can be at; one level down at a time.
    std::vector<NodeId> at{kRoot};
    std::vector<NodeId> next;
    bool skips_wildcards = is_dollar(name);  // On the first level only. [MQTT-4.7.2-1]
    for (Levels levels{name}; !levels.at_end() && !at.empty(); levels.advance()) {
        next.clear();
        for (const NodeId node : at) {
            if (!skips_wildcards) {
                give(nodes_[node].below);
                if (nodes_[node].plus != kNone) next.push_back(nodes_[node].plus);
            }
            const auto edge = edges_.find(EdgeView{node, levels.level()});
            if (edge != edges_.end()) next.push_back(edge->second);
        }
        at.swap(next);
        skips_wildcards = false;
    }
    for (const NodeId node : at) {
        give(nodes_[node].here);
        give(nodes_[node].below);
    }
}

}  // namespace firehose::topic
