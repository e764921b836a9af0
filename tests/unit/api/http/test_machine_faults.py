"""A machine without room answers in words, on the API and on pages: no internal error."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.operations.health import Health
from ingestion.assembly import System
from signing.ground import machine
from tests.holdings import keep

FULL = OSError(errno.ENOSPC, "No space left on device")


def raising(error: BaseException) -> Any:
    def fails(*_given: Any, **_named: Any) -> None:
        raise error

    return fails


def route(app: FastAPI, error: BaseException) -> TestClient:
    """A client of the application, in which ``/api/v1/full`` meets an error."""

    def meets() -> None:
        raise error

    app.add_api_route("/api/v1/full", meets, methods=["GET"])
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (FULL, "no_room", "plus de place"),
        (OSError(errno.EMFILE, "many"), "too_many_files", "trop de fichiers ouverts"),
        (MemoryError(), "out_of_memory", "plus de mémoire libre"),
    ],
)
def test_an_answer_that_meets_one_says_so_and_when_to_come_back(
    bare_app: FastAPI, error: BaseException, code: str, words: str
) -> None:
    answer = route(bare_app, error).get("/api/v1/full")
    assert answer.status_code == 503
    assert answer.json()["code"] == code
    assert words in answer.json()["detail"]
    assert "conservés" in answer.json()["kept"]
    assert int(answer.headers["retry-after"]) > 0


def test_an_error_of_another_kind_stays_ours(bare_app: FastAPI) -> None:
    answer = route(bare_app, FileNotFoundError(errno.ENOENT, "gone")).get("/api/v1/full")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


def test_the_image_of_a_page_without_room_for_it(
    bare_system: System, client: TestClient, key_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_system.create_tenant("mairie", "Mairie")
    record = keep(bare_system, tmp_path, 1, "mairie")
    headers = {"Authorization": f"Bearer {key_of('mairie', 'record:read')}"}
    monkeypatch.setattr(tempfile, "TemporaryDirectory", raising(FULL))
    answer = client.get(f"/api/v1/records/{record}/pages/1/image", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_room")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errno.EIO, "Un disque de cette machine ne lit ou n’écrit plus."),
        (errno.ENOENT, "Un disque de cette machine ne lit ou n’écrit plus."),
        (None, "Le disque est plein"),
    ],
)
def test_health_says_what_is_wrong_with_the_disk(
    bare_system: System, monkeypatch: pytest.MonkeyPatch, error: int | None, said: str
) -> None:
    """A disk that does not answer is not called full: nothing is known of its room."""
    told = {part.name: part for part in Health(bare_system).components()}
    assert "disque" not in told["worker"].detail
    room = os.statvfs(bare_system.settings.home)
    full = os.statvfs_result((*room[:3], 0, 0, *room[5:]))
    monkeypatch.setattr(machine.os, "statvfs", raising(OSError(error, "x")) if error is not None else lambda _: full)
    told = {part.name: part for part in Health(bare_system).components()}
    assert told["worker"].state == "degraded"
    assert said in told["worker"].detail
