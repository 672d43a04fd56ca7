// SPDX-License-Identifier: Apache-2.0
// Goal:   a header becomes the name and password that were meant, or nothing.
// Method: a table.
#include "http/basic_credentials.h"

#include <gtest/gtest.h>

namespace firehose::http {
namespace {

TEST(BasicCredentials, AreReadAsTheStandardWritesThem) {
    struct Row {
        std::string_view header;
        std::optional<BasicCredentials> meant;
    };
    const Row rows[] = {
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", BasicCredentials{"Aladdin", "open sesame"}},
        {"basic  dGVzdDoxMjPCow==", BasicCredentials{"test", "123\xC2\xA3"}},  // RFC 7617, 2.1
        {"BASIC YTpiOmM=", BasicCredentials{"a", "b:c"}},
        {"Basic Og==", BasicCredentials{"", ""}},
        {"Basic YWI=", std::nullopt},  // No colon.
        {"Basic YTpi\n", std::nullopt},
        {"Basic YTpiCg==", std::nullopt},  // A newline inside.
        {"Basic YTp*", std::nullopt},
        {"Basic YTpiO", std::nullopt},  // No whole base64.
        {"Basic ====", std::nullopt},
        {"Basic ", std::nullopt},
        {"Bearer YTpi", std::nullopt},
        {"", std::nullopt},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(parse_basic(row.header), row.meant) << row.header;
    }
}

}  // namespace
}  // namespace firehose::http
