"""Functions that a host may call in the sandbox, by name; the only way in."""

from __future__ import annotations

from typing import Final

_HERE: Final = "ingestion.tools.sandboxed"

FUNCTIONS: Final = {
    "identify": f"{_HERE}.identify:identify",
    "normalise": f"{_HERE}.normalise:normalise",
    "recognise_pages": f"{_HERE}.recognise:recognise_pages",
    "convert": f"{_HERE}.convert:convert",
    "pdfa_check": f"{_HERE}.convert:pdfa_check",
    "page_image": f"{_HERE}.render:page_image",
    "page_codes": f"{_HERE}.codes:page_codes",
    "redact": f"{_HERE}.redact:redact",
    "pdf_prepare_seal": f"{_HERE}.signatures:pdf_prepare_seal",
    "pdf_signatures": f"{_HERE}.signatures:pdf_signatures",
    "pdf_attachment": f"{_HERE}.signatures:pdf_attachment",
    "seda_examine": f"{_HERE}.seda:seda_examine",
    "seda_reply": f"{_HERE}.seda:seda_reply",
    "seda_acknowledgement": f"{_HERE}.seda:seda_acknowledgement",
    "verify_bundle": f"{_HERE}.bundle:verify_bundle",
    "engine_version": f"{_HERE}.recognise:engine_version",
    "misbehave": f"{_HERE}.misbehave:misbehave",
}
"""Name -> ``module:function``, which gets one ``Job`` and returns JSON values."""

WARM: Final = {
    "identify": f"{_HERE}.identify:warm",
    "normalise": f"{_HERE}.normalise:warm",
    "recognise_pages": f"{_HERE}.recognise:warm",
    "convert": f"{_HERE}.convert:warm",
    "pdfa_check": f"{_HERE}.convert:warm",
    "engine_version": f"{_HERE}.recognise:warm",
    "page_image": f"{_HERE}.render:warm",
    "page_codes": f"{_HERE}.codes:warm",
    "redact": f"{_HERE}.redact:warm",
    "pdf_prepare_seal": f"{_HERE}.signatures:warm",
    "pdf_signatures": f"{_HERE}.signatures:warm",
    "pdf_attachment": f"{_HERE}.signatures:warm",
    "seda_examine": f"{_HERE}.seda:warm",
    "seda_reply": f"{_HERE}.seda:warm",
    "seda_acknowledgement": f"{_HERE}.seda:warm",
}
"""Name -> function that loads modules once, before all children of that name are forked."""
