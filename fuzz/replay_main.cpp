// SPDX-License-Identifier: Apache-2.0
// Goal:   what fuzzing once found stays fixed, also under g++ and in plain ctest.
// Method: gives the target each file of the folders named as arguments, and each prefix of the
//         small ones, on exact-size heap blocks. No folder or an empty one is an error.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kPrefixesUpTo = 512;

void run(const std::string& bytes, std::size_t size) {
    const auto exact = std::make_unique<std::uint8_t[]>(size);
    if (size > 0) std::memcpy(exact.get(), bytes.data(), size);
    static_cast<void>(LLVMFuzzerTestOneInput(exact.get(), size));
}

void run_file(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    if (bytes.size() <= kPrefixesUpTo) {
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) run(bytes, cut);
    }
    run(bytes, bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        std::error_code failed;
        for (const auto& entry : std::filesystem::directory_iterator{argv[i], failed}) {
            if (entry.is_regular_file()) files.push_back(entry.path());
        }
    }
    if (files.empty()) {
        std::fprintf(stderr, "no corpus file found: name folders as arguments\n");
        return 1;
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) run_file(file);
    std::printf("%zu files replayed\n", files.size());
    return 0;
}
