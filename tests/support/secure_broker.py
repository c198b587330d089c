"""A real Kafka with TLS, logins, client certificates and access lists, and what a client needs to get in, or not."""

import dataclasses
import datetime
import ipaddress
import pathlib
import time
from collections.abc import Iterable

import kafka
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from beam_jobs.process.loopback import HOST, free_port
from beam_jobs.services import local_kafka

PASSWORD = "canary-4f1d"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzY29yZXIiLCJzY29wZSI6ImthZmthIiwiaWF0IjoxLCJleHAiOjQxMDI0NDQ4MDB9."
_JAAS = "org.apache.kafka.common.security"


@dataclasses.dataclass(frozen=True)
class SecureBroker:
    """`plain` is the listener without anything; the others want what they are named after, on 127.0.0.1 only.

    Who comes by `plain` may do everything; others may what `allow` says, and everything with what has no list.
    """

    plain: str
    scram: str
    mutual: str
    unsafe: str
    folder: pathlib.Path

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def allow(self, kind: ResourceType, name: str, operations: Iterable[ACLOperation]) -> None:
        """Let `scorer` do these and nothing else with a topic or group."""
        resource = ResourcePattern(kind, name)
        admin = kafka.KafkaAdminClient(bootstrap_servers=self.plain)
        try:
            pattern = ResourcePatternFilter(kind, name, ACLResourcePatternType.LITERAL)
            everybodys = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, pattern)
            admin.delete_acls([everybodys])
            lines = [("User:scorer", operation) for operation in operations]
            lines.append(("User:other", ACLOperation.READ))  # so that there is a list
            wanted = [ACL(who, "*", what, ACLPermissionType.ALLOW, resource) for who, what in lines]
            admin.create_acls(wanted)
            while len(admin.describe_acls(everybodys)[0]) != len(wanted):  # the broker follows the controller
                time.sleep(0.02)
        finally:
            admin.close()


def start(folder: pathlib.Path) -> dict[str, str]:
    """Start it below a folder and return where it listens, by the names of `SecureBroker`."""
    authority, other = _Authority("onegraph tests"), _Authority("somebody else")
    (folder / "ca.pem").write_bytes(authority.certificate)
    (folder / "other-ca.pem").write_bytes(other.certificate)
    _write_pair(folder, "broker", authority)
    _write_pair(folder, "client", authority)
    _write_pair(folder, "stranger", other)
    (folder / "password").write_text(PASSWORD + "\n")
    (folder / "wrong-password").write_text("canary-wrong\n")
    (folder / "token").write_text(TOKEN + "\n")
    ports = {name: free_port() for name in ("plain", "controller", "scram", "mutual", "unsafe")}
    local_kafka.start(ports["plain"], folder, ports["controller"], settings=_settings(folder, ports))
    servers = {name: f"{HOST}:{port}" for name, port in ports.items() if name != "controller"}
    admin = kafka.KafkaAdminClient(bootstrap_servers=servers["plain"])
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion("scorer", mechanism, PASSWORD, 4096)])
    admin.close()
    return servers


def _settings(folder: pathlib.Path, ports: dict[str, int]) -> dict[str, str]:
    controller = ports["controller"]
    names = {"plain": "PLAINTEXT", "scram": "SCRAM", "mutual": "MUTUAL", "unsafe": "UNSAFE"}
    listeners = ",".join(f"{protocol}://{HOST}:{ports[name]}" for name, protocol in names.items())
    unsigned = f"{_JAAS}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
    return {
        "advertised.listeners": listeners,
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SCRAM:SASL_SSL,MUTUAL:SSL,"
        "UNSAFE:SASL_PLAINTEXT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "true",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker-both.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.scram.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.unsafe.sasl.enabled.mechanisms": "PLAIN",
        **{
            f"listener.name.{name}.plain.sasl.jaas.config": f"{_JAAS}.plain.PlainLoginModule required "
            f'user_scorer="{PASSWORD}";'
            for name in ("scram", "unsafe")
        },
        "listener.name.scram.scram-sha-256.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": f"{_JAAS}.scram.ScramLoginModule required;",
        "listener.name.scram.oauthbearer.sasl.jaas.config": f"{_JAAS}.oauthbearer.OAuthBearerLoginModule required "
        'unsecuredLoginStringClaim_sub="broker";',
        "listener.name.scram.oauthbearer.sasl.server.callback.handler.class": unsigned,
    }


class _Authority:
    def __init__(self, name: str):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = _builder(self._name, self._name, self._key).add_extension(x509.BasicConstraints(True, None), True)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        self.certificate = _pem(made.add_extension(usage, True).sign(self._key, hashes.SHA256()))

    def sign(self, name: str) -> tuple[bytes, bytes]:
        """Return key and certificate of a name at 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = _builder(subject, self._name, key).add_extension(here, False).sign(self._key, hashes.SHA256())
        plain = serialization.NoEncryption()
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain), _pem(made)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_pair(folder: pathlib.Path, name: str, authority: _Authority) -> None:
    key, certificate = authority.sign(name)
    (folder / f"{name}-key.pem").write_bytes(key)
    (folder / f"{name}.pem").write_bytes(certificate)
    (folder / f"{name}-both.pem").write_bytes(key + certificate)
