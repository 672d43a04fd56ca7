#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""listeners_test.py FIREHOSE: what one listener says for itself, and whom limits count behind a proxy.

Goal:   each listener has its own bounds, versions, addresses, interface and origins; limits count the client that a
        trusted proxy names, not the proxy, and nobody else's word; what does not arrive is in /metrics.
Method: `firehose serve` in a network namespace of its own with a second interface, so that listeners may take every
        address; clients by hand. Making the namespace needs root: without it nothing is run, which is no success.
"""
import os
import socket
import ssl
import subprocess
import sys
import time
import unittest

from certificates import Authority
from listening_bus import PATIENCE_S, ListeningBus, OnOneBus

FIREHOSE = sys.argv[1]
CONNACK = b"\x20\x02\x00\x00"
TOLD = b"\x20\x02\x00\x03"  # 3.1.1's word for 0x97.


def string(text):
    return len(text).to_bytes(2, "big") + text.encode()


def connect(client_id="x", level=4):
    name = "MQIsdp" if level == 3 else "MQTT"
    body = string(name) + bytes([level, 2, 0, 60]) + (b"\0" if level == 5 else b"") + string(client_id)
    return b"\x10" + bytes([len(body)]) + body


class Bus(ListeningBus):
    def __init__(self):
        super().__init__("firehose-listeners-")
        authority = Authority(self.folder, "ours")
        self.ca = authority.cert
        cert, key = authority.issue("server", ("localhost", "127.0.0.1"))
        here = 'host = "127.0.0.1"\nport = 0\n'
        listeners = {
            "plain": here,
            "tls": here + f'cert_file = "{cert}"\nkey_file = "{key}"\n',
            "proxy": here + 'proxy_protocol = "any"\n',
            "few": here + "connections_max = 2\n",
            "few-web": here + 'speaks = "http"\nconnections_max = 1\n',
            "new": here + 'versions = ["5.0"]\n',
            "old": here + 'versions = ["3.1", "3.1.1"]\n',
            "any": here + 'speaks = "any"\n',
            "four": 'port = 0\nfamily = "ipv4"\n',
            "six": 'port = 0\nfamily = "ipv6"\n',
            "lo": here + 'interface = "lo"\n',
            "other": 'host = "127.0.0.1"\nport = 0\ninterface = "other0"\n',
            "pages": here + 'speaks = "http"\norigins = ["https://good.example"]\n',
        }
        text = ('net.trusted_proxies = ["127.0.0.1"]\nnet.proxy_header_timeout = "1 s"\n'
                'tls.handshake_timeout = "1 s"\nlimits.exempt = []\nlimits.connect_timeout = "1 s"\n'
                'limits.address.connections_max = 2\nlisten.mqtt = []\nlisten.http = ["127.0.0.1:0"]\n')
        self.start(FIREHOSE, text, listeners)

    def counter(self, name):
        page = subprocess.run([FIREHOSE, "metrics", "--data", self.folder / "var"], capture_output=True, text=True,
                              timeout=PATIENCE_S, check=True).stdout
        return int(next(line for line in page.splitlines() if line.startswith(name + " ")).rsplit(" ", 1)[1])

    def limit(self, name):
        return self.counter(f'firehose_limit_reached_total{{limit="{name}"}}')


class Listeners(OnOneBus):
    make_bus = Bus

    def open(self, port, source="127.0.0.1", to="127.0.0.1"):
        made = socket.create_connection((to, port), PATIENCE_S, (source, 0) if ":" not in to else None)
        self.addCleanup(made.close)
        return made

    def take(self, stream, count):
        got = b""
        while len(got) < count:
            piece = stream.recv(count - len(got))
            if not piece:
                break
            got += piece
        return got

    def is_closed(self, stream):
        try:
            self.assertEqual(stream.recv(1), b"")
        except ConnectionResetError:
            pass

    def says(self, port, before=b"", source="127.0.0.1", level=4, to="127.0.0.1"):
        """A client that stays, and the CONNACK it got."""
        stream = self.open(port, source, to)
        stream.sendall(before + connect(level=level))
        return stream, self.take(stream, 4)

    def upgrade(self, port, source="127.0.0.1", **headers):
        """A client that stays, and the status of what it got for a WebSocket."""
        stream = self.open(port, source)
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        stream.sendall(("GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                        f"Sec-WebSocket-Protocol: mqtt\r\n{more}\r\n").encode())
        return stream, int(self.take(stream, 12)[9:])

    def until_in(self, come, answer):
        """Until somebody is let in; who is not goes away again."""
        def is_in():
            try:
                stream, got = come()
            except (ConnectionError, ValueError):  # Not even told.
                return False
            if got != answer:
                stream.close()
            return got == answer
        self.until(is_in)

    def until(self, question):
        deadline = time.monotonic() + PATIENCE_S
        while not question():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    # Whom limits count.

    def test_limits_count_the_client_that_a_proxy_names(self):
        def header(address):
            return f"PROXY TCP4 {address} 127.0.0.1 4660 1883\r\n".encode()
        port = self.bus.ports["proxy"]
        before = self.bus.limit("limits.address.connections_max")
        held = [self.says(port, header("192.0.2.41")) for _ in range(2)]
        self.assertEqual([answer for _, answer in held], [CONNACK] * 2)
        self.assertEqual(self.says(port, header("192.0.2.41"))[1], TOLD)
        self.assertEqual(self.bus.limit("limits.address.connections_max"), before + 1)
        self.assertEqual(self.says(port, header("192.0.2.42"))[1], CONNACK)
        six = [self.says(port, f"PROXY TCP6 2001:db8::{i} ::1 4660 1883\r\n".encode())[1] for i in range(1, 4)]
        self.assertEqual(six, [CONNACK, CONNACK, TOLD], "one /64 counts as one")
        # The proxy itself is exempt: three of its own.
        own = [self.says(port, b"PROXY UNKNOWN\r\n") for _ in range(3)]
        self.assertEqual([answer for _, answer in own], [CONNACK] * 3)
        held[0][0].close()
        self.until_in(lambda: self.says(port, header("192.0.2.41")), CONNACK)

    def test_limits_count_the_client_that_is_forwarded(self):
        port = self.bus.http
        held = [self.upgrade(port, X_Forwarded_For="10.9.8.7, 192.0.2.51") for _ in range(2)]
        self.assertEqual([status for _, status in held], [101, 101])
        self.assertEqual(self.upgrade(port, X_Forwarded_For="10.9.8.8, 192.0.2.51")[1], 429)
        self.assertEqual(self.upgrade(port, X_Forwarded_For="192.0.2.52")[1], 101)
        own = [self.upgrade(port) for _ in range(3)]
        self.assertEqual([status for _, status in own], [101] * 3, "the proxy is exempt")

    def test_who_is_no_proxy_counts_as_itself_whatever_it_says(self):
        port = self.bus.http
        answers = [self.upgrade(port, "127.0.0.3", X_Forwarded_For=f"192.0.2.6{i}") for i in range(3)]
        self.assertEqual([status for _, status in answers], [101, 101, 429])

    # What a listener says.

    def test_connections_of_a_listener_are_bounded_and_the_next_are_told(self):
        port, before = self.bus.ports["few"], self.bus.limit("listener.connections_max")
        held = [self.says(port, source=f"127.1.0.{i}") for i in (1, 2)]
        self.assertEqual([answer for _, answer in held], [CONNACK] * 2)
        told, answer = self.says(port, source="127.1.0.3")
        self.assertEqual(answer, TOLD)
        self.is_closed(told)
        told.close()
        self.assertEqual(self.says(self.bus.ports["plain"], source="127.1.0.3")[1], CONNACK, "others have room")
        # Past those that are told nobody is heard.
        silent = [self.open(port, f"127.1.1.{i}") for i in range(9)]
        self.is_closed(silent[-1])
        self.assertGreaterEqual(self.bus.limit("listener.connections_max"), before + 10)
        for stream in silent:
            stream.close()
        held[0][0].close()
        self.until_in(lambda: self.says(port, source="127.1.0.4"), CONNACK)

    def test_http_of_a_full_listener_is_told_503(self):
        port = self.bus.ports["few-web"]
        first, status = self.upgrade(port, "127.2.0.1")
        self.assertEqual(status, 101)
        told, status = self.upgrade(port, "127.2.0.2")
        self.assertEqual(status, 503)
        while told.recv(4096):  # Its place is free again.
            pass
        first.close()
        self.until_in(lambda: self.upgrade(port, "127.2.0.3"), 101)

    def test_versions_that_a_listener_does_not_speak_are_refused(self):
        new, old = self.bus.ports["new"], self.bus.ports["old"]
        self.assertEqual(self.says(new, level=5)[1][3], 0)
        self.assertEqual(self.says(old, level=5)[1][3], 0x84)
        for level in (3, 4):
            self.assertEqual(self.says(old, level=level)[1], CONNACK)
            stream, answer = self.says(new, level=level)
            self.assertEqual(answer, b"\x20\x02\x00\x01")
            self.is_closed(stream)

    def test_a_family_is_of_its_addresses_alone(self):
        four, six = self.bus.ports["four"], self.bus.ports["six"]
        self.assertEqual(self.says(four, to="192.0.2.1", source="192.0.2.1")[1], CONNACK)
        self.assertEqual(self.says(six, to="::1")[1], CONNACK)
        with self.assertRaises(ConnectionRefusedError):
            self.open(four, to="::1")
        with self.assertRaises(ConnectionRefusedError):
            self.open(six)

    def test_an_interface_is_the_only_way_in(self):
        self.assertEqual(self.says(self.bus.ports["lo"])[1], CONNACK)
        with self.assertRaises(ConnectionRefusedError):
            self.open(self.bus.ports["other"])  # What this host sends to itself comes by lo.

    def test_pages_of_other_origins_are_refused(self):
        port = self.bus.ports["pages"]
        rows = (("https://good.example", 101), ("https://evil.example", 403), (None, 101),
                ("http://good.example", 403), ("https://good.example.evil", 403), ("null", 403))
        for i, (origin, status) in enumerate(rows):
            headers = {"Origin": origin} if origin else {}
            self.assertEqual(self.upgrade(port, f"127.3.0.{i + 1}", **headers)[1], status, origin)

    # What does not arrive.

    def test_tls_handshakes_are_counted_as_they_end(self):
        port, names = self.bus.ports["tls"], ("firehose_tls_handshakes_total", "firehose_tls_handshakes_failed_total")
        done, failed = (self.bus.counter(name) for name in names)
        late = self.bus.limit("tls.handshake_timeout")
        context = ssl.create_default_context(cafile=self.bus.ca)
        with context.wrap_socket(self.open(port), server_hostname="localhost") as stream:
            stream.sendall(connect())
            self.assertEqual(self.take(stream, 4), CONNACK)
        with self.assertRaises(ssl.SSLError):  # It does not know our authority.
            ssl.create_default_context().wrap_socket(self.open(port), server_hostname="localhost")
        plain = self.open(port)
        plain.sendall(connect())
        self.take(plain, 64)  # An alert.
        slow = self.open(port)
        slow.sendall(b"\x16\x03\x01")
        self.is_closed(slow)
        self.until(lambda: self.bus.counter(names[1]) == failed + 2)
        # With TLS 1.3 a server is done before its client has judged the certificate.
        self.assertIn(self.bus.counter(names[0]) - done, (1, 2))
        self.assertEqual(self.bus.limit("tls.handshake_timeout"), late + 1)

    def test_proxy_headers_are_counted_as_they_are_refused(self):
        port = self.bus.ports["proxy"]
        untrusted, refused = "firehose_proxy_headers_untrusted_total", "firehose_proxy_headers_refused_total"
        before = [self.bus.counter(untrusted), self.bus.counter(refused), self.bus.limit("net.proxy_header_timeout")]
        self.is_closed(self.open(port, "127.0.0.2"))
        self.is_closed(self.says(port)[0])  # No header.
        slow = self.open(port)
        slow.sendall(b"PROXY TCP4")  # And no more.
        self.is_closed(slow)
        after = [self.bus.counter(untrusted), self.bus.counter(refused), self.bus.limit("net.proxy_header_timeout")]
        self.assertEqual([b - a for a, b in zip(before, after)], [1, 1, 1])

    def test_first_bytes_are_counted_as_they_are_refused(self):
        port, name = self.bus.ports["any"], "firehose_first_bytes_refused_total"
        before, late = self.bus.counter(name), self.bus.limit("limits.connect_timeout")
        neither = self.open(port)
        neither.sendall(b"\x16\x03\x01")
        self.is_closed(neither)
        self.assertEqual(self.bus.counter(name), before + 1)
        self.is_closed(self.open(port))
        self.assertEqual(self.bus.limit("limits.connect_timeout"), late + 1)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("NOT RUN, and no success: a network namespace of its own needs root")
        sys.exit(77)
    if os.environ.get("FIREHOSE_TEST_NAMESPACE") != "own":
        os.execvpe("unshare", ["unshare", "--net", sys.executable, *sys.argv],
                   dict(os.environ, FIREHOSE_TEST_NAMESPACE="own"))
    for command in ("link set lo up", "link add other0 type veth peer name other1",
                    "addr add 192.0.2.1/24 dev other0", "link set other0 up", "link set other1 up"):
        subprocess.run(["ip", *command.split()], check=True)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
