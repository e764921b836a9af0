"""``make strangers``: both verifiers over COUNT altered bundles drawn from SEED."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.strangers.comparison import compare
from tests.strangers.mutations import KINDS


def main() -> int:
    """Compare, and print a line a kind; 1 if there was any disagreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keeps the bundles on which they disagree")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="strangers-"))
    folder.mkdir(parents=True, exist_ok=True)
    result = compare(folder, seed=given.seed, count=given.count)
    against = Counter(kind for kind, *_ in result.disagreements)
    verdicts = ("intact", "altered", "unverifiable", "no trust file")
    print(f"{'kind':28}{'disagreed':>10}" + "".join(f"{'both ' + verdict:>20}" for verdict in verdicts))
    for kind in KINDS:
        told = "".join(f"{result.answers[kind, verdict]:>20}" for verdict in verdicts)
        print(f"{kind:28}{against[kind]:>10}{told}")
    agreed, disagreed = sum(result.answers.values()), len(result.disagreements)
    print(f"seed {given.seed}: {agreed} agreed, {disagreed} disagreed of {given.count}")
    if disagreed:
        print(f"what they disagree on: {folder / 'disagreements'}")
    return int(bool(disagreed))


if __name__ == "__main__":
    sys.exit(main())
