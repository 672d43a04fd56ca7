// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Which subscribers' filters match a topic name: a tree of levels.
///
/// What a SubscriberId stands for (a session, a feed, a slot) is the owner's business.
/// Threads:   belongs to one thread.
/// Cost:      add and remove O(levels x log nodes + ids at the filter). match visits, level by
///            level, the nodes that the name can be at: at most as many as the tree has filters
///            there, never one twice, without recursion: 65,535 levels cost a loop.
/// Memory:    some 150 bytes a level that no other filter shares, 4 bytes an id; nodes without
///            filters below them are freed. The caller bounds levels and subscriptions.
/// Invariant: match(name) has id exactly if `matches(filter, name)` for a filter that was added
///            for id and not removed since.
/// Source:    MQTT 5.0 section 4.7.
namespace firehose::topic {

using SubscriberId = std::uint32_t;

class SubscriptionIndex {
public:
    SubscriptionIndex();

    /// Adds a valid filter for `id`. False: it was there already.
    bool add(std::string_view filter, SubscriberId id);
    /// False: it was not there.
    bool remove(std::string_view filter, SubscriberId id);

    /// Appends the ids whose filters match; an id with several such filters appears several
    /// times. The order says nothing.
    void match(std::string_view name, std::vector<SubscriberId>& out) const;

    [[nodiscard]] std::size_t filter_count() const noexcept { return filter_count_; }
    [[nodiscard]] bool is_empty() const noexcept { return filter_count_ == 0; }
    /// Nodes in use, the root included: 1 when empty.
    [[nodiscard]] std::size_t node_count() const noexcept { return nodes_.size() - free_.size(); }

private:
    using NodeId = std::uint32_t;
    static constexpr NodeId kNone = 0xFFFF'FFFF;
    static constexpr NodeId kRoot = 0;

    struct Node {
        NodeId parent = kNone;
        NodeId plus = kNone;              // The child for `+`.
        std::uint32_t children = 0;       // `plus` included.
        std::vector<SubscriberId> here;   // Filters that end here; sorted.
        std::vector<SubscriberId> below;  // Filters that end here in `#`; sorted.
    };
    struct EdgeKey {
        NodeId parent;
        std::string level;
    };
    struct EdgeView {
        NodeId parent;
        std::string_view level;
    };
    /// Ordered, not hashed: strangers choose the levels, and no choice makes a map slow.
    struct EdgeLess {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const noexcept {
            if (a.parent != b.parent) return a.parent < b.parent;
            return std::string_view{a.level} < std::string_view{b.level};
        }
    };

    [[nodiscard]] NodeId child(NodeId parent, std::string_view level) const;
    [[nodiscard]] NodeId make_child(NodeId parent, std::string_view level);
    void prune(NodeId node, std::string_view path);

    std::vector<Node> nodes_;
    std::vector<NodeId> free_;
    std::map<EdgeKey, NodeId, EdgeLess> edges_;  // Literal levels only.
    std::size_t filter_count_ = 0;               // (filter, id) pairs.
};

}  // namespace firehose::topic
