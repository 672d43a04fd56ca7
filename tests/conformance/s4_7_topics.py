# SPDX-License-Identifier: Apache-2.0
"""Topic names and filters (5.0 and 3.1.1 section 4.7). What is refused: s3_3_publish.py and s3_8_subscribe.py."""
from client import equal
from registry import case

NAMES = ("sport", "sport/", "/sport", "sport/tennis", "sport/tennis/player1", "sport/tennis/player1/ranking", "sport//player1", "/",
         "//", "Sport", "sport/tennis player", "sport/é", "finance", "sport/$tennis", "a/b/c/d/e/f/g/h")
FILTERS = ("sport", "sport/", "/sport", "sport/#", "sport/+", "sport/+/player1", "sport/tennis/#", "sport/tennis/+", "+", "/+", "+/+",
           "+/tennis/#", "/#", "sport//+", "sport/+/+", "+/", "SPORT", "sport/é", "sport/e\u0301", "+/+/+/+/+/+/+/+",
           "sport/tennis/player1/#", "#")


def matches(topic_filter, name):
    """Section 4.7 in a few lines, of names that do not begin with $."""
    levels, parts = topic_filter.split("/"), name.split("/")
    for at, level in enumerate(levels):
        if level == "#":
            return True
        if at >= len(parts) or (level != "+" and level != parts[at]):
            return False
    return len(levels) == len(parts)


@case("MQTT-4.7.1-1", "MQTT-4.7.1-2", "MQTT-4.7.3-4", "MQTT-3.3.2-3", "MQTT311-4.7.1-2", "MQTT311-4.7.1-3",
      "MQTT311-4.7.3-4", "MQTT311-3.3.2-3")
async def filters_match_as_the_standard_says(bus):
    """Below a level of the case's own, so that # at the front gets nothing of others."""
    publisher = await bus.connect()
    readers = {}
    for topic_filter in FILTERS:
        readers[topic_filter] = await bus.connect()
        equal(await readers[topic_filter].subscribe(f"{bus.topic()}/{topic_filter}"), [0], f"code of {topic_filter}")
    for name in NAMES:
        await publisher.publish(f"{bus.topic()}/{name}", name, 1)
    for topic_filter, reader in readers.items():
        got = [message.topic[len(bus.topic()) + 1:] for message in await reader.heard(publisher)]
        equal(got, [name for name in NAMES if matches(topic_filter, name)], f"names for {topic_filter}")


@case("MQTT-4.7.1-1", "MQTT311-4.7.1-2")
async def a_hash_matches_its_parent(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    await reader.subscribe(bus.topic("#"))
    await publisher.publish(bus.topic(), b"parent", 1)
    await reader.message(topic=bus.topic(), payload=b"parent")


@case("MQTT-4.7.2-1", "MQTT311-4.7.2-1")
async def dollar_topics_need_a_filter_that_names_them(bus):
    """If the server lets clients publish below $ at all."""
    publisher, reader, named = await bus.connect(), await bus.connect(), await bus.connect()
    name = f"$test-{bus.name()}/{bus.topic()}"
    await named.subscribe(f"{name.split('/')[0]}/#")
    await reader.subscribe("#", f"+/{bus.topic('#')}", f"+/{bus.topic()}")
    await publisher.publish(name, b"x")
    await publisher.publish(bus.topic(), b"end", 1)
    equal([m.topic for m in await reader.heard(publisher) if m.topic.startswith("$")], [], "topics with $")


@case("MQTT-4.7.3-3", "MQTT311-4.7.3-3")
async def a_long_filter_is_accepted_or_refused_in_words(bus):
    client = await bus.connect()
    code, = await client.subscribe(bus.topic("x" * 60000))
    equal(code in (0, 0x80, 0x8F, 0x97, 0x83), True, f"code {code:#x}")
    await client.is_alive()


@case("MQTT-4.7.3-4", "MQTT311-4.7.3-4", "MQTT-3.10.4-1", "MQTT311-3.10.4-1")
async def no_name_is_taken_for_another(bus):
    publisher, reader = await bus.connect(), await bus.connect()
    for one, other in (("a", "A"), ("a", "a "), ("a/", "a"), ("é", "e\u0301"), ("\uff0b", "x"), ("a%2Fb", "a/b")):
        await reader.subscribe(bus.topic(one), qos=1)
        await reader.unsubscribe(bus.topic(other))
        await publisher.publish(bus.topic(other), b"other", 1)
        await publisher.publish(bus.topic(one), b"one", 1)
        await reader.message(topic=bus.topic(one), payload=b"one")
        await reader.unsubscribe(bus.topic(one))
