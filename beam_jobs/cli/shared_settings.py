"""The settings that several verbs have: the use case, the runner, how to reach Kafka, whose bundles are used.

Imports nothing heavy; see `settings.py`.
"""

import dataclasses
import os
import re
from typing import Any

from beam_jobs.cli.options import Settings, fields, option
from beam_jobs.kafka.connection import CLIENTS, MECHANISMS, PROTOCOLS, Connection
from beam_jobs.process.personal_keys import PersonalKeys
from beam_jobs.runners.names import beams_name, in_this_process
from models.isolation.trial import GIB, TrialLimits
from models.training.test_rows import CHOICES
from schemas.errors import UsageError
from schemas.sets.gates import FAIL_ON, Gates, most

KAFKA, CONNECTION = "Kafka", "Kafka over TLS and with logins"
TRACKER = "MLflow that is told of it: sqlite:///FILE, or the address of a server"
USE_CASE_PATH = "folder that holds schemas/, transforms/ and models/ of your own"
_PORTS = 65_535
_SERVER = re.compile(r"[^\s,:/]+:\d{1,5}|\[[0-9A-Fa-f:.]+\]:\d{1,5}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class UseCaseChoice(Settings):
    """Which prediction problem, where nothing names it."""

    use_case: str = option("which use case, by the name of its three files", metavar="NAME", group="use case")
    use_case_path: str | None = option(USE_CASE_PATH, None, metavar="DIR", group="use case")

    def check_use_case(self) -> None:
        """Refuse a use case that is not there, and what can be told of its files without TensorFlow."""
        from models.use_case import check_files  # brings NumPy and PyArrow

        check_files(self.use_case, self.use_case_path)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tracked(Settings):
    """Who is told of a candidate."""

    track: str | None = option(TRACKER, None, metavar="URI", group="tracking")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedUseCase(Settings):
    """A prediction problem that an artifact names; one that is given is compared with it."""

    use_case: str | None = option("not needed; is compared if given", None, metavar="NAME", group="use case")

    def check_named(self, named: str, by: str) -> None:
        """Raise `UsageError` if another use case is given than the one that something names."""
        if self.use_case not in (None, named):
            raise UsageError(f"{by} is of use case {named!r}, --use-case is {self.use_case!r}; leave the option out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedUseCaseFiles(NamedUseCase):
    """One whose files are needed besides."""

    use_case_path: str | None = option(USE_CASE_PATH, None, metavar="DIR", group="use case")

    def check_use_case(self, named: str, by: str) -> None:
        """Refuse what `check_named` does, and what can be told of the files without TensorFlow."""
        from models.use_case import check_files  # brings NumPy and PyArrow

        self.check_named(named, by)
        check_files(named, self.use_case_path)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RawTestRows(Settings):
    """Whether a training set keeps the raw rows of its test split."""

    test_rows: str | None = option(
        "raw rows of the test split; not given: retrain keeps them, a build if a gate of the model is no_worse_by",
        None,
        choices=CHOICES,
        group="writing",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetGates(Settings):
    """What a set of raw rows has to pass; a gate that says no is exit code 3."""

    max_rejected: str | None = option(
        "rows that may be rejected: a number, or a share as 1% or 0.01; any where not given",
        None,
        metavar="LIMIT",
        group="gates",
    )
    min_rows: int | None = option("rows that must be left", None, minimum=1, group="gates")
    fail_on: str = option("anomalies that stop it", "error", choices=FAIL_ON, group="gates")
    previous: str | None = option(
        "earlier training set, or output of validate, for the drift comparators of the schema",
        None,
        metavar="DIR",
        group="gates",
    )

    def check(self) -> None:
        """Refuse a limit that is none and an earlier set that is not there."""
        super().check()
        _ = self.gates
        if self.previous is not None:
            from schemas.sets.earlier_set import earlier_statistics  # brings protobuf

            earlier_statistics(self.previous)

    @property
    def gates(self) -> Gates:
        """The gates; raises `UsageError` for a limit that is none."""
        return Gates(most(self.max_rejected) if self.max_rejected is not None else None, self.min_rows, self.fail_on)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runner(Settings):
    """Where a Beam job runs. Beam's own options may follow in Beam's spelling (`--flink_master=...`)."""

    runner: str = option(
        "local, prism, flink, dataflow or one of Beam's names; dataflow wants a registry at an address such as gs://",
        "local",
        metavar="NAME",
        group="where it runs",
    )
    beam_args: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse a runner that there is not."""
        super().check()
        beams_name(self.runner)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchRunner(Runner):
    """Where a Beam job over files runs."""

    runner: str = option(
        "local, prism, flink, dataflow or one of Beam's names; flink wants files that its workers reach, dataflow "
        "addresses such as gs://",
        "local",
        metavar="NAME",
        group="where it runs",
    )
    services_folder: str = option(
        "of `services up --flink`: its cluster is meant where no other is named",
        ".onegraph",
        metavar="DIR",
        group="where it runs",
    )
    workers: int | None = option(
        "processes of this machine that work; all cores, or one where files are small, if not given",
        None,
        minimum=1,
        metavar="N",
        group="where it runs",
    )

    def check(self) -> None:
        """Refuse workers where the runner has its own."""
        super().check()
        if self.workers is not None and not in_this_process(self.runner):
            raise UsageError(f"--workers is of this machine; --runner {self.runner} has its own, see --parallelism")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Existing(Settings):
    """What becomes of an output that is there already."""

    existing: str = option(
        "what becomes of an output that is there already",
        "refuse",
        choices={
            "refuse": "it stays, the command is refused",
            "skip": "it is taken if it was made of the same input, code and options",
            "rebuild": "a new one takes its place when that is complete",
        },
        group="writing",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Broker(Settings):
    """Which Kafka."""

    bootstrap_servers: str = option(
        "a broker, or several with commas", "127.0.0.1:9092", metavar="HOST:PORT", group=KAFKA
    )
    kafka_client: str = option(
        "library that talks to Kafka; confluent is faster and needs the extra of that name",
        "kafka-python",
        choices=CLIENTS,
        group=KAFKA,
    )
    security_protocol: str = option(
        "PLAINTEXT only where the network is yours", "PLAINTEXT", choices=PROTOCOLS, group=CONNECTION
    )
    ssl_ca_file: str | None = option(
        "PEM file of the authority that signed the brokers' certificates; the system's where not given",
        None,
        metavar="FILE",
        group=CONNECTION,
    )
    ssl_cert_file: str | None = option("PEM file of our own certificate (mTLS)", None, metavar="FILE", group=CONNECTION)
    ssl_key_file: str | None = option("PEM file of its key, not encrypted", None, metavar="FILE", group=CONNECTION)
    sasl_mechanism: str | None = option("how to log in", None, choices=MECHANISMS, group=CONNECTION)
    sasl_username: str | None = option("user of PLAIN and SCRAM", None, metavar="NAME", group=CONNECTION)
    sasl_password_file: str | None = option(
        "file with the password, read on the worker", None, metavar="FILE", group=CONNECTION
    )
    sasl_password_env: str | None = option(
        "or name of the environment variable that holds it there", None, metavar="NAME", group=CONNECTION
    )
    sasl_token_file: str | None = option(
        "file that holds the token of OAUTHBEARER, read again at every login", None, metavar="FILE", group=CONNECTION
    )
    sasl_token_command: str | None = option(
        "or program without arguments that prints the token", None, metavar="PROGRAM", group=CONNECTION
    )
    allow_insecure_sasl: bool = option("log in without TLS although the network can see it", False, group=CONNECTION)

    def check(self) -> None:
        """Refuse addresses that are none and options of the connection that do not go together."""
        super().check()
        for server in self.bootstrap_servers.split(","):
            if not _SERVER.fullmatch(server.strip()):
                raise UsageError(f"--bootstrap-servers {server.strip()!r}: wanted HOST:PORT, such as 127.0.0.1:9092")
            if not 1 <= int(server.rpartition(":")[2]) <= _PORTS:
                raise UsageError(f"--bootstrap-servers {server.strip()!r}: a port is 1 to {_PORTS}")
        _ = self.connection

    @property
    def connection(self) -> Connection:
        """How to reach that Kafka; raises `UsageError` for options that do not go together."""
        named = {field.name for field in dataclasses.fields(Connection)} & {field.name for field in fields(Broker)}
        made = Connection(servers=self.bootstrap_servers, **{name: getattr(self, name) for name in sorted(named)})
        made.check()
        return made

    def broker_options(self) -> dict[str, Any]:
        """Return what is set here, to hand it on to another verb's settings."""
        return {field.name: getattr(self, field.name) for field in fields(Broker)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial(Settings):
    """What a bundle may take when it is tried first, in a process of its own."""

    trial_seconds: float = option(
        "how long the trial of a bundle may last", 60.0, metavar="SECONDS", above=0, group="before a bundle is used"
    )
    trial_gib: float = option(
        "memory that the trial of a bundle may take; of a container what is left",
        4.0,
        metavar="GIB",
        above=0,
        group="before a bundle is used",
    )

    @property
    def trial_limits(self) -> TrialLimits:
        """The limits."""
        return TrialLimits(self.trial_seconds, int(self.trial_gib * GIB))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trust(Settings):
    """Whose bundles are used."""

    trusted_keys: str | None = option(
        "PEM file, or folder of .pem files, of public keys: a bundle that none of them signed is refused",
        None,
        metavar="PATH",
        group="before a bundle is used",
    )

    def check(self) -> None:
        """Refuse keys that cannot be read."""
        super().check()
        if self.trusted_keys is not None:
            from schemas.artifacts.signature import TrustedKeys

            TrustedKeys.of(self.trusted_keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Personal(Settings):
    """What hashed personal columns are hashed with. A key is named here, and read where it is used."""

    personal_key_file: tuple[str, ...] = option(
        "file with a key of personal:hash columns; several while keys are changed",
        (),
        metavar="FILE",
        group="personal data",
    )
    personal_key_env: tuple[str, ...] = option(
        "or name of an environment variable that holds one", (), metavar="NAME", group="personal data"
    )

    def check(self) -> None:
        """Refuse a key that cannot be read here."""
        super().check()
        self.personal_keys.read()

    @property
    def personal_keys(self) -> PersonalKeys:
        """Where the keys are."""
        return PersonalKeys(tuple(map(os.path.abspath, self.personal_key_file)), self.personal_key_env)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explained(Settings):
    """What a prediction says beside its score."""

    with_features: bool = option("add the features that the model saw", False, group="writing")
    contributions: int | None = option(
        "name so many features that made the score, in log-odds", None, minimum=1, group="writing"
    )
    contribution_share: float | None = option(
        "in this share of predictions, by a hash of the id", None, metavar="SHARE", above=0, maximum=1, group="writing"
    )
    contribution_above: float | None = option(
        "in predictions of this score or more", None, metavar="SCORE", minimum=0, maximum=1, group="writing"
    )

    def check(self) -> None:
        """Refuse a share or a score of contributions that are not asked for."""
        super().check()
        if self.contributions is None and (self.contribution_share, self.contribution_above) != (None, None):
            raise UsageError("--contribution-share and --contribution-above want --contributions, as in 3")
