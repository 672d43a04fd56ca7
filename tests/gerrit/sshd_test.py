#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""**Goal:** `firehose source gerrit` brings Gerrit's bytes to the right topics through a real OpenSSH,
refuses what it must not trust and says why, and survives lost connections and hostile lines.
`firehose serve` does the same inside.
**Method:** sshd on loopback with keys of its own, whose forced command plays event files; mosquitto as the
broker, mosquitto_sub as the reader. Works as root and as a user.

sshd_test.py FIREHOSE SOURCE_FOLDER"""
import getpass
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peers import Bus, BusReader, Child, Mosquitto, Reader, accepts, free_port, wait_until  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FIREHOSE = None
DATA = None


def event(number):
    return (b'{"type":"t%d","project":"p","eventCreatedOn":1700000000}' % number, f"gerrit/p/t{number}")


def recorded():
    lines = (DATA / "gerrit-events.jsonl").read_bytes().split(b"\n")[:-1]
    topics = [row.split("\t")[1] for row in (DATA / "gerrit-topics.tsv").read_text().splitlines()]
    return list(zip(topics, lines))


class Sshd:
    """OpenSSH's server on a free port, its host key and the user's key in `folder`."""

    def __init__(self, folder, address="127.0.0.1"):
        self.folder = pathlib.Path(folder)
        self.address = address
        self.port = free_port(address)
        self.host_key = self.make_key("host_key")
        self.user_key = self.make_key("user_key")
        (self.folder / "authorized_keys").write_text((self.folder / "user_key.pub").read_text())
        player = f"/usr/bin/python3 {HERE}/stream_player.py {self.folder}"
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress {address}\nHostKey {self.host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nStrictModes no\nUsePAM no\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPubkeyAuthentication yes\n"
            f"PermitRootLogin prohibit-password\nForceCommand {player}\nMaxStartups 100\n")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        self.child = Child(["/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "sshd_config"])
        try:
            wait_until("sshd listens", lambda: accepts(self.port, address))
        except AssertionError:
            raise AssertionError("sshd: " + self.child.error_text())
        self.known_hosts = self.folder / "known_hosts"
        self.trust("host_key")

    def make_key(self, name, kind="ed25519", passphrase=""):
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", path], check=True)
        return path

    def trust(self, key_name):
        key = " ".join((self.folder / f"{key_name}.pub").read_text().split()[:2])
        self.known_hosts.write_text(f"[{self.address}]:{self.port} {key}\n")

    def stream(self, number, content):
        part = self.folder / f"stream-{number}.part"
        part.write_bytes(content)
        part.rename(self.folder / f"stream-{number}")

    def hang_up(self, number):
        (self.folder / f"hang-up-{number}").touch()

    def url(self):
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"ssh://{getpass.getuser()}@{host}:{self.port}"

    def close(self):
        self.child.close()


class Stage(unittest.TestCase):
    """A folder, an sshd, a broker, and a reader of everything."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="firehose-sshd-")
        self.addCleanup(self.folder.cleanup)
        self.sshd = self.keep(Sshd(self.folder.name))

    def keep(self, thing):
        self.addCleanup(thing.close)
        return thing

    def with_broker(self):
        self.broker = self.keep(Mosquitto(self.folder.name))
        self.reader = self.keep(Reader(self.broker.port))
        return self.broker

    def source(self, *options, key=None, broker_port=None, url=None, env=None):
        port = broker_port or (self.broker.port if hasattr(self, "broker") else free_port())
        return self.keep(Child([FIREHOSE, "source", "gerrit", "--gerrit", url or self.sshd.url(),
                                "--gerrit-key", key or self.sshd.user_key, "--known-hosts", self.sshd.known_hosts,
                                "--mqtt", f"127.0.0.1:{port}", *options], env=env))

    def assert_stops(self, source):
        code, seconds = source.stop()
        self.assertEqual(code, 0, source.error_text())
        self.assertLess(seconds, 2.0)


class Events(Stage):
    def play_recorded(self, *options):
        self.with_broker()
        self.sshd.stream(0, (DATA / "gerrit-events.jsonl").read_bytes())
        return self.source(*options)

    def test_every_recorded_line_arrives_byte_for_byte_on_its_topic_and_in_order(self):
        expected = recorded()
        source = self.play_recorded("--deny-nothing")
        self.assertTrue(self.reader.take(len(expected)) == expected)
        self.assert_stops(source)
        self.assertIn("acknowledged=101", source.error_text())
        self.assertEqual((self.sshd.folder / "commands").read_text(), "gerrit stream-events\n")

    def test_by_default_lines_15_58_and_80_are_withheld(self):
        expected = [pair for number, pair in enumerate(recorded(), 1) if number not in (15, 58, 80)]
        source = self.play_recorded("-s", "ref-updated", "-s", "comment-added")
        self.assertTrue(self.reader.take(len(expected)) == expected)
        self.assert_stops(source)
        self.assertIn("denied=3", source.error_text())
        self.assertEqual((self.sshd.folder / "commands").read_text(),
                         "gerrit stream-events -s 'ref-updated' -s 'comment-added'\n")

    def test_hostile_lines_are_counted_and_the_next_good_one_arrives(self):
        self.with_broker()
        hostile = [(b'{"type":"cut', "cut"), (b"fatal: no json", "not_json"), (b'{"type":"\xff"}', "invalid_utf8"),
                   (b'{"type":7}', "wrong_type"), (b'{"type":"t","x":' + b"[" * 90_000, "too_deep"),
                   (b"x" * 5_000_000, "too_large"), (event(0)[0] * 2, "extra_data")]
        stream, expected = b"", []
        for number, (line, _) in enumerate(hostile):
            payload, topic = event(number)
            stream += line + b"\n" + payload + (b"\r\n" if number % 2 else b"\n")
            expected.append((topic, payload))
        self.sshd.stream(0, stream)
        source = self.source()
        self.assertEqual(self.reader.take(len(hostile)), expected)
        self.assert_stops(source)
        for _, kind in hostile:
            self.assertIn(f"source_bad_lines kind={kind} count=1", source.error_text())

    def test_each_qos_and_both_versions_arrive(self):
        self.with_broker()
        for number, options in enumerate((["--qos", "0"], ["--qos", "1"], ["--mqtt-version", "3.1.1"])):
            self.sshd.stream(number, event(number)[0] + b"\n")
            source = self.source(*options)
            self.assertEqual(self.reader.take(number + 1)[-1], event(number)[::-1])
            self.assert_stops(source)


class InsideServe(Stage):
    def with_bus(self, deny=None):
        (self.sshd.folder / "wait").touch()
        self.bus = self.keep(Bus(FIREHOSE, self.folder.name, (getpass.getuser(), "127.0.0.1", self.sshd.port),
                                 self.sshd.user_key, self.sshd.known_hosts, deny))
        self.reader = self.keep(BusReader(self.bus.mqtt_port))

    def assert_arrives(self, expected):
        got = self.reader.take(len(expected))
        for number, (mine, theirs) in enumerate(zip(expected, got), 1):
            self.assertEqual(mine[0], theirs[0], f"event {number}")
            self.assertTrue(mine[1] == theirs[1], f"event {number} on {mine[0]} has other bytes")
        self.assertEqual(len(got), len(expected))

    def test_all_lines_arrive_when_nothing_is_denied(self):
        self.with_bus(deny="[]")
        self.sshd.stream(0, (DATA / "gerrit-events.jsonl").read_bytes())
        self.assert_arrives(recorded())
        self.assert_stops(self.bus.child)

    def test_by_default_three_are_withheld_and_bad_lines_end_nothing(self):
        self.with_bus()
        lines = (DATA / "gerrit-events.jsonl").read_bytes().replace(b"\n", b'\n{"type":"cu\nno json\n')
        self.sshd.stream(0, lines)
        self.assert_arrives([pair for number, pair in enumerate(recorded(), 1) if number not in (15, 58, 80)])

    def test_the_retained_status_follows_the_connection(self):
        self.with_bus()
        wait_until("online", lambda: self.reader.take_now() or self.reader.status[-1:] == [b"online"])
        self.sshd.stream(0, b"")
        self.sshd.hang_up(0)
        wait_until("offline", lambda: self.reader.take_now() or b"offline" in self.reader.status[1:])
        self.sshd.stream(1, event(1)[0] + b"\n")
        self.assert_arrives([event(1)[::-1]])
        self.assertEqual(self.reader.status[-1], b"online")


class Connections(Stage):
    def test_a_lost_connection_is_made_again(self):
        self.with_broker()
        for number in range(3):
            self.sshd.stream(number, event(number)[0] + b"\n")
        source = self.source("--status-topic", "gerrit/_status")
        wait_until("played", (self.sshd.folder / "played-0").exists)
        self.sshd.hang_up(0)
        wait_until("played again", (self.sshd.folder / "played-1").exists)
        self.sshd.hang_up(1)
        wait_until("played a third time", (self.sshd.folder / "played-2").exists)
        payloads = lambda: [m for m in self.reader.take_now() if m[0] != "gerrit/_status"]  # noqa: E731
        wait_until("three events", lambda: len(payloads()) == 3)
        self.assertEqual(payloads(), [event(number)[::-1] for number in range(3)])
        self.assert_stops(source)
        wait_until("offline", lambda: self.reader.take_now()[-1] == ("gerrit/_status", b"offline"))
        self.assertIn(("gerrit/_status", b"online"), self.reader.take_now())

    def test_events_wait_for_a_broker_that_is_not_there_yet(self):
        port = free_port()
        self.sshd.stream(0, b"".join(event(number)[0] + b"\n" for number in range(500)))
        source = self.source(broker_port=port)
        wait_until("played", (self.sshd.folder / "played-0").exists)
        broker = self.keep(Mosquitto(self.folder.name, port))
        reader = self.keep(Reader(broker.port))
        # The reader may come after the first ones; the last ones it must see, in order.
        self.sshd.hang_up(0)
        self.sshd.stream(1, event(500)[0] + b"\n")
        wait_until("the last", lambda: reader.take_now()[-1:] == [event(500)[::-1]], 30)
        seen = reader.take_now()
        self.assertEqual(seen, [event(number)[::-1] for number in range(501 - len(seen), 501)])
        self.assert_stops(source)
        self.assertIn("acknowledged=501", source.error_text())

    def test_the_password_comes_from_the_environment_or_a_file(self):
        passwords = pathlib.Path(self.folder.name) / "passwords"
        subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "gerrit", "s3cret"], check=True)
        if os.geteuid() == 0:
            passwords.chmod(0o644)
        self.broker = self.keep(Mosquitto(self.folder.name, extra=f"allow_anonymous false\npassword_file {passwords}"))
        login = ["-u", "gerrit", "-P", "s3cret"]
        self.reader = self.keep(Reader(self.broker.port, options=login, probe=login))
        secret = pathlib.Path(self.folder.name) / "secret"
        secret.write_text("s3cret\n")
        ways = [([], {**os.environ, "FIREHOSE_PASSWORD": "s3cret"}), (["--mqtt-password-file", secret], None)]
        for number, (options, env) in enumerate(ways):
            self.sshd.stream(number, event(number)[0] + b"\n")
            source = self.source("--mqtt-user", "gerrit", *options, env=env)
            self.assertEqual(self.reader.take(number + 1)[-1], event(number)[::-1])
            self.assert_stops(source)
            self.assertNotIn("s3cret", source.error_text())
        source = self.source("--mqtt-user", "gerrit", env={**os.environ, "FIREHOSE_PASSWORD": "wrong"})
        self.assertEqual(source.wait(10), 1)
        self.assertIn("the broker refuses the connection", source.error_text())
        self.assertNotIn("wrong", source.error_text())

    def test_a_name_works_as_an_address_does(self):
        self.with_broker()
        key = " ".join((self.sshd.folder / "host_key.pub").read_text().split()[:2])
        self.sshd.known_hosts.write_text(f"[localhost]:{self.sshd.port} {key}\n")
        self.sshd.stream(0, event(0)[0] + b"\n")
        source = self.source(url=f"ssh://{getpass.getuser()}@localhost:{self.sshd.port}")
        self.assertEqual(self.reader.take(1), [event(0)[::-1]], source.error_text())
        self.assert_stops(source)

    def test_ipv6_works(self):
        try:
            free_port("::1")
        except OSError:
            self.skipTest("this machine has no ::1")
        self.with_broker()
        folder = pathlib.Path(self.folder.name) / "six"
        folder.mkdir()
        six = self.keep(Sshd(folder, "::1"))
        six.stream(0, event(0)[0] + b"\n")
        source = self.keep(Child([FIREHOSE, "source", "gerrit", "--gerrit", six.url(), "--gerrit-key", six.user_key,
                                  "--known-hosts", six.known_hosts, "--mqtt", f"127.0.0.1:{self.broker.port}"]))
        self.assertEqual(self.reader.take(1), [event(0)[::-1]], source.error_text())
        self.assert_stops(source)

    def test_it_stops_soon_whatever_it_waits_for(self):
        silent = socket.create_server(("127.0.0.1", 0))  # Accepts, and says nothing.
        self.addCleanup(silent.close)
        self.with_broker()
        url = f"ssh://me@127.0.0.1:{silent.getsockname()[1]}"
        source = self.source(url=url)
        connection, _ = silent.accept()
        self.addCleanup(connection.close)
        self.assert_stops(source)
        closed = free_port()
        source = self.source(url=f"ssh://me@127.0.0.1:{closed}")
        wait_until("waits", lambda: "source_offline" in source.error_text())
        self.assert_stops(source)

    def test_a_reset_in_the_middle_of_a_line_costs_that_line_only(self):
        self.with_broker()
        self.sshd.stream(0, event(0)[0] + b'\n{"type":"half')
        self.sshd.stream(1, event(1)[0] + b"\n")
        proxy = self.keep(Proxy(self.sshd.port))
        key = " ".join((self.sshd.folder / "host_key.pub").read_text().split()[:2])
        self.sshd.known_hosts.write_text(f"[127.0.0.1]:{proxy.port} {key}\n")
        source = self.source(url=f"ssh://{getpass.getuser()}@127.0.0.1:{proxy.port}")
        self.reader.take(1)
        wait_until("played", (self.sshd.folder / "played-0").exists)
        time.sleep(0.2)  # Lets the half line arrive; without it the test only shows less.
        proxy.cut()
        self.assertEqual(self.reader.take(2), [event(0)[::-1], event(1)[::-1]])
        self.assert_stops(source)


class Proxy:
    """Copies bytes to sshd and back, until `cut` resets what is open."""

    def __init__(self, target):
        self.target = target
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self.open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass

    def cut(self):
        for end in self.open:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self.open = []

    def close(self):
        self.cut()
        self.server.close()


class Trust(Stage):
    def assert_refused(self, source, *words):
        self.assertEqual(source.wait(15), 1, source.error_text())
        for word in words:
            self.assertIn(word, source.error_text())
        self.assertFalse((self.sshd.folder / "commands").exists())

    def fingerprint(self, name):
        out = subprocess.run(["ssh-keygen", "-l", "-f", self.sshd.folder / name], check=True, capture_output=True)
        return out.stdout.decode().split()[1]

    def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_the_remedy(self):
        self.sshd.known_hosts.write_text("")
        self.assert_refused(self.source(), self.fingerprint("host_key.pub"),
                            f"ssh-keyscan -p {self.sshd.port} 127.0.0.1 >> {self.sshd.known_hosts}")
        self.sshd.known_hosts.unlink()
        self.assert_refused(self.source(), self.fingerprint("host_key.pub"), "ssh-keyscan")

    def test_a_changed_host_key_is_refused_even_if_new_ones_are_accepted(self):
        self.sshd.make_key("other_key")
        self.sshd.trust("other_key")
        for options in ([], ["--accept-new-host-key"]):
            self.assert_refused(self.source(*options), "is not the one in", self.fingerprint("host_key.pub"))

    def test_a_new_host_key_is_accepted_and_kept_when_asked_for(self):
        self.with_broker()
        self.sshd.known_hosts.write_text("")
        for number, options in enumerate((["--accept-new-host-key"], [])):
            self.sshd.stream(number, event(number)[0] + b"\n")
            source = self.source(*options)
            self.reader.take(number + 1)
            self.assert_stops(source)

    def test_a_key_that_gerrit_does_not_know_is_refused_by_name(self):
        wrong = self.sshd.make_key("wrong_key")
        self.assert_refused(self.source(key=wrong), str(wrong), self.fingerprint("wrong_key.pub"), "Stream Events")

    def test_a_key_that_cannot_be_used_says_why(self):
        self.assert_refused(self.source(key=self.sshd.folder / "none"), "cannot read the private key", "ssh-keygen")
        locked = self.sshd.make_key("locked_key", passphrase="hunter2")
        self.assert_refused(self.source(key=locked), "without a passphrase")

    def test_a_user_who_may_not_stream_is_told_what_gerrit_said(self):
        source = self.source()  # No stream-0: the player complains.
        wait_until("the complaint", lambda: "not allowed to stream events" in source.error_text())
        wait_until("the remedy", lambda: "Stream Events" in source.error_text())
        source.stop()

    def test_ecdsa_and_rsa_keys_work(self):
        self.with_broker()
        for number, kind in enumerate(("ecdsa", "rsa")):
            key = self.sshd.make_key(f"{kind}_key", kind)
            with open(self.sshd.folder / "authorized_keys", "a") as keys:
                keys.write((self.sshd.folder / f"{kind}_key.pub").read_text())
            self.sshd.stream(number, event(number)[0] + b"\n")
            source = self.source(key=key)
            self.reader.take(number + 1)
            self.assert_stops(source)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    FIREHOSE = sys.argv[1]
    DATA = pathlib.Path(sys.argv[2]) / "tests/data"
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
