#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mosquitto_conf_test.py FIREHOSE ROOT: mosquitto's files, flags and clients with this program.

Goal:   an operator puts this program in mosquitto's place and touches neither files nor clients.
Method: the program started on mosquitto.confs (the first one is what the first firehose ran with, in
        the same options), asked by mosquitto_pub, _sub and _rr; Debian's mosquitto as the judge of
        which files are right. Skipped, loudly, without these programs.
"""
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

FIREHOSE, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
TOOLS = {name: shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
         for name in ("mosquitto", "mosquitto_pub", "mosquitto_sub", "mosquitto_rr")}


def free_ports(count):
    """Ports that were free a moment ago: mosquitto.conf has no word for any."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def tool(name, port, *words, stdin=None):
    return subprocess.run([TOOLS[name], "-h", "127.0.0.1", "-p", str(port), *words], input=stdin,
                          capture_output=True, text=True, timeout=20)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-mosquitto-"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)  # Whom a start as root becomes gets in as well.

    def file(self, name, text):
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def start(self, *words, program=None):
        """Until it is ready; its standard error goes to a file."""
        self.said = open(self.folder / "stderr", "w+", encoding="utf-8")
        self.addCleanup(self.said.close)
        command = [program] if program else [FIREHOSE, "serve"]
        started = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=self.said, text=True,
                                   cwd=self.folder)
        self.addCleanup(self.stop, started)
        for line in started.stdout:
            if line.startswith("ready "):
                return started
        self.said.seek(0)
        self.fail(f"did not start: {self.said.read()}")

    def stop(self, started):
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
            started.wait(20)
        started.stdout.close()
        return started.returncode


# What the first firehose's mosquitto was told.
FIRST = """pid_file {folder}/mosquitto.pid
listener {port} 127.0.0.1
listener {tls_port} 127.0.0.1
cafile {folder}/ca.crt
certfile {folder}/server.crt
keyfile {folder}/server.key
require_certificate false
listener {websocket_port} 127.0.0.1
protocol websockets
listener {websocket_tls_port} 127.0.0.1
protocol websockets
cafile {folder}/ca.crt
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
FIRST_ACL = "topic read #\ntopic read $SYS/#\n\n user service\n topic readwrite #\n"


class FirstFirehose(Folder):
    def setUp(self):
        super().setUp()
        self.port, self.tls_port, websocket_port, self.websocket_tls_port = free_ports(4)
        self.certificates()
        self.file("service.acl", FIRST_ACL)
        subprocess.run([FIREHOSE, "passwd", "-b", str(self.folder / "service.pw"), "service"], input="secret\n",
                       text=True, check=True, capture_output=True)
        # mosquitto 2 lets nobody in without a password unless it is told.
        self.file("conf.d/anonymous.conf", "allow_anonymous true\n")
        self.conf = self.file("mosquitto.conf", FIRST.format(folder=self.folder, port=self.port, tls_port=self.tls_port,
                                                             websocket_port=websocket_port,
                                                             websocket_tls_port=self.websocket_tls_port))

    def certificates(self):
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True, timeout=30)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test authority", "-days", "2")
        openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
        (self.folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "server.crt", "-days", "2", "-extfile", "names")

    def test_tls_and_websockets_are_served(self):
        self.start("-c", self.conf)
        tls = ("--cafile", str(self.folder / "ca.crt"))
        self.assertEqual(tool("mosquitto_pub", self.tls_port, "-t", "t", "-m", "over TLS", "-r", "-q", "1", "-u", "service",
                              "-P", "secret", *tls).returncode, 0)
        got = tool("mosquitto_sub", self.tls_port, "-t", "t", "-C", "1", "-W", "5", *tls)
        self.assertEqual(got.stdout, "over TLS\n")
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        with socket.create_connection(("127.0.0.1", self.websocket_tls_port), 5) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as stream:
                stream.sendall(b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                               b"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
                self.assertTrue(stream.recv(64).startswith(b"HTTP/1.1 101"))

    def test_anybody_reads_and_the_service_publishes(self):
        started = self.start("-c", self.conf, "-v")
        user = ("-u", "service", "-P", "secret")
        self.assertEqual(tool("mosquitto_pub", self.port, "-t", "a/b", "-m", "one", "-q", "1", "-r", *user).returncode, 0)
        tool("mosquitto_pub", self.port, "-t", "a/c", "-m", "two", "-r", "-q", "1")  # Dropped: no right.
        wrong = tool("mosquitto_pub", self.port, "-t", "a/b", "-m", "no", "-u", "service", "-P", "wrong")
        self.assertIn("refused", wrong.stderr)
        got = tool("mosquitto_sub", self.port, "-t", "#", "-W", "1", "-v")
        self.assertEqual(got.stdout, "a/b one\n")
        version = tool("mosquitto_sub", self.port, "-t", "$SYS/broker/version", "-C", "1", "-W", "5")
        self.assertIn("firehose", version.stdout)
        # The service's rights do not cover $SYS.
        none = tool("mosquitto_sub", self.port, "-t", "$SYS/broker/version", "-C", "1", "-W", "1", *user)
        self.assertEqual(none.stdout, "")
        self.assertEqual(self.stop(started), 0)

        # Persistence: the retained message is there after a restart.
        self.start("-c", self.conf)
        got = tool("mosquitto_sub", self.port, "-t", "a/#", "-C", "1", "-W", "5")
        self.assertEqual(got.stdout, "one\n")

    def test_converts_to_a_firehose_toml_that_is_good(self):
        done = subprocess.run([FIREHOSE, "config", "convert", self.conf], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0, done.stderr)
        toml = self.file("firehose.toml", done.stdout)
        good = subprocess.run([FIREHOSE, "check-config", toml], capture_output=True, text=True, timeout=20)
        self.assertEqual((good.returncode, good.stderr), (0, ""))
        self.assertIn(f"port = {self.port}", done.stdout)
        self.assertIn('speaks = "websockets"', done.stdout)


class Flags(Folder):
    def test_called_mosquitto_it_serves_this_machine_only(self):
        link = self.folder / "mosquitto"
        link.symlink_to(FIREHOSE)
        (port,) = free_ports(1)
        started = self.start("-p", str(port), "-v", program=str(link))
        subscriber = subprocess.Popen([TOOLS["mosquitto_sub"], "-h", "127.0.0.1", "-p", str(port), "-t", "answer",
                                       "-C", "1", "-W", "10"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(subscriber.stdout.close)
        answer = subprocess.Popen([TOOLS["mosquitto_sub"], "-h", "127.0.0.1", "-p", str(port), "-t", "ask", "-C", "1",
                                   "-W", "10", "-V", "5", "-F", "%R %D"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(answer.stdout.close)
        time.sleep(0.5)
        asked = subprocess.Popen([TOOLS["mosquitto_rr"], "-h", "127.0.0.1", "-p", str(port), "-V", "5", "-t", "ask",
                                  "-e", "reply", "-m", "?", "-W", "10"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(asked.stdout.close)
        topic = answer.communicate(timeout=15)[0].split()[0]
        self.assertEqual(topic, "reply")
        tool("mosquitto_pub", port, "-t", "reply", "-m", "42", "-V", "5")
        self.assertEqual(asked.communicate(timeout=15)[0], "42\n")
        tool("mosquitto_pub", port, "-t", "answer", "-m", "anonymous may publish")
        self.assertEqual(subscriber.communicate(timeout=15)[0], "anonymous may publish\n")
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        self.assertEqual(self.stop(started), 0)

    def test_called_mosquitto_it_exits_as_mosquitto_does(self):
        link = self.folder / "mosquitto"
        link.symlink_to(FIREHOSE)
        bad = self.file("bad.conf", "listner 1883\n")
        for words in (["-c", bad], ["-c", "/nonexistent"], ["--wrong"], ["-p", "x"]):
            for program in (str(link), TOOLS["mosquitto"]):
                done = subprocess.run([program, *words], capture_output=True, text=True, timeout=20)
                self.assertEqual(done.returncode, 3, f"{program} {words}")
        done = subprocess.run([str(link), "-c", bad], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.stderr, f"{bad}:1: listner: is no known option: did you mean listener?\n")

    def test_tests_a_file_and_says_which_kind_it_is(self):
        conf = self.file("x", "persistence false\nautosave_interval 5\n")
        done = subprocess.run([FIREHOSE, "serve", "-c", conf, "--test-config"], capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stdout), (0, f"{conf}: good\n"))
        self.assertTrue(done.stderr.startswith(f"note: {conf}:2: autosave_interval: "), done.stderr)
        forced = subprocess.run([FIREHOSE, "serve", "-c", conf, "--test-config", "--config-format", "toml"],
                                capture_output=True, text=True, timeout=20)
        self.assertEqual(forced.returncode, 2)
        toml = self.file("y", "[log]\nmode = 'memory'\n")
        done = subprocess.run([FIREHOSE, "serve", "-c", toml, "--test-config"], capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_in_the_background_its_starter_waits_until_it_serves(self):
        (port,) = free_ports(1)
        conf = self.file("m.conf", f"listener {port} 127.0.0.1\nallow_anonymous true\n"
                                   f"persistence_location {self.folder}/data\n")
        done = subprocess.run([FIREHOSE, "serve", "-c", conf, "-d"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        pid = int((self.folder / "data" / "lock").read_text().split()[0])
        self.addCleanup(self.end, pid)
        self.assertNotEqual(os.getsid(pid), os.getsid(0))
        self.assertEqual(tool("mosquitto_pub", port, "-t", "a", "-m", "b", "-q", "1").returncode, 0)
        # A second one has no port, and its starter says so.
        other = self.file("o.conf", f"listener {port} 127.0.0.1\npersistence_location {self.folder}/other\n")
        failed = subprocess.run([FIREHOSE, "serve", "-c", other, "-d"], capture_output=True, text=True, timeout=60)
        self.assertEqual(failed.returncode, 1)
        self.assertIn(str(port), failed.stderr)

    @staticmethod
    def end(pid):
        os.kill(pid, signal.SIGTERM)
        for _ in range(200):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)


class Agreement(Folder):
    """Debian's mosquitto 2.0.11 and we take and refuse the same files."""
    GOOD = [
        "", "# comment\n\n", "persistence true\n", "max_inflight_messages 0\n", "max_queued_messages -1\n",
        "sys_interval 0\n", "max_keepalive 65535\n", "autosave_interval 1800\n", "log_type all\nlog_type none\n",
        "queue_qos0_messages true\n", "upgrade_outgoing_qos 1\n", "message_size_limit 0\n", "memory_limit 0\n",
        "persistent_client_expiration 2m\n", "set_tcp_nodelay true\n", "clientid_prefixes a-\n",
        "connection_messages false # not now\n", "allow_duplicate_messages false\n", "log_dest stderr\n",
    ]
    BAD = [
        "listner 1\n", "listener\n", "listener 65536\n", "listener -1\n", "persistence maybe\n", "sys_interval -1\n",
        "sys_interval 65536\n", "max_keepalive 65536\n", "max_inflight_messages 65536\n", "max_packet_size 5\n",
        "persistent_client_expiration 0d\n", "log_type everything\n", "log_dest nowhere\n", " # comment\n",
        "protocol carrier-pigeon\n", "max_qos 3\n", "password_file\n",
    ]

    def test_on_files_by_themselves(self):
        for text, is_good in [(text, True) for text in self.GOOD] + [(text, False) for text in self.BAD]:
            conf = self.file("m.conf", text)
            ours = subprocess.run([FIREHOSE, "serve", "-c", conf, "--config-format", "mosquitto", "--test-config"],
                                  capture_output=True, text=True, timeout=20)
            self.assertEqual(ours.returncode == 0, is_good, f"{text!r}: {ours.stderr}")

    def test_with_mosquitto(self):
        running = []
        for index, text in enumerate(self.GOOD):
            (port,) = free_ports(1)
            conf = self.file(f"good{index}.conf", text + f"persistence_location {self.folder}/\n")
            running.append((text, subprocess.Popen([TOOLS["mosquitto"], "-c", conf, "-p", str(port)],
                                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
        for text in self.BAD:
            conf = self.file("bad.conf", text)
            done = subprocess.run([TOOLS["mosquitto"], "-c", conf], capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 3, text)
        time.sleep(0.5)
        for text, each in running:
            self.assertIsNone(each.poll(), text)
            each.terminate()
            each.wait(20)


if __name__ == "__main__":
    missing = [name for name, path in TOOLS.items() if path is None]
    if missing:
        print(f"SKIPPED: {', '.join(missing)} not found; tools/setup.sh test installs them")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
