"""What the chaos suite says at the end: one line a seed, one a control, totals."""

import os
import resource
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos import plan
from chaos.checks import DUPLICATES, LOSS, ORDER, PHANTOM, VALUES, Check, recoveries
from chaos.evidence import Evidence

Figures = Mapping[str, Any]
_TABLE = "{:>4} {:<6} {:<12} {:>9} {:>6} {:>5} {:>7} {:>14} {:>10} {:>9} {:>18} {:>7}"


def figures(seed: int, runner: str, seen: Evidence, checks: Sequence[Check], seconds: float) -> dict[str, Any]:
    """Return one seed's figures."""
    by_fault = recoveries(seen)
    took = [second for second in by_fault if second is not None]
    return {
        "seed": seed,
        "runner": runner,
        "client": plan.client(seed, runner),
        "seconds": seconds,
        "messages": len(seen.source),
        "faults": {str(fault.action): second for fault, second in zip(seen.faults, by_fault, strict=True)},
        "deaths": len(seen.deaths),
        "recovery_p50_s": statistics.median(took) if took else 0.0,
        "recovery_max_s": max(took, default=0.0),
        "max_rss_mb": dict(seen.max_rss_mb),
        "passed": all(check.passed for check in checks),
        "checks": {check.name: {"passed": check.passed, **check.figures} for check in checks},
    }


def broken(seed: int, runner: str, why: str, seconds: float) -> dict[str, Any]:
    """Return the figures of a seed that did not come to its end."""
    client = plan.client(seed, runner)
    return {"seed": seed, "runner": runner, "client": client, "seconds": seconds, "passed": False, "why": why}


def times(found: Mapping[str, Any]) -> str:
    """Return recovery and memory in one line."""
    memory = ", ".join(f"{name} {size:,.0f} MB" for name, size in found["max_rss_mb"].items())
    return (
        f"{len(found['faults'])} faults; first new prediction after a fault: p50 {found['recovery_p50_s']:.1f} s, "
        f"max {found['recovery_max_s']:.1f} s; most resident memory: {memory}; {found['seconds']:.0f} s in all"
    )


def summary(
    seeds: Sequence[Mapping[str, Any]], controls: Sequence[Mapping[str, Any]], seconds: float
) -> dict[str, Any]:
    """Return everything, with the verdict: every seed passed and every control was caught."""
    return {
        "passed": all(one["passed"] for one in seeds) and all(one["caught"] for one in controls),
        "seconds": seconds,
        "cpu_s": _cpu_s(),
        "seeds": list(seeds),
        "controls": list(controls),
    }


def _cpu_s() -> float:
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the totals as a table."""
    if result["seeds"]:
        yield _TABLE.format(
            *("seed", "runner", "client", "messages", "faults", "lost", "phantom", "repeats/bound", "inversions"),
            *("different", "recovery p50/max s", "verdict"),
        )
    for one in result["seeds"]:
        if "why" in one:
            yield f"{one['seed']:>4} {one['runner']:<6} {one['client']:<12} FAIL {one['why']}"
            continue
        checks = one["checks"]
        repeats = f"{checks[DUPLICATES]['repeats']:,}/{checks[DUPLICATES]['bound']:,}"
        recovery = f"{one['recovery_p50_s']:.1f}/{one['recovery_max_s']:.1f}"
        yield _TABLE.format(
            *(one["seed"], one["runner"], one["client"], f"{one['messages']:,}", len(one["faults"])),
            *(checks[LOSS]["lost"], checks[PHANTOM]["phantom"], repeats, checks[ORDER]["inversions"]),
            *(checks[VALUES]["different"], recovery, "pass" if one["passed"] else "FAIL"),
        )
    ended = [one for one in result["seeds"] if "why" not in one]
    caught = sum(one["caught"] for one in result["controls"])
    if result["controls"]:
        yield f"negative controls caught: {caught} of {len(result['controls'])}"
    sent, lost = (sum(one["checks"][LOSS][name] for one in ended) for name in ("source records", "lost"))
    verdict = "passed" if result["passed"] else "FAILED"
    yield f"{verdict}: {len(result['seeds'])} seeds, {sent:,} messages, {lost:,} lost, {result['seconds']:.0f} s"
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    yield f"{result['cpu_s']:.0f} s of processor time, without Java's; {machine}"
