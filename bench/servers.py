# SPDX-License-Identifier: Apache-2.0
"""The servers that bench/run starts and ends: Firehose, the floors, and the peers.

Each is started on loopback in a folder of its own, says its port and its process, and is ended by
`stop`. `why_not()` says what is missing where a peer is not installed.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


class NotThere(Exception):
    """A peer that is not installed, and the remedy."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder):
    """A self-signed certificate and its key, made once a run."""
    cert, key = folder / "server.crt", folder / "server.key"
    if not cert.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-keyout", key, "-out", cert],
                       check=True, capture_output=True)
        key.chmod(0o644)  # For servers that drop their rights.
    return cert, key


class Server:
    def __init__(self, command, folder, env=None, log="server.log"):
        self.folder = folder
        self.log = folder / log
        self.path = "/mqtt"
        self.process = subprocess.Popen(command, stdout=self.log.open("wb"),
                                        stderr=subprocess.STDOUT, env=env, cwd=folder)
        self.pid = self.process.pid
        self.port = None

    def wait_for(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.log.read_text(errors="replace"), re.M)
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"no {pattern!r} from {self.process.args[0]}:\n"
                           + self.log.read_text(errors="replace")[-2000:])

    def wait_for_port(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.process.args[0]} does not listen:\n"
                           + self.log.read_text(errors="replace")[-2000:])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def firehose(folder, transport, build, extra):
    (folder / "acl").write_text("topic readwrite #\n")
    sections = {"auth": [f'acl_file = "{folder}/acl"'], "log": ['mode = "memory"'],
                "limits": ["connections_max = 100000"],
                "session": ["inflight_max = 65535"], "listen": []}
    place = '"127.0.0.1:0"'
    sections["listen"] = [f"mqtt = [{place}]", f"http = [{place}]"]
    if transport in ("tls", "wss"):
        cert, key = certificate(folder)
        sections["listen"] = ["mqtt = []", "http = []"]
        speaks = "mqtt" if transport == "tls" else "http"
        sections["[listener]"] = ['name = "tls"', f'speaks = "{speaks}"', 'host = "127.0.0.1"', "port = 0",
                                  f'cert_file = "{cert}"', f'key_file = "{key}"']
    for name, lines in extra.items():
        sections.setdefault(name, []).extend(lines)
    text = f'data = "{folder}/data"\n' + "".join(
        f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())
    (folder / "firehose.toml").write_text(text)
    server = Server([build / "firehose", "serve", "-c", folder / "firehose.toml"], folder)
    ready = server.wait_for(r"^ready mqtt=(\S*) http=(\S*)(?: tls=(\S*))?")
    address = {"tcp": ready[1], "ws": ready[2]}.get(transport, ready[3])
    server.port = int(address.split(",")[0].rsplit(":", 1)[1])
    return server


def floor(folder, transport, build, _extra):
    command = [build / "bench" / "floor"]
    if transport == "raw-tls":
        cert, key = certificate(folder)
        command += ["--certificate", cert, "--key", key]
    server = Server(command, folder)
    server.port = int(server.wait_for(r"^port=(\d+)")[1])
    return server


def routed_floor(folder, _transport, build, _extra):
    server = Server([build / "bench" / "routed_floor"], folder)
    server.port = int(server.wait_for(r"^port=(\d+)")[1])
    return server


def mosquitto(folder, transport, _build, _extra):
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    if not os.access(program, os.X_OK):
        raise NotThere("mosquitto: apt install mosquitto")
    port = free_port()
    # Like ours: no bound on what one reader has in flight, so that it is not measured instead.
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0",
             "max_inflight_messages 0", "log_type error", "log_type warning", "user root"]
    if transport in ("ws", "wss"):
        lines.append("protocol websockets")
    if transport in ("tls", "wss"):
        cert, key = certificate(folder)
        lines += [f"certfile {cert}", f"keyfile {key}"]
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    server = Server([program, "-c", folder / "mosquitto.conf"], folder)
    server.port = port
    server.wait_for_port()
    return server


def nats(folder, transport, _build, _extra):
    program = shutil.which("nats-server")
    if not program:
        raise NotThere("nats: apt install nats-server")
    port = free_port()
    block = "websocket" if transport == "ws" else "mqtt"
    other = "mqtt { listen: \"127.0.0.1:-1\" }\n" if transport == "ws" else ""
    no_tls = "\n no_tls: true" if transport == "ws" else ""
    (folder / "nats.conf").write_text(
        f'server_name: bench\nlisten: "127.0.0.1:-1"\n'
        f'jetstream {{ store_dir: "{folder}/nats" }}\n{other}'
        f'{block} {{ listen: "127.0.0.1:{port}"{no_tls} }}\n')
    server = Server([program, "-c", folder / "nats.conf"], folder)
    server.port = port
    server.wait_for("Server is ready")
    return server


def aedes(folder, transport, _build, _extra):
    if not (HERE / "peers" / "node_modules" / "aedes").exists():
        raise NotThere("aedes: (cd bench/peers && npm ci)")
    server = Server(["node", HERE / "peers" / "aedes.mjs", transport], folder)
    server.port = int(server.wait_for(r"^port=(\d+)")[1])
    return server


def rabbitmq(folder, transport, _build, _extra):
    program = shutil.which("rabbitmq-server") or "/usr/sbin/rabbitmq-server"
    if not os.access(program, os.X_OK):
        raise NotThere("rabbitmq: apt install rabbitmq-server")
    port = free_port()
    plugin = "web_mqtt" if transport == "ws" else "mqtt"
    (folder / "enabled_plugins").write_text(f"[rabbitmq_{plugin}].\n")
    key = "web_mqtt.tcp.port" if transport == "ws" else "mqtt.listeners.tcp.1"
    place = port if transport == "ws" else f"127.0.0.1:{port}"
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp = none\n{key} = {place}\n"
        "mqtt.allow_anonymous = true\nanonymous_login_user = guest\n"
        "loopback_users.guest = true\n")
    env = dict(os.environ, RABBITMQ_NODENAME=f"bench{port}@localhost", HOME=str(folder),
               RABBITMQ_MNESIA_BASE=str(folder / "db"), RABBITMQ_LOG_BASE=str(folder),
               RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq"), RABBITMQ_DIST_PORT=str(free_port()),
               RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "enabled_plugins"),
               RABBITMQ_PID_FILE=str(folder / "pid"), ERL_EPMD_ADDRESS="127.0.0.1")
    server = Server([program], folder, env)
    server.port = port
    server.path = "/ws"
    server.wait_for_port(90)
    server.pid = int((folder / "pid").read_text())
    return server


START = {"firehose": firehose, "floor": floor, "floor_tls": floor, "routed_floor": routed_floor,
         "mosquitto": mosquitto, "nats": nats, "aedes": aedes, "rabbitmq": rabbitmq}
