"""What the stream does with values, for `isolation.find_culprits`: decode, validate, score with all that decide."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from models.isolation.isolation import Probe
from schemas.personal.keys import PersonalKey
from transforms.decode.decoding import Decoder
from transforms.intake.take_in import take_in


@dataclasses.dataclass(frozen=True)
class ScoringProbe:
    """Makes the probe of bundle directories and decoders; pickled, and called where the bundles are to be loaded.

    `keys` reads what personal columns are hashed with, there too.
    """

    bundles: tuple[tuple[str | pathlib.Path, Decoder], ...]
    keys: Callable[[], Sequence[PersonalKey]] = tuple

    def __call__(self) -> Probe:
        from models.scoring.scorer import Scorer  # TensorFlow: only in the child

        keys = self.keys()
        loaded = [(Scorer.load(path), decoder) for path, decoder in self.bundles]
        scorers = [(one, decoder, one.treatments.keyed(keys, f"bundle {one.bundle_id}")) for one, decoder in loaded]

        def probe(values: Sequence[bytes | None]) -> None:
            for scorer, decoder, treatments in scorers:
                scorer.score_rows(take_in(values, decoder, treatments.raw, treatments).batch)

        probe([None])  # what is imported at first use must not count against the first value's deadline
        return probe
