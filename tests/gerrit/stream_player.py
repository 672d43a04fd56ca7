#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""stream_player.py FOLDER: what sshd_test.py has sshd run instead of a Gerrit.

The n-th connection plays FOLDER/stream-<n> in pieces of odd sizes, then stays until FOLDER/hang-up-<n>
exists (or its other side is gone); stream-<n> not being there means: complain and end, or wait for it if
FOLDER/wait exists. Notes the command that it was asked to run in FOLDER/commands."""
import os
import pathlib
import sys
import time

PIECES = (1, 7, 4096, 100, 65536, 3, 1500)


def main():
    folder = pathlib.Path(sys.argv[1])
    number = 0
    while True:  # Takes the first number that nobody has.
        try:
            os.close(os.open(folder / f"connection-{number}", os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            number += 1
    with open(folder / "commands", "a") as commands:
        commands.write(os.environ.get("SSH_ORIGINAL_COMMAND", "") + "\n")
    end = time.monotonic() + 30
    while (folder / "wait").exists() and not (folder / f"stream-{number}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    try:
        stream = (folder / f"stream-{number}").read_bytes()
    except FileNotFoundError:
        sys.stderr.write("fatal: user is not allowed to stream events\n")
        return 1
    at = 0
    turn = 0
    while at < len(stream):
        size = PIECES[turn % len(PIECES)]
        sys.stdout.buffer.write(stream[at:at + size])
        sys.stdout.buffer.flush()
        at, turn = at + size, turn + 1
    (folder / f"played-{number}").touch()
    parent = os.getppid()
    end = time.monotonic() + 60
    while not (folder / f"hang-up-{number}").exists() and os.getppid() == parent and time.monotonic() < end:
        time.sleep(0.02)
    return 0


sys.exit(main())
