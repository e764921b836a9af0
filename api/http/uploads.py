"""Receive files over HTTP: streamed into a spool, never held whole in memory."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from api.http.forms import admit_text
from ingestion.reception.intake import Intake
from ingestion.reception.spool import Spool
from signing.ground.errors import Refused

BLOCK = 1024 * 1024
MAX_FIELDS = 40
MAX_FILES = 100
MAX_FIELD_BYTES = 64 * 1024
_NOTHING = "Rien n’a été conservé de cet envoi."


@dataclass
class Upload:
    """A file received, and the text fields that came with it.

    Attributes:
        spool: The received bytes; the caller must finish or discard it.
        filename: The sender's file name, without folders.
        fields: Text fields by name.
    """

    spool: Spool
    filename: str = ""
    media_type: str = "application/octet-stream"
    fields: dict[str, str] = field(default_factory=dict)


async def blocks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in blocks of about 1 MiB, so that a large file costs few turns of the loop."""
    gathered = bytearray()
    async for chunk in request.stream():
        gathered += chunk
        if len(gathered) >= BLOCK:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


async def receive_raw(request: Request, intake: Intake, *, named: bool = True) -> Upload:
    """Read the raw body as the file, named by ``Content-Disposition``.

    Raises:
        Refused: ``filename_missing``, ``too_large``, ``invalid_request``.
    """
    filename = disposition_filename(request.headers.get("content-disposition", ""))
    if not filename and named:
        raise Refused(
            "filename_missing",
            "Le nom du fichier manque.",
            kept=_NOTHING,
            action="Envoyez « Content-Disposition: attachment; filename*=UTF-8''nom.pdf ».",
            pointer="header:Content-Disposition",
        )
    admit_text(filename or "")
    upload = Upload(
        await run_in_threadpool(intake.open_spool),
        filename or "",
        plain_media_type(request.headers.get("content-type", "")),
        {name: value for name, value in request.query_params.items() if name != "dry_run"},
    )
    try:
        async for block in blocks(request):
            await run_in_threadpool(upload.spool.write, block)
    except BaseException:
        upload.spool.discard()
        raise
    return upload


async def receive_form(request: Request, intake: Intake, *, file_field: str = "file") -> Upload:
    """Read a ``multipart/form-data`` body: one file and a few text fields, in any order.

    Raises:
        Refused: ``bad_form``, ``file_missing``, ``too_large``, ``invalid_request``.
    """
    form = _Form(intake, file_field)
    try:
        await _read(request, form)
        if form.upload is None:
            raise Refused(
                "file_missing",
                "Le formulaire ne contient pas de fichier « {field} ».",
                kept=_NOTHING,
                action="Choisissez un fichier.",
                pointer=f"/{file_field}",
                field=file_field,
            )
    except BaseException:
        form.discard()
        raise
    form.upload.fields = form.fields
    return form.upload


async def receive_files(
    request: Request, intake: Intake, *, file_field: str = "file"
) -> tuple[list[Upload], dict[str, str]]:
    """Read a page's form: any number of files (an empty control is none) and its text fields.

    Raises:
        Refused: ``bad_form``, ``too_large``, ``invalid_request``.
    """
    form = _Form(intake, file_field, most=MAX_FILES)
    try:
        await _read(request, form)
    except BaseException:
        form.discard()
        raise
    chosen = []
    for upload in form.uploads:
        if upload.filename or upload.spool.size:
            chosen.append(upload)
        else:
            upload.spool.discard()
    return chosen, form.fields


async def _read(request: Request, form: _Form) -> None:
    parser = _parser(request, form)
    async for block in blocks(request):
        await run_in_threadpool(_feed, parser, block)
    await run_in_threadpool(_end, parser)
    if not form.complete:
        raise _bad_form("le formulaire s’arrête avant sa fin")


def _parser(request: Request, form: _Form) -> MultipartParser:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise _bad_form("aucune frontière de multipart/form-data")
    callbacks: Any = form.callbacks()
    try:
        return MultipartParser(boundary, callbacks)
    except FormParserError as error:
        raise _bad_form("frontière de multipart/form-data trop longue") from error


def _feed(parser: MultipartParser, block: bytes) -> None:
    try:
        parser.write(block)
    except FormParserError as error:
        raise _bad_form("multipart illisible") from error


def _end(parser: MultipartParser) -> None:
    try:
        parser.finalize()
    except FormParserError as error:
        raise _bad_form("multipart illisible") from error


class _Form:
    """Callbacks of the multipart parser: files go to spools, text fields to a mapping."""

    def __init__(self, intake: Intake, file_field: str, most: int = 1) -> None:
        self._intake = intake
        self._file_field = file_field
        self._most = most
        self.uploads: list[Upload] = []
        self.fields: dict[str, str] = {}
        self.complete = False
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[str, str] = {}
        self._field: str | None = None
        self._value = bytearray()
        self._in_file = False

    def callbacks(self) -> dict[str, Any]:
        """Return the callbacks by the parser's names for them."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._name,
            "on_header_value": self._take_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    @property
    def upload(self) -> Upload | None:
        """Return the file being received, or the last one; None before the first."""
        return self.uploads[-1] if self.uploads else None

    def discard(self) -> None:
        """Discard every spool."""
        for upload in self.uploads:
            upload.spool.discard()

    def _begin(self) -> None:
        self._headers = {}
        self._in_file = False
        self._field = None
        self._value = bytearray()

    def _name(self, block: bytes, start: int, end: int) -> None:
        self._header_name += block[start:end]

    def _take_value(self, block: bytes, start: int, end: int) -> None:
        self._header_value += block[start:end]

    def _header_end(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = _loose(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_finished(self) -> None:
        disposition = self._headers.get("content-disposition", "")
        name = _parameter(disposition, "name")
        if name is None:
            raise _bad_form("une partie sans nom")
        filename = disposition_filename(disposition)
        if filename is None and not _has_filename(disposition):
            if len(self.fields) >= MAX_FIELDS:
                raise _bad_form("trop de champs")
            admit_text(name)
            self._field = name
            return
        if name != self._file_field or len(self.uploads) >= self._most:
            raise _bad_form(f"au plus {self._most} fichier(s), dans « {self._file_field} »")
        admit_text(filename or "")
        self._in_file = True
        kind = plain_media_type(self._headers.get("content-type", ""))
        self.uploads.append(Upload(self._intake.open_spool(), filename or "", kind))

    def _part(self, block: bytes, start: int, end: int) -> None:
        if self._in_file and self.upload is not None:
            self.upload.spool.write(block[start:end])
            return
        self._value += block[start:end]
        if len(self._value) > MAX_FIELD_BYTES:
            raise _bad_form("un champ est trop long")

    def _part_end(self) -> None:
        if self._field is not None:
            try:
                self.fields[self._field] = self._value.decode()
            except UnicodeDecodeError as error:
                raise _bad_form("un champ n’est pas en UTF-8") from error
            admit_text(self.fields[self._field])

    def _end(self) -> None:
        self.complete = True


def _bad_form(why: str) -> Refused:
    return Refused(
        "bad_form",
        "Le formulaire envoyé est illisible : {why}.",
        kept=_NOTHING,
        action="Envoyez un « multipart/form-data » avec un fichier « file » et des champs de texte en UTF-8.",
        why=why,
    )


def _loose(value: bytes | bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _has_filename(disposition: str) -> bool:
    return re.search(r";\s*filename\*?\s*=", disposition, re.IGNORECASE) is not None


def _parameter(header: str, name: str) -> str | None:
    message = Message()
    message["content-disposition"] = header.replace("\r", "").replace("\n", "")
    found = message.get_param(name, header="content-disposition")
    return found if isinstance(found, str) else None


def disposition_filename(header: str) -> str | None:
    """Return the file name of a ``Content-Disposition`` header, without folders, or None."""
    name: str | None = None
    extended = re.search(r";\s*filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", header)
    if extended and extended[1].lower() in {"utf-8", "iso-8859-1"}:
        try:
            name = unquote_to_bytes(extended[2]).decode(extended[1])
        except UnicodeDecodeError:
            name = None
    if name is None:
        quoted = re.search(r';\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"', header)
        plain = re.search(r";\s*filename\s*=\s*([^;\"\s]+)", header)
        if quoted:
            name = re.sub(r'\\(["\\])', r"\1", quoted[1]).replace("%22", '"')
        elif plain:
            name = plain[1]
    if name is None:
        return None
    name = name.replace("\\", "/").rsplit("/", 1)[-1].strip()
    return name or None


_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,59}")


def plain_media_type(header: str) -> str:
    """Return the media type alone, in lower case; ``application/octet-stream`` for no valid one."""
    media_type = header.partition(";")[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"


_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


def announced_sha256(request: Request) -> str | None:
    """Return the hexadecimal SHA-256 that the caller announces (RFC 9530), or None.

    It is read from ``Repr-Digest``, or from ``Content-Digest`` for a raw body.

    Raises:
        Refused: ``bad_digest_header`` for a sha-256 member that can't be read.
    """
    raw = not request.headers.get("content-type", "").startswith("multipart/")
    header = request.headers.get("repr-digest") or (request.headers.get("content-digest") if raw else None)
    if header is None:
        return None
    for member in header.split(","):
        found = _SHA256.fullmatch(member.strip())
        if found:
            try:
                return base64.b64decode(found[1], validate=True).hex()
            except binascii.Error:
                break
        if member.strip().lower().startswith("sha-256"):
            break
    else:
        return None
    raise Refused(
        "bad_digest_header",
        "L’en-tête Repr-Digest est illisible.",
        kept=_NOTHING,
        action="Écrivez-le ainsi : « Repr-Digest: sha-256=:<base64>: ».",
        pointer="header:Repr-Digest",
    )
