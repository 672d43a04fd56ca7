#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""strangers_test.py FIREHOSE: what one address may do, who may read, and what the operator sees.

Goal:   each limit of an address is told politely and holds for that address alone; a private topic is read
        over HTTP with a password only; the admin door lists, traces and disconnects; promtool has no complaint.
Method: `firehose serve` with small limits and no exempt network; clients from many 127.x addresses; MQTT by
        hand where an answer's bytes matter.
"""
import base64
import contextlib
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

FIREHOSE = sys.argv[1]
PATIENCE_S = 30
CONFIG = """
data = "{0}/var"
[listen]
mqtt = ["127.0.0.1:0"]
http = ["127.0.0.1:0"]
[admin]
listen = ["127.0.0.1:0"]
[auth]
password_file = "{0}/users"
acl_file = "{0}/acl"
anonymous_wildcard_all = false
[limits]
exempt = ["127.9.0.0/16"]
[limits.address]
connections_max = 3
connects_per_s = 1
connects_burst = 12
subscribes_per_s = 1
subscribes_burst = 4
requests_per_s = 1
requests_burst = 6
[publish]
messages_per_s = 20
messages_burst = 10
"""


def string(text):
    return len(text).to_bytes(2, "big") + text.encode()


def packet(kind, body):
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def connect(client_id, version=5):
    properties = b"\0" if version == 5 else b""
    return packet(0x10, string("MQTT") + bytes([version, 2, 0, 60]) + properties + string(client_id))


def subscribe(topic, number=1):
    return packet(0x82, number.to_bytes(2, "big") + b"\0" + string(topic) + b"\0")


def publish(topic, payload, number):
    return packet(0x32, string(topic) + number.to_bytes(2, "big") + b"\0" + payload)


class Mqtt:
    """One connection from an address of ours."""

    def __init__(self, port, source):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S, (source, 0))

    def send(self, data):
        self.socket.sendall(data)
        return self

    def take(self):
        """One packet; nothing when the bus has closed."""
        with contextlib.suppress(ConnectionError):
            head = self.socket.recv(2, socket.MSG_WAITALL)
            if len(head) == 2:
                return head + (self.socket.recv(head[1], socket.MSG_WAITALL) if head[1] else b"")
        return b""

    def close(self):
        self.socket.close()


class Bus:
    def __init__(self, above):
        (above / "acl").write_text("topic readwrite open/#\nuser ci\ntopic readwrite #\n")
        subprocess.run([FIREHOSE, "passwd", above / "users", "ci"], input="secret\n", text=True, check=True,
                       capture_output=True, timeout=PATIENCE_S)
        (above / "firehose.toml").write_text(CONFIG.format(above))
        self.data = above / "var"
        self.errors = above / "errors"
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen([FIREHOSE, "serve", "-c", above / "firehose.toml"], text=True,
                                            stdout=subprocess.PIPE, stderr=errors)
        for line in self.process.stdout:
            ready = re.match(r"ready mqtt=\S*?:(\d+) http=\S*?:(\d+)", line)
            if ready:
                self.mqtt, self.http = int(ready[1]), int(ready[2])
                return
        raise RuntimeError("the bus did not start: " + self.errors.read_text())

    def client(self, source, client_id="c", version=5):
        client = Mqtt(self.mqtt, source)
        return client, client.send(connect(client_id, version)).take()

    def get(self, path, source, port=None, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http, PATIENCE_S, (source, 0))
        connection.request(method, path, headers=headers)
        return connection, connection.getresponse()

    def tool(self, *words):
        return subprocess.run([FIREHOSE, *words, "--data", self.data], capture_output=True, text=True,
                              timeout=PATIENCE_S)

    def counter(self, name):
        line = next(line for line in self.tool("metrics").stdout.splitlines() if line.startswith(name + " "))
        return int(line.rsplit(" ", 1)[1])

    def limit(self, name):
        return self.counter(f'firehose_limit_reached_total{{limit="{name}"}}')

    def logged(self, pattern):
        """The first match, once the log has it."""
        end = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.errors.read_text())):
            assert time.monotonic() < end, "never logged: " + pattern
            time.sleep(0.02)
        return found

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()


class Strangers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.above = pathlib.Path(tempfile.mkdtemp(prefix="firehose-strangers-"))
        cls.addClassCleanup(shutil.rmtree, cls.above)
        cls.bus = Bus(cls.above)
        cls.addClassCleanup(cls.bus.end)

    def test_connections_of_an_address_are_bounded_and_the_next_are_told(self):
        held = [self.bus.client("127.0.1.1", f"a{i}") for i in range(3)]
        self.assertEqual([answer[3] for _, answer in held], [0, 0, 0])
        told, answer = self.bus.client("127.0.1.1")
        self.assertEqual(answer[3], 0x97)
        self.assertEqual(told.take(), b"")
        older, answer = self.bus.client("127.0.1.1", version=4)
        self.assertEqual(answer, b"\x20\x02\x00\x03")
        _, response = self.bus.get("/healthz", "127.0.1.1")
        self.assertEqual((response.status, response.getheader("Retry-After")), (429, "30"))
        other, answer = self.bus.client("127.0.1.2")
        self.assertEqual(answer[3], 0)
        self.assertGreaterEqual(self.bus.limit("limits.address.connections_max"), 3)
        # Past those that are told, nobody is heard: here, silent connections.
        silent = [Mqtt(self.bus.mqtt, "127.0.1.1") for _ in range(12)]
        self.assertIn(b"", [client.send(connect("x")).take() for client in silent[-2:]])
        for client, _ in held:
            client.close()
        for client in [*silent, told, older, other]:
            client.close()

        def is_let_in():
            client, answer = self.bus.client("127.0.1.1")
            client.close()
            return answer[3:4] == b"\0"
        end = time.monotonic() + PATIENCE_S
        while not is_let_in():
            self.assertLess(time.monotonic(), end, "their places never became free")
            time.sleep(0.2)

    def test_connects_of_an_address_have_a_rate(self):
        answers = []
        for i in range(14):
            client, answer = self.bus.client("127.0.2.1", f"b{i}")
            answers.append(answer[3])
            client.close()
        self.assertEqual(answers[:12], [0] * 12)
        self.assertIn(0x9F, answers[12:])
        self.assertTrue(self.bus.logged(r"address=\"?127\.0\.2\.x"))
        self.assertNotIn("127.0.2.1", self.bus.errors.read_text())

    def test_subscribes_of_an_address_have_a_rate(self):
        client, _ = self.bus.client("127.0.3.1")
        reasons = [client.send(subscribe("open/x", i)).take()[-1] for i in range(1, 7)]
        self.assertEqual(reasons[:4], [0] * 4)
        self.assertIn(0x97, reasons[4:])
        client.close()

    def test_an_exempt_network_has_none(self):
        clients = [self.bus.client("127.9.0.1", f"e{i}") for i in range(20)]
        self.assertEqual({answer[3] for _, answer in clients}, {0})
        reasons = {clients[0][0].send(subscribe("open/x", i)).take()[-1] for i in range(1, 20)}
        self.assertEqual(reasons, {0})
        for client, _ in clients:
            client.close()

    def test_requests_of_an_address_have_a_rate(self):
        answers = []
        for _ in range(8):
            connection, answer = self.bus.get("/healthz", "127.0.4.1")
            answers.append(answer)
            answer.read()
            connection.close()
        self.assertEqual([answer.status for answer in answers[:6]], [200] * 6)
        self.assertEqual(answers[-1].status, 429)
        self.assertGreaterEqual(int(answers[-1].getheader("Retry-After")), 1)
        self.assertEqual(self.bus.get("/healthz", "127.0.4.2")[1].status, 200)

    def test_a_publisher_beyond_its_quota_is_slowed_and_loses_nothing(self):
        reader, _ = self.bus.client("127.0.5.1")
        reader.send(subscribe("open/quota")).take()
        publisher, _ = self.bus.client("127.0.5.2")
        began = time.monotonic()
        for i in range(1, 31):
            publisher.send(publish("open/quota", b"x", i))
        acks = [publisher.take() for _ in range(30)]
        took = time.monotonic() - began
        self.assertEqual({ack[0] for ack in acks}, {0x40})
        self.assertEqual(len([reader.take() for _ in range(30)]), 30)
        self.assertGreater(took, 0.9, "20 a second after the first 10")
        self.assertGreater(self.bus.limit("publish.messages_per_s"), 0)
        reader.close()
        publisher.close()

    def test_everything_at_once_may_be_denied_to_the_anonymous(self):
        client, _ = self.bus.client("127.0.6.1")
        self.assertEqual(client.send(subscribe("#")).take()[-1], 0x87)
        self.assertEqual(client.send(subscribe("open/#")).take()[-1], 0)
        client.close()
        self.assertEqual(self.bus.get("/events?topic=%23", "127.0.6.1")[1].status, 401)

    def test_a_private_topic_is_read_over_http_with_a_password(self):
        basic = lambda pair: "Basic " + base64.b64encode(pair.encode()).decode()
        _, response = self.bus.get("/events?topic=private/a", "127.9.7.1")
        self.assertEqual(response.status, 401)
        self.assertIn('Basic realm="firehose"', response.getheader("WWW-Authenticate"))
        for pair in ("ci:wrong", "nobody:secret"):
            _, response = self.bus.get("/events?topic=private/a", "127.9.7.1", Authorization=basic(pair))
            self.assertEqual(response.status, 401)
        connection, response = self.bus.get("/events?topic=private/a", "127.9.7.1", Authorization=basic("ci:secret"))
        self.assertEqual(response.status, 200)
        # Of wildcards each is given what it may read.
        _, others = self.bus.get("/events?topic=%2B/a", "127.9.7.2")
        self.assertEqual(others.status, 200)
        for topic in ("private/a", "open/a"):
            subprocess.run([FIREHOSE, "pub", "-h", "127.0.0.1", "-p", str(self.bus.mqtt), "-u", "ci", "--password-file",
                            self.password_file(), "-q", "1", "-t", topic, "-m", "news of " + topic],
                           check=True, timeout=PATIENCE_S)
        self.assertEqual(json.loads(response.readline())["payload"], "news of private/a")
        self.assertEqual(json.loads(others.readline())["payload"], "news of open/a")
        connection.close()

    def password_file(self):
        path = self.above / "secret"
        path.write_text("secret\n")
        path.chmod(0o600)
        return path

    def test_the_public_port_says_little(self):
        _, response = self.bus.get("/status", "127.9.8.1")
        status = json.loads(response.read())
        self.assertEqual(set(status), {"version", "uptime_s", "clients", "retained", "oldest_seq", "end_seq", "degraded"})
        for path in ("/metrics", "/connections", "/sessions", "/debug", "/trace?client=x"):
            self.assertEqual(self.bus.get(path, "127.9.8.1")[1].status, 404, path)


class Operator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.above = pathlib.Path(tempfile.mkdtemp(prefix="firehose-operator-"))
        cls.addClassCleanup(shutil.rmtree, cls.above)
        cls.bus = Bus(cls.above)
        cls.addClassCleanup(cls.bus.end)

    def test_metrics_are_what_prometheus_reads(self):
        page = self.bus.tool("metrics")
        self.assertEqual(page.returncode, 0, page.stderr)
        checked = subprocess.run(["promtool", "check", "metrics"], input=page.stdout, capture_output=True, text=True,
                                 timeout=PATIENCE_S)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))

    def test_lists_clients_and_disconnects_one(self):
        client, _ = self.bus.client("127.9.0.1", "evil\nname")
        other, _ = self.bus.client("127.9.0.2", "other")
        rows = [json.loads(line) for line in self.bus.tool("connections", "--json").stdout.splitlines()]
        mine = next(row for row in rows if row["client"] == "other")
        self.assertEqual((mine["address"], mine["version"], mine["transport"]), ("127.9.0.2", "5.0", "mqtt"))
        table = self.bus.tool("connections").stdout
        self.assertIn("evil?name", table)
        sessions = [json.loads(line)["client"] for line in self.bus.tool("sessions", "--json").stdout.splitlines()]
        self.assertIn("other", sessions)
        done = self.bus.tool("disconnect", "other")
        self.assertEqual((done.returncode, json.loads(done.stdout)), (0, {"disconnected": 1}))
        self.assertEqual(other.take()[2], 0x98)
        self.assertEqual(self.bus.tool("disconnect", "other").returncode, 1)
        client.close()

    def test_traces_one_client_without_payloads(self):
        trace = subprocess.Popen([FIREHOSE, "trace", "traced", "--data", self.bus.data], stdout=subprocess.PIPE, text=True)
        self.addCleanup(trace.wait)
        self.addCleanup(trace.kill)
        self.addCleanup(trace.stdout.close)
        self.assertEqual(json.loads(trace.stdout.readline()), {"tracing": "traced"})
        client, _ = self.bus.client("127.9.0.1", "traced")
        client.send(publish("open/t", b"secret", 9)).take()
        said = []
        while not said or said[-1]["packet"] != "PUBACK":
            line = trace.stdout.readline()
            self.assertNotIn("secret", line)
            said.append(json.loads(line))
        self.assertEqual([(row["direction"], row["packet"]) for row in said],
                         [("out", "CONNACK"), ("in", "PUBLISH"), ("out", "PUBACK")])
        self.assertEqual((said[1]["topic"], said[1]["qos"], said[1]["packet_id"]), ("open/t", 1, 9))
        client.close()

    def test_a_loopback_port_may_be_read_and_not_commanded(self):
        port = int(self.bus.logged(r"admin_port address=\"?127\.0\.0\.1:(\d+)")[1])
        self.assertEqual(self.bus.get("/metrics", "127.0.0.1", port)[1].status, 200)
        self.assertEqual(self.bus.get("/debug", "127.0.0.1", port)[1].status, 200)
        self.assertEqual(self.bus.get("/disconnect?client=x", "127.0.0.1", port, "POST")[1].status, 403)
        self.assertEqual(self.bus.get("/trace?client=x", "127.0.0.1", port)[1].status, 403)
        self.assertEqual(self.bus.get("/metrics", "127.0.0.1", port, Origin="http://evil.example")[1].status, 403)
        self.assertEqual(self.bus.get("/metrics", "127.0.0.1", port, Host="evil.example")[1].status, 403)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=0)
