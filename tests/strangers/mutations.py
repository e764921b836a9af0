"""Ways to alter a bundle or the reader's trust: each takes a draw, and gives both with words."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.strangers import forger
from tests.strangers.chained import chains
from tests.strangers.containers import cut_container, flip_container, member, order, twice
from tests.strangers.draws import Draw, Mutant, flipped, made
from tests.strangers.signed import clock, notes, pdfs, proofs, resigned, stranger, tokens, trust_form
from tests.strangers.values import edit, form, retell, rewrite


def flip(draw: Draw) -> Mutant:
    """Flip one bit of one file."""
    files, name = draw.files, draw.pick(draw.files)
    files[name] = flipped(files[name], draw.chance)
    return made(draw, f"a bit of {name}", files)


def flip_listed(draw: Draw) -> Mutant:
    """Flip one bit of one file and sign the manifest anew: only what the file is can tell."""
    files = draw.files
    name = draw.pick(set(files) - {"manifest.json", "manifest.note"})
    files[name] = flipped(files[name], draw.chance)
    forger.relist(files, draw.key)
    return made(draw, f"a bit of {name}, listed", files)


def foreign(draw: Draw) -> Mutant:
    """Put a file of another record, or of somebody else's, in place; half of the time listed."""
    files, source = draw.files, draw.pick({"other", "theirs", "described"})
    other = draw.theirs.bundles["whole"] if source == "theirs" else draw.ours.bundles[source]
    name = draw.pick(set(files) & set(other) - {"LISEZMOI.txt", "README.txt", "verify.py"})
    files[name] = other[name]
    listed = draw.chance.random() < 0.7 and not name.startswith("manifest")
    if listed:
        forger.relist(files, draw.key)
    return made(draw, f"{name} of {source}{', listed' if listed else ''}", files)


def forget(draw: Draw) -> Mutant:
    """Leave entries out, or say that the content was left out; all above it anew."""
    files, way = draw.files, draw.pick({"entry", "entry and regrown", "content", "says content", "form"})
    n = draw.chance.choice(forger.entries_of(files))
    if way.startswith("entry"):
        del files[f"journal/{n}.json"], files[f"journal/{n}.tlog-proof"]
        way += f" {n}"
        if "regrown" in way:
            retell(draw, files, "premis.json")
    elif way == "form":
        names = [name for name in files if name.startswith("representations/")]
        if names:
            del files[draw.pick(names)]
    else:
        manifest = json.loads(files["manifest.json"])
        manifest["content"] = way == "says content"
        files["manifest.json"] = forger.write(manifest)
        if way == "content" and draw.chance.random() < 0.5:
            files = {name: content for name, content in files.items() if not name.startswith("representations/")}
            way += ", and leaves it out"
    forger.relist(files, draw.key)
    return made(draw, f"without {way}, listed", files)


def untouched(draw: Draw) -> Mutant:
    """Alter nothing."""
    return made(draw, "untouched", draw.files)


KINDS: dict[str, tuple[int, Callable[[Draw], Mutant]]] = {
    "untouched": (2, untouched),
    "flipped bit": (12, flip),
    "flipped bit, listed": (14, flip_listed),
    "bit of the zip": (8, flip_container),
    "zip cut or grown": (3, cut_container),
    "members": (8, member),
    "doubled or deflated": (4, twice),
    "another order": (1, order),
    "another record's file": (7, foreign),
    "proofs": (6, proofs),
    "notes": (4, notes),
    "another key": (5, resigned),
    "another trust": (4, stranger),
    "form of the trust file": (3, trust_form),
    "token or voucher": (5, tokens),
    "another PDF": (5, pdfs),
    "form of JSON": (8, form),
    "edited, listed": (12, edit),
    "rewritten with every key": (20, rewrite),
    "left out": (4, forget),
    "a wrong clock": (3, clock),
    "chains": (6, chains),
}
"""Name, weight, mutation."""
