"""Chains as authorities in Europe issue them, good and bad, with the verdict that each must get.

One table for ``signing.chains``, for ``archive/evidence/verify.py`` and, beside them, for OpenSSL.
Where OpenSSL answers otherwise the case says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID, ObjectIdentifier

YEAR = timedelta(days=365)
NOW = datetime(2027, 6, 1, tzinfo=UTC)
DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_BITS = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
_BITS += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


@dataclass(frozen=True)
class Case:
    """One chain.

    Attributes:
        expected: Reason of both our checks; "" when the chain holds.
        openssl: Whether ``openssl verify`` accepts it for the nearest purpose that it has.
        why: Why OpenSSL answers otherwise than we do; "" when it agrees.
    """

    leaf: Holder
    others: tuple[Holder, ...] = ()
    root: Holder | None = None
    expected: str = ""
    openssl: bool = True
    why: str = ""
    stamps: bool = False
    at: datetime = NOW


@dataclass
class Builder:
    """What one certificate is made of; everything has the value of an ordinary seal."""

    name: str
    issuer: Holder | None = None
    usage: tuple[str, ...] | None = ("content_commitment",)
    extended: tuple[ObjectIdentifier, ...] = ()
    ca: bool | None = False
    length: int | None = None
    begin: datetime = NOW - YEAR
    end: datetime = NOW + 3 * YEAR
    key: Key | None = None
    digest: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)
    pss: bool = False
    critical: bool = False
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    def make(self) -> Holder:
        key = self.key or ec.generate_private_key(ec.SECP256R1())
        above = self.issuer.key if self.issuer else key
        builder = x509.CertificateBuilder(
            self.issuer.certificate.subject if self.issuer else _name(self.name),
            _name(self.name),
            key.public_key(),
            x509.random_serial_number(),
            self.begin,
            self.end,
        )
        if self.ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(self.ca, self.length if self.ca else None), True)
        if self.usage is not None:
            builder = builder.add_extension(x509.KeyUsage(**{bit: bit in self.usage for bit in _BITS}), True)
        if self.extended:
            builder = builder.add_extension(x509.ExtendedKeyUsage(self.extended), self.critical)
        ours = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        theirs = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key())
        for extension, critical in ((ours, False), (theirs, False), *self.more):
            builder = builder.add_extension(extension, critical)
        filling = padding.PSS(padding.MGF1(self.digest), padding.PSS.DIGEST_LENGTH) if self.pss else None
        return Holder(builder.sign(above, self.digest, rsa_padding=filling), key)


def _name(common: str) -> x509.Name:
    pairs = [(NameOID.COUNTRY_NAME, "FR"), (NameOID.ORGANIZATION_NAME, "Essai"), (NameOID.COMMON_NAME, common)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def authority(name: str, issuer: Holder | None = None, **changed: object) -> Holder:
    """An authority; ``changed`` are fields of ``Builder``."""
    usual: dict[str, object] = {"usage": ("key_cert_sign", "crl_sign"), "ca": True, "end": NOW + 10 * YEAR}
    return Builder(name, issuer, **usual | changed).make()  # type: ignore[arg-type]


def seal(issuer: Holder, name: str = "Cachet de la commune", **changed: object) -> Holder:
    """A seal; ``changed`` are fields of ``Builder``."""
    return Builder(name, issuer, **changed).make()  # type: ignore[arg-type]


@cache
def root() -> Holder:
    """The root that the reader trusts."""
    return authority("Racine qualifiée")


@cache
def middle() -> Holder:
    """The authority below it that issues."""
    return authority("Autorité de cachets", root(), length=0)


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def _plain(*, expected: str = "", openssl: bool = True, why: str = "", **changed: object) -> Case:
    """A seal under the ordinary authority, changed in one thing."""
    return Case(seal(middle(), **changed), (middle(),), None, expected, openssl, why)


def _under(issuer: Holder, *above: Holder, expected: str = "untrusted_chain", **told: object) -> Case:
    """An ordinary seal under an authority that is not ordinary."""
    return Case(seal(issuer), (issuer, *above), None, expected, **told)  # type: ignore[arg-type]


def _with_sha1(made: Holder, issuer: Holder) -> Holder:
    """The same certificate, signed anew with SHA-1: our library would not make one."""
    changed = asn1_x509.Certificate.load(made.certificate.public_bytes(Encoding.DER))
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    for part in (changed["tbs_certificate"]["signature"], changed["signature_algorithm"]):
        part["algorithm"] = "sha1_ecdsa"
    changed["signature_value"] = issuer.key.sign(changed["tbs_certificate"].dump(force=True), ec.ECDSA(hashes.SHA1()))
    return Holder(x509.load_der_x509_certificate(changed.dump(force=True)), made.key)


def _rolled_over() -> Case:
    new = authority("Racine qualifiée", root(), length=None)
    issuing = authority("Autorité de cachets", new, length=0)
    return Case(seal(issuing), (issuing, new))


def _too_long() -> Case:
    short = authority("Racine courte", length=0)
    below = authority("Autorité", short)
    return Case(seal(below), (below,), short, "untrusted_chain", openssl=False)


def _cross_signed() -> Case:
    """One key of an issuer, certified twice: the certificate that came first has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    old = authority("Autorité croisée", root(), key=key, begin=NOW - 3 * YEAR, end=NOW - YEAR)
    new = authority("Autorité croisée", root(), key=key)
    return Case(seal(new), (old, new))


def _all_pss() -> Case:
    top = authority("Racine PSS", key=rsa_key(), pss=True)
    return Case(seal(top, key=rsa_key(), pss=True), (), top)


def _stamper(*extended: ObjectIdentifier, critical: bool = True, **told: object) -> Case:
    usage = ("digital_signature",)
    leaf = seal(middle(), "Horodatage", usage=usage, extended=extended, critical=critical)
    return Case(leaf, (middle(),), stamps=True, **told)  # type: ignore[arg-type]


_NO_PURPOSE = "OpenSSL has no purpose for documents; that for e-mail does not know this usage"
_EMAIL_ONLY = "OpenSSL asks whether e-mail is allowed, not whether something else is"
_ABSENT = "OpenSSL takes an absent key usage for a permission"

CASES: dict[str, Callable[[], Case]] = {
    "a seal right under its root": lambda: Case(seal(root())),
    "a seal under an authority, non-repudiation": _plain,
    "a seal for digital signature only": lambda: _plain(usage=("digital_signature",)),
    "a seal on a German curve": lambda: _plain(key=ec.generate_private_key(ec.BrainpoolP256R1())),
    "RSA-PSS from top to bottom": _all_pss,
    "e-mail and client beside each other": lambda: _plain(extended=(Eku.EMAIL_PROTECTION, Eku.CLIENT_AUTH)),
    "document signing, RFC 9336": lambda: _plain(extended=(DOCUMENT_SIGNING,), openssl=False, why=_NO_PURPOSE),
    "a root that renewed its key": _rolled_over,
    "an authority certified twice, once expired": _cross_signed,
    "a TLS server": lambda: _plain(
        usage=("key_encipherment",), extended=(Eku.SERVER_AUTH,), expected="key_usage", openssl=False
    ),
    "a TLS server that may sign": lambda: _plain(
        usage=("digital_signature", "key_encipherment"),
        extended=(Eku.SERVER_AUTH,),
        expected="key_usage",
        openssl=False,
    ),
    "e-mail and TLS server": lambda: _plain(
        extended=(Eku.EMAIL_PROTECTION, Eku.SERVER_AUTH), expected="key_usage", why=_EMAIL_ONLY
    ),
    "a TLS client alone": lambda: _plain(extended=(Eku.CLIENT_AUTH,), expected="key_usage", openssl=False),
    "code signing": lambda: _plain(extended=(Eku.CODE_SIGNING,), expected="key_usage", openssl=False),
    "status answers (OCSP)": lambda: _plain(extended=(Eku.OCSP_SIGNING,), expected="key_usage", openssl=False),
    "key agreement only": lambda: _plain(usage=("key_agreement",), expected="key_usage", openssl=False),
    "no key usage at all": lambda: _plain(usage=None, expected="key_usage", why=_ABSENT),
    "an authority that seals": lambda: _plain(
        ca=True,
        usage=("digital_signature", "key_cert_sign"),
        expected="key_usage",
        why="OpenSSL lets an authority sign e-mail",
    ),
    "an issuer that is no authority": lambda: _under(authority("Faux", root(), ca=False), openssl=False),
    "an issuer that may not issue": lambda: _under(
        authority("Muet", root(), usage=("digital_signature",)), openssl=False
    ),
    "an issuer without basic constraints": lambda: _under(authority("Vieux", root(), ca=None), openssl=False),
    "an authority of TLS servers only": lambda: _under(
        authority("Serveurs", root(), extended=(Eku.SERVER_AUTH,)), openssl=False
    ),
    "a path longer than allowed": _too_long,
    "a missing authority": lambda: Case(seal(middle()), (), None, "untrusted_chain", openssl=False),
    "another root of the same name": lambda: Case(
        seal(middle()), (middle(),), authority("Racine qualifiée"), "untrusted_chain", openssl=False
    ),
    "expired": lambda: _plain(end=NOW - timedelta(days=1), expected="expired", openssl=False),
    "not yet valid": lambda: _plain(begin=NOW + timedelta(days=1), expected="not_yet_valid", openssl=False),
    "an expired authority": lambda: _under(
        authority("Finie", root(), end=NOW - timedelta(days=1)), expected="expired", openssl=False
    ),
    "an issuer's SHA-1": lambda: _under(
        _with_sha1(authority("Ancienne", root()), root()), expected="weak_algorithm", openssl=False
    ),
    "RSA of 1,024 bits": lambda: _plain(key=rsa_key(1024), expected="weak_algorithm", openssl=False),
    "a critical demand that nobody knows": lambda: _plain(
        more=((x509.UnrecognizedExtension(ObjectIdentifier("2.999.1"), b"\x05\x00"), True),),
        expected="untrusted_chain",
        openssl=False,
    ),
    "critical name constraints": lambda: _under(
        authority("Bornée", root(), more=((x509.NameConstraints([x509.DNSName("example")], None), True),)),
        why="OpenSSL evaluates them; we say that we do not",
    ),
    "a time-stamping authority": lambda: _stamper(Eku.TIME_STAMPING),
    "stamps and e-mail": lambda: _stamper(Eku.TIME_STAMPING, Eku.EMAIL_PROTECTION, expected="key_usage", openssl=False),
    "a seal that stamps": lambda: Case(seal(middle()), (middle(),), None, "key_usage", openssl=False, stamps=True),
    "a time-stamping authority that seals": lambda: _plain(
        usage=("digital_signature",),
        extended=(Eku.TIME_STAMPING,),
        critical=True,
        expected="key_usage",
        openssl=False,
    ),
}
