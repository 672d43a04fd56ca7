#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""**Goal:** the Gerrit test data is what it says it is.
**Method:** the rule for topics, written a second time and in another language than the program's, must
give gerrit-topics.tsv; the demo's events must be exactly the lines that we may ship (ours, Apache-2.0).

`gerrit_data_test.py --write` makes both files from gerrit-events.jsonl and gerrit-events.md."""
import json
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TOPICS = HERE / "gerrit-topics.tsv"
DEMO = HERE.parent.parent / "src/source/demo/events.jsonl"


def lines():
    return (HERE / "gerrit-events.jsonl").read_bytes().split(b"\n")[:-1]


def licences():
    rows = [[cell.strip() for cell in row.strip("|\n").split("|")]
            for row in (HERE / "gerrit-events.md").read_text().splitlines() if re.match(r"\| \d+ \|", row)]
    return {int(row[0]): row[3] for row in rows}


def may_ship(licence):
    return licence == "ours" or "Apache-2.0" in licence


def project_of(event):
    def text(value):
        return value["name"] if isinstance(value, dict) else value
    candidates = [event.get("project"), event.get("change", {}).get("project"),
                  event.get("refUpdate", {}).get("project"), event.get("projectName"),
                  (event.get("refUpdates") or [{}])[0].get("project")]
    return next((text(c) for c in candidates if c is not None and text(c)), "_")


def topic_of(event):
    def clean(level):
        return re.sub(r"[+#\x00-\x1f\x7f-\x9f]", "_", level) or "_"
    project = "/".join(clean(level) for level in project_of(event).split("/"))
    return f"gerrit/{project}/{clean(event['type'].replace('/', '_'))}"


def topics_text():
    return "".join(f"{number}\t{topic_of(json.loads(line))}\n" for number, line in enumerate(lines(), 1))


def demo_bytes():
    allowed = licences()
    return b"".join(line + b"\n" for number, line in enumerate(lines(), 1) if may_ship(allowed[number]))


class GerritData(unittest.TestCase):
    def test_every_line_has_its_licence_row(self):
        self.assertEqual(sorted(licences()), list(range(1, len(lines()) + 1)))

    def test_topics_are_what_the_rule_gives(self):
        self.assertEqual(TOPICS.read_text(), topics_text())

    def test_demo_is_exactly_what_may_be_shipped(self):
        self.assertTrue(DEMO.read_bytes() == demo_bytes(), "run gerrit_data_test.py --write")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        TOPICS.write_text(topics_text())
        DEMO.write_bytes(demo_bytes())
    else:
        unittest.main()
