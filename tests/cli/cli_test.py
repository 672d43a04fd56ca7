#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cli_test.py FIREHOSE ROOT: what the program says and how it exits.

Goal:   a stranger's mistakes end in a sentence and a remedy, with exit code 2, before a port opens.
Method: the program is started with each command line; exit code, standard output and error compared.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

FIREHOSE, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])


def firehose(*words, stdin="", cwd=None):
    return subprocess.run([FIREHOSE, *words], input=stdin, capture_output=True, text=True, timeout=30, cwd=cwd)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-cli-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, text):
        (self.folder / name).write_text(text)
        return str(self.folder / name)


class Usage(Folder):
    def test_mistakes_are_answered_by_a_remedy(self):
        rows = [
            ([], "firehose: A subcommand is required\nTry: firehose --help\n"),
            (["serv"], "firehose: unknown command serv: did you mean serve?\nTry: firehose --help\n"),
            (["--port", "1"], "firehose: unknown option --port\nTry: firehose --help\n"),
            (["serve", "--dat", "x"], "firehose serve: unknown option --dat: did you mean --data?\n"
                                      "Try: firehose serve --help\n"),
            (["serve", "--mqtt-prot=1"], "firehose serve: unknown option --mqtt-prot=1: did you mean --mqtt-port?\n"
                                         "Try: firehose serve --help\n"),
            (["serve", "extra"], "firehose serve: unexpected word extra\nTry: firehose serve --help\n"),
            (["serve", "--mqtt-port", "65536"], "firehose serve: --mqtt-port: 65536 is no port; allowed: 0 to 65535\n"
                                                "Try: firehose serve --help\n"),
            (["serve", "--http-port", "-1"], "firehose serve: --http-port: -1 is no port; allowed: 0 to 65535\n"
                                             "Try: firehose serve --help\n"),
            (["check-config"], "firehose check-config: FILE is required\nTry: firehose check-config --help\n"),
            (["passwd", "f"], "firehose passwd: USER is required\nTry: firehose passwd --help\n"),
        ]
        for words, said in rows:
            with self.subTest(words=words):
                done = firehose(*words)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (2, "", said))

    def test_every_command_explains_itself(self):
        commands = firehose("--help")
        self.assertEqual(commands.returncode, 0)
        self.assertIn("Examples:", commands.stdout)
        self.assertIn("Exit codes:", commands.stdout)
        listed = commands.stdout.split("Subcommands:\n")[1].split("\n\n")[0]
        names = [line.split()[0] for line in listed.splitlines() if line[2:3].strip()]
        self.assertTrue({"serve", "passwd", "check-config", "version"} <= set(names), names)
        for name in names:
            with self.subTest(command=name):
                done = firehose(name, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("Usage: firehose " + name, done.stdout)

    def test_the_version_is_that_of_the_tree(self):
        version = (ROOT / "VERSION").read_text().strip()
        self.assertEqual(firehose("--version").stdout, f"firehose {version}\n")
        lines = firehose("version").stdout.splitlines()
        self.assertEqual(lines[0], f"firehose {version}")
        self.assertRegex(lines[1], r"OpenSSL 3\.")


class Configuration(Folder):
    def test_the_shipped_sample_is_good(self):
        done = firehose("check-config", str(ROOT / "deploy/firehose.toml"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_all_problems_are_told_together(self):
        path = self.file("firehose.toml", "dta = 'x'\n[limits]\npacket_bytes_max = '17 MiB'\ntopic_levels = 3\n")
        said = (f"{path}:1: dta: is no known key: did you mean data?\n"
                f"{path}:3: limits.packet_bytes_max: is out of range; allowed: 1 KiB to 16 MiB\n"
                f"{path}:4: limits.topic_levels: is no known key: did you mean limits.topic_levels_max?\n")
        for words in (["check-config", path], ["serve", "-c", path]):
            done = firehose(*words, cwd=self.folder)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (2, "", said))
        self.assertFalse((self.folder / "var").exists())

    def test_the_files_that_it_names_are_checked_too(self):
        users = self.file("users.pw", "ci\n\n")
        acl = self.file("acl", "topic red a\nuser\n")
        path = self.file("firehose.toml", f"[auth]\npassword_file = '{users}'\nacl_file = '{acl}'\n")
        said = (f"{users}:1: has no colon after a user name; allowed: user:$7$<iterations>$<salt>$<hash>\n"
                f"{users}:2: is blank; allowed: user:$7$<iterations>$<salt>$<hash>\n"
                f"{acl}:1: access is one of read, write, readwrite, deny\n"
                f"{acl}:2: there is no user name\n")
        for words in (["check-config", path], ["serve", "--password-file", users, "--acl-file", acl]):
            done = firehose(*words, cwd=self.folder)
            self.assertEqual((done.returncode, done.stderr), (2, said))

    def test_missing_files_are_named(self):
        done = firehose("serve", "-c", str(self.folder / "no.toml"))
        self.assertEqual((done.returncode, done.stderr), (2, f"{self.folder}/no.toml: No such file or directory\n"))
        done = firehose("serve", "--acl-file", str(self.folder / "no"))
        self.assertEqual((done.returncode, done.stderr), (2, f"{self.folder}/no: No such file or directory\n"))

    def test_help_config_lists_the_keys(self):
        done = firehose("serve", "--help-config")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn('  limits.connect_timeout = "10 s"\n', done.stdout)


class Gerrit(Folder):
    def test_a_wrong_address_is_told_how_it_should_be(self):
        rows = [
            ("review.example.org", "it does not begin with ssh://"),
            ("https://u@h", "it does not begin with ssh://"),
            ("ssh://review.example.org", "it names no user"),
            ("ssh://@h", "it names no user"),
            ("ssh://u@", "it names no host"),
            ("ssh://u@-oProxyCommand=x", "it names no host"),
            ("ssh://u@h:0", "its port is no number from 1 to 65535"),
            ("ssh://u@h:65536", "its port is no number from 1 to 65535"),
            ("ssh://-u@h", "its user is no user name"),
        ]
        for url, wrong in rows:
            with self.subTest(url=url):
                done = firehose("serve", "--gerrit", url, "--gerrit-key", "k")
                self.assertEqual((done.returncode, done.stderr),
                                 (2, f"firehose serve: --gerrit {url}: {wrong}; write ssh://user@host:29418\n"))

    def test_it_needs_a_key(self):
        done = firehose("serve", "--gerrit", "ssh://u@h:29418")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--gerrit needs --gerrit-key FILE", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
