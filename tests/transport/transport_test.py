#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""transport_test.py FIREHOSE: every way in.

Goal:   TLS with its certificates, WebSocket over TLS, HTTPS, a Unix socket, the PROXY protocol,
        X-Forwarded-For and one port for all of them carry the clients that people have, and
        refuse whom they must.
Method: one `firehose serve` with a listener of each kind on free loopback ports; certificates made
        with the openssl command; mosquitto's clients, paho, curl, and raw sockets.
"""
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import unittest

import paho.mqtt.client as mqtt

from certificates import Authority
from listening_bus import PATIENCE_S, ListeningBus, OnOneBus

FIREHOSE = sys.argv[1]
CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x"
CONNACK = b"\x20\x02\x00\x00"
UPGRADE = (b"GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # Of a PROXY header of version 2.


class Bus(ListeningBus):
    def __init__(self):
        super().__init__("firehose-transport-")
        self.ours = Authority(self.folder, "ours")
        self.other = Authority(self.folder, "other")
        names = ("localhost", "127.0.0.1", "::1")
        server = self.ours.issue("server", names)
        second = self.ours.issue("second", ("second.example",))
        self.good, self.revoked = self.ours.issue("gate north"), self.ours.issue("revoked")
        self.foreign = self.other.issue("gate north")
        crl = self.ours.revoke(self.revoked[0])
        self.path, self.strict_ca = self.folder / "mqtt.sock", self.folder / "strict-ca.pem"
        shutil.copy(self.ours.cert, self.strict_ca)
        (self.folder / "acl").write_text("topic readwrite #\n")
        (self.folder / "by-name").write_text("user gate north\ntopic readwrite #\n")
        tls = f'host = "127.0.0.1"\nport = 0\ncert_file = "{server[0]}"\nkey_file = "{server[1]}"\n'
        plain = 'host = "127.0.0.1"\nport = 0\n'
        listeners = {
            "tls": tls,
            "strict": tls + f'ca_file = "{self.strict_ca}"\ncrl_file = "{crl}"\nrequire_certificate = true\n'
                            f'use_identity_as_username = true\nacl_file = "{self.folder}/by-name"\n',
            "web": tls + 'speaks = "http"\n',
            "any": tls + 'speaks = "any"\n'
                         f'[[listener.certificate]]\ncert_file = "{second[0]}"\nkey_file = "{second[1]}"\n',
            "plain-any": plain + 'speaks = "any"\n',
            "six": 'host = "::1"\nport = 0\n',
            "unix": f'path = "{self.path}"\n',
            "proxy": plain + 'proxy_protocol = "any"\n',
            "proxy-tls": tls + 'proxy_protocol = "v2"\n',
            "proxy-any": plain + 'proxy_protocol = "any"\nspeaks = "any"\n',
        }
        text = (f'auth.acl_file = "{self.folder}/acl"\nlogging.level = "debug"\n'
                'net.trusted_proxies = ["127.0.0.1"]\nnet.proxy_header_timeout = "1 s"\n'
                'tls.handshake_timeout = "1 s"\nlisten.http = ["127.0.0.1:0"]\n')
        self.start(FIREHOSE, text, listeners)

    def awaits(self, pattern, times=1):
        deadline = time.monotonic() + PATIENCE_S
        while len(re.findall(pattern, self.said())) < times:
            assert time.monotonic() < deadline, f"no {pattern} in: {self.said()[-2000:]}"
            time.sleep(0.02)


class Transport(OnOneBus):
    make_bus = Bus

    def mosquitto(self, name, *flags, ca=True, payload="hello", topic="a/b"):
        command = ["mosquitto_pub", "-h", "localhost", "-p", str(self.bus.ports[name]), "-q", "1", "-t", topic, "-m", payload,
                   *map(str, flags)]
        if ca:
            command += ["--cafile", str(self.bus.ours.cert)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)

    def raw(self, port, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", port), PATIENCE_S, (source, 0))

    def answer(self, connection, count=4):
        got = b""
        while len(got) < count:
            piece = connection.recv(count - len(got))
            if not piece:
                break
            got += piece
        return got

    def refuses(self, connection):
        """It closes without a word."""
        try:
            self.assertEqual(connection.recv(1), b"")
        except ConnectionResetError:
            pass

    def speaks_websocket(self, connection, more=b""):
        connection.sendall(UPGRADE + more + b"\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.answer(connection, 1)
        connection.sendall(b"\x82\x8f\0\0\0\0" + CONNECT)
        self.assertEqual(self.answer(connection, 6), b"\x82\x04" + CONNACK)

    def curl(self, *arguments):
        return subprocess.run(["curl", "-sS", "-m", str(PATIENCE_S), *map(str, arguments)], capture_output=True, text=True)

    # TLS.

    def test_mosquitto_publishes_and_reads_over_tls(self):
        reader = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-h", "localhost", "-p", str(self.bus.ports["tls"]), "--cafile",
                                   str(self.bus.ours.cert), "-t", "over/#", "-C", "2", "-W", str(PATIENCE_S), "-d"],
                                  stdout=subprocess.PIPE, text=True)
        for line in reader.stdout:
            if "SUBACK" in line:
                break
        big = "x" * 100_000
        for payload in ("small", big):
            self.assertEqual(self.mosquitto("tls", topic="over/tls", payload=payload).returncode, 0)
        said = reader.communicate(timeout=PATIENCE_S)[0]
        self.assertEqual(reader.returncode, 0)
        self.assertIn("small\n", said)
        self.assertIn(big, said)

    def test_each_version_of_tls_from_1_2_on_is_spoken(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=self.bus.ours.cert)
            context.minimum_version = context.maximum_version = version
            with context.wrap_socket(self.raw(self.bus.ports["tls"]), server_hostname="localhost") as connection:
                connection.sendall(CONNECT)
                self.assertEqual(self.answer(connection), CONNACK)

    def test_a_client_with_another_authority_refuses_us(self):
        done = self.mosquitto("tls", "--cafile", self.bus.other.cert, ca=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("A TLS error occurred", done.stderr)

    def test_plain_mqtt_on_a_tls_port_is_refused(self):
        with self.raw(self.bus.ports["tls"]) as connection:
            connection.sendall(CONNECT)
            self.answer(connection, 100)  # An alert, perhaps.
        self.bus.awaits("TLS handshake failed: wrong version number")

    def test_client_certificates_name_users(self):
        with_pair = lambda pair: ("--cert", pair[0], "--key", pair[1])
        self.assertEqual(self.mosquitto("strict", *with_pair(self.bus.good)).returncode, 0)
        self.bus.awaits(r"client_connected.*user=.?gate north")
        # What CONNECT says of user and password means nothing.
        self.assertEqual(self.mosquitto("strict", "-u", "root", "-P", "x", *with_pair(self.bus.good)).returncode, 0)
        for pair in (self.bus.revoked, self.bus.foreign):
            self.assertNotEqual(self.mosquitto("strict", *with_pair(pair)).returncode, 0, pair)
        self.assertNotEqual(self.mosquitto("strict").returncode, 0)
        self.bus.awaits("certificate verify failed")
        self.bus.awaits("peer did not return a certificate")

    def test_a_broken_authority_lets_nobody_in_unverified(self):
        """Bad inputs, row 36: not at a start, not at a reload, not at the next one."""
        whole, refused, reloaded = self.bus.strict_ca.read_text(), 0, 0
        for content in ("", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n",
                        "-----BEGIN CERTIFICATE-----\nQUJD\n", None):
            self.bus.strict_ca.unlink()
            if content is not None:
                self.bus.strict_ca.write_text(content)
            for _ in range(2):
                with self.subTest(content=content):
                    self.bus.process.send_signal(signal.SIGHUP)
                    refused += 1
                    self.bus.awaits(" reload_refused", refused)
                    self.only_the_good_come_in()
            self.never_serves(f'[[listener]]\nhost = "127.0.0.1"\nport = 0\ncert_file = "{self.bus.good[0]}"\n'
                              f'key_file = "{self.bus.good[1]}"\nca_file = "{self.bus.strict_ca}"\nrequire_certificate = true\n')
            self.never_serves(f"listener 0 127.0.0.1\ncertfile {self.bus.good[0]}\nkeyfile {self.bus.good[1]}\n"
                              f"cafile {self.bus.strict_ca}\nrequire_certificate true\n")
            self.bus.strict_ca.write_text(whole)
            self.bus.process.send_signal(signal.SIGHUP)
            reloaded += 1
            self.bus.awaits(" reloaded", reloaded)
            self.only_the_good_come_in()

    def only_the_good_come_in(self):
        self.assertNotEqual(self.mosquitto("strict").returncode, 0)
        for (cert, key), is_in in ((self.bus.good, True), (self.bus.foreign, False), (self.bus.revoked, False)):
            done = self.mosquitto("strict", "--cert", cert, "--key", key)
            self.assertEqual(done.returncode == 0, is_in, f"{cert}: {done.stderr}")

    def never_serves(self, text):
        config = self.bus.folder / "unverified.conf"
        config.write_text(text)
        done = subprocess.run([FIREHOSE, "serve", "--data", self.bus.folder / "unverified", "-c", config], capture_output=True,
                              text=True, timeout=PATIENCE_S)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("ready ", done.stdout)
        self.assertIn(str(self.bus.strict_ca), done.stderr)

    def test_the_certificate_is_that_of_the_name_asked_for(self):
        context = ssl.create_default_context(cafile=self.bus.ours.cert)
        for name, common_name in (("localhost", "server"), ("second.example", "second")):
            with context.wrap_socket(self.raw(self.bus.ports["any"]), server_hostname=name) as connection:
                subject = dict(pair[0] for pair in connection.getpeercert()["subject"])
                self.assertEqual(subject["commonName"], common_name)

    def test_a_slow_handshake_ends(self):
        with self.raw(self.bus.ports["tls"]) as connection:
            connection.sendall(b"\x16\x03\x01")
            self.refuses(connection)

    # HTTP and WebSocket over TLS.

    def test_curl_reads_the_page_and_events_over_https(self):
        url = f"https://localhost:{self.bus.ports['web']}"
        self.assertEqual(self.curl("--cacert", self.bus.ours.cert, url + "/healthz").stdout, "ok\n")
        self.assertNotEqual(self.curl("--cacert", self.bus.other.cert, url + "/healthz").returncode, 0)
        reader = subprocess.Popen(["curl", "-sSN", "-m", str(PATIENCE_S), "--cacert", str(self.bus.ours.cert),
                                   url + "/events?topic=https/%23"], stdout=subprocess.PIPE, text=True)
        line = []
        waiter = threading.Thread(target=lambda: line.append(reader.stdout.readline()))
        waiter.start()
        deadline = time.monotonic() + PATIENCE_S
        while not line and time.monotonic() < deadline:
            self.assertEqual(self.mosquitto("tls", topic="https/a").returncode, 0)
            waiter.join(0.1)
        reader.kill()
        reader.communicate()
        self.assertIn('"topic":"https/a"', line[0])

    def paho(self, port, transport, tls=True):
        """Publishes to itself and returns what came back."""
        got = threading.Event()
        client = mqtt.Client(transport=transport)
        if tls:
            client.tls_set(ca_certs=str(self.bus.ours.cert))
        client.on_connect = lambda *rest: client.subscribe("paho/#", 1)
        client.on_subscribe = lambda *rest: client.publish("paho/x", "y" * 70_000, 1)
        client.on_message = lambda client, data, message: len(message.payload) == 70_000 and got.set()
        client.connect("localhost" if tls else "127.0.0.1", port)
        client.loop_start()
        came = got.wait(PATIENCE_S)
        client.disconnect()
        client.loop_stop()
        return came

    def test_paho_speaks_websocket_over_tls(self):
        self.assertTrue(self.paho(self.bus.ports["web"], "websockets"))

    def test_one_port_speaks_all_of_them(self):
        for name, tls in (("any", True), ("plain-any", False)):
            port = self.bus.ports[name]
            self.assertTrue(self.paho(port, "tcp", tls), name)
            self.assertTrue(self.paho(port, "websockets", tls), name)
            scheme = "https" if tls else "http"
            done = self.curl("--cacert", self.bus.ours.cert, f"{scheme}://localhost:{port}/healthz")
            self.assertEqual(done.stdout, "ok\n", name + done.stderr)
        with self.raw(self.bus.ports["plain-any"]) as connection:
            connection.sendall(b"\x00")
            self.refuses(connection)

    def test_alpn_says_what_is_spoken(self):
        for offer, hello, reply in ((["mqtt"], CONNECT, CONNACK),
                                    (["http/1.1"], b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200")):
            context = ssl.create_default_context(cafile=self.bus.ours.cert)
            context.set_alpn_protocols(offer)
            with context.wrap_socket(self.raw(self.bus.ports["any"]), server_hostname="localhost") as connection:
                self.assertEqual(connection.selected_alpn_protocol(), offer[0])
                connection.sendall(hello)
                self.assertEqual(self.answer(connection, len(reply)), reply)

    # Addresses and sockets.

    def test_ipv6_is_an_address_like_any_other(self):
        with socket.create_connection(("::1", self.bus.ports["six"]), PATIENCE_S) as connection:
            connection.sendall(CONNECT)
            self.assertEqual(self.answer(connection), CONNACK)

    def test_a_unix_socket_speaks_mqtt(self):
        self.assertEqual(self.bus.path.stat().st_mode & 0o777, 0o600)
        for _ in range(2):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PATIENCE_S)
                connection.connect(str(self.bus.path))
                connection.sendall(CONNECT)
                self.assertEqual(self.answer(connection), CONNACK)

    # Proxies.

    @staticmethod
    def header_2(address, client_tlv=b""):
        addresses = socket.inet_aton(address) + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 4660, 1883)
        return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(addresses + client_tlv)) + addresses + client_tlv

    def test_a_proxy_says_who_the_client_is(self):
        for header, address in ((b"PROXY TCP4 192.0.2.41 127.0.0.1 4660 1883\r\n", "192.0.2.41"),
                                (b"PROXY TCP6 2001:db8::42 ::1 4660 1883\r\n", "2001:db8::42"),
                                (self.header_2("192.0.2.43"), "192.0.2.43"),
                                (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
                                (SIGNATURE + b"\x20\x00\0\0", "127.0.0.1"),  # LOCAL.
                                (SIGNATURE + b"\x20\x11\0\3abc", "127.0.0.1"),
                                (SIGNATURE + b"\x21\x71\0\3abc", "127.0.0.1"),  # No family that is known.
                                (self.header_2("192.0.2.45", b"\xee\0\1x"), "192.0.2.45")):
            with self.raw(self.bus.ports["proxy"]) as connection:
                connection.sendall(header + CONNECT)
                self.assertEqual(self.answer(connection), CONNACK)
            self.bus.awaits(rf"client_connected.*address=.?{re.escape(address)}")

    def test_a_proxy_header_comes_before_tls(self):
        connection = self.raw(self.bus.ports["proxy-tls"])
        connection.sendall(self.header_2("192.0.2.44"))
        context = ssl.create_default_context(cafile=self.bus.ours.cert)
        with context.wrap_socket(connection, server_hostname="localhost") as secured:
            secured.sendall(CONNECT)
            self.assertEqual(self.answer(secured), CONNACK)
        self.bus.awaits(r"client_connected.*address=.?192\.0\.2\.44")

    def test_who_is_no_proxy_is_not_let_in(self):
        with self.raw(self.bus.ports["proxy"], source="127.0.0.2") as connection:
            self.refuses(connection)
        with self.raw(self.bus.ports["proxy"]) as connection:
            connection.sendall(CONNECT)  # No header.
            self.refuses(connection)
        with self.raw(self.bus.ports["proxy"]) as connection:
            connection.sendall(b"PROXY TCP4")  # And no more.
            self.refuses(connection)

    def test_proxy_headers_that_are_wrong(self):
        """Bad inputs, row 46: closed, and what comes behind them is not read."""
        v4 = self.header_2("192.0.2.46")[16:]
        wrong = [SIGNATURE + head + rest for head, rest in (
            (b"\x11\x11\0\x0c", v4), (b"\x22\x11\0\x0c", v4),  # Neither a version nor a command.
            (b"\x21\x11\0\x0b", v4[:11]), (b"\x21\x21\0\x0c", v4), (b"\x21\x11\0\0", b""),  # Shorter than its addresses.
            (b"\x21\x11\xff\xff", v4 * 6_000),
            (b"\x21\x11\0\x0f", v4 + b"\4\0\5"), (b"\x21\x11\0\x0d", v4 + b"\4"), (b"\x21\x11\0\x10", v4 + b"\x20\0\1\1"))]
        wrong += [line + b"\r\n" for line in (b"PROXY TCP4 ::1 ::1 1 1", b"PROXY TCP5 192.0.2.1 192.0.2.1 1 1", b"PROXY ",
                                               b"PROXY TCP4 192.0.2.1 192.0.2.1 65536 1", b"PROXY TCP4 " + b"9" * 200)]
        for name in ("proxy", "proxy-any", "proxy-tls"):
            for header in wrong:
                with self.subTest(name=name, header=header[:24]), self.raw(self.bus.ports[name]) as connection:
                    try:
                        connection.sendall(header + CONNECT)
                    except ConnectionError:
                        continue  # It has read enough.
                    self.refuses(connection)
            whole = self.header_2("192.0.2.47", b"\xee\0\1x")
            halves = [self.raw(self.bus.ports[name]) for _ in whole]
            for cut, connection in enumerate(halves):
                connection.sendall(whole[:cut])
            for connection in halves[::2]:
                connection.close()
            for connection in halves[1::2]:  # What does not come in time.
                self.refuses(connection)
                connection.close()
        with self.raw(self.bus.ports["proxy-any"]) as connection:
            connection.sendall(self.header_2("192.0.2.48"))
            self.speaks_websocket(connection)
        self.bus.awaits(r"client_connected.*address=.?192\.0\.2\.48")
        self.assertNotRegex(self.bus.said(), r"address=.?192\.0\.2\.4[67]")

    def test_forwarded_addresses_are_believed_from_proxies_alone(self):
        for source, address in (("127.0.0.1", "192.0.2.51"), ("127.0.0.2", "127.0.0.2")):
            with self.raw(self.bus.http, source=source) as connection:
                self.speaks_websocket(connection, b"X-Forwarded-For: 10.9.8.7, 192.0.2.51\r\n")
            self.bus.awaits(rf"client_connected.*address=.?{re.escape(address)}")

    # The operator.

    def test_bad_files_are_named_before_a_port_opens(self):
        empty = self.bus.folder / "empty.pem"
        empty.touch()
        cert, key = self.bus.good
        for lines, problem in ((f'cert_file = "{empty}"\nkey_file = "{key}"', "must be PEM"),
                               (f'cert_file = "{cert}"\nkey_file = "{key}"\nca_file = "{empty}"', "who sign clients'"),
                               (f'cert_file = "{cert}"\nkey_file = "{self.bus.foreign[1]}"', "mismatch")):
            config = self.bus.folder / "bad.toml"
            config.write_text(f'[[listener]]\nport = 0\n{lines}\n')
            done = subprocess.run([FIREHOSE, "check-config", config], capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 2)
            self.assertIn(problem, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
