# SPDX-License-Identifier: Apache-2.0
"""Retained messages (5.0 section 3.3.1.3, 3.1.1 section 3.3.1.3), and what SUBSCRIBE says of them."""
import asyncio

import codec
from client import equal, expect
from registry import case


async def kept(bus, topic, qos=2):
    """What a new subscriber is given: payloads."""
    reader = await bus.connect()
    await reader.subscribe(topic, qos=qos)
    got = reader.early + await reader.heard(reader)
    return [(message.payload, message.qos, message.retain) for message in got]


async def until_kept(bus, topic, wanted):
    """A subscriber waits for these payloads; more must not come."""
    reader = await bus.connect()
    await reader.subscribe(topic, qos=2)
    for payload in wanted:
        await reader.message(payload=payload, retain=True)
    equal(await reader.heard(reader), [], "messages beside")


@case("MQTT-3.3.1-5", "MQTT311-3.3.1-5", "MQTT311-3.3.1-6", "MQTT311-3.3.1-7", "MQTT311-3.3.1-8",
      "MQTT-3.3.1-9")
async def the_last_retained_message_is_kept_with_its_qos(bus):
    publisher = await bus.connect()
    for qos in (0, 1, 2):
        for payload in (b"old", b"new"):
            await publisher.publish(bus.topic(f"{qos}"), payload, qos, retain=True)
        await publisher.is_alive()
        reader = await bus.connect()
        await reader.subscribe(bus.topic(f"{qos}"), qos=2)
        await reader.message(payload=b"new", qos=qos, retain=True, dup=False)
        equal(await reader.heard(publisher), [], "messages beside")


@case("MQTT-3.3.1-8", "MQTT311-3.3.1-12")
async def a_message_without_retain_changes_nothing(bus):
    publisher = await bus.connect()
    await publisher.publish(bus.topic(), b"kept", 1, retain=True)
    await publisher.publish(bus.topic(), b"passing", 1)
    await publisher.publish(bus.topic(), b"", 1)
    await until_kept(bus, bus.topic(), [b"kept"])
    await publisher.publish(bus.topic("never"), b"passing", 1)
    await until_kept(bus, bus.topic("never"), [])


@case("MQTT-3.3.1-6", "MQTT-3.3.1-7", "MQTT311-3.3.1-10", "MQTT311-3.3.1-11")
async def an_empty_message_clears_its_topic(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await publisher.publish(bus.topic(), b"x", 1, retain=True)
    await reader.subscribe(bus.topic(), qos=1)
    await reader.message(payload=b"x", retain=True)
    await publisher.publish(bus.topic(), b"", 1, retain=True)
    await reader.message(payload=b"", retain=False)
    await until_kept(bus, bus.topic(), [])


@case("MQTT-3.3.1-12", "MQTT311-3.3.1-9")
async def live_messages_are_not_marked_as_retained(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    for qos in (0, 1):
        await publisher.publish(bus.topic(), b"x", qos, retain=True)
        await reader.message(payload=b"x", retain=False)


@case("MQTT311-3.1.2-7")
async def retained_messages_outlive_their_publishers_session(bus):
    publisher = await bus.connect()
    await publisher.publish(bus.topic(), b"stays", 1, retain=True)
    await publisher.gone()
    await until_kept(bus, bus.topic(), [b"stays"])


@case("MQTT-3.3.1-9", "MQTT311-3.3.1-6", "MQTT311-3.8.4-3", "MQTT-3.8.4-4")
async def each_subscribe_is_given_what_is_retained(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    for name in "ab":
        await publisher.publish(bus.topic(name), name, 1, retain=True)
    for _ in range(2):
        await reader.subscribe(bus.topic("+"), qos=1)
        got = sorted([(await reader.message(retain=True)).payload for _ in range(2)])
        equal(got, [b"a", b"b"], "retained messages")


@case("MQTT-3.3.1-10")
async def retain_handling_1_gives_them_to_new_subscriptions(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await publisher.publish(bus.topic(), b"x", 1, retain=True)
    await reader.subscribe(bus.topic(), qos=1, retain_handling=1)
    await reader.message(payload=b"x", retain=True)
    await reader.subscribe(bus.topic(), qos=1, retain_handling=1)
    equal(await reader.heard(publisher), [], "messages for a subscription that was there")
    await reader.unsubscribe(bus.topic())
    await reader.subscribe(bus.topic(), qos=1, retain_handling=1)
    await reader.message(payload=b"x", retain=True)


@case("MQTT-3.3.1-11")
async def retain_handling_2_gives_nobody_any(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await publisher.publish(bus.topic(), b"x", 1, retain=True)
    for _ in range(2):
        await reader.subscribe(bus.topic(), qos=1, retain_handling=2)
        equal(await reader.heard(publisher), [], "retained messages")
    await publisher.publish(bus.topic(), b"y", 1)
    await reader.message(payload=b"y")


@case("MQTT-3.8.3-5", "MQTT-4.13.1-1")
async def retain_handling_3_closes(bus):
    client = await bus.connect()
    client.send(codec.subscribe(5, 1, [(bus.topic(), 0x30)]))
    await client.closed((0x81, 0x82))


@case("MQTT-3.3.1-13")
async def retain_as_published_passes_the_flag_on(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1, as_published=True)
    for retain in (True, False):
        await publisher.publish(bus.topic(), b"x", 1, retain=retain)
        await reader.message(payload=b"x", retain=retain)


@case("MQTT-3.3.1-5", "MQTT-3.3.1-9")
async def retained_messages_keep_their_properties(bus):
    publisher = await bus.connect()
    props = {"content_type": "t", "user": [("b", "1"), ("a", "2")]}
    await publisher.publish(bus.topic(), b"x", 1, retain=True, props=props)
    reader = await bus.connect()
    await reader.subscribe(bus.topic(), qos=1, props={"subscription_id": 5})
    got = await reader.message(payload=b"x", retain=True)
    equal(got.props, {**props, "subscription_id": [5]}, "properties")


@case("MQTT-3.3.2-5", "MQTT-3.3.2-6")
async def retained_messages_expire(bus):
    publisher = await bus.connect()
    await publisher.publish(bus.topic("short"), b"x", 1, retain=True, props={"message_expiry": 1})
    await publisher.publish(bus.topic("long"), b"x", 1, retain=True, props={"message_expiry": 1000})
    await asyncio.sleep(2.2)
    reader = await bus.connect()
    await reader.subscribe(bus.topic("+"), qos=1)
    got = await reader.message(topic=bus.topic("long"))
    expect(990 <= got.props.get("message_expiry", -1) <= 998, f"expiry {got.props} of 1000 after two seconds")
    equal(await reader.heard(publisher), [], "messages beside")


@case("MQTT-3.3.1-9", "MQTT-3.3.4-3")
async def overlapping_subscriptions_give_their_own_copies(bus):
    """Each subscription is given what is retained, under its own identifier."""
    publisher, reader = await bus.connect(), await bus.connect()
    await publisher.publish(bus.topic("a"), b"x", 1, retain=True)
    for number, name in ((1, "a"), (2, "+")):
        await reader.subscribe(bus.topic(name), qos=1, props={"subscription_id": number})
        got = await reader.message(payload=b"x", retain=True)
        expect(number in got.props.get("subscription_id", []), f"identifiers {got.props}")


@case("MQTT-3.8.4-8", "MQTT311-3.8.4-6")
async def retained_messages_keep_to_the_granted_qos(bus):
    publisher = await bus.connect()
    await publisher.publish(bus.topic(), b"x", 2, retain=True)
    for qos in (0, 1, 2):
        reader = await bus.connect()
        await reader.subscribe(bus.topic(), qos=qos)
        await reader.message(payload=b"x", qos=qos, retain=True)


@case("MQTT-4.7.2-1", "MQTT311-4.7.2-1")
async def wildcards_give_no_dollar_topics_that_are_retained(bus):
    """Whatever a server keeps below $: a wildcard at the start gives none of it."""
    reader = await bus.connect()
    await reader.subscribe("+/broker/#", "#", qos=0)
    for message in reader.early + await reader.heard(reader):
        equal(message.topic[:1] == "$", False, f"{message.topic} was given")
