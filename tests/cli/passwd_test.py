#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""passwd_test.py FIREHOSE ROOT: `firehose passwd`, and mosquitto's own tool and broker as judges.

Goal:   mosquitto accepts what we write, we accept what mosquitto_passwd writes, and a password never
        shows on a terminal or stays behind in a file.
Method: mosquitto started on a free port with our file, and asked by mosquitto_pub; a pseudo-terminal
        for the prompt. Skipped, loudly, without the tools.
"""
import os
import pathlib
import pty
import select
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

FIREHOSE = sys.argv[1]
TOOLS = {name: shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
         for name in ("mosquitto", "mosquitto_passwd", "mosquitto_pub")}


def firehose(*words, stdin=""):
    return subprocess.run([FIREHOSE, *words], input=stdin.encode(), capture_output=True, timeout=30)


class Passwd(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-passwd-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.file = str(self.folder / "users.pw")

    def add(self, user, password):
        done = firehose("passwd", self.file, user, stdin=password + "\n")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_writes_a_private_file_that_check_config_accepts(self):
        self.add("ci", "secret")
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        conf = self.folder / "c.toml"
        conf.write_text(f"auth.password_file = '{self.file}'\n")
        self.assertEqual(firehose("check-config", str(conf)).returncode, 0)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["c.toml", "users.pw"])

    def test_deletes_a_user(self):
        self.add("a", "x")
        self.add("b", "y")
        self.assertEqual(firehose("passwd", self.file, "a", "--delete").returncode, 0)
        self.assertTrue(pathlib.Path(self.file).read_text().startswith("b:$7$"))
        gone = firehose("passwd", self.file, "a", "--delete")
        self.assertEqual((gone.returncode, gone.stderr.decode()),
                         (1, f"firehose passwd: {self.file} has no user a\n"))

    def test_refuses_what_it_cannot_store_and_changes_nothing(self):
        self.add("a", "x")
        before = pathlib.Path(self.file).read_bytes()
        for user, stdin in (("a:b", "x\n"), ("", "x\n"), ("b", ""), ("b", "\n"), ("b", "x" * 65_536 + "\n")):
            with self.subTest(user=user, length=len(stdin)):
                self.assertEqual(firehose("passwd", self.file, user, stdin=stdin).returncode, 2)
        self.assertEqual(pathlib.Path(self.file).read_bytes(), before)

    def test_leaves_a_broken_file_alone(self):
        pathlib.Path(self.file).write_text("a:$7$101$\n")
        done = firehose("passwd", self.file, "b", stdin="x\n")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{self.file}:1: ", done.stderr.decode())
        self.assertEqual(pathlib.Path(self.file).read_text(), "a:$7$101$\n")

    def test_the_prompt_asks_twice_and_shows_nothing(self):
        self.assertEqual(self.at_terminal(["first", "first"]), (0, ["Password: ", "The same again: "]))
        self.assertTrue(pathlib.Path(self.file).exists())
        code, said = self.at_terminal(["one", "two"])
        self.assertEqual(code, 2)
        self.assertIn("they differ; nothing was changed", "".join(said))

    def at_terminal(self, answers):
        """Runs passwd on a pseudo-terminal; its exit code and what it printed before each answer."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(FIREHOSE, [FIREHOSE, "passwd", self.file, "ci"])
        said = []
        for answer in answers:
            said.append(self.until(terminal, ": "))
            os.write(terminal, answer.encode() + b"\n")
        rest = self.until(terminal, None)
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for answer in answers:
            self.assertNotIn(answer, "".join(said) + rest)
        said = [text.strip("\r\n") for text in said]
        return code, said if code == 0 else [*said, rest]

    def until(self, terminal, end):
        text, deadline = "", time.monotonic() + 20
        while (end is None or not text.endswith(end)) and time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                got = os.read(terminal, 1024)
            except OSError:  # The other side closed.
                got = b""
            if not got:
                break
            text += got.decode()
        return text

    def test_mosquitto_accepts_what_we_write(self):
        users = {"ci": "secret", "with blank": "pass word", "ünï": "pä$$:wörd"}
        for user, password in users.items():
            self.add(user, password)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {self.file}\nuser root\n")
        broker = subprocess.Popen([TOOLS["mosquitto"], "-c", str(conf)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
        self.addCleanup(lambda: (broker.kill(), broker.communicate()))
        self.wait_for(broker, port)
        for user, password in users.items():
            self.assertEqual(self.publish(port, user, password), 0, user)
            self.assertNotEqual(self.publish(port, user, password + "x"), 0, user)

    def wait_for(self, broker, port):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and broker.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.fail("mosquitto does not listen")

    def publish(self, port, user, password):
        return subprocess.run([TOOLS["mosquitto_pub"], "-h", "127.0.0.1", "-p", str(port), "-u", user, "-P", password,
                               "-t", "t", "-m", "m", "-q", "1"], capture_output=True, timeout=30).returncode

    def test_takes_the_flags_of_mosquitto_passwd(self):
        self.add("old", "x")
        done = firehose("passwd", "-c", "-b", self.file, "ci", stdin="secret\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line[:6] for line in pathlib.Path(self.file).read_text().splitlines()], ["ci:$7$"])
        seen = firehose("passwd", "-b", self.file, "ci", "secret")
        self.assertEqual(seen.returncode, 2)
        self.assertIn("a password on the command line can be read by every user", seen.stderr.decode())
        self.assertEqual(firehose("passwd", "-D", self.file, "ci").returncode, 0)
        self.assertEqual(firehose("passwd", "-c", "-D", self.file, "ci").returncode, 2)
        pathlib.Path(self.file).write_text("# users\na:one\nb:two\n")
        self.assertEqual(firehose("passwd", "-U", self.file).returncode, 0)
        text = pathlib.Path(self.file).read_text()
        self.assertTrue(text.startswith("# users\na:$7$"), text)
        self.assertNotIn("one", text)

    def test_we_check_the_older_hash_of_mosquitto_passwd(self):
        plain = pathlib.Path(self.file)
        plain.write_text("ci:secret\n")
        subprocess.run([TOOLS["mosquitto_passwd"], "-H", "sha512", "-U", self.file], check=True)
        self.assertTrue(plain.read_text().startswith("ci:$6$"))
        conf = self.folder / "c.toml"
        conf.write_text(f"auth.password_file = '{self.file}'\n")
        self.assertEqual(firehose("check-config", str(conf)).returncode, 0)

    def test_we_keep_what_mosquitto_passwd_writes(self):
        subprocess.run([TOOLS["mosquitto_passwd"], "-c", "-b", self.file, "ci", "secret"], check=True)
        theirs = pathlib.Path(self.file).read_text()
        self.add("zz", "other")
        lines = pathlib.Path(self.file).read_text().splitlines(keepends=True)
        self.assertEqual(lines[0], theirs)
        subprocess.run([TOOLS["mosquitto_passwd"], "-b", self.file, "zz", "changed"], check=True)
        conf = self.folder / "c.toml"
        conf.write_text(f"auth.password_file = '{self.file}'\n")
        self.assertEqual(firehose("check-config", str(conf)).returncode, 0)


if __name__ == "__main__":
    missing = [name for name, path in TOOLS.items() if path is None]
    if missing:
        print("SKIPPED: passwd against mosquitto:", ", ".join(missing), "not installed", file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
