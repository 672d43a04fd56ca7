#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""restart_test.py FIREHOSE: real clients get what they are owed over kill -9 and over a clean stop.

Goal:   sessions of mosquitto_sub -c (3.1.1) and paho (5) are there after the program ended, whichever way: each gets
        what was published before and after, once and in order; retained messages stay.
Method: `firehose serve` on one data folder, ended and started again between the clients' steps.
"""
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
PATIENCE_S = 30
MESSAGES = 50  # Before and after each end.


class Bus:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-restart-"))
        subprocess.run([FIREHOSE, "passwd", self.folder / "users", "infra"], input="secret\n", text=True, check=True,
                       capture_output=True)
        (self.folder / "acl").write_text("topic read #\nuser infra\ntopic readwrite #\n")
        (self.folder / "firehose.toml").write_text(
            f'data = "{self.folder}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\n'
            f'[auth]\npassword_file = "{self.folder}/users"\nacl_file = "{self.folder}/acl"\n')
        self.errors = open(self.folder / "errors", "a")
        self.start()

    def start(self):
        self.process = subprocess.Popen([FIREHOSE, "serve", "-c", self.folder / "firehose.toml"],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)
        for line in self.process.stdout:
            if ready := re.match(r"ready mqtt=\S*?:(\d+) http=", line):
                self.port = int(ready[1])
                return
        raise RuntimeError("the bus did not start: " + self.said())

    def end(self, how):
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return code

    def said(self):
        return (self.folder / "errors").read_text()

    def remove(self):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        self.errors.close()
        shutil.rmtree(self.folder)

    def mosquitto(self, tool, *flags, **more):
        return subprocess.run([tool, "-p", str(self.port), "-u", "infra", "-P", "secret", *flags], text=True,
                              check=True, capture_output=True, timeout=PATIENCE_S, **more).stdout

    def publish(self, qos, payloads):
        """All of them are acknowledged when it returns."""
        self.mosquitto("mosquitto_pub", "-l", "-q", str(qos), "-t", f"kept/{qos}", input="\n".join(payloads) + "\n")


class PahoReader:
    """One connection of a durable MQTT 5 session."""

    def __init__(self, bus):
        self.got = queue.Queue()
        ready = threading.Event()
        self.client = mqtt.Client("paho", protocol=mqtt.MQTTv5)
        self.client.username_pw_set("infra", "secret")
        self.client.on_message = lambda client, data, message: self.got.put(message.payload.decode())

        def on_connect(client, data, flags, *rest):
            self.session_present = bool(flags["session present"])
            if self.session_present:
                ready.set()
            else:
                client.subscribe("kept/2", 2)

        self.client.on_connect = on_connect
        self.client.on_subscribe = lambda *rest: ready.set()
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 600
        self.client.connect("127.0.0.1", bus.port, clean_start=False, properties=properties)
        self.client.loop_start()
        assert ready.wait(PATIENCE_S), "not connected"

    def take(self, count):
        return [self.got.get(timeout=PATIENCE_S) for _ in range(count)]

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()


class Restart(unittest.TestCase):
    def setUp(self):
        self.bus = Bus()
        self.addCleanup(self.bus.remove)

    def check_end(self, how):
        bus = self.bus
        mosquitto_sub = ["mosquitto_sub", "-c", "-i", "mosquitto", "-q", "1", "-t", "kept/1"]
        bus.mosquitto(*mosquitto_sub, "-E")  # Ends when it is subscribed.
        paho = PahoReader(bus)
        self.assertFalse(paho.session_present)
        paho.leave()
        sent = [f"{number}" for number in range(1, 3 * MESSAGES + 1)]
        before, between, after = sent[:MESSAGES], sent[MESSAGES:2 * MESSAGES], sent[2 * MESSAGES:]

        for qos in (1, 2):
            bus.publish(qos, before)
        bus.mosquitto("mosquitto_pub", "-r", "-q", "1", "-t", "state/x", "-m", "stays")
        self.end_and_start(how)
        for qos in (1, 2):
            bus.publish(qos, between)
        # Half of it is taken, then it ends again.
        got = bus.mosquitto(*mosquitto_sub, "-C", str(MESSAGES)).split()
        paho = PahoReader(bus)
        self.assertTrue(paho.session_present)
        self.assertEqual(paho.take(2 * MESSAGES), before + between)
        self.end_and_start(how)
        paho.leave()
        for qos in (1, 2):
            bus.publish(qos, after)
        paho = PahoReader(bus)
        self.assertTrue(paho.session_present)
        self.assertEqual(paho.take(MESSAGES), after, "QoS 2: once, over both ends")
        paho.leave()
        self.assertEqual(bus.mosquitto("mosquitto_sub", "-t", "state/x", "-C", "1").strip(), "stays")
        # What it had in flight when it left comes again; it goes on where it was.
        self.assertEqual(got, before)
        rest = self.rest(mosquitto_sub, sent[-1])
        again = len(rest) - len(between + after)
        self.assertGreaterEqual(again, 0, rest)
        self.assertLessEqual(again, MESSAGES)
        self.assertEqual(rest, sent[MESSAGES - again:])

    def rest(self, mosquitto_sub, last):
        """Lines of mosquitto_sub up to the one that says `last`."""
        reader = subprocess.Popen([*mosquitto_sub, "-p", str(self.bus.port), "-u", "infra", "-P", "secret"],
                                  stdout=subprocess.PIPE, text=True)
        guard = threading.Timer(PATIENCE_S, reader.kill)
        guard.start()
        lines = []
        for line in reader.stdout:
            lines.append(line.strip())
            if lines[-1] == last:
                break
        guard.cancel()
        reader.terminate()
        reader.wait(PATIENCE_S)
        reader.stdout.close()
        return lines

    def end_and_start(self, how):
        code = self.bus.end(how)
        if how == signal.SIGTERM:
            self.assertEqual(code, 0)
        self.bus.start()

    def test_kill(self):
        self.check_end(signal.SIGKILL)

    def test_clean_stop(self):
        self.check_end(signal.SIGTERM)

    def tearDown(self):
        said = self.bus.said()
        self.assertFalse("Sanitizer" in said or "runtime error" in said, said)


if __name__ == "__main__":
    if not shutil.which("mosquitto_sub"):
        print("restart: mosquitto_sub is not installed (tools/packages.txt)")
        sys.exit(1)
    unittest.main(argv=sys.argv[:1])
