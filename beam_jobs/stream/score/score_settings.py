"""How the stream is scored: what only that step needs, beside the `StreamJob`."""

import dataclasses

from beam_jobs.process.personal_keys import NO_KEYS, PersonalKeys
from beam_jobs.registries.kept_registry import KeptCopy
from beam_jobs.stream.score.breaker import BreakerSettings
from beam_jobs.stream.score.bundle_check import BundleCheck
from beam_jobs.stream.score.event_policy import EventPolicy
from beam_jobs.stream.score.formats import Formats
from beam_jobs.stream.score.isolated_scoring import IsolationSettings
from models.isolation.trial import TrialLimits
from schemas.artifacts.signature import TrustedKeys


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """Plain values that travel to workers.

    `kept` is where what served last is kept, None if nowhere. `keep_warm` says that the process to try bundles in is
    there before it is needed. Without `isolation` no batch is marked. `metrics_host` is where every worker process
    serves its measures, None if none does. `personal_keys` says where the keys of hashed columns are.
    """

    trusted: TrustedKeys | None = None
    kept: KeptCopy | None = None
    pointer_poll_s: float = 1.0
    trial: TrialLimits = dataclasses.field(default_factory=TrialLimits)
    keep_warm: bool = False
    formats: Formats = dataclasses.field(default_factory=Formats)
    policy: EventPolicy = dataclasses.field(default_factory=EventPolicy)
    breaker: BreakerSettings = dataclasses.field(default_factory=BreakerSettings)
    isolation: IsolationSettings | None = None
    metrics_host: str | None = None
    personal_keys: PersonalKeys = NO_KEYS

    @property
    def check(self) -> BundleCheck:
        """What every bundle must pass before it serves."""
        return BundleCheck(self.formats, self.personal_keys)
