# SPDX-License-Identifier: Apache-2.0
"""Message delivery retry (5.0 and 3.1.1 section 4.4): what is sent again after a reconnect, how, and that nothing else is."""
import codec
from client import equal
from codec import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL
from registry import case


@case("MQTT-4.4.0-1", "MQTT-3.3.1-1", "MQTT-4.3.2-3", "MQTT-4.3.3-3", "MQTT311-4.4.0-1", "MQTT311-3.3.1-1",
      "MQTT311-4.3.2-1", "MQTT311-4.3.3-1", "MQTT311-2.3.1-4")
async def what_is_unacknowledged_is_sent_again_with_its_identifier(bus):
    who, publisher = bus.name(), await bus.connect()
    first = await bus.durable(who)
    await first.subscribe(bus.topic(), qos=2)
    for qos in (1, 2):
        await publisher.publish(bus.topic(), f"{qos}", qos)
    sent = [await first.message(ack=False) for _ in range(2)]
    first.vanish()
    for again in range(2):
        client = await bus.durable(who)
        for message in sent:
            await client.message(ack=again == 1, packet_id=message.packet_id, qos=message.qos, payload=message.payload, dup=True)
        client.vanish() if again == 0 else await client.gone()
    client = await bus.durable(who)
    equal(await client.heard(publisher), [], "messages that were acknowledged")


@case("MQTT-4.4.0-1", "MQTT-4.3.3-5", "MQTT-4.3.3-6", "MQTT311-4.4.0-1", "MQTT311-4.3.3-1")
async def an_unacknowledged_pubrel_is_sent_again(bus):
    """And the PUBLISH before it is not."""
    who, publisher = bus.name(), await bus.connect()
    first = await bus.durable(who)
    await first.subscribe(bus.topic(), qos=2)
    await publisher.publish(bus.topic(), b"x", 2)
    got = await first.message(ack=False)
    first.ack(PUBREC, got.packet_id)
    await first.expect(PUBREL, packet_id=got.packet_id)
    first.vanish()
    for _ in range(2):
        second = await bus.durable(who)
        await second.expect(PUBREL, packet_id=got.packet_id)
        second.vanish()
    third = await bus.durable(who)
    await third.expect(PUBREL, packet_id=got.packet_id)
    third.ack(PUBCOMP, got.packet_id)
    equal(await third.heard(publisher), [], "messages beside")


@case("MQTT-4.4.0-1")
async def nothing_is_sent_again_on_a_connection_that_lasts(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    for qos in (1, 2):
        await publisher.publish(bus.topic(), b"x", qos)
        await reader.message(ack=False, dup=False)
    for number in range(20):
        await publisher.publish(bus.topic(), f"{number}")
    await reader.subscribe(bus.topic("other"), qos=1)
    got = reader.early + await reader.is_alive()
    equal([message.payload for message in got if message.kind == PUBLISH and message.qos], [], "messages sent again")


@case("MQTT-4.6.0-1", "MQTT311-4.6.0-1", "MQTT-4.4.0-1", "MQTT311-4.4.0-1")
async def what_is_sent_again_keeps_its_order(bus):
    who, publisher = bus.name(), await bus.connect()
    first = await bus.durable(who)
    await first.subscribe(bus.topic(), qos=2)
    for number in range(10):
        await publisher.publish(bus.topic(), f"{number}", 1 + number % 2)
    sent = [await first.message(ack=False) for _ in range(10)]
    for number in (2, 4):  # Some in the middle are acknowledged.
        first.ack(PUBACK, sent[number].packet_id)
    await first.is_alive()
    first.vanish()
    second = await bus.durable(who)
    rest = [message for number, message in enumerate(sent) if number not in (2, 4)]
    got = [await second.message(ack=False, dup=True) for _ in rest]
    equal([(m.packet_id, m.payload) for m in got], [(m.packet_id, m.payload) for m in rest], "messages sent again")


@case("MQTT-4.4.0-1", "MQTT311-4.4.0-1", "MQTT-4.6.0-5", "MQTT311-4.6.0-6")
async def what_was_not_sent_yet_comes_after_what_was(bus):
    who, publisher = bus.name(), await bus.connect()
    first = await bus.durable(who)
    await first.subscribe(bus.topic(), qos=1)
    await publisher.publish(bus.topic(), b"0", 1)
    await first.message(ack=False)
    await first.gone()
    for number in range(1, 5):
        await publisher.publish(bus.topic(), f"{number}", 1)
    second = await bus.durable(who)
    for number in range(5):
        await second.message(payload=b"%d" % number, dup=number == 0)


@case("MQTT-3.1.2-4", "MQTT311-3.1.2-6")
async def a_clean_start_is_sent_nothing_again(bus):
    who, publisher = bus.name(), await bus.connect()
    first = await bus.durable(who)
    await first.subscribe(bus.topic(), qos=2)
    await publisher.publish(bus.topic(), b"x", 2)
    await first.message(ack=False)
    first.vanish()
    second = await bus.connect(who)
    await second.subscribe(bus.topic(), qos=2)
    equal(await second.heard(publisher), [], "messages of the session before")


@case("MQTT-3.3.4-9", "MQTT-4.9.0-1", "MQTT-4.4.0-1")
async def the_window_counts_what_is_sent_again(bus):
    who, publisher = bus.name(), await bus.connect()
    first = await bus.durable(who, props={"receive_maximum": 3})
    await first.subscribe(bus.topic(), qos=1)
    for number in range(6):
        await publisher.publish(bus.topic(), f"{number}", 1)
    for _ in range(3):
        await first.message(ack=False)
    first.vanish()
    second = await bus.durable(who, props={"receive_maximum": 3})
    got = [await second.message(ack=False, dup=True) for _ in range(3)]
    equal(await second.is_alive(), [], "messages beyond the window")
    second.ack(PUBACK, got[0].packet_id)
    await second.message(ack=False, payload=b"3", dup=False)


@case("MQTT-4.3.3-10", "MQTT-4.3.3-11", "MQTT311-4.3.3-2", "MQTT-4.1.0-1", "MQTT311-4.1.0-1")
async def an_exchange_of_qos_2_outlives_the_connection(bus):
    who, reader = bus.name(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    first = await bus.durable(who)
    first.send_publish(bus.topic(), b"x", 2, packet_id=9)
    await first.expect(PUBREC, packet_id=9)
    await first.gone()
    second = await bus.durable(who)
    second.ack(PUBREL, 9)
    got = await second.expect(PUBCOMP, packet_id=9)
    equal(got.reason, 0, "reason of PUBCOMP")
    second.send(codec.publish(bus.version, bus.topic(), b"y", 2, packet_id=9))
    await second.expect(PUBREC, packet_id=9)
    second.ack(PUBREL, 9)
    await second.expect(PUBCOMP, packet_id=9)
    for payload in (b"x", b"y"):
        await reader.message(payload=payload)
