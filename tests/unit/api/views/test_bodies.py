"""What every body of a request refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from api.views.schemas import Body


class Told(Body):
    words: Any


@pytest.mark.parametrize("words", ["a\0", "\ud800", ["a", "\0"], {"a": ["b", {"c": "\0"}]}, {"a\0": 1}, ("\udfff",)])
def test_what_is_no_text_is_refused_at_any_depth(words: Any) -> None:
    with pytest.raises(ValidationError, match="texte illisible"):
        Told(words=words)


def test_what_is_text_is_taken() -> None:
    assert Told(words={"é": ["🦉", 1, None]}).words == {"é": ["🦉", 1, None]}
