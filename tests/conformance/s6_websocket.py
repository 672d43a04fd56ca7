# SPDX-License-Identifier: Apache-2.0
"""WebSocket as a transport (5.0 and 3.1.1 section 6)."""
import codec
from client import equal, expect
from codec import CONNACK, PINGREQ, PINGRESP
from link import BINARY, CONTINUATION, PING, TEXT, frame
from registry import case

WS = ("ws",)


@case("MQTT-6.0.0-4", "MQTT311-6.0.0-4", transports=WS)
async def the_server_answers_the_subprotocol_mqtt(bus):
    for offer in ("mqtt", "chat, mqtt", "mqtt, superchat"):
        client = await bus.open(protocols=offer)
        equal(client.link.status, 101, f"status for {offer}")
        equal(client.link.headers.get("sec-websocket-protocol"), "mqtt", f"subprotocol for {offer}")
        client.send_connect(bus.name())
        await client.expect(CONNACK, reason=0)


@case("MQTT-6.0.0-1", "MQTT311-6.0.0-1", transports=WS)
async def a_text_message_closes(bus):
    """Before CONNECT and after it. `read` of the link takes binary messages alone from the server."""
    client = await bus.open()
    client.link.write_frame(TEXT, codec.connect(bus.version, bus.name()))
    equal(await client.packet(), None, "answer to CONNECT in a text message")
    client = await bus.connect()
    client.link.write_frame(TEXT, codec.packet(PINGREQ))
    await client.closed()


@case("MQTT-6.0.0-2", "MQTT311-6.0.0-2", transports=WS)
async def packets_may_be_cut_anywhere(bus):
    """CONNECT and PINGREQ a byte a message; two cut once at every byte; and many in one message."""
    data = codec.connect(bus.version, bus.name()) + codec.packet(PINGREQ)
    client = await bus.open()
    for at in range(len(data)):
        client.link.write_frame(BINARY, data[at:at + 1])
    await client.expect(CONNACK, reason=0)
    await client.expect(PINGRESP)
    publish = codec.publish(bus.version, bus.topic(), b"payload", 1, packet_id=3) + codec.packet(PINGREQ)
    for at in range(len(publish) + 1):
        client.link.write_frame(BINARY, publish[:at])
        client.link.write_frame(BINARY, publish[at:])
        equal(sorted([(await client.packet()).kind for _ in range(2)]), [codec.PUBACK, PINGRESP], f"answers, cut at {at}")
    client.link.write_frame(BINARY, codec.packet(PINGREQ) * 100)
    for _ in range(100):
        await client.expect(PINGRESP)


@case("MQTT-6.0.0-2", "MQTT311-6.0.0-2", transports=WS)
async def a_message_may_be_fragmented(bus):
    """With PINGs of WebSocket between the fragments, an empty one among them."""
    data = codec.connect(bus.version, bus.name())
    client = await bus.open()
    client.link.write_frame(BINARY, data[:3], fin=False)
    client.link.write_frame(PING, b"between")
    client.link.write_frame(CONTINUATION, b"", fin=False)
    client.link.write_frame(CONTINUATION, data[3:])
    await client.expect(CONNACK, reason=0)
    equal(client.link.pongs, [b"between"], "PONGs")


@case("MQTT-6.0.0-2", "MQTT311-6.0.0-2", transports=WS)
async def many_frames_may_come_in_one_piece(bus):
    client = await bus.open()
    data = codec.connect(bus.version, bus.name())
    client.link.writer.write(frame(BINARY, data[:5]) + frame(BINARY, data[5:]) + frame(BINARY, codec.packet(PINGREQ)))
    await client.expect(CONNACK, reason=0)
    await client.expect(PINGRESP)


@case("MQTT-6.0.0-2", "MQTT311-6.0.0-2", "MQTT-4.2-1", transports=WS)
async def large_messages_arrive_whole(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    for size in (100, 125, 126, 127, 65535, 65536, 200000):
        payload = b"x" * (size - len(codec.publish(bus.version, bus.topic(), b"", 1, packet_id=1)))
        await publisher.publish(bus.topic(), payload, 1)
        got = await reader.message()
        expect(got.payload == payload, f"{len(got.payload)} bytes of {len(payload)}")
