"""How to reach Kafka and who we are there: plain values that may travel, never a secret.

Passwords and tokens are named, by file or environment variable, and read when a client is made: in the worker, each
time. What is pickled, printed or stored in a job graph holds the names only.
"""

import dataclasses
import ipaddress
import os
import pathlib
import ssl
import subprocess
from typing import Self

from schemas.errors import ServiceError, UsageError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
CLIENTS = ("kafka-python", "confluent")
_TOKEN_COMMAND_S = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """Servers, transport and identity. Files and variables are those of the machine on which a client is made.

    The fields are spelled as the options of `settings.Broker`. `check` says whether they go together.
    """

    servers: str
    kafka_client: str = "kafka-python"
    security_protocol: str = "PLAINTEXT"
    ssl_ca_file: str | None = None
    ssl_cert_file: str | None = None
    ssl_key_file: str | None = None
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password_file: str | None = None
    sasl_password_env: str | None = None
    sasl_token_file: str | None = None
    sasl_token_command: str | None = None
    allow_insecure_sasl: bool = False

    @classmethod
    def of(cls, where: Self | str) -> Self:
        """Return a connection as it is; a string is servers that are spoken to in plain text.

        >>> str(Connection.of("127.0.0.1:9092"))
        '127.0.0.1:9092'
        """
        return cls(servers=where) if isinstance(where, str) else where

    def __str__(self) -> str:
        return self.servers

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted, with the broker's certificate checked."""
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def sasl(self) -> bool:
        """Whether we log in, with a password or a token."""
        return self.security_protocol.startswith("SASL_")

    def check(self) -> None:
        """Raise `UsageError` for options that contradict each other or would send a password in the clear."""
        self._check_tls()
        self._check_sasl()

    def ssl_context(self) -> ssl.SSLContext:
        """Return TLS 1.2 or later with certificate and host name checked; raises `ServiceError` for unusable files."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if self.ssl_ca_file:
                context = ssl.create_default_context(cafile=self.ssl_ca_file)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
        except OSError as error:
            raise _unusable("--ssl-ca-file", self.ssl_ca_file, "certificates in PEM form", error) from None
        try:
            if self.ssl_cert_file:  # an empty password: OpenSSL would ask for one at the terminal
                context.load_cert_chain(self.ssl_cert_file, self.ssl_key_file, password="")
        except OSError as error:
            files = f"{self.ssl_cert_file} with {self.ssl_key_file}"
            raise _unusable("--ssl-cert-file", files, "a certificate and its unencrypted key", error) from None
        return context

    def password(self) -> str:
        """Read the password where it is kept now; raises `ServiceError` naming file or variable, never its content."""
        wanted = f"the password of {self.sasl_username!r}"
        if self.sasl_password_env:
            where = f"environment variable {self.sasl_password_env}"
            return _secret(where, os.environ.get(self.sasl_password_env, ""), "empty or not set", wanted)
        where = f"--sasl-password-file {self.sasl_password_file}"
        return _secret(where, _read(str(self.sasl_password_file), where), "empty or not set", wanted)

    def token(self) -> str:
        """Read the bearer token, or have the command print it; raises `ServiceError` naming file or program."""
        if self.sasl_token_file:
            where = f"--sasl-token-file {self.sasl_token_file}"
            return _secret(where, _read(self.sasl_token_file, where), "gave nothing", "a bearer token")
        where = f"--sasl-token-command {self.sasl_token_command}"
        return _secret(where, _printed(str(self.sasl_token_command), where), "gave nothing", "a bearer token")

    def _check_tls(self) -> None:
        for name in ("ssl_ca_file", "ssl_cert_file", "ssl_key_file"):
            if getattr(self, name) and not self.tls:
                raise UsageError(f"{_spelled(name)} needs --security-protocol SSL or SASL_SSL")
        if bool(self.ssl_cert_file) != bool(self.ssl_key_file):
            raise UsageError("--ssl-cert-file and --ssl-key-file go together, got one of them")

    def _check_sasl(self) -> None:
        given = {
            name: getattr(self, name)
            for name in (
                *("sasl_mechanism", "sasl_username", "sasl_password_file", "sasl_password_env"),
                *("sasl_token_file", "sasl_token_command"),
            )
        }
        if not self.sasl:
            for name, value in given.items():
                if value:
                    raise UsageError(f"{_spelled(name)} needs --security-protocol SASL_SSL")
            return
        bearer = self.sasl_mechanism == "OAUTHBEARER"
        wanted: list[tuple[str, ...]] = [("sasl_mechanism",)]
        wanted += [("sasl_token_file", "sasl_token_command")] if bearer else [("sasl_username",), _PASSWORDS]
        for choice in wanted:
            if sum(given[name] is not None for name in choice) != 1:
                names = " or ".join(_spelled(name) for name in choice)
                raise UsageError(f"--security-protocol {self.security_protocol} needs {names}, exactly one")
        allowed = {name for choice in wanted for name in choice}
        for name, value in given.items():
            if value and name not in allowed:
                raise UsageError(f"{_spelled(name)} does not go with --sasl-mechanism {self.sasl_mechanism}")
        if not self.tls and not self.allow_insecure_sasl:
            if self.sasl_mechanism in ("PLAIN", "OAUTHBEARER"):
                raise UsageError(
                    f"--sasl-mechanism {self.sasl_mechanism} without TLS shows the secret to the network; take "
                    "SASL_SSL, or --allow-insecure-sasl if you accept that"
                )
            if not all(_loopback(server) for server in self.servers.split(",")):
                raise UsageError(
                    f"SASL_PLAINTEXT to {self.servers} leaves this machine without TLS; take SASL_SSL, or "
                    "--allow-insecure-sasl if you accept that"
                )


_PASSWORDS = ("sasl_password_file", "sasl_password_env")


def _spelled(name: str) -> str:
    return "--" + name.replace("_", "-")


def _loopback(server: str) -> bool:
    host = server.strip().rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unusable(option: str, files: str | None, wanted: str, error: OSError) -> ServiceError:
    return ServiceError(f"{option} {files}: wanted {wanted}, got: {error.strerror or error}")


def _secret(where: str, found: str, trouble: str, wanted: str) -> str:
    if not found:
        raise ServiceError(f"{where}: {trouble}, wanted {wanted}")
    return found


def _read(path: str, where: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise ServiceError(f"{where}: not UTF-8 text") from None
    except OSError as error:
        raise ServiceError(f"{where}: {(error.strerror or str(error)).lower()}") from None


def _printed(program: str, where: str) -> str:
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=_TOKEN_COMMAND_S, check=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(f"{where}: {getattr(error, 'strerror', None) or 'printed no text'}") from None
    except subprocess.TimeoutExpired:
        raise ServiceError(f"{where}: did not end within {_TOKEN_COMMAND_S:g} s") from None
    if done.returncode:
        raise ServiceError(f"{where}: ended with exit code {done.returncode}; run it by hand to see why")
    return done.stdout.strip()
