# SPDX-License-Identifier: Apache-2.0
"""CONNECT (5.0 section 3.1, 3.1.1 section 3.1): who may begin, with what, and what it is told. Wills: s3_1_will.py."""
import asyncio
import os

import codec
from client import equal, expect
from codec import CONNACK, CONNECT, PINGREQ, PINGRESP, PUBACK, PUBLISH
from link import TRANSPORTS
from registry import case

MALFORMED = (0x81, 0x82)  # Where 5.0 leaves it open which of the two a server says.


def connect_bytes(bus, **options):
    return codec.connect(bus.version, bus.name(), **options)


async def refuse_each(bus, packets, reasons=MALFORMED):
    """Each ends its connection; 5.0 may say one of these reasons in a CONNACK, 3.1.1 says nothing [MQTT311-3.1.4-1]."""
    for what, data in packets.items():
        client = await bus.open()
        client.send(data)
        got = await client.packet()
        if got is None:
            continue
        expect(bus.version == 5, f"{what}: expected the end without a word, got {got}")
        expect(got.kind == CONNACK and got.reason in reasons, f"{what}: expected a refusal or the end, got {got}")
        expect(await client.packet() is None, f"{what}: expected the end after the refusal")


@case("MQTT-3.1.0-1", "MQTT311-3.1.0-1", "MQTT-3.2.0-1", "MQTT311-3.2.0-1")
async def nothing_comes_before_connect(bus):
    for data in (codec.packet(PINGREQ), codec.subscribe(bus.version, 1, [("a", 0)]), codec.publish(bus.version, "a", b"x"),
                 codec.publish(bus.version, "a", b"x", 1, packet_id=1), codec.disconnect()):
        client = await bus.open()
        client.send(data)
        got = await client.packet()
        expect(got is None, f"expected the end without a word, got {got}")


@case("MQTT-3.1.0-2", "MQTT311-3.1.0-2", "MQTT-3.2.0-2", "MQTT311-4.8.0-1")
async def a_second_connect_ends_the_connection(bus):
    client = await bus.connect()
    client.send_connect(client.client_id)
    await client.closed((0x82,))


@case("MQTT-3.1.2-1", "MQTT311-3.1.2-1")
async def another_protocol_name_is_refused(bus):
    for name in ("MQTX", "", "mqtt", "MQTTMQTTMQTT"):
        client = await bus.open()
        client.send(connect_bytes(bus, name=name))
        await client.refused((0x84, 0x81) if bus.version == 5 else (0x01,))


@case("MQTT-3.1.2-2", "MQTT311-3.1.2-2", versions=(4, 5))
async def an_unknown_protocol_level_is_refused(bus):
    """In whose words a server refuses what it does not know is its choice: 3.1.1's 0x01 or 5.0's 0x84."""
    for level in (1, 2, 6, 127):
        client = await bus.open(4)
        client.send(codec.connect(4, bus.name(), level=level))
        said = b""
        while data := await client.link.read():
            said += data
        allowed = (b"\x20\x02\x00\x01", b"\x20\x02\x00\x84", b"\x20\x03\x00\x84\x00") + ((b"",) if bus.version == 5 else ())
        expect(said in allowed, f"level {level} was answered {said.hex() or 'by nothing'}")


@case("MQTT-3.1.2-3", "MQTT311-3.1.2-3", versions=(4, 5))
async def the_reserved_connect_flag_is_refused(bus):
    await refuse_each(bus, {"reserved flag": connect_bytes(bus, flags=0x03)})


@case("MQTT-2.1.3-1", "MQTT311-2.2.2-1", "MQTT311-2.2.2-2")
async def flags_of_the_fixed_header_are_refused(bus):
    good = connect_bytes(bus)
    await refuse_each(bus, {f"flags {flags}": bytes([CONNECT << 4 | flags]) + good[1:] for flags in (1, 2, 8)})


@case("MQTT-3.1.4-5", "MQTT311-3.1.4-4", "MQTT-4.2-1", "MQTT311-7.1.1-1", "MQTT311-7.0.0-2", "MQTT-3.2.2-8")
async def a_plain_connect_is_accepted(bus):
    client = await bus.connect()
    equal(client.connack.session_present, False, "Session Present")
    equal(await client.is_alive(), [], "packets before PINGRESP")


@case("MQTT-3.1.2-4", "MQTT-3.1.4-4", "MQTT-3.2.2-2", "MQTT311-3.1.2-6", "MQTT311-3.1.4-3", "MQTT311-3.2.2-1")
async def a_clean_start_forgets_the_session(bus):
    who, topic = bus.name(), bus.topic()
    first = await bus.durable(who)
    await first.subscribe(topic, qos=1)
    await first.gone()
    second = await bus.connect(who, expiry=300)
    equal(second.connack.session_present, False, "Session Present")
    publisher = await bus.connect()
    await publisher.publish(topic, b"x", 1)
    equal(await second.heard(publisher), [], "messages of the old subscription")


@case("MQTT-3.1.2-5", "MQTT-3.1.2-23", "MQTT-3.2.2-3", "MQTT-3.1.3-2", "MQTT-4.1.0-1", "MQTT-4.5.0-1",
      "MQTT311-3.1.2-4", "MQTT311-3.1.2-5", "MQTT311-3.2.2-2", "MQTT311-3.1.3-2", "MQTT311-4.1.0-1",
      "MQTT311-4.1.0-2", "MQTT311-4.5.0-1")
async def a_session_is_resumed_with_what_came_meanwhile(bus):
    who, topic = bus.name(), bus.topic()
    first = await bus.durable(who)
    equal(first.connack.session_present, False, "Session Present at first")
    await first.subscribe(topic, qos=2)
    await first.gone()
    publisher = await bus.connect()
    for qos in (1, 2):
        await publisher.publish(topic, f"{qos}", qos)
    second = await bus.durable(who)
    if bus.version > 3:  # 3.1 has no such flag.
        equal(second.connack.session_present, True, "Session Present")
    for qos in (1, 2):
        await second.message(topic=topic, payload=b"%d" % qos, qos=qos, dup=False)
    await publisher.publish(topic, b"live", 1)
    await second.message(payload=b"live")


@case("MQTT-3.1.2-6", "MQTT311-3.1.2-4", "MQTT311-3.2.2-3", "MQTT-3.2.2-3")
async def without_a_session_there_is_a_new_one(bus):
    client = await bus.durable(bus.name())
    equal(client.connack.session_present, False, "Session Present")


@case("MQTT311-3.1.2-6", "MQTT311-4.1.0-2")
async def a_clean_session_ends_with_its_connection(bus):
    who = bus.name()
    first = await bus.connect(who)
    await first.subscribe(bus.topic(), qos=1)
    await first.gone()
    second = await bus.durable(who)
    equal(second.connack.session_present, False, "Session Present")
    publisher = await bus.connect()
    await publisher.publish(bus.topic(), b"x", 1)
    equal(await second.heard(publisher), [], "messages of a subscription that ended")


@case("MQTT-4.1.0-2", "MQTT-3.1.2-23")
async def a_session_without_expiry_ends_with_its_connection(bus):
    who = bus.name()
    for expiry in (None, 0):
        first = await bus.connect(who, expiry=expiry)
        await first.subscribe(bus.topic(), qos=1)
        await first.gone()
        second = await bus.connect(who, clean=False)
        equal(second.connack.session_present, False, f"Session Present after expiry {expiry}")
        await second.gone()


@case("MQTT-4.1.0-2")
async def a_session_ends_when_its_expiry_has_passed(bus):
    who = bus.name()
    first = await bus.durable(who, expiry=1)
    await first.gone()
    await asyncio.sleep(3)
    second = await bus.durable(who)
    equal(second.connack.session_present, False, "Session Present after the expiry")


@case("MQTT-3.1.2-23", "MQTT-4.1.0-1")
async def a_disconnect_may_change_the_expiry(bus):
    who = bus.name()
    first = await bus.durable(who)
    await first.gone(0, props={"session_expiry": 0})
    second = await bus.durable(who)
    equal(second.connack.session_present, False, "Session Present after DISCONNECT with expiry 0")
    second.vanish()
    third = await bus.durable(who)
    equal(third.connack.session_present, True, "Session Present after the network failed")


@case("MQTT-4.13.1-1")
async def a_disconnect_may_not_make_a_session_of_none(bus):
    client = await bus.connect()
    client.leave(0, props={"session_expiry": 60})
    await client.closed((0x82,))


@case("MQTT-3.1.3-1", "MQTT-3.1.3-3", "MQTT-3.1.3-12", "MQTT-3.1.2-17", "MQTT-3.1.2-19", "MQTT311-3.1.3-1",
      "MQTT311-3.1.3-3", "MQTT311-3.1.3-11", "MQTT311-3.1.2-19", "MQTT311-3.1.2-21", "MQTT-3.1.4-1",
      "MQTT311-3.1.4-1", versions=(4, 5))
async def flags_name_fields_that_are_missing(bus):
    """3.1 lets a client leave user name and password out, so it is not asked."""
    await refuse_each(bus, {
        "user name": connect_bytes(bus, flags=0x82), "user name and password": connect_bytes(bus, flags=0xC2),
        "password": connect_bytes(bus, user="u", flags=0xC2), "will": connect_bytes(bus, flags=0x06),
        "everything after the keep-alive": codec.packet(CONNECT, codec.binary("MQTT") + bytes([bus.version, 2, 0, 60]))})


@case("MQTT-3.1.2-16", "MQTT-3.1.2-18", "MQTT-3.1.4-1", "MQTT311-3.1.2-18", "MQTT311-3.1.2-20",
      "MQTT311-3.1.2-11", versions=(4, 5))
async def fields_are_there_that_no_flag_names(bus):
    will = {"topic": bus.topic(), "payload": b"x"}
    await refuse_each(bus, {"user name": connect_bytes(bus, user="u", flags=0x02),
                            "password": connect_bytes(bus, user="u", password="p", flags=0x82),
                            "will": connect_bytes(bus, will=will, flags=0x02)})


@case("MQTT-3.1.2-9", "MQTT-3.1.2-11", "MQTT-3.1.2-12", "MQTT-3.1.2-13", "MQTT311-3.1.2-9", "MQTT311-3.1.2-11",
      "MQTT311-3.1.2-13", "MQTT311-3.1.2-14", "MQTT311-3.1.2-15", versions=(4, 5))
async def will_flags_contradict_each_other(bus):
    will = {"topic": bus.topic(), "payload": b"x"}
    await refuse_each(bus, {"QoS 3": connect_bytes(bus, will=will, flags=0x1E), "QoS without a will": connect_bytes(bus, flags=0x0A),
                            "QoS 2 without a will": connect_bytes(bus, flags=0x12), "Retain without a will": connect_bytes(bus, flags=0x22)})


@case("MQTT311-3.1.2-22", versions=(4,))
async def a_password_without_a_user_name_is_refused_by_3_1_1(bus):
    await refuse_each(bus, {"password": connect_bytes(bus, password="p")})


@case("MQTT-3.1.3-4", "MQTT-3.1.3-11", "MQTT-3.1.3-12", "MQTT-1.5.4-1", "MQTT-1.5.4-2", "MQTT311-3.1.3-4",
      "MQTT311-3.1.3-10", "MQTT311-3.1.3-11", "MQTT311-1.5.3-1", "MQTT311-1.5.3-2", versions=(4, 5))
async def texts_of_connect_are_proper_strings(bus):
    for what, bad in {"surrogate": b"a\xed\xa0\x80", "overlong": b"a\xc0\xaf", "cut": b"a\xe2\x82", "U+0000": b"a\0b",
                      "beyond Unicode": b"\xf5\x80\x80\x80"}.items():
        await refuse_each(bus, {
            f"{what} in the identifier": codec.connect(bus.version, bad),
            f"{what} in the user name": connect_bytes(bus, user=bad, password="p"),
            f"{what} in the will topic": connect_bytes(bus, will={"topic": bad})}, (0x81, 0x82, 0x85, 0x90, 0x99))


@case("MQTT-3.1.3-5", "MQTT311-3.1.3-5")
async def identifiers_of_letters_and_digits_are_accepted(bus):
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    tail = f"{os.getpid():06}V{bus.version}{bus.transport}"  # Runs of other versions and transports have names of their own.
    ours = letters[9 * TRANSPORTS.index(bus.transport) + bus.version]
    for name in [ours] + [(letters[at:at + 11] + tail)[:23] for at in range(0, len(letters), 11)]:
        await (await bus.connect(name)).gone()


@case("MQTT-3.1.3-6", "MQTT-3.1.3-7", "MQTT-3.2.2-16")
async def an_empty_identifier_is_replaced(bus):
    first, second = await bus.connect(""), await bus.connect("")
    names = [client.connack.props.get("assigned_client_id") for client in (first, second)]
    expect(all(names) and names[0] != names[1], f"assigned identifiers {names}")
    named = await bus.connect()
    equal(named.connack.props.get("assigned_client_id"), None, "assigned identifier of a client that has its own")
    third = await bus.connect(names[0])  # The first has that identifier: it is taken over.
    equal(third.connack.session_present, False, "Session Present")
    await first.closed((0x8E,))


@case("MQTT311-3.1.3-6", versions=(4,))
async def an_empty_identifier_is_accepted_for_a_clean_session(bus):
    first, second = await bus.connect(""), await bus.connect("")
    for client in (first, second):
        await client.is_alive()


@case("MQTT311-3.1.3-8", "MQTT311-3.1.3-9", "MQTT311-3.2.2-4", "MQTT311-3.2.2-5")
async def an_empty_identifier_is_refused_for_a_kept_session(bus):
    client = await bus.open()
    client.send_connect("", clean=False)
    equal(await client.refused((2,)), 2, "code of CONNACK")


@case("MQTT-3.1.3-8", "MQTT-3.2.2-6", "MQTT-3.2.2-7", "MQTT-4.13.2-1", "MQTT-4.12.0-1", "MQTT-3.14.0-1",
      "MQTT-3.1.4-2")
async def a_refusal_closes_and_says_nothing_more(bus):
    """The refusal that every server of 5.0 can be brought to: an authentication method that nobody has."""
    client = await bus.open()
    client.send_connect(bus.name(), props={"auth_method": "nobody-has-this"})
    await client.refused((0x8C, 0x87))


@case("MQTT-3.1.4-6", "MQTT311-3.1.4-5", versions=(4, 5))
async def nothing_after_a_refused_connect_is_looked_at(bus):
    reader = await bus.connect()
    await reader.subscribe(bus.topic("#"), qos=1)
    client = await bus.open()
    if bus.version == 5:
        refused = codec.connect(5, bus.name(), props={"auth_method": "nobody-has-this"})
    else:
        refused = codec.connect(4, "", clean=False)
    client.send(refused + codec.publish(bus.version, bus.topic("a"), b"x") +
                codec.publish(bus.version, bus.topic("b"), b"x", 1, packet_id=1))
    await client.refused((0x8C, 0x87, 2))
    equal(await reader.heard(await bus.connect()), [], "messages of a refused client")


@case("MQTT-3.1.4-3", "MQTT-3.1.3-2", "MQTT311-3.1.4-2", "MQTT311-3.1.3-2", "MQTT-3.14.2-1")
async def a_second_connection_takes_the_identifier_over(bus):
    who = bus.name()
    first = await bus.connect(who)
    second = await bus.connect(who)
    reason = await first.closed((0x8E,))
    if bus.version == 5:
        equal(reason, 0x8E, "reason of DISCONNECT")
    await second.is_alive()


@case("MQTT-3.1.4-3", "MQTT-3.2.2-3", "MQTT-3.1.2-5", "MQTT311-3.1.4-2", "MQTT311-3.2.2-2", "MQTT-4.4.0-1", "MQTT311-4.4.0-1")
async def a_takeover_goes_on_with_the_session(bus):
    who, publisher = bus.name(), await bus.connect()
    first = await bus.durable(who)
    await first.subscribe(bus.topic(), qos=1)
    await publisher.publish(bus.topic(), b"in flight", 1)
    await first.message(ack=False, dup=False)
    second = await bus.durable(who)
    if bus.version > 3:
        equal(second.connack.session_present, True, "Session Present")
    await second.message(payload=b"in flight", dup=True)
    await first.closed((0x8E,))
    await publisher.publish(bus.topic(), b"live", 1)
    await second.message(payload=b"live")


@case("MQTT-3.1.2-23", "MQTT-3.2.2-8")
async def the_server_tells_another_session_expiry(bus):
    """It may shorten what was asked for; then CONNACK says so, and never more."""
    for expiry in (0, 1, 60, 0xFFFFFFFF):
        client = await bus.connect(expiry=expiry)
        said = client.connack.props.get("session_expiry", expiry)
        expect(said <= expiry, f"asked for {expiry} s, told {said} s")


@case("MQTT-3.1.2-22", "MQTT-3.2.2-22", "MQTT311-3.1.2-24")
async def a_silent_client_is_closed_after_one_and_a_half_keep_alives(bus):
    watcher = await bus.connect()
    await watcher.subscribe(bus.topic("will"))
    clock = asyncio.get_running_loop().time
    client = await bus.connect(keep_alive=1, will={"topic": bus.topic("will"), "payload": b"silent"})
    begun = clock()
    await client.closed((0x8D,))
    passed = clock() - begun
    expect(0.9 < passed < 10, f"closed after {passed:.2f} s with a keep-alive of 1 s")
    await watcher.message(topic=bus.topic("will"), payload=b"silent")


@case("MQTT-3.1.2-22", "MQTT311-3.1.2-24", "MQTT-3.12.4-1", "MQTT311-3.12.4-1")
async def pings_keep_a_client_alive(bus):
    client = await bus.connect(keep_alive=2)
    for _ in range(7):
        await asyncio.sleep(0.6)
        equal(await client.is_alive(), [], "packets before PINGRESP")


@case("MQTT-3.1.2-22", "MQTT311-3.1.2-24")
async def without_keep_alive_silence_is_allowed(bus):
    client = await bus.connect(keep_alive=0)
    await asyncio.sleep(2.5)
    await client.is_alive()


@case("MQTT-3.1.2-24", "MQTT-3.1.2-25")
async def what_is_too_large_for_the_client_counts_as_delivered(bus):
    reader = await bus.connect(props={"maximum_packet_size": 100, "receive_maximum": 2})
    await reader.subscribe(bus.topic(), qos=1)
    publisher = await bus.connect()
    for _ in range(3):  # More than the window: they do not fill it.
        await publisher.publish(bus.topic(), b"x" * 200, 1)
    await publisher.publish(bus.topic(), b"small", 1)
    await publisher.publish(bus.topic(), b"y" * 200)
    await publisher.publish(bus.topic(), b"end", 1)
    for payload in (b"small", b"end"):
        got = await reader.message(payload=payload)
        expect(got.size <= 100, f"a packet of {got.size} bytes")


@case("MQTT-3.1.2-24", "MQTT-3.1.2-25")
async def a_retained_message_too_large_is_left_out(bus):
    publisher = await bus.connect()
    await publisher.publish(bus.topic("a"), b"x" * 200, 1, retain=True)
    await publisher.publish(bus.topic("b"), b"small", 1, retain=True)
    reader = await bus.connect(props={"maximum_packet_size": 100})
    await reader.subscribe(bus.topic("#"), qos=1)
    await reader.message(topic=bus.topic("b"))
    equal(await reader.heard(publisher), [], "messages beside")
    for name in "ab":
        await publisher.publish(bus.topic(name), b"", 1, retain=True)


@case("MQTT-3.1.2-26", "MQTT-3.1.2-27", "MQTT-3.3.2-11", "MQTT-3.3.2-8")
async def the_server_keeps_to_the_clients_alias_maximum(bus):
    publisher = await bus.connect()
    for maximum in (None, 0, 2):
        reader = await bus.connect(props={} if maximum is None else {"topic_alias_maximum": maximum})
        await reader.subscribe(bus.topic("+"))
        known = {}
        for name in "aabbccabc":
            await publisher.publish(bus.topic(name), name, 1)
            got = await reader.message(payload=name.encode())
            alias = got.props.get("topic_alias")
            expect(alias is None or 1 <= alias <= (maximum or 0), f"alias {alias} with Topic Alias Maximum {maximum}")
            if got.topic and alias:
                known[alias] = got.topic
            equal(got.topic or known.get(alias), bus.topic(name), "topic")


@case("MQTT-3.1.2-28")
async def no_response_information_unless_asked_for(bus):
    for props in ({}, {"request_response": 0}):
        client = await bus.connect(props=props)
        equal(client.connack.props.get("response_information"), None, "Response Information")


@case("MQTT-3.1.2-29")
async def no_problem_information_where_it_is_not_wanted(bus):
    client = await bus.connect(props={"request_problem": 0})
    await client.subscribe("$share/x")
    client.send(codec.subscribe(5, 77, [("$share/x", 0), ("a/#/b", 0)]))
    got = await client.packet()
    if got.kind == codec.SUBACK:
        equal(got.props, {}, "properties of SUBACK")
    other = await bus.connect(props={"request_problem": 0})
    other.send_publish("$SYS/broker/x", b"x", 1)
    got = await other.packet()
    if got and got.kind == PUBACK:
        equal(got.props, {}, "properties of PUBACK")


@case("MQTT-3.1.4-1", "MQTT-4.13.1-1")
async def properties_of_connect_are_checked(bus):
    bad = {"Receive Maximum 0": {"receive_maximum": 0}, "Maximum Packet Size 0": {"maximum_packet_size": 0},
           "Request Problem Information 2": {"request_problem": 2}, "Request Response Information 2": {"request_response": 2},
           "a property twice": codec.property_bytes("receive_maximum", 9) * 2, "an unknown property": b"\x7f\x01",
           "a property of PUBLISH": codec.property_bytes("topic_alias", 1), "a cut property": b"\x11\x00\x00",
           "Authentication Data alone": {"auth_data": b"x"}, "two session expiries": codec.property_bytes("session_expiry", 9) * 2}
    await refuse_each(bus, {what: connect_bytes(bus, props=props) for what, props in bad.items()})


@case("MQTT-1.5.5-1")
async def an_overlong_integer_is_malformed(bus):
    head = codec.binary("MQTT") + bytes([5, 2, 0, 60])
    await refuse_each(bus, {
        "property length": codec.packet(CONNECT, head + b"\x80\x00" + codec.binary(bus.name())),
        "of five bytes": codec.packet(CONNECT, head + b"\x80\x80\x80\x80\x00" + codec.binary(bus.name()))})


@case("MQTT311-4.8.0-1", "MQTT-4.13.1-1")
async def a_remaining_length_of_five_bytes_closes(bus):
    client = await bus.open()
    client.send(b"\x10\xff\xff\xff\xff\x01")
    await client.refused(MALFORMED)
    client = await bus.connect()
    client.send(b"\x30\xff\xff\xff\xff\x01")
    await client.closed(MALFORMED)


@case("MQTT-1.5.7-1")
async def user_properties_are_proper_strings(bus):
    await refuse_each(bus, {"name": connect_bytes(bus, props={"user": (b"\xff", "v")}),
                            "value": connect_bytes(bus, props={"user": ("n", b"a\0")})})
    await bus.connect(props={"user": [("n", "v"), ("n", "v"), ("", "")]})


@case("MQTT-3.2.2-1", "MQTT-3.2.2-8", "MQTT-2.2.2-1", "MQTT-3.2.0-1")
async def connack_is_well_formed(bus):
    """The codec checks the acknowledge flags and that properties are CONNACK's own."""
    client = await bus.open()
    client.send_connect(bus.name(), props={"receive_maximum": 10, "topic_alias_maximum": 5, "maximum_packet_size": 5000})
    got = await client.expect(CONNACK, reason=0)
    for name, allowed in {"maximum_qos": (0, 1), "retain_available": (0, 1), "wildcard_available": (0, 1),
                          "subscription_id_available": (0, 1), "shared_available": (0, 1)}.items():
        expect(got.props.get(name) in (None, *allowed), f"{name} {got.props.get(name)}")
    expect(got.props.get("receive_maximum") != 0 and got.props.get("maximum_packet_size") != 0, f"zeroes in {got.props}")


@case("MQTT-3.2.2-19", "MQTT-3.2.2-20", "MQTT-3.1.2-24")
async def connack_fits_the_clients_packet_size(bus):
    client = await bus.open()
    client.send_connect(bus.name(), props={"maximum_packet_size": 40, "auth_method": "nobody-has-this"})
    got = await client.packet()
    expect(got is None or got.size <= 40, f"a CONNACK of {got and got.size} bytes")


@case("MQTT-3.2.0-2", "MQTT311-3.2.0-1")
async def packets_may_follow_connect_at_once(bus):
    client = await bus.open()
    client.send(codec.connect(bus.version, bus.name()) + codec.subscribe(bus.version, 1, [(bus.topic(), 0)]) +
                codec.publish(bus.version, bus.topic(), b"x") + codec.packet(PINGREQ))
    await client.expect(CONNACK, reason=0)
    await client.expect(codec.SUBACK, packet_id=1)
    kinds = {(await client.packet()).kind for _ in range(2)}
    equal(kinds, {PUBLISH, PINGRESP}, "packets that follow")
