# SPDX-License-Identifier: Apache-2.0
"""`firehose serve` for tests with real clients: free loopback ports, a data folder of its own, everybody may do everything
(as `someone` with the password `secret`)."""
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).parent.parent / "transport"))
from certificates import Authority  # noqa: E402

PATIENCE_S = 20


class Bus:
    """`ports`: by transport: tcp, tls, strict (asks for the certificate `client`), ws, wss. `ca`: whom to trust."""

    def __init__(self, program):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firehose-integration-"))
        (self.folder / "acl").write_text("topic readwrite #\ntopic read $SYS/#\nuser someone\ntopic readwrite #\n")
        subprocess.run([program, "passwd", self.folder / "users", "someone"], input="secret\n", text=True, check=True,
                       capture_output=True)
        authority = Authority(self.folder, "authority")
        self.ca, self.server = authority.cert, authority.issue("server", ("localhost", "127.0.0.1"))
        self.client = authority.issue("someone")
        self.socket = self.folder / "mqtt.sock"
        (self.folder / "firehose.toml").write_text(self.settings())
        self.errors = open(self.folder / "errors", "w")
        self.process = subprocess.Popen([program, "serve", "-c", self.folder / "firehose.toml"], stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        for line in self.process.stdout:
            if line.startswith("ready "):
                said = {name: int(port) for name, port in re.findall(r"(\w+)=[^ ]*?:(\d+)", line)}
                self.ports = {"tcp": said["mqtt"], "ws": said["http"], **{name: said[name] for name in ("tls", "strict", "wss")}}
                return
        raise RuntimeError("the bus did not start: " + self.stop())

    def settings(self):
        text = (f'data = "{self.folder}/var"\n[listen]\nmqtt = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\n'
                f'[auth]\nacl_file = "{self.folder}/acl"\n'
                f'password_file = "{self.folder}/users"\n[session]\nanonymous = "standard"\n[sys]\ninterval = "1 s"\n'
                f'[share]\nanonymous = true\n[[listener]]\nname = "unix"\npath = "{self.socket}"\n')
        tls = f'host = "127.0.0.1"\nport = 0\ncert_file = "{self.server[0]}"\nkey_file = "{self.server[1]}"\n'
        for name, more in (("tls", ""), ("wss", 'speaks = "http"\n'), ("strict", f'ca_file = "{self.ca}"\nrequire_certificate = true\n')):
            text += f'[[listener]]\nname = "{name}"\n{tls}{more}'
        return text

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
