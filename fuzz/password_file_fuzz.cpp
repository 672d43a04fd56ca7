// SPDX-License-Identifier: Apache-2.0
// Target: PasswordFile. Property: a file is refused with lines that exist, or read, and then what
// is written from it is read as the same; an empty password opens nothing that was not hashed so.
#include <string_view>

#include "base/assert.h"
#include "config/password_file.h"

using firehose::config::PasswordFile;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto users = PasswordFile::parse(text, "f");
    if (!users) {
        FH_ASSERT(!users.error().empty());
        for (const auto& error : users.error()) FH_ASSERT(error.line > 0 && !error.problem.empty());
        return 0;
    }
    const std::string written = users->text();
    const auto again = PasswordFile::parse(written, "f");
    FH_ASSERT(again);
    FH_ASSERT(again->text() == written);
    FH_ASSERT(again->size() == users->size());
    return 0;
}
