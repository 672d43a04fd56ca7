#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""data_test.py FIREHOSE: what an operator does with a data folder: inspect, backup, restore.

Goal:   `firehose inspect` names the damage of a real bus's log and finds none in a sound one; a
        backup, also one that is taken while messages flow, becomes a bus again by copying it.
Method: `firehose serve` on free loopback ports, killed; bytes flipped in its files; paho as client.
"""
import hashlib
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import paho.mqtt.client as mqtt

FIREHOSE = sys.argv[1]
PATIENCE_S = 30
MIB = 1 << 20


def wait_until(question, what):
    end = time.monotonic() + PATIENCE_S
    while not question():
        if time.monotonic() > end:
            raise AssertionError("not in time: " + what)
        time.sleep(0.01)


def tool(*words):
    return subprocess.run([FIREHOSE, *map(str, words)], capture_output=True, text=True, timeout=60)


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def segments(data):
    return sorted((data / "log").glob("0*"))


def contents(data):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in segments(data)}


class Bus:
    def __init__(self, above, data):
        acl = above / "acl"
        acl.write_text("user ci\ntopic readwrite #\n")
        users = above / "users"
        if not users.exists():
            subprocess.run([FIREHOSE, "passwd", users, "ci"], input="secret\n", text=True, check=True,
                           capture_output=True, timeout=30)
        (above / "firehose.toml").write_text(
            f'data = "{data}"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\n'
            f'[auth]\npassword_file = "{users}"\nacl_file = "{acl}"\n[log]\nbytes = "128 MiB"\nsegment_bytes = "8 MiB"\n'
            '[limits]\npacket_bytes_max = "1 MiB"\n')
        self.errors = open(above / "errors", "a")
        self.process = subprocess.Popen([FIREHOSE, "serve", "-c", above / "firehose.toml"], stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        for line in self.process.stdout:
            ready = re.match(r"ready mqtt=\S*?:(\d+) ", line)
            if ready:
                self.port = int(ready[1])
                return
        raise RuntimeError("the bus did not start: " + (above / "errors").read_text())

    def end(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.errors.close()
        return code


class Client:
    def __init__(self, bus, client_id="", clean=True):
        self.got = []
        self.session_present = None
        self.connected = threading.Event()
        self.subscribed = threading.Event()
        self.client = mqtt.Client(client_id, clean_session=clean)
        self.client.username_pw_set("ci", "secret")
        self.client.max_inflight_messages_set(200)
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = lambda *rest: self.subscribed.set()
        self.client.on_message = lambda client, data, message: self.got.append(message)
        self.client.connect("127.0.0.1", bus.port)
        self.client.loop_start()
        assert self.connected.wait(PATIENCE_S), "no CONNACK"

    def on_connect(self, client, data, flags, code):
        self.session_present = bool(flags["session present"])
        self.connected.set()

    def subscribe(self, topic):
        self.client.subscribe(topic, 1)
        assert self.subscribed.wait(PATIENCE_S), "no SUBACK"

    def publish(self, topic, payload, retain=False):
        return self.client.publish(topic, payload, qos=1, retain=retain)

    def publish_all(self, topic, payloads):
        for sent in [self.publish(topic, payload) for payload in payloads]:
            sent.wait_for_publish(PATIENCE_S)
            assert sent.is_published(), "no PUBACK"

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Folder(unittest.TestCase):
    def setUp(self):
        self.above = pathlib.Path(tempfile.mkdtemp(prefix="firehose-data-"))
        self.addCleanup(shutil.rmtree, self.above)
        self.data = self.above / "var"

    def start(self, data=None):
        bus = Bus(self.above, data or self.data)
        self.addCleanup(lambda: bus.process.poll() is None and bus.end())
        return bus

    def expect_sound(self, data):
        done = tool("inspect", data)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("no damage found", done.stdout)
        return done.stdout


class Inspect(Folder):
    def fill_and_kill(self):
        bus = self.start()
        publisher = Client(bus)
        publisher.publish_all("t/a", [f"payload-{i:05}" for i in range(200)])
        running = self.expect_sound(self.data)
        self.assertIn(f"in use by pid {bus.process.pid}", running)
        self.assertIn("200 records", running)
        bus.end()
        publisher.client.loop_stop()

    def test_a_flipped_byte_is_named(self):
        self.fill_and_kill()
        sound = self.expect_sound(self.data)
        log_id = (self.data / "format").read_text().split()[-1]
        self.assertIn(f"log {log_id}, format 1", sound)
        self.assertNotIn("in use", sound)
        [path] = [path for path in segments(self.data) if b"payload-00100" in path.read_bytes()]
        offset = path.read_bytes().index(b"payload-00100")
        records = objects(tool("inspect", self.data, "--records", "--json").stdout)
        [seq] = [record["seq"] for record in records if record["type"] == "record"][100:101]
        flip(path, offset)
        before = contents(self.data)
        for where in (self.data, path):
            with self.subTest(where=where):
                done = tool("inspect", where)
                self.assertEqual(done.returncode, 1, done.stdout)
                said = re.search(rf"damage: {path}: offset (\d+), (\d+) bytes: seqs {seq} to {seq}: ", done.stdout)
                self.assertIsNotNone(said, done.stdout)
                self.assertTrue(int(said[1]) <= offset < int(said[1]) + int(said[2]), said[0])
                [damage] = [said for said in objects(tool("inspect", where, "--json").stdout) if said["type"] == "damage"]
                self.assertEqual((damage["file"], damage["first_seq"], damage["end_seq"]), (str(path), seq, seq + 1))
        self.assertEqual(contents(self.data), before)

    def test_damage_of_a_sealed_segment_is_named(self):
        self.fill_and_kill()
        [full] = [path for path in segments(self.data) if b"payload-00100" in path.read_bytes()]
        bus = self.start()  # Seals what the one before left.
        wait_until(full.with_suffix(".sealed").exists, "the segment is sealed")
        self.assertEqual(bus.end(signal.SIGTERM), 0)
        self.expect_sound(self.data)
        sealed = [path for path in segments(self.data) if path.suffix == ".sealed"]
        path = max(sealed, key=lambda path: path.stat().st_size)
        offset = 128 + 80 + 100  # In the first frame, behind its header.
        flip(path, offset)
        done = tool("inspect", self.data)
        self.assertEqual(done.returncode, 1, done.stdout)
        said = re.search(rf"damage: {path}: offset (\d+), (\d+) bytes: seqs (\d+) to (\d+): ", done.stdout)
        self.assertIsNotNone(said, done.stdout)
        self.assertTrue(int(said[1]) <= offset < int(said[1]) + int(said[2]), said[0])
        self.assertLess(100, int(said[4]) - int(said[3]))

    def test_what_cannot_be_read_is_no_damage(self):
        self.assertEqual(tool("inspect", self.above / "nothing").returncode, 2)
        for words in (["--from", "x"], ["--from", "1"], ["--records", "--topic", "a/#/b"]):
            with self.subTest(words=words):
                self.assertEqual(tool("inspect", self.above, *words).returncode, 2)


class Backup(Folder):
    def back_up(self, name):
        done = tool("backup", self.above / name, "--data", self.data)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.above / name

    def test_a_restored_copy_has_everything(self):
        bus = self.start()
        away = Client(bus, "away", clean=False)
        away.subscribe("q/#")
        away.close()
        publisher = Client(bus)
        for i in range(5):
            publisher.publish(f"kept/{i}", f"last {i}", retain=True).wait_for_publish(PATIENCE_S)

        def has_room():
            publisher.publish_all("other", ["."])
            return max(path.stat().st_size for path in segments(self.data)) == 8 * MIB

        wait_until(has_room, "a segment with room made ahead")
        publisher.publish_all("q/a", [str(i) for i in range(100)])
        made = self.back_up("backup")
        self.assertLess(sum(path.stat().st_size for path in made.rglob("*")), 2 * MIB, "the room was copied")
        self.assertEqual(list((made / "log").glob("*.tmp")), [])
        publisher.publish_all("q/a", ["after the backup"])
        publisher.client.loop_stop()
        bus.end()
        self.expect_sound(made)
        # By hand, as the README says.
        shutil.rmtree(self.data)
        subprocess.run(["cp", "-a", made, self.data], check=True, timeout=60)
        bus = self.start()
        reader = Client(bus)
        reader.subscribe("kept/#")
        wait_until(lambda: len(reader.got) >= 5, "the retained messages")
        self.assertEqual(sorted((m.topic, m.payload.decode(), m.retain) for m in reader.got),
                         [(f"kept/{i}", f"last {i}", True) for i in range(5)])
        away = Client(bus, "away", clean=False)
        self.assertTrue(away.session_present)
        wait_until(lambda: len(away.got) >= 100, "the session's messages")
        publisher = Client(bus)
        publisher.publish_all("q/a", ["goes on"])
        wait_until(lambda: len(away.got) > 100, "a new message")
        self.assertEqual([m.payload.decode() for m in away.got], [str(i) for i in range(100)] + ["goes on"])
        for client in (reader, away, publisher):
            client.close()
        self.assertEqual(bus.end(signal.SIGTERM), 0)
        self.expect_sound(self.data)

    def test_a_backup_under_load_is_a_prefix_without_gaps(self):
        bus = self.start()
        away = Client(bus, "away", clean=False)
        away.subscribe("load")
        away.close()
        publisher = Client(bus)
        acknowledged = [0]
        is_done = threading.Event()

        def publish():
            while not is_done.is_set() and acknowledged[0] < 50_000:
                first = acknowledged[0]
                publisher.publish_all("load", [f"{i:08}" + "." * 2_000 for i in range(first, first + 200)])
                acknowledged[0] = first + 200

        thread = threading.Thread(target=publish)
        thread.start()
        made = []
        try:
            for name in ("one", "two", "three"):
                begun = acknowledged[0]
                wait_until(lambda: acknowledged[0] >= begun + 1_000, "messages")
                least = acknowledged[0]
                made.append((self.back_up(name), least))
        finally:
            is_done.set()
            thread.join(PATIENCE_S)
        self.assertFalse(thread.is_alive())
        bus.end()
        publisher.client.loop_stop()
        for copy, least in made:
            with self.subTest(copy=copy.name):
                self.expect_sound(copy)
                bus = self.start(copy)
                reader = Client(bus, "away", clean=False)
                self.assertTrue(reader.session_present)
                # What comes after the copy's last message says that there is no more.
                last = Client(bus)
                last.publish_all("load", ["the end"])
                wait_until(lambda: reader.got and reader.got[-1].payload == b"the end", "the end")
                numbers = [int(m.payload[:8]) for m in reader.got[:-1]]
                self.assertEqual(numbers, list(range(len(numbers))))
                self.assertGreaterEqual(len(numbers), least)
                last.close()
                reader.close()
                self.assertEqual(bus.end(signal.SIGTERM), 0)
                self.expect_sound(copy)
        self.assertNotRegex((self.above / "errors").read_text(), "Sanitizer|runtime error")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
