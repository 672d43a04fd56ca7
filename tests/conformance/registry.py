# SPDX-License-Identifier: Apache-2.0
"""The cases: functions of s*.py, one file a section, each with the statements that it proves.

A case is run once for each version that its statements are of: MQTT-... is 5.0, MQTT311-... 3.1.1 and 3.1, whose rules
are those of 3.1.1 where the case does not say otherwise. tools/spec.py reads this list.
"""
import importlib
import pathlib

FOLDER = pathlib.Path(__file__).parent
VERSION_NAMES = {3: "3.1", 4: "3.1.1", 5: "5.0"}
cases = []


class Case:
    def __init__(self, run, statements, versions, transports):
        self.run, self.statements, self.transports = run, statements, transports
        self.file, self.name = run.__module__, run.__name__
        self.versions = versions or tuple(v for v in (3, 4, 5) if any(
            s.startswith("MQTT-" if v == 5 else "MQTT311-") for s in statements))

    @property
    def label(self):
        return f"{self.file}::{self.name}"


def case(*statements, versions=None, transports=None):
    """Decorates `async def name(bus)`. `transports`: only over these."""
    def add(run):
        cases.append(Case(run, statements, versions, transports))
        return run
    return add


def load():
    """Every case, in the order of the sections."""
    if not cases:
        for path in sorted(FOLDER.glob("s[0-9]*.py"), key=lambda p: [int(n) if n.isdigit() else n for n in p.stem[1:].split("_")]):
            importlib.import_module(path.stem)
    labels = [one.label for one in cases]
    if len(set(labels)) != len(labels):
        raise ValueError("two cases of one name: " + ", ".join(sorted({l for l in labels if labels.count(l) > 1})))
    return cases
