"""Ask both verifiers about the same bundle, and count where they differ."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from archive.evidence import verify
from tests.servers.presence import CACHE, program
from tests.strangers.draws import Draw
from tests.strangers.genuine import installations
from tests.strangers.mutations import KINDS

HERE = Path(__file__).parent / "bundle_check"
VERDICTS = {0: "intact", 2: "no trust file", 3: "altered", 4: "unverifiable"}


@dataclass
class Result:
    """What was asked and answered.

    Attributes:
        answers: By kind and verdict of ours, how many agreed.
        disagreements: Kind, mutation, verdict of ours and of theirs, with their reasons.
    """

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    disagreements: list[tuple[str, str, str, str]] = field(default_factory=list)


def build() -> Path:
    """Return the program in Go: from the cache, else built once (seconds; a minute the first time).

    Skips the test, counted, where Go is absent.
    """
    sources = [*sorted(HERE.glob("*.go")), HERE / "go.mod"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    found = CACHE / f"bundle-check-{digest}"
    if found.is_file():
        return found
    go = program("go")
    CACHE.mkdir(parents=True, exist_ok=True)
    making = CACHE / f"bundle-check-{digest}.making.{os.getpid()}"
    done = subprocess.run(
        [go, "build", "-trimpath", "-buildvcs=false", "-o", str(making), "."],
        cwd=HERE,
        env=os.environ | {"GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    making.replace(found)
    return found


def ours(bundle: Path, trust: bytes) -> tuple[str, str]:
    """Ask ``verify.py``: its verdict, and the reasons."""
    try:
        expected = verify.read_trust(trust)
    except verify.FAULTS as error:
        return "no trust file", str(error)
    try:
        checks = verify.Verifier(bundle, expected, datetime.now(UTC)).run()
    except Exception as error:  # a verifier that stumbles has no verdict
        return "stumbled", repr(error)
    told = [f"{c.number} {c.name}: {c.detail}" for c in checks if c.verdict in {"altered", "unverifiable"}]
    return verify.verdict_of(checks), "; ".join(told)


def theirs(program_path: Path, bundle: Path, trust: Path) -> tuple[str, str]:
    """Ask the program in Go: its verdict, and the reasons."""
    done = subprocess.run(
        [str(program_path), str(bundle), "--trust", str(trust)], capture_output=True, text=True, check=False
    )
    told = [" ".join(line.split()) for line in done.stdout.splitlines() if line.startswith(("altered", "unverifiable"))]
    return VERDICTS.get(done.returncode, "stumbled"), "; ".join(told) or done.stderr.strip()[:300]


def compare(
    folder: Path, *, seed: int, count: int, one_each: bool = False, say: Callable[[str], object] = print
) -> Result:
    """Compare both over altered bundles.

    Args:
        folder: Where to work; emptied.
        seed: Of chance: the same seed draws the same mutations of (new) genuine bundles.
        count: How many.
        one_each: Take the kinds in turn instead of by weight.
        say: Told of each disagreement.
    """
    checker = build()
    result, chance = Result(), random.Random(seed)
    kinds, weights = list(KINDS), [weight for weight, _ in KINDS.values()]
    with installations(folder / "installations") as (mine, other):
        for n in range(count):
            kind = kinds[n % len(kinds)] if one_each else chance.choices(kinds, weights)[0]
            name = chance.choice(sorted(mine.bundles))
            draw = Draw(mine, other, name, random.Random(f"{seed} {n}"))
            what, content, trust = KINDS[kind][1](draw)
            (folder / "bundle.zip").write_bytes(content)
            (folder / "trust.json").write_bytes(trust)
            here = ours(folder / "bundle.zip", trust)
            there = theirs(checker, folder / "bundle.zip", folder / "trust.json")
            if here[0] == there[0] != "stumbled":
                result.answers[kind, here[0]] += 1
                continue
            result.disagreements.append((kind, what, f"{here[0]} ({here[1]})", f"{there[0]} ({there[1]})"))
            say(f"{n} {kind}: {what}\n    verify.py: {here[0]} {here[1][:400]}\n    Go: {there[0]} {there[1][:400]}")
            kept = folder / "disagreements"
            kept.mkdir(exist_ok=True)
            (kept / f"{n}.zip").write_bytes(content)
            (kept / f"{n}.trust.json").write_bytes(trust)
    return result
