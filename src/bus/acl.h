// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bus/identity.h"

/// Who may read and write which topic: mosquitto's ACL file, and what holds without one.
///
///     topic [read|write|readwrite|deny] <filter>     for the user above, else for anonymous
///     user <name>                                    the lines below are for this user
///     pattern [read|write|readwrite|deny] <filter>   for everybody; %u user name, %c client id
///
/// What no line grants is refused. A `deny` beats the grants of its own kind (topic or pattern);
/// a user's own topic lines are asked before the patterns. `#` and `+` never cover `$SYS`.
/// Names are text, never wildcards: a client whose user name or client id contains `+` or `#` is
/// granted nothing by patterns (as in mosquitto), and one that contains `/` nothing by a pattern
/// that inserts it (stricter than mosquitto: a client id must not choose its own depth).
///
/// Lifetime: a value, immutable after parsing. Threads: any number of readers.
/// Cost: a check is one map lookup and at most one pass over the topic per rule; no allocation
/// unless a pattern inserts a name.
/// Source: mosquitto.conf(5), acl_file.
namespace firehose::bus {

struct AclError {
    std::size_t line = 0;  // From 1.
    std::string problem;

    friend bool operator==(const AclError&, const AclError&) = default;
};

class Acl {
public:
    /// Longest accepted line, and the most levels of a filter; both bound the cost of a check.
    static constexpr std::size_t kLineBytesMax = 65'535;
    static constexpr std::size_t kLevelsMax = 200;

    /// Without an ACL file: everybody reads everything, `$SYS` included, and nobody publishes.
    [[nodiscard]] static Acl none();
    /// Likewise, but everybody publishes as well: mosquitto's habit.
    [[nodiscard]] static Acl open();

    /// Reads an ACL file; an empty one grants nothing. Reports every bad line.
    [[nodiscard]] static Result<Acl, std::vector<AclError>> parse(std::string_view text);

    /// `topic` is a valid topic name (no wildcards).
    [[nodiscard]] bool may_read(const Identity& who, std::string_view topic) const;
    [[nodiscard]] bool may_write(const Identity& who, std::string_view topic) const;

    /// Equal for clients with the same reading rights: part of a feed's key (rule **Access**).
    [[nodiscard]] std::string read_class(const Identity& who) const;

private:
    enum class Access : std::uint8_t { deny = 0, read = 1, write = 2, readwrite = 3 };
    struct Rule {
        Access access = Access::deny;
        std::string filter;
        bool has_user = false;    // Contains %u (patterns only).
        bool has_client = false;  // Contains %c (patterns only).
    };
    struct Parser;

    Acl() = default;
    [[nodiscard]] bool allows(const Identity& who, std::string_view topic, Access wanted) const;
    [[nodiscard]] const std::vector<Rule>* rules_of(const Identity& who) const;

    bool no_file_ = false;
    bool is_open_ = false;  // With no_file_: for publishers too.
    std::vector<Rule> anonymous_;
    std::map<std::string, std::vector<Rule>, std::less<>> users_;
    std::vector<Rule> patterns_;
};

}  // namespace firehose::bus
