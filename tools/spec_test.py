# SPDX-License-Identifier: Apache-2.0
"""Goal:   tools/spec.py finds each way in which docs/spec can be untrue, and nothing in a tree that is sound.
Method: a small tree in a temporary folder, its standards cut to two statements each; a row a fault.
"""
import pathlib
import subprocess
import sys
import tempfile

TOOL = pathlib.Path(__file__).parent / "spec.py"
MQTT5 = "docs/spec/mqtt5.tsv"
UNIT = "src/mqtt/utf8_test.cpp"
CASES = "tests/conformance/registry.py"
FAILING = "tests/conformance/known_failures.tsv"
SOUND = {
    FAILING: "# none\n",
    MQTT5: "# id\nMQTT-1.5.4-1\tboth\tUTF-8\tkept\tUtf8.Refuses\nMQTT-3.2.2-4\tclient\tcloses\tclient only\n",
    "docs/spec/mqtt311.tsv": "MQTT311-1.5.3-1\tboth\tUTF-8\tkept\tconformance/s1::is_text\n"
                             "MQTT311-3.8.3-2\tserver\twildcards\twaived: supported\n",
    UNIT: "// [MQTT-1.5.4-1]\nTEST(Utf8, Refuses) {\n}\n",
    CASES: "class Case:\n    file, name, statements = 's1', 'is_text', ['MQTT311-1.5.3-1']\n\n\ndef load():\n    return [Case]\n",
}
ROW = "MQTT-1.5.4-1\tboth\tUTF-8\tkept\tUtf8.Refuses\n"
OTHER = "MQTT-3.2.2-4\tclient\tcloses\tclient only\n"
FAULTS = [  # file, what is replaced, by what, the finding
    (MQTT5, OTHER, "", f"{MQTT5}: 1 rows"),
    (MQTT5, OTHER, ROW, f"{MQTT5}:3: MQTT-1.5.4-1 is no id"),
    (MQTT5, ROW, ROW.replace("kept", "keept"), f"{MQTT5}:2: MQTT-1.5.4-1 is no row"),
    (MQTT5, ROW, ROW.replace("kept", "waived:"), f"{MQTT5}:2: MQTT-1.5.4-1 is no row"),
    (MQTT5, ROW, ROW.replace("\tUTF-8", "\t"), f"{MQTT5}:2: MQTT-1.5.4-1 is no row"),
    (MQTT5, ROW, ROW.replace("kept", "client only"), f"{MQTT5}:2: MQTT-1.5.4-1 binds both and is 'client only'"),
    (MQTT5, "client only", "kept", f"{MQTT5}:3: MQTT-3.2.2-4 binds client and is 'kept'"),
    (MQTT5, "\tUtf8.Refuses", "", f"{MQTT5}:2: MQTT-1.5.4-1 has neither a test that passes"),
    (FAILING, "# none", "s1::is_text 5.0\twhy", "docs/spec/mqtt311.tsv:1: MQTT311-1.5.3-1 has neither a test that passes"),
    (MQTT5, "Utf8.Refuses", "Utf8.Gone", f"{MQTT5}:2: there is no test Utf8.Gone"),
    (UNIT, "TEST(Utf8, Refuses)", "TEST(Utf8, Renamed)", f"{MQTT5}:2: there is no test Utf8.Refuses"),
    (UNIT, "}\n", "}\n// [MQTT-1.5.4-9]\n", f"{UNIT}:4: MQTT-1.5.4-9 is no statement"),
    (UNIT, "}\n", "}\n// [MQTT-1.5.4-1, -8]\n", f"{UNIT}:4: MQTT-1.5.4-8 is no statement"),
    (UNIT, "}\n", "}\n// [MQTT-1.5.4-1], [-8]\n", f"{UNIT}:4: MQTT-1.5.4-8 is no statement"),
    (UNIT, "}\n", "}\n// [MQTT-3.2.2-4, 1.5.4-7]\n", f"{UNIT}:4: MQTT-1.5.4-7 is no statement"),
    (UNIT, "}\n", '}\nf("MQTT311-1.5.3-9");\n', f"{UNIT}:4: MQTT311-1.5.3-9 is no statement"),
    (CASES, "'is_text'", "'is_gone'", "docs/spec/mqtt311.tsv:1: there is no test conformance/s1::is_text"),
]


def run(files, *flags):
    """The findings, the count lines, and mqtt5.tsv after it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        tool = TOOL.read_text().replace('"5.0", 251', '"5.0", 2').replace('"3.1.1", 141', '"3.1.1", 2')
        ran = subprocess.run([sys.executable, "-B", "-c", tool, *flags, folder], capture_output=True, text=True)
        lines = ran.stdout.splitlines()
        findings = [line for line in lines if not line.startswith("spec: ")]
        if ran.returncode != bool(findings):
            findings.append(f"status {ran.returncode} {ran.stderr}")
        return findings, [line for line in lines if line.startswith("spec: ")], pathlib.Path(folder, MQTT5).read_text()


findings, counts, _ = run(SOUND)
wrong = [f"sound tree: {line}" for line in findings]
if counts[0] != "spec: 2 statements of 5.0: 1 kept with tests, 0 waived, 1 client only, 0 open":
    wrong.append(f"counts {counts}")
for file, old, new, expected in FAULTS:
    got = run({**SOUND, file: SOUND[file].replace(old, new)})[0]
    if len(got) != 1 or not got[0].startswith(expected):
        wrong.append(f"{file}, {old!r} as {new!r}: wanted {expected!r}, got {got}")
findings, _, written = run({**SOUND, MQTT5: SOUND[MQTT5].replace("\tUtf8.Refuses", "")}, "--write")
if findings or written != SOUND[MQTT5]:
    wrong.append(f"--write: {findings} {written!r}")
print("\n".join(wrong + [f"{len(FAULTS) + 2} trees, {len(wrong)} wrong"]))
sys.exit(bool(wrong))
