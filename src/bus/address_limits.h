// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip_network.h"
#include "base/time.h"
#include "bus/metrics.h"
#include "bus/rate_limit.h"

/// What one address of the network may do: connections, and rates of what costs the bus something.
///
/// Strangers are counted by where they come from: an IPv4 address, or the first 64 bits of an IPv6
/// one, below which one household or server has as many as it likes. Each connection holds an
/// AddressLease from its accept to its end, whatever serves it meanwhile; the lease is asked
/// before a CONNECT, a SUBSCRIBE, an HTTP request. Networks that are exempt, and what is no
/// address (a Unix socket), are never limited nor counted.
/// A few connections beyond the bound are let in so that they can be told (`is_over`); past those
/// a connection is refused without a word, before anything is allocated for it.
/// Ownership: outlives its leases. Threads: the loop's; one for all its doors.
/// Memory:    100 bytes an address, at most kAddressesMax and those with open connections. When
///            full, the address that was idle longest is forgotten: it begins anew with a full
///            burst. So a network of very many addresses gains a burst each, as it would anyway.
/// Cost:      O(1): one hash look-up a connection, none after.
/// Source:    design.md section 7.
namespace firehose::bus {

struct AddressLimitSettings {
    std::uint64_t connections_max = 200;  // limits.address.connections_max; 0: no limit.
    RateLimit connects{20, 100};          // limits.address.connects_per_s and connects_burst
    RateLimit subscribes{50, 500};        // limits.address.subscribes_per_s and subscribes_burst
    RateLimit requests{50, 500};          // limits.address.requests_per_s and requests_burst
    PublishLimits publishes;              // Of all clients without a name together.
    std::vector<IpNetwork> exempt;        // limits.exempt, and trusted proxies.
};

/// What was refused. Fields are named as they are exported.
struct AddressMetrics {
    Counter addresses;  // That are remembered now.
    Counter addresses_forgotten;
    Counter connections_refused;  // Without a word.
    Counter connections_over;     // Let in to be told.
    Counter connects_refused;
    Counter subscribes_refused;
    Counter requests_refused;
};

class AddressLimits {
    struct Key {
        std::uint64_t number = 0;
        bool is_v4 = false;
        friend bool operator==(const Key&, const Key&) = default;
    };
    struct Hash {
        std::uint64_t seed;
        [[nodiscard]] std::size_t operator()(const Key& key) const noexcept;
    };
    struct Entry {
        std::size_t connections = 0;
        RateBucket connects, subscribes, requests;
        PublishQuota publishes;
        std::list<Key>::iterator idle;  // In idle_; only while there is no connection.
    };

public:
    static constexpr std::size_t kAddressesMax = 16'384;
    /// Connections of one address beyond its bound that are let in to be told.
    static constexpr std::size_t kToBeTold = 8;

    class Lease;

    /// `seed` is one that strangers cannot guess: it decides which addresses share a bucket.
    AddressLimits(AddressLimitSettings settings, std::uint64_t seed)
        : settings_(std::move(settings)), entries_(0, Hash{seed}) {}
    AddressLimits(const AddressLimits&) = delete;
    AddressLimits& operator=(const AddressLimits&) = delete;

    /// A reload: holds for all that comes from now on; who is in stays.
    void change(AddressLimitSettings settings) { settings_ = std::move(settings); }

    /// A connection from `address`, numeric. Nothing: it is beyond the bound, close it.
    [[nodiscard]] std::optional<Lease> admit(std::string_view address, MonotonicTime now);

    [[nodiscard]] bool is_exempt(const IpAddress& address) const noexcept;
    [[nodiscard]] const AddressMetrics& metrics() const noexcept { return metrics_; }

private:
    friend class Lease;
    using Entries = std::unordered_map<Key, Entry, Hash>;

    [[nodiscard]] static Key key_of(const IpAddress& address) noexcept;
    [[nodiscard]] Entries::value_type& entry_of(const Key& key, MonotonicTime now);
    void release(Entries::value_type& entry);
    void forget_idle(MonotonicTime now);
    [[nodiscard]] static bool says_something(const Entry& entry, MonotonicTime now) noexcept;

    AddressLimitSettings settings_;
    AddressMetrics metrics_;
    Entries entries_;
    std::list<Key> idle_;  // Addresses without a connection, longest ago first.
};

/// One connection's place among those of its address. Empty: exempt from every limit.
///
/// Lifetime: as long as the connection; moves with it from hand to hand.
class AddressLimits::Lease {
public:
    Lease() = default;
    Lease(Lease&& other) noexcept { *this = std::move(other); }
    Lease& operator=(Lease&& other) noexcept;
    ~Lease() { end(); }

    /// One of the few beyond `limits.address.connections_max`: tell it, and close it.
    [[nodiscard]] bool is_over() const noexcept { return is_over_; }
    [[nodiscard]] bool is_exempt() const noexcept { return limits_ == nullptr; }

    // Each takes one, or says how long to wait. 0: granted.
    [[nodiscard]] Microseconds take_connect(MonotonicTime now) const;
    [[nodiscard]] Microseconds take_subscribe(MonotonicTime now) const;
    [[nodiscard]] Microseconds take_request(MonotonicTime now) const;
    /// A PUBLISH of so many bytes by a client without a name.
    [[nodiscard]] Microseconds take_publish(MonotonicTime now, std::size_t bytes) const;

private:
    friend class AddressLimits;
    void end() noexcept;

    AddressLimits* limits_ = nullptr;
    Entries::value_type* entry_ = nullptr;  // Stays where it is while a lease is on it.
    bool is_over_ = false;
};

using AddressLease = AddressLimits::Lease;

}  // namespace firehose::bus
