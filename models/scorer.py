"""The scorer for people who script: `Scorer.load(bundle).score(rows)`; it is in `models.scoring.scorer`."""

from models.scoring.scorer import Scored, Scorer

__all__ = ["Scored", "Scorer"]
