"""A guest on a telephone: opens a link, types a code, decides; requests as a browser makes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.bordereau_people import API, OURS, Office

MAIL = "camille.durand@mairie.example"


def invited(office: Office, disposal: str, **told: Any) -> dict[str, Any]:
    """An invitation by a second archivist, to be copied: its code, and its text with the link."""
    asked = {"step": "producer", "person": "Camille Durand", "quality": "Directrice des marchés", "mail": MAIL}
    answer = office.denis.change("POST", f"{API}/{disposal}/invitations", **(asked | {"by_mail": False} | told))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def token_of(made: dict[str, Any]) -> str:
    """The token of the link in a text."""
    return re.findall(r"/visa/(\S+)", made["text"]["body"])[0]


@dataclass
class Phone:
    """A browser without an account."""

    app: FastAPI
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = TestClient(self.app, base_url="http://127.0.0.1", raise_server_exceptions=False)

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, headers={"Host": "127.0.0.1"}, follow_redirects=False, **more)

    def post(self, path: str, **data: str) -> Any:
        return self.client.post(path, data=data, headers=OURS, follow_redirects=False)

    def enter(self, token: str, code: str) -> Any:
        return self.post(f"/visa/{token}", code=code)

    def csrf(self) -> dict[str, str]:
        """What each form of the page carries."""
        text = self.get("/visa/bordereau").text
        names = ("csrf", "number", "ligne", "apres")
        return {name: re.findall(rf'name="{name}" value="([^"]*)"', text)[0] for name in names}

    def send(self, **data: str) -> Any:
        """Send the form of the page that is shown."""
        return self.post("/visa/bordereau", **(self.csrf() | data))
