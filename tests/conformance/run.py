#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py --firehose PROGRAM | --mosquitto | --target HOST:PORT: the conformance suite against a server.

Runs every case of s*.py for each version that it applies to, many at a time, over one transport or several. Prints what
failed and a sum; ends with status 1 if a case failed that known_failures.tsv does not name, or one passed that it names.
"""
import argparse
import asyncio
import json
import logging
import pathlib
import sys
import time

import registry
import targets
from client import Bus, Failed
from codec import Malformed
from link import TRANSPORTS

KNOWN = pathlib.Path(__file__).parent / "known_failures.tsv"
CASE_S = 40  # No case takes so long.


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument("--firehose", metavar="PROGRAM", help="start this program")
    server.add_argument("--mosquitto", action="store_true", help="start Debian's mosquitto")
    server.add_argument("--target", metavar="HOST:PORT", help="a server that runs, its MQTT port over TCP")
    parser.add_argument("--tls-port", type=int)
    parser.add_argument("--ws-port", type=int)
    parser.add_argument("--transport", action="append", choices=TRANSPORTS, help="default: all that the server has")
    parser.add_argument("--version", action="append", choices=sorted(registry.VERSION_NAMES.values()))
    parser.add_argument("--case", action="append", metavar="TEXT", help="cases whose name or statement has this text")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="write each result there")
    parser.add_argument("--parallel", type=int, default=24, metavar="N", help="cases at a time")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    return parser.parse_args()


def start(options):
    if options.firehose:
        return targets.Firehose(options.firehose)
    if options.mosquitto:
        return targets.Mosquitto()
    host, _, port = options.target.rpartition(":")
    ports = {"tcp": int(port), "tls": options.tls_port, "ws": options.ws_port}
    return targets.Target(host.strip("[]"), {name: port for name, port in ports.items() if port})


def chosen(options, transports):
    """(case, version, transport) of each run."""
    for case in registry.load():
        if options.case and not any(text in case.label or text in case.statements for text in options.case):
            continue
        for transport in transports:
            for version in case.versions:
                name = registry.VERSION_NAMES[version]
                if (case.transports is None or transport in case.transports) and (not options.version or name in options.version):
                    yield case, version, transport


async def run_one(case, version, transport, target, places):
    """Why it failed, or None."""
    async with places:
        bus = Bus(target, version, transport)
        try:
            await asyncio.wait_for(case.run(bus), CASE_S)
            return None
        except (Failed, Malformed) as failure:
            return str(failure)
        except asyncio.TimeoutError:
            return f"not done after {CASE_S} s"
        except Exception as error:  # A broken case must not end the run; it fails.
            return f"{type(error).__name__}: {error}"
        finally:
            bus.close()


async def run_all(runs, target, parallel):
    places = asyncio.Semaphore(parallel)
    return await asyncio.gather(*(run_one(*one, target, places) for one in runs))


def known_failures():
    """Case and transport, version: `file::name 5.0` or `file::name 5.0 ws`, by its reason."""
    lines = [line.split("\t") for line in KNOWN.read_text().splitlines() if line and line[0] != "#"]
    return {line[0]: line[1] for line in lines}


def judge(runs, results, known):
    """Prints; the number of results that are not as known."""
    wrong, passed = 0, 0
    for (case, version, transport), failure in zip(runs, results):
        name = f"{case.label} {registry.VERSION_NAMES[version]}"
        reason = known.get(name) or known.get(f"{name} {transport}")
        passed += failure is None
        if (failure is None) != (reason is None):
            wrong += 1
            print(f"FAILED {name} {transport} [{', '.join(case.statements)}]: "
                  f"{failure or f'it passes, but known_failures.tsv says: {reason}'}")
        elif failure:
            print(f"known: {name} {transport}: {reason}")
    print(f"conformance: {len(runs)} runs of {len({case.label for case, _, _ in runs})} cases, {passed} passed")
    return wrong


def main():
    options = arguments()
    if options.list:
        for case in registry.load():
            print(case.label, *case.statements)
        return 0
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # It warns of each write to a server that closed.
    target = start(options)
    transports = options.transport or [name for name in TRANSPORTS if name in target.ports]
    runs = list(chosen(options, transports))
    begun = time.monotonic()
    try:
        results = asyncio.run(run_all(runs, target, options.parallel))
    finally:
        end = target.stop()
    if options.json:
        options.json.write_text(json.dumps([
            {"case": case.label, "version": registry.VERSION_NAMES[version], "transport": transport,
             "statements": case.statements, "failure": failure}
            for (case, version, transport), failure in zip(runs, results)], indent=1) + "\n")
    wrong = judge(runs, results, known_failures() if options.firehose else {})
    print(f"conformance: {target.name} over {', '.join(transports)} in {time.monotonic() - begun:.1f} s")
    if end:
        print(end)
    return int(bool(wrong or end or not runs))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
