#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""crowd_test.py FIREHOSE CROWD [--namespace] [flags of crowd]: the bus, honest clients, and a crowd that misbehaves.

Goal:   the honest ones lose nothing and wait no longer; memory, sockets included, stays within its bound.
Method: crowd/crowd.cpp makes the clients; with --namespace its crowd comes from an address of its own, in a network
        namespace that is made and removed here (as root), and not from loopback, which no limit by address counts.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

NETWORK = f"firehose-{os.getpid()}"
HERE, THERE = "10.213.77.1", "10.213.77.2"
ACL = "topic read #\ntopic readwrite open/#\nuser infra\ntopic readwrite #\n"
TOML = """data = "{folder}/var"
[listen]
mqtt = ["{host}:0"]
http = []
[auth]
password_file = "{folder}/users"
acl_file = "{folder}/acl"
[log]
memory_bytes = "16 MiB"
[limits]
connections_max = 15000
"""


def ip(*words, check=True):
    subprocess.run(["ip", *words], check=check, capture_output=not check)


def make_network():
    ip("netns", "add", NETWORK)
    here = f"fh{os.getpid()}"
    ip("link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", NETWORK)
    ip("address", "add", f"{HERE}/30", "dev", here)
    ip("link", "set", here, "up")
    for words in (["address", "add", f"{THERE}/30", "dev", "eth0"], ["link", "set", "eth0", "up"],
                  ["link", "set", "lo", "up"]):
        ip("-n", NETWORK, *words)


def start(firehose, folder, host):
    subprocess.run([firehose, "passwd", folder / "users", "infra"], input="secret\n", text=True, check=True,
                   capture_output=True)
    (folder / "acl").write_text(ACL)
    (folder / "firehose.toml").write_text(TOML.format(folder=folder, host=host))
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"
    bus = subprocess.Popen([firehose, "serve", "-c", folder / "firehose.toml"], stdout=subprocess.PIPE, text=True,
                           stderr=open(folder / "errors", "w"), env=os.environ | {"ASAN_OPTIONS": sanitizer})
    for line in bus.stdout:
        if ready := re.match(r"ready mqtt=\S*?:(\d+)", line):
            return bus, ready[1]
    raise RuntimeError("the bus did not start: " + (folder / "errors").read_text())


def main():
    firehose, crowd, *flags = sys.argv[1:]
    is_apart = "--namespace" in flags
    flags = [flag for flag in flags if flag != "--namespace"]
    folder, bus = pathlib.Path(tempfile.mkdtemp(prefix="firehose-crowd-")), None
    try:
        if is_apart:
            make_network()
            flags += ["--crowd-to", HERE, "--network", NETWORK]
        else:
            flags += [f"--from=127.0.0.{last}" for last in range(1, 21)]
        bus, port = start(firehose, folder, "0.0.0.0" if is_apart else "127.0.0.1")
        code = subprocess.run([crowd, "--port", port, "--server", str(bus.pid), "--user", "infra", "--password", "secret",
                               *flags]).returncode
        bus.send_signal(signal.SIGTERM)
        ended = bus.wait(60)
        said = (folder / "errors").read_text()
        if ended != 0 or "Sanitizer" in said or "runtime error" in said:
            print(f"FAILED: the bus ended with {ended}:\n{said[-4000:]}")
            return 1
        return code
    finally:
        if bus and bus.poll() is None:
            bus.kill()
        if is_apart:
            ip("netns", "delete", NETWORK, check=False)  # Its end of the pair goes with it, and so does ours.
        shutil.rmtree(folder)


sys.exit(main())
