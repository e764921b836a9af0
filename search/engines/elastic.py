"""Search index on Elasticsearch: one index a tenant, behind an alias.

The follower's process writes, any number of processes read. ``elastic_indexes`` defines the names,
``elastic_schema`` the contents of an index.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from search.cursors import read_cursor
from search.engines.elastic_answers import Question
from search.engines.elastic_indexes import Indexes
from search.engines.elastic_link import GLANCE_SECONDS, NO_SHARD, SECONDS, Absent, Link, away, engine_errors
from search.engines.elastic_schema import digest_of, digests
from search.port import FACETS, Answer, Change, Condition, Query, SearchIndex, Upsert
from search.questions import parse_query
from signing.ground.errors import Unavailable

_MOST_VIEWS: Final = 32
_VIEW_KEPT: Final = "2m"
_READ_AT_ONCE: Final = 200
_STATUS: Final = {
    "green": "copies en place",
    "yellow": "une copie manque : un seul nœud porte chaque index",
    "red": "une partie des index est hors service",
}
_SAMPLE: Final = 100
"""Records of a rebuilt index that are read back before it answers."""


class ElasticIndex:
    """``SearchIndex`` over a cluster.

    Args:
        prefix: Beginning of the names of our indexes; different for each installation that
            shares a cluster.
    """

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix
        self._guard = threading.Lock()
        self._read: dict[str, str] = {}
        self._views: OrderedDict[str, tuple[Indexes, str]] = OrderedDict()

    def _indexes(self, tenant: str) -> Indexes:
        return Indexes(self._link, self._prefix, tenant)

    # -- the writer's side

    def position(self, tenant: str) -> int:
        """See ``SearchIndex``. The next batch goes to this index; if it was replaced, nowhere."""
        indexes = self._indexes(tenant)
        found = indexes.position(indexes.reading)
        if found is None:
            self._read.pop(tenant, None)
            return -1
        self._read[tenant] = found[1]
        return found[0]

    def apply(self, tenant: str, changes: Sequence[Change], position: int) -> None:
        """See ``SearchIndex``."""
        indexes = self._indexes(tenant)
        writing = self._read.pop(tenant, None) or indexes.open_for_writing()
        indexes.apply(writing, changes, position, visible=True)

    def release(self) -> None:
        """See ``SearchIndex``. Nothing is held between two batches."""

    def record_ids(self, tenant: str) -> Iterable[tuple[str, int]]:
        """See ``SearchIndex``."""
        indexes = self._indexes(tenant)
        return indexes.record_ids(indexes.reading)

    def begin_rebuild(self, tenant: str) -> SearchIndex:
        """See ``SearchIndex``.

        Raises:
            Refused: ``rebuild_running``.
        """
        indexes = self._indexes(tenant)
        return RebuiltIndex(self._link, self._prefix, tenant, *indexes.begin())

    def finish_rebuild(self, tenant: str, rebuilt: SearchIndex) -> None:
        """See ``SearchIndex``. The new index is first compared with what was sent to it.

        Raises:
            Unavailable: ``rebuild_differs``: the old index still answers.
        """
        if not isinstance(rebuilt, RebuiltIndex) or rebuilt.tenant != tenant:
            raise ValueError("not a rebuilt index of this tenant")
        rebuilt.compare()
        self._indexes(tenant).swap(rebuilt.built)
        rebuilt.built = ""
        self._read.pop(tenant, None)

    def close(self) -> None:
        """See ``SearchIndex``."""
        self._close_views()
        self._link.close()

    def _close_views(self) -> None:
        with self._guard:
            views = list(self._views.values())
            self._views.clear()
        for indexes, view in views:
            indexes.close_view(view)

    # -- the reader's side

    def search(self, query: Query) -> Answer:
        """See ``SearchIndex``. A long answer uses a point in time, so that scores stay equal."""
        parsed = parse_query(query.text)
        cursor = read_cursor(query)
        indexes = self._indexes(query.tenant)
        try:
            if cursor is None or query.after is None:
                return Question(lambda request: self._ask(indexes, request, None), query, parsed).answer(None)
            view = self._view(indexes, query.after)
            try:
                answer = Question(lambda request: self._ask(indexes, request, view), query, parsed).answer(cursor)
            except Absent:  # the view expired, or its index was replaced: open another, continue after the same record
                view = self._new_view(indexes)
                answer = Question(lambda request: self._ask(indexes, request, view), query, parsed).answer(cursor)
            self._keep(indexes, view, answer.next)
            return answer
        except Absent:
            return Answer((), 0, dict.fromkeys(FACETS, ()), False, None)

    def _ask(self, indexes: Indexes, request: dict[str, Any], view: str | None) -> Mapping[str, Any]:
        where: dict[str, Any] = {
            "index": indexes.reading,
            "preference": indexes.tenant,
        }  # always the same copy of the shard: copies score differently
        if view is not None:
            where = {"pit": {"id": view, "keep_alive": _VIEW_KEPT}}
        try:
            answer = self._answered(where, request)
        except Unavailable as error:
            if view is not None or error.values.get("why") != NO_SHARD:
                raise
            answer = self._answered(where, request)  # the index may have been replaced between name and shard
        if answer["timed_out"] or answer["_shards"]["failed"]:
            raise away("time-out")
        return answer

    def _answered(self, where: Mapping[str, Any], request: dict[str, Any]) -> Mapping[str, Any]:
        with engine_errors():
            answer = self._link.client.options(request_timeout=SECONDS + 5).search(
                **where,
                **_renamed(request),
                timeout=f"{SECONDS}s",
                allow_partial_search_results=False,
            )
        return dict(answer)

    def _view(self, indexes: Indexes, cursor: str) -> str:
        """Return the point in time of an answer's earlier parts, or a new one."""
        with self._guard:
            held = self._views.pop(cursor, None)
        return held[1] if held is not None else self._new_view(indexes)

    def _new_view(self, indexes: Indexes) -> str:
        with engine_errors():
            opened = self._link.client.open_point_in_time(
                index=indexes.reading, keep_alive=_VIEW_KEPT, preference=indexes.tenant
            )
        return str(opened["id"])

    def _keep(self, indexes: Indexes, view: str, cursor: str | None) -> None:
        ended: list[tuple[Indexes, str]] = []
        with self._guard:
            if cursor is None:
                ended.append((indexes, view))
            else:
                self._views[cursor] = (indexes, view)
            while len(self._views) > _MOST_VIEWS:
                ended.append(self._views.popitem(last=False)[1])
        for old, done in ended:
            old.close_view(done)

    def condition(self) -> Condition:
        """See ``SearchIndex``."""
        version = self._link.version()
        with engine_errors():
            client = self._link.client.options(request_timeout=GLANCE_SECONDS)
            status = str(client.cluster.health(index=f"{self._prefix}_*")["status"])
            indexes = len(client.indices.get_alias(index=f"{self._prefix}_*"))
        return Condition(f"Elasticsearch {version}", indexes, _STATUS.get(status, status), well=status != "red")


class RebuiltIndex(ElasticIndex):
    """Index under construction; it does not answer yet.

    Attributes:
        built: Its name; empty once it answers.
    """

    def __init__(self, link: Link, prefix: str, tenant: str, built: str, writing: str) -> None:
        super().__init__(link, prefix)
        self.tenant = tenant
        self.built = built
        self._writing = writing
        self._sent: dict[str, int] = {}
        self._sample: list[tuple[int, str, dict[str, str]]] = []

    def _indexes(self, tenant: str) -> Indexes:
        if tenant != self.tenant:
            raise ValueError("a rebuilt index has one tenant")
        indexes = super()._indexes(tenant)
        indexes.reading = self.built
        return indexes

    def apply(self, tenant: str, changes: Sequence[Change], position: int) -> None:
        """See ``SearchIndex``. Digests of what was sent are kept and compared in the end."""
        written = self._indexes(tenant).apply(self._writing, changes, position, visible=False)
        for record_id, change in written.items():
            self._sent.pop(record_id, None)
            if isinstance(change, Upsert):
                self._sent[record_id] = change.entry.revision
        self._choose(written, position)

    def _choose(self, written: Mapping[str, Change], position: int) -> None:
        """Keep the digests of the hundred records with the smallest hashes: a fair sample."""
        sample = [kept for kept in self._sample if kept[1] not in written]
        for record_id, change in written.items():
            number = crc32(record_id.encode())
            if isinstance(change, Upsert) and (len(sample) < _SAMPLE or number < sample[-1][0]):
                sample.append((number, record_id, digests(change.entry, position)))
                sample.sort(key=lambda kept: kept[:2])
        self._sample = sample[:_SAMPLE]

    def record_ids(self, tenant: str) -> Iterable[tuple[str, int]]:
        """See ``SearchIndex``."""
        self._show()
        return super().record_ids(tenant)

    def search(self, query: Query) -> Answer:
        """See ``SearchIndex``."""
        self._show()
        return super().search(query)

    def _show(self) -> None:
        with engine_errors():
            self._link.client.indices.refresh(index=self.built)

    def compare(self) -> None:
        """Check that the index holds every revision sent, and a sample's exact text.

        Raises:
            Unavailable: ``rebuild_differs``.
        """
        held = dict(self.record_ids(self.tenant))
        wanted = {name: digest for _, _, one in self._sample for name, digest in one.items()}
        found: dict[str, str] = {}
        names = list(wanted)
        for first in range(0, len(names), _READ_AT_ONCE):
            with engine_errors():
                documents = self._link.client.mget(index=self.built, ids=names[first : first + _READ_AT_ONCE])["docs"]
            found |= {each["_id"]: digest_of(each["_source"]["shown"]) for each in documents if each["found"]}
        if held != self._sent or found != wanted:
            raise Unavailable(
                "rebuild_differs",
                "L’index reconstruit ne contient pas ce qui lui a été envoyé ({held} documents sur {sent}).",
                kept="L’ancien index répond toujours.",
                action="Relancez la reconstruction ; si cela dure, examinez le serveur Elasticsearch.",
                held=len(held),
                sent=len(self._sent),
            )

    def close(self) -> None:
        """Release the name, so that another rebuild may begin; an unfinished index is deleted."""
        self._close_views()
        if self.built:
            super()._indexes(self.tenant).drop(self.built)
            self.built = ""


def _renamed(request: dict[str, Any]) -> dict[str, Any]:
    """Rename ``_source`` as the client spells it."""
    return {("source" if name == "_source" else name): value for name, value in request.items()}
