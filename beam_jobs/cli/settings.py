"""The settings of every verb, one frozen dataclass each: where the command line and people who script find them.

Imports nothing heavy, so that `onegraph VERB --help` answers at once. `verbs.run_verb` runs the verb of some settings.
"""

from beam_jobs.cli.batch_settings import BuildTrainingSet, CheckSkew, Evaluate, Inspect, ScoreBatch, Train
from beam_jobs.cli.registry_settings import REGISTRY_ACTIONS, RegistryVerb, Release, Rollback
from beam_jobs.cli.service_settings import Demo, Doctor, Services
from beam_jobs.cli.shared_settings import Broker
from beam_jobs.cli.stream_settings import (
    BREAKER,
    STARTS,
    TOMBSTONES,
    VALUE_FORMATS,
    ReplayRejected,
    ScoreStream,
    Status,
    Stop,
)
from beam_jobs.cli.topic_settings import Send, SkipTo, Tail

__all__ = [
    "BREAKER",
    "REGISTRY_ACTIONS",
    "STARTS",
    "TOMBSTONES",
    "VALUE_FORMATS",
    "VERBS",
    "Broker",
    "BuildTrainingSet",
    "CheckSkew",
    "Demo",
    "Doctor",
    "Evaluate",
    "Inspect",
    "RegistryVerb",
    "Release",
    "ReplayRejected",
    "Rollback",
    "ScoreBatch",
    "ScoreStream",
    "Send",
    "Services",
    "SkipTo",
    "Status",
    "Stop",
    "Tail",
    "Train",
]

VERBS: dict[str, type] = {
    "demo": Demo,
    "services": Services,
    "build_training_set": BuildTrainingSet,
    "train": Train,
    "evaluate": Evaluate,
    "release": Release,
    "rollback": Rollback,
    "registry": RegistryVerb,
    "score_batch": ScoreBatch,
    "score_stream": ScoreStream,
    "stop": Stop,
    "status": Status,
    "replay_rejected": ReplayRejected,
    "check_skew": CheckSkew,
    "send": Send,
    "tail": Tail,
    "skip_to": SkipTo,
    "inspect": Inspect,
    "doctor": Doctor,
}
