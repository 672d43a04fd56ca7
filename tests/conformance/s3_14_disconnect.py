# SPDX-License-Identifier: Apache-2.0
"""DISCONNECT (5.0 and 3.1.1 section 3.14). What it does to wills: s3_1_will.py; to sessions: s3_1_connect.py."""
import codec
from client import equal, expect
from codec import DISCONNECT, PINGREQ
from registry import case


@case("MQTT-3.14.1-1", "MQTT311-3.14.1-1", "MQTT-2.1.3-1")
async def reserved_bits_of_disconnect_close_as_malformed(bus):
    """The will is published: it was no DISCONNECT."""
    watcher = await bus.connect()
    await watcher.subscribe(bus.topic("#"))
    for flags in (1, 2, 8) if bus.version > 3 else ():  # 3.1 ignores them.
        client = await bus.connect(will={"topic": bus.topic(f"{flags}")})
        client.send(codec.disconnect(flags=flags))
        await client.closed((0x81, 0x82))
        await watcher.message(topic=bus.topic(f"{flags}"))


@case("MQTT-3.14.4-1", "MQTT-3.14.4-2", "MQTT311-4.8.0-1", "MQTT-4.13.2-1")
async def after_the_servers_disconnect_nothing_comes(bus):
    """`closed` fails on a packet after DISCONNECT, and unless the server closes."""
    client = await bus.connect()
    client.send(codec.packet(0) + codec.packet(PINGREQ) * 3)
    await client.closed((0x81, 0x82))


@case("MQTT-3.14.4-1", "MQTT-3.14.4-2", "MQTT-3.14.2-1")
async def after_the_clients_disconnect_nothing_is_done(bus):
    reader = await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    client = await bus.connect()
    client.send(codec.disconnect() + codec.publish(bus.version, bus.topic(), b"late") + codec.packet(PINGREQ))
    expect(await client.packet() is None, "something came after DISCONNECT")
    equal(await reader.heard(await bus.connect()), [], "messages after DISCONNECT")


@case("MQTT-3.14.2-2", "MQTT-3.14.2-1", "MQTT-3.14.4-1")
async def the_servers_disconnect_is_proper(bus):
    reasons = {0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B,
               0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2}
    for bad in (codec.connect(5, "x"), codec.packet(codec.CONNACK, b"\0\0\0"), codec.packet(codec.SUBACK, b"\0\1\0\0"),
                codec.publish(5, "#", b"x"), codec.publish(5, "a", b"x", 3, packet_id=1), codec.packet(codec.AUTH, b"\x18\0"),
                codec.subscribe(5, 1, []), codec.packet(codec.PUBREL, b"\0")):
        client = await bus.connect()
        client.send(bad)
        while got := await client.packet():
            if got.kind == DISCONNECT:
                expect(got.reason in reasons, f"{got}")
                equal(got.props.get("session_expiry"), None, "Session Expiry Interval")


@case("MQTT-3.14.0-1")
async def no_disconnect_before_the_connack_that_accepts(bus):
    """`refused` takes a CONNACK alone."""
    client = await bus.open()
    client.send_connect(bus.name(), props={"receive_maximum": 0})
    await client.refused((0x81, 0x82))
    client = await bus.open()
    client.send(codec.packet(PINGREQ))
    equal(await client.packet(), None, "answer to PINGREQ without CONNECT")


@case("MQTT-4.13.1-1", "MQTT311-4.8.0-1")
async def packets_that_only_a_server_sends_close(bus):
    packets = {"CONNACK": codec.packet(codec.CONNACK, b"\0\0"), "SUBACK": codec.packet(codec.SUBACK, b"\0\1\0"),
               "UNSUBACK": codec.packet(codec.UNSUBACK, b"\0\1"), "PINGRESP": codec.packet(codec.PINGRESP), "type 0": codec.packet(0)}
    if bus.version != 5:
        packets["type 15"] = codec.packet(15)  # In 5.0 AUTH: s4_12_auth.py.
    await bus.each_closes(packets, (0x81, 0x82))


@case("MQTT-4.13.1-1", "MQTT311-4.8.0-1")
async def bytes_after_the_end_of_a_packet_close(bus):
    extra = {"PINGREQ": codec.packet(PINGREQ, b"x"), "PUBACK": codec.packet(codec.PUBACK, b"\0\1\0\0x"),
             "SUBSCRIBE": codec.packet(codec.SUBSCRIBE, codec.subscribe(bus.version, 1, [("a", 0)])[2:] + b"x")}
    if bus.version == 5:
        extra["DISCONNECT"] = codec.packet(DISCONNECT, b"\0\0x")
    else:
        extra["DISCONNECT"] = codec.packet(DISCONNECT, b"x")
    await bus.each_closes(extra, (0x81, 0x82))
