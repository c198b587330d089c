"""What a job does with every bundle before it serves: it reads the job's values, and its predictions can be written."""

import dataclasses
import json

import pyarrow as pa

from beam_jobs.stream.value_format import ValueFormat
from models.scoring.explanation import Explanation
from models.scoring.prediction import PredictionEncoder
from models.scoring.scorer import Scored, Scorer
from schemas.errors import ArtifactError


@dataclasses.dataclass(frozen=True)
class BundleCheck:
    """Plain values that travel to workers and to the process that tries a bundle."""

    values: ValueFormat = dataclasses.field(default_factory=ValueFormat)
    with_features: bool = False
    explanation: Explanation | None = None

    def __call__(self, scorer: Scorer, rows: pa.RecordBatch, scored: Scored) -> None:
        """Encode the golden rows' predictions, all of them explained where some are to be.

        Raises `InputError` where the bundle's schema does not fit the job's values, `ArtifactError` for a prediction
        that is no JSON, and whatever encoding raises.
        """
        self.values.decoder(scorer.schema)
        explanation = self.explanation and Explanation(self.explanation.top)
        encoder = PredictionEncoder(scorer, self.with_features, explanation)
        ids = [f"golden/0/{row}" for row in range(rows.num_rows)]
        for line in encoder.encode(rows, scored.scores, scored.features, ids):
            try:
                json.loads(line)
            except ValueError:
                raise ArtifactError(f"{scorer.path}: a golden row's prediction is no JSON; release again") from None
