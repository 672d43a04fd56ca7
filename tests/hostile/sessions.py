# SPDX-License-Identifier: Apache-2.0
"""Rows 16 to 21, 25, 26, 38, 42, 43: sessions, take-over, wills, QoS 2, retained messages."""
import time

import link
from cases import *  # noqa: F403
from link import V311, V5, packet

TAKE_OVERS = 150


def publishes(packets):
    """(QoS, packet identifier, payload) of MQTT 5 PUBLISHes without properties."""
    out = []
    for kind, body in packets:
        if kind == link.PUBLISH:
            end = 2 + int.from_bytes(body[:2], "big")
            out.append((int.from_bytes(body[end:end + 2], "big"), body[end + 3:]))
    return out


@case(16, "$share and the plain filter, one unsubscribed, published to, again and again", 5)
def share_and_plain(peers):
    publisher = peers.alice("share-publisher")
    for version in VERSIONS:
        peer = peers.alice("share-reader", version, clean=True)
        for first, second in (("$share/g/open/s", "open/s"), ("open/s", "$share/g/open/s")):
            peer.send(link.subscribe(version, first, second) + link.unsubscribe(version, first))
            answer(publisher, link.publish(V5, "open/s", b"x", 1), link.PUBACK)
            peer.send(link.unsubscribe(version, second, first))
            answers_ping(peer)
        peer.send(link.subscribe(version, "$share/g/open/s", "open/s"))
        answers_ping(peer)
        peer.close()


@case(17, "one client id on two connections, interleaved", 5)
def interleaved(peers):
    steps = [link.subscribe(V5, "open/i", options=1), link.publish(V5, "open/i", b"1", 1, retain=True),
             link.unsubscribe(V5, "open/i"), link.publish(V5, "open/i", b"", 2), packet(link.DISCONNECT)]
    for clean in (True, False):
        for cut in range(len(steps)):
            one = peers.alice("interleaved", clean=clean)
            one.send(b"".join(steps[:cut]))
            two = peers.alice("interleaved", clean=clean)
            one.send(b"".join(steps[cut:]))
            two.send(b"".join(steps))
            is_closed(one)
            is_closed(two)
    answer(peers.alice("interleaved"), link.publish(V5, "open/i", b"", 1, retain=True), link.PUBACK)


@case(18, "the same client id hundreds of times, subscribed and published to", 1)
def take_over_storm(peers):
    publisher = peers.alice("storm-publisher")
    version = V5
    for i in range(TAKE_OVERS):
        version = V311 if version == V5 else V5
        peer = peers.open()
        peer.send(link.connect(version, "storm", "alice", "secret", clean=i % 3 == 0,
                               data=link.expiry(60) if version == V5 else b"") +
                  link.subscribe(version, "open/storm", f"open/{i}", options=i % 3) +
                  (link.unsubscribe(version, "open/storm") if i % 5 == 0 else b""))
        answer(publisher, link.publish(V5, "open/storm", b"s", 1), link.PUBACK)
    assert answers_ping(peers.links[-1])[0][0] == link.CONNACK
    for peer in peers.links[1:-1]:
        is_closed(peer)
    peers.sessions.add(("alice", "storm"))


@case(19, "two that resume one session at once, the old one amid a packet", 5)
def resume_race(peers):
    one = peers.alice("race")
    answer(one, link.subscribe(V5, "open/race", options=1), link.SUBACK)
    answer(peers.alice("race-publisher"), link.publish(V5, "open/race", b"1", 1), link.PUBACK)
    one.send(link.publish(V5, "open/race", b"cut")[:-2])
    again = [peers.open() for _ in range(2)]
    for peer in again:
        peer.send(link.connect(V5, "race", "alice", "secret", clean=False, data=link.expiry(600)))
    refused(one, V5, (TAKEN_OVER,))
    survivors = 0
    for peer in again:
        try:
            kind, body = peer.packet()
            assert kind == link.CONNACK and body[:2] == b"\1\0", "the session was kept"
            got = publishes(peers.before_marker(peer))
            assert [payload for _, payload in got] == [b"1"], got
            survivors += 1
        except Closed:  # Taken over.
            pass
    assert survivors == 1, survivors


@case(20, "another user's client id: a session of one's own, and one's own rights", 3)
def other_user(peers):
    alice = peers.alice("shared-id")
    answer(alice, link.subscribe(V5, "alice/#", options=1), link.SUBACK)
    bob = peers.alice("shared-id", user="bob", clean=False)
    assert not bob.session_present
    answer(bob, link.subscribe(V5, "#", options=1), link.SUBACK)
    assert alice.send(link.publish(V5, "alice/secret", b"s", 1)), "closed"
    got = [alice.packet(), alice.packet()]  # In either order.
    assert sorted(kind for kind, _ in got) == sorted([link.PUBACK, link.PUBLISH]), got
    assert topics(got) == ["alice/secret"]
    assert "alice/secret" not in topics(peers.before_marker(bob))


@case(21, "a QoS 2 id again and again; thousands of ids open; away and back", 0)
def open_exchanges(peers):
    before = peers.bus.memory_kib()
    peer = peers.alice("open-5")
    answer(peer, link.publish(V5, "open/q", b"x", 2, 7) * 1_000, link.PUBREC)
    peer.send(b"".join(link.publish(V5, "open/q", b"x", 2, i) for i in range(1, 10_000)))
    refused(peer, V5, (RECEIVE_MAXIMUM,))
    for version in (V311, V311, V5):  # 3.1.1 knows no Receive Maximum: its window, and what it holds, are bounded.
        peer = peers.alice("open-4", version, clean=False)
        for at in range(1, 60_000, 1_000):
            if not peer.send(b"".join(link.publish(version, "open/q", b"x", 2, i) for i in range(at, at + 1_000))):
                break
            peer.input = b""
            try:
                answers_ping(peer)
            except (AssertionError, Closed):
                break
    assert peers.bus.memory_kib() - before < 24 * 1024, (before, peers.bus.memory_kib())


@case(25, "wildcards in client id and user name", 3)
def wildcards_in_names(peers):
    publisher = peers.client(V5, "wild-publisher", user="infra")
    for client_id in ("+", "#", "a/+", "+/#", "/", "a/b"):
        for version in VERSIONS:
            peer = peers.client(version, client_id)
            answer(peer, link.subscribe(version, "by-id/#", "by-id/+/x", "own/#"), link.SUBACK)
            for name in ("by-id/other/x", "own/alice/x"):
                answer(publisher, link.publish(V5, name, b"not yours", 1), link.PUBACK)
            assert not topics(peers.before_marker(peer, version)), client_id


@case(26, "wills to what is forbidden, delayed, on take-over", 0, waits=True)
def wills(peers):
    reader = peers.client(V5, f"will-reader-{peers.transport}", user="infra")
    answer(reader, link.subscribe(V5, "#"), link.SUBACK)
    for name in ("alice/w", "$SYS/w", "$CONTROL/w", "honest/will"):
        peer = peers.open()
        peer.send(link.connect(V5, "will", left=link.will(V5, name), will_flags=4))
        try:
            peer.packet()
        except Closed:
            pass
        peer.close()
    # Delayed beyond the session: due when that ends. Taken over: not due before the delay.
    delay, to = b"\x18\0\0\0\xff", f"open/will/{peers.transport}"
    first, second, third = (f"will-{number}-{peers.transport}" for number in (1, 2, 3))
    dying = peers.alice(first, seconds=1, left=link.will(V5, to, b"first", delay), will_flags=4)
    dying.close()
    taken = peers.alice(second, left=link.will(V5, to, b"second", delay), will_flags=4)
    over = peers.alice(second, clean=False)
    refused(taken, V5, (TAKEN_OVER,))
    at_once = peers.alice(third, seconds=0, left=link.will(V5, to, b"third"), will_flags=4)
    peers.alice(third, seconds=0)
    refused(at_once, V5, (TAKEN_OVER,))
    got, end = [], time.monotonic() + link.PATIENCE_S
    while len(got) < 2 and time.monotonic() < end:
        kind, body = reader.packet()
        name = topics([(kind, body)])[0]
        assert name.startswith(("open/", "honest/x")), name
        if name == to:
            got.append(body[-6:])
    assert sorted(got) == [b"\0first", b"\0third"], got
    over.send(packet(link.DISCONNECT))


@case(38, "retained: set, cleared, set again, expired while a slow reader takes the tree", 0)
def retained_tree(peers):
    publisher = peers.alice("tree", V5)
    payload = b"r" * 4_000
    short = b"\2\0\0\0\1"
    def put(i, body, data=b""):
        publisher.send(link.publish(V5, f"open/tree/{i}", body, retain=True, data=data))
    for i in range(300):
        put(i, payload, short if i % 7 == 0 else b"")
    answer(publisher, link.publish(V5, "open/tree", b"", 1), link.PUBACK)
    slow = peers.client(V311, "slow")
    slow.send(link.subscribe(V311, "open/tree/#"))
    begin = [slow.packet() for _ in range(10)]
    for i in range(300):
        put(i, b"")
        if i % 2:
            put(i, b"new")
        if i % 3 == 0:
            put(i, b"")
    answer(publisher, link.publish(V5, "open/tree", b"", 1), link.PUBACK)
    time.sleep(1.1)
    last = {}
    for kind, body in begin + peers.before_marker(slow, V311):
        if kind == link.PUBLISH:
            end = 2 + int.from_bytes(body[:2], "big")
            last[body[2:end].decode()] = body[end:]
    for i in range(300):
        due = b"new" if i % 2 and i % 3 else b""
        assert last.get(f"open/tree/{i}", b"") == due, (i, last.get(f"open/tree/{i}"))
    for i in range(300):
        put(i, b"")
    answer(publisher, link.publish(V5, "open/tree", b"", 1), link.PUBACK)


@case(42, "keep-alive: none, the longest, and one that is not kept", 0, waits=True)
def keep_alives(peers):
    for version in VERSIONS:
        for seconds in (0, 65_535):
            answers_ping(peers.client(version, "keep", keep_alive=seconds))
        peer, begin = peers.client(version, "keep-1", keep_alive=1), time.monotonic()
        peer.send(b"\x30\x7f")  # Bytes that are no packet do not count.
        refused(peer, version, (0x8D,))
        assert 1.4 < time.monotonic() - begin < 10, time.monotonic() - begin


@case(43, "QoS 2 on two connections that race for one session: once", 5)
def exactly_once(peers):
    reader = peers.client(V5, "once-reader", user="infra")
    answer(reader, link.subscribe(V5, "open/once"), link.SUBACK)
    one = peers.alice("once")
    answer(one, link.publish(V5, "open/once", b"1", 2, 9), link.PUBREC)
    two = peers.alice("once", clean=False)
    assert two.session_present
    one.send(link.ack(link.PUBREL, 9) + link.publish(V5, "open/once", b"2", 2, 9))
    answer(two, link.publish(V5, "open/once", b"1", 2, 9, dup=True), link.PUBREC)
    for _ in range(2):
        answer(two, link.ack(link.PUBREL, 9), link.PUBCOMP)
    three = peers.alice("once", clean=False)
    answer(three, link.ack(link.PUBREL, 9) + link.ack(link.PUBCOMP, 9) + link.ack(link.PUBREL, 9), link.PUBCOMP)
    assert topics(peers.before_marker(reader)) == ["open/once"]
