"""Manifests and packages of SEDA for tests: small ones, written by hand."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

NAMESPACE = "fr:gouv:culture:archivesdefrance:seda:v"
LETTER = b"Madame, Monsieur,\n"


def digest(content: bytes, algorithm: str = "sha512") -> str:
    return hashlib.new(algorithm, content).hexdigest()


def binary(
    name: str,
    content: bytes = LETTER,
    *,
    group: str = "",
    usage: str = "BinaryMaster_1",
    uri: str | None = None,
    size: int | None = None,
    sha512: str | None = None,
    puid: str = "x-fmt/111",
    more: str = "",
) -> str:
    """Return one ``BinaryDataObject``; ``group`` is the element that tells its group."""
    return (
        f'<BinaryDataObject id="{name}">{group}<DataObjectVersion>{usage}</DataObjectVersion>'
        f"<Uri>{uri or f'content/{name}.txt'}</Uri>"
        f'<MessageDigest algorithm="SHA-512">{sha512 or digest(content)}</MessageDigest>'
        f"<Size>{len(content) if size is None else size}</Size>"
        f"<FormatIdentification><FormatId>{puid}</FormatId></FormatIdentification>"
        f"<FileInfo><Filename>{name}.txt</Filename></FileInfo>{more}</BinaryDataObject>"
    )


def grouped(name: str, *objects: str) -> str:
    return f'<DataObjectGroup id="{name}">{"".join(objects)}</DataObjectGroup>'


def unit(
    name: str,
    *inside: str,
    title: str | None = None,
    level: str = "RecordGrp",
    management: str = "",
    content: str = "",
    refers: str = "",
) -> str:
    """Return one ``ArchiveUnit``; ``refers`` is the id of a group."""
    managed = f"<Management>{management}</Management>" if management else ""
    referred = (
        f"<DataObjectReference><DataObjectGroupReferenceId>{refers}</DataObjectGroupReferenceId></DataObjectReference>"
        if refers
        else ""
    )
    return (
        f'<ArchiveUnit id="{name}">{managed}<Content><DescriptionLevel>{level}</DescriptionLevel>'
        f"<Title>{title or name}</Title>{content}</Content>{''.join(inside)}{referred}</ArchiveUnit>"
    )


def reference(name: str, target: str) -> str:
    return f'<ArchiveUnit id="{name}"><ArchiveUnitRefId>{target}</ArchiveUnitRefId></ArchiveUnit>'


def rules(category: str, *uses: tuple[str, str], then: str = "") -> str:
    """Return a block of rules: each its code and start; ``then`` is what follows them."""
    told = "".join(
        f"<Rule>{rule}</Rule>" + (f"<StartDate>{start}</StartDate>" if start else "") for rule, start in uses
    )
    return f"<{category}>{told}{then}</{category}>"


def appraisal(*uses: tuple[str, str], action: str = "Destroy", then: str = "") -> str:
    return rules("AppraisalRule", *uses, then=f"{then}<FinalAction>{action}</FinalAction>")


def manifest(
    units: str,
    objects: str = "",
    *,
    version: str = "2.1",
    management: str = "<OriginatingAgencyIdentifier>SERVICE</OriginatingAgencyIdentifier>",
    comment: str = "Versement d’essai",
    head: str = "<ArchivalAgreement>CONVENTION</ArchivalAgreement>",
) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ArchiveTransfer xmlns="{NAMESPACE}{version}">\n<Comment>{comment}</Comment>\n'
        f"<Date>2026-03-12T08:15:30Z</Date>\n<MessageIdentifier>VERSEMENT-1</MessageIdentifier>\n{head}\n"
        f"<CodeListVersions/>\n<DataObjectPackage>\n{objects}\n"
        f"<DescriptiveMetadata>\n{units}\n</DescriptiveMetadata>\n"
        f"<ManagementMetadata>{management}</ManagementMetadata>\n</DataObjectPackage>\n"
        "<ArchivalAgency><Identifier>ARCHIVES</Identifier></ArchivalAgency>\n"
        "<TransferringAgency><Identifier>VERSANT</Identifier></TransferringAgency>\n</ArchiveTransfer>"
    ).encode()


def packed(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def package(manifest_of: bytes, objects: Mapping[str, bytes] | None = None) -> bytes:
    """Return a package: a manifest, and its objects by uri."""
    return packed({"manifest.xml": manifest_of, **(objects or {})})
