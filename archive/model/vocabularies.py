"""Completeness of a vocabulary: each property answers for each member. Pure."""

from __future__ import annotations

from enum import Enum


def require_complete(*vocabularies: type[Enum]) -> None:
    """Evaluate every property of every member, so that a half-done member stops the import.

    Raises:
        AssertionError: A property has no answer for a member (``assert_never``).
    """
    for vocabulary in vocabularies:
        for name, part in vars(vocabulary).items():
            if isinstance(part, property):
                for member in vocabulary:
                    getattr(member, name)
