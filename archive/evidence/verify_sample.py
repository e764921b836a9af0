#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Draws a random sample again, offline, and compares it with the one that was kept.

    python3 verify_sample.py sample.json [--token-out FILE] [--note-out FILE]

Standard library only. What it shows: the units kept are those that the seed gives, the seed is that
of the checkpoint's note and time-stamp token, and the checkpoint covers the freezing of the
population. What it leaves to others: the token's signature (``openssl ts -verify`` with the two
files that it writes), and that the checkpoint is the first one after the freezing, which the
journal's own list of checkpoints shows.
Exit status: 0 intact, 3 altered, 4 not readable.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any


def checks(sample: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    """Yield each check: name, whether it holds, what was found."""
    ids = sample["units"]
    plain = json.dumps(ids, separators=(",", ":"), ensure_ascii=False).encode()
    ordered = all(isinstance(one, str) for one in ids) and ids == sorted(set(ids))
    yield "population", ordered, f"{len(ids)} units, each once and in order"
    digest = hashlib.sha256(plain).hexdigest()
    yield "population digest", digest == sample["population_digest"], digest
    note = base64.b64decode(sample["checkpoint"]["note"], validate=True)
    token = base64.b64decode(sample["checkpoint"]["token"], validate=True)
    size = int(note.split(b"\n")[1])
    covered = size == sample["checkpoint"]["size"] and size > sample["frozen_entry"]
    yield "checkpoint", covered, f"{size} entries, over entry {sample['frozen_entry']} by which it was frozen"
    imprint = hashlib.sha256(note).digest() in token or hashlib.sha512(note).digest() in token
    yield "time-stamp", imprint, "the token is about this note; its signature is left to openssl"
    seed = hashlib.sha256(note + token).hexdigest()
    yield "seed", seed == sample["seed"], seed
    asked = f"at {sample['rate']}" if "rate" in sample else f"as {sample['count']} specimens"
    exact = len(ids) * Fraction(sample["rate"]) if "rate" in sample else Fraction(int(sample["count"]))
    count = min(len(ids), max(1, -(-exact.numerator // exact.denominator))) if ids else 0
    yield "size", count == len(sample["kept"]), f"{count} of {len(ids)} {asked}"
    order = sorted((hmac.new(bytes.fromhex(seed), one.encode(), hashlib.sha256).digest(), one) for one in ids)
    again = sorted(one for _, one in order[:count])
    yield "sample", again == sorted(sample["kept"]), "the units kept are those that the seed gives"


def main(arguments: list[str] | None = None) -> int:
    """Print one line a check, then a verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("--token-out", type=Path)
    parser.add_argument("--note-out", type=Path)
    given = parser.parse_args(arguments)
    try:
        sample = json.loads(given.sample.read_bytes())
        found = list(checks(sample))
        for name, path in (("token", given.token_out), ("note", given.note_out)):
            if path is not None:
                path.write_bytes(base64.b64decode(sample["checkpoint"][name], validate=True))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        print(f"UNREADABLE / ILLISIBLE: {error!r}")
        return 4
    for name, holds, said in found:
        print(f"{'ok     ' if holds else 'ALTERED'} {name}: {said}")
    whole = all(holds for _, holds, _ in found)
    print("INTACT" if whole else "ALTERED / ALTÉRÉ")
    return 0 if whole else 3


if __name__ == "__main__":
    sys.exit(main())
