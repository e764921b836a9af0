"""Prepare, complete and judge seals in PDF files. The only user of pyHanko.

Sealing takes three steps, so that no parser of foreign bytes runs where the key is::

    prepare    in the sandbox   adds an empty, invisible field; states which bytes are to be sealed
    complete   where the key is hashes those bytes, seals the digest, fills the hole; parses no PDF
    validate   in the sandbox   reads the result as a stranger would

The file that comes in is a prefix of the file that goes out.
"""

from __future__ import annotations

import hashlib
import mmap
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.chains import readable_name
from signing.cms import opened, signature_of, signed_message, with_token
from signing.ground.clock import Clock, utc_now
from signing.ground.errors import Corrupt, Refused
from signing.port import Signer, Timestamper
from signing.revocation import Archived
from signing.trust import Trusted
from signing.validity import require_valid_seal
from signing.verdict import SignatureFinding, SignatureReport

if TYPE_CHECKING:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.reader import PdfFileReader

    from signing.pdf_findings import Material

_CHUNK = 1 << 20
_ROOM_BESIDE_CERTIFICATES = 2_000
_ROOM_FOR_TOKEN = 10_000


@dataclass(frozen=True)
class PreparedSeal:
    """Facts about a prepared file, for ``complete``; they can be written as JSON.

    Attributes:
        digest: SHA-256 of the bytes to be sealed, hex.
        hole_start: Offset of ``<``, the first byte left out of the digest.
        hole_end: Offset after ``>``.
        size: Size of the whole file.
        certificate: SHA-256 of the certificate that the hole was measured for, hex.
        field: Name of the signature field.
        at: Claimed time, ISO 8601.
    """

    digest: str
    hole_start: int
    hole_end: int
    size: int
    certificate: str
    field: str
    at: str

    def as_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PreparedSeal:
        """Read what ``as_json`` wrote; its shape is checked, as it comes from a sandbox.

        Raises:
            ValueError: If a member is missing, unknown, or of another type.
        """
        try:
            prepared = cls(**value)
        except TypeError as error:
            raise ValueError("not a prepared seal") from error
        numbers = (prepared.hole_start, prepared.hole_end, prepared.size)
        texts = (prepared.digest, prepared.certificate, prepared.field, prepared.at)
        if not all(type(n) is int for n in numbers) or not all(isinstance(t, str) for t in texts):
            raise ValueError("not a prepared seal")
        return prepared


@dataclass(frozen=True)
class SealFacts:
    """Facts about a seal that was just applied.

    Attributes:
        level: ``B-LT`` with a time-stamp and all revocation data, ``B-T`` with a time-stamp, else
            ``B-B``.
        sealed_at: Attested time, or the claimed one without a time-stamp.
        probative: Whether both seal and time come from outside authorities.
        signer: Readable name of the seal.
        field: Name of the signature field.
    """

    level: str
    sealed_at: datetime
    probative: bool
    signer: str
    field: str


def prepare(
    source: Path,
    target: Path,
    *,
    certificate: bytes,
    chain: Sequence[bytes] = (),
    archived: Archived | None = None,
    field: str = "ChartrierSeal",
    reason: str = "Cachet électronique du service d’archives",
    at: datetime,
) -> PreparedSeal:
    """Append an empty, invisible signature field to a copy of a file (runs in the sandbox).

    Args:
        source: PDF without signatures; read only.
        target: Path of the prepared copy.
        certificate: DER of the seal certificate, to measure the hole.
        chain: DER of its issuers.
        archived: Certificates and revocation data to embed, for validators of strangers.
        field: Name of the field.
        reason: Why it is sealed, shown to readers of the file.
        at: Claimed time.

    Raises:
        Refused: If the file is encrypted, signed or not readable strictly.
    """
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
    from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
    from pyhanko.sign.signers.pdf_byterange import SignatureObject

    shutil.copyfile(source, target)
    room = len(certificate) + sum(map(len, chain)) + _ROOM_BESIDE_CERTIFICATES + _ROOM_FOR_TOKEN
    with target.open("r+b") as file:
        try:
            writer = _writer(file)
            _embed(writer, archived)
            steps = PdfCMSEmbedder(SigFieldSpec(field)).write_cms(field, writer)
            next(steps)
            placeholder = SignatureObject(
                timestamp=at, reason=reason, subfilter=SigSeedSubFilter.PADES, bytes_reserved=2 * room
            )
            steps.send(SigObjSetup(placeholder))
            hole, _ = steps.send(SigIOSetup(md_algorithm="sha256", in_place=True))
        except (PdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refused(
                "pdf_unreadable",
                "Le document ne peut pas recevoir de cachet ({fault}).",
                fault=type(error).__name__,
            ) from error
    return PreparedSeal(
        digest=hole.document_digest.hex(),
        hole_start=hole.reserved_region_start,
        hole_end=hole.reserved_region_end,
        size=target.stat().st_size,
        certificate=hashlib.sha256(certificate).hexdigest(),
        field=field,
        at=at.isoformat(),
    )


def _embed(writer: IncrementalPdfFileWriter, archived: Archived | None) -> None:
    """Add a document security store, if there is something for it; it is sealed with the rest."""
    if archived is None or not (archived.crls or archived.ocsps):
        return
    from asn1crypto import crl, ocsp
    from asn1crypto import x509 as asn1_x509
    from pyhanko.sign.validation.dss import DocumentSecurityStore

    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[asn1_x509.Certificate.load(der, strict=True) for der in archived.certificates],
        crls=[crl.CertificateList.load(der, strict=True) for der in archived.crls],
        ocsps=[ocsp.OCSPResponse.load(der, strict=True) for der in archived.ocsps],
    )


def _writer(file: BinaryIO) -> IncrementalPdfFileWriter:
    """Open a PDF for one more revision; refuse one that may not be sealed."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import enumerate_sig_fields

    writer = IncrementalPdfFileWriter(file, strict=True)
    if writer.prev.encrypted:
        raise Refused("pdf_encrypted", "Le document est chiffré ; il ne peut pas recevoir de cachet.")
    if any(True for _ in enumerate_sig_fields(writer.prev, filled_status=True)):
        raise Refused("pdf_signed", "Le document est déjà signé ; il n’est pas modifié.")
    return writer


def complete(
    target: Path,
    prepared: PreparedSeal,
    signer: Signer,
    timestamper: Timestamper | None,
    *,
    source: Path | None = None,
    clock: Clock = utc_now,
    archived: Archived | None = None,
) -> SealFacts:
    """Seal a prepared file in place; runs where the key is and works on bytes only.

    No answer of the sandbox is trusted: the hole must be an empty hexadecimal string, the digest is
    computed again, and the original must be a prefix of the file.

    Args:
        target: File that ``prepare`` wrote.
        prepared: The facts that it returned.
        signer: Holds the seal's key.
        timestamper: Attests the time; without one the seal is only B-B.
        source: The file before; when given, it is compared with the result.
        clock: The moment at which the seal's certificates must be good.
        archived: What ``prepare`` embedded; decides whether the level is B-LT.

    Raises:
        Corrupt: If the file is not what ``prepare`` described.
        Unavailable: If the signer or the authority does not answer, or is outside its validity.
    """
    require_valid_seal(signer, clock())
    with target.open("r+b") as file:
        room = _checked_hole(file, target, prepared, signer)
        if source is not None and not _starts_with(file, source):
            raise _torn("prefix")
        digest = _digest_around(file, prepared)
        if digest.hex() != prepared.digest:
            raise _torn("digest")
        signed = signed_message(signer, digest=digest)
        message = bytes(signed.dump())
        sealed_at, level = datetime.fromisoformat(prepared.at), "B-B"
        if timestamper is not None:
            token = timestamper.token(hashlib.sha256(signature_of(signed)).digest())
            message = with_token(message, token)
            sealed_at, level = _time_of(token), "B-T"
            if archived is not None and archived.complete and _stamped_by(token) in archived.certificates:
                level = "B-LT"
        content = message.hex().upper().encode()
        if len(content) > room:
            raise Corrupt("seal_too_large", "Le cachet et son jeton dépassent la place réservée dans le document.")
        file.seek(prepared.hole_start + 1)
        file.write(content)
    return SealFacts(
        level=level,
        sealed_at=sealed_at,
        probative=signer.probative and timestamper is not None and timestamper.probative,
        signer=readable_name(x509.load_der_x509_certificate(signer.certificate)),
        field=prepared.field,
    )


def seal_file(
    source: Path,
    target: Path,
    signer: Signer,
    timestamper: Timestamper | None,
    *,
    clock: Clock = utc_now,
    archived: Archived | None = None,
) -> SealFacts:
    """Prepare and complete in one process; only for files of our own."""
    certificate, chain = signer.certificate, signer.chain
    prepared = prepare(source, target, certificate=certificate, chain=chain, archived=archived, at=clock())
    return complete(target, prepared, signer, timestamper, source=source, clock=clock, archived=archived)


def validate(path: Path, trusted: Trusted | Sequence[bytes], at: datetime) -> SignatureReport:
    """Judge every signature of a PDF file; runs in the sandbox, never raises for its content.

    Args:
        path: The file; read only.
        trusted: Whom to trust (or DER roots alone) and what is known of revocations; nothing is
            fetched, and the system's list is not used.
        at: The moment of judgement.
    """
    from pyhanko.pdf_utils.crypt import AuthStatus
    from pyhanko.pdf_utils.reader import PdfFileReader

    from signing.pdf_findings import Material, doubt

    given = trusted if isinstance(trusted, Trusted) else Trusted(roots=tuple(trusted))
    try:
        with path.open("rb") as file:
            reader = PdfFileReader(file, strict=True)
            if reader.encrypted and reader.decrypt("").status is AuthStatus.FAILED:
                return SignatureReport.of((doubt("", "encrypted"),))
            return SignatureReport.of(_findings(reader, Material.of(given), at))
    except Exception:  # noqa: BLE001 - whatever a foreign file does to the parser is a doubt, never a pass
        # A file that can hold no signature is badly written, but nothing in it has to be judged.
        return SignatureReport.of((doubt("", "unreadable"),) if _may_be_signed(path) else ())


def _findings(reader: PdfFileReader, material: Material, at: datetime) -> tuple[SignatureFinding, ...]:
    """Return one finding for each filled signature field, in the order of signing."""
    from pyhanko.sign.fields import enumerate_sig_fields
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

    from signing.pdf_findings import JUDGED, SignatureJudge, doubt

    found: list[tuple[int, SignatureFinding]] = []
    for name, value, field in enumerate_sig_fields(reader, filled_status=True):
        try:
            if value.get_object().get("/SubFilter") not in JUDGED:
                found.append((0, doubt(name, "unsupported_signature")))
                continue
            signature = EmbeddedPdfSignature(reader, field, name)
            finding = SignatureJudge(reader, signature, material, at).finding()
            found.append((signature.signed_revision, finding))
        except Exception as error:  # noqa: BLE001 - each signature fails by itself
            weak = "Algorithm" in type(error).__name__
            found.append((0, doubt(name, "weak_algorithm" if weak else "unreadable")))
    return tuple(finding for _, finding in sorted(found, key=lambda pair: pair[0]))


def _may_be_signed(path: Path) -> bool:
    """Whether the file contains a byte range; without one there is no signature."""
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(b"ByteRange") >= 0


def _checked_hole(file: BinaryIO, target: Path, prepared: PreparedSeal, signer: Signer) -> int:
    """Check that the hole is an empty hexadecimal string inside the file; return its size."""
    start, end = prepared.hole_start, prepared.hole_end
    if not 0 < start < end - 2 < end < prepared.size or target.stat().st_size != prepared.size:
        raise _torn("offsets")
    file.seek(start)
    if file.read(end - start) != b"<" + b"0" * (end - start - 2) + b">":
        raise _torn("hole")
    if hashlib.sha256(signer.certificate).hexdigest() != prepared.certificate:
        raise _torn("certificate")
    return end - start - 2


def _digest_around(file: BinaryIO, prepared: PreparedSeal) -> bytes:
    digest = hashlib.sha256()
    for start, end in ((0, prepared.hole_start), (prepared.hole_end, prepared.size)):
        file.seek(start)
        remaining = end - start
        while remaining and (chunk := file.read(min(_CHUNK, remaining))):
            digest.update(chunk)
            remaining -= len(chunk)
    return digest.digest()


def _starts_with(file: BinaryIO, source: Path) -> bool:
    file.seek(0)
    with source.open("rb") as before:
        while chunk := before.read(_CHUNK):
            if file.read(len(chunk)) != chunk:
                return False
    return True


def _time_of(token: bytes) -> datetime:
    from asn1crypto import cms

    statement = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    time: datetime = statement["gen_time"].native
    return time


def _stamped_by(token: bytes) -> bytes:
    """Return the DER of the certificate that signed a token which was checked before."""
    return opened(token).certificate.public_bytes(Encoding.DER)


def _torn(what: str) -> Corrupt:
    return Corrupt(
        "seal_preparation_torn",
        "Le document préparé pour le cachet n’est pas celui qui a été décrit ({what}).",
        what=what,
    )
