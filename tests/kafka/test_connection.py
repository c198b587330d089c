"""Who we are for Kafka: what is refused at start, what a real broker takes, and that no secret leaves its place."""

import dataclasses
import logging
import pickle
from typing import Any

import apache_beam as beam
import cloudpickle
import pytest

from beam_jobs.cli import options, settings
from beam_jobs.cli.command_words import split
from beam_jobs.kafka.connection import Connection
from beam_jobs.kafka.kafka_python.opening import connect
from beam_jobs.kafka.topics import topics
from beam_jobs.stream.events import Outcome
from beam_jobs.stream.read.reader import ReadEvents
from beam_jobs.stream.write.writer import WriteOutcomes
from schemas.errors import ServiceError, UsageError
from tests.support.kafka_records import put, read
from tests.support.secure_broker import PASSWORD, SecureBroker
from tests.support.stream_jobs import stream_job

SCRAM = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "scorer",
    "sasl_password_file": "password",
}
BEARER = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "sasl_token_file": "token"}


def broker_settings(**given):
    return options.build(settings.Tail, {"topic": "t", "bootstrap_servers": "kafka.example:9093", **given})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ssl_ca_file": "ca.pem"}, "--ssl-ca-file needs --security-protocol SSL or SASL_SSL"),
        ({"security_protocol": "SSL", "ssl_cert_file": "c"}, "--ssl-cert-file and --ssl-key-file go together"),
        ({"sasl_username": "u"}, "--sasl-username needs --security-protocol SASL_SSL"),
        (SCRAM | {"sasl_mechanism": None}, "needs --sasl-mechanism, exactly one"),
        (SCRAM | {"sasl_username": None}, "needs --sasl-username, exactly one"),
        (SCRAM | {"sasl_password_env": "P"}, "needs --sasl-password-file or --sasl-password-env, exactly one"),
        (SCRAM | {"sasl_token_file": "t"}, "--sasl-token-file does not go with --sasl-mechanism SCRAM-SHA-512"),
        (BEARER | {"sasl_token_file": None}, "needs --sasl-token-file or --sasl-token-command, exactly one"),
        (SCRAM | {"security_protocol": "SASL_PLAINTEXT"}, "SASL_PLAINTEXT to kafka.example:9093 leaves this machine"),
        (
            SCRAM | {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "bootstrap_servers": "[::1]:9"},
            "PLAIN without TLS shows the secret",
        ),
        (SCRAM | {"sasl_mechanism": "GSSAPI"}, "--sasl-mechanism is 'GSSAPI', wanted one of PLAIN, "),
    ],
)
def test_what_cannot_be_or_is_not_safe_is_refused(given, says):
    with pytest.raises(UsageError, match=says.replace("[", r"\[")):
        broker_settings(**given).check()


@pytest.mark.parametrize(
    "given",
    [
        {},
        SCRAM,
        BEARER,
        {"security_protocol": "SSL"},
        SCRAM | {"security_protocol": "SASL_PLAINTEXT", "bootstrap_servers": "127.0.0.1:9092,localhost:9093,[::1]:1"},
        SCRAM | {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "allow_insecure_sasl": True},
    ],
)
def test_what_is_taken_comes_back_from_the_command_line(given):
    made = broker_settings(**given)
    words = options.words(settings.Broker, made.broker_options())
    again = options.build(settings.Tail, split(settings.Tail, ["t", *words]).values)
    again.check()
    assert again == made
    assert again.connection == made.connection


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sasl_password_file": "/nowhere"}, "--sasl-password-file /nowhere: no such file or directory"),
        ({"sasl_password_file": "/dev/null"}, "/dev/null: empty or not set, wanted the password of 'scorer'"),
        ({"sasl_password_file": None, "sasl_password_env": "NO_SUCH_NAME"}, "environment variable NO_SUCH_NAME: empty"),
    ],
)
def test_a_password_that_is_not_there(changes, says):
    with pytest.raises(ServiceError, match=says):
        Connection(servers="k:1", **SCRAM | changes).password()


def test_tokens_come_from_a_file_or_a_program(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    from_file = Connection(servers="k:1", sasl_token_file=str(empty))
    with pytest.raises(ServiceError, match=f"--sasl-token-file {empty}: gave nothing, wanted a bearer token"):
        from_file.token()
    program = tmp_path / "program"
    bearer = Connection(
        servers="k:1", security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", sasl_token_command=str(program)
    )
    for script, says in (
        ("echo abc", None),
        ("exit 3", "exit code 3"),
        ("true", "--sasl-token-command .*: gave nothing, wanted a bearer token"),
    ):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        if says is None:
            assert bearer.token() == "abc"
        else:
            with pytest.raises(ServiceError, match=says):
                bearer.token()
    with pytest.raises(ServiceError, match=r"--sasl-token-command .*: No such file"):
        dataclasses.replace(bearer, sasl_token_command="/nowhere").token()


def test_files_that_are_no_certificates():
    with pytest.raises(ServiceError, match=r"--ssl-ca-file /nowhere: wanted certificates in PEM form, got: No such"):
        Connection(servers="k:1", security_protocol="SSL", ssl_ca_file="/nowhere").ssl_context()
    broken = Connection(servers="k:1", security_protocol="SSL", ssl_cert_file=__file__, ssl_key_file=__file__)
    with pytest.raises(ServiceError, match="wanted a certificate and its unencrypted key"):
        broken.ssl_context()


@pytest.fixture(scope="module")
def secure(secure):
    topics.create(secure.plain, [topics.Topic("events", 1, {"retention.ms": "-1"})])
    return secure


def identity(secure: SecureBroker, name: str) -> Connection:
    scram: Any = SCRAM | {"sasl_password_file": secure.file("password"), "ssl_ca_file": secure.file("ca.pem")}
    changes: dict[str, dict[str, str | None]] = {
        "SCRAM-SHA-512": {},
        "SCRAM-SHA-256": {"sasl_mechanism": "SCRAM-SHA-256"},
        "PLAIN": {"sasl_mechanism": "PLAIN", "sasl_password_file": None, "sasl_password_env": "ONEGRAPH_TEST_PASSWORD"},
        "OAUTHBEARER": {
            "sasl_mechanism": "OAUTHBEARER",
            "sasl_username": None,
            "sasl_password_file": None,
            "sasl_token_file": secure.file("token"),
        },
    }
    if name == "mTLS":
        return Connection(
            servers=secure.mutual,
            security_protocol="SSL",
            ssl_ca_file=secure.file("ca.pem"),
            ssl_cert_file=secure.file("client.pem"),
            ssl_key_file=secure.file("client-key.pem"),
        )
    return Connection(servers=secure.scram, **scram | changes[name])


@pytest.mark.parametrize("name", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER", "mTLS"])
def test_the_broker_takes_us_and_no_log_tells_how(secure, name, monkeypatch, caplog):
    monkeypatch.setenv("ONEGRAPH_TEST_PASSWORD", PASSWORD)
    connection = identity(secure, name)
    connection.check()
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="kafka"):
        put(connection, "events", 0, [name.encode()])
        assert name.encode() in [record.value for record in read(connection, "events")]
        assert list(topics.describe(connection, ["events"])) == ["events"]
    assert "Broker version" in caplog.text, "kafka-python's log, where a login would stand"
    for secret in (PASSWORD, pathless(secure, "token")):
        assert secret not in caplog.text


def pathless(secure, name):
    with open(secure.file(name)) as file:
        return file.read().strip()


def changed(secure, name, **changes):
    return dataclasses.replace(identity(secure, name), **changes)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        (
            "SCRAM-SHA-512",
            {"sasl_password_file": "wrong-password"},
            "refused the SCRAM-SHA-512 login of 'scorer'",
        ),
        ("SCRAM-SHA-256", {"sasl_username": "nobody"}, "refused the SCRAM-SHA-256 login of 'nobody'"),
        ("OAUTHBEARER", {"sasl_token_file": "password"}, "refused the OAUTHBEARER login .*invalid_token"),
        ("mTLS", {"ssl_cert_file": None, "ssl_key_file": None}, "the server refused us .*does it want --ssl-cert-file"),
        ("mTLS", {"ssl_cert_file": "stranger.pem", "ssl_key_file": "stranger-key.pem"}, "the server refused us"),
        ("mTLS", {"ssl_ca_file": "other-ca.pem"}, "no TLS connection: .* other-ca.pem the authority that signed it"),
        ("mTLS", {"ssl_ca_file": None}, "no TLS connection: .* the system the authority that signed it"),
        (
            "mTLS",
            {"servers": "localhost"},
            "Hostname mismatch, certificate is not valid for 'localhost'",
        ),
    ],
)
def test_who_is_not_taken_is_told_why_in_one_line(secure, name, changes, says):
    changes = {key: secure.file(value) if value and key.endswith("file") else value for key, value in changes.items()}
    if "servers" in changes:
        changes["servers"] = secure.mutual.replace("127.0.0.1", "localhost")
    says = says.replace(" other-ca.pem", " [^ ]*other-ca.pem")
    with pytest.raises(ServiceError, match=says) as refusal:
        topics.describe(changed(secure, name, **changes), [])
    assert "\n" not in str(refusal.value)
    assert "canary" not in str(refusal.value).replace(secure.file(""), "")


def test_a_port_that_wants_another_protocol(secure):
    with pytest.raises(ServiceError, match=r"closed without an answer; does that port want another --security-proto"):
        connect(None, secure.scram, 0.5)
    with pytest.raises(ServiceError, match=r"does that port speak TLS\?"):
        connect(None, changed(secure, "mTLS", servers=secure.plain), 0.5)
    without_tls = {"servers": secure.unsafe, "security_protocol": "SASL_PLAINTEXT", "ssl_ca_file": None}
    login = changed(secure, "SCRAM-SHA-512", **without_tls)
    with pytest.raises(ServiceError, match="it does not offer SCRAM-SHA-512"):
        connect(None, login, 0.5)


def test_what_travels_holds_names_only(secure, monkeypatch):
    monkeypatch.setenv("ONEGRAPH_TEST_PASSWORD", PASSWORD)
    for name in ("SCRAM-SHA-512", "PLAIN", "OAUTHBEARER"):
        connection = identity(secure, name)
        connection.password() if "token" not in str(connection.sasl_token_file) else connection.token()
        steps = beam.Pipeline()
        job = stream_job(connection)
        events, write = steps | ReadEvents(job), WriteOutcomes(job)
        _ = events | beam.Map(len).with_output_types(Outcome) | write
        travels = [
            pickle.dumps(connection),
            repr(connection).encode(),
            cloudpickle.dumps(write),
            steps.to_runner_api().SerializeToString(),
        ]
        assert all(secure.scram.encode() in one for one in travels[:3]), "what we search in is readable"
        for secret in (PASSWORD.encode(), pathless(secure, "token").encode()):
            assert not any(secret in one for one in travels)
