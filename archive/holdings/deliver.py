"""Write packages of records from the store: each byte checked against its digest on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO

from archive.database.seda_tables import SedaDeliveryRow
from archive.disposition.transfers import outgoing
from archive.disposition.transfers.records import place_of
from archive.exchange.seda.packing import Packed, write_package
from archive.exchange.seda.sending import FileToSend, PackageToSend
from archive.holdings.stores import Stores


def deliver(stores: Stores, row: SedaDeliveryRow, number: int, out: BinaryIO) -> Packed:
    """Write a package of a delivery: the same bytes each time.

    Raises:
        Refused: ``delivery_not_found``, ``delivery_changed``.
        Corrupt: ``altered``: bytes are not those that were kept.
    """
    with stores.database.read() as session:
        package = outgoing.again(session, row, number)
    return write(stores, package, out)


def write(stores: Stores, package: PackageToSend, out: BinaryIO) -> Packed:
    """Write a package.

    Raises:
        Corrupt: ``altered``.
    """
    return write_package(out, package, _parts_of(stores))


def _parts_of(stores: Stores) -> Callable[[FileToSend], Iterable[bytes]]:
    return lambda file: stores.store.read(*place_of(file))
