"""Name, write and swap a tenant's indexes in a cluster.

::

    <prefix>_<tenant>_f<format>          alias of the answering index; readers use no other name
    <prefix>_<tenant>_f<format>-a, -b    an index; one not answering is being built or left over
    <prefix>_<tenant>_f<format>-a-<id>   alias that this one index is written through

A prefix and a tenant hold no ``_``, so no two pairs make the same name. An index is made under the
free one of two names; a second builder finds the name taken and is refused. Writers name the alias
of the same index whose position they read, and require that it be an alias. So after a swap their
batch fails as a whole, instead of reaching an index with another position in the journal, and
Elasticsearch never makes an index by itself.
"""

from __future__ import annotations

import os
import platform
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from search.engines import elastic_schema as schema
from search.engines.elastic_link import Absent, Link, away, engine_errors
from search.entry_layout import RECORD
from search.port import Change, Upsert
from signing.ground.errors import Refused, Unavailable

_TENANT: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_SLOTS: Final = ("a", "b")
_SILENT_BUILDER_SECONDS: Final = 900
"""Seconds without a write after which a rebuild counts as ended: its batches need seconds."""

_BATCH: Final = 5000
_LONGEST_VIEW: Final = "1m"


class Indexes:
    """The indexes of one tenant.

    Args:
        prefix: Beginning of the names of this installation's indexes.
    """

    def __init__(self, link: Link, prefix: str, tenant: str) -> None:
        if not _TENANT.fullmatch(tenant):
            raise ValueError("not a tenant id")
        self._link = link
        self._every = f"{prefix}_{tenant}_f"
        self.reading = f"{self._every}{schema.FORMAT}"
        self.tenant = tenant

    # -- which index answers

    def answering(self) -> tuple[str, str] | None:
        """Return the answering index and its writing alias, or None."""
        try:
            with engine_errors():
                found = self._link.client.indices.get_alias(index=self.reading)
        except Absent:
            return None
        return next(((index, _writing(index, each["aliases"])) for index, each in found.items()), None)

    def position(self, name: str) -> tuple[int, str] | None:
        """Return position and writing alias of an index; None if absent or before a first batch."""
        try:
            with engine_errors():
                found = self._link.client.get(index=name, id=schema.POSITION_ID)
        except Absent:
            return None
        source = found["_source"]
        return int(source["position"]), str(source["shown"]["writing"])

    def open_for_writing(self) -> str:
        """Return the writing alias of the index that answers; make an index if there is none."""
        for slot in _SLOTS:
            found = self.answering()
            if found is not None:
                return found[1]
            made = self._create(slot, answering=True)
            if made is not None:
                return made
        found = self.answering()
        if found is None:
            raise away("both names are taken")
        return found[1]

    def _create(self, slot: str, *, answering: bool) -> str | None:
        """Create an index and return its writing alias; None if the name is taken."""
        index = f"{self.reading}-{slot}"
        writing = f"{index}-{uuid.uuid4().hex[:12]}"
        builder = {"host": platform.node(), "pid": os.getpid(), "at": _now()}
        aliases: dict[str, Any] = {writing: {}} | ({self.reading: {}} if answering else {})
        with engine_errors():
            answer = self._link.client.options(ignore_status=400).indices.create(
                index=index,
                aliases=aliases,
                settings=schema.settings(),
                mappings=schema.mappings(writing, builder),
            )
        if "error" in answer:
            if answer["error"]["type"] == "resource_already_exists_exception":
                return None
            raise away(answer["error"]["type"])
        if not answer["shards_acknowledged"]:
            raise away("shards not started")
        return writing

    # -- writing

    def apply(self, writing: str, changes: Sequence[Change], position: int, *, visible: bool) -> dict[str, Change]:
        """Write changes, then the position; after an interruption, writing again repairs it.

        Each document's external version is the batch's position in the journal, so that a delayed
        writer changes nothing that a later batch wrote, removals included.

        Args:
            visible: Whether readers see it at once.

        Raises:
            Unavailable: ``search_away``; also when the index was replaced meanwhile.
        """
        try:
            held = self.position(writing)
            if held is not None and position < held[0]:
                return {}
            version = schema.version_at(position)
            last = self._newest(writing, changes)
            self._link.write(writing, _operations(last, version))
            with engine_errors():
                self._link.client.options(ignore_status=409).index(
                    index=writing,
                    id=schema.POSITION_ID,
                    document=schema.position_document(position, writing, _now()),
                    version=version,
                    version_type="external_gte",
                    require_alias=True,
                    refresh=visible,
                )
        except Absent as error:
            raise away("index replaced") from error
        return {record_id: change for record_id, (change, _) in last.items()}

    def _newest(self, writing: str, changes: Sequence[Change]) -> dict[str, tuple[Change, int]]:
        """Return each record's last change and last page, without entries older than held ones."""
        ids = list(dict.fromkeys(_record_id(change) for change in changes))
        revisions, pages = self._held(writing, ids)
        chosen: dict[str, tuple[Change, int]] = {}
        for change in changes:
            record_id = _record_id(change)
            if isinstance(change, Upsert):
                if change.entry.revision < revisions.get(record_id, 0):
                    continue
                revisions[record_id] = change.entry.revision
            chosen[record_id] = (change, pages.get(record_id, 0))
        return chosen

    def _held(self, writing: str, ids: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
        """Return revisions and last pages of the records that the index holds."""
        revisions: dict[str, int] = {}
        pages: dict[str, int] = {}
        if ids:
            with engine_errors():
                found = self._link.client.mget(index=writing, ids=ids, source_includes=["kind", "revision", "pages"])
            for document in found["docs"]:
                if "error" in document:
                    raise away("document unreadable")
                if document["found"] and document["_source"]["kind"] == RECORD:
                    revisions[document["_id"]] = document["_source"]["revision"]
                    pages[document["_id"]] = document["_source"]["pages"]
        return revisions, pages

    # -- reading

    def record_ids(self, name: str) -> list[tuple[str, int]]:
        """Return (record id, revision) of every record, all of one moment."""
        found: list[tuple[str, int]] = []
        try:
            with engine_errors():
                view = self._link.client.open_point_in_time(index=name, keep_alive=_LONGEST_VIEW)["id"]
        except Absent:
            return []
        try:
            after: list[Any] | None = None
            while True:
                with engine_errors():
                    hits = self._link.client.search(
                        pit={"id": view, "keep_alive": _LONGEST_VIEW},
                        query={"term": {"kind": RECORD}},
                        sort=[{"record": "asc"}],
                        size=_BATCH,
                        search_after=after,
                        source=False,
                        docvalue_fields=[{"field": "revision"}],
                        track_total_hits=False,
                        allow_partial_search_results=False,
                    )["hits"]["hits"]
                found += [(hit["_id"], int(hit["fields"]["revision"][0])) for hit in hits]
                if len(hits) < _BATCH:
                    return found
                after = hits[-1]["sort"]
        except Absent as error:
            raise away("index replaced") from error
        finally:
            self.close_view(view)

    def close_view(self, view: str) -> None:
        """Close a point in time; one that can't be closed expires by itself."""
        with suppress(Absent, Unavailable), engine_errors():
            self._link.client.close_point_in_time(id=view)

    # -- rebuilding

    def begin(self) -> tuple[str, str]:
        """Make a new empty index with its writing alias; the present one goes on answering.

        Raises:
            Refused: ``rebuild_running``.
        """
        current = self.answering()
        for slot in _SLOTS:
            index = f"{self.reading}-{slot}"
            if current is not None and index == current[0]:
                continue
            made = self._create(slot, answering=False)
            if made is None and self._abandoned(index):
                self._delete([index])
                made = self._create(slot, answering=False)
            if made is not None:
                self._delete(self._left_over({index, *(current or ())}))
                return index, made
        raise Refused(
            "rebuild_running",
            "L’index de ce service est déjà en cours de reconstruction.",
            action="Attendez qu’elle se termine.",
        )

    def swap(self, built: str) -> None:
        """Swap to ``built`` in one step of the cluster, then delete the index it replaces."""
        current = self.answering()
        actions: list[Mapping[str, Any]] = [{"add": {"index": built, "alias": self.reading}}]
        if current is not None and current[0] != built:
            actions.append({"remove": {"index": current[0], "alias": self.reading}})
        try:
            with engine_errors():
                self._link.client.indices.update_aliases(actions=actions)
        except Absent as error:
            raise away("rebuilt index missing") from error
        self._delete([current[0]] if current is not None and current[0] != built else ())
        self._delete(self._left_over({built}))

    def drop(self, index: str) -> None:
        """Delete an index under construction."""
        self._delete([index])

    def _abandoned(self, index: str) -> bool:
        """Whether an index has no builder any more: its process ended or wrote nothing for long."""
        try:
            with engine_errors():
                found = self._link.client.indices.get(index=index)[index]
        except Absent:
            return True
        if self.reading in found["aliases"]:
            return False
        builder = found["mappings"]["_meta"]["builder"]
        if builder["host"] == platform.node() and not os.path.exists(f"/proc/{builder['pid']}"):  # noqa: PTH110
            return True
        last = int(builder["at"])
        with suppress(Absent), engine_errors():
            last = self._link.client.get(index=index, id=schema.POSITION_ID)["_source"]["at"]
        return _now() - last > _SILENT_BUILDER_SECONDS * 1000

    def _left_over(self, keep: set[str]) -> list[str]:
        """Return the indexes of this tenant to delete: other formats, ended rebuilds."""
        try:
            with engine_errors():
                found = self._link.client.indices.get_alias(index=f"{self._every}*")
        except Absent:
            return []
        ours = re.compile(re.escape(self._every) + r"\d+-[ab]")
        names = [name for name in found if ours.fullmatch(name) and name not in keep]
        return [name for name in names if not name.startswith(f"{self.reading}-") or self._abandoned(name)]

    def _delete(self, indexes: Iterable[str]) -> None:
        for index in indexes:
            with suppress(Absent), engine_errors():
                self._link.client.indices.delete(index=index)


def _writing(index: str, aliases: Iterable[str]) -> str:
    return next(name for name in aliases if name.startswith(f"{index}-"))


def _operations(
    last: Mapping[str, tuple[Change, int]], version: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Yield a batch's operations, item by item."""
    stamped = {"version": version, "version_type": "external_gte"}
    for record_id, (change, last_page) in last.items():
        written = set()
        if isinstance(change, Upsert):
            for name, document in schema.documents(change.entry, version):
                written.add(name)
                yield {"index": {"_id": name, **stamped}}, document
        else:
            yield {"index": {"_id": record_id, **stamped}}, schema.gone_document()
        for number in range(1, last_page + 1):
            if schema.page_id(record_id, number) not in written:
                yield {"delete": {"_id": schema.page_id(record_id, number), **stamped}}, None


def _record_id(change: Change) -> str:
    return change.entry.record_id if isinstance(change, Upsert) else change.record_id


def _now() -> int:
    return time.time_ns() // 1_000_000
