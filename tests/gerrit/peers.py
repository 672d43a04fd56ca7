# SPDX-License-Identifier: Apache-2.0
"""The programs that the Gerrit tests talk to: a broker, readers, `firehose source gerrit`.

Each is a child that its owner ends; ports are free ones; every wait is bounded."""
import os
import pathlib
import queue
import signal
import socket
import subprocess
import threading
import time


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def wait_until(what, condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def accepts(port, host="127.0.0.1"):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


class Child:
    """A process whose output is kept; ended at the latest by `close`."""

    def __init__(self, words, env=None, binary_lines=False):
        self.words = [str(word) for word in words]
        self.lines = queue.Queue()
        self.errors = []
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env)
        self._threads = [threading.Thread(target=self._read_out, args=(binary_lines,), daemon=True),
                         threading.Thread(target=self._read_err, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _read_out(self, binary_lines):
        for line in self.process.stdout:
            self.lines.put(line if binary_lines else line.decode(errors="replace").rstrip("\n"))

    def _read_err(self):
        for line in self.process.stderr:
            self.errors.append(line.decode(errors="replace").rstrip("\n"))

    def error_text(self):
        return "\n".join(self.errors)

    def wait(self, seconds):
        code = self.process.wait(timeout=seconds)
        for thread in self._threads:
            thread.join(timeout=5)
        return code

    def stop(self, seconds=10):
        """SIGTERM; returns (exit code, how long it took)."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds), time.monotonic() - start

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)
        for thread in self._threads:
            thread.join(timeout=5)
        self.process.stdout.close()
        self.process.stderr.close()


class Mosquitto:
    """Debian's broker, anonymous unless a password file is given."""

    def __init__(self, folder, port=None, extra=""):
        self.port = port or free_port()
        config = pathlib.Path(folder) / f"mosquitto-{self.port}.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nmax_queued_messages 0\n"
                          f"persistence false\n{extra or 'allow_anonymous true'}\n")
        if os.geteuid() == 0:
            config.write_text(config.read_text() + "user root\n")
        self.child = Child(["mosquitto", "-c", config])
        wait_until("mosquitto listens", lambda: accepts(self.port))

    def close(self):
        self.child.close()


class Reader:
    """mosquitto_sub: every message as (topic, payload), in the order it came.

    It speaks 3.1.1: with 5.0, Debian's 2.0.11 breaks off after twenty messages of QoS 2."""

    PROBE = "gerrit/_probe"

    def __init__(self, port, filters=("gerrit/#",), options=(), probe=()):
        words = ["mosquitto_sub", "-h", "127.0.0.1", "-p", port, "-q", "2", "-F", "%t %x", *options]
        for topic_filter in filters:
            words += ["-t", topic_filter]
        self.child = Child(words)
        self.messages = []
        self._probe(port, probe)

    def _probe(self, port, options):
        """mosquitto_sub does not say when it is subscribed: publish until something comes."""
        end = time.monotonic() + 15
        while self.child.lines.empty():
            if time.monotonic() > end:
                raise AssertionError("mosquitto_sub gets nothing: " + self.child.error_text())
            subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-t", self.PROBE, "-m", "x", *options],
                           check=True, timeout=10)
            time.sleep(0.05)

    def take(self, count, seconds=20.0):
        """Waits for `count` messages in all; returns all that came."""
        wait_until(f"{count} messages", lambda: self._drain() >= count, seconds)
        return self.messages

    def take_now(self):
        self._drain()
        return self.messages

    def _drain(self):
        while not self.child.lines.empty():
            topic, _, payload = self.child.lines.get().rpartition(" ")
            if topic != self.PROBE:
                self.messages.append((topic, bytes.fromhex(payload)))
        return len(self.messages)

    def close(self):
        self.child.close()


class BusReader(Reader):
    """mosquitto_sub on a bus where nobody may publish: the source's retained status says it is subscribed."""

    def __init__(self, port):
        self.status = []
        super().__init__(port, ("gerrit/#", "firehose/source/+/status"))

    def _probe(self, port, options):
        wait_until("a status", lambda: self._drain() or self.status)

    def _drain(self):
        super()._drain()
        self.status += [payload for topic, payload in self.messages if topic.startswith("firehose/")]
        self.messages = [message for message in self.messages if not message[0].startswith("firehose/")]
        return len(self.messages)


class Bus:
    """`firehose serve` on free ports of loopback, following a Gerrit: (user, host, port)."""

    def __init__(self, firehose, folder, gerrit, key, known_hosts, deny=None):
        folder = pathlib.Path(folder)
        user, host, port = gerrit
        config = folder / "firehose.toml"
        config.write_text(f"""
data = "{folder}/data"
[listen]
mqtt = ["127.0.0.1:0"]
http = ["127.0.0.1:0"]
[source]
{"" if deny is None else f"deny = {deny}"}
[[source.gerrit]]
name = "review"
host = "{host}"
port = {port}
username = "{user}"
key = "{key}"
known_hosts = "{known_hosts}"
""")
        self.child = Child([firehose, "serve", "-c", config])
        ready = ""
        try:
            while not ready.startswith("ready "):
                ready = self.child.lines.get(timeout=20)
        except queue.Empty:
            raise AssertionError("firehose serve: " + self.child.error_text())
        ports = dict(word.split("=") for word in ready.split()[1:])
        self.mqtt_port = int(ports["mqtt"].rsplit(":", 1)[1])
        self.http_port = int(ports["http"].rsplit(":", 1)[1])

    def close(self):
        self.child.close()
