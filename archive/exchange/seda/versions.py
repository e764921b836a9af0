"""Versions of SEDA: one name space each, from which the schema is chosen. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

_NAMESPACE: Final = "fr:gouv:culture:archivesdefrance:seda:v"


class Version(StrEnum):
    """Versions of SEDA that are read and written."""

    V2_1 = "2.1"
    V2_2 = "2.2"
    V2_3 = "2.3"

    @property
    def namespace(self) -> str:
        """Its name space."""
        return f"{_NAMESPACE}{self.value}"

    def tag(self, name: str) -> str:
        """Return the name of an element in this version, as lxml writes it."""
        return f"{{{self.namespace}}}{name}"


_BY_NAMESPACE: Final = {version.namespace: version for version in Version}


def version_of(tag: str) -> Version | None:
    """Return the version that an element belongs to; None for any other name space."""
    return _BY_NAMESPACE.get(tag[1:].partition("}")[0]) if tag.startswith("{") else None


def local_name(tag: str) -> str:
    """Return the name of an element without its name space."""
    return tag.rpartition("}")[2]
