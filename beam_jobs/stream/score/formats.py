"""How a job reads the values of its events and what its predictions hold."""

import dataclasses

from beam_jobs.stream.value_format import ValueFormat
from models.scoring.explanation import Explanation
from models.scoring.prediction import PredictionEncoder
from models.scoring.scorer import Scorer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Formats:
    """Plain values that travel to workers and to the process that tries a bundle.

    `with_features` adds the features that the model saw to every prediction, `explanation` contributions to some.
    """

    values: ValueFormat = dataclasses.field(default_factory=ValueFormat)
    with_features: bool = False
    explanation: Explanation | None = None

    def encoder(self, scorer: Scorer) -> PredictionEncoder:
        """Return the encoder of a scorer's predictions."""
        return PredictionEncoder(scorer, self.with_features, self.explanation)
