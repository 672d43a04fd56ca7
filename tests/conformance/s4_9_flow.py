# SPDX-License-Identifier: Apache-2.0
"""Flow control (5.0 sections 3.3.4 and 4.9): Receive Maximum both ways."""
import codec
from client import equal, expect
from codec import PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBREC, PUBREL, SUBACK
from registry import case


async def reader_with(bus, maximum, qos=2):
    reader = await bus.connect(props={"receive_maximum": maximum})
    await reader.subscribe(bus.topic(), qos=qos)
    return reader


@case("MQTT-3.3.4-9", "MQTT-4.9.0-1", "MQTT-4.9.0-2")
async def the_server_keeps_within_receive_maximum(bus):
    publisher = await bus.connect()
    for maximum in (1, 2, 5):
        reader = await reader_with(bus, maximum)
        for number in range(8):
            await publisher.publish(bus.topic(), f"{number}", 1)
        got = [await reader.message(ack=False) for _ in range(maximum)]
        for number in range(maximum, 8):
            equal(await reader.is_alive(), [], "messages beyond the window")
            reader.ack(PUBACK, got[number - maximum].packet_id)
            got.append(await reader.message(ack=False, payload=b"%d" % number))
        for message in got[8 - maximum:]:
            reader.ack(PUBACK, message.packet_id)
        await reader.gone()


@case("MQTT-3.3.4-9", "MQTT-4.9.0-2")
async def qos_2_frees_its_place_at_pubcomp(bus):
    publisher, reader = await bus.connect(), await reader_with(bus, 1)
    for payload in (b"1", b"2"):
        await publisher.publish(bus.topic(), payload, 2)
    got = await reader.message(ack=False, payload=b"1")
    reader.ack(PUBREC, got.packet_id)
    await reader.expect(PUBREL)
    equal(await reader.is_alive(), [], "messages before PUBCOMP")
    reader.ack(PUBCOMP, got.packet_id)
    await reader.message(payload=b"2")


@case("MQTT-3.3.4-9", "MQTT-4.9.0-2")
async def a_refusing_pubrec_frees_its_place(bus):
    publisher, reader = await bus.connect(), await reader_with(bus, 1)
    for payload in (b"1", b"2"):
        await publisher.publish(bus.topic(), payload, 2)
    got = await reader.message(ack=False, payload=b"1")
    reader.ack(PUBREC, got.packet_id, 0x83)
    await reader.message(payload=b"2")


@case("MQTT-3.3.4-10", "MQTT-4.9.0-3")
async def a_full_window_delays_nothing_else(bus):
    publisher, reader = await bus.connect(), await reader_with(bus, 1)
    for payload in (b"1", b"2"):
        await publisher.publish(bus.topic(), payload, 1)
    held = await reader.message(ack=False)
    reader.send(codec.packet(PINGREQ))
    await reader.expect(PINGRESP)
    reader.send(codec.subscribe(5, 100, [(bus.topic("other"), 1)]))
    await reader.expect(SUBACK, packet_id=100)
    equal(await reader.unsubscribe(bus.topic("other")), [0], "codes")
    reader.send_publish(bus.topic("mine"), b"x", 1, packet_id=50)
    await reader.expect(PUBACK, packet_id=50)
    reader.send_publish(bus.topic("mine"), b"x", 2, packet_id=51)
    await reader.expect(PUBREC, packet_id=51)
    reader.ack(PUBREL, 51)
    await reader.expect(PUBCOMP, packet_id=51)
    reader.ack(PUBACK, held.packet_id)
    await reader.message(payload=b"2")


@case("MQTT-4.9.0-1", "MQTT-4.9.0-3", "MQTT-3.3.4-1")
async def the_server_takes_as_many_as_it_said(bus):
    """Receive Maximum of CONNACK, and as many exchanges of QoS 2 at a time; a hundred are enough to ask for."""
    publisher = await bus.connect()
    count = min(publisher.connack.props.get("receive_maximum", 65535), 100)
    for packet_id in range(1, count + 1):
        publisher.send_publish(bus.topic(), b"x", 2, packet_id=packet_id)
    equal([(await publisher.expect(PUBREC)).packet_id for _ in range(count)], list(range(1, count + 1)), "PUBRECs")
    for packet_id in range(1, count + 1):
        publisher.ack(PUBREL, packet_id)
    equal([(await publisher.expect(PUBCOMP)).packet_id for _ in range(count)], list(range(1, count + 1)), "PUBCOMPs")


@case("MQTT-4.13.2-1", "MQTT-4.13.1-1")
async def beyond_the_servers_window_the_end_is_a_proper_one(bus):
    """A server may be more patient than it says; if it closes, then with 0x93."""
    publisher = await bus.connect()
    count = publisher.connack.props.get("receive_maximum", 65535)
    if count > 2000:
        return
    for packet_id in range(1, count + 20):
        publisher.send_publish(bus.topic(), b"x", 2, packet_id=packet_id)
    publisher.send(codec.packet(PINGREQ))
    while (got := await publisher.packet()) and got.kind == PUBREC:
        pass
    if got and got.kind == codec.DISCONNECT:
        equal(got.reason, 0x93, "reason of DISCONNECT")
        equal(await publisher.packet(), None, "what follows")
    else:
        expect(got is None or got.kind == PINGRESP, f"got {got}")


@case("MQTT-3.3.4-9")
async def qos_0_is_outside_the_window(bus):
    """It may wait behind the window, and it may not be lost to it."""
    publisher, reader = await bus.connect(), await reader_with(bus, 1)
    await publisher.publish(bus.topic(), b"1", 1)
    held = await reader.message(ack=False)
    for payload in (b"a", b"b", b"c"):
        await publisher.publish(bus.topic(), payload)
    await publisher.is_alive()
    reader.ack(PUBACK, held.packet_id)
    for payload in (b"a", b"b", b"c"):
        await reader.message(payload=payload, qos=0)
