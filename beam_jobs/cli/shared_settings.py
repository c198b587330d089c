"""The settings that several verbs have: the use case, the runner, how to reach Kafka, whose bundles are used.

Imports nothing heavy; see `settings.py`.
"""

import dataclasses
import math
from typing import Any

from beam_jobs.cli.options import fields, option
from beam_jobs.kafka.connection import CLIENTS, MECHANISMS, PROTOCOLS, Connection
from models.isolation.trial import GIB, TrialLimits
from schemas.errors import UsageError

_USE_CASE_PATH = "folder that holds schemas/, transforms/ and models/ of your own; the shipped where not given"


@dataclasses.dataclass(frozen=True, kw_only=True)
class UseCaseChoice:
    """Which prediction problem, where nothing names it."""

    use_case: str = option("name of the use case's three files, as taxi")
    use_case_path: str | None = option(_USE_CASE_PATH, None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedUseCase:
    """A prediction problem that an artifact names; one that is given is compared with it."""

    use_case: str | None = option("name of the use case: not needed, but checked if given", None)

    def check_use_case(self, named: str, by: str) -> None:
        """Raise `UsageError` if another use case is given than the one that something names."""
        if self.use_case not in (None, named):
            raise UsageError(f"{by} is of use case {named!r}, --use-case is {self.use_case!r}; leave the option out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedUseCaseFiles(NamedUseCase):
    """One whose files are needed besides."""

    use_case_path: str | None = option(_USE_CASE_PATH, None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runner:
    """Where a Beam job runs. Beam's own options may follow in Beam's spelling (`--flink_master=...`)."""

    runner: str = option("where the job runs: local, prism, flink, dataflow or one of Beam's names", "local")
    beam_args: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Broker:
    """Which Kafka."""

    bootstrap_servers: str = option("host:port of a broker, several with commas", "127.0.0.1:9092")
    kafka_client: str = option(
        "library that talks to Kafka; confluent is faster and needs the extra of that name",
        "kafka-python",
        choices=CLIENTS,
        group="connection",
    )
    security_protocol: str = option(
        "PLAINTEXT only where the network is yours", "PLAINTEXT", choices=PROTOCOLS, group="connection"
    )
    ssl_ca_file: str | None = option(
        "PEM file of the authority that signed the brokers' certificates; the system's where not given",
        None,
        group="connection",
    )
    ssl_cert_file: str | None = option("PEM file of our own certificate (mTLS)", None, group="connection")
    ssl_key_file: str | None = option("PEM file of its key, not encrypted", None, group="connection")
    sasl_mechanism: str | None = option("how to log in", None, choices=MECHANISMS, group="connection")
    sasl_username: str | None = option("user of PLAIN and SCRAM", None, group="connection")
    sasl_password_file: str | None = option("file with the password, read on the worker", None, group="connection")
    sasl_password_env: str | None = option(
        "or name of the environment variable that holds it there", None, group="connection"
    )
    sasl_token_file: str | None = option(
        "file that holds the token of OAUTHBEARER, read again at every login", None, group="connection"
    )
    sasl_token_command: str | None = option(
        "or program without arguments that prints the token", None, group="connection"
    )
    allow_insecure_sasl: bool = option("log in without TLS although the network can see it", False, group="connection")

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
class Trial:
    """What a bundle may take when it is tried first, in a process of its own."""

    trial_seconds: float = option("how long the trial of a bundle may last", 60.0)
    trial_gib: float = option("memory that the trial of a bundle may take, in GiB; of a container what is left", 4.0)

    @property
    def trial_limits(self) -> TrialLimits:
        """The limits; raises `UsageError` if nothing could be tried within them."""
        for name in ("trial_seconds", "trial_gib"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"--{name.replace('_', '-')} is {getattr(self, name)}, wanted more than 0")
        return TrialLimits(self.trial_seconds, int(self.trial_gib * GIB))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose bundles are used."""

    trusted_keys: str | None = option(
        "PEM file, or folder of .pem files, of public keys: a bundle that none of them signed is refused", None
    )
