"""Short names for kinds of files."""

from __future__ import annotations

from api.http.i18n import _

_KNOWN = {
    "application/pdf": "PDF",
    "image/tiff": "TIFF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "text/plain": "TXT",
}


def kind_of(media_type: str, filename: str) -> str:
    """Return ``PDF``, ``JPEG`` and so on: by the media type, else by the name's ending."""
    suffix = filename.rpartition(".")[2].upper() if "." in filename else ""
    return _KNOWN.get(media_type) or (suffix if 1 < len(suffix) <= 5 else str(_("Fichier")))
