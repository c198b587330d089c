"""The page that `onegraph status` draws: one panel per job, one line per registry."""

import datetime
import io
import shutil
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from beam_jobs.monitoring.job_status import WINDOW_S, rejected_for
from beam_jobs.reports.override_text import override_text
from beam_jobs.reports.terminal_text import shown
from schemas.rejection_counts import rejected_text

_STAGES = ("queue", "decode", "transform", "score", "encode", "write", "total")
_SHOWN_SWAPS = 5
_SHOWN_PARTITIONS = 12
_SHOWN_REJECTIONS = 12
_WIDTH = 120
_NO_JOB = "no streaming job runs on this machine"


def drawn(found: Mapping[str, Any], now: float) -> RenderableType:
    """Return what `status.look` found as something that rich can draw; `now` is Unix time."""
    found = _shown(found)
    parts: list[RenderableType] = [_job(job, now) for job in found["jobs"]]
    if not parts:
        parts.append(Text(_NO_JOB, style="yellow"))
    for registry, pointer in found["registries"].items():
        parts.append(_registry(registry, pointer))
    return Group(*parts)


def text(found: Mapping[str, Any], now: float) -> str:
    """Return the page as plain text."""
    width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 40)).columns)
    console = Console(file=io.StringIO(), width=width)
    console.print(drawn(found, now))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def lines(found: Mapping[str, Any], now: float) -> list[str]:
    """Return a line for every job and registry, for a file or a pipe; `now` is Unix time."""
    found, at = _shown(found), f"{datetime.datetime.fromtimestamp(now, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    said = [_job_line(job) for job in found["jobs"]] or [_NO_JOB]
    said += [_registry(registry, pointer).plain for registry, pointer in found["registries"].items()]
    return [f"{at} {line}" for line in said]


def _job_line(job: Mapping[str, Any]) -> str:
    state, troubles = job["state"], list(job["troubles"])
    if state is None:
        said = [f"group {job['group']} of topic {job['source_topic']}"] if "group" in job else []
        return f"{job['name']}: {', '.join([*said, *troubles] or ['says no more: started without --metrics-port 0'])}"
    rates, totals = state["rates"], state["totals"]
    lag = f"{sum(state['lag'].values()):,}" if state["lag"] else "unknown"
    parts = [
        f"generation {state['generation'] or '-'}",
        f"{rates['events_per_s']:,.0f} events/s",
        f"{totals['events']:,} events",
        rejected_text(sum(totals["rejected"].values()), rejected_for(state)),
        f"lag {lag}",
    ]
    if "total" in state["stages"]:
        parts.append(f"p99 {_milliseconds(state['stages']['total']['p99'])} ms")
    return f"{job['name']}: {', '.join([*parts, *(['holds'] if state.get('holds') else []), *troubles])}"


def _shown(found: Any) -> Any:
    """Return what was found with its texts as a terminal may have them: rich lets escape sequences through."""
    if isinstance(found, str):
        return shown(found)
    if isinstance(found, Mapping):
        return {_shown(name): _shown(value) for name, value in found.items()}
    return [_shown(one) for one in found] if isinstance(found, (list, tuple)) else found


def _job(job: Mapping[str, Any], now: float) -> Panel:
    title = Text(job["name"], style="bold")
    lines: list[RenderableType] = []
    if "group" in job:
        up = _span(now - job["started"])
        pids = ", ".join(map(str, job["pids"]))
        lines.append(Text(f"{job['source_topic']} -> group {job['group']}, {job['runner']}, pid {pids}, up {up}"))
        number = job.get("lease")
        holds = f"holds group {job['group']}, lease {number}" if number else "does not hold its group (yet)"
        lines.append(Text(holds, style="dim" if number else "yellow"))
    state = job["state"]
    if state is not None:
        lines += [_bundles(state), _flow(state), Table.grid(padding=(0, 4))]
        lines[-1].add_row(_stages(state), _lag(state))  # type: ignore[union-attr]
        lines.append(_rejected(state))  # below: beside them its words are cut in a terminal of 80 columns
        if state["history"]:
            lines.append(_swaps(state))
    elif not job["urls"]:
        lines.append(Text("says no more: started without --metrics-port 0, or its workers have not begun", style="dim"))
    lines += [Text(trouble, style="red") for trouble in job["troubles"]]
    return Panel(Group(*lines), title=title, title_align="left")


def _bundles(state: Mapping[str, Any]) -> Text:
    serving = ", ".join(f"{one['variant']} {one['bundle'][:12]}" for one in state["bundles"]) or "no bundle yet"
    age = f", loaded {_span(state['bundle_age_s'])} ago" if state["bundle_age_s"] is not None else ""
    return Text(f"generation {state['generation'] or '-'}: {serving}{age}")


def _flow(state: Mapping[str, Any]) -> Text:
    totals, rates = state["totals"], state["rates"]
    polled = state["last_poll_age_s"]
    line = Text(f"{rates['events_per_s']:,.0f} events/s", style="bold green")
    line.append(f"  {rates['predictions_per_s']:,.0f} predictions/s", style="default not bold")
    rejected = rates["rejected_per_s"]
    line.append(f"  {rejected:,.0f} rejected/s", style="red" if rejected else "default not bold")
    line.append(f"  (last {WINDOW_S} s)  {totals['events']:,} events in all")
    late = polled is None or polled > WINDOW_S
    line.append(f"  last poll {'never' if polled is None else f'{polled:.1f} s ago'}", style="red" if late else "dim")
    if state.get("holds"):  # a job of an older version says nothing of it
        line.append("  holds: waits for a broker or another generation", style="bold yellow")
    return line


def _stages(state: Mapping[str, Any]) -> Table:
    table = Table("stage", title=f"latency, {WINDOW_S} s", title_justify="left", title_style="dim")
    table.add_column("p50 ms", justify="right", no_wrap=True)
    table.add_column("p99 ms", justify="right", no_wrap=True)
    for stage in _STAGES:
        if stage in state["stages"]:
            one = state["stages"][stage]
            table.add_row(stage, _milliseconds(one["p50"]), _milliseconds(one["p99"]))
    return table


def _lag(state: Mapping[str, Any]) -> Table:
    table = Table("partition", title="lag", title_justify="left", title_style="dim")
    table.add_column("events", justify="right")
    worst = sorted(state["lag"].items(), key=lambda one: -one[1])[:_SHOWN_PARTITIONS]
    for partition, events in sorted(worst, key=lambda one: int(one[0])):
        table.add_row(partition, f"{events:,}", style="yellow" if events else None)
    table.add_row("all", f"{sum(state['lag'].values()):,}" if state["lag"] else "unknown", style="bold")
    return table


def _rejected(state: Mapping[str, Any]) -> Table:
    table = Table("reason", "field", title="rejected", title_justify="left", title_style="dim")
    table.add_column("events", justify="right")
    entries = rejected_for(state)
    rows = [(one["reason"], one["field"], one["count"]) for one in entries[:_SHOWN_REJECTIONS]]
    if rest := sum(one["count"] for one in entries[_SHOWN_REJECTIONS:]):
        rows.append(("others", "", rest))
    rows += [(f"left out: {reason}", "", count) for reason, count in state["totals"]["dropped"].items()]
    for reason, field, events in rows:
        table.add_row(reason, field, f"{events:,}")
    if not rows:
        table.add_row("none", "", "0", style="dim")
    return table


def _swaps(state: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for one in reversed(state["history"][-_SHOWN_SWAPS:]):
        when = datetime.datetime.fromtimestamp(one["at"], datetime.UTC)
        said = "serves" if one["served"] else "refused"
        generation = "-" if one["generation"] is None else str(one["generation"])
        style = None if one["served"] else "red"
        bundle = (one["bundle"] or "-")[:12]
        table.add_row(f"{when:%Y-%m-%d %H:%M:%S}Z", f"generation {generation}", bundle, said, one["why"], style=style)
    return table


def _registry(path: str, pointer: Mapping[str, Any] | None) -> Text:
    if pointer is None:
        return Text(f"{path}: nothing is released there", style="yellow")
    if "trouble" in pointer:
        return Text(pointer["trouble"], style="red")
    names = ("generation", "champion", "when", "who", "why")
    generation, champion, when, who, why = (str(pointer.get(name, "")) for name in names)
    said = Text(f"{path}: generation {generation}, champion {champion[:12]}, {when} by {who}: {why}")
    for bundle, override in pointer.get("overrides", {}).items():
        said.append(f"\n  {shown(bundle[:12])} {override_text(override)}", style="yellow")
    return said


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:,.1f}"


def _span(seconds: float) -> str:
    """Return a span of time in its two largest units.

    >>> _span(59), _span(3_700), _span(200_000)
    ('59 s', '1 h 1 min', '2 d 7 h')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"
