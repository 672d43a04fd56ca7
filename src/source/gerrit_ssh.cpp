// SPDX-License-Identifier: Apache-2.0
#include "source/gerrit_ssh.h"

#include <libssh/libssh.h>
#include <libssh/server.h>  // ssh_send_keepalive, which clients may use as well.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

namespace firehose::source {

namespace {

using Cause = StreamEnd::Cause;
using namespace std::chrono_literals;

constexpr Microseconds kHandshakeMax = 30s;
constexpr Microseconds kPollMax = 1s;  // libssh may hold bytes that poll does not see.
constexpr std::size_t kComplaintMax = 1'024;

struct FreeSsh {
    void operator()(ssh_session session) const noexcept { ssh_free(session); }
    void operator()(ssh_channel channel) const noexcept { ssh_channel_free(channel); }
    void operator()(ssh_key key) const noexcept { ssh_key_free(key); }
};
using Session = std::unique_ptr<ssh_session_struct, FreeSsh>;
using Channel = std::unique_ptr<ssh_channel_struct, FreeSsh>;
using Key = std::unique_ptr<ssh_key_struct, FreeSsh>;

std::string in_home(const std::string& path) {
    if (!path.starts_with("~/")) return path;
    const char* home = std::getenv("HOME");
    return home == nullptr ? path : home + path.substr(1);
}

std::string fingerprint(ssh_key key) {
    unsigned char* hash = nullptr;
    std::size_t size = 0;
    if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != SSH_OK) return "?";
    char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
    std::string result = text == nullptr ? "?" : text;
    ssh_string_free_char(text);
    ssh_clean_pubkey_hash(&hash);
    return result;
}

/// One connection: each step returns why the stream ends there, or nothing when it goes on.
class Connection {
public:
    Connection(const SshTarget& target, StopSignal& stop, Clock& clock)
        : target_(target),
          stop_(stop),
          clock_(clock),
          known_hosts_(in_home(target.known_hosts)),
          key_file_(in_home(target.key_file)) {}
    ~Connection() {
        channel_.reset();
        if (session_ != nullptr) ssh_disconnect(session_.get());
        session_.reset();
        if (fd_ >= 0) ::close(fd_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] StreamEnd run(StreamListener& listener) {
        using Step = std::optional<StreamEnd> (Connection::*)();
        for (const Step step :
             {&Connection::load_key, &Connection::connect, &Connection::check_host_key,
              &Connection::authenticate, &Connection::start_command}) {
            if (std::optional<StreamEnd> end = (this->*step)()) {
                if (stop_.is_set) return stopped();
                return *std::move(end);
            }
        }
        listener.on_open();
        return read(listener);
    }

private:
    [[nodiscard]] std::optional<StreamEnd> load_key();
    [[nodiscard]] std::optional<StreamEnd> connect();
    [[nodiscard]] std::optional<StreamEnd> check_host_key();
    [[nodiscard]] std::optional<StreamEnd> authenticate();
    [[nodiscard]] std::optional<StreamEnd> start_command();
    [[nodiscard]] StreamEnd read(StreamListener& listener);
    /// All that has arrived. False: the stream is over.
    [[nodiscard]] bool read_all(StreamListener& listener);
    [[nodiscard]] StreamEnd ended();
    [[nodiscard]] std::optional<StreamEnd> unknown_host_key(ssh_key host_key);

    [[nodiscard]] static StreamEnd stopped() { return {Cause::stopped, "stopped", ""}; }
    [[nodiscard]] StreamEnd network(std::string_view doing) {
        const std::string error = ssh_get_error(session_.get());
        return {Cause::network,
                std::string{doing} + ": " + (error.empty() ? "no answer in time" : error), ""};
    }
    [[nodiscard]] std::string where() const {
        return target_.host + " port " + std::to_string(target_.port);
    }

    /// Repeats a step of libssh until it is done. `again`: not in time, or told to stop.
    template <class Step>
    [[nodiscard]] int drive(int again, Step step) {
        const MonotonicTime deadline = clock_.monotonic() + kHandshakeMax;
        int outcome = again;
        while ((outcome = step()) == again) {
            const Microseconds left = deadline - clock_.monotonic();
            if (stop_.is_set || left <= Microseconds{0}) break;
            static_cast<void>(sleep(std::min<Microseconds>(left, 100ms)));
        }
        return outcome;
    }
    /// Until the socket has something, another thread wakes us, or `longest` is over.
    /// True: bytes came in.
    [[nodiscard]] bool sleep(Microseconds longest);

    const SshTarget& target_;
    StopSignal& stop_;
    Clock& clock_;
    std::string known_hosts_;
    std::string key_file_;
    int fd_ = -1;  // Ours to close: libssh leaves a descriptor that it was given alone.
    Session session_;
    Key key_;
    Channel channel_;
    std::string complaint_;  // The command's standard error, its beginning.
};

bool Connection::sleep(Microseconds longest) {
    const int flags = ssh_get_poll_flags(session_.get());
    const short events = (flags & SSH_WRITE_PENDING) != 0 ? POLLIN | POLLOUT : POLLIN;
    std::array<pollfd, 2> fds{pollfd{fd_, events, 0}, pollfd{stop_.wake.fd(), POLLIN, 0}};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
    static_cast<void>(::poll(fds.data(), fds.size(), static_cast<int>(wait)));
    // A wish to end stays readable: it is looked for by its flag.
    return (fds[0].revents & POLLIN) != 0;
}

std::optional<StreamEnd> Connection::load_key() {
    ssh_key key = nullptr;
    // No call-back for a passphrase: nobody is there to type one.
    const int outcome = ssh_pki_import_privkey_file(key_file_.c_str(), "", nullptr, nullptr, &key);
    key_.reset(key);
    if (outcome == SSH_OK) return std::nullopt;
    if (outcome == SSH_EOF || ::access(key_file_.c_str(), R_OK) != 0) {
        return StreamEnd{Cause::key_file, "cannot read the private key " + key_file_,
                         "make one with: ssh-keygen -t ed25519 -N '' -f " + key_file_ +
                             " (and add the .pub to the Gerrit user's SSH keys)"};
    }
    return StreamEnd{Cause::key_file,
                     key_file_ + " is no private key that can be used without a passphrase",
                     "use an ed25519, ecdsa or rsa key without a passphrase"};
}

std::optional<StreamEnd> Connection::connect() {
    session_.reset(ssh_new());
    const Result<int, std::string> fd =
        tcp_connect({.host = target_.host, .port = target_.port}, stop_, clock_);
    if (!fd) return StreamEnd{Cause::network, fd.error(), ""};
    fd_ = *fd;
    const bool process_config = false;  // ~/.ssh/config is people's, not a service's.
    const unsigned port = target_.port;
    ssh_session session = session_.get();
    ssh_set_blocking(session, 0);
    if (ssh_options_set(session, SSH_OPTIONS_HOST, target_.host.c_str()) < 0 ||
        ssh_options_set(session, SSH_OPTIONS_PORT, &port) < 0 ||
        ssh_options_set(session, SSH_OPTIONS_USER, target_.username.c_str()) < 0 ||
        ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &process_config) < 0 ||
        ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, known_hosts_.c_str()) < 0 ||
        ssh_options_set(session, SSH_OPTIONS_FD, &fd_) < 0) {
        return network("cannot set up SSH");
    }
    if (drive(SSH_AGAIN, [&] { return ssh_connect(session); }) != SSH_OK) {
        return network("no SSH connection to " + where());
    }
    return std::nullopt;
}

std::optional<StreamEnd> Connection::check_host_key() {
    ssh_key raw = nullptr;
    if (ssh_get_server_publickey(session_.get(), &raw) != SSH_OK) return network("no host key");
    const Key host_key{raw};
    switch (ssh_session_is_known_server(session_.get())) {
        case SSH_KNOWN_HOSTS_OK:
            return std::nullopt;
        case SSH_KNOWN_HOSTS_CHANGED:
        case SSH_KNOWN_HOSTS_OTHER:
            return StreamEnd{Cause::host_key,
                             "the host key of " + where() + " is not the one in " + known_hosts_ +
                                 "; it is now " + fingerprint(raw),
                             "ask Gerrit's administrator; if it was changed on purpose: ssh-keygen "
                             "-f " +
                                 known_hosts_ + " -R '[" + target_.host +
                                 "]:" + std::to_string(target_.port) + "' and add the new one"};
        case SSH_KNOWN_HOSTS_UNKNOWN:
        case SSH_KNOWN_HOSTS_NOT_FOUND:
            return unknown_host_key(raw);
        case SSH_KNOWN_HOSTS_ERROR:
            break;
    }
    return StreamEnd{Cause::host_key, "cannot check the host key against " + known_hosts_,
                     "see that the file can be read"};
}

std::optional<StreamEnd> Connection::unknown_host_key(ssh_key host_key) {
    if (target_.host_keys == HostKeys::accept_new &&
        ssh_session_update_known_hosts(session_.get()) == SSH_OK) {
        return std::nullopt;
    }
    return StreamEnd{
        Cause::host_key,
        "the host key of " + where() + ", " + fingerprint(host_key) + ", is not in " + known_hosts_,
        "compare it with what Gerrit's administrator says, then: ssh-keyscan -p " +
            std::to_string(target_.port) + " " + target_.host + " >> " + known_hosts_};
}

std::optional<StreamEnd> Connection::authenticate() {
    const int outcome = drive(SSH_AUTH_AGAIN, [&] {
        return ssh_userauth_publickey(session_.get(), nullptr, key_.get());
    });
    if (outcome == SSH_AUTH_SUCCESS) return std::nullopt;
    if (outcome != SSH_AUTH_DENIED && outcome != SSH_AUTH_PARTIAL) {
        return network("the connection to " + where() + " ended while authenticating");
    }
    return StreamEnd{Cause::refused,
                     where() + " refuses the user \"" + target_.username + "\" with the key " +
                         key_file_ + " (" + fingerprint(key_.get()) + ")",
                     "add " + key_file_ +
                         ".pub to that user's SSH keys in Gerrit, and grant the user the global "
                         "capability Stream Events"};
}

std::optional<StreamEnd> Connection::start_command() {
    channel_.reset(ssh_channel_new(session_.get()));
    ssh_channel channel = channel_.get();
    if (channel == nullptr ||
        drive(SSH_AGAIN, [&] { return ssh_channel_open_session(channel); }) != SSH_OK) {
        return network("no SSH session on " + where());
    }
    const std::string command = stream_command(target_.types);
    if (drive(SSH_AGAIN, [&] { return ssh_channel_request_exec(channel, command.c_str()); }) !=
        SSH_OK) {
        return StreamEnd{Cause::refused, where() + " does not run \"" + command + "\"",
                         "grant the user the global capability Stream Events"};
    }
    return std::nullopt;
}

bool Connection::read_all(StreamListener& listener) {
    std::array<char, 65'536> buffer;  // NOLINT: filled by the read.
    for (const int is_stderr : {1, 0}) {
        for (;;) {
            const int count = ssh_channel_read_nonblocking(channel_.get(), buffer.data(),
                                                           buffer.size(), is_stderr);
            if (count == SSH_AGAIN || count == 0) break;
            if (count < 0) {
                if (is_stderr == 0) return false;
                break;
            }
            const std::string_view bytes{buffer.data(), static_cast<std::size_t>(count)};
            if (is_stderr == 0) {
                listener.on_bytes(bytes);
                if (stop_.is_set) return true;
            } else {
                complaint_.append(bytes.substr(0, kComplaintMax - complaint_.size()));
            }
        }
    }
    return ssh_channel_is_eof(channel_.get()) == 0 && ssh_is_connected(session_.get()) != 0;
}

StreamEnd Connection::read(StreamListener& listener) {
    StreamWatch watch{target_.watch, clock_.monotonic()};
    for (;;) {
        if (!read_all(listener)) return stop_.is_set ? stopped() : ended();
        if (stop_.is_set) return stopped();
        const Microseconds patience = listener.on_turn();
        const MonotonicTime now = clock_.monotonic();
        switch (watch.on_time(now)) {
            case StreamWatch::Step::wait:
                break;
            case StreamWatch::Step::ask:
                // Twice: the first may only complete the question before.
                static_cast<void>(ssh_send_keepalive(session_.get()));
                static_cast<void>(ssh_send_keepalive(session_.get()));
                break;
            case StreamWatch::Step::give_up:
                return {Cause::network, where() + " has been silent for too long", ""};
        }
        if (sleep(std::min({patience, watch.quiet_for(now), kPollMax}))) {
            watch.on_bytes(clock_.monotonic());
        }
    }
}

StreamEnd Connection::ended() {
    if (ssh_is_connected(session_.get()) == 0 && complaint_.empty()) {
        return {Cause::network, "the connection to " + where() + " was lost", ""};
    }
    while (!complaint_.empty() && (complaint_.back() == '\n' || complaint_.back() == '\r')) {
        complaint_.pop_back();
    }
    if (complaint_.empty()) return {Cause::ended, where() + " ended the stream", ""};
    return {Cause::refused, where() + " ended the stream and says: " + complaint_,
            "grant the user the global capability Stream Events, if that is what is missing"};
}

}  // namespace

std::string stream_command(const std::vector<std::string>& types) {
    std::string command = "gerrit stream-events";
    for (const std::string& type : types) {
        // Gerrit splits its command line at blanks and quotes, which no event type has.
        std::string word = type;
        std::erase_if(word, [](char c) { return c == '\'' || c == '"' || c == '\\' || c == '\n'; });
        command += " -s '" + word + "'";
    }
    return command;
}

StreamEnd stream_gerrit_events(const SshTarget& target, StopSignal& stop, Clock& clock,
                               StreamListener& listener) {
    Connection connection{target, stop, clock};
    return connection.run(listener);
}

}  // namespace firehose::source
