"""Judge one signature in a PDF file; called by ``signing.pdf`` alone.

It is strict: one strict parser, the caller's roots and no others, no fetching, revocation required
wherever a certificate declares it, the whole file accounted for. Anything that goes wrong on the
way makes the verdict indeterminate, never a pass.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import parser
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from signing.chains import Purpose, chain_fault, has_foreign_usage, readable_name
from signing.pdf_changes import COMPLETED, SIGNATURES_ONLY
from signing.reasons import sentence
from signing.timestampers.rfc3161 import TokenReport, verify_token
from signing.trust import Trusted
from signing.verdict import SignatureFinding, Verdict

# Otherwise each distrusted certificate would put a traceback with a person's name into the log.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

_SIGNERS = KeyUsageConstraints(key_usage={"non_repudiation", "digital_signature"})
"""Either is enough, as in ``signing.chains``; a foreign extended usage is looked for afterwards."""

JUDGED = frozenset({"/ETSI.CAdES.detached", "/adbe.pkcs7.detached", "/ETSI.RFC3161"})
"""Kinds of signature that can be judged; any other is indeterminate."""

_REASONS = {
    AdESIndeterminate.NO_CERTIFICATE_CHAIN_FOUND: "untrusted_chain",
    AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE: "untrusted_chain",
    AdESIndeterminate.EXPIRED: "expired",
    AdESIndeterminate.OUT_OF_BOUNDS_NO_POE: "expired",
    AdESIndeterminate.OUT_OF_BOUNDS_NOT_REVOKED: "expired",
    AdESIndeterminate.NOT_YET_VALID: "not_yet_valid",
    AdESFailure.NOT_YET_VALID: "not_yet_valid",
    AdESFailure.REVOKED: "revoked",
    AdESIndeterminate.REVOKED_NO_POE: "revoked",
    AdESIndeterminate.REVOKED_CA_NO_POE: "revoked",
    AdESIndeterminate.TRY_LATER: "revocation_unknown",
    AdESIndeterminate.REVOCATION_OUT_OF_BOUNDS_NO_POE: "revocation_unknown",
    AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE: "key_usage",
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE: "weak_algorithm",
    AdESIndeterminate.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: "weak_algorithm",
}


_END: Final = re.compile(rb"startxref\s+[0-9]+\s+%%EOF\s*\Z")
_LONGEST_END: Final = 2048


@dataclass(frozen=True)
class Material:
    """What signatures are judged by, in pyHanko's form.

    Attributes:
        roots: DER of the trusted certificates.
    """

    roots: tuple[bytes, ...]
    trusted: tuple[asn1_x509.Certificate, ...]
    intermediates: tuple[asn1_x509.Certificate, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]

    @classmethod
    def of(cls, given: Trusted) -> Material:
        """Convert what was given; a root that can't be read is an error."""
        load = asn1_x509.Certificate.load
        return cls(
            given.roots,
            tuple(load(der, strict=True) for der in given.roots),
            tuple(load(der, strict=True) for der in given.intermediates),
            given.crls,
            given.ocsps,
        )


class SignatureJudge:
    """Judge of one signature: first its bytes, then trust in its signer."""

    def __init__(
        self,
        reader: PdfFileReader,
        signature: EmbeddedPdfSignature,
        material: Material,
        at: datetime,
    ) -> None:
        self._reader = reader
        self._signature = signature
        self._material = material
        self._at = at
        self._stamp = self._token_report()
        self._stamped = self._stamp.time if self._stamp and self._stamp.verdict is Verdict.VALID else None

    def finding(self) -> SignatureFinding:
        """Judge the bytes, then the seal on them, then later changes, then the signer."""
        stamp_only = self._signature.sig_object_type == "/DocTimeStamp"
        if stamp_only:
            status: Any = validate_pdf_timestamp(self._signature, self._context(self._at), diff_policy=COMPLETED)
        else:
            moment = self._context(self._stamped or self._at)
            status = validate_pdf_signature(
                self._signature, moment, self._context(self._at), key_usage_settings=_SIGNERS, diff_policy=COMPLETED
            )
        verdict, reason = self._verdict(status)
        certificate = x509.load_der_x509_certificate(self._signature.signer_cert.dump())
        claimed = status.timestamp if stamp_only else self._signature.self_reported_timestamp
        return SignatureFinding(
            field=self._signature.field_name,
            signer=readable_name(certificate),
            verdict=verdict,
            reason=reason,
            detail=sentence(reason),
            intact=bool(status.intact),
            covers_whole_file=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
            signed_at=self._stamped or claimed,
            level=self._level(stamp_only=stamp_only),
            certificate=self._signature.signer_cert.dump().hex(),
        )

    def _verdict(self, status: Any) -> tuple[Verdict, str]:
        if not (status.intact and status.valid):
            return Verdict.INVALID, "bad_signature" if status.intact else "digest_mismatch"
        changed = self._changed(status)
        if changed is not None:
            return changed
        if self._stamp is not None and self._stamp.verdict is Verdict.INVALID:
            return Verdict.INDETERMINATE, "token_invalid"
        doubted = self._doubt_about_signer(status)
        if doubted is not None:
            return Verdict.INDETERMINATE, doubted
        return Verdict.VALID, "ok"

    def _doubt_about_signer(self, status: Any) -> str | None:
        """Return why the signer can't be vouched for; None when nothing speaks against it."""
        if not status.trusted:
            return self._distrust(status)
        if not getattr(status, "seed_value_ok", True):
            return "constraints"
        signer = x509.load_der_x509_certificate(self._signature.signer_cert.dump())
        if self._signature.sig_object_type != "/DocTimeStamp" and has_foreign_usage(signer):
            return "key_usage"
        return None

    def _distrust(self, status: Any) -> str:
        """Return why the signer is not trusted; lacking revocation data is not lacking trust."""
        reason = _REASONS.get(status.trust_problem_indic, "untrusted_chain")
        if reason not in {"untrusted_chain", "revocation_unknown"}:
            return reason
        load = x509.load_der_x509_certificate
        signer, moment = load(self._signature.signer_cert.dump()), self._stamped or self._at
        others = [load(c.dump()) for c in (*self._signature.other_embedded_certs, *self._material.intermediates)]
        others += [load(c.dump()) for c in self._archived()]
        stamps = self._signature.sig_object_type == "/DocTimeStamp"
        purpose = Purpose.TIME_STAMPS if stamps else Purpose.DOCUMENTS
        fault = chain_fault(signer, others, [load(der) for der in self._material.roots], moment, purpose=purpose)
        return "revocation_unknown" if fault is None else fault

    def _archived(self) -> list[Any]:
        store = self._security_store()
        return list(store.load_certs()) if store is not None else []

    def _changed(self, status: Any) -> tuple[Verdict, str] | None:
        """Judge the bytes outside the signature; None when there are none or they are harmless."""
        if not self._hole_is_the_signature() or status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
            return Verdict.INVALID, "partial_coverage"
        if self._padding().strip(b"\0"):
            return Verdict.INDETERMINATE, "hidden_bytes"
        if status.coverage is SignatureCoverageLevel.ENTIRE_FILE:
            return None
        if self._signature.signed_revision == self._reader.xrefs.total_revisions - 1:
            # Bytes follow that are no revision: only a line break is harmless.
            return (Verdict.INDETERMINATE, "partial_coverage") if self._tail().strip() else None
        return self._revised(status)

    def _revised(self, status: Any) -> tuple[Verdict, str] | None:
        """Judge the revisions after the signed one; None when they are harmless."""
        level = status.modification_level
        if level is None or level is ModificationLevel.OTHER or getattr(status, "docmdp_ok", None) is False:
            return Verdict.INVALID, "changed_after_signing"
        if not self._ends_with_a_revision():
            return Verdict.INDETERMINATE, "partial_coverage"
        if level > ModificationLevel.LTA_UPDATES and not self._only_signatures_follow():
            return Verdict.INDETERMINATE, "completed_later"
        return None

    def _only_signatures_follow(self) -> bool:
        """Whether later revisions only add signatures; each of these is judged by itself."""
        result = SIGNATURES_ONLY.review_file(self._reader, self._signature.signed_revision)
        return isinstance(result, DiffResult)

    def _hole_is_the_signature(self) -> bool:
        """Whether the byte range leaves out the signature's hexadecimal string and nothing else."""
        first, length, second, _ = (int(n) for n in self._signature.byte_range)
        if first != 0 or not 0 < length < second:
            return False
        self._reader.stream.seek(length)
        hole = self._reader.stream.read(second - length)
        if hole[:1] != b"<" or hole[-1:] != b">":
            return False
        try:
            return bytes.fromhex(hole[1:-1].decode("ascii")) == self._signature.pkcs7_content
        except ValueError:
            return False

    def _padding(self) -> bytes:
        """Return the bytes after the signature in its unsigned gap; they must all be zero."""
        content = bytes(self._signature.pkcs7_content)
        return content[int(parser.peek(content)) :]

    def _tail(self) -> bytes:
        *_, start, length = (int(n) for n in self._signature.byte_range)
        self._reader.stream.seek(start + length)
        return bytes(self._reader.stream.read(64))

    def _ends_with_a_revision(self) -> bool:
        """Whether nothing but white space follows the last revision."""
        stream = self._reader.stream
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - _LONGEST_END))
        return _END.search(stream.read()) is not None

    def _context(self, moment: datetime) -> ValidationContext:
        options: dict[str, Any] = {
            "trust_roots": list(self._material.trusted),
            "other_certs": list(self._material.intermediates),
            "crls": list(self._material.crls),
            "ocsps": list(self._material.ocsps),
            "allow_fetching": False,
            "revocation_mode": "hard-fail",
            "moment": moment,
            # Revocation lists archived in the file are younger than the signature, on purpose.
            "retroactive_revinfo": True,
        }
        store = self._security_store()
        if store is None:
            return ValidationContext(**options)
        context: ValidationContext = store.as_validation_context(options)
        return context

    def _security_store(self) -> DocumentSecurityStore | None:
        if "/DSS" not in self._reader.root:
            return None
        return DocumentSecurityStore.read_dss(self._reader)

    def _token_report(self) -> TokenReport | None:
        info = self._signature.signer_info
        tokens = [
            token
            for attribute in info["unsigned_attrs"] or ()
            if attribute["type"].native == "signature_time_stamp_token"
            for token in attribute["values"]
        ]
        if not tokens:
            return None
        digest = hashlib.sha256(info["signature"].native).digest()
        return verify_token(tokens[0].dump(), digest, self._material.roots, at=self._at)

    def _level(self, *, stamp_only: bool) -> str:
        if stamp_only:
            return "B-LTA"
        if self._signature.sig_object.get("/SubFilter") != "/ETSI.CAdES.detached":
            return "CMS"
        if self._stamped is None:
            return "B-B"
        if self._security_store() is None:
            return "B-T"
        later = [
            signature
            for signature in self._reader.embedded_timestamp_signatures
            if signature.signed_revision > self._signature.signed_revision
        ]
        return "B-LTA" if later else "B-LT"


def doubt(field: str, reason: str) -> SignatureFinding:
    """Return an indeterminate finding that carries only the reason."""
    return SignatureFinding(
        field=field, signer="", verdict=Verdict.INDETERMINATE, reason=reason, detail=sentence(reason)
    )
