// SPDX-License-Identifier: Apache-2.0
#include "ws/handshake_key.h"

#include <openssl/evp.h>

#include <array>

#include "base/assert.h"

namespace firehose::ws {
namespace {

// Section 1.3: what the server joins to the key to prove that it understood the request.
constexpr std::string_view kMagic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

bool is_base64(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

}  // namespace

bool is_handshake_key(std::string_view key) noexcept {
    if (key.size() != 24 || key.substr(22) != "==") return false;
    for (const char c : key.substr(0, 22)) {
        if (!is_base64(c)) return false;
    }
    return true;
}

std::string accept_key(std::string_view key) {
    std::string proof{key};
    proof += kMagic;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    const int made =
        EVP_Digest(proof.data(), proof.size(), digest.data(), &size, EVP_sha1(), nullptr);
    FH_ASSERT(made == 1 && size == 20);
    std::array<unsigned char, 29> text{};  // 28 characters and the NUL that EVP writes.
    EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(text.data()), 28};
}

}  // namespace firehose::ws
