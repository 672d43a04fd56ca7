#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clients_test.py FIREHOSE: the program serves the clients that people have.

Goal:   mosquitto_pub, mosquitto_sub, paho (3.1.1 and 5, TCP and WebSocket) and curl publish, read,
        resume and are refused as the standard and the README say; a stop is clean.
Method: one `firehose serve` on free loopback ports with a password and an ACL file; real clients.
"""
import json
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

FIREHOSE = sys.argv[1]
PATIENCE_S = 20


class Bus:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-clients-"))
        subprocess.run([FIREHOSE, "passwd", self.folder / "users", "infra"], input="secret\n", text=True,
                       check=True, capture_output=True)
        (self.folder / "acl").write_text("topic read #\ntopic read $SYS/#\nuser infra\ntopic readwrite #\n")
        (self.folder / "firehose.toml").write_text(
            f'data = "{self.folder}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\n'
            f'[auth]\npassword_file = "{self.folder}/users"\nacl_file = "{self.folder}/acl"\n'
            '[sys]\ninterval = "1 s"\n')
        self.errors = open(self.folder / "errors", "w")
        self.process = subprocess.Popen([FIREHOSE, "serve", "-c", self.folder / "firehose.toml"],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)
        for line in self.process.stdout:
            ready = re.match(r"ready mqtt=\S*?:(\d+) http=\S*?:(\d+)$", line.strip())
            if ready:
                self.mqtt, self.http = int(ready[1]), int(ready[2])
                return
        raise RuntimeError("the bus did not start: " + (self.folder / "errors").read_text())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.errors.close()
        said = (self.folder / "errors").read_text()
        shutil.rmtree(self.folder)
        return code, said


class Reader:
    """A paho client that remembers what it got."""

    def __init__(self, bus, topic, qos=0, version=mqtt.MQTTv311, transport="tcp", client_id="", clean=True, user=None):
        self.got = queue.Queue()
        self.session_present = None
        subscribed = threading.Event()
        options = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        self.client = mqtt.Client(client_id, protocol=version, transport=transport, **options)
        if user:
            self.client.username_pw_set(user, "secret")
        self.client.on_message = lambda client, data, message: self.got.put(message)

        def on_connect(client, data, flags, *rest):
            self.session_present = flags["session present"]
            client.subscribe(topic, qos)

        self.client.on_connect = on_connect
        self.client.on_subscribe = lambda *rest: subscribed.set()
        port = bus.mqtt if transport == "tcp" else bus.http
        if version == mqtt.MQTTv5 and not clean:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 600
            self.client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        else:
            self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert subscribed.wait(PATIENCE_S), "no SUBACK"

    def take(self, count):
        return [self.got.get(timeout=PATIENCE_S) for _ in range(count)]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bus = Bus()

    @classmethod
    def tearDownClass(cls):
        code, said = cls.bus.stop()
        assert code == 0, f"exit status {code}: {said}"
        assert "Sanitizer" not in said and "runtime error" not in said, said

    def publish(self, topic, payload, *flags):
        return subprocess.run(["mosquitto_pub", "-p", str(self.bus.mqtt), "-u", "infra", "-P", "secret", "-t", topic,
                               "-m", payload, *flags], capture_output=True, text=True, timeout=PATIENCE_S)

    def test_every_version_transport_and_qos(self):
        for version in (mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5):
            for transport in ("tcp", "websockets"):
                for qos in (0, 1, 2):
                    with self.subTest(version=version, transport=transport, qos=qos):
                        reader = Reader(self.bus, f"each/{qos}/+", qos, version, transport, "each")
                        self.assertEqual(self.publish(f"each/{qos}/x", "payload", "-q", str(qos)).returncode, 0)
                        message, = reader.take(1)
                        self.assertEqual((message.topic, message.payload, message.qos, message.retain),
                                         (f"each/{qos}/x", b"payload", qos, False))
                        reader.close()

    def test_mosquitto_sub_reads_retained_and_live(self):
        self.publish("kept/a", "old", "-r", "-q", "1")
        with subprocess.Popen(["mosquitto_sub", "-p", str(self.bus.mqtt), "-t", "kept/#", "-v", "-C", "2", "-W",
                               str(PATIENCE_S), "-q", "1"], stdout=subprocess.PIPE, text=True) as reader:
            self.assertEqual(reader.stdout.readline(), "kept/a old\n")
            self.publish("kept/b", "live", "-q", "1")
            self.assertEqual(reader.stdout.readline(), "kept/b live\n")
        self.publish("kept/a", "", "-r", "-q", "1")

    def test_a_session_of_a_named_client_is_resumed(self):
        for version, qos in ((mqtt.MQTTv311, 1), (mqtt.MQTTv311, 2), (mqtt.MQTTv5, 1), (mqtt.MQTTv5, 2)):
            with self.subTest(version=version, qos=qos):
                who = {"version": version, "client_id": f"durable-{version}-{qos}", "clean": False, "user": "infra"}
                first = Reader(self.bus, "durable/#", 2, **who)
                self.assertFalse(first.session_present)
                first.close()
                for i in range(20):
                    self.publish("durable/x", str(i), "-q", str(qos))
                second = Reader(self.bus, "durable/#", 2, **who)
                self.assertTrue(second.session_present)
                self.assertEqual([m.payload.decode() for m in second.take(20)], [str(i) for i in range(20)])
                second.close()

    def test_a_stranger_reads_and_does_not_publish(self):
        reader = Reader(self.bus, "stranger/#")
        refused = subprocess.run(["mosquitto_pub", "-p", str(self.bus.mqtt), "-V", "5", "-q", "1", "-t", "stranger/a",
                                  "-m", "x"], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertIn("Not authorized", refused.stdout + refused.stderr)
        wrong = subprocess.run(["mosquitto_pub", "-p", str(self.bus.mqtt), "-u", "infra", "-P", "wrong", "-t", "a",
                                "-m", "x"], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertNotEqual(wrong.returncode, 0)
        self.publish("stranger/a", "granted", "-q", "1")
        self.assertEqual(reader.take(1)[0].payload, b"granted")
        reader.close()

    def test_a_will_is_published_when_its_client_is_killed(self):
        reader = Reader(self.bus, "will/#", 1)
        doomed = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-p", str(self.bus.mqtt), "-u", "infra", "-P",
                                   "secret", "-t", "will/ready", "--will-topic", "will/x", "--will-payload", "gone",
                                   "-d"], stdout=subprocess.PIPE, text=True)
        for line in doomed.stdout:
            if "SUBACK" in line:
                break
        doomed.kill()
        doomed.wait()
        doomed.stdout.close()
        message, = reader.take(1)
        self.assertEqual((message.topic, message.payload), ("will/x", b"gone"))
        reader.close()

    def test_sys_topics_tell_strangers_how_the_bus_is(self):
        names = ["heap/current", "clients/total", "load/bytes/received/1min", "load/bytes/sent/1min",
                 "subscriptions/count", "load/messages/received/1min", "load/messages/sent/1min",
                 "load/publish/dropped/1min"]
        reader = Reader(self.bus, "$SYS/broker/#")
        wanted = {"$SYS/broker/" + name for name in names}
        while wanted:
            message, = reader.take(1)
            wanted.discard(message.topic)
        reader.close()

    def test_http_streams_the_tail_as_ndjson_and_as_events(self):
        for accept, begin in (("application/x-ndjson", b"{"), ("text/event-stream", b"id: ")):
            with self.subTest(accept=accept):
                url = f"http://127.0.0.1:{self.bus.http}/events?topic=http/%2B"
                with subprocess.Popen(["curl", "-sSN", "-H", f"Accept: {accept}", url],
                                      stdout=subprocess.PIPE) as curl:
                    # The stream begins some time after curl did: publish until it says something.
                    stop = threading.Event()

                    def keep_publishing():
                        while not stop.is_set():
                            self.publish("http/x", 'said "so"\n', "-q", "1")

                    publisher = threading.Thread(target=keep_publishing)
                    publisher.start()
                    line = curl.stdout.readline()
                    if accept == "text/event-stream":
                        self.assertRegex(line, rb"^id: \d+\n$")
                        line = curl.stdout.readline()[len("data: "):]
                    stop.set()
                    publisher.join()
                    curl.kill()
                event = json.loads(line)
                self.assertEqual((event["topic"], event["payload"]), ("http/x", 'said "so"\n'))
                self.assertLess(event["seq"], 2**53)
                self.assertRegex(event["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_http_says_what_it_does_not_do_yet(self):
        for path, code in (("/events?topic=%23&from=first", 400), ("/events", 400), ("/events?topic=a%23", 400),
                           ("/nothing", 404), ("/healthz", 200), ("/", 200)):
            with self.subTest(path=path):
                done = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                                       f"http://127.0.0.1:{self.bus.http}{path}"], capture_output=True, text=True,
                                      timeout=PATIENCE_S)
                self.assertEqual(done.stdout, str(code))


if __name__ == "__main__":
    for tool in ("mosquitto_pub", "mosquitto_sub", "curl"):
        if not shutil.which(tool):
            print(f"SKIPPED: {tool} is not installed (./test installs it)")
            sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=1)
