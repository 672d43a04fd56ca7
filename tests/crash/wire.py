# SPDX-License-Identifier: Apache-2.0
"""A plain MQTT client on a socket, for tests that must see each answer with its reason code."""
import socket
import struct

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 13, 14
PATIENCE_S = 20
FOR_EVER = 0xFFFFFFFE


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def varint(value):
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


class Closed(Exception):
    """The server closed the connection."""


class Wire:
    """One connection. version 4 is MQTT 3.1.1. With a user its session is durable, else it is anonymous and clean."""

    def __init__(self, port, version, client_id="", user=None, password=None, clean=False):
        self.version, self.buffer, self.next_id = version, b"", 0
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        flags = (0xC0 if user else 0) | (0x02 if clean or not user else 0)
        body = text("MQTT") + bytes([version, flags]) + struct.pack(">H", 0)
        if version == 5:
            properties = b"\x11" + struct.pack(">I", 0 if clean or not user else FOR_EVER)
            body += varint(len(properties)) + properties
        body += text(client_id)
        if user:
            body += text(user) + text(password)
        self.send(0x10, body)
        connack, _, answer = self.packet()
        assert connack == CONNACK
        self.session_present, self.reason = bool(answer[0]), answer[1]

    def send(self, first, body):
        self.socket.sendall(bytes([first]) + varint(len(body)) + body)

    def packet(self, patience=PATIENCE_S):
        """(type, flags, body); TimeoutError when nothing comes, Closed at the end of the connection."""
        self.socket.settimeout(patience)
        while True:
            if found := self._cut():
                return found
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed
            self.buffer += data

    def _cut(self):
        length = shift = 0
        for at in range(1, min(len(self.buffer), 5)):
            length |= (self.buffer[at] & 0x7F) << shift
            shift += 7
            if self.buffer[at] < 0x80:
                begin = at + 1
                if len(self.buffer) < begin + length:
                    return None
                first, body = self.buffer[0], self.buffer[begin:begin + length]
                self.buffer = self.buffer[begin + length:]
                return first >> 4, first & 0x0F, body
        return None

    def subscribe(self, topic_filter, qos):
        """The reason code of its SUBACK."""
        self.send(0x82, struct.pack(">H", 1) + (b"\0" if self.version == 5 else b"") + text(topic_filter) + bytes([qos]))
        kind, _, body = self.packet()
        assert kind == SUBACK
        return body[-1]

    def publish(self, topic, payload, qos=0):
        """Its packet identifier, 0 at QoS 0."""
        body = text(topic)
        packet_id = 0
        if qos:
            self.next_id = packet_id = self.next_id % 60000 + 1
            body += struct.pack(">H", packet_id)
        self.send(0x30 | qos << 1, body + (b"\0" if self.version == 5 else b"") + payload)
        return packet_id

    def puback(self, patience=PATIENCE_S):
        """(packet identifier, reason) of the next PUBACK."""
        kind, _, body = self.packet(patience)
        assert kind == PUBACK, kind
        return struct.unpack(">H", body[:2])[0], body[2] if len(body) > 2 else 0

    def message(self, patience=PATIENCE_S):
        """(topic, payload) of the next PUBLISH, which is acknowledged if it is of QoS 1."""
        kind, flags, body = self.packet(patience)
        assert kind == PUBLISH, kind
        at = 2 + struct.unpack(">H", body[:2])[0]
        topic = body[2:at].decode()
        if flags & 0x06:
            self.send(0x40, body[at:at + 2])
            at += 2
        if self.version == 5:
            at += 1 + body[at]  # Fewer than 128 bytes of properties in these tests.
        return topic, body[at:]

    def close(self):
        self.socket.close()
