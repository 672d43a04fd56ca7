# SPDX-License-Identifier: Apache-2.0
"""MQTT as raw bytes over TCP, TLS and WebSocket, for tests that send what no client library would.

`packet`, `connect`, ... build bytes that may be as wrong as a test wants them. A Link carries them and reads the
packets that come back; it never sends anything by itself. The plain client with a session is tests/crash/wire.py.
"""
import base64
import os
import pathlib
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "crash"))
from wire import Closed, text, varint  # noqa: E402

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = 8, 9, 10, 11, 12, 13, 14, 15
FLAGS = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}
PATIENCE_S = 20
V31, V311, V5 = 3, 4, 5


def packet(kind, body=b"", flags=None):
    return bytes([kind << 4 | (FLAGS.get(kind, 0) if flags is None else flags)]) + varint(len(body)) + body


def u16(value):
    return struct.pack(">H", value)


def binary(data):
    return u16(len(data)) + data


def properties(version, data=b""):
    return varint(len(data)) + data if version == V5 else b""


def will(version, topic, payload=b"gone", data=b""):
    return properties(version, data) + text(topic) + binary(payload)


def connect(version, client_id="", user=None, password=None, *, clean=True, keep_alive=0, data=b"", left=b"",
            will_flags=0, flags=None):
    """`data`: its properties. `left`: a will's bytes, with `will_flags` 0x04 and what else it has."""
    bits = (0x80 if user is not None else 0) | (0x40 if password is not None else 0) | (0x02 if clean else 0) | will_flags
    name = text("MQIsdp" if version == V31 else "MQTT")
    body = name + bytes([version, bits if flags is None else flags]) + u16(keep_alive) + properties(version, data)
    body += text(client_id) + left
    body += b"" if user is None else text(user)
    body += b"" if password is None else text(password)
    return packet(CONNECT, body)


def publish(version, topic, payload=b"", qos=0, packet_id=1, *, retain=False, dup=False, data=b""):
    body = (topic if isinstance(topic, bytes) else text(topic)) + (u16(packet_id) if qos else b"")
    return packet(PUBLISH, body + properties(version, data) + payload, qos << 1 | (8 if dup else 0) | int(retain))


def subscribe(version, *filters, packet_id=1, options=0, data=b""):
    body = u16(packet_id) + properties(version, data)
    for one in filters:
        body += (one if isinstance(one, bytes) else text(one)) + bytes([options])
    return packet(SUBSCRIBE, body)


def unsubscribe(version, *filters, packet_id=2):
    return packet(UNSUBSCRIBE, u16(packet_id) + properties(version) + b"".join(map(text, filters)))


def ack(kind, packet_id):
    return packet(kind, u16(packet_id))


def expiry(seconds):
    return b"\x11" + struct.pack(">I", seconds)


class Link:
    """One connection over TCP. TimeoutError when nothing comes, Closed at its end."""

    def __init__(self, port, tls=None):
        self.raw = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(self.raw, server_hostname="localhost") if tls else self.raw
        self.input = b""

    def send(self, data):
        """False: the server has closed already."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, OSError):
            return False

    def receive(self, patience):
        """More bytes of MQTT."""
        return self.take(patience)

    def take(self, patience):
        """More bytes of the socket."""
        self.socket.settimeout(patience)
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):  # TLS may end without a word.
            data = b""
        if not data:
            raise Closed
        return data

    def packet(self, patience=PATIENCE_S):
        """(type, body) of the next packet."""
        while True:
            length = shift = 0
            for at in range(1, min(len(self.input), 5)):
                length |= (self.input[at] & 0x7F) << shift
                shift += 7
                if self.input[at] < 0x80:
                    if len(self.input) > at + length:
                        kind, body = self.input[0] >> 4, self.input[at + 1:at + 1 + length]
                        self.input = self.input[at + 1 + length:]
                        return kind, body
                    break
            self.input += self.receive(patience)

    def until_closed(self, patience=PATIENCE_S):
        """What came before the server closed."""
        got, end = [], time.monotonic() + patience
        try:
            while True:
                got.append(self.packet(max(0.01, end - time.monotonic())))
        except Closed:
            return got

    def close(self):
        self.socket.close()


class WebSocketLink(Link):
    """The same in binary WebSocket frames, one a `send`."""

    def __init__(self, port, tls=None):
        super().__init__(port, tls)
        self.frames, self.close_code = b"", None
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(upgrade(key).encode())
        while b"\r\n\r\n" not in self.frames:
            self.frames += self.take(PATIENCE_S)
        head, self.frames = self.frames.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def send(self, data):
        return self.send_raw(frame(data))

    def send_raw(self, data):
        return super().send(data)

    def receive(self, patience):
        while True:
            if found := self._cut():
                opcode, payload = found
                if opcode == 8:
                    self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                    continue
                return payload if opcode in (0, 2) else b""
            self.frames += self.take(patience)

    def _cut(self):
        data = self.frames
        if len(data) < 2:
            return None
        length, at = data[1] & 0x7F, 2
        if length > 125:
            size = 2 if length == 126 else 8
            if len(data) < 2 + size:
                return None
            length, at = int.from_bytes(data[2:2 + size], "big"), 2 + size
        if len(data) < at + length:
            return None
        self.frames = data[at + length:]
        return data[0] & 0x0F, data[at:at + length]


def upgrade(key="dGhlIHNhbXBsZSBub25jZQ==", more=""):
    return (f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}"
            f"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n{more}\r\n")


def frame(data, first=0x82, masked=True, length=None):
    """A client's frame; `length` lies about it (its bytes after the first two bits)."""
    mask = 0x80 if masked else 0
    size = len(data)
    if length is None:
        length = (bytes([mask | size]) if size < 126 else bytes([mask | 126]) + struct.pack(">H", size)
                  if size < 65536 else bytes([mask | 127]) + struct.pack(">Q", size))
    return bytes([first]) + length + (b"\0\0\0\0" if masked else b"") + data
