# SPDX-License-Identifier: Apache-2.0
"""The bus under test, the honest clients that nothing may disturb, and what is held of both."""
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
import time

import link
from link import Closed, Link, WebSocketLink
from wire import Wire

PATIENCE_S = 20
CONNECT_TIMEOUT_S = 2
ACL = """topic read open/#
topic read $SYS/#
topic readwrite open/#
pattern readwrite own/%u/#
pattern read by-id/%c/#

user infra
topic readwrite #
topic readwrite $SYS/#

user alice
topic readwrite alice/#
topic readwrite open/#

user bob
topic read open/#
topic deny alice/#
"""
TOML = """data = "{folder}/var"
[listen]
mqtt = ["127.0.0.1:0"]
http = ["127.0.0.1:0"]
[auth]
password_file = "{folder}/users"
acl_file = "{folder}/acl"
[log]
memory_bytes = "1 MiB"
cache_bytes = "1 MiB"
[feed]
window_bytes = "256 KiB"
[limits]
connect_timeout = "{timeout} s"
http_head_timeout = "{timeout} s"
[sys]
interval = "1 s"
[tls]
handshake_timeout = "{timeout} s"
[[listener]]
name = "tls"
host = "127.0.0.1"
port = 0
cert_file = "{folder}/cert"
key_file = "{folder}/key"
[[listener]]
name = "wss"
host = "127.0.0.1"
port = 0
speaks = "http"
cert_file = "{folder}/cert"
key_file = "{folder}/key"
"""
# AddressSanitizer keeps what was freed apart, 256 MB of it by default, which would hide what the bus keeps.
SANITIZER = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=8"


class Bus:
    def __init__(self, firehose):
        self.firehose = firehose
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-hostile-"))
        for user in ("infra", "alice", "bob"):
            subprocess.run([firehose, "passwd", self.folder / "users", user], input="secret\n", text=True, check=True,
                           capture_output=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        self.folder / "key", "-out", self.folder / "cert"], check=True, capture_output=True)
        self.tls = ssl.create_default_context(cafile=self.folder / "cert")
        (self.folder / "acl").write_text(ACL)
        (self.folder / "firehose.toml").write_text(TOML.format(folder=self.folder, timeout=CONNECT_TIMEOUT_S))
        self.errors = open(self.folder / "errors", "w")
        environment = os.environ | {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":" + SANITIZER}
        self.process = subprocess.Popen([firehose, "serve", "-c", self.folder / "firehose.toml"], env=environment,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.ports = {}
        for line in self.process.stdout:
            if ready := re.match(r"ready mqtt=\S*?:(\d+)\S* http=\S*?:(\d+)\S* tls=\S*:(\d+) wss=\S*:(\d+)", line):
                self.ports = dict(zip(("tcp", "websocket", "tls", "wss"), map(int, ready.groups())))
                break
        assert self.ports, "the bus did not start: " + self.said()

    def open(self, transport):
        kind = WebSocketLink if transport in ("websocket", "wss") else Link
        return kind(self.ports[transport], self.tls if transport in ("tls", "wss") else None)

    def open_socket(self, transport):
        """Without a WebSocket's handshake."""
        return Link(self.ports[transport], self.tls if transport in ("tls", "wss") else None)

    def said(self):
        return (self.folder / "errors").read_text()

    def memory_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def processor_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def figures(self, *names):
        """Values below $SYS/broker that are newer than the call."""
        wire = Wire(self.ports["tcp"], 4)
        assert wire.subscribe("$SYS/broker/uptime", 0) == 0
        wire.message()
        wire.message()  # Pushed with the interval: what is asked for now is up to date.
        wire.close()
        return {name: self._figure(name) for name in names}

    def _figure(self, name):
        wire = Wire(self.ports["tcp"], 4)
        assert wire.subscribe(f"$SYS/broker/{name}", 0) == 0
        value = int(wire.message()[1])
        wire.close()
        return value

    def stop(self):
        """Its exit status. LeakSanitizer speaks at the end."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process.stdout.close()
        return code

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        self.errors.close()
        shutil.rmtree(self.folder)


class Honest:
    """A publisher and its readers: QoS 1 over TCP (MQTT 5) and QoS 0 over WebSocket (3.1.1), which read `#` as well."""

    def __init__(self, bus):
        self.bus, self.sent, self.is_over, self.failure = bus, 0, False, None
        self.latencies = []
        self.publisher = Wire(bus.ports["tcp"], 5, "honest-publisher", "infra", "secret", clean=True)
        self.readers = [self._reader("tcp", link.V5, "honest/#", 1), self._reader("websocket", link.V311, "#", 0)]
        self.threads = [threading.Thread(target=self._guard, args=(work,)) for work in
                        [self._publish, *(lambda at=at: self._read(at) for at in range(len(self.readers)))]]
        self.got = [0] * len(self.readers)
        for thread in self.threads:
            thread.start()

    def _reader(self, transport, version, topic_filter, qos):
        reader = self.bus.open(transport)
        reader.send(link.connect(version, f"honest-{transport}", "infra", "secret"))
        assert reader.packet()[0] == link.CONNACK
        reader.send(link.subscribe(version, topic_filter, options=qos))
        assert reader.packet()[0] == link.SUBACK
        return reader, version, qos

    def _guard(self, work):
        try:
            work()
        except Exception as failure:
            self.failure = self.failure or f"{type(failure).__name__} {failure}"

    def _publish(self):
        while not self.is_over and not self.failure:
            self.publisher.publish("honest/x", f"{self.sent} {time.monotonic()}".encode(), 1)
            _, reason = self.publisher.puback()
            assert reason == 0, reason
            self.sent += 1
            time.sleep(0.02)

    def _read(self, at):
        reader, version, qos = self.readers[at]
        while not (self.is_over and self.got[at] == self.sent) and not self.failure:
            try:
                kind, body = reader.packet(1)
            except TimeoutError:
                assert not self.is_over or self.got[at] == self.sent, f"reader {at} got {self.got[at]} of {self.sent}"
                continue
            assert kind == link.PUBLISH, f"reader {at} was sent packet type {kind}"
            end = 2 + int.from_bytes(body[:2], "big")
            topic = body[2:end].decode()  # Fails on what is no UTF-8.
            assert "\0" not in topic
            if not topic.startswith("honest/"):
                continue
            if qos:
                reader.send(link.ack(link.PUBACK, int.from_bytes(body[end:end + 2], "big")))
            payload = body[end + (2 if qos else 0) + (1 if version == link.V5 else 0):]
            number, sent_at = payload.split()
            assert int(number) == self.got[at], f"reader {at} got {int(number)} where {self.got[at]} is due"
            self.got[at] += 1
            self.latencies.append(time.monotonic() - float(sent_at))

    def end(self):
        """What disturbed them, or nothing."""
        self.is_over = True
        for thread in self.threads:
            thread.join(PATIENCE_S)
        self.publisher.close()
        for reader, _, _ in self.readers:
            reader.close()
        if not self.failure and any(got != self.sent for got in self.got):
            self.failure = f"{self.sent} sent, {self.got} got"
        return self.failure


__all__ = ["Bus", "Honest", "Closed", "CONNECT_TIMEOUT_S"]
