# SPDX-License-Identifier: Apache-2.0
"""A client that a case leads by the hand, and the Bus that gives a case its clients and names.

Nothing is read, sent or acknowledged unless the case says so; every wait is for a packet, bounded, never for time.
"""
import asyncio
import itertools
import os

import codec
from codec import (AUTH, CONNACK, DISCONNECT, NAMES, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK,
                   UNSUBACK)
from link import PATIENCE_S, open_link

RUN = os.urandom(3).hex()
numbers = itertools.count(1)


class Failed(AssertionError):
    """The server did not do what the statement says."""


def expect(holds, what):
    if not holds:
        raise Failed(what)


def equal(got, wanted, what):
    expect(got == wanted, f"{what}: expected {wanted!r}, got {got!r}")


class Client:
    def __init__(self, link, version):
        self.link, self.version = link, version
        self.buffer = bytearray()
        self.connack, self.marker, self.client_id = None, None, None
        self.qos_max = 0  # Of its subscriptions.
        self.ids = itertools.count(1)

    # What it sends.

    def send(self, data):
        self.link.write(data)

    def send_connect(self, client_id="", **options):
        self.client_id = client_id
        self.send(codec.connect(self.version, client_id, **options))

    def send_publish(self, topic, payload=b"", qos=0, packet_id=None, **options):
        """Its packet identifier."""
        packet_id = packet_id or (next(self.ids) if qos else 0)
        self.send(codec.publish(self.version, topic, payload, qos, packet_id=packet_id, **options))
        return packet_id

    def ack(self, kind, packet_id, reason=None, **more):
        self.send(codec.ack(kind, packet_id, reason, **more))

    # What it hears.

    async def packet(self, patience=PATIENCE_S):
        """The next packet; None at the end of the connection."""
        while not (found := codec.cut(self.buffer)):
            try:
                data = await asyncio.wait_for(self.link.read(), patience)
            except asyncio.TimeoutError:
                raise Failed("nothing came, and the connection stayed open") from None
            if not data:
                expect(not self.buffer, f"the connection closed within a packet: {bytes(self.buffer[:20]).hex()}")
                return None
            self.buffer += data
        first, body, taken = found
        del self.buffer[:taken]
        return codec.Packet(self.version, first, body)

    async def expect(self, kind, **fields):
        """The next packet, which has this type and these fields."""
        got = await self.packet()
        expect(got and got.kind == kind, f"expected {NAMES[kind]}, got {got or 'the end of the connection'}")
        for name, value in fields.items():
            equal(getattr(got, name), value, f"{name} of {got}")
        return got

    async def closed(self, reasons=None):
        """Waits until the server closes. The reason of its DISCONNECT, None if it sent none; PUBLISHes before are
        skipped. `reasons`: what a DISCONNECT may say."""
        reason = None
        while got := await self.packet():
            expect(reason is None, f"{got} after DISCONNECT")
            expect(got.kind in (DISCONNECT, PUBLISH), f"expected the end of the connection, got {got}")
            if got.kind == DISCONNECT:
                reason = got.reason
                expect(reason >= 0x80, f"DISCONNECT says {reason:#04x} and nobody asked for the end")
        if reasons and reason is not None:
            expect(reason in reasons, f"DISCONNECT says {reason:#04x}, expected {', '.join(map(hex, reasons))}")
        return reason

    async def refused(self, reasons):
        """A CONNACK that refuses, then the end; or the end alone. `reasons`: what CONNACK may say."""
        got = await self.packet()
        if got is None:
            return None
        expect(got.kind == CONNACK and got.reason, f"expected a refusal, got {got}")
        expect(not got.session_present, "a refusal with Session Present")
        expect(got.reason in reasons, f"CONNACK says {got.reason:#04x}, expected {', '.join(map(hex, reasons))}")
        got_more = await self.packet()
        expect(got_more is None, f"expected the end of the connection after the refusal, got {got_more}")
        return got.reason

    async def is_alive(self):
        """PINGREQ, PINGRESP; the packets before it."""
        self.send(codec.packet(PINGREQ))
        return await self.until(PINGRESP)

    async def until(self, kind):
        """The packets before the next one of a type; that one is dropped."""
        before = []
        while (got := await self.packet()) and got.kind != kind:
            before.append(got)
        expect(got, f"expected {NAMES[kind]}, got {', '.join(map(str, before)) or 'nothing'} and the end of the connection")
        return before

    # Whole exchanges.

    async def subscribe(self, *filters, qos=0, props=None, **options):
        """The codes of SUBACK. A filter is a text, or (text, options byte). What comes before SUBACK stays in `early`."""
        pairs = [one if isinstance(one, tuple) else (one, codec.options(qos, **options)) for one in filters]
        self.qos_max = max([self.qos_max] + [byte & 3 for _, byte in pairs])
        packet_id = next(self.ids)
        self.send(codec.subscribe(self.version, packet_id, pairs, props))
        self.early = []
        while (got := await self.packet()) and got.kind == PUBLISH:
            self.early.append(got)
        expect(got and got.kind == SUBACK, f"expected SUBACK, got {got or 'the end of the connection'}")
        equal(got.packet_id, packet_id, "identifier of SUBACK")
        equal(len(got.reasons), len(pairs), "codes in SUBACK")
        return got.reasons

    async def unsubscribe(self, *filters, **more):
        packet_id = next(self.ids)
        self.send(codec.unsubscribe(self.version, packet_id, filters, **more))
        return (await self.expect(UNSUBACK, packet_id=packet_id)).reasons

    async def publish(self, topic, payload=b"", qos=0, **options):
        """The whole exchange of the QoS; the reason of PUBACK or PUBREC."""
        packet_id = self.send_publish(topic, payload, qos, **options)
        if qos == 0:
            return None
        got = await self.expect(PUBACK if qos == 1 else PUBREC, packet_id=packet_id)
        if qos == 2 and got.reason < 0x80:
            self.ack(PUBREL, packet_id)
            await self.expect(PUBCOMP, packet_id=packet_id)
        return got.reason

    async def message(self, ack=True, **fields):
        """The next PUBLISH, acknowledged to the end unless told not to."""
        got = await self.expect(PUBLISH, **fields)
        if ack:
            await self.acknowledge(got)
        return got

    async def acknowledge(self, message):
        """PUBLISHes that come within a QoS 2 exchange are a failure of the case, not of the server: take them first."""
        if message.qos == 1:
            self.ack(PUBACK, message.packet_id)
        elif message.qos == 2:
            self.ack(PUBREC, message.packet_id)
            await self.expect(PUBREL, packet_id=message.packet_id)
            self.ack(PUBCOMP, message.packet_id)

    async def heard(self, publisher):
        """What reached this client of all that `publisher` sent before: it publishes a marker, which comes last."""
        topic = f"marker/{RUN}/{next(numbers)}"
        packet_id = next(self.ids)
        self.send(codec.subscribe(self.version, packet_id, [(topic, self.qos_max)]))
        messages, is_subscribed, has_marker = [], False, False
        while not (is_subscribed and has_marker):
            got = await self.packet()
            expect(got, f"the connection ended after {', '.join(map(str, messages)) or 'nothing'}")
            if got.kind == SUBACK and got.packet_id == packet_id:
                is_subscribed = True
                marker_id = publisher.send_publish(topic, qos=1)
                if publisher is not self:
                    await publisher.expect(PUBACK, packet_id=marker_id)
                continue
            if got.kind == PUBACK and publisher is self:
                continue
            if got.kind == PUBREL:
                self.ack(PUBCOMP, got.packet_id)
                continue
            expect(got.kind == PUBLISH, f"expected messages, got {got}")
            if got.qos:
                self.ack(PUBACK if got.qos == 1 else PUBREC, got.packet_id)
            if got.topic == topic:
                has_marker = True
            else:
                messages.append(got)
        return messages

    def leave(self, reason=None, **more):
        """DISCONNECT and no wait."""
        self.send(codec.disconnect(reason, **more))

    async def gone(self, reason=None, **more):
        """DISCONNECT, then waits until the server has closed."""
        self.leave(reason, **more)
        expect(await self.packet() is None, "something came after DISCONNECT")

    def vanish(self):
        """The network fails."""
        self.link.abort()


class Bus:
    """What a case has: the server, the version and the transport it is run with, names of its own."""

    def __init__(self, target, version, transport):
        self.target, self.version, self.transport = target, version, transport
        self.clients = []
        self.root = f"t/{RUN}/{next(numbers)}"

    def topic(self, name=""):
        """A topic below one that no other case uses."""
        return f"{self.root}/{name}" if name else self.root

    def name(self):
        """A client identifier of at most 23 characters [MQTT311-3.1.3-5]."""
        return f"c{RUN}n{next(numbers)}"

    async def open(self, version=None, **upgrade):
        """Connected by its transport, no MQTT yet."""
        link = await open_link(self.target, self.transport, **upgrade)
        self.clients.append(Client(link, version or self.version))
        return self.clients[-1]

    async def connect(self, client_id=None, version=None, **options):
        """Accepted by the server. `expiry`: seconds that a session of 5.0 stays; before 5.0 any is for ever."""
        client = await self.open(version)
        expiry = options.pop("expiry", None)
        if expiry is not None and client.version == 5:
            options["props"] = {**options.get("props", {}), "session_expiry": expiry}
        client.send_connect(self.name() if client_id is None else client_id, **options)
        client.connack = await client.expect(CONNACK, reason=0)
        return client

    async def durable(self, client_id, **options):
        """A connection to the session of this identifier, which stays when it ends."""
        return await self.connect(client_id, clean=False, **{"expiry": 300, **options})

    async def each_closes(self, packets, reasons):
        """Each of these ends a connection of its own; what a DISCONNECT may say."""
        for what, data in packets.items():
            client = await self.connect()
            client.send(data)
            try:
                await client.closed(reasons)
            except Failed as failure:
                raise Failed(f"{what}: {failure}") from None

    def close(self):
        for client in self.clients:
            client.link.abort()


__all__ = ["AUTH", "Bus", "Client", "Failed", "equal", "expect"]
