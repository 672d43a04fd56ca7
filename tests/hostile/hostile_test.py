#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile_test.py FIREHOSE [CASE]: every row of bad inputs that applies, over every transport.

Goal:   the peer is refused as said, honest clients beside it lose nothing, memory is back to where it was.
Method: README.md. CASE runs the cases whose name has that in it.
"""
import pathlib
import subprocess
import sys
import threading
import time
import traceback

import before_connect  # noqa: F401
import framing  # noqa: F401
import packets  # noqa: F401
import reloads  # noqa: F401
import sessions  # noqa: F401
from cases import CASES, Peers
from premises import Bus, Honest

FIREHOSE = pathlib.Path(sys.argv[1]).resolve()
WANTED = sys.argv[2] if len(sys.argv) > 2 else ""
# What the log and the feeds may keep (1 MiB each, twice while they are written) and the allocator's slack, over all
# repetitions of a case. A connection that leaks its buffers leaves more than that in a hundred rounds.
MEMORY_MORE_KIB = 12 * 1024
FIGURES = ("clients/total", "clients/connected", "subscriptions/count", "retained messages/count")


def run_once(peers, function):
    """What failed, or nothing."""
    try:
        function(peers)
        return None
    except Exception as failure:
        where = traceback.extract_tb(failure.__traceback__)
        line = next((f"{pathlib.Path(at.filename).name}:{at.lineno}" for at in reversed(where)
                     if pathlib.Path(at.filename).name not in ("link.py", "cases.py", "wire.py")), "?")
        return f"{line}: {type(failure).__name__} {failure}"
    finally:
        peers.close()


def run_case(bus, times, transport, function):
    peers, before = Peers(bus, transport), None
    for _ in range(1 + times):  # The first is to warm up.
        if failed := run_once(peers, function):
            return failed
        before = bus.memory_kib() if before is None else before
    more = bus.memory_kib() - before
    return f"{more} KiB more" if more > MEMORY_MORE_KIB else None


def has_ended(bus):
    """A sanitizer takes its time to say why."""
    try:
        bus.process.wait(5 if "ERROR" in bus.said() else 0.5)
    except subprocess.TimeoutExpired:
        return False
    return True


def run_quick(bus, one, failures):
    """How many cases that were."""
    row, title, times, transports, _, function = one
    begin, transports = time.monotonic(), [transport for transport in transports if transport in bus.ports]
    for transport in transports:
        if failed := run_case(bus, times, transport, function):
            failures.append(f"row {row} ({function.__name__}, {transport}) {title}: {failed}")
            print("FAILED", failures[-1], flush=True)
            if has_ended(bus):
                raise RuntimeError("the bus ended:\n" + bus.said()[-8000:])
    print(f"row {row:2} {time.monotonic() - begin:5.1f} s  {bus.memory_kib() >> 10} MiB  {title}", flush=True)
    return len(transports)


def run_waiting(bus, cases, failures):
    """At the same time, each over each transport."""
    def run(row, title, transport, function):
        begin = time.monotonic()
        if failed := run_once(Peers(bus, transport), function):
            failures.append(f"row {row} ({function.__name__}, {transport}) {title}: {failed}")
            print("FAILED", failures[-1], flush=True)
        print(f"row {row:2} {time.monotonic() - begin:5.1f} s  {title}, {transport}", flush=True)
    threads = [threading.Thread(target=run, args=(row, title, transport, function))
               for row, title, _, transports, _, function in cases for transport in transports if transport in bus.ports]
    before = bus.memory_kib()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if has_ended(bus):
        raise RuntimeError("the bus ended:\n" + bus.said()[-8000:])
    more = bus.memory_kib() - before
    if more > MEMORY_MORE_KIB:
        failures.append(f"{more} KiB more after what waits")
    return len(threads)


def main():
    bus, failures, ran = Bus(FIREHOSE), [], 0
    try:
        before = bus.figures(*FIGURES)
        honest = Honest(bus)
        wanted = [one for one in CASES if WANTED in one[-1].__name__]
        ran = sum(run_quick(bus, one, failures) for one in wanted if not one[-2])
        ran += run_waiting(bus, [one for one in wanted if one[-2]], failures)
        if disturbed := honest.end():
            failures.append(f"the honest clients were disturbed: {disturbed}")
        print(f"honest: {honest.sent} published, p50 {sorted(honest.latencies)[len(honest.latencies) // 2] * 1e3:.1f} ms, "
              f"slowest {max(honest.latencies) * 1e3:.0f} ms")
        after = bus.figures(*FIGURES)
        if after != before:
            failures.append(f"not as before: {before}, now {after}")
        if (code := bus.stop()) != 0 or "Sanitizer" in bus.said() or "runtime error" in bus.said():
            failures.append(f"exit status {code}:\n{bus.said()[-6000:]}")
    finally:
        bus.remove()
    print("\n".join(["", *failures, f"{ran} cases, {len(failures)} failed"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
