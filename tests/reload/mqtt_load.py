# SPDX-License-Identifier: Apache-2.0
"""MQTT clients by the hundred on one asyncio loop, each of which knows what it was owed and what it got."""
import asyncio
import struct

CONNACK, PUBLISH, PUBACK, SUBACK, DISCONNECT = 2, 3, 4, 9, 14


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def packet(first, body):
    length, out = len(body), bytearray([first])
    while True:
        length, low = divmod(length, 128)
        out.append(low | (0x80 if length else 0))
        if not length:
            return bytes(out) + body


class Client:
    """One connection at MQTT 3.1.1 (4) or 5: `got` has (topic, payload) of all that came, `end` how it ended."""

    def __init__(self, name, version, user=None, password=None):
        self.name, self.version, self.user, self.password = name, version, user, password
        self.got, self.end, self.reason, self.waits, self.next_id = [], None, None, {}, 0

    async def connect(self, port, host="127.0.0.1", tls=None):
        """The reason of its CONNACK; from then on it reads."""
        self.reader, self.writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=host if tls else None)
        flags = 0x02 | (0xC0 if self.user else 0)
        body = text("MQTT") + bytes([self.version, flags]) + struct.pack(">H", 0)
        body += (b"\0" if self.version == 5 else b"") + text(self.name)
        if self.user:
            body += text(self.user) + text(self.password)
        self.writer.write(packet(0x10, body))
        kind, _, answer = await self.read()
        assert kind == CONNACK, kind
        if answer[1] == 0:
            self.task = asyncio.create_task(self.listen())
        return answer[1]

    async def read(self):
        first = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first >> 4, first & 0x0F, await self.reader.readexactly(length)

    async def listen(self):
        try:
            while True:
                kind, flags, body = await self.read()
                if kind == PUBLISH:
                    self.on_publish(flags, body)
                elif kind in (PUBACK, SUBACK):
                    self.waits.pop(struct.unpack(">H", body[:2])[0]).set_result(body)
                elif kind == DISCONNECT:
                    self.reason = body[0] if body else 0
        except (asyncio.IncompleteReadError, ConnectionError) as why:
            self.end = str(why) or type(why).__name__
            for wait in self.waits.values():
                if not wait.done():
                    wait.set_exception(ConnectionError(f"{self.name} was disconnected: {self.end}, reason {self.reason}"))

    def on_publish(self, flags, body):
        at = 2 + struct.unpack(">H", body[:2])[0]
        topic = body[2:at].decode()
        if flags & 0x06:
            self.writer.write(packet(0x40, body[at:at + 2]))
            at += 2
        if self.version == 5:
            at += 1 + body[at]
        self.got.append((topic, body[at:].decode()))

    async def ask(self, first, body):
        """Sends a packet that begins with a fresh packet identifier, wherever `body(id)` puts it; its answer's body."""
        self.next_id = self.next_id % 60000 + 1
        answer = self.waits[self.next_id] = asyncio.get_running_loop().create_future()
        self.writer.write(packet(first, body(struct.pack(">H", self.next_id))))
        return await asyncio.wait_for(answer, 60)

    async def subscribe(self, topic_filter, qos):
        properties = b"\0" if self.version == 5 else b""
        return (await self.ask(0x82, lambda i: i + properties + text(topic_filter) + bytes([qos])))[-1]

    async def publish(self, topic, payload):
        """At QoS 1; the reason of its PUBACK."""
        properties = b"\0" if self.version == 5 else b""
        body = await self.ask(0x32, lambda i: text(topic) + i + properties + payload.encode())
        return body[2] if len(body) > 2 else 0

    def certificate(self):
        """Of the server, as it was shown to this connection."""
        return self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)

    def close(self):
        self.writer.close()
