# SPDX-License-Identifier: Apache-2.0
"""From measured rounds to bench/RESULTS.md and its plots."""
from collections import defaultdict
from statistics import median

ORDER = ("floor", "floor_tls", "routed_floor", "firehose", "mosquitto", "nats", "aedes", "rabbitmq")


def figures(case, rows):
    """server -> the figures of its rounds that lost nothing."""
    found = defaultdict(list)
    for row in rows:
        if row["case"] == case.name and case.figure in row:
            found[row["server"]].append(row[case.figure])
    return found


def show(values):
    if not values:
        return "-"
    spread = f" ({min(values):.3g}-{max(values):.3g})" if len(values) > 1 else ""
    return f"{median(values):.3g}{spread}"


def latest_commit(rows):
    return rows[-1]["commit"] if rows else "none"


def ratio_text(case, found):
    if not case.floor or not found.get(case.floor) or not found.get("firehose"):
        return "-"
    ratio = median(found["firehose"]) / median(found[case.floor])
    if case.goal is None:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} ({'<=' if ratio <= case.goal else '**>**'} {case.goal})"


def table(chosen, rows):
    servers = [name for name in ORDER if any(figures(case, rows).get(name) for case in chosen)]
    head = ["case", "unit", *servers, "firehose / floor", "goal"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for case in chosen:
        found = figures(case, rows)
        if not found.get("firehose"):
            continue
        goal = case.goal_text or (f"<= {case.goal} x the floor" if case.goal else "")
        cells = [case.name, case.unit, *(show(found.get(name, [])) for name in servers),
                 ratio_text(case, found), goal]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def latencies(chosen, rows):
    lines = ["| case | server | p50 us | p99 us | p99.9 us |", "|---|---|---|---|---|"]
    for case in chosen:
        if "--rate" not in case.load:
            continue
        for name in ORDER:
            mine = [row for row in rows if row["case"] == case.name and row["server"] == name
                    and "p50_us" in row]
            if mine:
                cells = (f"{median(row[key] for row in mine):.0f}"
                         for key in ("p50_us", "p99_us", "p999_us"))
                lines.append(f"| {case.name} | {name} | " + " | ".join(cells) + " |")
    return lines


def plot(chosen, rows, path):
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "firehose"
    from matplotlib import pyplot
    drawn = [case for case in chosen if figures(case, rows).get("firehose")
             and case.unit.startswith("us")]
    if not drawn:
        return False
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(drawn) + 1.4))
    for name in ORDER:
        points = [(median(figures(case, rows)[name]), at) for at, case in enumerate(drawn)
                  if figures(case, rows).get(name)]
        if points:
            axes.plot(*zip(*points), "o", label=name.replace("_", " "),
                      markersize=9 if name == "firehose" else 6)
    axes.set_yticks(range(len(drawn)), [case.name for case in drawn])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("us of broker CPU a delivery (a cycle), median; less is better")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return True


def write(every, rows, folder):
    at = latest_commit(rows)
    rows = [row for row in rows if row["commit"] == at]
    losses = [row for row in rows if row.get("missing") or row.get("lost") or row.get("corrupt")]
    failures = [row for row in rows if "failed" in row]
    text = ["# Results", "",
            f"Written by `bench/run`. Commit {at}, {rows[-1]['date'] if rows else ''}; "
            f"{rows[-1]['machine'] if rows else ''}.",
            "Medians of interleaved rounds, (least-most). QoS 0, 256 B, MQTT 3.1.1 unless the case "
            "says otherwise; history off (`log.mode = memory`).", ""]
    text += table(every, rows)
    text += ["", "## Latency at fixed rates", "", *latencies(every, rows), ""]
    if plot(every, rows, folder / "results.svg"):
        text += ["![broker CPU a delivery](results.svg)", ""]
    if losses:
        text += ["## Rounds in which messages were lost", ""]
        text += [f"* {row['server']}, {row['case']}: {row.get('missing', 0):,} of "
                 f"{row.get('deliveries', 0) + row.get('missing', 0):,} missing" for row in losses]
        text.append("")
    if failures:
        text += ["## Rounds that failed", ""]
        text += [f"* {row['server']}, {row['case']}: {row['failed']}" for row in failures] + [""]
    (folder / "RESULTS.md").write_text("\n".join(text))
