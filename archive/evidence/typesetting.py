"""Typeset pages of our own with typst, large ones in a process of their own.

Run as a program it reads the facts from its input and writes the PDF to its output: what many pages
need of memory goes with it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typst

if TYPE_CHECKING or __package__:
    from signing.ground.errors import Unavailable


def typeset(template: Path, facts: str, moment: int, *, apart: bool) -> bytes:
    """Typeset facts; the same facts and moment give the same bytes.

    Args:
        facts: JSON; nothing of it is ever markup.
        moment: The date of the document, in seconds since 1970.
        apart: In a process of its own.

    Raises:
        Unavailable: ``typesetting_failed``: that process was ended.
    """
    if not apart:
        return _compiled(template, facts, moment)
    command = [sys.executable, "-I", __file__, str(template), str(moment)]
    ended = subprocess.run(command, input=facts.encode(), capture_output=True, check=False)
    if ended.returncode != 0:
        raise Unavailable(
            "typesetting_failed",
            "La mise en page n’a pas abouti ({why}).",
            kept="Rien n’a été changé.",
            action="Réessayez ; si cela dure, donnez plus de mémoire à la machine.",
            why=ended.stderr.decode(errors="replace")[-200:].strip() or f"signal {-ended.returncode}",
        )
    return ended.stdout


def _compiled(template: Path, facts: str, moment: int) -> bytes:
    made: bytes = typst.compile(
        str(template),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"facts": facts},
        pdf_standards=["a-2a", "ua-1"],  # kept for ever, and read aloud
        timestamp=moment,
    )
    return made


if __name__ == "__main__":
    sys.stdout.buffer.write(_compiled(Path(sys.argv[1]), sys.stdin.buffer.read().decode(), int(sys.argv[2])))
