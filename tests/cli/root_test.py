#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""root_test.py FIREHOSE ROOT: started as root, it becomes somebody else.

Goal:   a mosquitto.conf whose keys, passwords and log are root's alone runs unchanged under `user`, and a reload by
        that user keeps what it cannot read, takes over the rest, and says which is which.
Method: the program started as root on the options that the first firehose's mosquitto had, files 0600 and 0640 of
        root's; asked over TLS and with passwords, before and after files change and SIGHUP. Without root nothing of it
        can be run: that is said, and no success.
"""
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "transport"))
from certificates import Authority  # noqa: E402

FIREHOSE = sys.argv[1]
PATIENCE_S = 20
USER = "nobody"

CONF = """user {user}
pid_file {folder}/mosquitto.pid
listener {port} 127.0.0.1
listener {tls_port} 127.0.0.1
certfile {folder}/server.crt
keyfile {folder}/server.key
require_certificate false
persistence true
persistence_location {folder}/lib/
log_dest file {folder}/mosquitto.log
log_type error
log_type warning
log_type information
connection_messages false
log_timestamp true
acl_file {folder}/service.acl
password_file {folder}/service.pw
include_dir {folder}/conf.d
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def text_of(word):
    return len(word).to_bytes(2, "big") + word.encode()


class Root(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-root-"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.authority = Authority(self.folder, "ours")
        self.port, self.tls_port = free_ports(2)
        self.install("first")
        self.roots("service.acl", "topic read #\ntopic read $SYS/#\n\nuser infra\n topic readwrite #\n", 0o640)
        self.password("infra", "secret")
        (self.folder / "conf.d").mkdir()
        (self.folder / "conf.d" / "anonymous.conf").write_text("allow_anonymous true\n")
        self.conf = self.folder / "mosquitto.conf"
        self.conf.write_text(CONF.format(user=USER, folder=self.folder, port=self.port, tls_port=self.tls_port))

    def roots(self, name, text, mode):
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        os.chmod(path, mode)

    def install(self, name, mode=0o600):
        """Another certificate and its key."""
        cert, key = self.authority.issue(name, ("localhost", "127.0.0.1"))
        self.roots("server.crt", cert.read_text(), 0o644)
        self.roots("server.key", key.read_text(), mode)

    def password(self, user, word, mode=0o600):
        subprocess.run([FIREHOSE, "passwd", "-b", self.folder / "service.pw", user], input=word + "\n", text=True,
                       check=True, capture_output=True)
        os.chown(self.folder / "service.pw", 0, 0)
        os.chmod(self.folder / "service.pw", mode)

    def start(self):
        started = subprocess.Popen([FIREHOSE, "serve", "-c", self.conf], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop, started)
        for line in started.stdout:
            if line.startswith("ready "):
                return started
        self.fail("did not start: " + started.stderr.read())

    def stop(self, started):
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        said = started.communicate(timeout=PATIENCE_S)[1]
        self.assertEqual(started.returncode, 0, said)
        self.assertNotIn("Sanitizer", said)

    def log(self):
        return (self.folder / "mosquitto.log").read_text()

    def reload(self, started, word):
        """Until the log says it once more."""
        before = self.log().count(word)
        started.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE_S
        while self.log().count(word) == before:
            self.assertLess(time.monotonic(), deadline, self.log())
            time.sleep(0.02)

    def shown(self):
        """The common name in the certificate that a client is shown, verified."""
        context = ssl.create_default_context(cafile=self.authority.cert)
        with socket.create_connection(("127.0.0.1", self.tls_port), PATIENCE_S) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as stream:
                return dict(pair[0] for pair in stream.getpeercert()["subject"])["commonName"]

    def connack(self, user, word):
        body = text_of("MQTT") + b"\x04\xc2\x00\x3c" + text_of("x") + text_of(user) + text_of(word)
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as stream:
            stream.sendall(b"\x10" + bytes([len(body)]) + body)
            return stream.recv(4)[3]

    def test_files_of_roots_are_read_and_the_user_runs(self):
        started = self.start()
        status = pathlib.Path(f"/proc/{started.pid}/status").read_text()
        account = pwd.getpwnam(USER)
        self.assertEqual(re.search(r"^Uid:\s+(.*)$", status, re.M)[1].split(), [str(account.pw_uid)] * 4)
        self.assertEqual(re.search(r"^Gid:\s+(.*)$", status, re.M)[1].split(), [str(account.pw_gid)] * 4)
        self.assertEqual(self.shown(), "first")
        self.assertEqual((self.connack("infra", "secret"), self.connack("infra", "wrong")), (0, 4))
        self.assertEqual((self.folder / "mosquitto.log").stat().st_uid, account.pw_uid)
        for name in ("server.key", "service.acl", "service.pw"):
            self.assertRegex(self.log(), f"only_root_may_read file={self.folder}/{name} .*let {USER} read it")
        self.assertNotIn("server.crt", self.log())

    def test_a_reload_keeps_what_it_cannot_read_and_takes_over_the_rest(self):
        started = self.start()
        self.install("second")
        self.password("infra", "changed")
        (self.folder / "conf.d" / "anonymous.conf").write_text("allow_anonymous false\n")
        self.reload(started, " reloaded")
        self.assertEqual(self.shown(), "first")
        self.assertEqual((self.connack("infra", "secret"), self.connack("infra", "changed")), (0, 4))
        for name in ("server.key", "service.acl", "service.pw"):
            self.assertRegex(self.log(), f"file_not_read_again file={self.folder}/{name} ")
        body = text_of("MQTT") + b"\x04\x02\x00\x3c" + text_of("x")
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as stream:
            stream.sendall(b"\x10" + bytes([len(body)]) + body)
            self.assertEqual(stream.recv(4), b"\x20\x02\x00\x05")
        # Within reach they are read as ever.
        os.chmod(self.folder / "server.key", 0o644)
        os.chmod(self.folder / "service.pw", 0o644)
        self.reload(started, " reloaded")
        self.assertEqual(self.shown(), "second")
        self.assertEqual((self.connack("infra", "secret"), self.connack("infra", "changed")), (4, 0))

    def test_a_reload_refuses_what_it_would_have_to_read_anew(self):
        started = self.start()
        text = self.conf.read_text()
        self.roots("new.pw", (self.folder / "service.pw").read_text(), 0o600)
        for was, now, why in (("service.pw", "new.pw", f"{self.folder}/new.pw"),
                              ("require_certificate false", "tls_version tlsv1.3", "only root may read its files")):
            self.conf.write_text(text.replace(was, now))
            self.reload(started, "reload_refused")
            self.assertIn(why, self.log().splitlines()[-1])
            self.assertEqual((self.shown(), self.connack("infra", "secret")), ("first", 0))
        self.conf.write_text(text)
        self.reload(started, " reloaded")

    def test_a_log_of_roots_is_given_to_the_user(self):
        self.roots("mosquitto.log", "what was written before\n", 0o600)
        started = self.start()
        self.assertTrue(self.log().startswith("what was written before\n"))
        self.reload(started, " reloaded")

    def test_nobody_else_can_choose_what_is_given_away(self):
        """A log's name that leads elsewhere, in a folder of the user's: it is not followed as root."""
        folder = self.folder / "users"
        folder.mkdir()
        shutil.chown(folder, USER)
        self.roots("treasure", "root's\n", 0o600)
        (folder / "link").symlink_to(self.folder / "treasure")
        os.link(self.folder / "treasure", folder / "hard")
        for name in ("link", "hard", "missing/x"):
            self.conf.write_text(re.sub(r"(?m)^log_dest.*$", f"log_dest file {folder}/{name}",
                                        CONF.format(user=USER, folder=self.folder, port=self.port, tls_port=self.tls_port)))
            done = subprocess.run([FIREHOSE, "serve", "-c", self.conf], capture_output=True, text=True, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{folder}/{name} cannot be opened", done.stderr)
            self.assertEqual((self.folder / "treasure").stat().st_uid, 0)
            self.assertEqual((self.folder / "treasure").read_text(), "root's\n")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("NOT RUN, and no success: what a start as root does can be seen by root only")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
