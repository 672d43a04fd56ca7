# SPDX-License-Identifier: Apache-2.0
"""Rows 8 and 47: WebSocket frames and handshakes that are wrong."""
import struct
import time

import link
from cases import *  # noqa: F403
from link import V311, frame, packet, text

PROTOCOL, UNSUPPORTED, INCONSISTENT, TOO_BIG = 1002, 1003, 1007, 1009
WEBSOCKET = ("websocket", "wss")


@case(8, "a packet of 4,096 bytes, 3 of them in a frame, then more frames or a close", 5, WEBSOCKET)
def packet_over_frames(peers):
    whole = link.publish(V311, "open/frames", b"x" * 4_081, 1)  # 4,096 bytes after its length.
    for ending in (b"", frame(struct.pack(">H", 1000), 0x88)):
        peer = peers.client(V311, "frames")
        peer.send(whole[:3])
        if ending:
            peer.send_raw(ending)
            assert is_closed(peer) == [] and peer.close_code == 1000, peer.close_code
            continue
        for at in range(3, len(whole), 100):
            peer.send(whole[at:at + 100])
        assert peer.packet()[0] == link.PUBACK
    peer = peers.client(V311, "frames")
    peer.send(whole[:3])
    peer.close()


def wrong_frames():
    """What is sent, and the codes of which one must come."""
    hello = b"\xc0\0"
    yield frame(hello, length=b"\xff" + b"\xff" * 8), (PROTOCOL, TOO_BIG), "a length with its top bit"
    yield frame(hello, masked=False), (PROTOCOL,), "not masked"
    yield frame(hello, 0x80), (PROTOCOL,), "a continuation of nothing"
    yield frame(hello, 0x02) + frame(hello, 0x82), (PROTOCOL,), "a new message within a fragmented one"
    yield frame(hello, 0x81), (UNSUPPORTED, PROTOCOL, INCONSISTENT), "text"
    yield frame(b"\xff", 0x81), (UNSUPPORTED, PROTOCOL, INCONSISTENT), "text that is no UTF-8"
    yield frame(b"\3", 0x88), (PROTOCOL,), "a close of one byte"
    yield frame(struct.pack(">H", 1005), 0x88), (PROTOCOL,), "a close with a code that is never sent"
    yield frame(struct.pack(">H", 99), 0x88), (PROTOCOL,), "a close with code 99"
    yield frame(struct.pack(">H", 1000) + b"\xff", 0x88), (INCONSISTENT, PROTOCOL), "a close whose reason is no UTF-8"
    yield frame(b"x" * 126, 0x89), (PROTOCOL,), "a ping of 126 bytes"
    yield frame(b"x", 0x09), (PROTOCOL,), "a fragmented ping"
    yield frame(hello, 0xC2), (PROTOCOL,), "a reserved bit"
    yield frame(hello, 0x83), (PROTOCOL,), "opcode 3"
    yield frame(hello, 0x8B), (PROTOCOL,), "opcode 11"
    yield frame(b"xx", length=b"\xfe\0\2"), (PROTOCOL,), "a length not in its shortest form"


@case(47, "frames that RFC 6455 forbids", 3, WEBSOCKET)
def frames(peers):
    for sent, codes, what in wrong_frames():
        peer = peers.client(V311, "framing")
        peer.send_raw(sent)
        is_closed(peer)
        assert peer.close_code in codes, (what, peer.close_code)


@case(47, "64-bit length, then nothing; a huge one in pieces", 0, WEBSOCKET)
def huge_frame(peers):
    before = peers.bus.memory_kib()
    for _ in range(50):
        peer = peers.open()
        peer.send_raw(b"\x82\xff" + struct.pack(">Q", 1 << 40) + b"\0\0\0\0")
        peer.send_raw(b"\x10\x10")
    for peer in peers.links:
        assert is_closed(peer) == []  # By its code, or in time.
    assert peers.bus.memory_kib() - before < 16 * 1024


@case(47, "pings of 125 bytes by the thousand", 1, WEBSOCKET)
def pings(peers):
    peer = peers.client(V311, "pings")
    before, begin = peers.bus.memory_kib(), time.monotonic()
    for _ in range(100):
        peer.socket.settimeout(link.PATIENCE_S)
        peer.send_raw(frame(b"p" * 125, 0x89) * 100)
        peer.input = b""
        answers_ping(peer)
    assert peers.bus.memory_kib() - before < 16 * 1024 and time.monotonic() - begin < 10


def answered(peer):
    """The status of an HTTP answer, or nothing: closed without one."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            data += peer.take(link.PATIENCE_S)
    except Closed:
        pass
    return int(data.split()[1]) if data.startswith(b"HTTP/1.1 ") else None


@case(47, "handshakes: a header of 1 MiB, no key, wrong version, no subprotocol", 3, WEBSOCKET)
def handshakes(peers):
    good = link.upgrade()
    for head, statuses in ((link.upgrade(more="X: " + "a" * (1 << 20) + "\r\n"), (431, 400, None)),
                           ("GET /" + "a" * (1 << 20) + " HTTP/1.1\r\n\r\n", (414, 431, 400, None)),
                           ("".join(f"X{i}: 1\r\n" for i in range(100_000)), (400, 431, None)),
                           (good.replace("Sec-WebSocket-Key", "X"), (400,)),
                           (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), (400,)),
                           (good.replace("Version: 13", "Version: 8"), (426, 400)),
                           (good.replace("GET", "POST"), (400, 405)),
                           (good.replace("mqtt", "chat"), (400,)),
                           ("\0\1\2\3" * 100 + "\r\n\r\n", (400, None)),
                           ("GET / HTTP/9.9\r\n\r\n", (505, 400))):
        peer = peers.bus.open_socket(peers.transport)
        peers.links.append(peer)
        peer.send(head.encode())
        assert answered(peer) in statuses, head[:60]


@case(47, "half a frame, and half a packet within whole ones, then nothing or a close", 5, WEBSOCKET)
def halves(peers):
    for sent in (b"\x82", b"\x82\x85\0\0", frame(packet(link.PINGREQ))[:-1], frame(packet(link.PINGREQ)[:1]),
                 frame(text("x"), 0x02)):
        peer = peers.client(V311, "halves")
        peer.send_raw(sent)
        peer.close()
