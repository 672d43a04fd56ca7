#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ws_echo_test.py WS_ECHO: RFC 6455, walked through.

Goal:   framing, control frames, fragmentation, UTF-8, the closing handshake and the upgrade are as
        the standard says, by the code that MQTT over WebSocket runs on.
Method: frames written by hand to ws-echo on a free port; each case names its section. Every message
        is sent whole and cut into pieces.
"""
import base64
import hashlib
import os
import socket
import struct
import subprocess
import sys
import unittest

PATIENCE_S = 20
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(opcode, payload=b"", final=True, reserved=0, mask=b"\x1a\x2b\x3c\x4d", length=None):
    """A client's frame; `length` overrides how its length is written: 7, 16 or 64 bits."""
    size = len(payload)
    length = length or (7 if size < 126 else 16 if size < 65536 else 64)
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    bit = 0x80 if mask else 0
    head += {7: lambda: bytes([bit | size]), 16: lambda: struct.pack("!BH", bit | 126, size),
             64: lambda: struct.pack("!BQ", bit | 127, size)}[length]()
    if not mask:
        return head + payload
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


def closing(code, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Peer:
    def __init__(self, port, upgrade=True):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        if upgrade:
            self.head = self.ask()

    def ask(self, method="GET", version="HTTP/1.1", **changes):
        headers = {"Host": "x", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Key": KEY,
                   "Sec-WebSocket-Version": "13"}
        headers.update({name.replace("_", "-"): value for name, value in changes.items()})
        lines = [f"{method} /chat?x=1 {version}"] + [f"{name}: {value}" for name, value in headers.items() if value]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        while b"\r\n\r\n" not in self.input:
            self.fill()
        head, self.input = self.input.split(b"\r\n\r\n", 1)
        return head.decode()

    def send(self, data, cut=None):
        if cut is None:
            self.socket.sendall(data)
        else:
            for at in range(0, len(data), cut):
                self.socket.sendall(data[at:at + cut])
        return self

    def fill(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError
        self.input += piece

    def take(self, count):
        while len(self.input) < count:
            self.fill()
        taken, self.input = self.input[:count], self.input[count:]
        return taken

    def receive(self):
        """(opcode, payload) of a server's frame: final, not masked, its length in the shortest form."""
        first, second = self.take(2)
        assert first & 0xF0 == 0x80, f"flags {first:x}"
        assert second & 0x80 == 0, "a masked frame"
        size = second
        if second == 126:
            size, = struct.unpack("!H", self.take(2))
            assert size >= 126
        elif second == 127:
            size, = struct.unpack("!Q", self.take(8))
            assert size >= 65536
        return first & 0x0F, self.take(size)

    def is_over(self):
        try:
            while True:
                self.fill()
        except (EOFError, ConnectionResetError):
            return self.input == b""


class WsEcho(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        cls.port = int(cls.process.stdout.readline())

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        said = cls.process.communicate(timeout=PATIENCE_S)[1]
        assert cls.process.returncode == 0 and said == "", said

    def peer(self):
        peer = Peer(self.port)
        self.addCleanup(peer.socket.close)
        return peer

    def echoes(self, peer, opcode, payload):
        got_opcode, got = peer.receive()
        self.assertEqual((got_opcode, len(got)), (opcode, len(payload)))
        self.assertTrue(got == payload)

    def closes(self, peer, code):
        """The server's close frame carries the code, and then the connection ends (section 7.1.1)."""
        opcode, payload = peer.receive()
        self.assertEqual(opcode, CLOSE)
        got = struct.unpack("!H", payload[:2])[0] if payload else None
        self.assertEqual(got, code)
        self.assertTrue(peer.is_over())

    def refuses(self, data, code, cut=None):
        peer = self.peer()
        peer.send(data, cut)
        self.closes(peer, code)

    # Section 5.2: lengths.

    def test_messages_of_every_length_class_come_back(self):
        peer = self.peer()
        for size in (0, 1, 2, 124, 125, 126, 127, 128, 65535, 65536, 65537):
            text, binary = b"*" * size, os.urandom(size)
            self.echoes(peer.send(frame(TEXT, text)), TEXT, text)
            self.echoes(peer.send(frame(BINARY, binary)), BINARY, binary)

    def test_pieces_of_any_size_make_the_same_message(self):
        peer = self.peer()
        for size in (0, 125, 126, 127, 1000):
            for cut in (1, 3, 7, 997):
                payload = os.urandom(size)
                self.echoes(peer.send(frame(BINARY, payload), cut), BINARY, payload)
        payload = os.urandom(70_000)
        self.echoes(peer.send(frame(BINARY, payload), 997), BINARY, payload)

    def test_many_messages_in_one_piece_come_back_in_order(self):
        peer = self.peer()
        peer.send(b"".join(frame(TEXT, b"%d" % i) for i in range(500)))
        for i in range(500):
            self.echoes(peer, TEXT, b"%d" % i)

    def test_a_message_of_16_mib_comes_back(self):
        payload = os.urandom(1 << 20) * 16
        peer = self.peer()
        self.echoes(peer.send(frame(BINARY, payload)), BINARY, payload)

    def test_a_length_must_be_written_in_the_shortest_form(self):
        for length, size in ((16, 125), (64, 125), (64, 65535)):
            self.refuses(frame(BINARY, b"x" * size, length=length), 1002)
        self.refuses(b"\x82\xff\x80\0\0\0\0\0\0\0abcd", 1002)  # The top bit is set.

    def test_a_frame_beyond_the_limit_is_refused_by_its_header(self):
        self.refuses(b"\x82\xff" + struct.pack("!Q", 1 << 40) + b"abcd", 1009)

    def test_messages_beyond_the_limit_are_refused(self):
        peer = self.peer()
        peer.send(frame(BINARY, b"x" * (20 << 20), final=False))
        try:
            peer.send(frame(CONTINUATION, b"x" * (20 << 20)))
        except (BrokenPipeError, ConnectionResetError):
            return  # It closed before all was sent.
        self.closes(peer, 1009)

    # Sections 5.1, 5.2: masks, reserved bits, opcodes.

    def test_a_frame_without_a_mask_is_refused(self):
        self.refuses(frame(TEXT, b"hello", mask=b""), 1002)

    def test_a_mask_of_zeros_is_one(self):
        peer = self.peer()
        self.echoes(peer.send(frame(TEXT, b"hello", mask=b"\0\0\0\0")), TEXT, b"hello")

    def test_reserved_bits_are_refused(self):
        for reserved in range(1, 8):
            for opcode in (TEXT, BINARY, PING, CLOSE):
                self.refuses(frame(opcode, b"", reserved=reserved), 1002)

    def test_reserved_opcodes_are_refused(self):
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.refuses(frame(opcode, b"x"), 1002)

    def test_what_came_before_an_error_is_answered(self):
        peer = self.peer()
        peer.send(frame(TEXT, b"good") + frame(3))
        self.echoes(peer, TEXT, b"good")
        self.closes(peer, 1002)

    # Section 5.4: fragments.

    def test_fragments_make_one_message(self):
        for opcode in (TEXT, BINARY):
            for cut in (None, 1):
                peer = self.peer()
                peer.send(frame(opcode, b"one ", final=False) + frame(CONTINUATION, b"", final=False) +
                          frame(CONTINUATION, b"two ", final=False) + frame(CONTINUATION, b"three"), cut)
                self.echoes(peer, opcode, b"one two three")
        peer = self.peer()
        peer.send(frame(TEXT, final=False) + frame(CONTINUATION))
        self.echoes(peer, TEXT, b"")

    def test_control_frames_come_between_fragments(self):
        peer = self.peer()
        peer.send(frame(TEXT, b"be", final=False) + frame(PING, b"1") + frame(CONTINUATION, b"tween", final=False) +
                  frame(PONG, b"unasked") + frame(PING, b"2") + frame(CONTINUATION, b"!"))
        self.assertEqual(peer.receive(), (PONG, b"1"))
        self.assertEqual(peer.receive(), (PONG, b"2"))
        self.echoes(peer, TEXT, b"between!")

    def test_fragments_out_of_place_are_refused(self):
        for final in (True, False):
            self.refuses(frame(CONTINUATION, b"x", final=final), 1002)
            self.refuses(frame(TEXT, b"x", final=False) + frame(TEXT, b"y", final=final), 1002)
            self.refuses(frame(TEXT, b"x", final=False) + frame(BINARY, b"y", final=final), 1002)
        peer = self.peer()
        self.echoes(peer.send(frame(TEXT, b"x", final=False) + frame(CONTINUATION, b"y")), TEXT, b"xy")
        peer.send(frame(CONTINUATION, b"z"))
        self.closes(peer, 1002)

    def test_a_thousand_fragments_are_one_message(self):
        peer = self.peer()
        parts = [os.urandom(i % 5) for i in range(1000)]
        peer.send(frame(BINARY, parts[0], final=False) +
                  b"".join(frame(CONTINUATION, part, final=False) for part in parts[1:]) + frame(CONTINUATION))
        self.echoes(peer, BINARY, b"".join(parts))

    # Section 5.5: control frames.

    def test_a_ping_is_answered_with_its_payload(self):
        peer = self.peer()
        for payload in (b"", b"hello", b"\x00\xff\xfe", b"x" * 125):
            for cut in (None, 1):
                peer.send(frame(PING, payload), cut)
                self.assertEqual(peer.receive(), (PONG, payload))

    def test_a_pong_that_nobody_asked_for_says_nothing(self):
        peer = self.peer()
        peer.send(frame(PONG, b"?") + frame(PING, b"!"))
        self.assertEqual(peer.receive(), (PONG, b"!"))

    def test_a_control_frame_is_short_and_whole(self):
        for opcode in (PING, PONG, CLOSE):
            self.refuses(frame(opcode, b"\x03\xe8" + b"x" * 124), 1002)
            self.refuses(frame(opcode, b"\x03\xe8", final=False), 1002)

    # Sections 5.5.1, 7.4: closing.

    def test_closing_is_answered_and_the_connection_ends(self):
        for payload, code in ((b"", None), (struct.pack("!H", 1000), 1000), (struct.pack("!H", 1000) + b"bye", 1000),
                              (struct.pack("!H", 1001) + "\u03ba\u1f79".encode(), 1001),
                              (struct.pack("!H", 4999) + b"x" * 123, 4999)):
            for cut in (None, 1):
                peer = self.peer()
                peer.send(frame(CLOSE, payload), cut)
                self.closes(peer, code)

    def test_codes_that_may_be_sent_are_taken(self):
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
            self.refuses(closing(code), code)

    def test_codes_that_none_may_send_are_refused(self):
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
            self.refuses(closing(code), 1002)

    def test_a_close_frame_of_one_byte_is_refused(self):
        self.refuses(frame(CLOSE, b"\x03"), 1002)

    def test_a_reason_must_be_utf_8(self):
        self.refuses(closing(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80"), 1007)

    def test_nothing_after_a_close_frame_is_answered(self):
        peer = self.peer()
        peer.send(closing(1000) + frame(TEXT, b"late") + frame(PING, b"late"))
        self.closes(peer, 1000)

    def test_a_close_frame_ends_an_unfinished_message(self):
        peer = self.peer()
        peer.send(frame(TEXT, b"never", final=False) + closing(1000))
        self.closes(peer, 1000)

    # Sections 5.6, 8.1: text.

    GOOD_TEXTS = [text.encode("utf-8", "surrogatepass") for text in (
        "\u03ba\u1f79\u03c3\u03bc\u03b5", "\x00", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd",
        "\uffff", "\U00010000", "\U0010ffff", "\ufdd0", "Hello-\u00b5@\u00df\u00f6\u00e4\u00fc-UTF-8!!")]
    BAD_TEXTS = [bytes.fromhex(text) for text in (
        "80", "bf", "8080", "c0", "c1bf", "c080", "c2", "c220", "e080af", "e09fbf", "e0a0", "eda080", "edbfbf", "efbf",
        "f08080af", "f08fbfbf", "f09f98", "f4908080", "f5808080", "f8888080", "fc8480808080", "fe", "ff",
        "cebae1bdb9cf83cebcceb5eda080656469746564")]

    def test_text_in_utf_8_comes_back_however_it_is_cut(self):
        peer = self.peer()
        for text in self.GOOD_TEXTS:
            self.echoes(peer.send(frame(TEXT, text)), TEXT, text)
            for at in range(len(text) + 1):
                peer.send(frame(TEXT, text[:at], final=False) + frame(CONTINUATION, text[at:]))
                self.echoes(peer, TEXT, text)
            peer.send(b"".join(frame(TEXT if at == 0 else CONTINUATION, text[at:at + 1], final=at == len(text) - 1)
                               for at in range(len(text))))
            self.echoes(peer, TEXT, text)

    def test_text_that_is_not_utf_8_is_refused_however_it_is_cut(self):
        for text in self.BAD_TEXTS:
            self.refuses(frame(TEXT, b"good " + text), 1007)
            for at in range(len(text) + 1):
                self.refuses(frame(TEXT, text[:at], final=False) + frame(CONTINUATION, text[at:]), 1007)

    def test_bad_text_is_refused_before_the_message_ends(self):
        self.refuses(frame(TEXT, b"\xce\xba\xf4\x90", final=False), 1007)
        self.refuses(frame(TEXT, b"ab\xff" + b"x" * 100)[:12], 1007)

    def test_binary_messages_may_hold_anything(self):
        peer = self.peer()
        for text in self.BAD_TEXTS:
            self.echoes(peer.send(frame(BINARY, text)), BINARY, text)

    # Section 4.2: the upgrade.

    def test_the_upgrade_is_answered_with_the_proof(self):
        head = self.peer().head
        proof = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
        self.assertIn(f"Sec-WebSocket-Accept: {proof}", head)
        self.assertNotIn("Sec-WebSocket-Extensions", head)
        self.assertNotIn("Sec-WebSocket-Protocol", head)

    def test_what_is_no_upgrade_is_refused(self):
        for status, changes in ((400, {"Sec_WebSocket_Key": "short"}), (400, {"Sec_WebSocket_Key": None}),
                                (426, {"Sec_WebSocket_Version": "12"}), (426, {"Sec_WebSocket_Version": None}),
                                (400, {"Upgrade": None}), (400, {"Connection": "close"}),
                                (400, {"version": "HTTP/1.0"}), (405, {"method": "PUT"})):
            peer = Peer(self.port, upgrade=False)
            self.addCleanup(peer.socket.close)
            self.assertTrue(peer.ask(**changes).startswith(f"HTTP/1.1 {status} "), f"{changes} {status}")

    def test_frames_sent_with_the_upgrade_are_read(self):
        peer = Peer(self.port, upgrade=False)
        self.addCleanup(peer.socket.close)
        peer.send(f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: {KEY}\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n".encode() + frame(TEXT, b"early"))
        while b"\r\n\r\n" not in peer.input:
            peer.fill()
        peer.input = peer.input.split(b"\r\n\r\n", 1)[1]
        self.echoes(peer, TEXT, b"early")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
