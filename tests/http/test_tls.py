"""A certificate that does not verify is "could not tell", with the remedy of its own; a private authority can be named.

The certificates are made by trustme, the servers are real. Nothing is sent to a server that cannot be verified.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection

from harness.history.problem import Problem, remedy_for
from harness.http.session import judging_alike, new_session
from tests.support.clients import client_of
from tests.support.gates import run_pytest, write_environments
from tests.support.servers import certificate, creating, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that nobody trusts unless it is named."""
    return trustme.CA()


def context_of(issued: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def expired(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))


def of_another_host(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("other.example.com")


def right(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1")


def ca_file(authority: trustme.CA, folder: Path) -> str:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


Issue = Callable[[trustme.CA], trustme.LeafCert]


@pytest.mark.parametrize(
    ("issue", "trusted", "said", "remedy"),
    [
        pytest.param(expired, True, "certificate has expired", "renew the certificate of the deployment", id="expired"),
        pytest.param(
            of_another_host, True, "mismatch", "use the host name in url that the certificate is for", id="host"
        ),
        pytest.param(
            right, False, "unable to get local issuer certificate", "your own authority in ca_file", id="authority"
        ),
    ],
)
def test_a_certificate_that_does_not_verify_holds_the_release(
    authority: trustme.CA, tmp_path: Path, issue: Issue, trusted: bool, said: str, remedy: str
) -> None:
    """Exit 75 at once, with what is wrong and what to do; not one request arrives."""
    named = {"ca_file": ca_file(authority, tmp_path)} if trusted else {}
    with serving(creating, tls=context_of(issue(authority))) as server:
        entry = {"url": server.url, "database": None, "cleanup": "keep", **named}
        file = write_environments(tmp_path / "environments.yaml", {}, preview=entry)
        run = run_pytest(tmp_path / "report", "--environments", str(file))
    assert run.exit_code == 75, run.out
    answers = run.check("deployment_answers")
    assert answers["outcome"] == "unknown"
    assert said in answers["cause"]
    assert remedy in answers["remedy"]
    assert server.requests == []


def test_a_private_authority_can_be_named(authority: trustme.CA, tmp_path: Path) -> None:
    """With `ca_file` the same deployment is verified like any other: ready page, POSTs, burst and probes over TLS."""
    with serving(creating, tls=context_of(right(authority))) as server:
        entry = {"url": server.url, "database": None, "cleanup": "keep", "ca_file": ca_file(authority, tmp_path)}
        file = write_environments(tmp_path / "environments.yaml", {}, preview=entry)
        run = run_pytest(tmp_path / "report", "--environments", str(file))
    assert run.check("every_post_answers_201")["outcome"] == "pass", run.out
    assert len(server.of("POST")) == 22


def test_naming_an_authority_replaces_the_public_ones(tmp_path: Path) -> None:
    """A certificate of anybody else is refused, however trusted elsewhere."""
    other = trustme.CA()
    with certificate() as (context, _), serving(creating, tls=context) as server:
        attempt = client_of(server.url, ca_file=ca_file(other, tmp_path)).post_chatbot(1, "smoke-1", "sequence")
    assert attempt.problem is Problem.TLS
    assert server.requests == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_surroundings_cannot_change_who_is_trusted(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A variable that another tool needs neither adds nor removes an authority."""
    monkeypatch.setenv(name, ca_file(authority, tmp_path))
    with serving(creating, tls=context_of(right(authority))) as server:
        attempt = client_of(server.url).post_chatbot(1, "smoke-1", "sequence")
    assert attempt.problem is Problem.TLS
    assert server.requests == []


def test_a_login_is_not_sent_to_a_server_that_cannot_be_verified(authority: trustme.CA, tmp_path: Path) -> None:
    """Nor is any header: the handshake comes first."""
    secret = {"headers": {"Authorization": "Bearer s3cret-t0ken"}, "login": {"path": "/l", "json": {"p": "s3cret"}}}
    with serving(creating, tls=context_of(expired(authority))) as server:
        entry = {"url": server.url, "database": None, "cleanup": "keep", **secret}
        entry["ca_file"] = ca_file(authority, tmp_path)
        file = write_environments(tmp_path / "environments.yaml", {}, preview=entry)
        run = run_pytest(tmp_path / "report", "--environments", str(file))
    assert run.exit_code == 75
    assert server.requests == []


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ("certificate verify failed: certificate is not yet valid", "check the clock of this machine and the date"),
        (
            "certificate verify failed: self-signed certificate in certificate chain",
            "name your own authority in ca_file",
        ),
        ("certificate verify failed: self signed certificate", "name your own authority in ca_file"),
        (
            "certificate verify failed: Missing Authority Key Identifier",
            "with the extensions of RFC 5280",
        ),
        ("certificate verify failed: Missing Subject Key Identifier", "with the extensions of RFC 5280"),
        ("certificate verify failed: Basic Constraints of CA cert not marked critical", "extensions of RFC 5280"),
        ("certificate verify failed: CA cert does not include key usage extension", "extensions of RFC 5280"),
        ("certificate verify failed: Subject empty and Subject Alt Name extension not critical", "RFC 5280"),
        ("certificate verify failed: Authority Key Identifier marked critical", "extensions of RFC 5280"),
        ("certificate verify failed: invalid CA certificate", "extensions of RFC 5280"),
        ("certificate verify failed: EE certificate key too weak", "with a modern key and signature"),
        ("certificate verify failed: CA signature digest algorithm too weak", "with a modern key and signature"),
        ("certificate verify failed: certificate revoked", "its authority has revoked it"),
        ("certificate verify failed: unsuitable certificate purpose", "a certificate for servers"),
        ("certificate verify failed: unable to get issuer certificate", "your own authority in ca_file"),
        ("certificate verify failed: Hostname mismatch, certificate is not valid for 'h'", "the host name in url"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "this port speaks no TLS: use http"),
        ("[SSL: TLSV1_ALERT_INTERNAL_ERROR]", "renew the certificate, or check the host name in url"),
    ],
)
def test_each_kind_of_failure_has_a_remedy(error: str, remedy: str) -> None:
    """What OpenSSL says is told apart; anything else gets the general advice."""
    assert remedy in remedy_for(Problem.TLS, error)


def plain_chain(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server whose certificate has no Authority Key Identifier, as of many private authorities; and its authority."""
    key, names = ec.generate_private_key(ec.SECP256R1()), [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])]
    now = datetime.now(UTC)

    def signed(name: x509.Name, public: ec.EllipticCurvePublicKey, *extensions: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(names[0]).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(key, hashes.SHA256())

    authority = signed(names[0], key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
    own = ec.generate_private_key(ec.SECP256R1())
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = signed(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]), own.public_key(), host)
    pem = serialization.Encoding.PEM
    (folder / "leaf.pem").write_bytes(
        own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + leaf.public_bytes(pem)
    )
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context, folder / "ca.pem"


def test_every_python_judges_a_certificate_alike(tmp_path: Path) -> None:
    """What Python refuses from 3.13 on, and curl and browsers take, is taken: it says nothing of the app."""
    context, authority = plain_chain(tmp_path)
    with serving(creating, tls=context) as server:
        attempt = client_of(server.url, ca_file=str(authority)).post_chatbot(1, "smoke-1", "sequence")
        strict = ssl.create_default_context(cafile=str(authority))
        strict.verify_flags |= ssl.VERIFY_X509_STRICT
        host, port = server.listener.getsockname()
        with (
            socket.create_connection((host, port)) as raw,
            pytest.raises(ssl.SSLCertVerificationError) as refused,
            strict.wrap_socket(raw, server_hostname=host),
        ):
            pass
    assert attempt.outcome == "ok", attempt.error
    assert "RFC 5280" in remedy_for(Problem.TLS, str(refused.value))  # where something else is as strict


def test_gate_and_soak_judge_with_the_same_flags() -> None:
    """Whatever Python makes of its own defaults."""
    wanted = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    assert judging_alike(ssl.create_default_context()).verify_flags == wanted
    adapter = new_session().get_adapter("https://h")
    assert isinstance(adapter, HTTPAdapter)
    connection = adapter.poolmanager.connection_from_url("https://h")._new_conn()
    assert isinstance(connection, HTTPSConnection)
    assert connection.ssl_context is not None
    assert connection.ssl_context.verify_flags == wanted
    assert connection.ssl_context.check_hostname
    connection.close()
