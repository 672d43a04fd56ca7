#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""files_test.py FIREHOSE: rows 30, 32, 33 and 37: files and numbers that are wrong.

Goal:   what cannot be meant is refused before a port opens, and says why; what is damaged ends no start badly; what is
        written is nobody else's to read; a file that grants nothing grants nothing.
Method: the program, started on each; every numeric key of the documentation with every number that has broken somebody.
"""
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

import link
from wire import Wire

FIREHOSE = pathlib.Path(sys.argv.pop(1)).resolve()
DOCUMENT = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "configuration.md"
NUMBERS = ("0", "-1", "1", "65535", "65536", "2147483648", "4294967296", "9223372036854775807", "18446744073709551616")
PATIENCE_S = 60


class Folder(unittest.TestCase):
    def setUp(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="firehose-files-"))
        self.bus = None

    def tearDown(self):
        if self.bus:
            self.bus.kill()
            self.bus.wait(PATIENCE_S)
            self.bus.stdout.close()
        shutil.rmtree(self.path)

    def write(self, name, content):
        (self.path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.path / name

    def configuration(self, more=""):
        return self.write("firehose.toml", f'data = "{self.path}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = []\n{more}')

    def start(self, more=""):
        """Its port, or nothing and what it said: it ended by itself."""
        self.bus = subprocess.Popen([FIREHOSE, "serve", "-c", self.configuration(more)], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        for line in self.bus.stdout:
            if ready := re.match(r"ready mqtt=\S*?:(\d+)", line):
                return int(ready[1]), ""
        said = self.bus.stderr.read()
        code, bus, self.bus = self.bus.wait(PATIENCE_S), self.bus, None
        bus.stdout.close()
        bus.stderr.close()
        self.assertIn(code, (1, 2), said)
        self.assertNotIn("Sanitizer", said)
        return None, said

    def answer_to(self, port, *identity):
        """The reason in CONNACK."""
        wire = Wire(port, 5, *identity)
        wire.close()
        return wire.reason

    def stop(self):
        self.bus.send_signal(signal.SIGTERM)
        said = self.bus.stderr.read()
        code, bus, self.bus = self.bus.wait(PATIENCE_S), self.bus, None
        bus.stdout.close()
        bus.stderr.close()
        self.assertEqual((code, "Sanitizer" in said), (0, False), said)


class Rows(Folder):
    def test_row_30_an_acl_that_grants_nothing(self):
        for content in ("", "# only a comment\n", "\n\n  \n", "user nobody\n"):
            with self.subTest(content=content):
                acl = self.write("acl", content)
                port, said = self.start(f'[auth]\nacl_file = "{acl}"\n')
                self.assertTrue(port, said)
                wire = Wire(port, 5)
                self.assertEqual(wire.reason, 0)
                wire.subscribe("#", 0)
                wire.publish("a", b"x", 1)
                self.assertEqual(wire.puback()[1], 0x87)
                wire.send(link.PINGREQ << 4, b"")
                self.assertEqual(wire.packet()[0], link.PINGRESP)
                wire.close()
                self.stop()

    def test_row_30_password_files_with_broken_lines(self):
        good = subprocess.run([FIREHOSE, "passwd", self.path / "users", "alice"], input="secret\n", text=True, check=True,
                              capture_output=True) and (self.path / "users").read_text()
        for name, content, starts in (
                ("blank lines", "\n" + good + "\n\n", None), ("no colon", good + "bob\n", False),
                ("no hash", good + "bob:\n", False), ("plain", good + "bob:secret\n", False),
                ("cut hash", good[:-20] + "\n", False), ("unknown scheme", good.replace("$7$", "$9$"), False),
                ("iterations", good.replace("$7$101$", "$7$99999999999$"), False),
                ("negative iterations", good.replace("$7$101$", "$7$-1$"), False),
                ("twice", good + good, None), ("NUL", good + "bo\0b:x\n", False), ("not text", b"\xff\xfe\0\1" * 100, False),
                ("a line of 1 MiB", good + "b" * (1 << 20) + "\n", False)):
            with self.subTest(name=name):
                users = self.write("users", content)
                port, said = self.start(f'[auth]\npassword_file = "{users}"\n')
                if starts is not None:
                    self.assertEqual(port is not None, starts, said)
                if port is None:
                    self.assertIn("users", said)  # It names the file.
                    continue
                self.assertEqual(self.answer_to(port, "a", "alice", "secret"), 0)
                self.assertNotEqual(self.answer_to(port, "a", "bob", "secret"), 0)
                self.stop()

    def test_row_32_a_damaged_data_folder(self):
        port, said = self.start()
        self.assertTrue(port, said)
        self.stop()
        whole = {file.relative_to(self.path): file.read_bytes() for file in self.path.glob("var/**/*") if file.is_file()}
        self.assertTrue(any(content for content in whole.values()))
        for name, damage in (("cut", lambda content: content[:len(content) // 2]), ("empty", lambda _: b""),
                             ("noise", lambda content: bytes((i * 31 + 7) & 0xFF for i in range(len(content)))),
                             ("lengths", lambda content: content[:64] + b"\xff" * max(0, len(content) - 64))):
            for hit in whole:
                if hit.name == "lock" or not whole[hit]:
                    continue
                with self.subTest(name=name, file=str(hit)):
                    shutil.rmtree(self.path / "var")
                    for file, content in whole.items():
                        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
                        (self.path / file).write_bytes(damage(content) if file == hit else content)
                    port, said = self.start()  # It serves, or it says why not.
                    if port:
                        self.assertEqual(self.answer_to(port), 0)
                        self.stop()
                    else:
                        self.assertTrue(said.strip())

    def test_row_33_nobody_else_reads_the_data(self):
        os.umask(0)
        port, said = self.start()
        self.assertTrue(port, said)
        for file in [self.path / "var", *self.path.glob("var/**/*")]:
            mode = stat.S_IMODE(file.lstat().st_mode)
            shielded = any(stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0 for folder in file.parents
                           if folder.is_relative_to(self.path / "var"))
            self.assertTrue(shielded or mode & 0o077 == 0, f"{file} {mode:o}")
        self.stop()
        users = self.path / "users"
        subprocess.run([FIREHOSE, "passwd", users, "alice"], input="secret\n", text=True, check=True, capture_output=True)
        self.assertEqual(stat.S_IMODE(users.stat().st_mode), 0o600)

    def test_row_37_numbers(self):
        """Each key with each number: accepted within its range, else one error that names the key."""
        rows = re.findall(r"^\| `([a-z_.]+)` \| (?:number|size|duration) \|", DOCUMENT.read_text(), re.M)
        self.assertGreater(len(rows), 30)
        rows = sorted({key for key in rows if "." in key or key == "shards"})  # The others are of tables in lists.
        for number in NUMBERS:
            sections = {}
            for key in rows:
                section, _, name = key.rpartition(".")
                sections.setdefault(section, []).append(f"{name} = {number}\n")
            content = "".join(sections.pop("", [])) + "".join(
                f"[{section}]\n" + "".join(lines) for section, lines in sections.items())
            done = subprocess.run([FIREHOSE, "check-config", self.write("numbers.toml", content)], text=True,
                                  capture_output=True, timeout=PATIENCE_S)
            said = done.stdout + done.stderr
            self.assertIn(done.returncode, (0, 1, 2), said)
            self.assertNotIn("Sanitizer", said)
            self.assertNotIn("runtime error", said)
            if number in ("-1", "9223372036854775807"):
                for key in rows:
                    self.assertIn(key.rpartition(".")[2], said, f"{key} = {number} was taken")


del Folder
if __name__ == "__main__":
    unittest.main()
