# SPDX-License-Identifier: Apache-2.0
"""Rows 29 and 31: rights that a reload takes away, and reloads that cannot be."""
import contextlib
import re
import resource
import signal
import time

import link
import premises
from cases import *  # noqa: F403
from link import V5

ALICES = "user alice\ntopic readwrite alice/#\ntopic readwrite open/#\n"
ALICE_READS_WHAT_IS_OPEN = "user alice\ntopic read open/#\n"


def reload(bus, is_good=True):
    """SIGHUP; the answer is in the log."""
    def answers():
        return re.findall(r" (reloaded|reload_refused)\b", bus.said())
    before, end = len(answers()), time.monotonic() + link.PATIENCE_S
    bus.process.send_signal(signal.SIGHUP)
    while len(answers()) == before:
        assert time.monotonic() < end, "no answer to SIGHUP"
        time.sleep(0.02)
    assert answers()[-1] == ("reloaded" if is_good else "reload_refused"), bus.said()[-1000:]


@contextlib.contextmanager
def changed(bus, name, content):
    """A file of the configuration, until then; `None`: it is missing."""
    path = bus.folder / name
    before = path.read_bytes()
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    try:
        yield
    finally:
        path.write_bytes(before)


@case(29, "rights taken from a session with a subscription, QoS 2 in flight, retained messages", 1)
def rights_taken_away(peers):
    assert ALICES in premises.ACL
    infra = peers.client(V5, "rights-infra", user="infra")
    answer(peers.alice("rights-author"), link.publish(V5, "open/by-alice", b"kept", 1, retain=True), link.PUBACK)
    for version in VERSIONS:
        reader = peers.alice(f"rights-{version}", version, clean=False)
        answer(reader, link.subscribe(version, "alice/#", options=2), link.SUBACK)
        answer(infra, link.publish(V5, "alice/flight", b"1", 2, 1), link.PUBREC)
        answer(infra, link.ack(link.PUBREL, 1), link.PUBCOMP)
        assert topics([answer_of(reader, link.PUBLISH)]) == ["alice/flight"]
        reader.close()  # It is in flight.
        answer(infra, link.publish(V5, "alice/away", b"2", 1), link.PUBACK)
    there = peers.alice("rights-there")
    answer(there, link.subscribe(V5, "alice/#"), link.SUBACK)
    with changed(peers.bus, "acl", premises.ACL.replace(ALICES, ALICE_READS_WHAT_IS_OPEN)):
        reload(peers.bus)
        answer(infra, link.publish(V5, "alice/after", b"3", 1), link.PUBACK)
        assert not topics(peers.before_marker(there)), "a subscription of before"
        for version in VERSIONS:
            again = peers.alice(f"rights-{version}", version, clean=False)
            assert again.session_present
            # What the client may have of an exchange goes to its end.
            assert [kind for kind, _ in peers.before_marker(again, version)] == [link.PUBREL]
        late = peers.client(V5, "rights-late", user="infra")
        answer(late, link.subscribe(V5, "open/by-alice"), link.SUBACK)
        assert not topics(peers.before_marker(late)), "its publisher may no longer publish it"
    reload(peers.bus)
    answer(late, link.subscribe(V5, "open/by-alice"), link.SUBACK)
    assert topics([answer_of(late, link.PUBLISH)]) == ["open/by-alice"]
    answer(infra, link.publish(V5, "open/by-alice", b"", 1, retain=True), link.PUBACK)


@case(31, "SIGHUP with files that are missing or broken, or without a free descriptor", 1)
def reloads_that_cannot_be(peers):
    bus = peers.bus
    peer = peers.alice("reloads")
    answer(peer, link.subscribe(V5, "alice/#"), link.SUBACK)

    def nothing_has_changed():
        reload(bus, False)
        late = peers.alice("reloads-late")
        answer(late, link.publish(V5, "alice/x", b"x", 1), link.PUBACK)
        assert topics([answer_of(peer, link.PUBLISH)]) == ["alice/x"]
        bob = peers.alice("reloads-late", user="bob")
        assert answer(bob, link.publish(V5, "alice/x", b"x", 1), link.PUBACK)[2] == NOT_AUTHORIZED
        refused_one = peers.open()
        refused_one.send(link.connect(V5, "late", "alice", "wrong"))
        connect_refused(refused_one, None)

    for name, content in (("acl", None), ("acl", "topic read #\nnonsense\n"), ("users", None), ("users", "broken\n"),
                          ("cert", "no certificate\n"), ("key", None), ("key", ""), ("firehose.toml", "no = toml = at all\n"),
                          ("firehose.toml", None)):
        with changed(bus, name, content):
            nothing_has_changed()
    limit = resource.prlimit(bus.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(bus.process.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
    try:
        reload(bus, False)
    finally:
        resource.prlimit(bus.process.pid, resource.RLIMIT_NOFILE, limit)
    reload(bus)
