"""What the stream does with values, for `isolation.find_culprits`: decode, validate, score with all that decide."""

import dataclasses
import pathlib
from collections.abc import Sequence

from models.isolation.isolation import Probe
from transforms.decode.decoding import Decoder
from transforms.intake.take_in import take_in


@dataclasses.dataclass(frozen=True)
class ScoringProbe:
    """Makes the probe of bundle directories and decoders; pickled, and called where the bundles are to be loaded."""

    bundles: tuple[tuple[str | pathlib.Path, Decoder], ...]

    def __call__(self) -> Probe:
        from models.scoring.scorer import Scorer  # TensorFlow: only in the child

        scorers = [(Scorer.load(path), decoder) for path, decoder in self.bundles]

        def probe(values: Sequence[bytes | None]) -> None:
            for scorer, decoder in scorers:
                scorer.score_rows(take_in(values, decoder, scorer.schema).batch)

        probe([None])  # what is imported at first use must not count against the first value's deadline
        return probe
