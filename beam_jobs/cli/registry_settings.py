"""The settings of the verbs that write or show a registry."""

import dataclasses

from beam_jobs.cli import paths
from beam_jobs.cli.file_settings import RawData
from beam_jobs.cli.options import Settings, argument, option
from beam_jobs.cli.shared_settings import (
    BatchRunner,
    Personal,
    RawTestRows,
    SetGates,
    Tracked,
    Trial,
    Trust,
    UseCaseChoice,
)
from models.variants.variants import CHALLENGER, CHAMPION, ROLES
from schemas.address import is_remote
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import UsageError

REGISTRY_ACTIONS = {
    "list": "bundles and generations",
    "show": "what a bundle is; the champion where none is given",
    "diff": "what differs between two bundles; with one, from the champion to it",
    "verify": "every byte of a bundle, or of all, and its golden rows",
    "sign": "a released bundle gets a signature; its id stays",
    "promote": "a challenger or shadow becomes champion",
    "weigh": "a challenger gets another share of keys",
    "remove": "a challenger or shadow serves no longer",
    "gc": "bundles go that no generation names, and what a killed writer left",
}
_WHY = "one line kept in the pointer's history"
_SERVING = "serving"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release(Trial, Tracked):
    """Let an evaluated candidate serve: the next generation.

    Its bundle, once written, never changes; the same candidate is the same bundle.
    """

    candidate: str = option("directory of the candidate", metavar="DIR")
    registry: str = option("directory of the registry", metavar="DIR")
    as_: str = option("what the bundle is to be", CHAMPION, choices=ROLES, group=_SERVING)
    weight: float | None = option(
        "with --as challenger: its share of keys", None, metavar="SHARE", above=0, maximum=1, group=_SERVING
    )
    experiment: str | None = option(
        "name that deals the keys; a new name deals them anew", None, metavar="NAME", group=_SERVING
    )
    sign_key_file: str | None = option(
        "PEM file of an Ed25519 private key that signs the bundle", None, metavar="FILE", group=_SERVING
    )
    override: str | None = option(
        "release it though its gates said no; this says why, and is kept", None, metavar="WHY", group=_SERVING
    )
    why: str = option(_WHY, "", group=_SERVING)

    def check(self) -> None:
        """Refuse a candidate that is none and a registry that cannot be written."""
        super().check()
        if self.as_ == CHALLENGER and self.weight is None:
            raise UsageError("--as challenger wants --weight, the share of keys that it gets, as in --weight 0.1")
        if self.as_ != CHALLENGER and self.weight is not None:
            raise UsageError(f"--weight is for a challenger, --as is {self.as_}")
        artifact.open_artifact(self.candidate, ArtifactKind.CANDIDATE)
        paths.check_new_registry(self.registry)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rollback(Settings):
    """Let the variants of an earlier generation serve again.

    They serve again as a whole, and that is the registry's next generation.
    """

    registry: str = option("directory of the registry", metavar="DIR")
    to: str | None = option(
        "champion to go back to; the variants before the present ones where not given", None, metavar="ID"
    )
    why: str = option(_WHY, "")

    def check(self) -> None:
        """Refuse a registry that is not there."""
        super().check()
        paths.check_registry(self.registry)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegistryVerb(Trust, Trial):
    """Look into a registry, tidy it, or change who serves.

    promote, weigh and remove write the next generation. gc keeps all that a rollback can go back to.
    """

    action: str = argument("what to do", choices=REGISTRY_ACTIONS)
    bundle: str | None = argument("id of the bundle that is meant", None)
    other: str | None = argument("with diff: id of the bundle to compare it with", None)
    registry: str = option("directory of the registry", metavar="DIR")
    sign_key_file: str | None = option(
        "with sign: PEM file of an Ed25519 private key", None, metavar="FILE", group=_SERVING
    )
    weight: float | None = option(
        "with weigh: the challenger's share of keys", None, metavar="SHARE", above=0, maximum=1, group=_SERVING
    )
    generations: int | None = option(
        "with gc: newest generations to keep; older ones are forgotten, none where not given",
        None,
        metavar="N",
        minimum=1,
    )
    why: str = option(f"with promote, weigh, remove: {_WHY}", "", group=_SERVING)

    def check(self) -> None:
        """Refuse a registry that is not there and options that do not go with the action."""
        super().check()
        if (self.action == "weigh") != (self.weight is not None):
            raise UsageError("--weight is for `registry weigh`, which wants it, as in --weight 0.1")
        if (self.action == "sign") != (self.sign_key_file is not None):
            raise UsageError("--sign-key-file is for `registry sign`, which wants it: the PEM file of a private key")
        if self.generations is not None and self.action != "gc":
            raise UsageError("--generations is for `registry gc`")
        if self.other is not None and self.action != "diff":
            raise UsageError(f"registry {self.action} takes one bundle, got {self.other!r} too")
        if self.action == "gc" and self.bundle is not None:
            raise UsageError(f"registry gc takes no bundle, got {self.bundle!r}; it finds what is not needed")
        if self.action in ("sign", "promote", "weigh", "remove", "diff") and self.bundle is None:
            raise UsageError(f"registry {self.action} wants a bundle id; `onegraph registry list` shows them")
        paths.check_registry(self.registry)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lineage(Settings):
    """Tell where a bundle comes from, back to its rows."""

    bundle: str | None = argument("id of the bundle, as a prediction names it; the champion where not given", None)
    registry: str = option("directory of the registry", metavar="DIR")
    training_set: str | None = option(
        "directory of its training set, where it is not where the release says", None, metavar="DIR"
    )

    def check(self) -> None:
        """Refuse a registry that is not there."""
        super().check()
        paths.check_registry(self.registry)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retrain(UseCaseChoice, RawData, BatchRunner, SetGates, Personal, RawTestRows, Trial, Tracked):
    """Build, train, evaluate and release, in one command.

    It goes on where it was stopped. The same command over the same files has nothing to do; over others it begins a new
    run. The first bundle of a registry becomes champion. Exit code 3 if a gate said no, 143 after SIGTERM: the same
    command goes on.
    """

    registry: str = option("directory of the registry", metavar="DIR")
    runs: str = option("folder in which every run has a folder of its own", metavar="DIR")
    eval_data: tuple[str, ...] = option("raw files that are the eval split", (), metavar="FILE", group="split")
    test_data: tuple[str, ...] = option("raw files that are the test split", (), metavar="FILE", group="split")
    compression: str = option("of the TFRecord shards", "gzip", choices=("gzip", "none"), group="writing")
    rows_per_shard: int = option("rows in one shard at most", 250_000, minimum=1, group="writing")
    parquet: bool = option("write the same rows as Parquet too, beside the shards", False, group="writing")
    trials: int | None = option(
        "search so many parameters first, by the model's own search", None, metavar="N", minimum=1, group="training"
    )
    trials_at_a_time: int = option("with --trials: how many, each a process", 1, minimum=1, group="training")
    checkpoint_every: int | None = option(
        "rounds after which a training saves itself", None, metavar="N", minimum=1, group="training"
    )
    as_: str = option("what the bundle is to be beside a champion", CHALLENGER, choices=ROLES, group=_SERVING)
    weight: float = option("share of keys of a challenger", 0.1, metavar="SHARE", above=0, maximum=1, group=_SERVING)
    sign_key_file: str | None = option(
        "PEM file of an Ed25519 private key that signs the bundle", None, metavar="FILE", group=_SERVING
    )
    why: str = option(_WHY, "", group=_SERVING)

    def check(self) -> None:
        """Refuse a use case that is not there, a registry that cannot be written, options that do not go together."""
        super().check()
        self.check_use_case()
        paths.check_new_registry(self.registry)
        if is_remote(self.runs):
            raise UsageError(f"--runs {self.runs}: an address, wanted a folder of this machine")
        if self.trials_at_a_time > 1 and self.trials is None:
            raise UsageError("--trials-at-a-time is for --trials; give both")
        if self.trials is not None and self.checkpoint_every is not None:
            raise UsageError("--checkpoint-every goes without --trials: a search saves every trial anyway")
