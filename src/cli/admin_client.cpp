// SPDX-License-Identifier: Apache-2.0
#include "cli/admin_client.h"

#include <curl/curl.h>

#include <memory>

namespace firehose::cli {
namespace {

/// The answer as it comes: lines, or the text of a refusal.
struct Answer {
    CURL* handle = nullptr;
    const std::function<void(std::string_view)>* on_line = nullptr;
    std::string pending;

    [[nodiscard]] bool is_refusal() const {
        long status = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        return status >= 400;
    }

    void take(std::string_view bytes) {
        pending += bytes;
        if (is_refusal()) return;
        std::size_t begin = 0;
        for (std::size_t end = pending.find('\n'); end != std::string::npos;
             end = pending.find('\n', begin)) {
            (*on_line)(std::string_view{pending}.substr(begin, end - begin));
            begin = end + 1;
        }
        pending.erase(0, begin);
    }
};

std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* answer) {
    static_cast<Answer*>(answer)->take({bytes, size * count});
    return size * count;
}

std::string url_of(CURL* handle, const AdminRequest& request) {
    std::string url = "http://bus" + request.path;
    char separator = '?';
    for (const auto& [name, value] : request.query) {
        char* escaped = curl_easy_escape(handle, value.data(), static_cast<int>(value.size()));
        url += separator + name + "=" + (escaped == nullptr ? "" : escaped);
        curl_free(escaped);
        separator = '&';
    }
    return url;
}

}  // namespace

Result<void, AdminError> ask_bus(const AdminRequest& request,
                                 const std::function<void(std::string_view)>& on_line) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> owner{curl_easy_init(),
                                                                    &curl_easy_cleanup};
    CURL* const handle = owner.get();
    if (handle == nullptr) return Failure{AdminError{AdminFailure::refused, "out of memory"}};
    const std::string socket = request.data + "/admin.sock";
    const std::string url = url_of(handle, request);
    Answer answer{.handle = handle, .on_line = &on_line, .pending = {}};
    curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &on_bytes);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    if (request.is_post) curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, "POST");
    const CURLcode done = curl_easy_perform(handle);
    if (done == CURLE_COULDNT_CONNECT) {
        return Failure{AdminError{AdminFailure::no_bus,
                                  "no bus serves " + request.data + " (its door " + socket +
                                      " does not answer); start it, or name its folder with "
                                      "--data"}};
    }
    if (done != CURLE_OK) {
        return Failure{
            AdminError{AdminFailure::refused, std::string{"the bus's answer broke off ("} +
                                                  curl_easy_strerror(done) + "); look at its log"}};
    }
    if (answer.is_refusal()) {
        while (!answer.pending.empty() && answer.pending.back() == '\n') answer.pending.pop_back();
        return Failure{AdminError{AdminFailure::refused, answer.pending}};
    }
    if (!answer.pending.empty()) on_line(answer.pending);
    return {};
}

}  // namespace firehose::cli
