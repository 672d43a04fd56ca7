#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""**Goal:** what happens in a real Gerrit arrives on the bus: each event, on its topic, with the very bytes that
`ssh ... gerrit stream-events` prints to a second listener.
**Method:** Gerrit on loopback; `firehose serve` follows it for three readers (mosquitto_sub, paho, MQTT.js over
WebSocket), `firehose source gerrit` carries it to mosquitto for a fourth. Then a change lives its life.

real_gerrit_test.py FIREHOSE SOURCE_FOLDER          Exit 77: skipped, because Gerrit is not to be had here."""
import json
import pathlib
import queue
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "data")]
import paho.mqtt.client as paho  # noqa: E402
from gerrit_data_test import topic_of  # noqa: E402
from gerrit_server import Gerrit, Unavailable, fetch  # noqa: E402
from peers import Bus, BusReader, Child, Mosquitto, Reader, wait_until  # noqa: E402

SKIPPED = 77
PROJECT = "team/demo project"
CHANGE_ID = "I" + "5eed" * 10


class LineReader:
    """A child that prints `<topic> <hex>` a line, after a line `ready`."""

    def __init__(self, words):
        self.child = Child(words)
        try:
            ready = self.child.lines.get(timeout=15)
        except queue.Empty:
            ready = "nothing"
        if ready != "ready":
            raise AssertionError(f"{words[0]} said {ready}: {self.child.error_text()}")
        self.messages = []

    def take_now(self):
        while not self.child.lines.empty():
            topic, _, payload = self.child.lines.get().rpartition(" ")
            self.messages.append((topic, bytes.fromhex(payload)))
        return self.messages

    def close(self):
        self.child.close()


class PahoReader:
    def __init__(self, port):
        self.messages = []
        subscribed = queue.Queue()
        self.client = paho.Client(protocol=paho.MQTTv5)
        self.client.on_message = lambda _client, _data, message: self.messages.append((message.topic, message.payload))
        self.client.on_subscribe = lambda *_: subscribed.put(True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe("gerrit/#", qos=2)
        subscribed.get(timeout=15)

    def take_now(self):
        return list(self.messages)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Stage:
    """Everybody, started in order and ended in reverse."""

    def __init__(self, firehose, source_folder, folder, jars):
        self.started = []
        self.folder = folder
        try:
            self._start(firehose, source_folder, jars)
        except BaseException:
            self.close()
            raise

    def keep(self, thing):
        self.started.append(thing)
        return thing

    def _start(self, firehose, source_folder, jars):
        begin = time.monotonic()
        self.gerrit = self.keep(Gerrit(self.folder, jars))
        print(f"Gerrit is ready after {time.monotonic() - begin:.0f} s", flush=True)
        known_hosts = self.folder / "known_hosts"
        known_hosts.write_text(self.gerrit.host_key_line())
        key = self.gerrit.create_streamer("bus")

        self.bus = self.keep(Bus(firehose, self.folder, ("bus", "127.0.0.1", self.gerrit.ssh_port), key, known_hosts))
        self.broker = self.keep(Mosquitto(self.folder))
        self.readers = {"paho on the bus": self.keep(PahoReader(self.bus.mqtt_port)),
                        "mosquitto_sub on mosquitto": self.keep(Reader(self.broker.port))}
        if (source_folder / "web/node_modules/mqtt").is_dir():
            self.readers["MQTT.js over WebSocket"] = self.keep(
                LineReader(["node", HERE / "reader.mjs", source_folder, f"ws://127.0.0.1:{self.bus.http_port}/", "gerrit/#"]))
        else:
            print("*** MQTT.js DOES NOT READ ALONG: no web/node_modules (npm ci in web/) ***", flush=True)
        self.readers["mosquitto_sub on the bus"] = self.keep(BusReader(self.bus.mqtt_port))
        self.source = self.keep(Child([firehose, "source", "gerrit", "--gerrit", f"ssh://bus@127.0.0.1:{self.gerrit.ssh_port}",
                                       "--gerrit-key", key, "--known-hosts", known_hosts,
                                       "--mqtt", f"127.0.0.1:{self.broker.port}"]))
        self.listener = self.keep(Child(self.gerrit.ssh_words("bus", key, "gerrit", "stream-events"), binary_lines=True))
        self.printed = []

    def printed_now(self):
        while not self.listener.lines.empty():
            self.printed.append(self.listener.lines.get().removesuffix(b"\n"))
        return self.printed

    def close(self):
        for thing in reversed(self.started):
            thing.close()

    def let_everybody_listen(self):
        """Makes projects until each reader and the listener has seen one."""
        for number in range(100):
            self.gerrit.create_project(f"probe-{number}", with_commit=False)
            time.sleep(0.2)
            if self.printed_now() and all(reader.take_now() for reader in self.readers.values()):
                return
        silent = [name for name, reader in self.readers.items() if not reader.take_now()]
        raise AssertionError(f"silent: {silent}, listener: {len(self.printed)} {self.listener.error_text()}\n"
                             f"{self.bus.child.error_text()}\n{self.source.error_text()}")


def live_a_change(gerrit):
    """What a change and its project go through; each step makes at least one event."""
    gerrit.create_project(PROJECT)
    gerrit.push_change(PROJECT, CHANGE_ID)
    change = f"/changes/{CHANGE_ID}"
    gerrit.rest("POST", f"{change}/revisions/current/review", {"message": "A comment: déjà vu <&>'= \u2028 😀"})
    gerrit.rest("POST", f"{change}/revisions/current/review", {"labels": {"Code-Review": 2}})
    gerrit.rest("POST", f"{change}/reviewers", {"reviewer": "bus"})
    gerrit.rest("PUT", f"{change}/topic", {"topic": "a topic/with + and #"})
    gerrit.rest("POST", f"{change}/hashtags", {"add": ["one", "zwei é"]})
    gerrit.rest("POST", f"{change}/submit", {})
    gerrit.rest("PUT", "/projects/team%2Fdemo%20project/branches/stable%2F1.0", {"revision": "HEAD"})


def check_the_story(events):
    """The listener saw every step of it."""
    types = [event["type"] for event in events]
    for needed in ("patchset-created", "comment-added", "reviewer-added", "topic-changed", "hashtags-changed",
                   "change-merged", "project-created", "ref-updated"):
        assert needed in types, f"Gerrit printed no {needed}: {types}"
    assert types.count("comment-added") >= 2, "a comment and a vote"
    refs = [event["refUpdate"]["refName"] for event in events if event["type"] == "ref-updated"]
    assert "refs/heads/stable/1.0" in refs, refs


def run(stage):
    def of_the_project(messages):
        return sorted(message for message in messages if message[0].startswith(f"gerrit/{PROJECT}/"))

    def expected():
        events = [(topic_of(json.loads(line)), line) for line in stage.printed_now()]
        return of_the_project(events)

    def is_last_here():
        return any(b'"refs/heads/stable/1.0"' in line for line in stage.printed_now())

    stage.let_everybody_listen()
    live_a_change(stage.gerrit)
    wait_until("the listener saw the last step", is_last_here)
    for name, reader in stage.readers.items():
        try:
            wait_until(name, lambda: of_the_project(reader.take_now()) == expected(), 15)
        except AssertionError:
            got = of_the_project(reader.take_now())
            missing = [line[:200] for line in expected() if line not in got]
            extra = [line[:200] for line in got if line not in expected()]
            raise AssertionError(f"{name}: missing {missing}, not printed by Gerrit {extra}\n"
                                 f"{stage.bus.child.error_text()}\n{stage.source.error_text()}")
        print(f"{name}: {len(expected())} events, byte for byte", flush=True)
    check_the_story([json.loads(line) for _, line in expected()])
    for program in (stage.source, stage.bus.child):
        code, seconds = program.stop()
        assert code == 0 and seconds < 5, f"{program.words[:3]} ended with {code} after {seconds:.1f} s"


def main():
    firehose, source_folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory(prefix="firehose-gerrit-") as folder:
        try:
            stage = Stage(firehose, source_folder, pathlib.Path(folder), fetch(source_folder / "build/gerrit"))
        except Unavailable as why:
            print(f"\n*** SKIPPED: NO REAL GERRIT WAS TESTED: {why} ***\n", flush=True)
            return SKIPPED
        try:
            run(stage)
        finally:
            stage.close()
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
