"""What the stream does with values, for `isolation.find_culprits`: decode, validate, score with one bundle."""

import dataclasses
import pathlib
from collections.abc import Sequence

from models.isolation import Probe
from transforms.decoding import Decoder
from transforms.intake import take_in


@dataclasses.dataclass(frozen=True)
class ScoringProbe:
    """Makes the probe of a bundle directory and a decoder; pickled, and called where the bundle is to be loaded."""

    bundle: str | pathlib.Path
    decoder: Decoder

    def __call__(self) -> Probe:
        from models.scorer import Scorer  # TensorFlow: only in the child

        scorer = Scorer.load(self.bundle)

        def probe(values: Sequence[bytes | None]) -> None:
            scorer.score_rows(take_in(values, self.decoder, scorer.schema).batch)

        probe([None])  # what is imported at first use must not count against the first value's deadline
        return probe
