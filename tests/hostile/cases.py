# SPDX-License-Identifier: Apache-2.0
"""How a case of bad input is written, and what a peer that is refused must see.

A case names the row of README.md's table that it shows. It is given Peers, which opens connections over one transport.
"""
import link
from link import Closed

MALFORMED, PROTOCOL_ERROR, NOT_AUTHORIZED, TAKEN_OVER = 0x81, 0x82, 0x87, 0x8E
FILTER_INVALID, NAME_INVALID, RECEIVE_MAXIMUM, ALIAS_INVALID, TOO_LARGE, QUOTA = 0x8F, 0x90, 0x93, 0x94, 0x95, 0x97
BROKEN = (MALFORMED, PROTOCOL_ERROR)
VERSIONS = (link.V311, link.V5)
ALL_VERSIONS = (link.V31, *VERSIONS)

CASES = []


def case(row, title, times=1, transports=("tcp", "websocket", "tls"), waits=False):
    """`times`: it is run so often before memory is compared. `waits`: it takes seconds, and runs beside others."""
    def register(function):
        CASES.append((row, title, times, transports, waits, function))
        return function
    return register


class Peers:
    def __init__(self, bus, transport):
        self.bus, self.transport, self.links, self.sessions, self.markers = bus, transport, [], set(), 0

    def open(self):
        self.links.append(self.bus.open(self.transport))
        return self.links[-1]

    def client(self, version=link.V5, client_id="", **more):
        """One whose CONNECT was accepted."""
        peer = self.open()
        user = more.get("user")
        peer.send(link.connect(version, client_id, password=more.pop("password", "secret" if user else None), **more))
        kind, body = peer.packet()
        assert (kind, body[1]) == (link.CONNACK, 0), (kind, body)
        peer.session_present = body[0] == 1
        return peer

    def alice(self, client_id="", version=link.V5, seconds=600, **more):
        """One with a user name, and so with a session."""
        data = link.expiry(seconds) if version == link.V5 else b""
        user = more.pop("user", "alice")
        self.sessions.add((user, client_id))
        return self.client(version, client_id, user=user, data=data + more.pop("data", b""), **more)

    def before_marker(self, reader, version=link.V5):
        """What the reader gets up to now; every publish that was answered has its place by then."""
        self.markers += 1
        name = f"open/end/{self.markers}"
        packets = answers_after(reader, link.subscribe(version, name), link.SUBACK)
        publisher = self.client(link.V5, "marker", user="infra")
        publisher.send(link.publish(link.V5, name, b"", 1))
        assert publisher.packet()[0] == link.PUBACK
        publisher.close()
        while True:
            packets.append(reader.packet())
            if topics(packets[-1:]) == [name]:
                return packets[:-1]

    def close(self):
        """All of them, and their sessions."""
        for peer in self.links:
            peer.close()
        self.links.clear()
        for user, client_id in self.sessions:
            peer = self.bus.open(self.transport)
            peer.send(link.connect(link.V5, client_id, user, "secret"))
            peer.packet()
            peer.send(link.packet(link.DISCONNECT))
            peer.close()
        self.sessions.clear()


def is_closed(peer, patience=link.PATIENCE_S):
    """It is closed; says nothing about what came before."""
    return peer.until_closed(patience)


def refused(peer, version, reasons=BROKEN, patience=link.PATIENCE_S):
    """MQTT 5: by a DISCONNECT with one of these reasons. Before: closed, without a word of version 5."""
    got = peer.until_closed(patience)
    if version == link.V5:
        assert got and got[-1][0] == link.DISCONNECT, got
        assert got[-1][1] and got[-1][1][0] in reasons, f"DISCONNECT {got[-1][1].hex()}"
    else:
        assert all(kind != link.DISCONNECT for kind, _ in got), got


def connect_refused(peer, reasons=BROKEN):
    """A CONNACK that refuses, if there is one, then closed."""
    got = peer.until_closed()
    assert len(got) < 2, got
    for kind, body in got:
        assert kind == link.CONNACK and body[0] == 0 and body[1] != 0, (kind, body)
        assert body[1] < 0x80 or not reasons or body[1] in reasons, body.hex()


def answers_after(peer, sent, kind):
    """Sends, and waits for an answer of that kind; what came before it."""
    assert peer.send(sent), "closed"
    got = []
    while True:
        got.append(peer.packet())
        if got[-1][0] == kind:
            return got[:-1]


def answers_ping(peer):
    """It is alive. Answers that need no disk have come by then; deliveries may not."""
    return answers_after(peer, link.packet(link.PINGREQ), link.PINGRESP)


def answer_of(peer, kind):
    """The next packet of that kind."""
    while True:
        got = peer.packet()
        if got[0] == kind:
            return got


def answer(peer, sent, kind):
    """Sends; the body of the answer of that kind."""
    assert peer.send(sent), "closed"
    return answer_of(peer, kind)[1]


def topics(packets):
    return [body[2:2 + int.from_bytes(body[:2], "big")].decode() for kind, body in packets if kind == link.PUBLISH]


__all__ = [name for name in dir() if not name.startswith("_")] + ["Closed"]
