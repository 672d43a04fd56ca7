// SPDX-License-Identifier: Apache-2.0
// Target: Acl. Input: a line "user/client id/topic" (user empty: anonymous), then an ACL file.
// Properties: parsing reports lines that exist, in order; clients of one read class may read the
// same; a name with a wildcard is granted nothing by patterns; without a file, as documented.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "bus/acl.h"

using firehose::bus::Acl;
using firehose::bus::Identity;

namespace {

std::string_view cut(std::string_view& text, char end) {
    const auto place = std::min(text.find(end), text.size());
    const std::string_view part = text.substr(0, place);
    text.remove_prefix(std::min(place + 1, text.size()));
    return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    std::string_view file{reinterpret_cast<const char*>(data), size};
    std::string_view line = cut(file, '\n');
    const std::string user{cut(line, '/')};
    const std::string client{cut(line, '/')};
    const std::string topic{line};

    const auto acl = Acl::parse(file);
    if (!acl) {
        std::size_t last = 0;
        for (const auto& error : acl.error()) {
            FH_ASSERT(error.line > last && !error.problem.empty());
            last = error.line;
        }
        return 0;
    }
    const auto named = user.empty() ? std::nullopt : std::optional<std::string>{user};
    const Identity who{named, client};
    const Identity neighbours[] = {{named, "other"}, {"other", client}, {std::nullopt, client}};
    for (const Identity& other : neighbours) {
        if (acl->read_class(who) != acl->read_class(other)) continue;
        FH_ASSERT(acl->may_read(who, topic) == acl->may_read(other, topic));
    }
    (void)acl->may_write(who, topic);
    // Whoever is named like a wildcard reads no more than its own topic lines grant.
    const Identity wild{named, client + "#"};
    if (acl->may_read(wild, topic)) FH_ASSERT(acl->may_read(who, topic));
    return 0;
}
