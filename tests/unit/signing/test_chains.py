from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from signing.chains import chain_fault, nearest_first

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
NOW = datetime(2027, 1, 1, tzinfo=UTC)
Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def issue(
    name: str,
    issuer: Pair | None = None,
    *,
    ca: bool = False,
    path_length: int | None = None,
    may_issue: bool = True,
    extra: x509.ExtensionType | None = None,
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(True, False, False, False, False, may_issue, False, False, False)
    builder = (
        x509.CertificateBuilder(subject_name=subject, public_key=key.public_key())
        .issuer_name(issuer[0].subject if issuer else subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
        .add_extension(usage, critical=True)
    )
    if extra is not None:
        builder = builder.add_extension(extra, critical=True)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


ROOT = issue("racine", ca=True)


def fault(*path: Pair, at: datetime = NOW, root: Pair = ROOT) -> str | None:
    """Path from the leaf upwards, the root left out."""
    certificates = [certificate for certificate, _ in path]
    return chain_fault(certificates[0], certificates[1:], [root[0]], at)


def test_an_ordinary_chain_holds_in_its_time() -> None:
    middle = issue("autorité", ROOT, ca=True)
    leaf = issue("cachet", middle)
    assert fault(leaf, middle) is None
    assert fault(leaf, middle, at=datetime(2031, 1, 1, tzinfo=UTC)) == "expired"
    assert fault(leaf, middle, at=datetime(2025, 1, 1, tzinfo=UTC)) == "not_yet_valid"
    assert fault(leaf) == "untrusted_chain"
    assert nearest_first(leaf[0], [ROOT[0], middle[0]]) == (middle[0], ROOT[0])


def test_an_authority_of_the_same_name_is_another() -> None:
    assert fault(issue("cachet", issue("racine", ca=True))) == "untrusted_chain"


@pytest.mark.parametrize(
    "middle",
    [
        {"ca": False, "may_issue": True},
        {"ca": True, "may_issue": False},
        {"ca": True, "extra": x509.NameConstraints([x509.DNSName("example")], None)},
    ],
)
def test_who_may_not_issue_vouches_for_nobody(middle: dict[str, object]) -> None:
    issuer = issue("milieu", ROOT, **middle)  # type: ignore[arg-type]
    assert fault(issue("cachet", issuer), issuer) == "untrusted_chain"


def test_the_length_of_a_path_is_kept() -> None:
    root = issue("racine courte", ca=True, path_length=0)
    middle = issue("autorité", root, ca=True)
    assert fault(issue("cachet", root), root=root) is None
    assert fault(issue("cachet", middle), middle, root=root) == "untrusted_chain"


def test_a_demand_that_is_not_understood_is_not_ignored() -> None:
    leaf = issue("cachet", ROOT, extra=x509.NameConstraints([x509.DNSName("example")], None))
    assert fault(leaf) == "untrusted_chain"


def test_a_circle_ends() -> None:
    one = issue("un", ca=True)
    two = issue("deux", one, ca=True)
    again = issue("un", two, ca=True)
    assert fault(issue("cachet", two), two, one, again) == "untrusted_chain"
