"""The settings of every verb, one frozen dataclass each: where the command line and people who script find them.

Imports nothing heavy, so that `onegraph VERB --help` answers at once. `verbs.run_verb` runs the verb of some settings.
"""

from beam_jobs.cli.batch_settings import (
    BuildTrainingSet,
    CheckSkew,
    Evaluate,
    Inspect,
    Report,
    ScoreBatch,
    Track,
    Train,
    Validate,
)
from beam_jobs.cli.options import Settings
from beam_jobs.cli.registry_settings import REGISTRY_ACTIONS, Lineage, RegistryVerb, Release, Retrain, Rollback
from beam_jobs.cli.service_settings import Demo, Doctor, Services
from beam_jobs.cli.shared_settings import Broker
from beam_jobs.cli.simulation_settings import Simulate
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
from beam_jobs.cli.tuning_settings import CrossValidate, Tune
from beam_jobs.cli.use_case_settings import New

__all__ = [
    "BREAKER",
    "GROUPS",
    "REGISTRY_ACTIONS",
    "STARTS",
    "TOMBSTONES",
    "VALUE_FORMATS",
    "VERBS",
    "Broker",
    "BuildTrainingSet",
    "CheckSkew",
    "CrossValidate",
    "Demo",
    "Doctor",
    "Evaluate",
    "Inspect",
    "New",
    "RegistryVerb",
    "Release",
    "ReplayRejected",
    "Report",
    "Retrain",
    "Rollback",
    "ScoreBatch",
    "ScoreStream",
    "Send",
    "Services",
    "Simulate",
    "SkipTo",
    "Status",
    "Stop",
    "Tail",
    "Track",
    "Train",
    "Tune",
    "Validate",
]

GROUPS: dict[str, dict[str, type[Settings]]] = {
    "data and models": {
        "new": New,
        "validate": Validate,
        "build_training_set": BuildTrainingSet,
        "train": Train,
        "tune": Tune,
        "cross_validate": CrossValidate,
        "evaluate": Evaluate,
        "inspect": Inspect,
        "report": Report,
        "track": Track,
        "retrain": Retrain,
    },
    "who serves": {"release": Release, "rollback": Rollback, "registry": RegistryVerb, "lineage": Lineage},
    "files": {"score_batch": ScoreBatch, "check_skew": CheckSkew, "simulate": Simulate},
    "stream": {
        "score_stream": ScoreStream,
        "status": Status,
        "stop": Stop,
        "replay_rejected": ReplayRejected,
    },
    "topics": {"send": Send, "tail": Tail, "skip_to": SkipTo},
    "this machine": {"services": Services, "doctor": Doctor, "demo": Demo},
}
"""The verbs as the overview groups them."""

VERBS: dict[str, type[Settings]] = {verb: settings for verbs in GROUPS.values() for verb, settings in verbs.items()}
