"""One seed: send, strike, wait until the job works again, and collect what there is to know."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from chaos import plan
from chaos.actions import POLL_MS, Actions
from chaos.brokers.topics import PARTITIONS, Names
from chaos.evidence import Evidence
from chaos.messages import MessageSender, messages
from chaos.pace import PATIENCE_S, Pace
from chaos.watch import Watch
from chaos.world import World

KEYS = 500
RATES = {1: 1_500, 2: 4_000}  # messages per second at most, by tier
MAX_BATCH = 500

MakeJob = Callable[[Mapping[str, Any], pathlib.Path, pathlib.Path, Callable[[str], None]], Any]


def job_options(
    servers: str, client: str, registry: pathlib.Path, names: Names, group: str, markers: pathlib.Path
) -> dict[str, Any]:
    """Return the settings of `score_stream` that every seed has."""
    source, predictions, rejected = names
    return {
        "bootstrap_servers": servers,
        "kafka_client": client,
        "registry": str(registry),
        "group": group,
        "source_topic": source,
        "predictions_topic": predictions,
        "rejected_topic": rejected,
        "max_batch": MAX_BATCH,
        "pointer_poll_ms": POLL_MS,
        "read_budget_ms": 1_000,
        "marker_folder": str(markers),
        "look_for_partitions_ms": 5_000,
    }


class Run:
    """One seed on one runner. `say` gets the action log line by line."""

    def __init__(self, world: World, seed: int, runner: str, count: int, make_job: MakeJob, say: Callable[[str], None]):
        self._world, self._say = world, say
        self._name = f"chaos-{runner}-{seed}"
        self._made = messages(seed, count, KEYS, world.events)
        self._actions = plan.plan(seed, runner, world.tier)
        self.topics = world.topics.make(self._name)
        registry = world.registry(self._name)
        folder = world.folder / self._name
        folder.mkdir()
        disk = world.job_folder(self._name)
        client = plan.client(seed, runner)
        options = job_options(world.job_servers, client, registry, self.topics, self._name, disk / "markers")
        self._job = make_job(options, folder, disk, say)
        self._sender = MessageSender(world.servers, self.topics[0], PARTITIONS, self._made, RATES[world.tier])
        self._watch = Watch(world.servers, self.topics, self._name, self._job.pids)
        self._pace = Pace(self._name, self._job, self._sender, self._watch)
        self._does = Actions(world, self._job, self.topics, registry, self._sender, self._watch, self._pace, say)

    def evidence(self) -> Evidence:
        """Do all of it and return what was seen."""
        try:
            self._job.start()
            self._sender.start()
            self._sender.allow(int(self._actions[0].at * len(self._made)))
            self._pace.until(lambda: self._watch.committed > 0, "the first commit")
            self._say("the job works")
            for action in self._actions:
                self._sender.allow(int(action.at * len(self._made)))
                self._does.do(action)
                self._pace.until(lambda: self._sender.sent >= self._sender.allowed, "sending")
            self._sender.finish(PATIENCE_S)
            end = sum(self._world.topics.ends(self.topics[0]).values())
            self._pace.until(lambda: self._watch.committed >= end, "committing all of it")
            self._say(f"{end:,} messages are done")
            self._job.stop()
        finally:
            self._job.close()
            self._watch.close()
            self._sender.stop()
        return self._world.evidence(
            self.topics,
            self._name,
            self._made,
            samples=list(self._watch.samples),
            faults=list(self._does.faults),
            deaths=list(self._job.deaths),
            replayed_s=self._job.replayed_s,
            checkpoints=list(self._job.checkpoints),
            replayed_events=MAX_BATCH,
            refused=list(self._does.refused),
            max_rss_mb=dict(self._watch.max_rss_mb),
        )
