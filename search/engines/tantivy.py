"""Search index on one machine: tantivy in process, one folder a tenant.

::

    <root>/<tenant>/current            name of the answering folder, replaced by rename
    <root>/<tenant>/f<format>-<id>/    a tantivy index
    <root>/<tenant>/rebuild.lock       held while another one is built

The follower's process writes, any number of processes read; each reads ``current`` before it
answers.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import re
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Final

from search.cursors import read_cursor
from search.engines.tantivy_answers import Question
from search.engines.tantivy_index_files import IndexFiles, engine_errors
from search.engines.tantivy_schema import FORMAT
from search.port import FACETS, Answer, Change, Condition, Query, SearchIndex
from search.questions import parse_query
from signing.ground.errors import Refused

_TENANT: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_MOST_OPEN: Final = 64
_ATTEMPTS: Final = 5


class TantivyIndex:
    """``SearchIndex`` over local folders.

    Args:
        root: Folder of all tenants' indexes.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._guard = threading.Lock()
        self._open: OrderedDict[str, IndexFiles] = OrderedDict()
        self._read: dict[str, Path] = {}

    # -- which folder answers

    def _folder(self, tenant: str) -> Path:
        if not _TENANT.fullmatch(tenant):
            raise ValueError("not a tenant id")
        return self._root / tenant

    def _current(self, tenant: str) -> Path | None:
        """Return the answering folder; None if there is none, or one of another format."""
        folder = self._folder(tenant)
        try:
            name = (folder / "current").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        return folder / name if name.startswith(f"f{FORMAT}-") else None

    def _index_files(self, tenant: str) -> IndexFiles | None:
        """Return the index that answers now; after a swap between two steps, look again."""
        for attempt in range(_ATTEMPTS):
            current = self._current(tenant)
            if current is None:
                return None
            with self._guard:
                index_files = self._open.get(tenant)
                if index_files is None or index_files.folder != current:
                    try:
                        opened = IndexFiles(current)
                    except (OSError, ValueError):
                        if attempt + 1 == _ATTEMPTS or self._current(tenant) == current:
                            raise
                        continue
                    if index_files is not None:
                        index_files.release()
                    index_files = self._open[tenant] = opened
                self._open.move_to_end(tenant)
                while len(self._open) > _MOST_OPEN:
                    self._open.popitem(last=False)[1].release()
                return index_files
        return None

    # -- the writer's side

    def position(self, tenant: str) -> int:
        """See ``SearchIndex``. The next batch goes to this index; if it was replaced, nowhere."""
        with engine_errors():
            self._read.pop(tenant, None)
            index_files = self._index_files(tenant)
            if index_files is None:
                return -1
            position = index_files.position()
            self._read[tenant] = index_files.folder
            return position

    def apply(self, tenant: str, changes: Sequence[Change], position: int) -> None:
        """See ``SearchIndex``. The last tenant's writer stays open until ``release``."""
        with engine_errors():
            for other, index_files in list(self._open.items()):
                if other != tenant:
                    index_files.release()
            held = self._index_files(tenant)
            if held is None:
                created = _new_folder(self._folder(tenant))
                IndexFiles(created, create=True)
                _point(self._folder(tenant), created)
                held = self._index_files(tenant)
            if held is None:
                raise OSError("the index was taken away while it was made")
            if self._read.pop(tenant, held.folder) != held.folder:  # another index has another position
                raise OSError("the index was replaced since its position was read")
            held.apply(changes, position)

    def condition(self) -> Condition:
        """See ``SearchIndex``."""
        return Condition(f"tantivy {importlib.metadata.version('tantivy')}", None, str(self._root), well=True)

    def release(self) -> None:
        """Free the writer's memory and lock, as there is nothing to write for now."""
        with engine_errors():
            for index_files in list(self._open.values()):
                index_files.release()

    def record_ids(self, tenant: str) -> Iterable[tuple[str, int]]:
        """See ``SearchIndex``."""
        with engine_errors():
            index_files = self._index_files(tenant)
            return [] if index_files is None else list(index_files.revisions())

    def begin_rebuild(self, tenant: str) -> SearchIndex:
        """See ``SearchIndex``.

        Raises:
            Refused: ``rebuild_running``.
        """
        folder = self._folder(tenant)
        with engine_errors():
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "rebuild.lock").open("w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                raise Refused(
                    "rebuild_running",
                    "L’index de ce service est déjà en cours de reconstruction.",
                    action="Attendez qu’elle se termine.",
                ) from None
            _sweep(folder, keep=self._current(tenant))
            return RebuiltIndex(self._root, tenant, _new_folder(folder), lock)

    def finish_rebuild(self, tenant: str, rebuilt: SearchIndex) -> None:
        """See ``SearchIndex``. Other processes read the new index from their next question on."""
        if not isinstance(rebuilt, RebuiltIndex) or rebuilt.tenant != tenant:
            raise ValueError("not a rebuilt index of this tenant")
        with engine_errors():
            folder = self._folder(tenant)
            rebuilt.release()
            _point(folder, rebuilt.built)
            self._read.pop(tenant, None)
            with self._guard:
                old = self._open.pop(tenant, None)
            if old is not None:
                old.release()
            _sweep(folder, keep=rebuilt.built)
            rebuilt.close()

    def close(self) -> None:
        """See ``SearchIndex``."""
        self.release()
        self._open.clear()

    # -- the reader's side

    def search(self, query: Query) -> Answer:
        """See ``SearchIndex``."""
        parsed = parse_query(query.text)
        cursor = read_cursor(query)
        with engine_errors():
            for attempt in range(_ATTEMPTS):
                index_files = self._index_files(query.tenant)
                if index_files is None:
                    break
                try:
                    return Question(index_files, index_files.searcher(), query, parsed).answer(cursor)
                except (
                    OSError,
                    ValueError,
                ):  # its files were removed, by a commit or for another index; or it is damaged
                    if attempt + 1 == _ATTEMPTS:
                        raise
            return Answer((), 0, dict.fromkeys(FACETS, ()), False, None)


class RebuiltIndex(TantivyIndex):
    """Index under construction; it never reads ``current``."""

    def __init__(self, root: Path, tenant: str, built: Path, lock: IO[str]) -> None:
        super().__init__(root)
        self.tenant = tenant
        self.built = built
        self._lock = lock
        IndexFiles(built, create=True)

    def _current(self, tenant: str) -> Path | None:
        if tenant != self.tenant:
            raise ValueError("a rebuilt index has one tenant")
        return self.built

    def close(self) -> None:
        """Release the lock, so that another rebuild may begin."""
        super().close()
        self._lock.close()


def _new_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"f{FORMAT}-{uuid.uuid4().hex}"


def _point(folder: Path, chosen: Path) -> None:
    """Make ``chosen`` the answering folder, atomically for readers."""
    beside = folder / f"current.{uuid.uuid4().hex}"
    with beside.open("w", encoding="ascii") as stream:
        stream.write(chosen.name)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(folder / "current")
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def _sweep(folder: Path, keep: Path | None) -> None:
    """Remove the folders that an earlier or interrupted rebuild left."""
    for path in folder.iterdir():
        if path != keep and re.fullmatch(r"f\d+-[0-9a-f]{32}", path.name):
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.startswith("current."):
            path.unlink(missing_ok=True)
