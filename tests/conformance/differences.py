#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""differences.py --firehose PROGRAM: asks the program and Debian's mosquitto the same, and writes docs/spec/differences.md.

A row for each case in which one of the two does what a statement does not allow: which versions and transports, what it
did, and the statement by which the other is right.
"""
import argparse
import asyncio
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import choices
import targets

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
OUT = ROOT / "docs/spec/differences.md"
ROUNDS = 5  # What a server does now and then is a difference too.
TRANSPORTS = ("tcp", "ws")  # Both have them without certificates; TLS changes nothing of what is asked here.
HEAD = """# Where Firehose and mosquitto differ

Made by `tests/conformance/differences.py --firehose build/dev/firehose`, which asks both the whole conformance suite: {firehose},
{mosquitto}; {runs} runs each over TCP and WebSocket, {rounds} times. "Now and then": not each time.

A row is a case (`tests/conformance`) that one of them does not keep. The other is right, by the first statement
named; the rest are what the case asks as well. `5.0`, `3.1.1`, `3.1`: the versions in which it was so.

| case | statement | who is right | what the other did |
|---|---|---|---|
"""


CHOICES = """
## Where the standards leave a choice

Nobody is wrong here; it is what one meets when one replaces the other.

| what | Firehose | mosquitto |
|---|---|---|
"""


def run(server):
    """Results by (case, version, transport): a failure is one of any round."""
    rounds = [run_once(server) for _ in range(ROUNDS)]
    merged = rounds[0]
    for key, one in merged.items():
        failures = [results[key]["failure"] for results in rounds if results[key]["failure"]]
        if failures:
            one["failure"] = ("now and then: " if len(failures) < ROUNDS else "") + failures[0]
    return merged


def run_once(server):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "results.json")
        flags = [flag for name in TRANSPORTS for flag in ("--transport", name)]
        subprocess.run([sys.executable, HERE / "run.py", *server, *flags, "--json", file], stdout=subprocess.DEVNULL, check=False)
        return {(one["case"], one["version"], one["transport"]): one for one in json.loads(file.read_text())}


def chosen(start):
    """What a server chose, by question."""
    target = start()
    try:
        return asyncio.run(choices.answers(target))
    finally:
        target.stop()


def plain(failure):
    """What was said, without what changes from run to run."""
    failure = re.sub(r"\b(t|marker)/[0-9a-f]{6}/\d+", r"\1/…", failure)
    failure = re.sub(r"\bc[0-9a-f]{6}n\d+", "c…", failure).replace("|", "\\|").replace("\n", " ")
    return failure if len(failure) < 200 else failure[:197] + "..."


def paraphrases():
    rows = (line.split("\t") for name in ("mqtt5.tsv", "mqtt311.tsv")
            for line in (ROOT / "docs/spec" / name).read_text().splitlines() if line[0] != "#")
    return {row[0]: row[2] for row in rows}


def rows(results):
    """A row of the table for each case and set of those who failed."""
    said = paraphrases()
    found = {}
    for key in results["firehose"]:
        wrong = tuple(name for name in ("firehose", "mosquitto") if results[name][key]["failure"])
        if wrong:
            found.setdefault((key[0], wrong), []).append(key)
    for (case, wrong), keys in found.items():
        versions = sorted({version for _, version, _ in keys})
        prefix = "MQTT-" if "5.0" in versions else "MQTT311-"
        statements = results["firehose"][keys[0]]["statements"]
        mine = [one for one in statements if one.startswith(prefix)] or statements
        first = f"{mine[0]}: {said[mine[0]]}" + (f" (and {', '.join(mine[1:])})" if mine[1:] else "")
        only = {transport for _, _, transport in keys}
        where = ", ".join(versions) + ("" if len(only) == len(TRANSPORTS) else f" over {', '.join(sorted(only))}")
        right = {("firehose",): "mosquitto", ("mosquitto",): "Firehose"}.get(wrong, "neither")
        did = "; ".join(plain(results[name][keys[0]]["failure"]) for name in wrong)
        yield f"| {case} ({where}) | {first} | {right} | {did} |\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firehose", metavar="PROGRAM", required=True)
    program = parser.parse_args().firehose
    results = {"firehose": run(["--firehose", program]), "mosquitto": run(["--mosquitto"])}
    mosquitto = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout.splitlines()[0]
    table = list(rows(results))
    ours, theirs = chosen(lambda: targets.Firehose(program)), chosen(targets.Mosquitto)
    choice = [f"| {text} | {ours[text]} | {theirs[text]} |\n" for text in ours if ours[text] != theirs[text]]
    OUT.write_text(HEAD.format(firehose=f"Firehose {(ROOT / 'VERSION').read_text().strip()}", mosquitto=mosquitto,
                               runs=len(results["firehose"]), rounds=ROUNDS) + "".join(table) + CHOICES + "".join(choice))
    print(f"{OUT}: {len(table)} and {len(choice)} rows")


if __name__ == "__main__":
    main()
