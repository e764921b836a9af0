"""Make and judge CMS signed messages (RFC 5652).

A ``Signer`` signs; roots judge. Shared by detached seals, seals in PDF files and time-stamp tokens,
and limited to what those three need: one signer, signed attributes, the ESS reference to the
signing certificate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import algos, cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signing.chains import MALFORMED
from signing.port import Signer

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_SIGNATURE_ALGORITHMS = {"rsa-sha256": "sha256_rsa", "ecdsa-sha256": "sha256_ecdsa"}
_DER = Encoding.DER


class CmsError(Exception):
    """Error: something is wrong with a signed message.

    Attributes:
        reason: Stable snake_case word.
        broken: True when the message is proven wrong, False when it can't be judged.
    """

    def __init__(self, reason: str, *, broken: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.broken = broken


@dataclass(frozen=True)
class SignedMessage:
    """CMS message whose signature holds; its certificate has not been judged yet.

    Attributes:
        content: Encapsulated bytes; None when detached.
        content_type: Name of their type.
        certificate: The signer's.
        others: Further certificates found in the message.
        signing_time: As claimed by the signer.
        token: DER of the signature time-stamp token, if there is one.
        signature: The bare signature; a time-stamp token is over it.
        unread: Whether there are unsigned attributes other than a token.
    """

    content: bytes | None
    content_type: str
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    signing_time: datetime | None
    token: bytes | None
    signature: bytes
    unread: bool = False


def signed_message(
    signer: Signer,
    *,
    digest: bytes,
    content_type: str = "data",
    content: Any = None,
    signing_time: datetime | None = None,
) -> cms.ContentInfo:
    """Sign the SHA-256 digest of a content.

    Args:
        signer: Holds the key.
        digest: SHA-256 of the content.
        content_type: ``data`` or ``tst_info``.
        content: Encapsulated ASN.1 value; None for a detached signature.
        signing_time: Claimed time; None for PAdES, which forbids it here.
    """
    attributes = _signed_attributes(signer, digest, content_type, signing_time)
    signed_attributes = cms.CMSAttributes(attributes)
    certificate = asn1_x509.Certificate.load(signer.certificate)
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {
                    "issuer_and_serial_number": cms.IssuerAndSerialNumber(
                        {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
                    )
                }
            ),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": signed_attributes,
            "signature_algorithm": {"algorithm": _SIGNATURE_ALGORITHMS[signer.algorithm]},
            "signature": signer.sign(signed_attributes.dump()),
        }
    )
    enclosed: dict[str, Any] = {"content_type": content_type}
    if content is not None:
        enclosed["content"] = content
    # The root is left out: a reader who trusts it has it, any other must not get it from here.
    chain = [asn1_x509.Certificate.load(der) for der in signer.chain]
    return cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": cms.SignedData(
                {
                    "version": "v1" if content_type == "data" else "v3",
                    "digest_algorithms": [{"algorithm": "sha256"}],
                    "encap_content_info": enclosed,
                    "certificates": [certificate, *(c for c in chain if c.self_issued is False)],
                    "signer_infos": [info],
                }
            ),
        }
    )


def _signed_attributes(
    signer: Signer, digest: bytes, content_type: str, signing_time: datetime | None
) -> list[cms.CMSAttribute]:
    attributes = [
        _attribute("content_type", content_type),
        _attribute("message_digest", digest),
        _attribute("signing_certificate_v2", _certificate_reference(signer.certificate)),
    ]
    if signing_time is not None:
        # CMS requires the two-digit year up to 2049 and the long form after (RFC 5652, 11.3).
        form = "utc_time" if signing_time.year < 2050 else "generalized_time"
        claimed = cms.Time({form: signing_time.replace(microsecond=0)})
        attributes.append(_attribute("signing_time", claimed))
    return attributes


def signature_of(message: cms.ContentInfo) -> bytes:
    """Return the bare signature of a message that we made."""
    return bytes(message["content"]["signer_infos"][0]["signature"].native)


def with_token(message: bytes, token: bytes) -> bytes:
    """Return the message, DER, with a signature time-stamp token (level T).

    Put together from bytes and never dumped again: asn1crypto takes a length that ends in 0x80 for
    an indefinite one and then encodes what it read anew, level by level, which took minutes.
    """
    made = cms.ContentInfo.load(message, strict=True)
    signed = made["content"]
    info, infos = signed["signer_infos"][0], as_read(signed["signer_infos"])
    values = _der(0x31, token)
    attribute = _der(0x30, cms.CMSAttributeType("signature_time_stamp_token").dump() + values)
    whole = _der(0x30, info.contents + _der(0xA1, attribute))
    before = signed.contents.removesuffix(infos)
    content = _der(0xA0, _der(0x30, before + _der(0x31, whole)))
    return _der(0x30, as_read(made["content_type"]) + content)


def as_read(value: Any) -> bytes:
    """Return the bytes of a value that was read and not changed; of an indefinite length, as DER.

    ``dump`` may encode it anew, see ``with_token``.
    """
    header, trailer = value._header, value._trailer
    return bytes(value.dump(force=True)) if trailer else header + bytes(value.contents)


def _der(tag: int, content: bytes) -> bytes:
    """Encode one DER element."""
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (length if size < 0x80 else bytes([0x80 | len(length)]) + length) + content


def opened(der: bytes, *, digest_of_detached: dict[str, bytes] | None = None) -> SignedMessage:
    """Check a message's digest, signature and certificate reference.

    Args:
        der: The ContentInfo, with nothing after it.
        digest_of_detached: Digests of the detached content by algorithm name, unless encapsulated.

    Raises:
        CmsError: If it is unreadable, uses an algorithm that is not accepted, or does not hold.
    """
    try:
        return _opened(der, digest_of_detached)
    except (*MALFORMED, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise CmsError("unreadable", broken=False) from error


def _opened(der: bytes, detached: dict[str, bytes] | None) -> SignedMessage:
    outer = cms.ContentInfo.load(der, strict=True)
    if outer["content_type"].native != "signed_data":
        raise CmsError("unreadable", broken=False)
    signed = outer["content"]
    if len(signed["signer_infos"]) != 1:
        raise CmsError("several_signers", broken=False)
    info = signed["signer_infos"][0]
    enclosed = signed["encap_content_info"]
    content_type = enclosed["content_type"].native
    algorithm = info["digest_algorithm"]["algorithm"].native
    if algorithm not in _HASHES:
        raise CmsError("weak_algorithm", broken=False)
    _check_envelope(signed, info, algorithm)
    content: bytes | None = None
    if detached is None:
        content = bytes(enclosed["content"].contents)
        actual = hashlib.new(algorithm, content).digest()
    else:
        # A message that carries its own content proves nothing about any other bytes.
        if enclosed["content"].native is not None or algorithm not in detached:
            raise CmsError("unreadable", broken=False)
        actual = detached[algorithm]
    if _single(info, "content_type").native != content_type:
        raise CmsError("content_type_mismatch", broken=True)
    if bytes(_single(info, "message_digest").native) != actual:
        raise CmsError("digest_mismatch", broken=True)
    certificates = [
        x509.load_der_x509_certificate(choice.chosen.dump())
        for choice in signed["certificates"] or ()
        if choice.name == "certificate"
    ]
    leaf = _signing_certificate(info, certificates)
    # Attributes are signed as a SET, not under the tag that they carry inside the message.
    _check_signature(leaf, info, info["signed_attrs"].untag().dump())
    time = _optional(info, "signed_attrs", "signing_time")
    token = _optional(info, "unsigned_attrs", "signature_time_stamp_token")
    return SignedMessage(
        content=content,
        content_type=content_type,
        certificate=leaf,
        others=tuple(c for c in certificates if c != leaf),
        signing_time=time.native if time is not None else None,
        token=as_read(token) if token is not None else None,
        signature=bytes(info["signature"].native),
        unread=any(a["type"].native != "signature_time_stamp_token" for a in info["unsigned_attrs"] or ()),
    )


def _check_envelope(signed: Any, info: Any, algorithm: str) -> None:
    """Refuse variations of the parts that no signature covers."""
    by_issuer = info["sid"].name == "issuer_and_serial_number"
    plain = by_issuer and signed["encap_content_info"]["content_type"].native == "data"
    only_certificates = all(choice.name == "certificate" for choice in signed["certificates"] or ())
    versions = {"v1" if plain else "v3"} if only_certificates else {"v4", "v5"}
    listed = list(signed["digest_algorithms"])
    with_parameters = [info["digest_algorithm"], *listed]
    if info["signature_algorithm"].signature_algo != "rsassa_pss":
        with_parameters.append(info["signature_algorithm"])
    if (
        info["version"].native != ("v1" if by_issuer else "v3")
        or signed["version"].native not in versions
        or algorithm not in {identifier["algorithm"].native for identifier in listed}
        or any(identifier["parameters"].dump() not in {b"", b"\x05\x00"} for identifier in with_parameters)
    ):
        raise CmsError("unreadable", broken=False)


def _signing_certificate(info: Any, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Find the certificate that the signed attributes name by its digest, and no other."""
    reference = _optional(info, "signed_attrs", "signing_certificate_v2")
    if reference is not None:
        first = reference["certs"][0]
        algorithm = first["hash_algorithm"]["algorithm"].native
        if algorithm not in _HASHES:
            raise CmsError("weak_algorithm", broken=False)
    else:
        # RFC 2634 references are SHA-1 by definition; authorities still send them in tokens.
        reference = _optional(info, "signed_attrs", "signing_certificate")
        if reference is None:
            raise CmsError("certificate_not_referenced", broken=False)
        first = reference["certs"][0]
        algorithm = "sha1"
    wanted = bytes(first["cert_hash"].native)
    for certificate in certificates:
        der = certificate.public_bytes(_DER)
        if hashlib.new(algorithm, der, usedforsecurity=False).digest() == wanted and _identifies(info["sid"], der):
            return certificate
    raise CmsError("certificate_missing", broken=False)


def _identifies(identifier: Any, der: bytes) -> bool:
    certificate = asn1_x509.Certificate.load(der)
    if identifier.name == "issuer_and_serial_number":
        chosen = identifier.chosen
        return bool(
            chosen["issuer"].dump() == certificate.issuer.dump()
            and chosen["serial_number"].native == certificate.serial_number
        )
    return bool(identifier.chosen.native == certificate.key_identifier)


def _check_signature(certificate: x509.Certificate, info: Any, message: bytes) -> None:
    algorithm = info["signature_algorithm"]
    signature = bytes(info["signature"].native)
    try:
        key = certificate.public_key()
        kind = algorithm.signature_algo
        # PKCS#1 v1.5 may name no digest of its own: then the message's digest algorithm counts.
        named = None if algorithm["algorithm"].native == "rsassa_pkcs1v15" else algorithm.hash_algo
        digest = _HASHES.get(named or info["digest_algorithm"]["algorithm"].native)
        if digest is None:
            raise CmsError("weak_algorithm", broken=False)
        if isinstance(key, rsa.RSAPublicKey) and kind == "rsassa_pkcs1v15":
            key.verify(signature, message, padding.PKCS1v15(), digest)
        elif isinstance(key, rsa.RSAPublicKey) and kind == "rsassa_pss":
            key.verify(signature, message, _pss(algorithm["parameters"], info), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and kind == "ecdsa":
            key.verify(signature, message, ec.ECDSA(digest))
        else:
            raise CmsError("weak_algorithm", broken=False)
    except InvalidSignature as error:
        raise CmsError("bad_signature", broken=True) from error
    except UnsupportedAlgorithm as error:
        raise CmsError("weak_algorithm", broken=False) from error


def _pss(parameters: Any, info: Any) -> padding.PSS:
    """Return the parameters of RSASSA-PSS as CMS has them (RFC 4056): the message's own hash."""
    own = parameters["hash_algorithm"]["algorithm"].native
    generator = parameters["mask_gen_algorithm"]
    mask = _HASHES.get(generator["parameters"]["algorithm"].native)
    if mask is None or own != info["digest_algorithm"]["algorithm"].native:
        raise CmsError("weak_algorithm", broken=False)
    if generator["algorithm"].native != "mgf1" or parameters["trailer_field"].native != "trailer_field_bc":
        raise CmsError("unreadable", broken=False)
    return padding.PSS(padding.MGF1(mask), parameters["salt_length"].native)


def _attribute(kind: str, value: Any) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": kind, "values": [value]})


def _certificate_reference(der: bytes) -> tsp.SigningCertificateV2:
    reference = tsp.ESSCertIDv2(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "cert_hash": hashlib.sha256(der).digest(),
        }
    )
    return tsp.SigningCertificateV2({"certs": [reference]})


def _optional(info: Any, where: str, kind: str) -> Any:
    """Return the one value of an attribute; None when absent. Several values are refused."""
    values = [v for a in info[where] or () if a["type"].native == kind for v in a["values"]]
    if len(values) > 1:
        raise CmsError("unreadable", broken=False)
    return values[0] if values else None


def _single(info: Any, kind: str) -> Any:
    value = _optional(info, "signed_attrs", kind)
    if value is None:
        raise CmsError("unreadable", broken=False)
    return value
