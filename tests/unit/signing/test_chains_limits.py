"""A chain holds to the second and to the last authority that it may have, and no further."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from signing.chains import chain_fault, nearest_first, readable_name
from signing.trust import TrustFolder
from tests.unit.signing.test_chains import BEGIN, END, NOW, ROOT, Pair, fault, issue

SECOND = timedelta(seconds=1)


def ladder(length: int, root: Pair = ROOT) -> list[Pair]:
    """A leaf under so many authorities, nearest first."""
    path: list[Pair] = []
    above = root
    for number in range(length):
        above = issue(f"autorité {number}", above, ca=True)
        path.insert(0, above)
    return [issue("cachet", above), *path]


def test_a_certificate_begins_and_ends_with_its_second() -> None:
    leaf = issue("cachet", ROOT)
    for at, expected in ((BEGIN, None), (END, None), (BEGIN - SECOND, "not_yet_valid"), (END + SECOND, "expired")):
        assert fault(leaf, at=at) == expected
        assert chain_fault(ROOT[0], [], [ROOT[0]], at) == expected, "a signer who is trusted directly ends too"


def test_who_is_trusted_directly_needs_no_issuer() -> None:
    leaf = issue("cachet", issue("inconnue", ca=True))
    assert chain_fault(leaf[0], [], [leaf[0]], NOW) is None
    assert chain_fault(leaf[0], [leaf[0]], [ROOT[0]], NOW) == "untrusted_chain"


def test_what_is_offered_is_not_trusted() -> None:
    other = issue("inconnue", ca=True)
    leaf = issue("cachet", other)
    assert chain_fault(leaf[0], [other[0]], [ROOT[0]], NOW) == "untrusted_chain"
    assert chain_fault(leaf[0], [other[0]], [ROOT[0], other[0]], NOW) is None


@pytest.mark.parametrize(("authorities", "expected"), [(1, None), (6, None), (7, "untrusted_chain")])
def test_a_chain_has_eight_certificates_at_most(authorities: int, expected: str | None) -> None:
    assert fault(*ladder(authorities)) == expected


def test_the_issuers_beside_a_certificate_are_put_in_order() -> None:
    leaf, *path = (certificate for certificate, _ in ladder(3))
    expected = (*path, ROOT[0])
    assert nearest_first(leaf, reversed(expected)) == expected
    assert nearest_first(leaf, expected[1:]) == ()
    assert nearest_first(leaf, [path[0], path[2]]) == (path[0],)
    assert nearest_first(ROOT[0], [ROOT[0]]) == ()
    leaf, *path = (certificate for certificate, _ in ladder(10))
    assert nearest_first(leaf, path) == tuple(path[:8])


def test_issuers_in_a_circle_are_named_once() -> None:
    one = issue("un", ca=True)
    two = issue("deux", one, ca=True)
    again = issue("un", two, ca=True)
    leaf = issue("cachet", two)
    found = nearest_first(leaf[0], [two[0], again[0], one[0]])
    assert found == (two[0], one[0])


def test_a_root_may_be_allowed_one_authority_below_it() -> None:
    root = issue("racine d’un étage", ca=True, path_length=1)
    one = issue("première", root, ca=True)
    two = issue("seconde", one, ca=True)
    assert fault(issue("cachet", one), one, root=root) is None
    assert fault(issue("cachet", two), two, one, root=root) == "untrusted_chain"


def bare(name: str, *extensions: x509.ExtensionType) -> Pair:
    """An authority below the root with these extensions alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(ROOT[0].subject, subject, key.public_key(), 1, BEGIN, END)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(ROOT[1], hashes.SHA256()), key


AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
UNKNOWN = x509.NameConstraints([x509.DNSName("example")], None)


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ((), "untrusted_chain"),
        ((AUTHORITY,), None),
        ((AUTHORITY, UNKNOWN), "untrusted_chain"),
        ((x509.BasicConstraints(ca=False, path_length=None),), "untrusted_chain"),
    ],
    ids=["says nothing", "an authority", "demands what we don't know", "says no"],
)
def test_who_does_not_say_to_be_an_authority_is_none(
    extensions: tuple[x509.ExtensionType, ...], expected: str | None
) -> None:
    middle = bare("milieu", *extensions)
    assert fault(issue("cachet", middle), middle) == expected


def test_a_signer_whose_extensions_can_not_be_read_is_not_trusted() -> None:
    garbage = x509.UnrecognizedExtension(ExtensionOID.EXTENDED_KEY_USAGE, b"\xff\xff")
    assert fault(issue("cachet", ROOT, extra=garbage)) == "untrusted_chain"
    assert fault(issue("cachet", ROOT, extra=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]))) is None


def test_a_chain_out_of_its_time_is_told_by_the_nearest_fault() -> None:
    middle = issue("autorité", ROOT, ca=True)
    leaf = _dated(middle, BEGIN, BEGIN + timedelta(days=30))
    assert chain_fault(leaf, [middle[0]], [ROOT[0]], NOW) == "expired"
    assert chain_fault(leaf, [middle[0]], [ROOT[0]], BEGIN) is None


def _dated(issuer: Pair, begin: datetime, end: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cachet")])
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    builder = x509.CertificateBuilder(issuer[0].subject, subject, key, 2, begin, end)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    return builder.add_extension(usage, critical=True).sign(issuer[1], hashes.SHA256())


def test_a_holder_is_called_by_name_and_organisation() -> None:
    assert readable_name(ROOT[0]) == "racine"
    names = [(NameOID.ORGANIZATION_NAME, "Commune"), (NameOID.COMMON_NAME, "Cachet"), (NameOID.COMMON_NAME, "Autre")]
    assert readable_name(_named(names)) == "Cachet, Commune"
    assert readable_name(_named([(NameOID.COUNTRY_NAME, "FR")])) == "C=FR"


def _named(names: list[tuple[x509.ObjectIdentifier, str]]) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    builder = x509.CertificateBuilder(ROOT[0].subject, subject, ROOT[1].public_key(), 1, BEGIN, END)
    return builder.sign(ROOT[1], hashes.SHA256())


def test_every_root_of_every_file_of_the_administrator_is_trusted(tmp_path: Path) -> None:
    assert TrustFolder(tmp_path / "trust", tmp_path).foreign().roots == ()
    roots = [issue(name, ca=True)[0] for name in ("a", "b", "c")]
    pems = [root.public_bytes(Encoding.PEM) for root in roots]
    folder = tmp_path / "trusted"
    folder.mkdir()
    (folder / "2.pem").write_bytes(pems[2])
    (folder / "1.pem").write_bytes(pems[0] + pems[1])
    (folder / "notes.txt").write_bytes(pems[0])
    found = TrustFolder(tmp_path / "trust", tmp_path).foreign().roots
    assert found == tuple(root.public_bytes(Encoding.DER) for root in roots)
