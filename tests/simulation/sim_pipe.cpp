// SPDX-License-Identifier: Apache-2.0
#include "simulation/sim_pipe.h"

#include <algorithm>

#include "base/assert.h"

namespace firehose::simulation {
namespace {

[[nodiscard]] ByteBuffer take_front(ByteBuffer& from, std::size_t count) {
    const auto end = from.begin() + static_cast<std::ptrdiff_t>(count);
    ByteBuffer taken{from.begin(), end};
    from.erase(from.begin(), end);
    return taken;
}

}  // namespace

class SimPipe::ServerEnd final : public ByteStream {
public:
    explicit ServerEnd(SimPipe& pipe) : pipe_(pipe) {}
    ~ServerEnd() override {
        pipe_.server_ = nullptr;
        pipe_.is_server_closed_ = true;
    }
    ServerEnd(const ServerEnd&) = delete;
    ServerEnd& operator=(const ServerEnd&) = delete;

    void set_handler(ByteStreamHandler& handler) noexcept override { handler_ = &handler; }

    std::size_t write(std::span<const ByteSpan> parts) override {
        if (is_dead || pipe_.is_server_closed_) return 0;
        std::size_t taken = 0;
        for (const ByteSpan part : parts) {
            // To a client that is gone the kernel still takes bytes until the reset comes.
            const std::size_t room = pipe_.is_client_closed_
                                         ? part.size()
                                         : pipe_.limits_.to_client_bytes - pipe_.to_client_.size();
            const ByteSpan piece = part.first(std::min(part.size(), room));
            if (!pipe_.is_client_closed_) append(pipe_.to_client_, piece);
            taken += piece.size();
            if (piece.size() < part.size()) {
                wants_room = true;
                break;
            }
        }
        return taken;
    }
    void set_reading(bool enabled) override { is_reading = enabled; }
    void shut_down() override { pipe_.is_server_closed_ = true; }
    std::string peer_address() const override { return "127.0.0.1"; }

    [[nodiscard]] ByteStreamHandler& handler() const {
        FH_ASSERT(handler_ != nullptr);
        return *handler_;
    }

    bool is_reading = true;
    bool wants_room = false;
    bool is_dead = false;  // on_closed was called.

private:
    SimPipe& pipe_;
    ByteStreamHandler* handler_ = nullptr;
};

SimPipe::~SimPipe() {
    FH_ASSERT(server_ == nullptr);
}

std::unique_ptr<ByteStream> SimPipe::server_end() {
    auto end = std::make_unique<ServerEnd>(*this);
    server_ = end.get();
    return end;
}

std::size_t SimPipe::write(ByteSpan bytes) {
    if (is_client_closed_) return 0;
    const std::size_t room = limits_.to_server_bytes - to_server_.size();
    const std::size_t count = std::min(bytes.size(), room);
    if (count == 0) return 0;
    const std::size_t taken = random_.chance(50) ? count : 1 + random_.below(count);
    append(to_server_, bytes.first(taken));
    return taken;
}

ByteBuffer SimPipe::read(std::size_t bytes_max) {
    return take_front(to_client_, std::min(bytes_max, to_client_.size()));
}

void SimPipe::close() {
    is_client_closed_ = true;
    to_client_.clear();
    if (!to_server_.empty()) to_server_.resize(random_.below(to_server_.size() + 1));
}

void SimPipe::orphan(bool is_cut) {
    is_orphan_ = true;
    is_server_closed_ = true;
    if (is_cut && !to_client_.empty()) to_client_.resize(random_.below(to_client_.size() + 1));
}

bool SimPipe::deliver() {
    if (server_ == nullptr || server_->is_dead) return false;
    // No member of `*server_` is touched after a callback: it may be destroyed by then.
    if (server_->wants_room && to_client_.size() < limits_.to_client_bytes && !is_client_closed_) {
        server_->wants_room = false;
        server_->handler().on_writable();
        return true;
    }
    if (!to_server_.empty() && server_->is_reading && !is_server_closed_) {
        const std::size_t all = to_server_.size();
        const ByteBuffer bytes =
            take_front(to_server_, random_.chance(50) ? all : 1 + random_.below(all));
        server_->handler().on_bytes(bytes);
        return true;
    }
    // A reset is heard even where nobody reads.
    const bool is_reset = !server_->is_reading && random_.chance(10);
    if (is_client_closed_ && (to_server_.empty() || is_server_closed_ || is_reset)) {
        server_->is_dead = true;
        server_->handler().on_closed("closed by the peer");
        return true;
    }
    return false;
}

std::string SimPipe::describe() const {
    std::string text = std::to_string(to_server_.size()) + " bytes to the server, " +
                       std::to_string(to_client_.size()) + " to the client";
    if (server_ == nullptr) return text + ", no server";
    return text + (server_->is_reading ? "" : ", not read") +
           (server_->wants_room ? ", wants room" : "");
}

}  // namespace firehose::simulation
