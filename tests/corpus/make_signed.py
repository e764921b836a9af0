"""A set of signed documents that may arrive: genuine ones in many forms, and forgeries of them.

Each has the one verdict and reason that it must get when ``trusted`` is all that is known. A
genuine document is valid, or doubted for a reason that is true of it; a forged one is never valid.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pikepdf
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.trust import Trusted
from tests.corpus.make_pki import (
    DER,
    YEAR,
    Identity,
    Pki,
    blank_document,
    issue,
    make_pki,
    sign,
    with_byte_range_moved,
    with_covering_note,
    with_field_filled,
    with_first_signature_swapped,
    with_other_content,
    with_text_field,
)

DAY = timedelta(days=1)
NOWHERE = "http://nowhere.invalid"
VALID = ("valid", "ok")
COMPLETED = ("indeterminate", "completed_later")
UNTRUSTED = ("indeterminate", "untrusted_chain")
CHANGED = ("invalid", "changed_after_signing")
LACKING = ("indeterminate", "revocation_unknown")
NOTHING = ("none", "")

N = generic.pdf_name
Expected = tuple[str, str] | str
Case = tuple[str, bytes, Expected]
"""Name, document, and what it must get: verdict and reason, or ``refused``: anything but valid."""


def crl_of(issuer: Identity, now: datetime, *revoked: Identity) -> bytes:
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, now - DAY, now + 30 * DAY)
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder(one.certificate.serial_number, now - 2 * DAY).build()
        )
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(DER)


def answer_of(who: Identity, issuer: Identity, now: datetime) -> bytes:
    span = (now - DAY, now + 30 * DAY, None, None)
    built = ocsp.OCSPResponseBuilder().add_response(
        who.certificate, issuer.certificate, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD, *span
    )
    built = built.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer.certificate)
    return built.sign(issuer.key, hashes.SHA256()).public_bytes(DER)


@dataclass
class World:
    """Identities of the set; ``trusted`` is what an administrator put into ``trust/``."""

    now: datetime
    pki: Pki
    other: Pki

    @cached_property
    def listed(self) -> Identity:
        """Its certificate names a list, and the list is known."""
        return self._issued("Maire, liste connue", self.lists, crl_url=f"{NOWHERE}/a.crl")

    @cached_property
    def lists(self) -> Identity:
        return self._issued("Autorité qui publie", self.pki.root, authority=True)

    @cached_property
    def silent(self) -> Identity:
        return self._issued("Autorité muette", self.pki.root, authority=True)

    @cached_property
    def unlisted(self) -> Identity:
        """Its certificate names a list that nobody fetched."""
        return self._issued("Maire, liste inconnue", self.silent, crl_url=f"{NOWHERE}/b.crl")

    @cached_property
    def revoked(self) -> Identity:
        return self._issued("Maire révoqué", self.lists, crl_url=f"{NOWHERE}/a.crl")

    @cached_property
    def answered(self) -> Identity:
        return self._issued("Maire, réponse connue", self.silent, ocsp_url=f"{NOWHERE}/ocsp")

    @cached_property
    def rsa(self) -> Identity:
        return self._issued("Maire à clé RSA", self.pki.issuing, rsa_key=True)

    @property
    def trusted(self) -> Trusted:
        lists = (crl_of(self.lists, self.now, self.revoked), crl_of(self.pki.root, self.now))
        answers = (answer_of(self.answered, self.silent, self.now),)
        issuers = (self.pki.issuing.der, self.lists.der, self.silent.der)
        return Trusted((self.pki.root.der,), issuers, lists, answers)

    def _issued(self, name: str, issuer: Identity, **given: Any) -> Identity:
        return issue(name, issuer, self.now - YEAR, self.now + YEAR, **given)


def make_world() -> World:
    now = datetime.now(UTC).replace(microsecond=0)
    return World(now, make_pki(now), make_pki(now, "Autorité inconnue"))


def bare(document: bytes, who: Identity, *, stamper: Pki | None = None, adobe: bool = False, **meta: Any) -> bytes:
    """Sign without sending any certificate but the signer's own."""
    signer = signers.SimpleSigner(who.asn1, who.asn1_key, SimpleCertificateStore())
    form = fields.SigSeedSubFilter.ADOBE_PKCS7_DETACHED if adobe else fields.SigSeedSubFilter.PADES
    given = signers.PdfSignatureMetadata(field_name="Signature", md_algorithm="sha256", subfilter=form, **meta)
    clock = DummyTimeStamper(stamper.tsa.asn1, stamper.tsa.asn1_key) if stamper else None
    writer = IncrementalPdfFileWriter(io.BytesIO(document), strict=True)
    return bytes(signers.PdfSigner(given, signer, timestamper=clock).sign_pdf(writer).getvalue())


def with_lock(document: bytes, action: fields.FieldMDPAction, names: list[str] | None) -> bytes:
    return _with_field(document, fields.SigFieldSpec("Signature", field_mdp_spec=fields.FieldMDPSpec(action, names)))


def with_empty_field(document: bytes, name: str = "Signature") -> bytes:
    return _with_field(document, fields.SigFieldSpec(name, box=(72, 100, 300, 150)))


def _with_field(document: bytes, spec: fields.SigFieldSpec) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(document), strict=True)
    fields.append_signature_field(writer, spec)
    return _written(writer)


def filled(signed: bytes, **also: Any) -> bytes:
    """Fill the field « Visa » in, as programs do: with its looks, its time."""
    writer = IncrementalPdfFileWriter(io.BytesIO(signed), strict=True)
    form = writer.root["/AcroForm"]
    field = next(one.get_object() for one in form["/Fields"] if one.get_object().get("/T") == "Visa")
    field["/V"] = generic.pdf_string("Vu et approuvé")
    for key, value in also.items():
        field[N(f"/{key}")] = value
    writer.update_container(field)
    return _written(writer)


def with_note(signed: bytes, subtype: str = "Text", **also: Any) -> bytes:
    """Add one small annotation to the first page."""
    writer = IncrementalPdfFileWriter(io.BytesIO(signed), strict=True)
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            N("/Type"): N("/Annot"),
            N("/Subtype"): N(f"/{subtype}"),
            N("/Rect"): generic.ArrayObject(map(generic.NumberObject, (10, 10, 30, 30))),
            N("/Contents"): generic.pdf_string("Vu"),
        }
    )
    for key, value in also.items():
        note[N(f"/{key}")] = value
    existing = [page["/Annots"].raw_get(n) for n in range(len(page["/Annots"]))] if "/Annots" in page else []
    page["/Annots"] = generic.ArrayObject([*existing, writer.add_object(note)])
    writer.update_container(page)
    return _written(writer)


def note_and_other_content(signed: bytes) -> bytes:
    """Hide a change of the page's text behind an annotation that is allowed, in one revision."""
    writer = IncrementalPdfFileWriter(io.BytesIO(with_note(signed)), strict=True)
    page = writer.root["/Pages"]["/Kids"][0]
    stream = page["/Contents"]
    stream._data = stream.data.replace(b"100 euros", b"999 euros")
    stream._encoded_data = None
    stream.pop("/Filter", None)
    writer.mark_update(page.raw_get("/Contents").reference)
    return _written(writer)


def _written(writer: IncrementalPdfFileWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def owner_locked(document: bytes, user: str = "") -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(document)) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="proprietaire", user=user, R=6))
    return out.getvalue()


def signed_inside(document: bytes, pki: Pki) -> bytes:
    """Sign a document that its owner protected: anybody may open it."""
    writer = IncrementalPdfFileWriter(io.BytesIO(owner_locked(document)), strict=True)
    writer.encrypt("")
    store = SimpleCertificateStore()
    store.register(pki.issuing.asn1)
    signer = signers.SimpleSigner(pki.signer.asn1, pki.signer.asn1_key, store)
    meta = signers.PdfSignatureMetadata(field_name="Signature", subfilter=fields.SigSeedSubFilter.PADES)
    return bytes(signers.PdfSigner(meta, signer).sign_pdf(writer).getvalue())


def genuine(world: World) -> Iterator[Case]:
    pki, plain, form = world.pki, blank_document(), with_text_field(blank_document())
    perm, lock = fields.MDPPerm, fields.FieldMDPAction
    for key, who in {"ec": pki.signer, "rsa": world.rsa}.items():
        for stamped in (False, True):
            for adobe in (False, True):
                name = f"{key}-{'stamped' if stamped else 'plain'}-{'adobe' if adobe else 'pades'}"
                yield name, bare(plain, who, stamper=pki if stamped else None, adobe=adobe), VALID
    yield "long-term", sign(plain, pki, lta=True), VALID
    yield "two-pages", sign(blank_document(2), pki), VALID
    yield "visible-reason", sign(plain, pki, reason="Pour copie conforme", location="Mairie"), VALID
    yield "signed-twice", sign(sign(plain, pki), pki, field="Second"), VALID
    yield "signed-thrice", sign(sign(sign(plain, pki), pki, field="B"), pki, field="C"), VALID
    yield "line-break-after", sign(plain, pki) + b"\r\n", VALID
    yield "list-known", bare(plain, world.listed), VALID
    yield "answer-known", bare(plain, world.answered), VALID
    yield "list-known-stamped", bare(plain, world.listed, stamper=pki), VALID
    yield "list-unknown", bare(plain, world.unlisted), LACKING
    yield "list-unknown-stamped", bare(plain, world.unlisted, stamper=pki), LACKING
    yield "revoked", bare(plain, world.revoked), ("indeterminate", "revoked")
    yield "expired", sign(plain, pki, who=pki.expired), ("indeterminate", "expired")
    yield "unknown-authority", sign(plain, world.other), UNTRUSTED
    yield "empty-field-beside", sign(with_empty_field(plain, "Autre"), pki), VALID
    yield "empty-field-added-later", with_empty_field(sign(plain, pki), "Autre"), VALID
    for level in (perm.NO_CHANGES, perm.FILL_FORMS, perm.ANNOTATE):
        yield f"certified-{level.value}", sign(plain, pki, certify=True, docmdp_permissions=level), VALID
    for level in (perm.FILL_FORMS, perm.ANNOTATE):
        certified = sign(form, pki, certify=True, docmdp_permissions=level)
        yield f"certified-{level.value}-then-signed", sign(certified, pki, field="Second"), VALID
        yield f"certified-{level.value}-then-filled", with_field_filled(certified), COMPLETED
    certified = sign(form, pki, certify=True, docmdp_permissions=perm.ANNOTATE)
    for subtype in ("Text", "Highlight", "FreeText", "Stamp"):
        yield f"certified-3-then-{subtype}", with_note(certified, subtype), COMPLETED
    yield "certified-3-then-two-notes", with_note(with_note(certified), "Square"), COMPLETED
    yield "certified-3-then-note-and-fill", filled(with_note(certified)), COMPLETED
    free = sign(with_lock(form, lock.INCLUDE, ["Autre"]), pki)
    yield "free-field-filled", with_field_filled(free), COMPLETED
    yield "free-field-filled-with-time", filled(free, M=generic.pdf_string("D:20260312081530Z")), COMPLETED
    yield "free-field-filled-with-look", filled(free, MK=generic.DictionaryObject()), COMPLETED
    yield "excluded-field-filled", with_field_filled(sign(with_lock(form, lock.EXCLUDE, ["Visa"]), pki)), COMPLETED
    yield "form-filled", with_field_filled(sign(form, pki)), COMPLETED
    yield "note-on-approval", with_note(sign(plain, pki)), COMPLETED
    yield "in-owner-protected-file", signed_inside(plain, pki), VALID


def unsigned(_: World) -> Iterator[Case]:
    plain = blank_document()
    yield "plain", plain, NOTHING
    yield "owner-password", owner_locked(plain), NOTHING
    yield "empty-field", with_empty_field(plain), NOTHING
    yield "form", with_text_field(plain), NOTHING
    yield "owner-password-and-empty-field", owner_locked(with_empty_field(plain)), NOTHING
    yield "user-password", owner_locked(plain, "secret"), ("indeterminate", "encrypted")


def forged(world: World) -> Iterator[Case]:
    pki, plain, form = world.pki, blank_document(), with_text_field(blank_document())
    perm, lock = fields.MDPPerm, fields.FieldMDPAction
    bases = {
        "simple": sign(plain, pki),
        "stamped": sign(plain, pki, stamped=True),
        "long-term": sign(plain, pki, lta=True),
        "certified-3": sign(plain, pki, certify=True, docmdp_permissions=perm.ANNOTATE),
    }
    other = sign(blank_document(2), pki)
    ways: dict[str, Callable[[bytes], bytes]] = {
        "other-content": with_other_content,
        "byte-range-moved": with_byte_range_moved,
        "signature-swapped": lambda one: with_first_signature_swapped(one, other),
        "page-flipped": lambda one: _flipped(one, one.index(b"/MediaBox") + 12),
        "signature-flipped": lambda one: _in_message(one, lambda told: told["signer_infos"][0]["signature"].contents),
        "signer-flipped": lambda one: _in_message(one, _certificate_of_the_signer),
        "bytes-after": lambda one: one + b"% and more\n",
        "note-over-other-content": note_and_other_content,
    }
    for base, document in bases.items():
        for way, change in ways.items():
            yield f"{base}-{way}", change(document), "refused"
    yield "locked-field-filled", with_field_filled(sign(with_lock(form, lock.INCLUDE, ["Visa"]), pki)), CHANGED
    yield "all-locked-filled", with_field_filled(sign(with_lock(form, lock.ALL, None), pki)), CHANGED
    yield "not-excluded-filled", with_field_filled(sign(with_lock(form, lock.EXCLUDE, ["Autre"]), pki)), CHANGED
    for level in (perm.NO_CHANGES, perm.FILL_FORMS):
        certified = sign(form, pki, certify=True, docmdp_permissions=level)
        yield f"note-on-certified-{level.value}", with_note(certified), CHANGED
    closed = sign(form, pki, certify=True, docmdp_permissions=perm.NO_CHANGES)
    yield "filled-on-certified-1", with_field_filled(closed), CHANGED
    action = generic.DictionaryObject({N("/S"): N("/JavaScript"), N("/JS"): generic.pdf_string("app.alert(1)")})
    yield "note-with-action", with_note(bases["certified-3"], "Text", A=action), CHANGED
    yield "link-added", with_note(bases["certified-3"], "Link"), CHANGED
    yield "covering-note", with_covering_note(bases["simple"]), "refused"
    yield "resaved-and-protected", owner_locked(bases["simple"]), "refused"
    yield "second-by-a-stranger", sign(bases["simple"], world.other, field="Second"), UNTRUSTED


def _in_message(content: bytes, part: Callable[[cms.SignedData], bytes]) -> bytes:
    """Flip a bit in the middle of a part of the first signature's message.

    Not at a fixed place: certificates lie there in the order of their bytes, and a bit of an
    authority's copy changes nothing that a reader relies on who has the authority.
    """
    start = content.index(b"/Contents <") + len(b"/Contents <")
    message = bytes.fromhex(content[start : content.index(b">", start)].decode())
    wanted = part(cms.ContentInfo.load(message)["content"])
    return _flipped(content, start + 2 * (message.index(wanted) + len(wanted) // 2) + 1)


def _certificate_of_the_signer(told: cms.SignedData) -> bytes:
    serial = told["signer_infos"][0]["sid"].chosen["serial_number"].native
    return next(one.chosen.dump() for one in told["certificates"] if one.chosen.serial_number == serial)


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
