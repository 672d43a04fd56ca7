// SPDX-License-Identifier: Apache-2.0
// tls_memory --connections N --cert FILE --key FILE: heap bytes of an idle TLS connection.
//
// The parent accepts N connections as TlsStreams and lets each shake hands, send a little and
// receive a little; the clients are a child process. What malloc has given out, before and after.
#include <malloc.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/listener.h"
#include "net/socket_address.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"

namespace firehose::net {
namespace {

/// Answers what comes, once.
struct Answering final : ByteStreamHandler {
    void on_bytes(ByteSpan bytes) override {
        std::ignore = stream->write(std::array{bytes});
        ++answers;
    }
    void on_writable() override {}
    void on_closed(const std::string& reason) override { std::printf("%s\n", reason.c_str()); }

    std::unique_ptr<TlsStream> stream;
    static inline int answers = 0;
};

[[noreturn]] void be_clients(std::uint16_t port, int connections) {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    for (int i = 0; i < connections; ++i) {
        auto address = SocketAddress::resolve("127.0.0.1", port, SocketAddress::Use::connect);
        const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
        if (::connect(socket, address->get(), address->size()) != 0) _exit(1);
        SSL* const ssl = SSL_new(context);
        SSL_set_fd(ssl, socket);
        char text[100] = "hello";
        if (SSL_connect(ssl) != 1 || SSL_write(ssl, text, sizeof text) <= 0) _exit(1);
        if (SSL_read(ssl, text, sizeof text) <= 0) _exit(1);
    }
    ::pause();
    _exit(0);
}

int run(int connections, const TlsOptions& options) {
    SystemClock clock;
    const auto loop = std::move(*EventLoop::create(clock));
    auto context = TlsContext::load(options);
    if (!context) return std::printf("%s\n", context.error().c_str()), 1;
    HandshakeGate gate{*loop, 8};
    std::vector<std::unique_ptr<Answering>> clients;
    auto listener =
        Listener::open(*loop, {.host = "127.0.0.1"}, [&](std::unique_ptr<TcpStream> accepted) {
            auto& client = *clients.emplace_back(std::make_unique<Answering>());
            client.stream = std::make_unique<TlsStream>(*loop, accepted->take_socket(), "127.0.0.1",
                                                        *context, gate);
            client.stream->set_handler(client);
        });
    clients.reserve(static_cast<std::size_t>(connections));
    const pid_t child = ::fork();
    if (child == 0) be_clients((*listener)->port(), connections);
    std::size_t before = 0;
    while (Answering::answers < connections) {
        loop->run_turn(Microseconds{100'000});
        // The first ones warm up what all share.
        if (before == 0 && Answering::answers == connections / 10) before = mallinfo2().uordblks;
    }
    const std::size_t after = mallinfo2().uordblks;
    std::printf("%zu bytes a connection (%d connections, %s)\n",
                (after - before) / static_cast<std::size_t>(connections - connections / 10),
                connections, clients.front()->stream->protocol().c_str());
    ::kill(child, SIGTERM);
    ::waitpid(child, nullptr, 0);
    return 0;
}

}  // namespace
}  // namespace firehose::net

int main(int count, char** arguments) {
    CLI::App app{"Heap bytes of an idle TLS connection"};
    int connections = 500;
    firehose::net::TlsOptions options;
    app.add_option("--connections", connections);
    app.add_option("--cert", options.certificate.cert_file)->required();
    app.add_option("--key", options.certificate.key_file)->required();
    app.add_option("--ca", options.ca_file);
    CLI11_PARSE(app, count, arguments);
    return firehose::net::run(connections, options);
}
