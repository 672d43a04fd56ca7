# SPDX-License-Identifier: Apache-2.0
"""Where the standards leave a server a choice: a question each, and how to find out what a server chose.

differences.py asks them and prints those that two servers answer differently. Nothing here is right or wrong.
"""
import asyncio

import codec
from client import Bus
from codec import CONNACK, PUBLISH, PUBREC, PUBREL, SUBACK, PINGREQ, PINGRESP

questions = []


def question(text):
    def add(probe):
        questions.append((text, probe))
        return probe
    return add


def told(got):
    """A packet, or the end, in few words."""
    if got is None:
        return "closes"
    reason = got.reasons if got.kind == SUBACK else got.reason
    words = ", ".join(f"{one:#04x}" for one in (reason if isinstance(reason, list) else [reason]))
    return f"{codec.NAMES[got.kind]} {words}"


async def answer_to(bus, data):
    """Of the first packet that answers this; a server that waits for its disk answers a few pings first."""
    client = await bus.connect()
    client.send(data)
    for _ in range(50):
        client.send(codec.packet(PINGREQ))
        if (got := await client.packet()) is None or got.kind != PINGRESP:
            return told(got)
        await asyncio.sleep(0.01)
    return "nothing"


@question("CONNACK announces")
async def announced(bus):
    props = (await bus.connect(expiry=0xFFFFFFFF)).connack.props
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(props.items())) or "nothing"


@question("CONNECT of an unknown protocol level is answered by")
async def unknown_level(bus):
    client = await bus.open(4)
    client.send(codec.connect(4, bus.name(), level=6))
    return told(await client.packet())


@question("a client identifier of 24 characters in 3.1")
async def long_identifier(bus):
    client = await bus.open(3)
    client.send_connect(bus.name().ljust(24, "x"))
    got = await client.packet()
    return "is accepted" if got and got.kind == CONNACK and not got.reason else f"is refused: {told(got)}"


@question("PUBLISH at QoS 1 below $SYS is answered by")
async def publish_sys(bus):
    return await answer_to(bus, codec.publish(5, "$SYS/broker/uptime", b"x", 1, packet_id=1))


@question("PUBLISH at QoS 1 below another $ topic is answered by")
async def publish_dollar(bus):
    return await answer_to(bus, codec.publish(5, f"$other/{bus.topic()}", b"x", 1, packet_id=1))


@question("PUBLISH at QoS 1 that nobody reads is answered by")
async def publish_unread(bus):
    return await answer_to(bus, codec.publish(5, bus.topic(), b"x", 1, packet_id=1))


@question("PUBLISH with a control character in its topic is answered by")
async def control_character(bus):
    return await answer_to(bus, codec.publish(5, bus.topic("\x01"), b"x", 1, packet_id=1))


@question("PUBREL of an unknown identifier is answered by")
async def unknown_pubrel(bus):
    return await answer_to(bus, codec.ack(PUBREL, 99))


@question("SUBSCRIBE with a bad filter (a/#/b) is answered by")
async def bad_filter(bus):
    return await answer_to(bus, codec.subscribe(5, 1, [("a/#/b", 0)]))


@question("SUBSCRIBE below a $ topic that is not $SYS is answered by")
async def subscribe_dollar(bus):
    return await answer_to(bus, codec.subscribe(5, 1, [("$other/#", 0)]))


@question("a message that three subscriptions of one client match")
async def copies(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe((bus.topic("a"), 1), (bus.topic("+"), 1), (bus.topic("#"), 1))
    await publisher.publish(bus.topic("a"), b"x", 1)
    return f"is sent {len(await reader.heard(publisher))} times"


@question("a QoS 2 message is passed on")
async def when_passed_on(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    publisher.send_publish(bus.topic(), b"x", 2, packet_id=1000)
    await publisher.expect(PUBREC)
    return "when it comes" if await reader.heard(await bus.connect()) else "when PUBREL comes"


@question("a client that allows topic aliases is sent")
async def aliases(bus):
    reader, publisher = await bus.connect(props={"topic_alias_maximum": 10}), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    for _ in range(3):
        await publisher.publish(bus.topic(), b"x", 1)
    return "aliases" if any("topic_alias" in message.props for message in await reader.heard(publisher)) else "none"


@question("messages in flight at a time to a client that sets no Receive Maximum, of 100")
async def window(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    for _ in range(100):
        await publisher.publish(bus.topic(), b"x", 1)
    await reader.packet()
    return str(1 + len([got for got in await reader.is_alive() if got.kind == PUBLISH]))


async def answers(target):
    """By question."""
    found = {}
    for text, probe in questions:
        bus = Bus(target, 5, "tcp")
        try:
            found[text] = await probe(bus)
        finally:
            bus.close()
    return found
