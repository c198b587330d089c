"""Drained events/s of the streaming job against hand-written loops over the same clients, on a real broker.

Run from the repository: `python -m benchmarks.score_stream`. Starts a broker of its own, trains a taxi model once.
All contenders run in this process, in turns, three rounds, on the same topic of 4 partitions, with the same released
bundle. Ratios are medians of the rounds' ratios:

`events_per_s_vs_handwritten_loop_kafka_python`: our job against benchmarks/rivals/handwritten_loop.py.
`events_per_s_vs_handwritten_loop_confluent`, `..._confluent_arrow`: our job with `--kafka-client confluent` against
benchmarks/rivals/handwritten_loop_confluent.py, decoding with json.loads or with Arrow's JSON reader.
`events_per_s_vs_per_event_loop`: our job against benchmarks/rivals/per_event_loop.py, which gets 2,000 events.
"""

import json
import statistics
from typing import Any

from benchmarks import contenders
from benchmarks.machine import machine
from benchmarks.stream_bench import PARTITIONS, Bench, arguments, bench

EVENTS, FEW_EVENTS, ROUNDS = 60_000, 2_000, 3


def main() -> None:
    """Measure in turns and print one line of JSON."""
    given = arguments(__doc__).parse_args()
    with bench(given) as made:
        print(json.dumps(measured(made, 1 if given.quick else ROUNDS, 5_000 if given.quick else EVENTS)))


def measured(made: Bench, rounds: int, events: int) -> dict[str, Any]:
    """Run all contenders in turns and put the figures together."""
    full, small = made.source(), made.source()
    made.fill(full, events)
    made.fill(small, min(FEW_EVENTS, events))
    drained: dict[str, list[float]] = {who: [] for who in contenders.ALL}
    for number in range(rounds):
        for who, contender in contenders.ALL.items():
            drained[who].append(made.drained(contender, small if who == contenders.PER_EVENT_LOOP else full))
            print(f"round {number + 1}: {who:34} {drained[who][-1]:>9,.0f} events/s", flush=True)
    ratios = {
        f"events_per_s_vs_{rival}": round(
            statistics.median(ours / other for ours, other in zip(drained[us], drained[rival], strict=True)), 2
        )
        for rival, us in contenders.AGAINST.items()
    }
    return {
        "benchmark": "score_stream",
        "ratios": ratios,
        "figures": {
            "events": events,
            "event_bytes": round(statistics.mean(map(len, made.events))),
            "trees": contenders.live(made.registry).manifest["rounds"],
            "partitions": PARTITIONS,
            **{
                who: {
                    "drained_events_per_s": round(statistics.median(found)),
                    "drained_events_per_s_rounds": [round(one) for one in found],
                }
                for who, found in drained.items()
            },
        },
        "machine": machine(),
    }


if __name__ == "__main__":
    main()
