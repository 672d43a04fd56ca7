#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sub_pub_test.py FIREHOSE: `firehose sub` and `firehose pub` against another broker.

Goal:   what pub sends, sub prints, in every version and QoS; a lost connection is made again; what
        goes wrong ends in a sentence and the right exit code.
Method: Debian's mosquitto on a loopback port that was free; both tools are started as a user would.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

FIREHOSE = sys.argv[1]
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(question, what, seconds=10):
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            raise AssertionError("not in time: " + what)
        time.sleep(0.01)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@unittest.skipIf(MOSQUITTO is None, "mosquitto is not installed")
class SubPub(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-sub-pub-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.port = free_port()
        self.broker = None
        self.start_broker()
        self.addCleanup(self.stop_broker)

    def start_broker(self):
        conf = self.folder / "mosquitto.conf"
        users = self.folder / "users"
        if not users.exists():
            subprocess.run([FIREHOSE, "passwd", str(users), "ci"], input="right\n", text=True, check=True,
                           capture_output=True, timeout=30)
            users.chmod(0o644)
        conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npassword_file {users}\n"
                        "max_inflight_messages 5\nuser root\nlog_dest none\n")
        self.broker = subprocess.Popen([MOSQUITTO, "-c", str(conf)], stderr=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), "mosquitto listens")

    def stop_broker(self):
        self.broker.kill()
        self.broker.wait()

    def words(self, command, *words):
        return [FIREHOSE, command, "-h", "127.0.0.1", "-p", str(self.port), *words]

    def run_tool(self, command, *words, stdin="", env=None):
        return subprocess.run(self.words(command, *words), input=stdin, capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(env or {})})

    def start_sub(self, *words):
        """A sub that is known to be subscribed: it has printed the retained message of `ready`."""
        self.run_tool("pub", "-t", "ready", "-m", "yes", "-r")
        sub = subprocess.Popen(self.words("sub", "-v", "-t", "ready", *words), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        self.addCleanup(sub.stdout.close)
        self.addCleanup(sub.stderr.close)
        self.addCleanup(sub.wait)
        self.addCleanup(sub.kill)
        self.assertIn(sub.stdout.readline(),
                      ("ready yes\n", '{"topic":"ready","payload":"yes","qos":0,"retain":true}\n'))
        return sub

    def test_what_is_published_is_printed_in_every_version_and_qos(self):
        for version in ("5", "311", "31"):
            for qos in ("0", "1", "2"):
                with self.subTest(version=version, qos=qos):
                    sub = self.start_sub("-t", "a/#", "-V", version, "-q", qos, "-C", "4", "-W", "30")
                    flags = ["-V", version, "-q", qos]
                    self.assertEqual(self.run_tool("pub", "-t", "a/b", "-m", "hi", *flags).returncode, 0)
                    self.assertEqual(self.run_tool("pub", "-t", "a/c", "-l", *flags, stdin="one\ntwo").returncode, 0)
                    said, complaints = sub.communicate(timeout=30)
                    self.assertEqual((sub.returncode, said, complaints), (0, "a/b hi\na/c one\na/c two\n", ""))

    def test_thousands_of_lines_pass_a_small_window_in_order(self):
        lines = "".join(f"{n}\n" for n in range(2000))
        sub = self.start_sub("-t", "n", "-q", "2", "-C", "2001", "-W", "50")
        self.assertEqual(self.run_tool("pub", "-t", "n", "-l", "-q", "2", stdin=lines).returncode, 0)
        said, _ = sub.communicate(timeout=60)
        self.assertEqual(said, lines.replace("\n", "\nn ").join(["n ", ""])[:-2])

    def test_json_lines_hold_text_and_bytes(self):
        binary = self.folder / "binary"
        binary.write_bytes(b"\xff\x00x")
        for words, expected in (
                (["-m", 'a "b"\n'], {"topic": "r", "payload": 'a "b"\n', "qos": 0, "retain": True}),
                (["-f", str(binary)], {"topic": "r", "payload_base64": "/wB4", "qos": 0, "retain": True})):
            with self.subTest(words=words):
                self.run_tool("pub", "-t", "r", "-r", *words)
                done = self.run_tool("sub", "-t", "r", "--json", "-C", "1", "-W", "30")
                self.assertEqual(json.loads(done.stdout), expected)

    def test_properties_are_sent_and_shown(self):
        done = self.run_tool("pub", "-t", "r", "-m", "x", "-r", "-q", "1", "-D", "publish", "content-type", "text/plain",
                             "-D", "publish", "response-topic", "answers", "-D", "publish", "correlation-data", "17",
                             "-D", "publish", "message-expiry-interval", "300", "-D", "publish", "user-property", "a", "b",
                             "-D", "publish", "user-property", "a", "c", "-D", "publish", "payload-format-indicator", "1",
                             "-D", "publish", "topic-alias", "3", "-D", "connect", "user-property", "who", "me",
                             "-x", "60")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for tool in ("ours", "mosquitto_sub"):  # What ours shows of it, another program sees as well.
            if tool == "ours":
                said = self.run_tool("sub", "-t", "r", "--json", "-C", "1", "-W", "30", "-D", "subscribe",
                                     "subscription-identifier", "7").stdout
                properties = json.loads(said)["properties"]
                self.assertEqual(properties.pop("subscription-identifiers"), [7])
                self.assertEqual(properties.pop("user-properties"),
                                 [{"name": "a", "value": "b"}, {"name": "a", "value": "c"}])
            else:
                said = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.port), "-V", "5", "-t", "r", "-F",
                                       "%E|%C|%R|%D|%P", "-C", "1", "-W", "30"], capture_output=True, text=True, timeout=60)
                self.assertEqual(said.stdout.strip().split("|", 1)[1], "text/plain|answers|17|a:b a:c")
                continue
            self.assertIn(properties.pop("message-expiry-interval"), range(250, 301))
            self.assertEqual(properties, {"content-type": "text/plain", "response-topic": "answers",
                                          "correlation-data": "17"})

    def test_a_session_is_gone_on_with(self):
        mine = ["-i", "mine", "-c", "-q", "1", "-W", "30", "-t", "k"]
        self.assertEqual(self.run_tool("sub", *mine[:-4], "-t", "k", "-W", "0.5").returncode, 0)
        self.run_tool("pub", "-t", "k", "-m", "while away", "-q", "1")
        self.assertEqual(self.run_tool("sub", *mine, "-C", "1").stdout, "while away\n")

    def test_a_will_is_left_with_its_properties(self):
        hears = self.start_sub("-t", "will", "--json", "-C", "2", "-W", "30")
        leaves = subprocess.Popen(self.words("sub", "-t", "never", "--will-topic", "will", "--will-payload", "gone", "-D",
                                             "will", "content-type", "text/plain", "-W", "30", "-v", "-t", "ready"),
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(leaves.stdout.close)
        self.assertEqual(leaves.stdout.readline(), "ready yes\n")
        leaves.kill()
        leaves.wait()
        will = json.loads(hears.communicate(timeout=30)[0].splitlines()[-1])
        self.assertEqual((will["payload"], will["properties"]), ("gone", {"content-type": "text/plain"}))

    def test_subscription_options(self):
        self.run_tool("pub", "-t", "s", "-m", "kept", "-r")
        never = self.run_tool("sub", "-t", "s", "--retain-handling", "never", "-W", "0.5")
        self.assertEqual((never.returncode, never.stdout), (0, ""))
        published = self.start_sub("-t", "s/#", "--retain-as-published", "--retain-handling", "new", "--no-local", "--json",
                                   "-C", "3", "-W", "30")
        self.run_tool("pub", "-t", "s", "-m", "again", "-r")
        lines = [json.loads(line) for line in published.stdout]  # It ends at -C, or at -W.
        self.assertEqual([(line["payload"], line["retain"]) for line in lines], [("kept", True), ("again", True)])

    def test_no_retained_and_null(self):
        self.run_tool("pub", "-t", "r", "-m", "kept", "-r")
        self.assertEqual(self.run_tool("sub", "-t", "r", "-R", "-W", "0.3").stdout, "")
        self.run_tool("pub", "-t", "r", "-n", "-r")
        done = self.run_tool("sub", "-t", "r", "-C", "1", "-W", "0.3")
        self.assertEqual((done.returncode, done.stderr), (1, "firehose sub: 0 of 1 messages came in time\n"))

    def test_a_lost_connection_is_made_again(self):
        sub = self.start_sub("-t", "z", "-C", "2", "-W", "50")
        self.stop_broker()
        self.assertIn("the server closed the connection; trying again in", sub.stderr.readline())
        self.start_broker()
        # The broker kept nothing: publish until the subscription is there again.
        wait_until(lambda: self.run_tool("pub", "-t", "z", "-m", "again") and sub.poll() is not None,
                   "sub is back", 40)
        self.assertEqual((sub.returncode, sub.stdout.read()), (0, "z again\n"))

    def test_an_interrupt_ends_it_well(self):
        sub = self.start_sub("-t", "z")
        sub.send_signal(signal.SIGINT)
        _, complaints = sub.communicate(timeout=30)
        self.assertEqual((sub.returncode, complaints), (0, ""))

    def test_passwords_come_from_a_file_or_the_environment(self):
        right, wrong = self.folder / "right", self.folder / "wrong"
        right.write_text("right\n")
        wrong.write_text("wrong\n")
        send = ["-t", "a", "-m", "x", "-u", "ci"]
        self.assertEqual(self.run_tool("pub", *send, "--password-file", str(right)).returncode, 0)
        self.assertEqual(self.run_tool("pub", *send, env={"FIREHOSE_PASSWORD": "right"}).returncode, 0)
        refused = self.run_tool("pub", *send, "--password-file", str(wrong))
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the server refused the connection: not_authorized", refused.stderr)

    def test_mistakes_end_in_a_sentence(self):
        rows = [
            ("pub", ["-t", "a/+", "-m", "x"], 1, "firehose pub: --topic a/+: not a valid topic\n"),
            ("pub", ["-t", "a", "-f", "/none"], 2, "firehose pub: --file /none: No such file or directory\n"),
            ("sub", ["-t", "a", "-u", "x"], 2, "firehose sub: --username x has no password; give --password-file "
                                              "FILE or FIREHOSE_PASSWORD\n"),
            ("sub", ["-t", "a", "-P", "x"], 2, "firehose sub: --pw: a password on the command line can be read by "
                                              "others; give --password-file FILE or FIREHOSE_PASSWORD\n"
                                              "Try: firehose sub --help\n"),
            ("pub", ["-t", "a", "-m", "x", "-D", "publish", "colour", "red"], 2,
             "firehose pub: --property publish colour: there are payload-format-indicator, message-expiry-interval, "
             "content-type, response-topic, correlation-data, topic-alias, user-property\n"),
            ("pub", ["-t", "a", "-m", "x", "-D", "auth", "x", "y"], 2,
             "firehose pub: --property auth: there are connect, publish, will and subscribe\n"),
            ("pub", ["-t", "a", "-m", "x", "-D", "publish", "topic-alias", "0"], 2,
             "firehose pub: --property publish topic-alias: takes a number from 1 to 65535\n"),
            ("pub", ["-t", "a", "-m", "x", "-D", "publish", "user-property", "name"], 2,
             "firehose pub: --property publish user-property: has no value\n"),
            ("pub", ["-t", "a", "-m", "x", "-V", "311", "-x", "5"], 2,
             "firehose pub: only MQTT 5 has properties and a session expiry; leave -V out, or say -V 5\n"),
            ("sub", ["-t", "a", "-c"], 2, "firehose sub: --disable-clean-session needs --id: whose session is it?\n"),
            ("sub", ["-t", "a", "--will-payload", "x"], 2, "firehose sub: what is said of a will needs --will-topic\n"),
            ("sub", [], 2, "firehose sub: --topic is required\nTry: firehose sub --help\n"),
        ]
        for command, words, code, said in rows:
            with self.subTest(words=words):
                done = self.run_tool(command, *words)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (code, "", said))

    def test_nobody_there_is_said_at_once(self):
        port = str(free_port())
        done = subprocess.run([FIREHOSE, "sub", "-h", "127.0.0.1", "-p", port, "-t", "a"], capture_output=True,
                              text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"firehose sub: cannot reach 127.0.0.1 port {port}: Connection refused\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
