"""Connect to Elasticsearch and translate its failures into our errors.

The only user of the client library.
"""

from __future__ import annotations

import importlib.metadata
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import structlog
from elastic_transport.client_utils import DEFAULT
from elasticsearch import (
    ApiError,
    BadRequestError,
    Elasticsearch,
    NotFoundError,
    TransportError,
    UnsupportedProductError,
)

from signing.ground.errors import Refused, Unavailable

MAJOR: Final = int(importlib.metadata.version("elasticsearch").partition(".")[0])
"""Major version that server and client must share; they refuse each other otherwise."""

SECONDS: Final = 10
"""Seconds after which a question is given up."""

GLANCE_SECONDS: Final = 4
"""Seconds for asking the server's version or state.

Health checks and ``/metrics`` ask it; their callers wait ten seconds for all parts.
"""

_REQUEST_SECONDS: Final = 60
"""Seconds after which a batch is sent again."""

_BULK_CHARACTERS: Final = 4_000_000
"""Characters of one request.

Far below 100 MB (``http.max_content_length``) and a tenth of the heap (indexing pressure).
"""

_STALE: Final = 409
_CONFLICTS: Final = frozenset({200, 201, 404, _STALE})
"""Statuses of one item that count as done: written, removed, absent, or a newer version is there.
"""

NO_SHARD: Final = "no shard available"
"""Reason of a failed search whose index was replaced or is red."""

_TOO_MUCH: Final = re.compile(r"too_many_|too many |maxClauseCount|max_clause_count|too_complex|circuit_breaking")
_EXPENSIVE: Final = "search.allow_expensive_queries"

log = structlog.get_logger(__name__)


class TooMuch(Exception):
    """Error: the server refuses a question as too large, or a beginning of a word as too long."""


class Expensive(TooMuch):
    """Error: the cluster forbids a kind of query (``search.allow_expensive_queries``)."""


class Absent(Exception):
    """Error: no such index, document or view."""


def away(why: str) -> Unavailable:
    """Make the error that Elasticsearch does not answer now."""
    return Unavailable(
        "search_away",
        "L’index de recherche ne répond pas ({why}).",
        kept="Les documents ne sont pas touchés.",
        action="Réessayez ; si cela dure, examinez le serveur Elasticsearch (chartrier doctor).",
        why=why,
    )


@contextmanager
def engine_errors() -> Iterator[None]:
    """Translate failures of Elasticsearch and the network into our errors.

    Raises:
        Unavailable: ``search_away``, ``search_forbidden``, ``search_version``.
        Absent: No such index or document.
        TooMuch: The question is beyond what the server accepts.
    """
    try:
        yield
    except UnsupportedProductError as error:
        raise _other_version("not Elasticsearch") from error
    except NotFoundError as error:
        raise Absent(str(error)) from error
    except ApiError as error:
        _judge(error)
    except TransportError as error:
        raise away(type(error).__name__) from error


def _judge(error: ApiError) -> NoReturn:
    """Raise our error for an HTTP status of Elasticsearch."""
    said = f"{error.status_code} {error.body}"
    if error.status_code in {401, 403}:
        raise Unavailable(
            "search_forbidden",
            "Elasticsearch refuse la clé d’API de ce service.",
            kept="Les documents ne sont pas touchés.",
            action="Corrigez CHARTRIER_SEARCH_API_KEY ou ses droits sur les index.",
        ) from error
    if "media_type_header_exception" in said:
        raise _other_version("media_type_header_exception") from error
    if isinstance(error, BadRequestError) and _EXPENSIVE in said:
        raise Expensive(said[:300]) from error
    if isinstance(error, BadRequestError) and _TOO_MUCH.search(said):
        raise TooMuch(said[:300]) from error
    raise away(NO_SHARD if "no_shard_available" in said else _said_in_short(error)) from error


def _said_in_short(error: ApiError) -> str:
    """Return status and kind of an error.

    The whole answer may contain the question, so it stays with the cause.
    """
    kind = error.body.get("error", "") if isinstance(error.body, dict) else ""
    name = kind.get("type", "") if isinstance(kind, dict) else ""
    return f"HTTP {error.status_code} {name}".strip()


def _other_version(found: str) -> Unavailable:
    return Unavailable(
        "search_version",
        "Un Elasticsearch {major} est attendu ; le serveur répond : {found}.",
        kept="Les documents ne sont pas touchés.",
        action="Installez un serveur Elasticsearch de cette version majeure, ou retirez CHARTRIER_SEARCH_URL.",
        major=MAJOR,
        found=found,
    )


class Link:
    """Connection to one cluster.

    Args:
        url: ``http://`` or ``https://`` address; several nodes are separated by commas.
        api_key: Sent with every request.
        ca: PEM of the authority behind ``https``; None: the system's.
    """

    def __init__(self, url: str, api_key: str | None = None, ca: Path | None = None) -> None:
        hosts = [one.strip() for one in url.split(",") if one.strip()]
        try:
            if any(not re.match("https?://", host) for host in hosts):
                raise ValueError("http:// or https:// is missing")
            self._client = Elasticsearch(
                hosts,
                api_key=api_key,
                ca_certs=str(ca) if ca is not None else DEFAULT,
                request_timeout=_REQUEST_SECONDS,
                max_retries=max(1, len(hosts) - 1),
                retry_on_status=(),
                retry_on_timeout=False,
            )
        except (ValueError, OSError) as error:
            raise Refused(
                "bad_search_url",
                "L’adresse d’Elasticsearch ou son fichier d’autorité n’est pas utilisable : {why}.",
                action="Corrigez CHARTRIER_SEARCH_URL (par exemple https://hote:9200) et CHARTRIER_SEARCH_CA.",
                why=str(error),
            ) from error
        self._guard = threading.Lock()
        self._version: str | None = None

    @property
    def client(self) -> Elasticsearch:
        """Return the client after checking the server's version; use it in ``engine_errors``.

        Raises:
            Unavailable: ``search_version``.
        """
        if self._version is None:
            with self._guard:
                self.version()
        return self._client

    def version(self) -> str:
        """Ask the server for its version.

        Raises:
            Unavailable: ``search_away``, ``search_version``.
        """
        with engine_errors():
            number = str(self._client.options(request_timeout=GLANCE_SECONDS).info()["version"]["number"])
        if int(number.partition(".")[0]) != MAJOR:
            raise _other_version(f"Elasticsearch {number}")
        self._version = number
        return number

    def write(self, writing: str, items: Iterable[tuple[dict[str, Any], dict[str, Any] | None]]) -> None:
        """Send a batch in requests of limited size, and check the answer to each item.

        Args:
            writing: An alias; if the index lost it, nothing is written and no index is made.
            items: (action, document or None).

        Raises:
            Unavailable: ``search_away``; ``search_entry_refused``. The same batch may be sent
                again.
            Absent: No index has this alias any more.
        """
        waiting: list[dict[str, Any]] = []
        characters = 0
        for action, document in items:
            waiting += [action] if document is None else [action, document]
            characters += _weight(document)
            if characters > _BULK_CHARACTERS:
                self._send(writing, waiting)
                waiting, characters = [], 0
        if waiting:
            self._send(writing, waiting)

    def _send(self, writing: str, operations: Sequence[dict[str, Any]]) -> None:
        with engine_errors():
            answer = self.client.bulk(index=writing, operations=operations, require_alias=True)
        failed = [item for each in answer["items"] for item in each.values() if item["status"] not in _CONFLICTS]
        gone = [i for each in answer["items"] for i in each.values() if "index_not_found" in str(i.get("error", ""))]
        if gone:
            raise Absent(writing)
        if not failed:
            return
        first = failed[0]
        log.warning("search_items_failed", count=len(failed), id=first["_id"], error=str(first["error"])[:500])
        if any(item["status"] != 400 for item in failed):
            raise away(f"HTTP {first['status']}")
        raise Unavailable(
            "search_entry_refused",
            "Elasticsearch refuse d’indexer le document {record}.",
            kept="Le document est gardé, et vérifiable ; la recherche ne le trouvera pas.",
            action="Signalez-le : le journal du service dit pourquoi.",
            record=str(first["_id"]).partition("#")[0],  # a refused page counts as a refusal of its record
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _weight(document: dict[str, Any] | None) -> int:
    """Return about how many characters the texts of a document have."""
    if document is None:
        return 100
    shown = document.get("shown", {})
    texts = [*document.get("text", ()), *document.get("page_text", ()), str(shown.get("text", ""))]
    return 1000 + sum(map(len, texts))
