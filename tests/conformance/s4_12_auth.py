# SPDX-License-Identifier: Apache-2.0
"""Enhanced authentication (5.0 sections 3.15 and 4.12), of a server that has none of the methods asked for."""
import codec
from client import equal, expect
from codec import AUTH, CONNACK
from registry import case


@case("MQTT-4.12.0-1", "MQTT-4.12.0-4", "MQTT-3.2.2-7")
async def an_unknown_method_is_refused(bus):
    for props in ({"auth_method": "nobody-has-this"}, {"auth_method": "nobody-has-this", "auth_data": b"secret"}, {"auth_method": ""}):
        client = await bus.open()
        client.send_connect(bus.name(), props=props)
        await client.refused((0x8C, 0x87, 0x82))


@case("MQTT-4.12.0-6")
async def without_a_method_there_is_no_auth(bus):
    client = await bus.open()
    client.send_connect(bus.name(), user="u", password="p")
    got = await client.packet()
    expect(got is None or got.kind == CONNACK, f"got {got}")
    equal(got and got.props.get("auth_method"), None, "Authentication Method")
    client = await bus.connect()
    equal(client.connack.props.get("auth_method"), None, "Authentication Method")
    equal(await client.is_alive(), [], "packets before PINGRESP")


@case("MQTT-4.12.1-2", "MQTT-4.13.1-1")
async def auth_without_a_method_closes(bus):
    for data in (codec.packet(AUTH), codec.packet(AUTH, b"\x18\0"),
                 codec.packet(AUTH, b"\x19" + codec.properties({"auth_method": "nobody-has-this"}))):
        client = await bus.connect()
        client.send(data)
        await client.closed((0x82, 0x81, 0x8C, 0x87))


@case("MQTT-3.15.1-1", "MQTT-2.1.3-1")
async def wrong_flags_of_auth_close(bus):
    for flags in (1, 2, 8):
        client = await bus.connect()
        client.send(codec.packet(AUTH, b"\x18\0", flags))
        await client.closed((0x81, 0x82))


@case("MQTT-3.1.0-1", "MQTT-3.2.0-1")
async def auth_before_connect_closes(bus):
    client = await bus.open()
    client.send(codec.packet(AUTH, b"\x18\0"))
    equal(await client.packet(), None, "answer")
