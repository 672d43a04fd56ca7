#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mosquitto_clients_test.py FIREHOSE: mosquitto_pub, mosquitto_sub and mosquitto_rr work with every flag of theirs.

Goal:   each flag that touches the server does what mosquitto's man pages say, in 3.1, 3.1.1 and 5.0; no flag is forgotten.
Method: one `firehose serve`; Debian's tools as people call them; mosquitto_sub's debug lines say when it is subscribed.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from bus import PATIENCE_S, Bus

FIREHOSE = sys.argv[1]
VERSIONS = ("mqttv31", "mqttv311", "mqttv5")
TOOLS = ("mosquitto_pub", "mosquitto_sub", "mosquitto_rr")
# What they print, read and wait for, and where TLS keys are kept: the server sees nothing of it.
LOCAL = "--help --quiet -d -v -N -F --pretty --random-filter -R --tls-engine --tls-engine-kpass-sha1 -W -C"
# Of a network without a way to us, and of keys that both sides know (docs/mosquitto.md: refused).
NOT_SERVED = "--proxy --psk --psk-identity"
# Tested by themselves below.
BY_THEMSELVES = {"mosquitto_pub": "-f -l -n -m -s -r --repeat --repeat-delay -M -q -t -V",
                 "mosquitto_sub": "-E --retained-only --remove-retained -T -U -q -t -V", "mosquitto_rr": "-e -q -t -V"}
WILL = "--will-topic --will-payload --will-qos --will-retain"
MARK = "> "  # Begins the lines that are messages.
TIMED_OUT = 27


class Sub:
    """mosquitto_sub in the background. `messages(n)`: its next lines."""

    def __init__(self, server, *flags, form="%t %q %r %p"):
        self.process = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", *server, "-d", "-F", MARK + form, *flags],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.guard = threading.Timer(PATIENCE_S, self.process.kill)
        self.guard.start()
        self.lines = []
        self.until("received SUBACK")

    def until(self, text):
        """Reads to a line with this text; messages on the way are kept."""
        for line in self.process.stdout:
            if line.startswith(MARK):
                self.lines.append(line.removeprefix(MARK).rstrip("\n"))
            if text in line:
                return line
        raise AssertionError(f"mosquitto_sub ended before {text!r}, status {self.process.wait()}")

    def messages(self, count):
        while len(self.lines) < count:
            self.until(MARK)
        taken, self.lines = self.lines[:count], self.lines[count:]
        return taken

    def sleeps(self):
        """It waits for its socket."""
        return pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"

    def close(self, how=signal.SIGTERM):
        """Its exit status."""
        if self.process.stdout.closed:
            return self.process.returncode
        # A signal that meets libmosquitto 2.0.11 with a lock in its hands is answered by waiting for that lock.
        while self.process.poll() is None and not self.sleeps():
            time.sleep(0.001)
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.stdout.read()
        status = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.guard.cancel()
        return status


class MosquittoClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bus = Bus(FIREHOSE)
        cls.server = ["-h", "127.0.0.1", "-p", str(cls.bus.ports["tcp"])]

    @classmethod
    def tearDownClass(cls):
        wrong = cls.bus.stop()
        assert not wrong, wrong

    def run_tool(self, tool, *flags, status=0, **more):
        done = subprocess.run([tool, *self.server, *flags], capture_output=True, text=True, timeout=PATIENCE_S, check=False, **more)
        self.assertEqual(done.returncode, status, f"{tool} {flags}: {done.stdout}{done.stderr}")
        return done.stdout

    def pub(self, topic, *flags, **more):
        return self.run_tool("mosquitto_pub", "-t", topic, *flags, **more)

    def sub(self, *flags, **more):
        reader = Sub(self.server, *flags, **more)
        self.addCleanup(reader.close)
        return reader

    def ways(self, tool):
        """Flags of a connection, by what is told by them."""
        bus, tcp = self.bus, self.server
        tls = ["-h", "localhost", "-p", str(bus.ports["tls"])]
        trusting = [*tls, "--cafile", str(bus.ca)]
        strict = ["-h", "localhost", "-p", str(bus.ports["strict"]), "--cafile", str(bus.ca), "--cert", str(bus.client[0]), "--key",
                  str(bus.client[1])]
        folder = bus.folder / "hashed"
        if not folder.exists():
            folder.mkdir()
            digest = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", bus.ca], capture_output=True, text=True, check=True)
            (folder / f"{digest.stdout.strip()}.0").symlink_to(bus.ca)
        return {
            "name": [*tcp, "-u", "someone", "-P", "secret", "-i", f"{tool}-name"],
            "session": [*tcp, "-V", "5", "-c", "-i", f"{tool}-kept", "-x", "60"],
            "address": [*tcp, "-I", "prefix-", "-A", "127.0.0.3", "-k", "10", "--nodelay"],
            "connect": [*tcp, "-V", "5", "-D", "connect", "receive-maximum", "1", "-D", "connect", "user-property", "a", "b"],
            "url": ["-L", f"mqtt://someone:secret@127.0.0.1:{bus.ports['tcp']}/flags/{tool}/url"],
            "unix": ["--unix", str(bus.socket)],
            "capath": [*tls, "--capath", str(folder)],
            "os-certs": [*tls, "--tls-use-os-certs"],
            "insecure": [*trusting, "--insecure"],
            "alpn": [*trusting, "--tls-alpn", "mqtt"],
            "tls 1.2": [*trusting, "--tls-version", "tlsv1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            "tls 1.3": [*trusting, "--tls-version", "tlsv1.3"],
            "certificate": [*strict, *(["--keyform", "pem"] if tool != "mosquitto_rr" else [])]}

    def exchange(self, tool, way, name, responder):
        """It does what it is for; what it said."""
        topic = f"flags/{tool}/{name}"
        words = [] if "-L" in way else ["-t", topic]
        more = {"mosquitto_pub": ["-m", name, "-q", "1"], "mosquitto_sub": ["-C", "1", "-q", "1", "-v"],
                "mosquitto_rr": ["-e", f"answer/{name}", "-m", name, "-q", "1"]}[tool]
        if tool == "mosquitto_sub":
            self.pub(topic, "-r", "-q", "1", "-m", name)
        process = subprocess.Popen([tool, *way, *words, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env=os.environ | {"SSL_CERT_FILE": str(self.bus.ca)})
        guard = threading.Timer(PATIENCE_S, process.kill)
        guard.start()
        self.assertEqual(responder.messages(1), [f"{topic} {name}"])
        if tool == "mosquitto_rr":
            self.pub(f"answer/{name}", "-q", "1", "-m", "yes")
        said = process.communicate()[0]
        guard.cancel()
        self.assertEqual(process.returncode, 0, f"{way}: {said}")
        return said

    def test_every_flag_of_a_connection(self):
        for tool in TOOLS:
            responder = self.sub("-t", f"flags/{tool}/#", "-q", "1", form="%t %p")
            for name, way in self.ways(tool).items():
                with self.subTest(tool=tool, name=name):
                    said = self.exchange(tool, way, name, responder)
                    if tool != "mosquitto_pub":
                        self.assertEqual(said, "yes\n" if tool == "mosquitto_rr" else f"flags/{tool}/{name} {name}\n")
            for wrong in (["-u", "someone", "-P", "wrong"], ["-u", "nobody", "-P", "secret"]):
                more = {"mosquitto_pub": ["-m", "x"], "mosquitto_sub": ["-E"], "mosquitto_rr": ["-e", "a", "-m", "x"]}[tool]
                done = subprocess.run([tool, *self.server, "-t", "flags/no", *more, *wrong], capture_output=True, timeout=PATIENCE_S,
                                      check=False)
                self.assertNotEqual(done.returncode, 0, f"{tool} {wrong}")

    def test_no_flag_is_forgotten(self):
        for tool in TOOLS:
            told = subprocess.run([tool, "--help"], capture_output=True, text=True, check=False).stdout
            there = set(re.findall(r"^ (--?[\w-]+) :", told, re.M))
            self.assertGreater(len(there), 30)
            used = {word for way in self.ways(tool).values() for word in way if word.startswith("-")}
            known = used | set(f"{LOCAL} {NOT_SERVED} {BY_THEMSELVES[tool]} {WILL}".split())
            self.assertEqual(there - known, set(), tool)

    def test_each_version_and_qos(self):
        for version in VERSIONS:
            for qos in "012":
                with self.subTest(version=version, qos=qos):
                    reader = self.sub("-V", version, "-q", qos, "-t", f"each/{version}/#", "-i", f"each-{qos}", "-k", "5")
                    self.pub(f"each/{version}/x", "-V", version, "-q", qos, "-m", "text", "-i", "pub", "-k", "5")
                    self.assertEqual(reader.messages(1), [f"each/{version}/x {qos} 0 text"])
                    self.assertEqual(reader.close(), 0)

    def test_where_the_payload_comes_from(self):
        reader = self.sub("-q", "2", "-t", "from/#", form="%p|%l")
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("of a file")
            file.flush()
            self.pub("from/f", "-q", "2", "-f", file.name)
        self.pub("from/n", "-q", "1", "-n")
        self.pub("from/s", "-q", "1", "-s", input="all\nof it")
        self.pub("from/l", "-q", "2", "-l", "-M", "2", input="".join(f"{n}\n" for n in range(30)))
        self.pub("from/repeat", "-q", "2", "-m", "again", "--repeat", "3", "--repeat-delay", "0.01", "--nodelay")
        self.assertEqual(reader.messages(3), ["of a file|9", "|0", "all"])
        reader.until("of it")
        self.assertEqual(reader.messages(33), [f"{n}|{len(str(n))}" for n in range(30)] + ["again|5"] * 3)

    def test_retained_messages(self):
        for name in "abc":
            self.pub(f"kept/{name}", "-r", "-q", "1", "-m", name)
        plain = self.run_tool("mosquitto_sub", "-t", "kept/#", "-v", "-C", "3", "-q", "1")
        self.assertEqual(sorted(plain.splitlines()), ["kept/a a", "kept/b b", "kept/c c"])
        filtered = self.run_tool("mosquitto_sub", "-t", "kept/#", "-T", "kept/b", "-v", "-C", "2")
        self.assertEqual(sorted(filtered.splitlines()), ["kept/a a", "kept/c c"])
        only = self.sub("-t", "kept/#", "--retained-only", "-q", "1")
        self.assertEqual(sorted(only.messages(3)), [f"kept/{name} 1 1 {name}" for name in "abc"])
        stale = self.sub("-t", "kept/#", "-R", "-q", "1")
        published = self.sub("-V", "5", "-t", "kept/#", "-q", "1", "--retain-as-published")
        published.messages(3)
        self.pub("kept/a", "-r", "-q", "1", "-m", "new")
        self.assertEqual(stale.messages(1), ["kept/a 1 0 new"])
        self.assertEqual(published.messages(1), ["kept/a 1 1 new"])
        removed = self.sub("-t", "kept/#", "--remove-retained", "-T", "kept/c", "-q", "1")
        removed.messages(2)
        stale.messages(2)  # Both are cleared: live messages without payload.
        self.assertEqual(self.run_tool("mosquitto_sub", "-t", "kept/#", "-v", "-C", "1", "-q", "1"), "kept/c c\n")
        self.pub("kept/c", "-r", "-n")

    def test_unsubscribe(self):
        reader = self.sub("-t", "un/a", "-t", "un/b", "-U", "un/a", "-q", "1")
        reader.until("UNSUBACK") if not any("un/" in line for line in reader.lines) else None
        self.pub("un/a", "-q", "1", "-m", "no")
        self.pub("un/b", "-q", "1", "-m", "yes")
        self.assertEqual(reader.messages(1), ["un/b 1 0 yes"])

    def test_sessions(self):
        for version, more in (("mqttv311", []), ("mqttv5", ["-x", "600"]), ("mqttv5", []), ("mqttv31", [])):
            with self.subTest(version=version, more=more):
                name = f"kept-{version}{len(more)}"
                session = ["-V", version, "-c", "-i", name, "-q", "1", "-t", f"session/{name}", *more]
                self.run_tool("mosquitto_sub", *session, "-E")
                for number in range(3):
                    self.pub(f"session/{name}", "-q", "1", "-m", f"{number}")
                self.assertEqual(self.run_tool("mosquitto_sub", *session, "-C", "3").split(), ["0", "1", "2"])
                self.run_tool("mosquitto_sub", "-V", version, "-i", name, "-t", f"session/{name}", "-E")  # Cleans it.

    def test_a_session_that_expires_at_once(self):
        self.run_tool("mosquitto_sub", "-V", "5", "-i", "short", "-q", "1", "-t", "short", "-x", "0", "-E")
        self.pub("short", "-q", "1", "-m", "lost")
        self.run_tool("mosquitto_sub", "-V", "5", "-c", "-i", "short", "-q", "1", "-t", "other", "-W", "1", status=TIMED_OUT)

    def test_addresses_and_names(self):
        port = self.bus.ports["tcp"]
        reader = self.sub("-t", "named/#", "-I", "prefix-", "-A", "127.0.0.2", "-q", "1")
        url = f"mqtt://someone:secret@127.0.0.1:{port}/named/url"
        done = subprocess.run(["mosquitto_pub", "-L", url, "-m", "x", "-q", "1"], capture_output=True, text=True, timeout=PATIENCE_S,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(reader.messages(1), ["named/url 1 0 x"])
        self.run_tool("mosquitto_sub", "-t", "named/none", "-W", "1", status=TIMED_OUT)

    def test_wills(self):
        watcher = self.sub("-t", "will/#", "-q", "2")
        for version in VERSIONS:
            for qos, more in (("0", []), ("1", ["--will-retain"]), ("2", [])):
                with self.subTest(version=version, qos=qos):
                    topic = f"will/{version}/{qos}"
                    # stdbuf replaces itself by mosquitto_sub: the signal meets the client.
                    doomed = self.sub("-V", version, "-t", "x", "--will-topic", topic, "--will-payload", "gone", "--will-qos", qos, *more)
                    doomed.close(signal.SIGKILL)
                    self.assertEqual(watcher.messages(1), [f"{topic} {qos} 0 gone"])
                    if more:
                        self.assertEqual(self.run_tool("mosquitto_sub", "-t", topic, "-C", "1", "-F", "%r %p"), "1 gone\n")
                        self.pub(topic, "-r", "-n")
                        watcher.messages(1)
        for tool, more in (("mosquitto_pub", ["-t", "x", "-l"]), ("mosquitto_rr", ["-t", "x", "-e", "y", "-m", "z"])):
            with self.subTest(tool=tool):
                # It waits: for a line to publish, for its answer.
                process = subprocess.Popen(["stdbuf", "-oL", tool, *self.server, *more, "-d", "--will-topic", f"will/{tool}",
                                            "--will-payload", "gone", "--will-qos", "1", "--will-retain"], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, text=True)
                while "CONNACK" not in process.stdout.readline():
                    self.assertIsNone(process.poll())
                process.kill()
                process.communicate()
                self.assertEqual(watcher.messages(1), [f"will/{tool} 1 0 gone"])
                self.pub(f"will/{tool}", "-r", "-n")
                watcher.messages(1)
        quiet = self.sub("-t", "x", "--will-topic", "will/end", "--will-payload", "gone")
        quiet.close()  # SIGTERM: it says DISCONNECT.
        self.pub("will/marker", "-q", "1", "-m", "end")
        self.assertEqual(watcher.messages(1), ["will/marker 1 0 end"])

    def test_properties_of_publish(self):
        reader = self.sub("-V", "5", "-t", "props", "-q", "1", form="%j")
        self.pub("props", "-V", "5", "-q", "1", "-m", "x", *sum((["-D", "publish", *words] for words in (
            ["message-expiry-interval", "600"], ["content-type", "text/plain"], ["response-topic", "answers"],
            ["correlation-data", "42"], ["payload-format-indicator", "1"], ["user-property", "b", "2"],
            ["user-property", "a", "1"])), []))
        got = json.loads(reader.messages(1)[0])["properties"]
        self.assertLessEqual(got.pop("message-expiry-interval"), 600)
        self.assertEqual(got, {"content-type": "text/plain", "response-topic": "answers", "correlation-data": "42",
                               "payload-format-indicator": 1, "user-properties": {"b": "2", "a": "1"}})
        self.pub("props", "-V", "5", "-q", "1", "-m", "alias", "--repeat", "3", "-D", "publish", "topic-alias", "1")
        self.assertEqual([json.loads(line)["payload"] for line in reader.messages(3)], ["alias"] * 3)

    def test_properties_of_other_packets(self):
        """But `connect topic-alias-maximum`: libmosquitto 2.0.11 breaks off when a server makes use of it."""
        reader = self.sub("-V", "5", "-t", "limits/#", "-q", "1", *sum((["-D", *words] for words in (
            ["connect", "receive-maximum", "1"], ["connect", "maximum-packet-size", "100"],
            ["connect", "session-expiry-interval", "60"], ["connect", "request-problem-information", "0"],
            ["connect", "request-response-information", "1"], ["connect", "user-property", "a", "b"],
            ["subscribe", "subscription-identifier", "7"], ["subscribe", "user-property", "a", "b"],
            ["unsubscribe", "user-property", "a", "b"], ["disconnect", "user-property", "a", "b"],
            ["disconnect", "session-expiry-interval", "0"])), []), "-U", "limits/none", form="%t %p")
        reader.until("received UNSUBACK")
        self.pub("limits/large", "-q", "1", "-m", "x" * 200)
        for number in range(4):
            self.pub("limits/small", "-q", "1", "-m", f"{number}")
        self.assertEqual(reader.messages(4), [f"limits/small {number}" for number in range(4)])
        self.assertEqual(reader.close(), 0)
        watcher = self.sub("-V", "5", "-t", "will-props", "-q", "1", form="%j")
        doomed = self.sub("-V", "5", "-t", "x", "-x", "60", "--will-topic", "will-props", "--will-payload", "gone",
                          *sum((["-D", "will", *words] for words in (
                              ["content-type", "t"], ["user-property", "n", "v"], ["message-expiry-interval", "60"],
                              ["correlation-data", "42"], ["payload-format-indicator", "1"], ["response-topic", "answers"],
                              ["will-delay-interval", "1"])), []))
        doomed.close(signal.SIGKILL)
        got = json.loads(watcher.messages(1)[0])["properties"]
        self.assertLessEqual(got.pop("message-expiry-interval"), 60)
        self.assertEqual(got, {"content-type": "t", "user-properties": {"n": "v"}, "correlation-data": "42", "payload-format-indicator": 1,
                               "response-topic": "answers"})

    def test_an_authentication_method_is_refused_in_words(self):
        for tool, more in (("mosquitto_pub", ["-m", "x"]), ("mosquitto_sub", []), ("mosquitto_rr", ["-e", "a", "-m", "x"])):
            for words in (["-D", "connect", "authentication-method", "m"],
                          ["-D", "connect", "authentication-method", "m", "-D", "connect", "authentication-data", "d"]):
                self.run_tool(tool, "-V", "5", "-t", "x", *more, *words, status=0x8C)

    def test_request_and_response(self):
        for version in ("mqttv5", "mqttv311"):
            for qos in "012":
                with self.subTest(version=version, qos=qos):
                    responder = self.sub("-V", version, "-t", f"ask/{version}", "-q", qos, form="%t %p")
                    asker = subprocess.Popen(["mosquitto_rr", *self.server, "-V", version, "-t", f"ask/{version}", "-e", f"answer/{version}",
                                              "-m", "question", "-q", qos, "-W", str(PATIENCE_S), "-i", f"rr-{qos}"],
                                             stdout=subprocess.PIPE, text=True)
                    self.assertEqual(responder.messages(1), [f"ask/{version} question"])
                    self.pub(f"answer/{version}", "-q", qos, "-m", "answer")
                    self.assertEqual(asker.communicate(timeout=PATIENCE_S)[0], "answer\n")
                    self.assertEqual(asker.returncode, 0)
                    responder.close()

    def test_a_request_says_where_to_answer(self):
        responder = self.sub("-V", "5", "-t", "ask", "-q", "1", form="%j")
        asker = subprocess.Popen(["mosquitto_rr", *self.server, "-t", "ask", "-e", "answer", "-n", "-c", "-i", "rr", "-x", "60", "-D", "publish",
                                  "correlation-data", "42", "-F", "%p %D", "-W", str(PATIENCE_S)], stdout=subprocess.PIPE, text=True)
        self.assertEqual(json.loads(responder.messages(1)[0])["properties"], {"response-topic": "answer", "correlation-data": "42"})
        self.pub("answer", "-V", "5", "-q", "1", "-m", "yes", "-D", "publish", "correlation-data", "42")
        self.assertEqual(asker.communicate(timeout=PATIENCE_S)[0], "yes 42\n")

    def test_shared_subscriptions(self):
        readers = [self.sub("-V", "5", "-t", "$share/g/shared", "-q", "1", form="%p") for _ in range(2)]
        for number in range(6):
            self.pub("shared", "-q", "1", "-m", f"{number}")
        got = [reader.messages(3) for reader in readers]
        self.assertEqual(sorted(got[0] + got[1]), [f"{number}" for number in range(6)])

    def test_who_does_not_trust_or_is_not_trusted_is_refused(self):
        for flags in (["tls"], ["strict", "--cafile", str(self.bus.ca)]):
            refused = subprocess.run(["mosquitto_pub", "-h", "localhost", "-p", str(self.bus.ports[flags[0]]), *flags[1:], "-t", "tls/no",
                                      "-m", "x"], capture_output=True, timeout=PATIENCE_S, check=False)
            self.assertNotEqual(refused.returncode, 0, flags)

    def test_readers_and_requests_over_tls_and_a_unix_socket(self):
        ways = {"tls": ["-h", "localhost", "-p", str(self.bus.ports["tls"]), "--cafile", str(self.bus.ca)],
                "unix": ["--unix", str(self.bus.socket)]}
        for name, server in ways.items():
            for version in VERSIONS:
                with self.subTest(name=name, version=version):
                    reader = Sub(server, "-V", version, "-t", f"way/{name}/#", "-q", "2")
                    self.addCleanup(reader.close)
                    subprocess.run(["mosquitto_pub", *server, "-V", version, "-t", f"way/{name}/x", "-m", "x", "-q", "2"], check=True,
                                   timeout=PATIENCE_S)
                    self.assertEqual(reader.messages(1), [f"way/{name}/x 2 0 x"])
                    self.assertEqual(reader.close(), 0)
            responder = Sub(server, "-V", "5", "-t", f"ask/{name}", "-q", "1", form="%p")
            self.addCleanup(responder.close)
            asker = subprocess.Popen(["mosquitto_rr", *server, "-t", f"ask/{name}", "-e", f"answer/{name}", "-m", "question", "-W",
                                      str(PATIENCE_S)], stdout=subprocess.PIPE, text=True)
            self.assertEqual(responder.messages(1), ["question"])
            self.pub(f"answer/{name}", "-q", "1", "-m", "answer")
            self.assertEqual(asker.communicate(timeout=PATIENCE_S)[0], "answer\n")

    def test_sys_topics(self):
        self.assertRegex(self.run_tool("mosquitto_sub", "-t", "$SYS/broker/version", "-C", "1"), r"\S")


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C.UTF-8"
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    unittest.main(argv=sys.argv[:1], verbosity=1)
