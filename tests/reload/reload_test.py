#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""reload_test.py FIREHOSE [--reloads N] [--clients N] [--seed N]: reloads under load have no victims.

Goal:   whoever's rights did not change notices nothing of a reload, good or broken: no disconnect, nothing lost, nothing
        twice; what did change holds from the reload on; a broken configuration changes nothing and is named.
Method: a ring of clients, every third over TLS, that publish and read at QoS 1, and readers at QoS 0, while rights,
        passwords, certificates, listeners, limits and the log change or break, by SIGHUP and by the admin door; then SIGTERM.
"""
import argparse
import asyncio
import base64
import hashlib
import http.client
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from mqtt_load import Client

PATIENCE_S = 60
NOT_AUTHORIZED, SHUTTING_DOWN = 0x87, 0x8B


def entry(user, password):
    """A line as mosquitto_passwd writes it."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101, 64)
    return f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


class AdminConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("bus")
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(self.path)


class Bus:
    """The program and its files; what the files say is in `now`, and `write` puts it there."""

    def __init__(self, firehose, clients):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-reload-"))
        self.lasting = "".join(entry(f"u{i}", f"p{i}") for i in range(clients)) + entry("witness", "w")
        self.now = {"changing": 0, "gone": True, "toggle": True, "extra": False, "level": "info", "subscriptions": 100,
                    "anonymous": True}
        self.changing = entry("changing", "c0")
        self.goner = entry("goner", "g")
        self.openings = {}
        self.certificates = [self.make_certificate(name) for name in ("a", "b")]
        self.now["certificate"] = 0
        self.write()
        self.process = subprocess.Popen([firehose, "serve", "-c", self.folder / "firehose.toml"], text=True,
                                        stdout=subprocess.PIPE, stderr=open(self.folder / "stderr", "w"))
        for line in self.process.stdout:
            if ready := re.match(r"ready mqtt=127.0.0.1:(\d+)", line):
                self.port = int(ready[1])
                self.tls_port = self.port_of("tls")
                return
        raise RuntimeError("the bus did not start: " + (self.folder / "stderr").read_text())

    def make_certificate(self, name):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", f"{name}.key", "-out", f"{name}.crt"], cwd=self.folder, check=True, capture_output=True)
        return ssl.PEM_cert_to_DER_cert((self.folder / f"{name}.crt").read_text())

    def tls(self):
        """A client's side, which trusts the certificate that is to be shown now and no other."""
        return ssl.create_default_context(cafile=self.folder / f"{'ab'[self.now['certificate']]}.crt")

    def write(self):
        now = self.now
        for kind in ("crt", "key"):
            shutil.copy(self.folder / f"{'ab'[now['certificate']]}.{kind}", self.folder / f"server.{kind}")
        (self.folder / "acl").write_text(
            "topic read feed/#\ntopic read extra/#\n"
            "user witness\ntopic readwrite #\n" + ("" if now["toggle"] else "topic deny toggle/#\n")
            + "user goner\ntopic read #\npattern readwrite load/#\npattern readwrite extra/#\n")
        (self.folder / "users").write_text(self.lasting + self.changing + (self.goner if now["gone"] else ""))
        extra = '[[listener]]\nname = "extra"\nhost = "127.0.0.2"\nport = 0\n' if now["extra"] else ""
        (self.folder / "firehose.toml").write_text(
            f'data = "{self.folder}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = []\n'
            f'[auth]\npassword_file = "{self.folder}/users"\nacl_file = "{self.folder}/acl"\n'
            f'[limits]\nsubscriptions_max = {now["subscriptions"]}\n'
            f'[logging]\nlevel = "{now["level"]}"\nto = ["stderr", "file:{self.folder}/log"]\n' + extra
            + f'[[listener]]\nname = "tls"\nhost = "127.0.0.1"\nport = 0\n'
            f'cert_file = "{self.folder}/server.crt"\nkey_file = "{self.folder}/server.key"\n')

    def said(self):
        return (self.folder / "stderr").read_text()

    def port_of(self, listener):
        """Of its next opening: the log says it a little after the answer."""
        number = self.openings[listener] = self.openings.get(listener, 0) + 1
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            ports = re.findall(rf"listener_opened listener={listener} address=[0-9.]+:(\d+)", self.said())
            if len(ports) >= number:
                return int(ports[number - 1])
            time.sleep(0.01)
        raise TimeoutError(f"the log does not say where {listener} is")

    def by_door(self):
        """(taken over, what was said)."""
        door = AdminConnection(self.folder / "var/admin.sock")
        door.request("POST", "/reload")
        answer = door.getresponse()
        text = answer.read().decode()
        door.close()
        return answer.status == 200, text

    def by_signal(self):
        """The same; the answer is in the log."""
        before = len(re.findall(r" (?:reloaded|reload_refused)\b", self.said()))
        length = len(self.said())
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            said = self.said()
            if len(re.findall(r" (?:reloaded|reload_refused)\b", said)) > before:
                return "reload_refused" not in said[length:], said[length:]
            time.sleep(0.01)
        raise TimeoutError("no answer to SIGHUP in the log")


class Load:
    """A ring: each client publishes numbers to the next, at QoS 1."""

    def __init__(self, bus, count):
        self.bus, self.count, self.sent, self.is_over = bus, count, [0] * count, False
        self.ring = [Client(f"ring{i}", 5 if i % 2 else 4, f"u{i}", f"p{i}") for i in range(count)]
        self.readers = [Client(f"feed{i}", 5 if i % 2 else 4) for i in range(8)]
        self.witness = Client("witness", 5, "witness", "w")

    async def start(self):
        for i, client in enumerate(self.ring + self.readers + [self.witness]):
            over_tls = (self.bus.tls_port, "127.0.0.1", self.bus.tls())
            assert await client.connect(*(over_tls if i % 3 == 0 else (self.bus.port,))) == 0, client.name
        for i, client in enumerate(self.ring):
            assert await client.subscribe(f"load/{i}", 1) == 1
        for client in self.readers:
            assert await client.subscribe("feed/#", 0) == 0
        assert await self.witness.subscribe("toggle/#", 1) == 1
        self.tasks = [asyncio.create_task(self.publish(i)) for i in range(self.count)]

    async def publish(self, i):
        while not self.is_over:
            assert await self.ring[i].publish(f"load/{(i + 1) % self.count}", str(self.sent[i])) == 0
            self.sent[i] += 1
            await asyncio.sleep(0.2)

    def check(self):
        for client in self.ring + self.readers + [self.witness]:
            assert client.end is None, f"{client.name} was disconnected: {client.end}, reason {client.reason}"

    async def finish(self):
        self.is_over = True
        await asyncio.gather(*self.tasks)
        deadline = time.monotonic() + PATIENCE_S
        for i in range(self.count):
            reader = self.ring[(i + 1) % self.count]
            while len(reader.got) < self.sent[i] and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            got = [int(payload) for _, payload in reader.got]
            assert got == list(range(self.sent[i])), f"{reader.name}: sent {self.sent[i]}, got {len(got)}"
        return sum(self.sent)


class Rounds:
    """What a reload may bring; each returns what is to be checked after it."""

    def __init__(self, bus, load, seed):
        self.bus, self.load, self.random, self.fed = bus, load, random.Random(seed), 0
        self.taken = self.refused = self.expelled = 0
        self.changing, self.extra_client = None, None

    async def reload(self, expected):
        how = self.bus.by_signal if self.random.random() < 0.3 else self.bus.by_door
        done, said = await asyncio.to_thread(how)
        assert done == expected, said
        self.taken += done
        self.refused += not done
        return said

    async def settled(self, client, topic, payload):
        """Whether the client gets what the witness publishes now."""
        await self.load.witness.publish(topic, payload)
        for _ in range(PATIENCE_S * 100):
            if (topic, payload) in client.got:
                return True
            await asyncio.sleep(0.01)
        return False

    async def rights(self):
        now = self.bus.now
        now["toggle"] = not now["toggle"]
        self.bus.write()
        await self.reload(True)
        mark = f"{self.taken}"
        reason = await self.load.witness.publish("toggle/t", mark)
        await self.load.witness.publish("feed/mark", mark)
        assert reason == (0 if now["toggle"] else NOT_AUTHORIZED), reason
        for _ in range(PATIENCE_S * 50):
            if all(("feed/mark", mark) in reader.got for reader in self.load.readers):
                break
            await asyncio.sleep(0.02)
        for reader in self.load.readers:
            assert reader.got.count(("feed/mark", mark)) == 1, reader.name
        assert (("toggle/t", mark) in self.load.witness.got) == now["toggle"]

    async def password(self):
        client = Client("changing", 5, "changing", f"c{self.bus.now['changing']}")
        assert await client.connect(self.bus.port) == 0
        self.bus.now["changing"] += 1
        self.bus.changing = entry("changing", f"c{self.bus.now['changing']}")
        self.bus.write()
        await self.reload(True)
        await asyncio.wait_for(client.task, PATIENCE_S)
        assert client.reason == NOT_AUTHORIZED, client.reason
        self.expelled += 1
        refused = Client("changing", 5, "changing", client.password)
        assert await refused.connect(self.bus.port) != 0
        refused.close()

    async def user(self):
        now = self.bus.now
        client = Client("goner", 4, "goner", "g")
        reason = await client.connect(self.bus.port)
        assert (reason == 0) == now["gone"], reason
        now["gone"] = not now["gone"]
        self.bus.write()
        await self.reload(True)
        if not now["gone"]:
            await asyncio.wait_for(client.task, PATIENCE_S)
            self.expelled += 1
        client.close()

    async def listener(self):
        now = self.bus.now
        now["extra"] = not now["extra"]
        self.bus.write()
        await self.reload(True)
        if now["extra"]:
            self.extra_port = self.bus.port_of("extra")
            came = Client("extra", 5)
            assert await came.connect(self.extra_port, "127.0.0.2") == 0
            assert await came.subscribe("extra/#", 1) == 1
            if self.extra_client:
                self.extra_client.close()
            self.extra_client = came
        else:
            try:
                await Client("late", 5).connect(self.extra_port, "127.0.0.2")
                raise AssertionError("a removed listener took a client")
            except OSError:
                pass
        if self.extra_client:  # It came in by a listener that is gone, and stays.
            assert await self.settled(self.extra_client, "extra/x", str(self.taken))

    async def certificate(self):
        """New connections are shown the new one; those of the ring go on with what they began with."""
        before = Client("before", 5)
        assert await before.connect(self.bus.tls_port, tls=self.bus.tls()) == 0
        self.bus.now["certificate"] = 1 - self.bus.now["certificate"]
        self.bus.write()
        await self.reload(True)
        after = Client("after", 5)
        assert await after.connect(self.bus.tls_port, tls=self.bus.tls()) == 0
        assert after.certificate() == self.bus.certificates[self.bus.now["certificate"]]
        assert before.end is None and before.certificate() != after.certificate()
        before.close()
        after.close()

    async def limits_and_log(self):
        now = self.bus.now
        now["level"] = "debug" if now["level"] == "info" else "info"
        now["subscriptions"] = 150 if now["subscriptions"] == 100 else 100
        self.bus.write()
        (self.bus.folder / "log").rename(self.bus.folder / "log.1")
        await self.reload(True)
        assert (self.bus.folder / "log").exists()

    async def broken(self):
        """A mistake is named and nothing changes."""
        folder, kind = self.bus.folder, self.random.randrange(8)
        names = [
            lambda: ("firehose.toml:2", (folder / "firehose.toml").write_text("data = 'x'\nthis is no TOML\n")),
            lambda: ("limits.packet_bytes", (folder / "firehose.toml").write_text("[limits]\npacket_bytes = 3\n")),
            lambda: ("acl:2", (folder / "acl").write_text("topic read #\nnonsense\n")),
            lambda: ("users:1", (folder / "users").write_text("broken line\n")),
            lambda: ("users", (folder / "users").unlink()),
            lambda: (f"port {self.bus.port}", self.add_taken_port()),
            lambda: ("server.crt", (folder / "server.crt").write_text("no certificate\n")),
            lambda: ("server.key", shutil.copy(folder / f"{'ba'[self.bus.now['certificate']]}.key", folder / "server.key")),
        ]
        expected, _ = names[kind]()
        said = await self.reload(False)
        assert expected in said, said
        self.bus.write()
        late = Client("late", 5, "witness", "w")
        assert await late.connect(self.bus.port) == 0
        late.close()

    def add_taken_port(self):
        path = self.bus.folder / "firehose.toml"
        path.write_text(path.read_text() + f'[[listener]]\nhost = "127.0.0.1"\nport = {self.bus.port}\n')

    async def no_descriptors(self):
        """SIGHUP with no free descriptor (bad inputs, row 31)."""
        pid = self.bus.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
        length = len(self.bus.said())
        self.bus.process.send_signal(signal.SIGHUP)
        for _ in range(PATIENCE_S * 100):
            if "reload_refused" in self.bus.said()[length:]:
                break
            await asyncio.sleep(0.01)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert "reload_refused" in self.bus.said()[length:]
        self.refused += 1

    async def run(self, count):
        kinds = [self.rights, self.certificate, self.password, self.user, self.listener, self.limits_and_log, self.broken,
                 self.broken, self.no_descriptors]
        for i in range(count):
            kind = kinds[i] if i < len(kinds) else self.random.choice(kinds)
            try:
                await kind()
                self.load.check()
            except BaseException as why:
                raise AssertionError(f"reload {i}, {kind.__name__}: {why!r}") from why


async def run(flags, bus):
    load = Load(bus, flags.clients)
    await load.start()
    rounds = Rounds(bus, load, flags.seed)
    await rounds.run(flags.reloads)
    messages = await load.finish()
    load.check()
    bus.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*(asyncio.wait_for(client.task, PATIENCE_S) for client in load.ring))
    for client in load.ring:
        assert client.reason == (SHUTTING_DOWN if client.version == 5 else None), (client.name, client.reason)
    assert await asyncio.to_thread(bus.process.wait, PATIENCE_S) == 0
    print(f"{rounds.taken} reloads taken over, {rounds.refused} refused, {rounds.expelled} clients sent away with cause, "
          f"{flags.clients} clients, {messages} messages at QoS 1, none lost, seed {flags.seed}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("firehose")
    parser.add_argument("--reloads", type=int, default=40)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    flags = parser.parse_args()
    bus = Bus(flags.firehose, flags.clients)
    try:
        asyncio.run(run(flags, bus))
    except BaseException:
        print(f"seed {flags.seed}; the end of its log:\n{bus.said()[-4000:]}", file=sys.stderr)
        raise
    finally:
        if bus.process.poll() is None:
            bus.process.kill()
            bus.process.wait()
        shutil.rmtree(bus.folder)


main()
