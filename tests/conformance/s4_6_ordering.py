# SPDX-License-Identifier: Apache-2.0
"""Message ordering (5.0 and 3.1.1 section 4.6)."""
from client import equal, expect
from codec import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from registry import case


@case("MQTT-4.6.0-5", "MQTT-4.6.0-6", "MQTT311-4.6.0-5", "MQTT311-4.6.0-6")
async def messages_of_one_topic_and_qos_keep_their_order(bus):
    for qos in (0, 1, 2):
        publisher, readers = await bus.connect(), [await bus.connect() for _ in range(3)]
        for reader, topic_filter in zip(readers, (bus.topic(f"{qos}"), bus.topic("#"), bus.topic("+"))):
            await reader.subscribe(topic_filter, qos=qos)
        for number in range(50):
            await publisher.publish(bus.topic(f"{qos}"), f"{number}", qos)
        for reader in readers:
            got = [int(message.payload) for message in await reader.heard(publisher)]
            equal(got, list(range(50)), f"order at QoS {qos}")


@case("MQTT-4.6.0-5", "MQTT-4.6.0-6", "MQTT311-4.6.0-5", "MQTT311-4.6.0-6")
async def order_holds_for_a_reader_that_was_away(bus):
    who, publisher = bus.name(), await bus.connect()
    reader = await bus.durable(who)
    await reader.subscribe(bus.topic("#"), qos=2)
    await reader.gone()
    for number in range(60):
        await publisher.publish(bus.topic(f"{number % 3}"), f"{number}", 1 + number % 2)
    reader, got = await bus.durable(who), []
    while len(got) < 60:  # A marker of another topic might come before them.
        packet = await reader.packet()
        expect(packet and packet.kind in (PUBLISH, PUBREL), f"got {packet} after {len(got)} messages")
        if packet.kind == PUBREL:
            reader.ack(PUBCOMP, packet.packet_id)
        else:
            reader.ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id)
            got.append((packet.topic, packet.qos, int(packet.payload)))
    for name in "012":
        for qos in (1, 2):
            mine = [number for topic, at, number in got if topic == bus.topic(name) and at == qos]
            equal(mine, [n for n in range(60) if f"{n % 3}" == name and 1 + n % 2 == qos], f"order of {name} at QoS {qos}")


@case("MQTT-4.6.0-2", "MQTT311-4.6.0-2")
async def pubacks_follow_their_publishes(bus):
    client = await bus.connect()
    ids = [7, 3, 65535, 1, 4, 2, 600, 5, 6, 10]
    for packet_id in ids:
        client.send_publish(bus.topic(), b"x", 1, packet_id=packet_id)
    equal([(await client.expect(PUBACK)).packet_id for _ in ids], ids, "PUBACKs")


@case("MQTT-4.6.0-3", "MQTT311-4.6.0-3")
async def pubrecs_follow_their_publishes(bus):
    client = await bus.connect()
    ids = [7, 3, 65535, 1, 4, 2, 600, 5, 6, 10]
    for packet_id in ids:
        client.send_publish(bus.topic(), b"x", 2, packet_id=packet_id)
    equal([(await client.expect(PUBREC)).packet_id for _ in ids], ids, "PUBRECs")


@case("MQTT-4.6.0-4", "MQTT311-4.6.0-4")
async def pubrels_follow_their_pubrecs(bus):
    """The client may acknowledge in another order than it was sent: PUBREL follows the PUBRECs."""
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    for number in range(6):
        await publisher.publish(bus.topic(), f"{number}", 2)
    ids = [(await reader.message(ack=False)).packet_id for _ in range(6)]
    order = [ids[at] for at in (0, 1, 2, 5, 4, 3)]
    for packet_id in order:
        reader.ack(PUBREC, packet_id)
    equal([(await reader.expect(PUBREL)).packet_id for _ in order], order, "PUBRELs")
    for packet_id in reversed(order):
        reader.ack(PUBCOMP, packet_id)
    equal(await reader.heard(publisher), [], "messages beside")


@case("MQTT-4.6.0-2", "MQTT-4.6.0-3", "MQTT311-4.6.0-2", "MQTT311-4.6.0-3", "MQTT-4.9.0-3")
async def answers_of_both_qos_come_in_the_order_of_each(bus):
    client = await bus.connect()
    for packet_id in range(1, 13):
        client.send_publish(bus.topic(), b"x", 1 + packet_id % 2, packet_id=packet_id)
    got = [await client.packet() for _ in range(12)]
    for kind, wanted in ((PUBACK, [2, 4, 6, 8, 10, 12]), (PUBREC, [1, 3, 5, 7, 9, 11])):
        equal([packet.packet_id for packet in got if packet.kind == kind], wanted, "answers")


@case("MQTT-4.6.0-5", "MQTT311-4.6.0-6")
async def two_publishers_keep_each_its_order(bus):
    reader, publishers = await bus.connect(), [await bus.connect() for _ in range(2)]
    await reader.subscribe(bus.topic(), qos=1)
    for number in range(20):
        for name, publisher in enumerate(publishers):
            publisher.send_publish(bus.topic(), f"{name} {number}", 1)
    got = {b"0": [], b"1": []}
    for _ in range(40):
        message = await reader.message()
        equal(message.kind, PUBLISH, "kind")
        name, number = message.payload.split()
        got[name].append(int(number))
    equal(got, {b"0": list(range(20)), b"1": list(range(20))}, "order")
