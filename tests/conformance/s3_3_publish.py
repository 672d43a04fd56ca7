# SPDX-License-Identifier: Apache-2.0
"""PUBLISH (5.0 and 3.1.1 section 3.3): flags, topic, properties, aliases. Retained messages: s3_3_retain.py."""
import asyncio

import codec
from client import equal, expect
from codec import PUBACK, PUBLISH, PUBREC
from registry import case

MALFORMED = (0x81, 0x82)


async def close_each(bus, packets, reasons=MALFORMED):
    """Each ends a connection of its own; nothing of it reaches a reader."""
    reader = await bus.connect()
    await reader.subscribe(bus.topic("#"), qos=0)
    await bus.each_closes(packets, reasons)
    equal(await reader.heard(await bus.connect()), [], "messages")


@case("MQTT-3.3.1-4", "MQTT311-3.3.1-4")
async def qos_3_closes(bus):
    await close_each(bus, {"QoS 3": codec.publish(bus.version, bus.topic(), b"x", 3, packet_id=1)})


@case("MQTT-3.3.1-2", "MQTT311-3.3.1-2", "MQTT-2.2.1-2", "MQTT311-2.3.1-5", "MQTT-4.3.1-1", "MQTT311-4.3.1-1")
async def qos_0_has_neither_dup_nor_identifier(bus):
    """The codec refuses a PUBLISH of QoS 0 with DUP; an identifier would be the payload's first bytes."""
    reader = await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    publisher = await bus.connect()
    for qos in (0, 1, 2):
        await publisher.publish(bus.topic(), b"payload")
        await reader.message(payload=b"payload", qos=0, packet_id=None, dup=False)
    later = await bus.connect()
    await later.subscribe(bus.topic(), qos=0)
    await publisher.publish(bus.topic(), b"payload", 2)
    await later.message(payload=b"payload", qos=0, packet_id=None, dup=False)


@case("MQTT-3.3.1-3", "MQTT311-3.3.1-3")
async def dup_is_not_passed_on(bus):
    reader = await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    publisher = await bus.connect()
    for qos in (1, 2):
        publisher.send_publish(bus.topic(), b"x", qos, packet_id=7, dup=True)
        await publisher.expect(PUBACK if qos == 1 else PUBREC, packet_id=7)
        if qos == 2:
            publisher.ack(codec.PUBREL, 7)
            await publisher.expect(codec.PUBCOMP, packet_id=7)
        await reader.message(payload=b"x", qos=qos, dup=False)


@case("MQTT-2.2.1-4", "MQTT311-2.3.1-4", "MQTT311-2.3.1-1", "MQTT-4.3.2-1", "MQTT-4.3.3-1")
async def the_servers_identifiers_are_free_ones(bus):
    """Twenty messages that nobody acknowledges have twenty identifiers; 0 is none of them (the codec checks)."""
    reader = await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    publisher = await bus.connect()
    for number in range(10):
        for qos in (1, 2):
            await publisher.publish(bus.topic(), f"{number}", qos)
    got = [await reader.message(ack=False) for _ in range(20)]
    equal(len({message.packet_id for message in got}), 20, "identifiers in use")


@case("MQTT311-2.3.1-1", "MQTT-4.13.1-1")
async def identifier_0_is_refused(bus):
    await close_each(bus, {
        "QoS 1": codec.publish(bus.version, bus.topic(), b"x", 1), "QoS 2": codec.publish(bus.version, bus.topic(), b"x", 2),
        "SUBSCRIBE": codec.subscribe(bus.version, 0, [(bus.topic(), 0)]), "UNSUBSCRIBE": codec.unsubscribe(bus.version, 0, [bus.topic()])})


@case("MQTT-3.3.2-1", "MQTT-3.3.2-2", "MQTT-4.7.0-1", "MQTT-4.7.3-1", "MQTT-4.7.3-2", "MQTT-1.5.4-1",
      "MQTT-1.5.4-2", "MQTT311-3.3.2-1", "MQTT311-3.3.2-2", "MQTT311-4.7.1-1", "MQTT311-4.7.3-1",
      "MQTT311-4.7.3-2", "MQTT311-1.5.3-1", "MQTT311-1.5.3-2")
async def names_that_are_none_close(bus):
    base = bus.topic().encode()
    names = {"empty": b"", "#": base + b"/#", "+": base + b"/+", "+ within": base + b"/a+b", "# within": base + b"#",
             "U+0000": base + b"/\0", "surrogate": base + b"/\xed\xa0\x80", "no UTF-8": base + b"/\xff", "cut": base + b"/\xc3"}
    for qos in (0, 1):
        await close_each(bus, {f"{what}, QoS {qos}": codec.publish(bus.version, name, b"x", qos, packet_id=1)
                               for what, name in names.items()}, (0x81, 0x82, 0x90))


@case("MQTT-1.5.4-3", "MQTT311-1.5.3-3", "MQTT-4.7.3-4", "MQTT311-4.7.3-4", "MQTT-3.3.2-3", "MQTT311-3.3.2-3")
async def names_pass_unchanged(bus):
    reader = await bus.connect()
    await reader.subscribe(bus.topic("#"))
    publisher = await bus.connect()
    for name in ("\ufeffbom", "a\ufeff", " space ", "/", "//", "ACCOUNTS", "Accounts", "é", "e\u0301", "\U00010384", "a" * 3000,
                 "$in the middle", "a.b>*"):
        await publisher.publish(bus.topic(name), b"x", 1)
        await reader.message(topic=bus.topic(name))


@case("MQTT-4.7.3-3", "MQTT311-4.7.3-3")
async def the_longest_name_is_accepted_or_refused_in_words(bus):
    """65,535 bytes are the encoding's limit; a server may set a lower one, which it says in a proper packet."""
    reader = await bus.connect()
    await reader.subscribe(bus.topic("#"))
    publisher = await bus.connect()
    name = bus.topic("x" * (65535 - len(bus.topic(""))- 1))
    equal(len(name), 65535, "length")
    publisher.send_publish(name, b"x", 1, packet_id=1)
    got = await publisher.packet()
    if got and got.kind == PUBACK and got.reason < 0x80:
        await reader.message(topic=name)
    else:
        expect(got is None or (bus.version == 5 and got.reason in (0x90, 0x95, 0x97, 0x83)), f"got {got}")


@case("MQTT-3.3.4-1", "MQTT311-3.3.4-1", "MQTT-2.2.1-5", "MQTT311-2.3.1-6")
async def each_qos_has_its_answer(bus):
    client = await bus.connect()
    client.send_publish(bus.topic(), b"x")
    equal(await client.is_alive(), [], "answers to QoS 0")
    client.send_publish(bus.topic(), b"x", 1, packet_id=9)
    await client.expect(PUBACK, packet_id=9)
    client.send_publish(bus.topic(), b"x", 2, packet_id=65535)
    await client.expect(PUBREC, packet_id=65535)


@case("MQTT-3.3.2-4", "MQTT-3.3.2-15", "MQTT-3.3.2-16", "MQTT-3.3.2-17", "MQTT-3.3.2-18", "MQTT-3.3.2-20",
      "MQTT-1.5.7-1")
async def properties_pass_unchanged(bus):
    reader = await bus.connect()
    await reader.subscribe(bus.topic(), qos=2)
    publisher = await bus.connect()
    for props in ({}, {"payload_format": 0}, {"payload_format": 1}, {"content_type": ""}, {"content_type": "é/x"},
                  {"response_topic": bus.topic("r")}, {"correlation_data": b""}, {"correlation_data": bytes(range(256))},
                  {"user": [("z", "1"), ("a", "2"), ("z", "1"), ("", "")]},
                  {"payload_format": 1, "content_type": "t", "response_topic": "r", "correlation_data": b"\0",
                   "user": [("n", "v" * 5000)]}):
        for qos in (0, 1, 2):
            await publisher.publish(bus.topic(), b"x", qos, props=props)
            got = await reader.message(qos=qos)
            equal(got.props, props, "properties")


@case("MQTT-3.3.2-13", "MQTT-3.3.2-14", "MQTT-3.3.2-19", "MQTT-1.5.7-1", "MQTT-4.13.1-1")
async def bad_properties_close(bus):
    def with_props(props):
        return codec.publish(5, bus.topic(), b"x", props=props)
    await close_each(bus, {what: with_props(props) for what, props in {
        "Response Topic with #": {"response_topic": "a/#"}, "Response Topic with +": {"response_topic": "+/a"},
        "Response Topic, no UTF-8": {"response_topic": b"\xff"}, "Content Type, no UTF-8": {"content_type": b"\xff"},
        "Content Type with U+0000": {"content_type": b"\0"}, "User Property, no UTF-8": {"user": (b"\xed\xa0\x80", "v")},
        "Payload Format 2": {"payload_format": 2},
        "two Message Expiries": codec.property_bytes("message_expiry", 9) * 2, "a property of CONNECT": {"session_expiry": 1},
        "two Content Types": codec.property_bytes("content_type", "a") * 2}.items()}, (0x81, 0x82, 0x90, 0x99))


@case("MQTT-3.3.4-6", "MQTT-4.13.1-1")
async def a_clients_subscription_identifier_closes(bus):
    await close_each(bus, {"a Subscription Identifier": codec.publish(5, bus.topic(), b"x", props={"subscription_id": 1})})


@case("MQTT-3.3.2-5")
async def a_message_that_expired_is_not_delivered(bus):
    who = bus.name()
    reader = await bus.durable(who)
    await reader.subscribe(bus.topic(), qos=1)
    await reader.gone()
    publisher = await bus.connect()
    await publisher.publish(bus.topic(), b"short", 1, props={"message_expiry": 1})
    await publisher.publish(bus.topic(), b"long", 1, props={"message_expiry": 1000})
    await asyncio.sleep(2.2)
    reader = await bus.durable(who)
    await reader.message(payload=b"long")
    equal(await reader.heard(publisher), [], "messages beside")


@case("MQTT-3.3.2-6")
async def the_expiry_counts_down(bus):
    who = bus.name()
    reader = await bus.durable(who)
    await reader.subscribe(bus.topic(), qos=1)
    await reader.gone()
    publisher = await bus.connect()
    await publisher.publish(bus.topic(), b"x", 1, props={"message_expiry": 1000})
    await asyncio.sleep(2.2)
    reader = await bus.durable(who)
    got = await reader.message(payload=b"x")
    expect(990 <= got.props.get("message_expiry", -1) <= 998, f"expiry {got.props} of 1000 after two seconds")


@case("MQTT-3.3.2-6", "MQTT-3.3.2-5")
async def a_live_message_keeps_its_expiry(bus):
    reader = await bus.connect()
    await reader.subscribe(bus.topic(), qos=1)
    publisher = await bus.connect()
    for qos in (0, 1):
        await publisher.publish(bus.topic(), b"x", qos, props={"message_expiry": 1000})
        got = await reader.message(payload=b"x")
        expect(995 <= got.props.get("message_expiry", -1) <= 1000, f"expiry {got.props} of 1000")


@case("MQTT-3.3.2-12", "MQTT-3.3.2-7")
async def every_alias_up_to_the_maximum_is_accepted(bus):
    reader = await bus.connect()
    await reader.subscribe(bus.topic("#"))
    publisher = await bus.connect()
    maximum = publisher.connack.props.get("topic_alias_maximum", 0)
    for alias in sorted({1, maximum} - {0}) if maximum else ():
        await publisher.publish(bus.topic(f"{alias}"), b"set", 1, props={"topic_alias": alias})
        await publisher.publish("", b"used", 1, props={"topic_alias": alias})
        await publisher.publish(bus.topic("other"), b"moved", 1, props={"topic_alias": alias})
        await publisher.publish("", b"used", 1, props={"topic_alias": alias})
        for name, payload in ((f"{alias}", b"set"), (f"{alias}", b"used"), ("other", b"moved"), ("other", b"used")):
            got = await reader.message(topic=bus.topic(name), payload=payload)
            equal(got.props, {}, "properties")  # The publisher's alias is nobody else's.


@case("MQTT-3.3.2-8", "MQTT-3.3.2-9", "MQTT-3.2.2-17", "MQTT-4.13.1-1")
async def aliases_that_are_none_close(bus):
    maximum = (await bus.connect()).connack.props.get("topic_alias_maximum", 0)
    packets = {"0": codec.publish(5, bus.topic(), b"x", props={"topic_alias": 0}),
               "unset": codec.publish(5, "", b"x", props={"topic_alias": 1}),
               "no topic and no alias": codec.publish(5, "", b"x"),
               "twice": codec.publish(5, bus.topic(), b"x", props=codec.property_bytes("topic_alias", 1) * 2)}
    if maximum < 65535:
        packets["beyond the maximum"] = codec.publish(5, bus.topic(), b"x", props={"topic_alias": maximum + 1})
    await close_each(bus, packets, (0x81, 0x82, 0x90, 0x94))


@case("MQTT-3.3.2-7")
async def aliases_end_with_their_connection(bus):
    who = bus.name()
    first = await bus.durable(who)
    if not first.connack.props.get("topic_alias_maximum", 0):
        return
    await first.publish(bus.topic(), b"x", 1, props={"topic_alias": 1})
    await first.gone()
    second = await bus.durable(who)
    second.send_publish("", b"x", props={"topic_alias": 1})
    await second.closed((0x82, 0x94))


@case("MQTT-3.4.2-1", "MQTT-3.5.2-1", "MQTT-3.6.2-1", "MQTT-3.7.2-1")
async def acknowledgements_use_their_own_reasons(bus):
    ack_codes = (0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
    for topic in (bus.topic(), "$SYS/broker/uptime", "$none/of/ours"):
        for qos, kind in ((1, PUBACK), (2, PUBREC)):
            client = await bus.connect()
            client.send_publish(topic, b"x", qos, packet_id=5)
            got = await client.packet()
            expect(got is None or got.kind == codec.DISCONNECT or (got.kind == kind and got.reason in ack_codes), f"got {got}")
            if got and got.kind == PUBREC and got.reason < 0x80:
                client.ack(codec.PUBREL, 5)
                expect((await client.expect(codec.PUBCOMP)).reason in (0, 0x92), "reason of PUBCOMP")
    client = await bus.connect()
    await client.subscribe(bus.topic("in"), qos=2)
    client.ack(codec.PUBREL, 4242)
    expect((await client.expect(codec.PUBCOMP, packet_id=4242)).reason in (0, 0x92), "reason of PUBCOMP")
    client.send_publish(bus.topic("in"), b"x", 0)
    publisher = await bus.connect()
    await publisher.publish(bus.topic("in"), b"y", 2)
    await client.expect(PUBLISH, payload=b"x")
    got = await client.expect(PUBLISH, payload=b"y")
    client.ack(PUBREC, got.packet_id)
    expect((await client.expect(codec.PUBREL)).reason in (0, 0x92), "reason of PUBREL")


@case("MQTT-3.4.2-2", "MQTT-3.4.2-3", "MQTT-3.5.2-2", "MQTT-3.5.2-3", "MQTT-3.6.2-2", "MQTT-3.6.2-3",
      "MQTT-3.7.2-2", "MQTT-3.7.2-3", "MQTT-3.9.2-1", "MQTT-3.9.2-2", "MQTT-3.11.2-1", "MQTT-3.11.2-2",
      "MQTT-3.14.2-3", "MQTT-3.14.2-4", "MQTT-3.1.2-24")
async def every_answer_fits_the_clients_packet_size(bus):
    """Good and bad requests of a client that takes 20 bytes: whatever comes is no larger."""
    def small(got):
        expect(got is None or got.size <= 20, f"{got} of {got and got.size} bytes")
        return got
    for bad in (codec.publish(5, "$SYS/x", b"x", 1, packet_id=1), codec.publish(5, "$x/y", b"x", 2, packet_id=1),
                codec.subscribe(5, 2, [("a/#/b", 0)]), codec.subscribe(5, 2, [("$share/x", 0)]), codec.unsubscribe(5, 3, ["a/#/b"]),
                codec.ack(codec.PUBREL, 77), codec.ack(PUBREC, 78), codec.publish(5, "a/#", b"x"), codec.packet(codec.AUTH, b"\x19\0"),
                codec.publish(5, bus.topic(), b"x", 3, packet_id=1)):
        client = await bus.connect(props={"maximum_packet_size": 20})
        client.send(bad + codec.packet(codec.PINGREQ))
        while small(got := await client.packet()) and got.kind != codec.PINGRESP:
            pass


@case("MQTT-3.2.2-15", "MQTT-4.13.1-1")
async def a_packet_beyond_the_servers_maximum_closes(bus):
    """One of that size is taken. The server need not wait for all of it, so the writing may break off."""
    publisher = await bus.connect()
    maximum = publisher.connack.props.get("maximum_packet_size")
    if maximum is None or maximum > 4_000_000:
        return  # It takes whatever the encoding can say.
    room = maximum
    while (over := len(codec.publish(5, bus.topic(), b"x" * room, 1, packet_id=1)) - maximum) > 0:
        room -= over
    await publisher.publish(bus.topic(), b"x" * room, 1)
    publisher.send_publish(bus.topic(), b"x" * (room + 1), 1)
    await publisher.closed((0x95,))
