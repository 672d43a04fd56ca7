#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spec.py [--write] [ROOT]: what docs/spec says of each statement of MQTT is true.

docs/spec/mqtt5.tsv and mqtt311.tsv have a row a statement: id, whom it binds (server, client, both), what it says
in our words, status (kept; waived: why; client only; open), the tests that prove it, a note. A test is `Suite.Case`
of GoogleTest or `conformance/<file>::<case>`. Finds rows that are no such rows, statements and tests that do not exist,
and statements that bind a server and have neither a test (a case that is known to fail is none) nor a waiver; prints each,
then the count.
--write adds to each row the tests that cite it: cases of tests/conformance, TESTs of src and tests that name it.
"""
import importlib
import pathlib
import re
import sys

EDITIONS = {"MQTT": ("docs/spec/mqtt5.tsv", "5.0", 251), "MQTT311": ("docs/spec/mqtt311.tsv", "3.1.1", 141)}
FOLDERS = ("src", "tests", "fuzz", "bench")
# [MQTT-4.3.2-1], [MQTT-4.3.2-1, -2], [MQTT-4.3.2-1] [-2], [MQTT-4.3.2-1, 4.4.0-1]; without brackets in tables and literals.
CITATION = re.compile(r"(?<![\w-])(MQTT(?:311)?)-(\d+(?:\.\d+)+)-(\d+)((?:(?:, ?|\],? \[)(?:\d+(?:\.\d+)+)?-\d+)*)")
MORE = re.compile(r"(?:, ?|\],? \[)(\d+(?:\.\d+)+)?-(\d+)")
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)")
STATUS = re.compile(r"kept|open|client only|waived: \S.*")


class Row:
    def __init__(self, file, number, line):
        self.place = f"{file}:{number}"
        self.columns = (line.split("\t") + [""] * 5)[:6]
        self.id, self.binds, self.what, self.status, tests, self.note = self.columns
        self.tests = tests.split()

    def text(self):
        return "\t".join([self.id, self.binds, self.what, self.status, " ".join(self.tests), self.note]).rstrip("\t")


def cited(line):
    """Every statement that a line names."""
    for edition, section, number, more in CITATION.findall(line):
        yield f"{edition}-{section}-{number}"
        for other, number_too in MORE.findall(more):
            section = other or section
            yield f"{edition}-{section}-{number_too}"


def sources(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".py", ".mjs", ".ts") and "corpus" not in path.parts:
                yield path, path.read_text(errors="replace").splitlines()


def google_tests(lines):
    """(name, statements that it or the comment above it cites) of each TEST."""
    current, above = None, []
    for line in lines:
        if found := TEST.match(line):
            current = (f"{found[1]}.{found[2]}", above)
            yield current
        elif current is None and not line.strip():
            above = []
        (current[1] if current else above).extend(cited(line))
        if line.startswith("}"):
            current, above = None, []


def conformance_cases(root):
    """(name, statements) of each case of tests/conformance."""
    folder = root / "tests/conformance"
    if not (folder / "registry.py").is_file():
        return []
    sys.path.insert(0, str(folder))
    return [(f"conformance/{case.file}::{case.name}", case.statements)
            for case in importlib.import_module("registry").load()]


def failing_cases(root):
    """Cases that are known to fail prove nothing."""
    file = root / "tests/conformance/known_failures.tsv"
    lines = file.read_text().splitlines() if file.is_file() else []
    return {f"conformance/{line.split()[0]}" for line in lines if line and line[0] != "#"}


class Spec:
    def __init__(self, root):
        self.root = root
        self.findings = []
        self.rows = {}  # By edition, in the file's order.
        for edition, (file, _, count) in EDITIONS.items():
            lines = (root / file).read_text().splitlines()
            self.rows[edition] = [Row(file, n, line) for n, line in enumerate(lines, 1) if line and line[0] != "#"]
            if len(self.rows[edition]) != count:
                self.find(file, f"{len(self.rows[edition])} rows; the standard has {count} statements")
        self.known = {row.id: row for rows in self.rows.values() for row in rows}
        self.tests = {}
        for path, lines in sources(root):
            for number, line in enumerate(lines, 1):
                for statement in cited(line):
                    if statement not in self.known and path.name != "spec_test.py":
                        self.find(f"{path.relative_to(root)}:{number}", f"{statement} is no statement of docs/spec")
            if path.suffix == ".cpp":
                self.tests.update(google_tests(lines))
        self.tests.update(conformance_cases(root))
        self.failing = failing_cases(root)

    def find(self, place, what):
        self.findings.append(f"{place}: {what}")

    def check(self):
        seen = set()
        for edition, rows in self.rows.items():
            for row in rows:
                if row.id in seen or not re.fullmatch(rf"{edition}-\d+(\.\d+)+-\d+", row.id):
                    self.find(row.place, f"{row.id} is no id, or one that is there already")
                seen.add(row.id)
                self.check_row(row)
        for name, statements in self.tests.items():
            if name.startswith("conformance/"):
                for statement in statements:
                    if statement not in self.known:
                        self.find(name, f"{statement} is no statement of docs/spec")

    def check_row(self, row):
        if row.binds not in ("server", "client", "both") or not row.what or not STATUS.fullmatch(row.status):
            self.find(row.place, f"{row.id} is no row: id, binds, what, status, tests, note")
        elif (row.binds == "client") != (row.status == "client only"):
            self.find(row.place, f"{row.id} binds {row.binds} and is '{row.status}'")
        elif row.status == "kept" and not set(row.tests) - self.failing:
            self.find(row.place, f"{row.id} has neither a test that passes nor a waiver")
        for test in row.tests:
            if test not in self.tests:
                self.find(row.place, f"there is no test {test}")

    def write(self):
        """Adds the tests that cite a statement to its row."""
        for name, statements in self.tests.items():
            for statement in statements:
                if (row := self.known.get(statement)) and name not in row.tests:
                    row.tests.append(name)
        for edition, (file, _, _) in EDITIONS.items():
            path = self.root / file
            head = [line for line in path.read_text().splitlines() if line.startswith("#")]
            for row in self.rows[edition]:
                row.tests = sorted(test for test in row.tests if test in self.tests)
            path.write_text("\n".join(head + [row.text() for row in self.rows[edition]]) + "\n")

    def counts(self):
        for edition, (_, name, _) in EDITIONS.items():
            rows = self.rows[edition]
            kept = sum(row.status == "kept" and bool(row.tests) for row in rows)
            others = [f"{sum(row.status.startswith(word) for row in rows)} {word}"
                      for word in ("waived", "client only", "open")]
            yield f"spec: {len(rows)} statements of {name}: {kept} kept with tests, {', '.join(others)}"


def main(words):
    root = pathlib.Path(words[-1]) if words and words[-1] != "--write" else pathlib.Path(__file__).parent.parent
    spec = Spec(root)
    if "--write" in words:
        spec.write()
    spec.check()
    print("\n".join(spec.findings + list(spec.counts())))
    return bool(spec.findings)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main(sys.argv[1:]))
