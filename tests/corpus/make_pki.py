"""Documents that somebody else signed, and forgeries of them, under a PKI that is not ours.

``python -m tests.corpus.make_pki FOLDER`` writes them with ``expected.json``: for each file the
verdicts that may be given and the one root that is trusted. Signing is left to pyHanko's own
high-level signer, so that our sealing code does not judge itself.
"""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from pikepdf import Name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)

    @property
    def asn1_key(self) -> asn1_keys.PrivateKeyInfo:
        der = self.key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return asn1_keys.PrivateKeyInfo.load(der)


@dataclass(frozen=True)
class Pki:
    """One authority and those it vouches for."""

    root: Identity
    issuing: Identity
    signer: Identity
    expired: Identity
    tsa: Identity


def issue(
    name: str,
    issuer: Identity | None,
    begin: datetime,
    end: datetime,
    *,
    authority: bool = False,
    stamps: bool = False,
    rsa_key: bool = False,
    crl_url: str = "",
    ocsp_url: str = "",
) -> Identity:
    # The time-stamper that pyHanko ships for tests knows RSA only.
    key = rsa.generate_private_key(65537, 2048) if stamps or rsa_key else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Autre administration"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage |= (
        {"key_cert_sign": True, "crl_sign": True}
        if authority
        else {"digital_signature": True, "content_commitment": True}
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if crl_url:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if ocsp_url:
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url))
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    if stamps:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return Identity(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def make_pki(now: datetime, name: str = "Autorité d’essai") -> Pki:
    begin, end = now - 5 * YEAR, now + 5 * YEAR
    root = issue(f"{name}, racine", None, begin, end, authority=True)
    issuing = issue(f"{name}, cachets", root, begin, end, authority=True)
    return Pki(
        root=root,
        issuing=issuing,
        signer=issue("Cachet de la commune d’essai", issuing, begin, end),
        expired=issue("Cachet périmé", issuing, begin, now - YEAR),
        tsa=issue("Horodatage d’essai", root, begin, end, stamps=True),
    )


def blank_document(pages: int = 1) -> bytes:
    """A document with a line of text, which a forger would like to change."""
    pdf = pikepdf.new()
    for number in range(1, pages + 1):
        pdf.add_blank_page(page_size=(595, 842))
        page = pdf.pages[-1]
        font = pikepdf.Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=pdf.make_indirect(font)))
        page.Contents = pdf.make_stream(b"BT /F1 24 Tf 72 700 Td (Montant : 100 euros, page %d) Tj ET" % number)
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def sign(document: bytes, pki: Pki, *, who: Identity | None = None, field: str = "Signature", **meta: object) -> bytes:
    """Sign with pyHanko.

    ``stamped=True`` adds a signature time-stamp, ``lta=True`` all that PAdES knows.
    """
    lta, stamped = bool(meta.pop("lta", False)), bool(meta.pop("stamped", False))
    who = who or pki.signer
    store = SimpleCertificateStore()
    store.register_multiple([pki.issuing.asn1])
    signer = signers.SimpleSigner(who.asn1, who.asn1_key, store)
    context = ValidationContext(trust_roots=[pki.root.asn1], allow_fetching=False)
    metadata = signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        embed_validation_info=lta,
        use_pades_lta=lta,
        validation_context=context if lta else None,
        **meta,  # type: ignore[arg-type]
    )
    stamper = DummyTimeStamper(pki.tsa.asn1, pki.tsa.asn1_key) if lta or stamped else None
    writer = IncrementalPdfFileWriter(io.BytesIO(document), strict=True)
    out = signers.PdfSigner(metadata, signer, timestamper=stamper).sign_pdf(writer)
    return bytes(out.getvalue())


def with_other_content(signed: bytes) -> bytes:
    """Append a revision in which the page says something else: a shadow attack of the "replace"
    kind.
    """
    writer = IncrementalPdfFileWriter(io.BytesIO(signed), strict=True)
    page = writer.root["/Pages"]["/Kids"][0]
    stream = page["/Contents"]
    stream._data = stream.data.replace(b"100 euros", b"999 euros")
    stream._encoded_data = None
    stream.pop("/Filter", None)
    writer.mark_update(page.raw_get("/Contents").reference)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def with_covering_note(signed: bytes) -> bytes:
    """Append a revision whose annotation covers the page: a shadow attack of the "hide" kind."""
    from pyhanko.pdf_utils import generic

    writer = IncrementalPdfFileWriter(io.BytesIO(signed), strict=True)
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Annot"),
            generic.pdf_name("/Subtype"): generic.pdf_name("/FreeText"),
            generic.pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
            generic.pdf_name("/Contents"): generic.pdf_string("Montant : 999 euros"),
            generic.pdf_name("/DA"): generic.pdf_string("/Helv 24 Tf"),
        }
    )
    existing = list(page["/Annots"]) if "/Annots" in page else []
    page["/Annots"] = generic.ArrayObject([*existing, writer.add_object(note)])
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def with_byte_range_moved(signed: bytes) -> bytes:
    """Enlarge the hole so that it hides more than the signature, and let the sizes still add up."""
    start = signed.rindex(b"/ByteRange")
    end = signed.index(b"]", start)
    numbers = [int(n) for n in signed[signed.index(b"[", start) + 1 : end].split()]
    numbers[1] -= 10
    replaced = b"/ByteRange [" + b" ".join(b"%d" % n for n in numbers) + b"]"
    return signed[:start] + replaced.ljust(end + 1 - start) + signed[end + 1 :]


def with_first_signature_swapped(signed: bytes, other: bytes) -> bytes:
    """Put the signature of another document into this one."""

    def hole(document: bytes) -> tuple[int, int]:
        start = document.rindex(b"/Contents <") + len(b"/Contents <")
        return start, document.index(b">", start)

    a, b = hole(signed)
    c, d = hole(other)
    value = other[c:d].rstrip(b"0").ljust(b - a, b"0")
    return signed[:a] + value + signed[b:]


def with_text_field(document: bytes) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(document)) as pdf:
        page = pdf.pages[0]
        field = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=Name.Annot,
                Subtype=Name.Widget,
                FT=Name.Tx,
                T=pikepdf.String("Visa"),
                Rect=[72, 600, 300, 620],
                F=4,
                P=page.obj,
            )
        )
        page.Annots = pdf.make_indirect(pikepdf.Array([field]))
        pdf.Root.AcroForm = pdf.make_indirect(pikepdf.Dictionary(Fields=pdf.make_indirect(pikepdf.Array([field]))))
        pdf.save(out)
    return out.getvalue()


def with_field_filled(signed: bytes) -> bytes:
    """Fill the form in after signing, which the signature allows and a reader should know."""
    from pyhanko.pdf_utils import generic

    writer = IncrementalPdfFileWriter(io.BytesIO(signed), strict=True)
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/V"] = generic.pdf_string("Vu et approuvé")
    writer.update_container(field)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def encrypted(document: bytes) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(document)) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="o", user="", R=6))
    return out.getvalue()


FORGED = {"invalid", "indeterminate"}


def make_documents(pki: Pki, other: Pki) -> dict[str, tuple[bytes, set[str]]]:
    """Every document with the verdicts that it may be given when only ``pki.root`` is trusted."""
    plain = blank_document()
    signed = sign(plain, pki)
    stamped = sign(plain, pki, stamped=True)
    middle = signed.index(b"/ByteRange")
    return {
        "genuine/simple.pdf": (signed, {"valid"}),
        "genuine/stamped.pdf": (stamped, {"valid"}),
        "genuine/lta.pdf": (sign(plain, pki, lta=True), {"valid"}),
        "genuine/certified.pdf": (
            sign(plain, pki, certify=True, docmdp_permissions=fields.MDPPerm.NO_CHANGES),
            {"valid"},
        ),
        "genuine/signed-twice.pdf": (sign(signed, pki, field="Second"), {"valid"}),
        "genuine/filled-later.pdf": (with_field_filled(sign(with_text_field(plain), pki)), {"indeterminate"}),
        "forged/second-untrusted.pdf": (sign(signed, other, field="Second"), {"indeterminate"}),
        "genuine/line-break-after.pdf": (signed + b"\n", {"valid"}),
        "forged/untrusted-root.pdf": (sign(plain, other), {"indeterminate"}),
        "forged/expired-unstamped.pdf": (sign(plain, pki, who=pki.expired), {"indeterminate"}),
        "forged/altered-byte.pdf": (_flipped(signed, signed.index(b"/MediaBox") + 12), FORGED),
        "forged/altered-padding.pdf": (_flipped(signed, middle - 3), FORGED),
        "forged/altered-time.pdf": (_flipped(signed, signed.rindex(b"/M ") + 12), FORGED),
        "forged/altered-signature.pdf": (_flipped(signed, signed.rindex(b"/Contents <") + 1400), FORGED),
        "forged/other-content.pdf": (with_other_content(signed), {"invalid"}),
        "forged/other-content-stamped.pdf": (with_other_content(stamped), {"invalid"}),
        "forged/covering-note.pdf": (with_covering_note(signed), FORGED),
        "forged/byte-range-moved.pdf": (with_byte_range_moved(signed), FORGED),
        "forged/signature-of-another.pdf": (
            with_first_signature_swapped(signed, sign(blank_document(2), pki)),
            {"invalid"},
        ),
        "forged/bytes-after.pdf": (signed + b"% and more\n", FORGED),
        "forged/truncated.pdf": (signed[:-200], FORGED),
        "forged/encrypted.pdf": (encrypted(signed), {"invalid"}),
        "forged/garbage.pdf": (
            b"%PDF-1.7\n" + bytes(range(256)) * 40 + b"/ByteRange [0 1 2 3]",
            {"indeterminate"},
        ),
        "unsigned/plain.pdf": (plain, {"none"}),
        "unsigned/sloppy.pdf": (plain[:-40], {"none"}),
        "unsigned/empty.pdf": (b"", {"none"}),
    }


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def main(folder: Path) -> None:
    pki = make_pki(datetime.now(UTC).replace(microsecond=0))
    documents = make_documents(pki, make_pki(datetime.now(UTC).replace(microsecond=0), "Autorité inconnue"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root.pem").write_bytes(pki.root.pem)
    for name, (content, _) in documents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    expected = {name: sorted(verdicts) for name, (_, verdicts) in documents.items()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
