# SPDX-License-Identifier: Apache-2.0
"""A `firehose serve` with a table of listeners, and tests of it that share one."""
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

PATIENCE_S = 20


class ListeningBus:
    """Owns `folder`, from before it starts until `stop`. `ports`: by the name of a listener that has one."""

    def __init__(self, prefix):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix))

    def start(self, firehose, text, listeners):
        """`text`: firehose.toml, without the data folder; `listeners`: their lines by name."""
        text = f'data = "{self.folder}/var"\n' + text
        for name, lines in listeners.items():
            text += f'[[listener]]\nname = "{name}"\n{lines}'
        config = self.folder / "firehose.toml"
        config.write_text(text)
        self.errors = open(self.folder / "errors", "w")
        self.process = subprocess.Popen([firehose, "serve", "-c", config], stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True)
        for line in self.process.stdout:
            if line.startswith("ready "):
                addresses = dict(word.split("=") for word in line.split()[1:])
                self.ports = {name: int(addresses[name].rsplit(":", 1)[1]) for name, lines in listeners.items()
                              if not lines.startswith("path")}
                self.http = int(addresses["http"].split(",")[0].rsplit(":", 1)[1])
                return
        raise RuntimeError("the bus did not start: " + self.said())

    def said(self):
        return (self.folder / "errors").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.errors.close()
        said = self.said()
        shutil.rmtree(self.folder)
        return code, said


class OnOneBus(unittest.TestCase):
    """Its tests share the bus that `make_bus` makes, which must end well and without a word of a sanitizer."""

    @classmethod
    def setUpClass(cls):
        cls.bus = cls.make_bus()

    @classmethod
    def tearDownClass(cls):
        code, said = cls.bus.stop()
        assert code == 0, f"exit status {code}: {said}"
        assert "Sanitizer" not in said and "runtime error" not in said, said
