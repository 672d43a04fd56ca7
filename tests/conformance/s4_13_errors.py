# SPDX-License-Identifier: Apache-2.0
"""Handling errors (5.0 section 4.13, 3.1.1 section 4.8): what of it no section before has."""
import codec
from client import equal, expect
from codec import PUBACK, PUBREC
from registry import case


@case("MQTT311-3.2.2-6", "MQTT311-3.1.4-1", versions=(4,))
async def where_no_return_code_fits_nothing_is_said(bus):
    client = await bus.open()
    client.send_connect(bus.name(), will={"topic": bus.topic("#")})
    equal(await client.packet(), None, "answer")


@case("MQTT311-3.3.5-2")
async def a_publish_that_is_not_allowed_is_acknowledged_or_closes(bus):
    """Nobody but the server publishes below $SYS."""
    reader = await bus.connect()
    await reader.subscribe("$SYS/never", qos=2)
    for qos, kind in ((1, PUBACK), (2, PUBREC)):
        client = await bus.connect()
        client.send_publish("$SYS/never", b"x", qos, packet_id=3)
        got = await client.packet()
        expect(got is None or got.kind == kind and got.packet_id == 3, f"got {got}")
        if got and qos == 2:
            client.ack(codec.PUBREL, 3)
            got = await client.packet()
            expect(got is None or got.kind == codec.PUBCOMP and got.packet_id == 3, f"got {got}")
    equal(await reader.heard(await bus.connect()), [], "messages")


@case("MQTT-4.13.1-1", "MQTT311-4.8.0-1")
async def packets_that_end_too_soon_close(bus):
    v5 = b"\0" if bus.version == 5 else b""
    short = {"PUBLISH without a topic": codec.packet(codec.PUBLISH, b"\0"), "PUBLISH, topic cut": codec.packet(codec.PUBLISH, b"\0\5abc"),
             "PUBLISH without identifier": codec.packet(codec.PUBLISH, b"\0\1a", 2), "PUBACK": codec.packet(PUBACK, b"\0"),
             "PUBREL": codec.packet(codec.PUBREL, b""), "SUBSCRIBE": codec.packet(codec.SUBSCRIBE, b"\0\1" + v5 + b"\0\5ab"),
             "UNSUBSCRIBE": codec.packet(codec.UNSUBSCRIBE, b"\0\1" + v5 + b"\0\5ab")}
    await bus.each_closes(short, (0x81, 0x82))


@case("MQTT-4.13.1-1", "MQTT311-4.8.0-1", "MQTT-4.13.2-1")
async def one_clients_error_is_no_other_clients(bus):
    good = await bus.connect()
    await good.subscribe(bus.topic(), qos=1)
    await bus.each_closes({"type 0": codec.packet(0), "PUBLISH to #": codec.publish(bus.version, "#", b"x"),
                           "an endless length": b"\x30\xff\xff\xff\xff\xff\x01"}, None)
    await good.publish(bus.topic(), b"x", 0)
    await good.message(payload=b"x")
