# SPDX-License-Identifier: Apache-2.0
"""Goal:   each rule of tools/tidy.py can fail, and none fails on a tree that keeps them.
Method: a small sound tree in a temporary repository; a row a fault: what is planted in which file
        and the finding that it must give, alone.
"""
import pathlib
import subprocess
import sys
import tempfile

TIDY = pathlib.Path(__file__).parent / "tidy.py"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = SPDX + "#pragma once\n\n#include <cstdint>\n\n/// What it is.\nnamespace firehose {\nint f();\n}\n"
README = "# x\n**Purpose.** a\n**Entry points.** b\n**Invariants.** c\n**Must not.** d\n**Tests.** e\n"
TEST = SPDX + "// **Goal:** g.\n// **Method:** m.\n#include <thread>\n#include \"mqtt/m.h\"\n"


def cmake(module, deps=""):
    return f"# SPDX-License-Identifier: Apache-2.0\nfirehose_module(NAME {module} {deps}\n  HEADERS m.h)\n"


SOUND = {
    "docs/spec/mqtt5.tsv": "MQTT-1.5.4-1\tours\n",
    "ARCHITECTURE.md": "| `f` | `mqtt/m.h` | decodes |\n",
    "src/base/CMakeLists.txt": cmake("base"), "src/base/m.h": HEADER, "src/base/README.md": README,
    "src/base/mailbox.h": HEADER.replace("cstdint", "mutex"),
    "src/mqtt/CMakeLists.txt": cmake("mqtt", "DEPS base"), "src/mqtt/README.md": README,
    "src/mqtt/m.h": HEADER.replace("<cstdint>", '"base/m.h"').replace("int f", "/// [MQTT-1.5.4-1]\nint f"),
    "src/topic/CMakeLists.txt": cmake("topic", "DEPS base"), "src/topic/README.md": README,
    "src/topic/m_test.cpp": TEST,
    "src/net/CMakeLists.txt": cmake("net", "DEPS base"), "src/net/README.md": README,
    "src/net/m.cpp": SPDX + "#include <sys/epoll.h>\n",
    "src/log/CMakeLists.txt": cmake("log", "DEPS base"), "src/log/README.md": README,
    "src/log/posix_file.cpp": SPDX + "#include <unistd.h>\n",
    "src/log/m.cpp": SPDX + '#include "base/mailbox.h"\n',
}
CORE_FAULTS = ("<thread>", "<mutex>", "<sys/socket.h>", "<unistd.h>", "<fstream>", "<filesystem>", "<netinet/in.h>", "<ctime>",
               "<spdlog/spdlog.h>", "<boost/asio.hpp>", "<boost/beast/core.hpp>", "<sqlite3.h>", "<zstd.h>", '"base/mailbox.h"')
FAULTS = [  # file, text (added to a file that is there), finding
    ("src/mqtt/n.cpp", "int x;\n", "src/mqtt/n.cpp:1: the first line names the licence"),
    ("src/mqtt/n.h", SPDX + "/// x\nnamespace firehose {}\n", "src/mqtt/n.h:1: a header has #pragma once"),
    ("src/mqtt/n.h", SPDX + "#pragma once\nnamespace firehose {}\n", "src/mqtt/n.h:1: a header has a /// block"),
    ("src/mqtt/n.cpp", SPDX + '#include "topic/m.h"\n', "src/mqtt/n.cpp:2: mqtt does not declare topic"),
    ("src/log/n.cpp", SPDX + '#include "../mqtt/m.h"\n', "src/log/n.cpp:2: log does not declare mqtt"),
    ("src/base/CMakeLists.txt", cmake("base", "DEPS mqtt"), "src/CMakeLists.txt:1: modules in a circle: "),
    ("src/log/n.cpp", SPDX + "auto x = std::chrono::steady_clock::now();\n", "src/log/n.cpp:2: log is told what time"),
    ("src/net/n.cpp", SPDX + "#include <sqlite3.h>\n", "src/net/n.cpp:2: net is told"),
    ("src/base/n.cpp", SPDX + "#include <sqlite3.h>\n", "src/base/n.cpp:2: only the module store"),
    ("src/net/n.cpp", SPDX + "// TODO: more\n", "src/net/n.cpp:2: a TODO names its issue"),
    ("src/net/n_test.cpp", SPDX + "// **Goal:** g\n", "src/net/n_test.cpp:1: a test file begins by its Method"),
    ("src/net/n_test.cpp", SPDX + "// **Method:** m\n", "src/net/n_test.cpp:1: a test file begins by its Goal"),
    ("src/ws/CMakeLists.txt", cmake("ws"), "src/ws/CMakeLists.txt:1: a module has a README.md"),
    ("src/net/README.md", "\n" * 40, "src/net/README.md:41: a module's README.md has at most 40 lines"),
    ("src/net/n.cpp", SPDX + "// [MQTT-3]\n", "src/net/n.cpp:2: [MQTT-3] is no citation"),
    ("src/net/n.cpp", SPDX + "// [MQTT-1.5.4-9]\n", "src/net/n.cpp:2: [MQTT-1.5.4-9] is no statement"),
    ("ARCHITECTURE.md", "`mqtt/gone.h`\n", "ARCHITECTURE.md:2: there is no file mqtt/gone.h"),
    ("ARCHITECTURE.md", "| `Codec::gone` | `mqtt/m.h` |\n", "ARCHITECTURE.md:2: src/mqtt/m.h has no Codec::gone"),
] + [("src/topic/n.cpp", SPDX + f"#include {header}\n", "src/topic/n.cpp:2: topic is told") for header in CORE_FAULTS]


def findings(files):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        ran = subprocess.run([sys.executable, TIDY, folder], capture_output=True, text=True)
        lines = ran.stdout.splitlines()[:-1]
        if ran.returncode != bool(lines):
            lines.append(f"status {ran.returncode} {ran.stderr}")
        return lines


wrong = [f"sound tree: {line}" for line in findings(SOUND)]
for file, text, expected in FAULTS:
    got = findings({**SOUND, file: SOUND.get(file, "") + text})
    if len(got) != 1 or not got[0].startswith(expected):
        wrong.append(f"{file} + {text!r}: wanted {expected!r}, got {got}")
readme_less = findings({**SOUND, "src/net/README.md": README.replace("**Tests.**", "")})
if readme_less != ["src/net/README.md:1: the heading **Tests.** is missing"]:
    wrong.append(f"README without a heading: {readme_less}")
print("\n".join(wrong + [f"{len(FAULTS) + 2} trees, {len(wrong)} wrong"]))
sys.exit(bool(wrong))
