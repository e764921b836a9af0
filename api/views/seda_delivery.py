"""The JSON of a delivery: to whom, which packages, what the receiver replied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.views.seda_transfer import Translate, finding_view
from archive.database.seda_tables import SedaDeliveryRow

_TOLD: Final = (
    "disposal_id",
    "purpose",
    "identifier",
    "sent_at",
    "version",
    "archival_agency",
    "transferring_agency",
    "originating_agency",
    "agreement",
    "comment",
)


def view(row: SedaDeliveryRow, translate: Translate = str) -> dict[str, Any]:
    """Return a delivery."""
    packages = [_package(row, one, translate) for one in row.content["packages"]]
    return {
        "id": row.id,
        "number": row.number,
        **{name: row.content[name] for name in _TOLD},
        "records": sum(one["records"] for one in packages),
        "left_out": [{"record_id": record, "code": code} for record, code in row.content.get("left_out", ())],
        "listing": f"/api/v1/seda/deliveries/{row.id}/listing",
        "packages": packages,
    }


def _package(row: SedaDeliveryRow, one: Mapping[str, Any], translate: Translate) -> dict[str, Any]:
    here = f"/api/v1/seda/deliveries/{row.id}/packages/{one['number']}"
    return {
        "number": one["number"],
        "identifier": one["identifier"],
        "records": len(one["records"]),
        "units": one["units"],
        "bytes": one["bytes"],
        "manifest": one["manifest"],
        "state": one["state"],
        "href": here,
        "proofs": f"{here}/proofs",
        "reply": _reply(one["reply"], translate) if one["reply"] is not None else None,
    }


def _reply(told: Mapping[str, Any], translate: Translate) -> dict[str, Any]:
    return {
        "outcome": told["outcome"],
        "identifier": told["identifier"],
        "received_at": told["received_at"],
        "decided": told["decided_by"] is not None,
        "reason": told["reason"],
        "findings": [finding_view(one, translate) for one in told["findings"]],
    }
