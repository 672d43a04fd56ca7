# SPDX-License-Identifier: Apache-2.0
"""Shared subscriptions (5.0 section 4.8.2)."""
import asyncio

import codec
from client import equal, expect
from codec import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK
from registry import case


def group(bus, name="g", topic=""):
    return f"$share/{name}/{bus.topic(topic)}"


async def join(client, *filters, **options):
    equal(await client.subscribe(*filters, **options), [options.get("qos", 0)] * len(filters), "codes")


async def members(bus, count, qos=1, **options):
    out = [await bus.connect(**options) for _ in range(count)]
    for member in out:
        await join(member, group(bus), qos=qos)
    return out


async def shared_out(clients, count):
    """Payloads that each client got, once there are `count` in all. Everything is acknowledged."""
    got, left = {client: [] for client in clients}, count

    async def take(client):
        nonlocal left
        while left:
            packet = await client.packet()
            if packet.kind == PUBREL:
                client.ack(PUBCOMP, packet.packet_id)
            elif packet.kind == PUBLISH:
                if packet.qos:
                    client.ack(PUBACK if packet.qos == 1 else PUBREC, packet.packet_id)
                got[client].append(packet)
                left -= 1
    tasks = [asyncio.ensure_future(take(client)) for client in clients]
    while left and not any(task.done() for task in tasks):
        await asyncio.wait(tasks, timeout=0.05)
    for task in tasks:
        if task.done() and task.exception():
            raise task.exception()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [got[client] for client in clients]


@case("MQTT-4.8.2-1", "MQTT-4.8.2-2")
async def share_names_that_are_none_are_refused(bus):
    for bad in ("$share//a", "$share/a", "$share/a/", "$share/+/a", "$share/#/a", "$share/a+/b", "$share/a#/b", "$share/", "$share/#"):
        client = await bus.connect()
        client.send(codec.subscribe(5, 3, [(bad, 0)]))
        got = await client.packet()
        expect(got is None or got.kind == SUBACK and got.reasons[0] >= 0x80 or got.kind == codec.DISCONNECT,
               f"{bad} was answered by {got} {got.kind == SUBACK and got.reasons}")


@case("MQTT-3.8.3-4", "MQTT-4.13.1-1")
async def no_local_on_a_shared_subscription_closes(bus):
    client = await bus.connect()
    client.send(codec.subscribe(5, 3, [(group(bus), codec.options(1, no_local=True))]))
    await client.closed((0x82,))


@case("MQTT-4.8.2-1", "MQTT-3.3.2-3")
async def each_message_goes_to_one_member(bus):
    publisher = await bus.connect()
    for qos in (0, 1, 2):
        clients = await members(bus, 3, qos)
        for number in range(30):
            await publisher.publish(bus.topic(), f"{number}", qos)
        got = await shared_out(clients, 30)
        equal(sorted(int(m.payload) for one in got for m in one), list(range(30)), f"messages at QoS {qos}")
        for one in got:
            equal([int(m.payload) for m in one], sorted(int(m.payload) for m in one), "order of a member")
        for client in clients:
            equal(await client.heard(publisher), [], "messages beside")
            await client.gone()


@case("MQTT-4.8.2-1")
async def every_group_gets_every_message(bus):
    publisher, plain, first, second = [await bus.connect() for _ in range(4)]
    await plain.subscribe(bus.topic(), qos=1)
    await join(first, group(bus, "one"), qos=1)
    await join(second, group(bus, "two"), group(bus, "three"), qos=1)
    await publisher.publish(bus.topic(), b"x", 1)
    for client, count in ((plain, 1), (first, 1), (second, 2)):
        for _ in range(count):
            await client.message(topic=bus.topic(), payload=b"x")
        equal(await client.heard(publisher), [], "messages beside")


@case("MQTT-4.8.2-1")
async def a_member_may_subscribe_the_topic_itself_too(bus):
    publisher, client = await bus.connect(), await bus.connect()
    await join(client, group(bus), bus.topic(), qos=1)
    await publisher.publish(bus.topic(), b"x", 1)
    for _ in range(2):
        await client.message(payload=b"x")


@case("MQTT-4.8.2-3", "MQTT-3.8.4-8")
async def a_members_granted_qos_is_kept_to(bus):
    publisher = await bus.connect()
    for granted in (0, 1, 2):
        client, = await members(bus, 1, granted)
        for published in (0, 1, 2):
            await publisher.publish(bus.topic(), b"x", published)
            await client.message(qos=min(granted, published))
        await client.gone()


@case("MQTT-3.3.1-9")
async def a_group_is_given_nothing_that_is_retained(bus):
    """What 5.0 says of retained messages and new subscriptions it says of non-shared ones (section 3.3.1.3)."""
    publisher, client = await bus.connect(), await bus.connect()
    await publisher.publish(bus.topic(), b"old", 1, retain=True)
    await join(client, group(bus), qos=1)
    await publisher.publish(bus.topic(), b"live", 1)
    await client.message(payload=b"live")
    await publisher.publish(bus.topic(), b"", 1, retain=True)


@case("MQTT-3.10.4-1", "MQTT-3.11.3-2", "MQTT-3.10.4-2")
async def a_member_leaves_by_unsubscribe(bus):
    publisher = await bus.connect()
    first, second = await members(bus, 2)
    equal(await first.unsubscribe(group(bus), group(bus, "other")), [0, 0x11], "codes")
    for number in range(6):
        await publisher.publish(bus.topic(), f"{number}", 1)
        await second.message(payload=b"%d" % number)
    equal(await first.heard(publisher), [], "messages of one who left")


@case("MQTT-3.3.4-3")
async def a_shared_subscription_has_its_identifier(bus):
    publisher, client = await bus.connect(), await bus.connect()
    await join(client, group(bus), qos=1, props={"subscription_id": 77})
    await publisher.publish(bus.topic(), b"x", 1)
    equal((await client.message()).props.get("subscription_id"), [77], "identifiers")


@case("MQTT-4.8.2-4", "MQTT-4.4.0-1")
async def a_delivery_of_qos_2_is_completed_when_the_member_returns(bus):
    publisher, who = await bus.connect(), bus.name()
    first = await bus.durable(who)
    await join(first, group(bus), qos=2)
    await publisher.publish(bus.topic(), b"x", 2)
    got = await first.message(ack=False, qos=2)
    other = await bus.connect()
    await join(other, group(bus), qos=2)
    first.vanish()
    equal(await other.heard(publisher), [], "messages in flight to another")
    first = await bus.durable(who)
    await first.message(packet_id=got.packet_id, payload=b"x", dup=True)
    equal(await other.heard(publisher), [], "messages of another")


@case("MQTT-4.8.2-5")
async def a_delivery_of_qos_2_ends_with_its_members_session(bus):
    publisher, who = await bus.connect(), bus.name()
    first = await bus.connect(who)
    await join(first, group(bus), qos=2)
    await publisher.publish(bus.topic(), b"x", 2)
    await first.message(ack=False, qos=2)
    other = await bus.connect()
    await join(other, group(bus), qos=2)
    await first.gone()
    await bus.connect(who)
    await publisher.publish(bus.topic(), b"y", 2)
    await other.message(payload=b"y")
    equal(await other.heard(publisher), [], "messages of a session that ended")


@case("MQTT-4.8.2-6", "MQTT-4.4.0-2")
async def what_a_member_refuses_goes_to_nobody(bus):
    publisher, first = await bus.connect(), await bus.connect()
    for qos, kind in ((1, PUBACK), (2, PUBREC)):
        await join(first, group(bus), qos=2)
        await publisher.publish(bus.topic(), b"refused", qos)
        got = await first.message(ack=False, qos=qos)
        other = await bus.connect()
        await join(other, group(bus), qos=2)
        first.ack(kind, got.packet_id, 0x80)
        await first.unsubscribe(group(bus))
        await publisher.publish(bus.topic(), b"next", 1)
        await other.message(payload=b"next")
        equal(await other.heard(publisher), [], "messages that were refused")
        await other.gone()


@case("MQTT-4.5.0-1")
async def a_member_with_a_session_keeps_the_groups_messages(bus):
    publisher, who = await bus.connect(), bus.name()
    member = await bus.durable(who)
    await join(member, group(bus), qos=1)
    await member.gone()
    for number in range(5):
        await publisher.publish(bus.topic(), f"{number}", 1)
    member = await bus.durable(who)
    for number in range(5):
        await member.message(payload=b"%d" % number)
