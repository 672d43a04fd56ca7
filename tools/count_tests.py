# SPDX-License-Identifier: Apache-2.0
"""count_tests.py JUNIT DIR: counts what one ctest run did.

JUNIT is ctest's --output-junit file; DIR holds <binary>.xml of each GoogleTest binary that wrote one
(GTEST_OUTPUT=xml:DIR/). Such a binary counts its cases, everything else counts as one test.
Prints "passed failed skipped", then a line for each failure and each skip.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def cases(test, folder):
    """Yields (name, state, reason) of one ctest test."""
    name = test.get("name")
    state = {"run": "passed", "fail": "failed"}.get(test.get("status"), "skipped")
    reason = next((child.get("message") or "" for child in test if child.tag in ("failure", "skipped")), "")
    file = folder / f"{name}_test.xml"
    inner = []
    if file.exists():
        try:
            inner = list(xml.parse(file).iter("testcase"))
        except xml.ParseError:
            state, reason = "failed", "its result file is damaged"
    for case in inner:
        label = f"{name}: {case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None:
            yield label, "failed", ""
        elif case.find("skipped") is not None:
            yield label, "skipped", (case.find("skipped").get("message") or "").replace("\n", " ")
        elif case.get("status") != "notrun":
            yield label, "passed", ""
    # A crash or a sanitizer's report fails the test although no case did.
    if not inner or (state == "failed" and not any(c.find("failure") is not None for c in inner)):
        yield name, state, reason


def main():
    junit, folder = map(pathlib.Path, sys.argv[1:3])
    found = [c for test in xml.parse(junit).iter("testcase") for c in cases(test, folder)]
    print(*(sum(state == s for _, state, _ in found) for s in ("passed", "failed", "skipped")))
    for name, state, reason in found:
        if state != "passed":
            print(state, name, f"({reason})" if reason else "")


main()
