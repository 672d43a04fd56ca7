#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""systemd_test.py FIREHOSE: what systemd hears of the program, and what it hands over.

Goal:   READY once the ports are open, RELOADING and READY around a reload, WATCHDOG from a loop that turns and none from
        one that is stuck, STOPPING, exit status 0; a socket that was open before serves the listener of its name.
Method: the test plays systemd: a notify socket (abstract), a listening socket from descriptor 3 on, SIGSTOP as the hang.
"""
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
import unittest

FIREHOSE = sys.argv[1]
PATIENCE_S = 30


class Systemd:
    def __init__(self, watchdog_us=None, listening=None, listener=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-systemd-"))
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind("")  # Linux: an abstract name.
        self.notify.settimeout(PATIENCE_S)
        name = "@" + self.notify.getsockname()[1:].decode()
        (self.folder / "firehose.toml").write_text(
            f'data = "{self.folder}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = []\n'
            f'[process]\npid_file = "{self.folder}/pid"\n' + listener)
        environment = dict(os.environ, NOTIFY_SOCKET=name)
        if watchdog_us:
            environment["WATCHDOG_USEC"] = str(watchdog_us)
        command, handed = [FIREHOSE, "serve", "-c", self.folder / "firehose.toml"], ()
        if listening:
            # LISTEN_PID is that of the program: a shell says its own, moves the socket to 3, and becomes it.
            environment.update(LISTEN_FDS="1", LISTEN_FDNAMES="handed")
            handed = (listening.fileno(),)
            command = ["bash", "-c", f'exec 3<&{listening.fileno()}; LISTEN_PID=$$ exec "$@"', "bash", *command]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env=environment, pass_fds=handed)
        for line in self.process.stdout:
            if ready := re.match(r"ready mqtt=127.0.0.1:(\d+)", line):
                self.port = int(ready[1])
                return
        raise RuntimeError("the bus did not start")

    def heard(self):
        return self.notify.recv(4096).decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.notify.close()
        shutil.rmtree(self.folder)


class SystemdTest(unittest.TestCase):
    def start(self, **how):
        systemd = Systemd(**how)
        self.addCleanup(systemd.close)
        return systemd

    def test_hears_the_life_of_the_program(self):
        systemd = self.start()
        self.assertEqual(systemd.heard(), "READY=1\nSTATUS=Serving")
        self.assertEqual((systemd.folder / "pid").read_text(), f"{systemd.process.pid}\n")
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        systemd.process.send_signal(signal.SIGHUP)
        reloading = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=Reloading", systemd.heard())
        self.assertGreaterEqual(int(reloading[1]), before - 1_000_000)
        self.assertEqual(systemd.heard(), "READY=1\nSTATUS=Serving")
        (systemd.folder / "firehose.toml").write_text("nonsense\n")
        systemd.process.send_signal(signal.SIGHUP)
        self.assertIn("RELOADING=1", systemd.heard())
        self.assertIn("READY=1\nSTATUS=Serving; the last reload was refused", systemd.heard())
        systemd.process.send_signal(signal.SIGTERM)
        self.assertEqual(systemd.heard(), "STOPPING=1\nSTATUS=Stopping")
        self.assertEqual(systemd.process.wait(PATIENCE_S), 0)
        self.assertFalse((systemd.folder / "pid").exists())

    def test_watches_a_loop_that_turns(self):
        systemd = self.start(watchdog_us=400_000)
        self.assertIn("READY=1", systemd.heard())
        for _ in range(3):
            self.assertEqual(systemd.heard(), "WATCHDOG=1")
        systemd.process.send_signal(signal.SIGSTOP)
        systemd.notify.settimeout(0.8)
        with self.assertRaises(TimeoutError):
            for _ in range(3):
                systemd.heard()
        systemd.process.send_signal(signal.SIGCONT)
        self.assertEqual(systemd.heard(), "WATCHDOG=1")

    def test_a_socket_that_was_open_serves_the_listener_of_its_name(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            systemd = self.start(listening=listening,
                                 listener='[[listener]]\nname = "handed"\nhost = "127.0.0.1"\nport = 1\n')
            with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
                client.sendall(bytes.fromhex("100c00044d5154540402003c0000"))
                self.assertEqual(client.recv(4), bytes.fromhex("20020000"))
            self.assertIn("READY=1", systemd.heard())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
