# SPDX-License-Identifier: Apache-2.0
"""SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ (5.0 and 3.1.1 sections 3.8 to 3.12)."""
import codec
from client import equal, expect
from codec import PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK, UNSUBACK
from registry import case

MALFORMED = (0x81, 0x82)
SUBACK_CODES = (0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2)


@case("MQTT-3.8.1-1", "MQTT-3.10.1-1", "MQTT-3.6.1-1", "MQTT-2.1.3-1", "MQTT311-3.8.1-1", "MQTT311-3.10.1-1",
      "MQTT311-3.6.1-1", "MQTT311-2.2.2-1", "MQTT311-2.2.2-2", versions=(4, 5))
async def wrong_flags_close(bus):
    """3.1 uses these bits for QoS and DUP, so it is not asked."""
    version = bus.version
    packets = {f"SUBSCRIBE {f}": codec.subscribe(version, 1, [(bus.topic(), 0)], flags=f) for f in (0, 3, 6, 10)}
    packets |= {f"UNSUBSCRIBE {f}": codec.unsubscribe(version, 1, [bus.topic()], flags=f) for f in (0, 3, 6, 10)}
    packets |= {f"PUBREL {f}": codec.ack(PUBREL, 1, flags=f) for f in (0, 3, 6, 10)}
    packets |= {f"PUBACK {f}": codec.ack(PUBACK, 1, flags=f) for f in (1, 2, 8)}
    packets |= {f"PUBREC {f}": codec.ack(PUBREC, 1, flags=f) for f in (2,)}
    packets |= {f"PUBCOMP {f}": codec.ack(PUBCOMP, 1, flags=f) for f in (2,)}
    packets |= {f"PINGREQ {f}": codec.packet(codec.PINGREQ, flags=f) for f in (1, 2)}
    await bus.each_closes(packets, MALFORMED)


@case("MQTT-3.8.3-1", "MQTT-3.10.3-1", "MQTT-4.7.3-2", "MQTT311-3.8.3-1", "MQTT311-3.10.3-1",
      "MQTT311-4.7.3-2", "MQTT311-1.5.3-1", "MQTT311-1.5.3-2", "MQTT-1.5.4-1", "MQTT-1.5.4-2")
async def filters_that_are_no_strings_close(bus):
    for bad in (b"\xff", b"a\0b", b"\xed\xa0\x80", b"\xc0\x80"):
        await bus.each_closes({f"SUBSCRIBE {bad!r}": codec.subscribe(bus.version, 1, [(bad, 0)]),
                               f"UNSUBSCRIBE {bad!r}": codec.unsubscribe(bus.version, 1, [bad])}, (0x81, 0x82, 0x8F))


@case("MQTT-3.8.3-2", "MQTT-3.10.3-2", "MQTT311-3.8.3-3", "MQTT311-3.10.3-2")
async def a_request_without_a_filter_closes(bus):
    await bus.each_closes({"SUBSCRIBE": codec.subscribe(bus.version, 1, []), "UNSUBSCRIBE": codec.unsubscribe(bus.version, 1, []),
                           "SUBSCRIBE without options": codec.packet(codec.SUBSCRIBE, codec.subscribe(bus.version, 1, [("a", 0)])[2:-1])}, MALFORMED)


@case("MQTT-3.8.3-5", "MQTT311-3.8.3-4", "MQTT-2.1.3-1")
async def options_that_are_none_close(bus):
    bad = {3: "QoS 3", 0x40: "bit 6", 0x80: "bit 7"}
    if bus.version != 5:
        bad |= {4: "bit 2", 8: "bit 3", 0x10: "bit 4", 0x20: "bit 5"}
    if bus.version == 3:
        bad = {3: "QoS 3"}  # 3.1 leaves the other bits open.
    await bus.each_closes({what: codec.subscribe(bus.version, 1, [(bus.topic(), byte)]) for byte, what in bad.items()}, MALFORMED)


@case("MQTT-4.13.1-1")
async def bad_subscription_properties_close(bus):
    def with_props(props):
        return codec.subscribe(5, 1, [(bus.topic(), 0)], props)
    await bus.each_closes({
        "Subscription Identifier 0": with_props({"subscription_id": 0}), "two": with_props({"subscription_id": [1, 2]}),
        "a property of PUBLISH": with_props({"topic_alias": 1}), "unknown": with_props(b"\x7f\x01")}, MALFORMED)


@case("MQTT-3.8.4-1", "MQTT-3.8.4-2", "MQTT-3.8.4-6", "MQTT-3.8.4-7", "MQTT-3.9.3-1", "MQTT-3.9.3-2",
      "MQTT-2.2.1-6", "MQTT-3.2.2-10", "MQTT311-3.8.4-1", "MQTT311-3.8.4-2", "MQTT311-3.8.4-5",
      "MQTT311-3.9.3-1", "MQTT311-3.9.3-2", "MQTT311-2.3.1-7")
async def suback_has_a_code_for_each_filter_in_order(bus):
    client = await bus.connect()
    for packet_id in (1, 65535):
        client.send(codec.subscribe(bus.version, packet_id, [(bus.topic(f"{qos}"), qos) for qos in (1, 0, 2, 0, 1)]))
        got = await client.expect(SUBACK, packet_id=packet_id)
        equal(got.reasons, [1, 0, 2, 0, 1], "codes")


@case("MQTT-3.8.4-7", "MQTT-3.9.3-2", "MQTT-4.7.1-1", "MQTT-4.7.1-2", "MQTT-4.7.3-1", "MQTT311-3.9.3-2",
      "MQTT311-4.7.1-2", "MQTT311-4.7.1-3", "MQTT311-4.7.3-1", versions=(4, 5))
async def filters_that_are_none_are_refused(bus):
    """In SUBACK, beside good ones, or by closing."""
    for bad in ("a/#/b", "a#", "#a", "a/b#", "a+", "+a/b", "a/b+/c", "##", "++", ""):
        client = await bus.connect()
        client.send(codec.subscribe(bus.version, 3, [(bus.topic("good"), 1), (bad, 0)]))
        got = await client.packet()
        if got and got.kind == SUBACK:
            equal(got.reasons[0], 1, f"code of the good filter beside {bad!r}")
            expect(got.reasons[1] in ((0x80,) if bus.version == 4 else SUBACK_CODES[3:]), f"{bad!r} was answered {got.reasons}")
        elif got:
            expect(got.kind == codec.DISCONNECT and got.reason in (0x81, 0x82, 0x8F), f"{bad!r} was answered by {got}")


@case("MQTT-3.8.4-5", "MQTT311-3.8.4-4")
async def several_filters_are_as_several_requests(bus):
    client, publisher = await bus.connect(), await bus.connect()
    codes = await client.subscribe((bus.topic("a"), 0), (bus.topic("b"), 1), (bus.topic("a"), 2))
    equal(codes, [0, 1, 2], "codes")
    await publisher.publish(bus.topic("a"), b"x", 2)
    await client.message(topic=bus.topic("a"), qos=2)  # The later of the two filters replaced the first.
    await publisher.publish(bus.topic("b"), b"x", 2)
    await client.message(topic=bus.topic("b"), qos=1)
    equal(await client.heard(publisher), [], "messages beside")


@case("MQTT-3.8.4-8", "MQTT311-3.8.4-6")
async def the_lower_of_published_and_granted_qos_counts(bus):
    publisher = await bus.connect()
    for granted in (0, 1, 2):
        reader = await bus.connect()
        await reader.subscribe(bus.topic(), qos=granted)
        for published in (0, 1, 2):
            await publisher.publish(bus.topic(), b"x", published)
            await reader.message(payload=b"x", qos=min(granted, published))


@case("MQTT-3.8.4-3", "MQTT311-3.8.4-3")
async def the_same_filter_again_replaces_the_first(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    for qos in (2, 0, 1):
        equal(await reader.subscribe(bus.topic(), qos=qos), [qos], "codes")
        await publisher.publish(bus.topic(), b"x", 2)
        await reader.message(payload=b"x", qos=qos)
    equal(await reader.heard(publisher), [], "copies")
    await reader.unsubscribe(bus.topic())
    await publisher.publish(bus.topic(), b"x", 1)
    equal(await reader.heard(publisher), [], "messages after UNSUBSCRIBE")


@case("MQTT-3.8.4-4", "MQTT311-3.8.4-3")
async def replacing_a_subscription_loses_nothing(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    for number in range(60):
        publisher.send_publish(bus.topic(), f"{number}", 1)
        if number % 10 == 5:
            reader.send(codec.subscribe(bus.version, 1000 + number, [(bus.topic(), 1)]))
    got = []
    while len(got) < 60:
        packet = await reader.packet()
        if packet.kind == PUBLISH:
            reader.ack(PUBACK, packet.packet_id)
            got.append(int(packet.payload))
        else:
            equal(packet.kind, SUBACK, f"kind of {packet}")
    equal(got, list(range(60)), "messages")


@case("MQTT-3.8.3-3")
async def no_local_keeps_a_clients_own_messages_away(bus):
    client, other = await bus.connect(), await bus.connect()
    await client.subscribe(bus.topic("no"), qos=1, no_local=True)
    await client.subscribe(bus.topic("yes"), qos=1)
    client.send_publish(bus.topic("no"), b"own")
    client.send_publish(bus.topic("yes"), b"own")
    await client.message(topic=bus.topic("yes"), payload=b"own")
    await other.publish(bus.topic("no"), b"other", 1)
    await client.message(topic=bus.topic("no"), payload=b"other")


@case("MQTT-3.8.3-3")
async def no_local_holds_for_the_identifier_not_the_connection(bus):
    """What the client published before it reconnected is its own too."""
    who = bus.name()
    first = await bus.durable(who)
    await first.subscribe(bus.topic(), qos=1, no_local=True)
    first.send_publish(bus.topic(), b"own", 1)
    await first.expect(PUBACK)
    await first.gone()
    second = await bus.durable(who)
    equal(await second.heard(await bus.connect()), [], "own messages")


@case("MQTT-3.3.4-2", "MQTT311-3.3.5-1", "MQTT-3.3.4-4")
async def overlapping_subscriptions_give_the_highest_qos(bus):
    """One copy at the highest QoS, or a copy for each subscription, of which one has it."""
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe((bus.topic("a/b"), 0), (bus.topic("a/+"), 2), (bus.topic("#"), 1))
    await publisher.publish(bus.topic("a/b"), b"x", 2)
    got = await reader.heard(publisher)
    expect(1 <= len(got) <= 3 and max(message.qos for message in got) == 2, f"got {', '.join(map(str, got))}")


@case("MQTT-3.3.4-3", "MQTT-3.3.4-4")
async def overlapping_subscriptions_give_their_identifiers(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic("a/b"), qos=0, props={"subscription_id": 1})
    await reader.subscribe(bus.topic("a/+"), qos=1, props={"subscription_id": 268435455})
    await reader.subscribe(bus.topic("a/#"), qos=1)
    await publisher.publish(bus.topic("a/b"), b"x", 1)
    got = await reader.heard(publisher)
    ids = sorted(number for message in got for number in message.props.get("subscription_id", []))
    equal(ids, [1, 268435455], "identifiers")
    await publisher.publish(bus.topic("a/c"), b"x", 1)
    equal(sorted(n for m in await reader.heard(publisher) for n in m.props.get("subscription_id", [])), [268435455], "identifiers")


@case("MQTT-3.8.4-3", "MQTT-3.3.4-3")
async def a_new_subscription_has_its_own_identifier(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    for props, wanted in (({"subscription_id": 3}, [3]), ({"subscription_id": 4}, [4]), ({}, None)):
        await reader.subscribe(bus.topic(), qos=1, props=props)
        await publisher.publish(bus.topic(), b"x", 1)
        equal((await reader.message()).props.get("subscription_id"), wanted, "identifiers")


@case("MQTT-3.10.4-1", "MQTT-3.10.4-2", "MQTT311-3.10.4-1", "MQTT311-3.10.4-2")
async def unsubscribe_removes_the_same_filter_alone(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic("+"), bus.topic("a"), qos=1)
    await reader.unsubscribe(bus.topic("#"), bus.topic("A"), bus.topic("b"))
    await publisher.publish(bus.topic("b"), b"1", 1)
    await reader.message(payload=b"1")
    await reader.unsubscribe(bus.topic("+"))
    await publisher.publish(bus.topic("b"), b"2", 1)
    await publisher.publish(bus.topic("a"), b"3", 1)
    await reader.message(payload=b"3")
    await reader.unsubscribe(bus.topic("a"))
    await publisher.publish(bus.topic("a"), b"4", 1)
    equal(await reader.heard(publisher), [], "messages after UNSUBSCRIBE")


@case("MQTT-3.10.4-4", "MQTT-3.10.4-5", "MQTT-3.10.4-6", "MQTT-3.11.3-1", "MQTT-3.11.3-2", "MQTT-2.2.1-6",
      "MQTT311-3.10.4-4", "MQTT311-3.10.4-5", "MQTT311-3.10.4-6", "MQTT311-2.3.1-7")
async def unsuback_answers_every_unsubscribe(bus):
    client = await bus.connect()
    await client.subscribe(bus.topic("a"), bus.topic("b"))
    for filters, wanted in (([bus.topic("none")], [0x11]), ([bus.topic("a"), bus.topic("none"), bus.topic("b")], [0, 0x11, 0])):
        client.send(codec.unsubscribe(bus.version, 65535, filters))
        got = await client.expect(UNSUBACK, packet_id=65535)
        equal(got.reasons, wanted if bus.version == 5 else [], "codes")


@case("MQTT-3.10.4-3", "MQTT311-3.10.4-3", "MQTT-4.3.3-4", "MQTT311-4.3.3-1")
async def what_is_on_its_way_is_completed_after_unsubscribe(bus):
    reader, publisher = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    await publisher.publish(bus.topic(), b"x", 2)
    got = await reader.message(ack=False, qos=2)
    await reader.unsubscribe(bus.topic())
    reader.ack(PUBREC, got.packet_id)
    await reader.expect(PUBREL, packet_id=got.packet_id)
    reader.ack(PUBCOMP, got.packet_id)
    equal(await reader.heard(publisher), [], "messages beside")


@case("MQTT-3.12.4-1", "MQTT311-3.12.4-1")
async def each_ping_is_answered(bus):
    client = await bus.connect()
    client.send(codec.packet(codec.PINGREQ) * 5)
    for _ in range(5):
        await client.expect(codec.PINGRESP)


@case("MQTT-3.8.4-1", "MQTT311-3.8.4-1")
async def a_hundred_filters_in_one_packet(bus):
    client = await bus.connect()
    codes = await client.subscribe(*(bus.topic(f"{number}") for number in range(100)), qos=1)
    equal(codes, [1] * 100, "codes")
