#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""paho_test.py FIREHOSE PAHO_C_CLIENT PAHO_CPP_CLIENT: paho's C and C++ libraries work over every transport.

Goal:   each publishes, reads, retains and resumes at each QoS, in 3.1, 3.1.1 and 5.0.
Method: one `firehose serve`; paho_c_client.c and paho_cpp_client.cpp, which say `ok` or what went wrong.
"""
import concurrent.futures
import subprocess
import sys
import unittest

from bus import PATIENCE_S, Bus

FIREHOSE, *PROGRAMS = sys.argv[1:]
SCHEMES = {"tcp": "tcp", "ws": "ws", "tls": "ssl", "wss": "wss"}


class Paho(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bus = Bus(FIREHOSE)

    @classmethod
    def tearDownClass(cls):
        wrong = cls.bus.stop()
        assert not wrong, wrong

    def test_each_library_version_and_transport(self):
        """Versions and libraries side by side; their names are by version, so transports follow each other."""
        def run(program, version):
            for transport, port in self.bus.ports.items():
                url = f"{SCHEMES[transport]}://127.0.0.1:{port}" + ("/mqtt" if "ws" in transport else "")
                done = subprocess.run([program, url, version], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
                yield f"{program} {version} {transport}: {done.stdout}{done.stderr}", done.stdout == "ok\n" and done.returncode == 0

        runs = [(program, version) for program in PROGRAMS for version in "345"]
        with concurrent.futures.ThreadPoolExecutor(len(runs)) as pool:
            for results in pool.map(lambda one: list(run(*one)), runs):
                for what, is_ok in results:
                    with self.subTest(what):
                        self.assertTrue(is_ok, what)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
