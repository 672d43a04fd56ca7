# SPDX-License-Identifier: Apache-2.0
"""The servers that the suite is run against: one that runs somewhere, the program, Debian's mosquitto."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).parent.parent / "transport"))
from certificates import Authority  # noqa: E402

PATIENCE_S = 20


class Target:
    """A server that others run: host, and a port a transport."""

    def __init__(self, host, ports):
        self.host, self.ports = host, ports
        self.name = "target"

    def stop(self):
        """What is wrong with how it ended, or None."""


class Process(Target):
    def __init__(self, words, folder, **popen):
        super().__init__("127.0.0.1", {})
        self.folder = folder
        self.errors = open(folder / "errors", "w")
        self.process = subprocess.Popen([str(word) for word in words], stderr=self.errors, **popen)

    def said(self):
        return (self.folder / "errors").read_text(errors="replace")

    def stop(self):
        died = self.process.poll()
        if died is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.errors.close()
        said = self.said()
        shutil.rmtree(self.folder)
        if died is not None or code or "Sanitizer" in said or "runtime error" in said:
            return f"{self.name} ended{' by itself' if died is not None else ''} with status {code}:\n{said[-4000:]}"
        return None


class Firehose(Process):
    """The program with the standard's rules for anonymous clients, who may do everything: as Debian's mosquitto."""

    def __init__(self, program):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-conformance-"))
        (folder / "acl").write_text("topic readwrite #\ntopic read $SYS/#\n")
        cert, key = Authority(folder, "authority").issue("server", ("localhost", "127.0.0.1"))
        (folder / "firehose.toml").write_text(
            f'data = "{folder}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\n'
            f'[auth]\nacl_file = "{folder}/acl"\n[session]\nanonymous = "standard"\n[share]\nanonymous = true\n'
            f'[[listener]]\nname = "tls"\nhost = "127.0.0.1"\nport = 0\ncert_file = "{cert}"\nkey_file = "{key}"\n')
        super().__init__([program, "serve", "-c", folder / "firehose.toml"], folder, stdout=subprocess.PIPE, text=True)
        self.name = "firehose"
        for line in self.process.stdout:
            if line.startswith("ready "):
                said = {name: int(port) for name, port in re.findall(r"(\w+)=\S*?:(\d+)", line)}
                self.ports = {"tcp": said["mqtt"], "tls": said["tls"], "ws": said["http"]}
                return
        raise RuntimeError("firehose did not start: " + (self.stop() or ""))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto(Process):
    """Debian's: anonymous, in memory, no limit to what a session is kept."""

    def __init__(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="mosquitto-conformance-"))
        ports = {"tcp": free_port(), "ws": free_port()}
        (folder / "mosquitto.conf").write_text(
            f"allow_anonymous true\npersistence false\nmax_queued_messages 0\n"
            f"listener {ports['tcp']} 127.0.0.1\nlistener {ports['ws']} 127.0.0.1\nprotocol websockets\n"
            + ("user root\n" if os.geteuid() == 0 else ""))
        super().__init__(["mosquitto", "-c", folder / "mosquitto.conf"], folder)
        self.ports, self.name = ports, "mosquitto"
        for port in ports.values():
            self.wait_for(port)

    def wait_for(self, port):
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection((self.host, port), 1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError("mosquitto did not start: " + (self.stop() or "")) from None
                time.sleep(0.02)
