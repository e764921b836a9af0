"""Forms and raw bodies as they come in, whole or torn."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from api.http.uploads import announced_sha256, disposition_filename, plain_media_type, receive_form
from signing.ground.errors import Refused


def request_of(chunks: list[bytes], content_type: str, **headers: str) -> Request:
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return waiting.pop(0)

    raw = [(b"content-type", content_type.encode())]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": raw}
    return Request(scope, receive)


def form(*parts: tuple[str, bytes, str | None], end: bytes = b"--b--\r\n") -> bytes:
    made = b""
    for name, content, filename in parts:
        called = f'; filename="{filename}"' if filename is not None else ""
        made += f'--b\r\nContent-Disposition: form-data; name="{name}"{called}\r\n'.encode()
        made += (b"Content-Type: application/pdf\r\n" if filename is not None else b"") + b"\r\n" + content + b"\r\n"
    return made + end


def receive(system, body: bytes, cut: int = 65536, content_type: str = "multipart/form-data; boundary=b"):
    chunks = [body[at : at + cut] for at in range(0, len(body), cut)]
    return asyncio.run(receive_form(request_of(chunks, content_type), system.intake))


def left(system) -> list:
    spool = system.settings.home / "spool"
    return list(spool.iterdir()) if spool.exists() else []


@pytest.mark.parametrize("cut", [1, 7, 64, 65536])
def test_a_file_and_fields_in_any_order_and_in_any_pieces(bare_system, cut):
    content = bytes(range(256)) * 3 + b"\r\n--b\r\nnearly\r\n--"
    content = content.replace(b"\r\n--b\r\n", b"\r\n--B\r\n")
    body = form(("title", "Été".encode(), None), ("file", content, "a.pdf"), ("producer", b"Voirie", None))
    upload = receive(bare_system, body, cut)
    assert upload.spool.path.read_bytes() == content
    assert upload.spool.digests.sha256 == hashlib.sha256(content).hexdigest()
    assert (upload.filename, upload.media_type) == ("a.pdf", "application/pdf")
    assert upload.fields == {"title": "Été", "producer": "Voirie"}
    upload.spool.discard()
    assert left(bare_system) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        form(("file", b"x", "a.pdf"), end=b""),  # torn off before its end
        form(("file", b"x", "a.pdf"))[:-9],
        form(("file", b"x", "a.pdf"), ("file", b"y", "b.pdf")),
        form(("other", b"x", "a.pdf")),
        form(("title", b"x", None)),
        form(("title", b"\xff\xfe", None), ("file", b"x", "a.pdf")),
        form(("title", b"x" * 70_000, None), ("file", b"x", "a.pdf")),
        form(*[(f"f{n}", b"x", None) for n in range(60)], ("file", b"x", "a.pdf")),
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    ],
)
def test_a_bad_form_is_refused_and_leaves_nothing(bare_system, body):
    with pytest.raises(Refused) as caught:
        receive(bare_system, body)
    assert caught.value.code in {"bad_form", "file_missing"}
    assert left(bare_system) == []


@pytest.mark.parametrize("boundary", ["", "; boundary=" + "z" * 5000])
def test_a_form_without_a_usable_boundary_is_refused(bare_system, boundary):
    with pytest.raises(Refused) as caught:
        receive(bare_system, b"x", content_type="multipart/form-data" + boundary)
    assert caught.value.code == "bad_form"


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=400))
def test_no_bytes_make_the_parser_fail_otherwise(tmp_path_factory, body):
    from ingestion.assembly import assemble
    from ingestion.settings import load_settings

    system = assemble(load_settings({"CHARTRIER_HOME": str(tmp_path_factory.mktemp("fuzz"))}))
    with suppress(Refused):
        receive(system, b"--b\r\n" + body, cut=50).spool.discard()
    assert left(system) == []


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename*=UTF-8''d%C3%A9lib%20n%C2%B0%205.pdf", "délib n° 5.pdf"),
        ('attachment; filename="a \\"b\\".pdf"', 'a "b".pdf'),
        ("attachment; filename=a.pdf", "a.pdf"),
        ("attachment; filename=\"fallback.pdf\"; filename*=UTF-8''vrai.pdf", "vrai.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\Scans\\\\a.pdf"', "a.pdf"),
        ("attachment; filename*=UTF-8''%ff%fe", None),
        ("attachment", None),
        ("", None),
    ],
)
def test_names_of_files(header, name):
    assert disposition_filename(header) == name


def test_media_types_are_plain_or_unknown():
    assert plain_media_type("Application/PDF; charset=x") == "application/pdf"
    assert plain_media_type("text/html<script>") == "application/octet-stream"
    assert plain_media_type("") == "application/octet-stream"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"repr_digest": "sha-512=:AAAA:"}, None),
        ({"repr_digest": "sha-512=:AAAA:, sha-256=:" + "A" * 43 + "=:"}, "00" * 32),
        ({"content_digest": "sha-256=:" + "A" * 43 + "=:"}, "00" * 32),
    ],
)
def test_announced_digests(headers, expected):
    assert announced_sha256(request_of([], "application/pdf", **headers)) == expected


@pytest.mark.parametrize("value", ["sha-256=:AAAA:", "sha-256=AAAA", "sha-256=:" + "A" * 44 + ":"])
def test_a_digest_that_cannot_be_read_is_refused(value):
    with pytest.raises(Refused) as caught:
        announced_sha256(request_of([], "application/pdf", repr_digest=value))
    assert caught.value.code == "bad_digest_header"
