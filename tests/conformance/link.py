# SPDX-License-Identifier: Apache-2.0
"""A byte stream to the server over TCP, TLS, or WebSocket (RFC 6455, written here: tests need its frames)."""
import asyncio
import base64
import hashlib
import os
import ssl
import struct

PATIENCE_S = 15
TRANSPORTS = ("tcp", "tls", "ws")
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Link:
    """`read` answers b"" once the server closed."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def write(self, data):
        self.writer.write(data)

    async def read(self):
        try:
            return await self.reader.read(65536)
        except (ConnectionError, ssl.SSLError):
            return b""

    def abort(self):
        """Ends the connection without any goodbye of its protocol."""
        self.writer.transport.abort()


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0):
    length = len(payload)
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    mark = 0x80 if masked else 0
    if length < 126:
        head += bytes([mark | length])
    else:
        head += bytes([mark | 126]) + struct.pack(">H", length) if length < 65536 else \
            bytes([mark | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    key = os.urandom(4)
    stretched = (key * (length // 4 + 1))[:length]
    return head + key + (int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")).to_bytes(length, "big")


class WebSocketLink(Link):
    """MQTT bytes in binary messages; `close_code` is what the server's close frame said."""

    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        self.close_code, self.pongs, self.headers = None, [], {}

    async def upgrade(self, host, path="/mqtt", protocols="mqtt"):
        """The status of the server's answer."""
        key = base64.b64encode(os.urandom(16)).decode()
        offer = f"Sec-WebSocket-Protocol: {protocols}\r\n" if protocols else ""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        status = int(head[0].split()[1])
        if status == 101:
            accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
            if self.headers.get("sec-websocket-accept") != base64.b64encode(accept).decode():
                raise ConnectionError("a wrong Sec-WebSocket-Accept")
        return status

    def write(self, data):
        self.writer.write(frame(BINARY, data))

    def write_frame(self, opcode, payload=b"", **flags):
        self.writer.write(frame(opcode, payload, **flags))

    async def read(self):
        try:
            while True:
                opcode, payload = await self._frame()
                if opcode in (CONTINUATION, BINARY):
                    return payload
                if opcode == CLOSE:
                    self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                    return b""
                if opcode == PING:
                    self.writer.write(frame(PONG, payload))
                elif opcode == PONG:
                    self.pongs.append(payload)
                else:
                    raise ConnectionError(f"a frame of opcode {opcode}")
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError, ssl.SSLError):
            return b""

    async def _frame(self):
        first, second = await self.reader.readexactly(2)
        if second & 0x80 or first & 0x70:
            raise ConnectionError("a masked or reserved frame from the server")
        length = second & 0x7F
        if length == 126:
            length, = struct.unpack(">H", await self.reader.readexactly(2))
        elif length == 127:
            length, = struct.unpack(">Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(length)


def trust_anything():
    """These tests are about MQTT; who checks certificates has tests of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


TRUST_ANYTHING = trust_anything()  # One for all: to make it costs more than a handshake.


async def open_link(target, transport, **upgrade):
    """target: host and ports of the server, by transport."""
    port = target.ports[transport]
    security = TRUST_ANYTHING if transport == "tls" else None
    reader, writer = await asyncio.wait_for(asyncio.open_connection(target.host, port, ssl=security), PATIENCE_S)
    if transport != "ws":
        return Link(reader, writer)
    link = WebSocketLink(reader, writer)
    link.status = await asyncio.wait_for(link.upgrade(f"{target.host}:{port}", **upgrade), PATIENCE_S)
    if link.status != 101 and not upgrade:
        raise ConnectionError(f"the upgrade was answered {link.status}")
    return link
