"""People of the town of bordereaux, who use the API and the pages: each request is their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.access.people import create_user
from api.access.sessions import COOKIE, open_session
from api.access.tables import UserRow
from api.app import create_app
from tests.bordereaux import Town

OURS = {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"}
API = "/api/v1/disposals"


@dataclass
class Somebody:
    """A person with an account; logs in anew for each request, whatever the day is by then."""

    town: Town
    app: FastAPI
    user: str

    @property
    def agent(self) -> str:
        return f"user:{self.user}"

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Make a request to the API, with the token of a session."""
        client, csrf = self._logged_in()
        headers = OURS | {"X-CSRF-Token": csrf} | more.pop("headers", {})
        return client.request(method, path, headers=headers, follow_redirects=False, **more)

    def change(self, method: str, path: str, number: int | None = None, **body: Any) -> Any:
        """Change something by the API; without a number, whatever it is."""
        tag = f'"{number}"' if number is not None else "*"
        return self.ask(method, path, json=body, headers={"If-Match": tag})

    def see(self, path: str) -> str:
        """Return the text of a page."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, (answer.status_code, answer.text[:500])
        return plain(answer.text)

    def send(self, path: str, data: Any) -> Any:
        """Send a form of a page."""
        client, csrf = self._logged_in()
        return client.post(path, data={"csrf": csrf} | dict(data), headers=OURS, follow_redirects=False)

    def _logged_in(self) -> tuple[TestClient, str]:
        system = self.town.system
        with system.database.write() as session:
            opened = open_session(session, session.get_one(UserRow, self.user), system.clock())
        client = TestClient(self.app, base_url="http://127.0.0.1", cookies={COOKIE: opened.token})
        return client, str(opened.caller.csrf)


@dataclass
class Office:
    """A town whose records fall due, and the people who decide about them."""

    town: Town
    app: FastAPI
    anne: Somebody
    denis: Somebody
    bruno: Somebody
    claire: Somebody
    pool: dict[str, list[str]]
    """Records that are due and in no bordereau yet, by type."""

    @property
    def day(self) -> date:
        return self.town.watch.now.date()

    def due(self, count: int, kind: str = "bon") -> list[str]:
        """So many records that are due, and no other test's."""
        there = self.pool[kind]
        taken, there[:count] = there[:count], []
        assert len(taken) == count, "the town has no more of them"
        return taken

    def draft(self, records: list[str] | None, **more: Any) -> dict[str, Any]:
        """Draft a bordereau of these records, or as told."""
        told = {"action": "destroy", "title": "Bons de commande", "records": records} | more
        answer = self.anne.change("POST", API, **told)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def submitted(self, records: list[str], **more: Any) -> str:
        """A bordereau that waits for its first visa."""
        made = self.draft(records, **more)
        answer = self.anne.change("POST", f"{API}/{made['id']}/submit", made["number"])
        assert answer.status_code == 200, answer.text
        return str(made["id"])

    def states(self, disposal: str) -> dict[str, str]:
        """State of each line."""
        answer = self.anne.ask("GET", f"{API}/{disposal}/lines")
        return {line["record_id"]: line["state"] for line in answer.json()["lines"]}


def office_of(town: Town, **pool: int) -> Office:
    """Give the people of a town their accounts, on a day when what it keeps is due.

    Args:
        pool: Number of records by type; each type has a rule of ten years.
    """
    kept: dict[str, list[str]] = {}
    for kind, count in pool.items():
        town.rule(kind.upper(), 10)
        kept[kind] = [town.keep(document_type=kind) for _ in range(count)]
    town.at("2026-06-01")
    people = {
        "anne": ("Anne", "archivist", None),
        "denis": ("Denis", "archivist", None),
        "bruno": ("Bruno", "controller", "Direction des marchés"),
        "claire": ("Claire", "controller", "Archives départementales"),
    }
    app = create_app(town.system)
    return Office(town, app, **{key: somebody(town, app, *told) for key, told in people.items()}, pool=kept)


def somebody(town: Town, app: FastAPI, name: str, role: str, service: str | None = None) -> Somebody:
    """Give somebody an account."""
    with town.system.database.write() as session:
        user = create_user(session, tenant="demo", name=name, role=role, service=service, now=town.system.clock())
        return Somebody(town, app, user.id)


def plain(text: str) -> str:
    """The words of a page, without its tags and its thin spaces."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", " ", text)
    words = re.sub(r"<[^>]+>", " ", body).replace("\u202f", " ").replace("\xa0", " ").replace("&nbsp;", " ")
    return re.sub(r"\s+", " ", words)
