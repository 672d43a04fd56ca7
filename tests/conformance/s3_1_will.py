# SPDX-License-Identifier: Apache-2.0
"""Wills (5.0 sections 3.1.2.5 to 3.1.2.7 and 3.1.3.2; 3.1.1 sections 3.1.2.5 to 3.1.2.7): when they are published, and how."""
import asyncio

from client import equal, expect
from registry import case


def will(bus, name="will", **more):
    return {"topic": bus.topic(name), "payload": b"gone", **more}


async def watch(bus, qos=2, **options):
    watcher = await bus.connect()
    await watcher.subscribe(bus.topic("#"), qos=qos, **options)
    return watcher


@case("MQTT-3.1.2-7", "MQTT-3.1.2-8", "MQTT311-3.1.2-8", "MQTT311-3.1.2-9", "MQTT-3.1.2-9")
async def a_will_is_published_when_the_network_fails(bus):
    watcher = await watch(bus)
    client = await bus.connect(will=will(bus))
    client.vanish()
    await watcher.message(topic=bus.topic("will"), payload=b"gone", qos=0, retain=False)


@case("MQTT-3.1.2-12", "MQTT311-3.1.2-14", "MQTT-3.1.2-14", "MQTT-3.1.2-15", "MQTT311-3.1.2-16",
      "MQTT311-3.1.2-17")
async def a_will_is_published_with_its_qos_and_retain(bus):
    watcher = await watch(bus)
    for qos in (0, 1, 2):
        for retain in (False, True):
            name = f"{qos}{retain}"
            client = await bus.connect(will=will(bus, name, qos=qos, retain=retain))
            client.vanish()
            await watcher.message(topic=bus.topic(name), payload=b"gone", qos=qos, retain=False)
            later = await bus.connect()
            await later.subscribe(bus.topic(name), qos=2)
            if retain:
                await later.message(topic=bus.topic(name), payload=b"gone", qos=qos, retain=True)
                await later.publish(bus.topic(name), b"", retain=True)
                await watcher.message(payload=b"")
                await later.message(payload=b"")
            equal(await later.heard(later), [], "what is retained")


@case("MQTT-3.1.2-8", "MQTT311-3.1.2-8", "MQTT311-4.8.0-1", "MQTT-4.13.1-1")
async def a_will_is_published_when_the_server_closes(bus):
    watcher = await watch(bus)
    client = await bus.connect(will=will(bus))
    client.send_connect(client.client_id)
    await client.closed()
    await watcher.message(topic=bus.topic("will"), payload=b"gone")


@case("MQTT-3.14.4-3", "MQTT-3.1.2-10", "MQTT311-3.14.4-3", "MQTT311-3.1.2-10")
async def a_disconnect_takes_the_will_back(bus):
    watcher = await watch(bus)
    client = await bus.connect(will=will(bus))
    await client.gone()
    equal(await watcher.heard(await bus.connect()), [], "messages after DISCONNECT")


@case("MQTT-3.1.2-8", "MQTT-3.14.2-1")
async def a_disconnect_may_ask_for_the_will(bus):
    watcher = await watch(bus)
    client = await bus.connect(will=will(bus))
    await client.gone(4)
    await watcher.message(topic=bus.topic("will"))


@case("MQTT-3.1.2-10", "MQTT311-3.1.2-10")
async def a_will_is_published_once(bus):
    """A session that is taken up again has the will of its new connection, or none."""
    watcher, who = await watch(bus), bus.name()
    (await bus.durable(who, will=will(bus))).vanish()
    await watcher.message(topic=bus.topic("will"))
    (await bus.durable(who)).vanish()
    (await bus.durable(who)).vanish()
    await asyncio.sleep(0)
    (await bus.durable(who, will=will(bus, "end"))).vanish()
    await watcher.message(topic=bus.topic("end"))


@case("MQTT311-3.1.2-12")
async def without_a_will_none_is_published(bus):
    watcher = await watch(bus)
    (await bus.connect()).vanish()
    (await bus.connect(will=will(bus, "end"))).vanish()
    await watcher.message(topic=bus.topic("end"))


@case("MQTT-3.1.2-8", "MQTT311-3.1.2-8")
async def a_will_is_published_when_the_session_is_taken_over(bus):
    watcher, who = await watch(bus), bus.name()
    first = await bus.connect(who, will=will(bus))
    await bus.connect(who)
    await first.closed((0x8E,))
    await watcher.message(topic=bus.topic("will"))


@case("MQTT-3.1.2-8")
async def a_will_waits_for_its_delay(bus):
    watcher, clock = await watch(bus), asyncio.get_running_loop().time
    client = await bus.connect(expiry=300, will=will(bus, props={"will_delay": 1}))
    begun = clock()
    client.vanish()
    await watcher.message(topic=bus.topic("will"))
    expect(0.95 < clock() - begun < 8, f"a will delayed by 1 s came after {clock() - begun:.2f} s")


@case("MQTT-3.1.2-8")
async def a_will_does_not_wait_longer_than_the_session(bus):
    watcher = await watch(bus)
    (await bus.connect(will=will(bus, "at once", props={"will_delay": 1000}))).vanish()
    await watcher.message(topic=bus.topic("at once"))
    (await bus.connect(expiry=1, will=will(bus, "in a second", props={"will_delay": 1000}))).vanish()
    await watcher.message(topic=bus.topic("in a second"))


@case("MQTT-3.1.3-9")
async def a_delayed_will_is_taken_back_by_a_new_connection(bus):
    watcher, who = await watch(bus), bus.name()
    (await bus.durable(who, will=will(bus, props={"will_delay": 1}))).vanish()
    await bus.durable(who)
    await asyncio.sleep(2)
    equal(await watcher.heard(await bus.connect()), [], "messages after the delay")


@case("MQTT-3.1.2-8")
async def a_delayed_will_is_published_when_its_session_is_started_anew(bus):
    watcher, who = await watch(bus), bus.name()
    (await bus.durable(who, will=will(bus, props={"will_delay": 1000}))).vanish()
    await bus.connect(who)
    await watcher.message(topic=bus.topic("will"))


@case("MQTT-3.1.3-10", "MQTT-3.1.2-9")
async def a_will_carries_its_properties(bus):
    watcher = await watch(bus)
    props = {"payload_format": 1, "content_type": "text/plain", "response_topic": bus.topic("answer"),
             "correlation_data": b"\0\1", "message_expiry": 1000, "user": [("b", "2"), ("a", "1"), ("b", "2")]}
    (await bus.connect(will=will(bus, props=props))).vanish()
    got = await watcher.message(topic=bus.topic("will"))
    expect(0 < got.props.pop("message_expiry", 0) <= 1000, "message expiry")
    del props["message_expiry"]
    equal(got.props, props, "properties")


@case("MQTT-3.1.2-8", "MQTT311-3.1.2-8")
async def a_will_reaches_who_is_away(bus):
    who = bus.name()
    reader = await bus.durable(who)
    await reader.subscribe(bus.topic("will"), qos=1)
    await reader.gone()
    watcher = await watch(bus)
    (await bus.connect(will=will(bus, qos=1))).vanish()
    await watcher.message(topic=bus.topic("will"))
    reader = await bus.durable(who)
    await reader.message(topic=bus.topic("will"), qos=1)
