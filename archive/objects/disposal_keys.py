"""Keys of the store below ``disposals/``: certificates of what was destroyed, scans of visas. Pure.

A part of ``layout``, through which every other module reads it. They lie beside the tenants' OCFL
roots, in which only records may lie.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from archive.objects.register_keys import TENANT_NAME

DISPOSALS: Final = "disposals/"
_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CERTIFICATE: Final = re.compile(
    rf"{DISPOSALS}(?P<tenant>{TENANT_NAME.pattern})/(?P<disposal>{_UUID})/"
    r"certificate(?:-(?P<supplement>[2-9]|[1-9][0-9]{1,5}))?(?P<public>-public)?\.(?P<form>json|pdf)"
)
_SCAN: Final = re.compile(rf"{DISPOSALS}({TENANT_NAME.pattern})/({_UUID})/scans/([0-9a-f]{{64}})")


@dataclass(frozen=True)
class CertificateKey:
    """One file of a certificate.

    Attributes:
        supplement: 1, 2, 3 …: number of the run that destroyed; the first has none in its name.
        form: ``json`` or ``pdf``.
        public: Whether it is the edition that names nobody.
    """

    tenant: str
    disposal: str
    supplement: int
    form: str
    public: bool = False

    @property
    def name(self) -> str:
        """Name of the file."""
        number = "" if self.supplement == 1 else f"-{self.supplement}"
        return f"certificate{number}{'-public' if self.public else ''}.{self.form}"

    @property
    def key(self) -> str:
        """Key of the file."""
        return f"{DISPOSALS}{self.tenant}/{self.disposal}/{self.name}"


def certificate_key(key: str) -> CertificateKey | None:
    """Parse a key below ``disposals/``; None for a key that we never write."""
    match = _CERTIFICATE.fullmatch(key)
    if match is None:
        return None
    number = int(match["supplement"] or 1)
    return CertificateKey(match["tenant"], match["disposal"], number, match["form"], match["public"] is not None)


def certificate_named(tenant: str, disposal: str, name: str) -> CertificateKey | None:
    """Return the file of a certificate that has this name; None for a name that we never give."""
    return certificate_key(f"{DISPOSALS}{tenant}/{disposal}/{name}")


@dataclass(frozen=True)
class ScanKey:
    """The scan of a bordereau that came back on paper.

    Attributes:
        sha256: Of its bytes; a statement of its own has it as well.
    """

    tenant: str
    disposal: str
    sha256: str

    @property
    def key(self) -> str:
        """Key of the scan."""
        return f"{DISPOSALS}{self.tenant}/{self.disposal}/scans/{self.sha256}"


def scan_key(key: str) -> ScanKey | None:
    """Parse the key of a scan; None for another key."""
    match = _SCAN.fullmatch(key)
    return ScanKey(match[1], match[2], match[3]) if match is not None else None
