# SPDX-License-Identifier: Apache-2.0
"""Quality of service (5.0 and 3.1.1 section 4.3): the exchanges of QoS 0, 1 and 2 in both directions."""
import asyncio

import codec
from client import equal, expect
from codec import PUBACK, PUBCOMP, PUBREC, PUBREL
from registry import case


@case("MQTT-4.3.2-2", "MQTT-4.3.3-2", "MQTT-4.3.1-1", "MQTT311-4.3.1-1", "MQTT311-4.3.2-1", "MQTT311-4.3.3-1",
      "MQTT-4.3.2-4", "MQTT-4.3.3-8", "MQTT311-4.3.2-2", "MQTT311-4.3.3-2", "MQTT-2.2.1-5")
async def each_qos_is_delivered_once(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    for qos in (0, 1, 2):
        await publisher.publish(bus.topic(), f"{qos}", qos)
        await reader.message(payload=b"%d" % qos, qos=qos, dup=False)
    equal(await reader.heard(publisher), [], "copies")


@case("MQTT-4.3.2-5", "MQTT311-4.3.2-2")
async def after_puback_the_identifier_is_a_new_messages(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    for payload, dup in ((b"1", False), (b"2", False), (b"3", True)):
        publisher.send_publish(bus.topic(), payload, 1, packet_id=5, dup=dup)
        await publisher.expect(PUBACK, packet_id=5)
        await reader.message(payload=payload)


@case("MQTT-4.3.3-10", "MQTT311-4.3.3-2")
async def a_repeat_before_pubrel_is_delivered_to_nobody_again(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    for dup in (False, True, True):
        publisher.send_publish(bus.topic(), b"x", 2, packet_id=5, dup=dup)
        await publisher.expect(PUBREC, packet_id=5)
    publisher.ack(PUBREL, 5)
    await publisher.expect(PUBCOMP, packet_id=5)
    await reader.message(payload=b"x", qos=2)
    equal(await reader.heard(publisher), [], "copies")


@case("MQTT-4.3.3-10", "MQTT311-4.3.3-2", "MQTT-4.4.0-1", "MQTT311-4.4.0-1")
async def a_repeat_after_a_reconnect_is_delivered_to_nobody_again(bus):
    who, reader = bus.name(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    first = await bus.durable(who)
    first.send_publish(bus.topic(), b"x", 2, packet_id=5)
    await first.expect(PUBREC, packet_id=5)
    first.vanish()
    second = await bus.durable(who)
    second.send_publish(bus.topic(), b"x", 2, packet_id=5, dup=True)
    await second.expect(PUBREC, packet_id=5)
    second.ack(PUBREL, 5)
    await second.expect(PUBCOMP, packet_id=5)
    await reader.message(payload=b"x", qos=2)
    equal(await reader.heard(second), [], "copies")


@case("MQTT-4.3.3-12", "MQTT311-4.3.3-2")
async def after_pubcomp_the_identifier_is_a_new_messages(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    for payload in (b"1", b"2"):
        publisher.send_publish(bus.topic(), payload, 2, packet_id=5, dup=payload == b"2")
        await publisher.expect(PUBREC, packet_id=5)
        publisher.ack(PUBREL, 5)
        await publisher.expect(PUBCOMP, packet_id=5)
        await reader.message(payload=payload)


@case("MQTT-4.3.3-9")
async def after_a_refusing_pubrec_the_identifier_is_a_new_messages(bus):
    """Whatever the server refuses; one that refuses nothing keeps the rule by never saying so."""
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    publisher.send_publish("$SYS/broker/uptime", b"x", 2, packet_id=5)
    got = await publisher.packet()
    if got and got.kind == PUBREC and got.reason >= 0x80:
        publisher.send_publish(bus.topic(), b"new", 2, packet_id=5)
        await publisher.expect(PUBREC, packet_id=5, reason=0)
        publisher.ack(PUBREL, 5)
        await publisher.expect(PUBCOMP, packet_id=5)
        await reader.message(payload=b"new")


@case("MQTT-4.3.3-11", "MQTT311-4.3.3-2")
async def each_pubrel_has_its_pubcomp(bus):
    """Also one that comes twice, or of which the server knows nothing: the exchange must end for the client."""
    publisher = await bus.connect()
    publisher.send_publish(bus.topic(), b"x", 2, packet_id=5)
    await publisher.expect(PUBREC, packet_id=5)
    for reasons in ((0,), (0, 0x92)):
        publisher.ack(PUBREL, 5)
        got = await publisher.expect(PUBCOMP, packet_id=5)
        expect(got.reason in reasons, f"{got}")


@case("MQTT-4.3.3-4", "MQTT-4.3.3-5", "MQTT311-4.3.3-1", "MQTT-4.3.3-3", "MQTT-2.2.1-5", "MQTT311-2.3.1-6")
async def a_delivery_of_qos_2_goes_step_by_step(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    await publisher.publish(bus.topic(), b"x", 2)
    got = await reader.message(ack=False, qos=2)
    equal(await reader.is_alive(), [], "packets before PUBREC")
    reader.ack(PUBREC, got.packet_id)
    await reader.expect(PUBREL, packet_id=got.packet_id)
    equal(await reader.is_alive(), [], "packets before PUBCOMP")
    reader.ack(PUBCOMP, got.packet_id)
    await publisher.publish(bus.topic(), b"y", 2)
    await reader.message(payload=b"y")


@case("MQTT-4.3.3-4", "MQTT-4.4.0-2", "MQTT-4.3.3-6")
async def a_client_may_refuse_a_delivery(bus):
    who, publisher, reader = bus.name(), await bus.connect(), None
    reader = await bus.durable(who, props={"receive_maximum": 1})
    await reader.subscribe(bus.topic(), qos=2)
    for qos, kind in ((1, PUBACK), (2, PUBREC)):
        await publisher.publish(bus.topic(), b"refused", qos)
        got = await reader.message(ack=False, qos=qos)
        reader.ack(kind, got.packet_id, 0x97)
        await publisher.publish(bus.topic(), b"next", qos)  # There is room in the window again.
        await reader.message(payload=b"next", qos=qos)
    await reader.gone()
    reader = await bus.durable(who)
    equal(await reader.heard(publisher), [], "messages sent again")


@case("MQTT-4.3.3-7", "MQTT-4.3.3-13")
async def what_was_sent_once_does_not_expire(bus):
    who, publisher = bus.name(), await bus.connect()
    reader = await bus.durable(who)
    await reader.subscribe(bus.topic(), qos=2)
    await publisher.publish(bus.topic(), b"x", 2, props={"message_expiry": 2})
    got = await reader.message(ack=False)
    reader.vanish()
    await asyncio.sleep(3)
    reader = await bus.durable(who)
    await reader.message(packet_id=got.packet_id, dup=True, payload=b"x")


@case("MQTT-4.3.3-13", "MQTT-4.3.3-4")
async def the_exchange_goes_on_after_the_expiry(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    await publisher.publish(bus.topic(), b"x", 2, props={"message_expiry": 2})
    got = await reader.message(ack=False)
    await asyncio.sleep(2.5)
    reader.ack(PUBREC, got.packet_id)
    await reader.expect(PUBREL, packet_id=got.packet_id)
    reader.ack(PUBCOMP, got.packet_id)


@case("MQTT-4.5.0-1", "MQTT311-4.5.0-1")
async def every_matching_session_gets_the_message(bus):
    publisher, readers = await bus.connect(), []
    for topic_filter in (bus.topic("a"), bus.topic("+"), bus.topic("#"), f"+/{bus.topic('a').split('/', 1)[1]}"):
        for qos in (0, 1, 2):
            reader = await bus.connect()
            await reader.subscribe(topic_filter, qos=qos)
            readers.append((reader, qos))
    await publisher.publish(bus.topic("a"), b"x", 2)
    for reader, qos in readers:
        await reader.message(topic=bus.topic("a"), payload=b"x", qos=qos)


@case("MQTT311-4.8.0-1", "MQTT-4.13.1-1", "MQTT-4.3.2-3", "MQTT311-4.3.2-1")
async def acknowledgements_of_nothing_do_no_harm(bus):
    """The server either closes (a protocol error), or goes on as if nothing was said: its own deliveries are not touched."""
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    await publisher.publish(bus.topic(), b"x", 1)
    got = await reader.message(ack=False)
    for kind in (PUBACK, PUBCOMP):
        reader.ack(kind, got.packet_id + 100)
    reader.send(codec.packet(codec.PINGREQ))
    answer = await reader.packet()
    expect(answer is None or answer.kind in (codec.PINGRESP, codec.DISCONNECT), f"got {answer}")
    if answer and answer.kind == codec.PINGRESP:
        reader.ack(PUBACK, got.packet_id)
        await publisher.publish(bus.topic(), b"y", 1)
        await reader.message(payload=b"y")


@case("MQTT-3.3.4-1", "MQTT311-3.3.4-1")
async def large_and_empty_payloads_arrive_whole(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    for size in (0, 1, 127, 128, 16383, 16384, 70000, 300000):
        payload = bytes(number * 7 % 251 for number in range(min(size, 997))) * (size // 997 + 1)
        for qos in (0, 1, 2):
            await publisher.publish(bus.topic(), payload[:size], qos)
            got = await reader.message(qos=qos)
            expect(got.payload == payload[:size], f"{len(got.payload)} other bytes instead of {size}")
