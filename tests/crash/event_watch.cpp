// SPDX-License-Identifier: Apache-2.0
#include "event_watch.h"

#include <array>
#include <charconv>
#include <utility>

namespace firehose::crash {

void EventWatch::connect(std::uint16_t port) {
    is_asked_ = false;
    partial_.clear();
    auto stream = net::TcpStream::connect(loop_, "127.0.0.1", port);
    if (!stream) return;
    stream_ = std::move(*stream);
    stream_->set_handler(*this);
}

void EventWatch::on_writable() {
    if (std::exchange(is_asked_, true)) return;
    const std::array<ByteSpan, 1> request{
        as_bytes("GET /events?topic=crash/%23 HTTP/1.1\r\nHost: localhost\r\n"
                 "Accept: application/x-ndjson\r\n\r\n")};
    static_cast<void>(stream_->write(request));  // An empty socket has room for that.
}

void EventWatch::on_bytes(ByteSpan bytes) {
    partial_ += as_text(bytes);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = partial_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
        read(std::string_view{partial_}.substr(begin, end - begin));
    }
    partial_.erase(0, begin);
}

void EventWatch::read(std::string_view line) {
    constexpr std::string_view kBegin = "{\"seq\":";
    if (!line.starts_with(kBegin)) return;
    line.remove_prefix(kBegin.size());
    std::uint64_t seq = 0;
    std::from_chars(line.data(), line.data() + line.size(), seq);
    if (seq <= last_seq_ && problem_.empty()) {
        problem_ =
            "/events gave seq " + std::to_string(seq) + " after " + std::to_string(last_seq_);
    }
    last_seq_ = seq;
    ++count_;
}

}  // namespace firehose::crash
