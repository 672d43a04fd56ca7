#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py [ROOT]: the house rules that no compiler checks, over the files that git knows.

One function a rule; each yields (file, line, what). tools/tidy_test.py proves that each can fail.
Prints `file:line: what` for each finding and ends with status 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
CODE = (".h", ".cpp", ".cmake", ".py", ".sh", ".ts", ".mjs", ".css", "CMakeLists.txt", "tools/dev", "run", "test")
# These modules are told what happened and what time it is: they include nothing of the outside world.
CORE = ("mqtt", "topic", "session", "ws", "bus", "log")
OUTSIDE = re.compile(
    r"(thread|mutex|shared_mutex|condition_variable|future|semaphore|stop_token|fstream|filesystem|"
    r"ctime|time\.h|unistd\.h|fcntl\.h|poll\.h|netdb\.h|(sys|netinet|arpa|net|linux)/.*|spdlog/.*|"
    r"boost/(asio|beast)[./].*|sqlite3\.h|zstd.*\.h|libssh/.*|curl/.*)$")
SHARED = re.compile(r"base/(locked|mailbox|waker)\.h$")  # For bus and log alone.
STORES = re.compile(r"(fstream|filesystem|sqlite3\.h|zstd.*\.h)$")
LOG_ADAPTERS = ("posix_file.", "log_threads.", "compress.")
README_HEADINGS = ("Purpose", "Entry points", "Invariants", "Must not", "Tests")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"(?:\.\./)*([\w./]+)"|<([\w./+-]+)>)')


def git_files():
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in listed if name and (ROOT / name).is_file()]


class Tree:
    """Every file's text, and each module with the modules that its DEPS name."""

    def __init__(self):
        self.text = {n: (ROOT / n).read_text(errors="replace") for n in git_files()
                     if not n.startswith(("web/dist/", "fuzz/corpus/")) and not n.endswith((".jsonl", ".png", ".bin"))}
        self.lines = {n: t.splitlines() for n, t in self.text.items()}
        self.deps = {}
        for name, text in self.text.items():
            if name.endswith("CMakeLists.txt"):
                text = re.sub(r"#.*", "", text)
                for call in re.findall(r"firehose_module\(([^)]*)\)", text):
                    words = call.split()
                    deps = re.search(r"\bDEPS((?:\s+[a-z_]+)*)", call)
                    self.deps[words[words.index("NAME") + 1]] = deps.group(1).split() if deps else []

    def sources(self, *ends):
        return ((n, self.lines[n]) for n in sorted(self.text) if n.startswith("src/") and n.count("/") > 1 and n.endswith(ends))


def every_file_names_its_licence(tree):
    for name, lines in tree.lines.items():
        if name.endswith(CODE) and not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
            yield name, 1, "the first line names the licence: SPDX-License-Identifier: Apache-2.0"

def headers_say_what_they_are(tree):
    for name, lines in tree.sources(".h"):
        if "#pragma once" not in lines:
            yield name, 1, "a header has #pragma once"
        before = lines[:next((i for i, line in enumerate(lines) if line.startswith("namespace ")), len(lines))]
        if not any(line.startswith("///") for line in before):
            yield name, 1, "a header has a /// block above its namespace: purpose, owner, thread, lifetime, cost, source"

def modules_include_what_they_declare(tree):
    for name, lines in tree.sources(".h", ".cpp"):
        module, is_test = name.split("/")[1], name.endswith("_test.cpp")
        if module not in tree.deps:
            continue  # Its CMakeLists.txt has no firehose_module (cli: a program).
        for number, line in enumerate(lines, 1):
            found = INCLUDE.match(line)
            target = found and found.group(1) and found.group(1).split("/")[0]
            if target in tree.deps and target != module and target not in tree.deps[module] and not is_test:
                yield name, number, f"{module} does not declare {target} in DEPS"

def modules_have_a_direction(tree):
    def circle(module, path):
        if module in path:
            return path[path.index(module):] + [module]
        return next(filter(None, (circle(dep, path + [module]) for dep in tree.deps.get(module, []))), None)
    if found := next(filter(None, (circle(module, []) for module in tree.deps)), None):
        yield "src/CMakeLists.txt", 1, "modules in a circle: " + " -> ".join(found)

def the_core_is_told(tree):
    for name, lines in tree.sources(".h", ".cpp"):
        module, file = name.split("/")[1], name.rsplit("/", 1)[1]
        core = module in CORE and not (module == "log" and file.startswith(LOG_ADAPTERS))
        if not core and module != "net" or name.endswith("_test.cpp"):
            continue
        for number, line in enumerate(lines, 1):
            header = (found := INCLUDE.match(line)) and (found.group(2) or found.group(1))
            refused = OUTSIDE if core else STORES
            if header and (refused.match(header) or core and module not in ("bus", "log") and SHARED.match(header)):
                yield name, number, f"{module} is told what happened: it includes no <{header}>"
            if core and re.search(r"_clock::now\b", line):
                yield name, number, f"{module} is told what time it is: no clock is read here"

def sqlite_stays_in_the_store(tree):
    for name, lines in tree.sources(".h", ".cpp"):
        if name.split("/")[1] in CORE + ("net", "store"):
            continue  # Those are told; the store knows.
        for number, line in enumerate(lines, 1):
            if (found := INCLUDE.match(line)) and (found.group(2) or found.group(1)) == "sqlite3.h":
                yield name, number, "only the module store knows SQLite"

def todos_name_their_issue(tree):
    for name, lines in tree.lines.items():
        if name.startswith("tools/tidy") or not name.endswith(CODE):
            continue
        for number, line in enumerate(lines, 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
                yield name, number, "a TODO names its issue: TODO(#12)"

def tests_say_goal_and_method(tree):
    for name, lines in tree.lines.items():
        if name.endswith(("_test.cpp", "_test.mjs", "_test.py")) and name.startswith(("src/", "tests/", "tools/")):
            head = "\n".join(lines[:25])
            for word in ("Goal:", "Method:"):
                if word not in head.replace("*", ""):
                    yield name, 1, f"a test file begins by its {word[:-1]}"

def modules_have_a_readme(tree):
    for module in tree.deps:
        name = f"src/{module}/README.md"
        if name not in tree.lines:
            yield f"src/{module}/CMakeLists.txt", 1, f"a module has a README.md of {', '.join(README_HEADINGS)}"
            continue
        if len(tree.lines[name]) > 40:
            yield name, 41, "a module's README.md has at most 40 lines"
        for heading in README_HEADINGS:
            if f"**{heading}.**" not in tree.text[name]:
                yield name, 1, f"the heading **{heading}.** is missing"

def citations_exist(tree):
    known = {ids: {line.split("\t")[0] for line in tree.lines[f] if line.startswith("MQTT")}
             for ids, f in (("MQTT", "docs/spec/mqtt5.tsv"), ("MQTT311", "docs/spec/mqtt311.tsv")) if f in tree.lines}
    for name, lines in tree.lines.items():
        if not name.endswith((".h", ".cpp")):
            continue
        for number, line in enumerate(lines, 1):
            for whole, ids, rest in re.findall(r"\[((MQTT\d*)-([^\]\s,]+))", line):
                if ids not in ("MQTT", "MQTT311") or not re.fullmatch(r"\d+(\.\d+)+-\d+", rest):
                    yield name, number, f"[{whole}] is no citation: [MQTT-3.3.1-9] or [MQTT311-3.3.1-5]"
                elif ids in known and whole not in known[ids]:
                    yield name, number, f"[{whole}] is no statement of docs/spec"

def the_map_is_true(tree):
    """In ARCHITECTURE.md, `a/b.h` is a file (below src/ too), and a row "| `f` | `file` |" a function in that file."""
    name = "ARCHITECTURE.md"
    for number, line in enumerate(tree.lines.get(name, ()), 1):
        path = None
        for word in re.findall(r"`([^`]+)`", line):
            if re.fullmatch(r"[\w.-]+(/[\w.-]+)+\.(h|cpp|py|mjs|ts|md|tsv|txt)", word):
                path = word if word in tree.text else f"src/{word}"
                if path not in tree.text:
                    yield name, number, f"there is no file {word}"
        for row in re.findall(r"^\|\s*`([\w:~]+)(?:\(\))?`\s*\|", line) if path in tree.text else ():
            if not re.search(rf"\b{row.split('::')[-1]}\b", tree.text[path]):
                yield name, number, f"{path} has no {row}"


RULES = [every_file_names_its_licence, headers_say_what_they_are, modules_include_what_they_declare,
         modules_have_a_direction, the_core_is_told, sqlite_stays_in_the_store, todos_name_their_issue, tests_say_goal_and_method,
         modules_have_a_readme, citations_exist, the_map_is_true]

if __name__ == "__main__":
    tree = Tree()
    findings = [f"{file}:{line}: {what}" for rule in RULES for file, line, what in rule(tree)]
    print("\n".join(findings + [f"tidy: {len(tree.text)} files, {len(findings)} findings"]))
    sys.exit(bool(findings))
