"""What a job does with every bundle before it serves: it reads the job's values, and its predictions can be written."""

import dataclasses
import json

import pyarrow as pa

from beam_jobs.process.personal_keys import NO_KEYS, PersonalKeys
from beam_jobs.stream.score.formats import Formats
from models.scoring.explanation import Explanation
from models.scoring.scorer import Scored, Scorer
from schemas.errors import ArtifactError


@dataclasses.dataclass(frozen=True)
class BundleCheck:
    """Plain values that travel to workers and to the process that tries a bundle."""

    formats: Formats = dataclasses.field(default_factory=Formats)
    personal_keys: PersonalKeys = NO_KEYS

    def __call__(self, scorer: Scorer, rows: pa.RecordBatch, scored: Scored) -> None:
        """Encode the golden rows' predictions, all of them explained if some are to be.

        Raises `InputError` if the bundle's schema does not fit the job's values, `ServiceError` if the key is not here
        that it hashes with, `ArtifactError` for a prediction that is no JSON, and whatever encoding raises.
        """
        formats = self.formats
        formats.values.decoder(scorer.treatments.raw)
        scorer.treatments.keyed(self.personal_keys.read(), f"bundle {scorer.bundle_id}")
        explained = dataclasses.replace(
            formats, explanation=formats.explanation and Explanation(formats.explanation.top)
        )
        ids = [f"golden/0/{row}" for row in range(rows.num_rows)]
        for line in explained.encoder(scorer).encode(rows, scored.scores, scored.features, ids):
            try:
                json.loads(line)
            except ValueError:
                raise ArtifactError(f"{scorer.path}: a golden row's prediction is no JSON; release again") from None
