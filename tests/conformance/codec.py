# SPDX-License-Identifier: Apache-2.0
"""MQTT control packets as bytes, and bytes as packets: 3.1 (version 3), 3.1.1 (4) and 5.0 (5).

It writes whatever it is told, well-formed or not: text may be given as bytes, flags and reasons as any number.
Reading is strict: a packet that is not as the standard says is a Malformed.
"""
import struct

(CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ,
 PINGRESP, DISCONNECT, AUTH) = range(1, 16)
NAMES = ("", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK",
         "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH")
FLAGS = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}
# Name: identifier, type, the packets that may carry it (W: the will in CONNECT).
PROPERTIES = {
    "payload_format": (1, "byte", {PUBLISH, "W"}), "message_expiry": (2, "u32", {PUBLISH, "W"}),
    "content_type": (3, "text", {PUBLISH, "W"}), "response_topic": (8, "text", {PUBLISH, "W"}),
    "correlation_data": (9, "binary", {PUBLISH, "W"}), "subscription_id": (11, "varint", {PUBLISH, SUBSCRIBE}),
    "session_expiry": (17, "u32", {CONNECT, CONNACK, DISCONNECT}), "assigned_client_id": (18, "text", {CONNACK}),
    "server_keep_alive": (19, "u16", {CONNACK}), "auth_method": (21, "text", {CONNECT, CONNACK, AUTH}),
    "auth_data": (22, "binary", {CONNECT, CONNACK, AUTH}), "request_problem": (23, "byte", {CONNECT}),
    "will_delay": (24, "u32", {"W"}), "request_response": (25, "byte", {CONNECT}),
    "response_information": (26, "text", {CONNACK}), "server_reference": (28, "text", {CONNACK, DISCONNECT}),
    "reason_string": (31, "text", {CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH}),
    "receive_maximum": (33, "u16", {CONNECT, CONNACK}), "topic_alias_maximum": (34, "u16", {CONNECT, CONNACK}),
    "topic_alias": (35, "u16", {PUBLISH}), "maximum_qos": (36, "byte", {CONNACK}),
    "retain_available": (37, "byte", {CONNACK}),
    "user": (38, "pair", {CONNECT, CONNACK, PUBLISH, "W", PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK,
                          UNSUBSCRIBE, UNSUBACK, DISCONNECT, AUTH}),
    "maximum_packet_size": (39, "u32", {CONNECT, CONNACK}), "wildcard_available": (40, "byte", {CONNACK}),
    "subscription_id_available": (41, "byte", {CONNACK}), "shared_available": (42, "byte", {CONNACK}),
}
BY_ID = {number: (name, kind, where) for name, (number, kind, where) in PROPERTIES.items()}
REPEATED = ("user", "subscription_id")


class Malformed(Exception):
    """The server sent what is no MQTT."""


def varint(value):
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def binary(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def property_bytes(name, value):
    number, kind, _ = PROPERTIES[name]
    write = {"byte": lambda v: bytes([v]), "u16": lambda v: struct.pack(">H", v), "u32": lambda v: struct.pack(">I", v),
             "varint": varint, "text": binary, "binary": binary, "pair": lambda v: binary(v[0]) + binary(v[1])}[kind]
    return bytes([number]) + write(value)


def properties(values):
    """Of a dict; a list gives the property several times, in its order. Bytes are taken as they are."""
    if isinstance(values, bytes):
        return varint(len(values)) + values
    body = b"".join(property_bytes(name, one) for name, value in (values or {}).items()
                    for one in (value if isinstance(value, list) else [value]))
    return varint(len(body)) + body


def packet(kind, body=b"", flags=None):
    return bytes([kind << 4 | (FLAGS.get(kind, 0) if flags is None else flags)]) + varint(len(body)) + body


def connect(version, client_id="", clean=True, keep_alive=60, user=None, password=None, will=None, props=None,
            name=None, level=None, flags=None):
    """will: a dict of topic, payload, qos, retain, props. `flags` overrides the connect flags."""
    bits = 0x02 if clean else 0
    payload = binary(client_id)
    if will is not None:
        bits |= 0x04 | will.get("qos", 0) << 3 | (0x20 if will.get("retain") else 0)
        if version == 5:
            payload += properties(will.get("props"))
        payload += binary(will["topic"]) + binary(will.get("payload", b""))
    if user is not None:
        bits |= 0x80
        payload += binary(user)
    if password is not None:
        bits |= 0x40
        payload += binary(password)
    head = binary(name if name is not None else "MQIsdp" if version == 3 else "MQTT")
    head += bytes([version if level is None else level, bits if flags is None else flags])
    head += struct.pack(">H", keep_alive) + (properties(props) if version == 5 else b"")
    return packet(CONNECT, head + payload)


def publish(version, topic, payload=b"", qos=0, retain=False, dup=False, packet_id=0, props=None):
    body = binary(topic) + (struct.pack(">H", packet_id) if qos else b"")
    if version == 5:
        body += properties(props)
    payload = payload.encode() if isinstance(payload, str) else payload
    return packet(PUBLISH, body + payload, (8 if dup else 0) | qos << 1 | (1 if retain else 0))


def subscribe(version, packet_id, filters, props=None, flags=None):
    """filters: (filter, options byte) each."""
    body = struct.pack(">H", packet_id) + (properties(props) if version == 5 else b"")
    return packet(SUBSCRIBE, body + b"".join(binary(name) + bytes([options]) for name, options in filters), flags)


def unsubscribe(version, packet_id, filters, props=None, flags=None):
    body = struct.pack(">H", packet_id) + (properties(props) if version == 5 else b"")
    return packet(UNSUBSCRIBE, body + b"".join(map(binary, filters)), flags)


def ack(kind, packet_id, reason=None, props=None, flags=None):
    body = struct.pack(">H", packet_id) + (b"" if reason is None else bytes([reason]))
    return packet(kind, body + (b"" if props is None else properties(props)), flags)


def disconnect(reason=None, props=None, flags=None):
    body = b"" if reason is None else bytes([reason])
    return packet(DISCONNECT, body + (b"" if props is None else properties(props)), flags)


def options(qos=0, no_local=False, as_published=False, retain_handling=0):
    return qos | (4 if no_local else 0) | (8 if as_published else 0) | retain_handling << 4


class Reader:
    """Takes fields off a packet's body."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, count):
        if self.at + count > len(self.body):
            raise Malformed("a packet ends within a field")
        self.at += count
        return self.body[self.at - count:self.at]

    def left(self):
        return len(self.body) - self.at

    def byte(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def varint(self):
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:
                    raise Malformed("an integer longer than it needs to be")
                return value
        raise Malformed("an integer of more than four bytes")

    def binary(self):
        return self.take(self.u16())

    def text(self):
        data = self.binary()
        try:
            value = data.decode()
        except UnicodeDecodeError as error:
            raise Malformed(f"text that is no UTF-8: {data!r}") from error
        if "\0" in value:
            raise Malformed("text with U+0000")
        return value

    def pair(self):
        return self.text(), self.text()

    def properties(self, kind):
        block = Reader(self.take(self.varint()))
        found = {}
        while block.left():
            name, form, where = BY_ID.get(number := block.varint(), (None, None, None))
            if name is None or kind not in where:
                raise Malformed(f"property {number} in {NAMES[kind]}")
            value = getattr(block, form)()
            if name in REPEATED:
                found.setdefault(name, []).append(value)
            elif name in found:
                raise Malformed(f"{name} twice")
            else:
                found[name] = value
        return found


class Packet:
    """One packet from the server, decoded."""

    def __init__(self, version, first, body):
        self.kind, self.flags, self.size = first >> 4, first & 0x0F, 1 + len(varint(len(body))) + len(body)
        self.props, self.packet_id, self.reason = {}, None, None
        reader = Reader(body)
        read = getattr(self, f"_{NAMES[self.kind].lower()}", None)
        if read is None:
            raise Malformed(f"a server sends no {NAMES[self.kind] or 'packet of type 0'}")
        if self.kind != PUBLISH and self.flags != FLAGS.get(self.kind, 0):
            raise Malformed(f"{NAMES[self.kind]} with flags {self.flags:04b}")
        read(reader, version)
        if reader.left():
            raise Malformed(f"{reader.left()} bytes after the end of {NAMES[self.kind]}")

    def _connack(self, reader, version):
        flags = reader.byte()
        if flags & 0xFE:
            raise Malformed(f"acknowledge flags {flags:08b}")
        self.session_present = bool(flags)
        self.reason = reader.byte()
        if version == 5:
            self.props = reader.properties(CONNACK)

    def _publish(self, reader, version):
        self.dup, self.qos, self.retain = bool(self.flags & 8), self.flags >> 1 & 3, bool(self.flags & 1)
        self.topic = reader.text()
        if self.qos:
            self.packet_id = reader.u16()
        if version == 5:
            self.props = reader.properties(PUBLISH)
        self.payload = reader.take(reader.left())
        if self.qos == 3 or self.packet_id == 0 or (self.dup and not self.qos):
            raise Malformed(f"PUBLISH with QoS {self.qos}, DUP {self.dup}, identifier {self.packet_id}")

    def _acknowledgement(self, reader, version):
        self.packet_id, self.reason = reader.u16(), 0
        if version == 5 and reader.left():
            self.reason = reader.byte()
            if reader.left():
                self.props = reader.properties(self.kind)

    _puback = _pubrec = _pubrel = _pubcomp = _acknowledgement

    def _suback(self, reader, version):
        self.packet_id = reader.u16()
        if version == 5:
            self.props = reader.properties(self.kind)
        self.reasons = list(reader.take(reader.left()))

    def _unsuback(self, reader, version):
        self._suback(reader, version)
        if version != 5 and self.reasons:
            raise Malformed("UNSUBACK with a payload")

    def _pingresp(self, reader, version):
        pass

    def _disconnect(self, reader, version):
        if version != 5:
            raise Malformed("DISCONNECT from a server before 5.0")
        self.reason = reader.byte() if reader.left() else 0
        if reader.left():
            self.props = reader.properties(DISCONNECT)

    def _auth(self, reader, version):
        if version != 5:
            raise Malformed("AUTH before 5.0")
        self.reason = reader.byte() if reader.left() else 0
        if reader.left():
            self.props = reader.properties(AUTH)

    def __str__(self):
        fields = {key: value for key, value in vars(self).items()
                  if key not in ("kind", "flags", "size") and value not in (None, {}, False)}
        return f"{NAMES[self.kind]}({', '.join(f'{key}={value!r:.60}' for key, value in fields.items())})"

    __repr__ = __str__


def cut(buffer):
    """(first byte, body, bytes taken) of a complete packet at the front, else None."""
    length = 0
    for at in range(1, 5):
        if at >= len(buffer):
            return None
        length |= (buffer[at] & 0x7F) << 7 * (at - 1)
        if buffer[at] < 0x80:
            end = at + 1 + length
            return (buffer[0], bytes(buffer[at + 1:end]), end) if len(buffer) >= end else None
    raise Malformed("a remaining length of more than four bytes")
