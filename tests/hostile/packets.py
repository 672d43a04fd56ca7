# SPDX-License-Identifier: Apache-2.0
"""Rows 9 to 15, 27, 41, 44, 45: packets that are wrong in themselves, or ask for too much."""
import struct
import time

import link
from cases import *  # noqa: F403
from link import V311, V5, binary, packet, text

SLASHES = b"/" * 65_535


def refuses_filter(peer, version, *filters):
    """A SUBACK that refuses each, or the end of the connection."""
    peer.send(link.subscribe(version, *filters))
    try:
        kind, body = peer.packet()
    except Closed:
        return
    if kind == link.DISCONNECT:
        assert version == V5 and body[0] >= 0x80, body
        return
    assert kind == link.SUBACK and all(reason >= 0x80 for reason in body[-len(filters):]), body.hex()


@case(9, "PUBLISH with QoS that ends after the topic", 3)
def no_packet_id(peers):
    for version in ALL_VERSIONS:
        for size in (8, 9, 127, 128, 1_024, 16_384, 65_000):
            for cut in (b"", b"\1"):
                name = b"open/" + b"a" * (size - 5 - len(cut))
                peer = peers.client(version, "cut")
                peer.send(packet(link.PUBLISH, binary(name) + cut, 2))
                refused(peer, version)


@case(10, "SUBSCRIBE and UNSUBSCRIBE that are cut or empty", 5)
def cut_subscribe(peers):
    for version in ALL_VERSIONS:
        head = b"\0\1" + link.properties(version)
        for kind, body in ((link.SUBSCRIBE, head + text("open/a")), (link.SUBSCRIBE, head), (link.UNSUBSCRIBE, head),
                           (link.SUBSCRIBE, head + text("open/a") + b"\1" + text("open/b")),
                           (link.SUBSCRIBE, head + b"\0\7open"), (link.UNSUBSCRIBE, head + b"\0\7open"),
                           (link.SUBSCRIBE, b"\0\0" + link.properties(version) + text("a") + b"\0"),
                           (link.SUBSCRIBE, b"\0"), (link.UNSUBSCRIBE, b""),
                           (link.SUBSCRIBE, head + text("open/a") + b"\3")):
            peer = peers.client(version, "cut")
            peer.send(packet(kind, body))
            refused(peer, version)


@case(11, "a topic longer than the packet", 5)
def topic_beyond(peers):
    for version in ALL_VERSIONS:
        for body in (b"\xff\xffab", b"\0\3ab", b"\0", b"", b"\x80\0" + b"a" * 100):
            for flags in (0, 2, 4):
                peer = peers.client(version, "beyond")
                peer.send(packet(link.PUBLISH, body, flags))
                refused(peer, version)


@case(12, "no topic", 5)
def no_topic(peers):
    for version in ALL_VERSIONS:
        for qos in (0, 1, 2):
            peer = peers.client(version, "empty")
            peer.send(link.publish(version, "", b"x", qos))
            refused(peer, version, (*BROKEN, NAME_INVALID))


@case(13, "topic aliases: 0, above the maximum, never set, of the connection before", 5)
def aliases(peers):
    def alias(number, topic=""):
        return link.publish(V5, topic, b"x", data=b"\x23" + struct.pack(">H", number))
    for sent, reasons in ((alias(0, "open/a"), (ALIAS_INVALID,)), (alias(11, "open/a"), (ALIAS_INVALID,)),
                          (alias(65_535), (ALIAS_INVALID,)), (alias(1), (PROTOCOL_ERROR, ALIAS_INVALID))):
        peer = peers.client()
        peer.send(sent)
        refused(peer, V5, reasons)
    peer = peers.alice("alias")
    peer.send(alias(1, "open/a") + alias(1))
    answers_ping(peer)
    peer.close()
    peer = peers.alice("alias", clean=False)
    assert peer.session_present
    peer.send(alias(1))
    refused(peer, V5, (PROTOCOL_ERROR, ALIAS_INVALID))


@case(14, "65,535 slashes, and 201 levels, wherever a topic may be", 2)
def deep_topics(peers):
    begin = time.monotonic()
    for deep in (SLASHES, b"a/" * 200 + b"a", b"+/" * 32_767, b"open/" + b"a/" * 30_000 + b"#"):
        for version in VERSIONS:
            refuses_filter(peers.client(version, "deep"), version, binary(deep))
            peer = peers.client(version, "deep")
            peer.send(packet(link.UNSUBSCRIBE, b"\0\1" + link.properties(version) + binary(deep)))
            answers_ping(peer)
            if b"#" in deep or b"+" in deep:
                continue
            got = answer(peer, link.publish(version, binary(deep), b"x", 1, retain=True), link.PUBACK)
            assert version == V311 or got[2] >= 0x80, got
            peer = peers.open()
            left = link.properties(version) + binary(deep) + text("x")
            peer.send(link.connect(version, "deep", left=left, will_flags=0x24))  # Retained.
            try:
                kind, body = peer.packet()
                assert kind == link.CONNACK, kind
                peer.close()  # If its will was armed: it is due, and must not come.
            except Closed:
                pass
    assert time.monotonic() - begin < 5
    reader = peers.client(V311, "deep-reader")
    reader.send(link.subscribe(V311, "#"))
    assert not [name for name in topics(peers.before_marker(reader, V311)) if name.count("/") > 199]


@case(15, "$share filters that are none", 3)
def broken_share(peers):
    publisher = peers.client(user="infra")
    for broken in ("$share/ab", "$share/", "$share", "$share//x", "$share/a+/open/x", "$share/#/open/x", "$share/a#/open/x",
                   "$share/ab/", "$share/+/open/x", "$share/g/open/#/x"):
        for version in VERSIONS:
            peer = peers.client(version, "share")
            refuses_filter(peer, version, broken)
            for name in ("open/x", "x", "ab", "x/open/x"):
                answer(publisher, link.publish(V5, name, b"x", 1), link.PUBACK)
            try:
                got = peers.before_marker(peer, version)
            except Closed:
                continue
            assert not topics(got), broken


@case(27, "publishing to $ topics", 5)
def dollar_topics(peers):
    reader = peers.client(V311, "dollar-reader")
    reader.send(link.subscribe(V311, "$SYS/broker/uptime"))
    for name in ("$SYS/broker/uptime", "$SYS", "$SYS/new", "$CONTROL/dynamic-security/v1", "$", "$share/g/open/a", "$x/y",
                 "$replay/first/open/a", "$firehose/receipts"):
        for user in (None, "infra"):
            peer = peers.client(V5, "dollar", user=user)
            peer.send(link.publish(V5, name, b"forged", 1, retain=True))
            (kind, body), = answers_ping(peer)
            assert kind == link.PUBACK and body[2] >= 0x80, body
            peer = peers.client(V311, "dollar", user=user)
            peer.send(link.publish(V311, name, b"forged", 1, retain=True))
            (kind, body), = answers_ping(peer)
            assert kind == link.PUBACK, body
    assert not any(b"forged" in body for _, body in peers.before_marker(reader, V311))


@case(41, "filters of many levels by the thousand, and wrong ones", 1)
def many_filters(peers):
    for wrong in ("a/#/b", "a+", "#/#", "a#", "+a/b", "a/+b", "##", "++", ""):
        for version in VERSIONS:
            refuses_filter(peers.client(version, "wrong"), version, wrong)
    peer = peers.client(V311, "plus")
    filters = ["+/" * depth + "#" for depth in range(1, 100)] + ["open/" + "+/" * depth + "a" for depth in range(100)]
    begin = time.monotonic()
    for _ in range(3):
        peer.send(link.subscribe(V311, *filters))
    peer.send(b"".join(link.publish(V311, "open/" + "b/" * depth + "a") for depth in range(0, 198, 2)))
    assert len(topics(peers.before_marker(peer, V311))) == 99  # Each once, whatever number of filters it matches.
    assert time.monotonic() - begin < 5


@case(44, "SUBSCRIBE of 10,000 filters with a wrong one among them; subscription identifiers", 1)
def ten_thousand(peers):
    for version in VERSIONS:
        peer = peers.client(version, "many")
        filters = [f"open/{i}" for i in range(10_000)]
        filters[5_000] = "a/#/b"
        peer.send(link.subscribe(version, *filters))
        try:
            kind, body = peer.packet()
            if kind == link.SUBACK:
                reasons = body[-10_000:]
                assert reasons[5_000] >= 0x80 and reasons[-1] >= 0x80, "the wrong one, and those over the limit"
        except Closed:
            pass
        peer.close()
    for data in (b"\x0b\0", b"\x0b\x80\x80\x80\x80\1", b"\x0b\xff\xff\xff\xff\x7f", b"\x0b\1\x0b\2"):
        peer = peers.client()
        peer.send(link.subscribe(V5, "open/a", data=data))
        refused(peer, V5)


@case(45, "SUBSCRIBE, then a SUBACK from the client: no subscription is left", 20)
def ghost(peers):
    for version in VERSIONS:
        peer = peers.client(version, "ghost")
        peer.send(link.subscribe(version, "open/ghost") + packet(link.SUBACK, b"\0\1\0\0"))
        refused(peer, version)
