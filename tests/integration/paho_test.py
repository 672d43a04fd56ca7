#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""paho_test.py FIREHOSE PAHO_C_CLIENT PAHO_CPP_CLIENT: paho's C, C++ and Python libraries work over every transport.

Goal:   each publishes, reads, retains and resumes at each QoS, in 3.1, 3.1.1 and 5.0.
Method: one `firehose serve`; paho_c_client.c and paho_cpp_client.cpp, which say `ok` or what went wrong; Python here.
"""
import concurrent.futures
import queue
import subprocess
import sys
import threading
import unittest

import paho.mqtt.client as mqtt

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
            for transport, scheme in SCHEMES.items():
                url = f"{scheme}://localhost:{self.bus.ports[transport]}" + ("/mqtt" if "ws" in transport else "")
                trusted = [self.bus.ca] if transport in ("tls", "wss") else []
                done = subprocess.run([program, url, version, *trusted], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
                yield f"{program} {version} {transport}: {done.stdout}{done.stderr}", done.stdout == "ok\n" and done.returncode == 0

        runs = [(program, version) for program in PROGRAMS for version in "345"]
        with concurrent.futures.ThreadPoolExecutor(len(runs)) as pool:
            for results in pool.map(lambda one: list(run(*one)), runs):
                for what, is_ok in results:
                    with self.subTest(what):
                        self.assertTrue(is_ok, what)

    def test_python(self):
        for transport in SCHEMES:
            for version in (mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5):
                with self.subTest(transport=transport, version=version):
                    self.python(transport, version)

    def python(self, transport, version):
        got, subscribed = queue.Queue(), threading.Event()
        client = mqtt.Client(f"python-{transport}-{version}", protocol=version, transport="websockets" if "ws" in transport else "tcp")
        if transport in ("tls", "wss"):
            client.tls_set(ca_certs=str(self.bus.ca))
        client.on_message = lambda client, data, message: got.put((message.topic, message.payload, message.qos))
        client.on_connect = lambda client, *rest: client.subscribe(f"python/{transport}/{version}", 2)
        client.on_subscribe = lambda *rest: subscribed.set()
        client.connect("localhost", self.bus.ports[transport])
        client.loop_start()
        try:
            self.assertTrue(subscribed.wait(PATIENCE_S), "SUBACK")
            for qos in (0, 1, 2):
                client.publish(f"python/{transport}/{version}", b"%d" % qos, qos)
                self.assertEqual(got.get(timeout=PATIENCE_S), (f"python/{transport}/{version}", b"%d" % qos, qos))
        finally:
            client.disconnect()
            client.loop_stop()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
