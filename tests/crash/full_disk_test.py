#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""full_disk_test.py FIREHOSE: a disk that fills up and gets room again.

Goal:   on a full disk QoS 1 is refused (MQTT 5: PUBACK 0x97; 3.1.1: no answer, then closed), new durable sessions
        are refused, QoS 0 flows to live readers, nothing that was acknowledged is lost, also by kill -9, and
        service returns by itself when there is room again.
Method: a small tmpfs in a mount namespace of its own (as root, or in a user namespace), filled by a file of the test's.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from wire import Closed, Wire

FIREHOSE = sys.argv[1]
DISK_MIB = 48
QUOTA_EXCEEDED = 0x97
SERVER_UNAVAILABLE = 0x88
PATIENCE_S = 20
SILENCE_S = 0.7
FLOOD_MESSAGES = 2000  # 100 MB.
MEMORY_MORE_MIB = 64


def in_own_namespace():
    """Goes on in a mount namespace of its own. Where none is allowed the test fails: nothing else shows this."""
    if os.environ.get("FIREHOSE_OWN_MOUNTS"):
        return
    # As root; as root in a chroot; as somebody else.
    for how in (["--mount"], ["--mount", "--propagation", "unchanged"], ["--user", "--map-root-user", "--mount"]):
        probe = ["unshare", *how, "sh", "-c", "mount -t tmpfs none /mnt && umount /mnt"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            os.environ["FIREHOSE_OWN_MOUNTS"] = "1"
            os.execvp("unshare", ["unshare", *how, sys.executable, *sys.argv])
    sys.exit("full_disk: this machine allows no mount namespace (unshare --mount), so the full disk is not tested")


class Bus:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-full-disk-"))
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", self.disk], check=True)
        subprocess.run([FIREHOSE, "passwd", self.folder / "users", "infra"], input="secret\n", text=True,
                       check=True, capture_output=True)
        (self.folder / "acl").write_text("topic readwrite live/#\ntopic read #\nuser infra\ntopic readwrite #\n")
        (self.folder / "firehose.toml").write_text(
            f'data = "{self.disk}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\n'
            f'[auth]\npassword_file = "{self.folder}/users"\nacl_file = "{self.folder}/acl"\n'
            '[log]\nbytes = "24 MiB"\nsegment_bytes = "1 MiB"\nmin_free = "2 MiB"\nunwritten_bytes_max = "2 MiB"\n'
            '[limits]\npacket_bytes_max = "64 KiB"\n[publish]\nstall_max = "1 s"\n')
        self.errors = open(self.folder / "errors", "a")
        self.start()

    def start(self):
        # AddressSanitizer keeps 256 MB of what was freed, which would hide what the bus keeps.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
        self.process = subprocess.Popen([FIREHOSE, "serve", "-c", self.folder / "firehose.toml"],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env=os.environ | {"ASAN_OPTIONS": sanitizer})
        for line in self.process.stdout:
            if ready := re.match(r"ready mqtt=\S*?:(\d+) http=", line):
                self.port = int(ready[1])
                return
        raise RuntimeError("the bus did not start")

    def end(self, signal_number):
        self.process.send_signal(signal_number)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        return code

    def client(self, version, name, clean=False):
        return Wire(self.port, version, name, "infra", "secret", clean)

    def fill(self):
        """Until nothing fits any more, and a little later still: the log gives up its oldest for a while."""
        with open(self.disk / "filler", "ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 14, 1 << 12):
                try:
                    while True:
                        filler.write(b"x" * size)
                except OSError:
                    pass

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) // 1024

    def empty(self):
        (self.disk / "filler").unlink()

    def said(self):
        return (self.folder / "errors").read_text()

    def remove(self):
        subprocess.run(["umount", self.disk], check=False)
        shutil.rmtree(self.folder)


class Journal:
    """What was acknowledged, in its order."""

    def __init__(self, bus):
        self.bus, self.acknowledged, self.count = bus, [], 0

    def publish(self, wire, patience=PATIENCE_S):
        """The reason of its PUBACK."""
        self.count += 1
        payload = f"{self.count}".encode()
        packet_id = wire.publish("kept/x", payload + b" " * 200, 1)
        answered, reason = wire.puback(patience)
        assert answered == packet_id, (answered, packet_id)
        if reason < 0x80:
            self.acknowledged.append(payload)
        return reason

    def check(self, reader, what):
        """A durable reader gets all of it, in order. What was sent again comes again."""
        for expected in self.acknowledged:
            while True:
                _, payload = reader.message()
                if payload.strip() == expected:
                    break
                raise AssertionError(f"{what}: {payload.strip()} where {expected} is due")


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def publish_until_silence(bus, journal, wire):
    """Publishes until the disk is found full: a refusal, or no answer; then what checks the late answer is returned."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        bus.fill()
        try:
            if journal.publish(wire, SILENCE_S) == QUOTA_EXCEEDED:
                return None
        except TimeoutError:
            def check_late_answer():
                _, reason = wire.puback()
                assert reason == 0, reason
                journal.acknowledged.append(f"{journal.count_of_late}".encode())
            journal.count_of_late = journal.count
            return check_late_answer
    raise AssertionError("the disk was never full")


def flood(bus):
    """QoS 0, several times what may wait for the disk, on its way through a live reader."""
    print("memory stays bounded under QoS 0")
    live, stranger = Wire(bus.port, 4), Wire(bus.port, 5)
    assert live.subscribe("live/#", 0) == 0
    for i in range(FLOOD_MESSAGES):
        stranger.publish("live/x", f"{i}".encode() + b" " * 50_000)
        if i % 10 == 9:  # It keeps pace: no reader is slow here.
            for number in range(i - 9, i + 1):
                payload = live.message()[1].strip()
                assert int(payload) == number, (payload, number)


def check_everything(bus):
    journal = Journal(bus)
    for name in ("first", "second"):  # Durable readers that are away when it happens.
        reader = bus.client(5, name)
        assert reader.subscribe("kept/#", 1) == 1
        reader.close()
    live = Wire(bus.port, 4)
    assert live.subscribe("live/#", 0) == 0
    v5, v4 = bus.client(5, "publisher-5"), bus.client(4, "publisher-4")
    for _ in range(200):
        assert journal.publish(v5) == 0
        assert journal.publish(v4) == 0

    print("filling the disk")
    bus.fill()
    # One that was taken in before the disk was found full waits for its place, and with it what comes after it on
    # the same connection (answers keep their order). Others hear of it at once.
    caught = publish_until_silence(bus, journal, bus.client(5, "caught"))
    bus.fill()
    print("acknowledgements stop: MQTT 5")
    for _ in range(3):
        assert journal.publish(v5) == QUOTA_EXCEEDED
    print("acknowledgements stop: 3.1.1")
    v4.publish("kept/x", b"never acknowledged", 1)
    begin = time.monotonic()
    try:
        v4.packet()
        raise AssertionError("3.1.1 was answered on a full disk")
    except Closed:
        assert 0.5 < time.monotonic() - begin < 5, time.monotonic() - begin
    print("no new durable session, no new durable subscription")
    assert bus.client(5, "late").reason == SERVER_UNAVAILABLE
    assert bus.client(4, "late").reason == 3
    assert v5.subscribe("kept/#", 1) == QUOTA_EXCEEDED
    print("live QoS 0 flows")
    stranger = Wire(bus.port, 5)
    for i in range(100):
        stranger.publish("live/x", f"{i}".encode())
        assert live.message() == ("live/x", f"{i}".encode())

    memory = bus.memory_mib()
    flood(bus)
    assert bus.memory_mib() - memory < MEMORY_MORE_MIB, (memory, bus.memory_mib())

    print("room again")
    bus.empty()
    if caught:
        caught()
    wait_for("service did not return", lambda: journal.publish(v5) == 0)
    v4 = bus.client(4, "publisher-4")
    assert v4.reason == 0
    for _ in range(100):
        assert journal.publish(v5) == 0
        assert journal.publish(v4) == 0
    journal.check(bus.client(5, "first"), "after the room came back")

    print("kill -9 and a start")
    bus.end(signal.SIGKILL)
    bus.start()
    journal.check(bus.client(5, "second"), "after kill -9")
    assert bus.end(signal.SIGTERM) == 0
    print(f"{len(journal.acknowledged)} acknowledged, all there")


def main():
    in_own_namespace()
    bus = Bus()
    try:
        check_everything(bus)
        assert "Sanitizer" not in bus.said() and "runtime error" not in bus.said(), bus.said()
    except BaseException:
        print(bus.said()[-4000:])
        raise
    finally:
        if bus.process.poll() is None:
            bus.end(signal.SIGKILL)
        bus.errors.close()
        bus.remove()


main()
