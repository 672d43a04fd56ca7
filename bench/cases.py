# SPDX-License-Identifier: Apache-2.0
"""What bench/run measures: the cases, and whom each is compared with.

A case is run by bus_load with `load` as its flags. `floor` names the floor program that the ratio
is taken to (None: there is none), `goal` the greatest ratio that the project wants, and `peers`
who else is measured. `quick` cases make the table of `bench/run --quick`.
"""
from dataclasses import dataclass, field

MQTT_PEERS = ("mosquitto", "nats", "aedes", "rabbitmq")


@dataclass(frozen=True)
class Case:
    name: str
    load: str
    floor: str | None = None  # "floor", "floor_tls", "routed_floor"
    goal: float | None = None
    goal_text: str = ""
    peers: tuple[str, ...] = MQTT_PEERS
    transport: str = "tcp"
    figure: str = "server_us"
    unit: str = "us of broker CPU a delivery"
    quick: bool = False
    firehose: dict = field(default_factory=dict)  # Further lines of firehose.toml, by section.


def fanout(readers, payload=256, **rest):
    size = "" if payload == 256 else f", {payload} B"
    name = rest.pop("name", f"1 -> {readers:,}{size}")
    return Case(name, f"deliver --pattern fanout --readers {readers} --payload {payload}",
                rest.pop("floor", "floor"), **rest)


def cases():
    yield fanout(1, goal=2.2, quick=True)
    yield fanout(10, goal=2.0, quick=True)
    yield fanout(100, goal=1.5, quick=True)
    yield fanout(1000, goal=1.3, quick=True)
    for payload in (16, 1024, 4096):
        for readers in (1, 10, 100, 1000):
            is_goal = (readers, payload) == (100, 1024)
            yield fanout(readers, payload, goal=1.4 if is_goal else None, quick=is_goal)
    for readers in (1, 10, 100, 1000):
        yield fanout(readers, name=f"1 -> {readers:,} over WebSocket", transport="ws",
                     goal=1.6 if readers == 100 else None, quick=readers == 100)
        yield fanout(readers, name=f"1 -> {readers:,} over TLS", transport="tls", floor="floor_tls",
                     goal=1.3 if readers == 100 else None, quick=readers == 100,
                     peers=("mosquitto",))
    filters = "deliver --pattern filters --readers 1000 --filters 500 --topics 2000"
    # Some 30 messages of each filter on their way, so that a batch is one.
    yield Case("1,000 readers, 500 filters, 2,000 topics", filters + " --window-bytes 4000000",
               "routed_floor", 1.2, quick=True)
    for qos in (0, 1, 2):
        floor = "routed_floor" if qos == 0 else None
        fan_in = f"deliver --pattern fanout --publishers 100 --readers 1 --burst-bytes 4096 --qos {qos}"
        pairs = f"deliver --pattern pairs --publishers 500 --readers 500 --burst-bytes 4096 --qos {qos}"
        if qos == 0:
            pairs += " --window-bytes 2000000"
        if qos < 2:
            yield Case(f"100 publishers -> 1 reader, QoS {qos}", fan_in, floor,
                       2.0 if qos == 0 else None, "30 x less than mosquitto" if qos else "",
                       quick=True)
        yield Case(f"500 pairs, QoS {qos}", pairs, floor, 1.8 if qos == 0 else None,
                   "17 x less than mosquitto" if qos == 1 else "", quick=qos < 2)
    slow = "--seconds 5"
    yield Case("500 messages/s to 100 readers",
               f"deliver --pattern fanout --readers 100 --rate 500 {slow}", "routed_floor", 1.15,
               "p50 and p99 <= 1.25 x", quick=True)
    yield Case("3,000 messages/s, 500 filters", f"{filters} --rate 3000 {slow}", "routed_floor",
               1.15, "p50 and p99 <= 1.25 x", quick=True)
    yield Case("connect, subscribe, disconnect", "churn --seconds 3", "routed_floor", 1.25,
               unit="us of broker CPU a cycle", quick=True)
    yield Case("100,000 retained to a new reader", "retained --count 100000", None, None,
               "0.6 us each", quick=True)
    for idle in (10_000, 19_000):
        yield Case(f"{idle:,} idle connections",
                   f"deliver --pattern fanout --readers 100 --idle {idle}", None, None,
                   "1,000 bytes each", figure="idle_bytes", unit="bytes of memory each",
                   peers=("mosquitto",), quick=idle == 10_000)
    yield Case("50 readers, 5 more never read",
               "deliver --pattern fanout --readers 50 --stalled 5", None, None,
               "healthy readers at full rate, memory flat", peers=("mosquitto",), quick=True)
