# SPDX-License-Identifier: Apache-2.0
"""`firehose serve` for tests with real clients: free loopback ports, a data folder of its own, everybody may do everything."""
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

PATIENCE_S = 20


class Bus:
    """`ports`: by transport: tcp, ws."""

    def __init__(self, program):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-integration-"))
        (self.folder / "acl").write_text("topic readwrite #\ntopic read $SYS/#\n")
        (self.folder / "firehose.toml").write_text(self.settings())
        self.errors = open(self.folder / "errors", "w")
        self.process = subprocess.Popen([program, "serve", "-c", self.folder / "firehose.toml"], stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        for line in self.process.stdout:
            if ready := re.match(r"ready mqtt=\S*?:(\d+) http=\S*?:(\d+)$", line.strip()):
                self.ports = {"tcp": int(ready[1]), "ws": int(ready[2])}
                return
        raise RuntimeError("the bus did not start: " + self.stop())

    def settings(self):
        return (f'data = "{self.folder}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\n'
                f'[auth]\nacl_file = "{self.folder}/acl"\n[session]\nanonymous = "standard"\n[sys]\ninterval = "1 s"\n'
                '[share]\nanonymous = true\n')

    def stop(self):
        """What is wrong with how it ended, or nothing."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.errors.close()
        said = (self.folder / "errors").read_text()
        shutil.rmtree(self.folder)
        is_bad = code or "Sanitizer" in said or "runtime error" in said
        return f"status {code}: {said}" if is_bad else ""
