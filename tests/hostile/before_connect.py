# SPDX-License-Identifier: Apache-2.0
"""Rows 1 to 7, 22 to 24, 28, 39, 40: up to and around CONNECT."""
import socket
import ssl
import struct
import time

import link
from cases import *  # noqa: F403
from link import V311, V5, connect, packet, text, varint, will
from premises import CONNECT_TIMEOUT_S

SERVER_ONLY = {link.CONNACK: b"\0\0", link.SUBACK: b"\0\1\0", link.UNSUBACK: b"\0\1", link.PINGRESP: b""}
MANY = 100


@case(1, "CONNECT, then CONNACK", 20)
def connack_of_a_client(peers):
    peer = peers.open()
    peer.send(bytes.fromhex("101000044d5154540502003c03210014000029020001e000"))
    refused(peer, V5)


@case(2, "packets that only a server sends, before and after CONNECT", 3)
def servers_packets(peers):
    for kind, body in SERVER_ONLY.items():
        peer = peers.open()
        peer.send(packet(kind, body))
        assert is_closed(peer) == []
        for version in ALL_VERSIONS:
            peer = peers.client(version, "server")
            peer.send(packet(kind, body + (b"\0" if kind == link.UNSUBACK and version == V5 else b"")))
            refused(peer, version)


@case(3, "any packet but CONNECT first", 3)
def something_else_first(peers):
    for first in (link.publish(V311, "open/a", b"x"), link.publish(V5, "open/a", b"x", 1), link.subscribe(V311, "#"),
                  link.unsubscribe(V311, "#"), packet(link.PINGREQ), packet(link.DISCONNECT), packet(link.AUTH),
                  *(link.ack(kind, 1) for kind in (link.PUBACK, link.PUBREC, link.PUBREL, link.PUBCOMP))):
        peer = peers.open()
        peer.send(first)
        assert is_closed(peer) == []
    peer = peers.client()
    peer.send(connect(V5, "again"))
    refused(peer, V5, (PROTOCOL_ERROR,))


@case(3, "no CONNECT, and goodbye, in one segment of TLS", 20, transports=("tls",))
def goodbye_at_once(peers):
    """The bus ends the connection for the one, and hears the other in the same turn."""
    for sent in (b"\x30\x02\0\0", b"\x40\x02\0\1", b"\x10\xff\xff\xff\xff\x01", b"\0\0"):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = peers.bus.tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", peers.bus.ports["tls"]), link.PATIENCE_S) as raw:
            while True:
                try:
                    secured.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    raw.sendall(outgoing.read())
                    incoming.write(raw.recv(65536))
            secured.write(sent)
            try:
                secured.unwrap()
            except ssl.SSLWantReadError:
                pass  # The server's goodbye is not there yet.
            raw.sendall(outgoing.read())
            raw.settimeout(link.PATIENCE_S)
            try:
                while raw.recv(65536):
                    pass
            except ConnectionError:
                pass


@case(4, "first packet not CONNECT, 268,435,455 bytes announced", 0, waits=True)
def huge_and_not_connect(peers):
    before = peers.bus.memory_kib()
    for _ in range(MANY):
        peers.open().send(b"\x30\xff\xff\xff\x7f")
    for peer in peers.links:
        assert is_closed(peer) == []
    assert peers.bus.memory_kib() - before < 16 * 1024


@case(5, "CONNECT of any length, trickled or never sent, on many connections", 0, waits=True)
def trickled_connect(peers):
    before = peers.bus.memory_kib()
    for _ in range(MANY):
        peers.open().send(b"\x10\xff\xff\xff\x7f")
        peers.open().send(b"\x10\xc0\x3e" + text("MQTT") + b"\x05\x02\0\0")  # 8,000 bytes.
    begin = time.monotonic()
    trickling = peers.links[1::2]
    while time.monotonic() - begin < CONNECT_TIMEOUT_S / 2:
        for peer in trickling:
            peer.send(b"x")
        time.sleep(0.1)
    assert peers.bus.memory_kib() - before < 16 * 1024
    for peer in peers.links:
        assert is_closed(peer) == []


@case(6, "connections that send nothing: closed in time, at no cost meanwhile", 0, waits=True)
def silence(peers):
    import socket
    port = peers.bus.ports[peers.transport]
    for _ in range(MANY):  # Without TLS or an upgrade too: nothing at all is sent.
        peers.links.append(socket.create_connection(("127.0.0.1", port)))
    begin, processor = time.monotonic(), peers.bus.processor_s()
    for silent in peers.links:
        silent.settimeout(link.PATIENCE_S)
        try:
            while silent.recv(4096):  # A 408, where it is HTTP.
                pass
        except ConnectionError:
            pass
    elapsed = time.monotonic() - begin
    assert elapsed > CONNECT_TIMEOUT_S * 0.5, elapsed
    # A loop that spins takes all of a core; the honest ones take a little.
    assert peers.bus.processor_s() - processor < 0.6 * elapsed + 0.2, (peers.bus.processor_s() - processor, elapsed)


@case(7, "lengths of five bytes, beyond the packet, or cut", 3)
def lengths(peers):
    for first in (b"\x10\xff\xff\xff\xff\x7f", b"\x10\x80\x80\x80\x80\x00"):
        peer = peers.open()
        peer.send(first)
        assert is_closed(peer) == []
    head = text("MQTT") + b"\x05\x02\0\0"
    for body in (b"\xff\xff\xff\xff\x7f", b"\xff\x7f", b"\x7f" + text("a"), b"\x80", b"\x05\x11\0\0"):
        peer = peers.open()
        peer.send(packet(link.CONNECT, head + body))
        connect_refused(peer)
    for body in (b"\xff\xff\xff\xff\x7f", b"\xff\x7f", b"\x80", b"\x05\x01", b"\x80\x80\x80"):
        for kind, before in ((link.PUBLISH, text("open/a")), (link.SUBSCRIBE, b"\0\1"), (link.UNSUBSCRIBE, b"\0\1"),
                             (link.PUBACK, b"\0\1\0"), (link.DISCONNECT, b"\0")):
            peer = peers.client()
            peer.send(packet(kind, before + body))
            refused(peer, V5)
    for version in ALL_VERSIONS:
        peer = peers.client(version, "lengths")
        peer.send(b"\x30\xff\xff\xff\xff\x01")
        refused(peer, version)
        peer = peers.client(version, "lengths")
        peer.send(b"\x30\xff\xff\xff\x7f")
        refused(peer, version, (TOO_LARGE,))


@case(22, "thousands of user properties in CONNECT and in a will")
def user_properties(peers):
    pair = b"\x26" + text("k") + text("v")
    begin = time.monotonic()
    for count in (100, 1_000, 9_000):  # 63 kB: what a CONNECT may have.
        for more in ({"data": pair * count}, {"left": will(V5, "open/will", data=pair * count), "will_flags": 4}):
            peer = peers.open()
            peer.send(connect(V5, **more) + packet(link.DISCONNECT))
            try:
                assert peer.packet()[1][1] in (0, QUOTA)  # Taken, or too many for a limit,
            except Closed:
                assert count == 9_000  # or too large for a first packet.
    assert time.monotonic() - begin < 5
    peer = peers.open()
    peer.send(connect(V5, data=pair * 20_000))
    connect_refused(peer, (TOO_LARGE,))
    for count in (9_000, 50_000):  # More than a record holds is refused, or with a limit of properties all that have more.
        peer = peers.client()
        peer.send(link.publish(V5, "open/a", b"", 1, data=pair * count))
        kind, body = peer.packet()
        reason = body[0] if kind == link.DISCONNECT else (body + b"\0")[2]
        assert reason == QUOTA or (kind, reason, count) == (link.PUBACK, 0, 9_000), (kind, body)


@case(23, "properties twice, or where they must not be", 3)
def wrong_properties(peers):
    for data in (link.expiry(1) * 2, b"\x21\0\1" * 2, b"\x27" + struct.pack(">I", 9) * 2, b"\x18\0\0\0\1",
                 b"\x01\0", b"\x23\0\1", b"\x0b\1", b"\x21\0\0", b"\x7f"):
        peer = peers.open()
        peer.send(connect(V5, data=data))
        connect_refused(peer)
    for data in (link.expiry(1), b"\x21\0\1", b"\x18\0\0\0\1" * 2, b"\x01\2", b"\x23\0\1"):
        peer = peers.open()
        peer.send(connect(V5, left=will(V5, "open/w", data=data), will_flags=4))
        connect_refused(peer)


@case(24, "user name or password flags that the payload does not keep", 3)
def names_and_flags(peers):
    for version in VERSIONS:
        for flags in (0x82, 0xC2):  # Announced, not there.
            peer = peers.open()
            peer.send(connect(version, "flags", flags=flags))
            connect_refused(peer)
    peer = peers.open()
    peer.send(connect(V311, "flags", password="secret"))  # No user name: [MQTT311-3.1.2-22].
    connect_refused(peer)
    # Version 5 allows it. Its patterns have no user name to put in.
    peer = peers.client(V5, "flags", password="secret")
    peer.send(link.subscribe(V5, "own/+/a") + link.publish(V5, "own//a", b"x", 1))
    assert topics(peers.before_marker(peer)) == []


@case(28, "strings that are no UTF-8, or hold U+0000 or a surrogate", 3)
def bad_text(peers):
    reader = peers.client(V311, "text-reader")
    answer(reader, link.subscribe(V311, "#"), link.SUBACK)
    for bad in (b"\xc3\x28", b"a\0b", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xff", b"ab\xe2\x82"):
        string = link.binary(bad)
        head = text("MQTT")
        for body in (head + b"\x05\x02\0\0\0" + string,  # The client id.
                     head + b"\x05\x82\0\0\0" + text("a") + string,  # The user name.
                     head + b"\x05\x06\0\0\0" + text("a") + b"\0" + string + text("x"),  # The will's topic.
                     head + b"\x05\x02\0\0" + varint(4 + len(string)) + b"\x26" + text("a") + string + text("a")):
            peer = peers.open()
            peer.send(packet(link.CONNECT, body))
            connect_refused(peer)
        user_property = b"\x26" + text("a") + string
        for version, sent in ((V311, link.publish(V311, string)), (V5, link.publish(V5, string)),
                              (V311, link.subscribe(V311, string)), (V5, link.subscribe(V5, string)),
                              (V5, link.publish(V5, "open/a", data=user_property)),
                              (V5, packet(link.DISCONNECT, b"\0" + varint(1 + len(string)) + b"\x1f" + string)),
                              (V5, packet(link.PUBACK, b"\0\1\0" + varint(1 + len(string)) + b"\x1f" + string))):
            peer = peers.client(version, "text")
            peer.send(sent)
            refused(peer, version, (*BROKEN, FILTER_INVALID, NAME_INVALID))
    # A byte order mark is a character as any [MQTT-1.5.4-3].
    answer(peers.client(), link.publish(V5, link.binary(b"open/\xef\xbb\xbf"), b"x", 1), link.PUBACK)
    assert topics(peers.before_marker(reader, V311)) == ["open/\ufeff"]


@case(39, "everything in one segment before CONNACK; one byte a segment", 3)
def pieces(peers):
    for version in ALL_VERSIONS:
        everything = (connect(version, "pieces") + link.subscribe(version, "open/pieces", options=1) +
                      link.publish(version, "open/pieces", b"x", 1) + packet(link.PINGREQ))
        for pieces_of in (len(everything), 1):
            peer = peers.open()
            for at in range(0, len(everything), pieces_of):
                peer.send(everything[at:at + pieces_of])
            kinds = sorted(peer.packet()[0] for _ in range(5))
            assert kinds == [link.CONNACK, link.PUBLISH, link.PUBACK, link.SUBACK, link.PINGRESP], kinds


@case(40, "a refused CONNECT: the socket is closed by us", 3)
def refused_connect(peers):
    before = peers.bus.descriptors()
    for _ in range(10):
        for version, wrong in ((V311, {"user": "alice", "password": "wrong"}), (V5, {"user": "nobody", "password": "x"}),
                               (V5, {"password": "x", "user": "alice", "clean": False})):
            peer = peers.open()
            peer.send(connect(version, "refused", **wrong))
            got = peer.until_closed()
            assert len(got) == 1 and got[0][0] == link.CONNACK and got[0][1][1] != 0, got
            peer.close()
        peer = peers.open()
        peer.send(packet(link.CONNECT, text("MQTT") + b"\x09\x02\0\0" + text("a")))
        connect_refused(peer, ())
        peer.close()
        peer = peers.open()
        peer.send(connect(V311, "", clean=False))
        connect_refused(peer)
        peer.close()
    end = time.monotonic() + link.PATIENCE_S
    while peers.bus.descriptors() > before + 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert peers.bus.descriptors() <= before + 2, (before, peers.bus.descriptors())
