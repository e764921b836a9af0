"""Mutations of the zip and of its members."""

from __future__ import annotations

import io
import re
import warnings
import zipfile

from tests.strangers import forger
from tests.strangers.draws import Draw, Mutant, made
from tests.strangers.genuine import zipped


def flip_container(draw: Draw) -> Mutant:
    """Flip one bit of the zip as it is, nearer to its directory than to its content."""
    raw = zipped(draw.files)
    start = raw.rindex(b"PK\x05\x06") if draw.chance.random() < 0.2 else raw.index(b"PK\x01\x02")
    if draw.chance.random() < 0.3:
        start = draw.chance.choice([found.start() for found in re.finditer(rb"PK\x03\x04", raw)])
        at = start + draw.chance.randrange(45)  # with the beginning of its name
    else:
        at = draw.chance.randrange(start, len(raw))
    raw = raw[:at] + bytes([raw[at] ^ 1 << draw.chance.randrange(8)]) + raw[at + 1 :]
    return f"{draw.name}: a bit of the zip at {at}", raw, draw.ours.trust


def cut_container(draw: Draw) -> Mutant:
    """Cut the zip, or put bytes before or after it."""
    raw, way = zipped(draw.files), draw.pick({"cut", "before", "after", "gap"})
    at = draw.chance.randrange(1, len(raw))
    grown = {
        "cut": raw[:at],
        "before": b"MZ" + raw,
        "after": raw + b"\n",
        "gap": raw[:-2] + b"\x05\x00hello",
    }[way]
    return f"{draw.name}: zip {way} {at if way == 'cut' else ''}", grown, draw.ours.trust


def member(draw: Draw) -> Mutant:
    """Remove, add, rename or exchange members; half of the time the manifest is signed anew."""
    files, way = draw.files, draw.pick({"remove", "add", "rename", "exchange", "folder", "empty"})
    name = draw.pick(set(files) - {"manifest.json"})
    if way == "remove":
        del files[name]
    elif way == "add":
        added = ("note.txt", "journal/x.json", "representations/virus.exe", "../up.txt", "journal/007.json")
        name = draw.pick(added)
        files[name] = b'{"v":1}'
    elif way == "rename":
        files[name + draw.pick({"x", " ", "/", ".json"})] = files.pop(name)
    elif way == "exchange":
        other = draw.pick(set(files) - {name})
        files[name], files[other] = files[other], files[name]
    elif way == "folder":
        files["reports/" if draw.chance.random() < 0.5 else "new/"] = b""
    else:
        files[name] = b""
    listed = draw.chance.random() < 0.5 and "manifest.json" in files
    if listed:
        try:
            forger.relist(files, draw.key)
        except (ValueError, AttributeError, TypeError):
            listed = False
    return made(draw, f"{way} {name}{', listed' if listed else ''}", files)


def twice(draw: Draw) -> Mutant:
    """Double a member, the same or other bytes; or deflate one."""
    files, name = draw.files, draw.pick(draw.files)
    way = draw.pick({"same", "other", "first", "deflated"})
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w") as archive:
        warnings.simplefilter("ignore")
        for one, content in files.items():
            packed = zipfile.ZIP_DEFLATED if way == "deflated" and one == name else zipfile.ZIP_STORED
            if one == name and way == "first":
                archive.writestr(zipfile.ZipInfo(one), b"other")
            archive.writestr(zipfile.ZipInfo(one), content, packed)
        if way in {"same", "other"}:
            archive.writestr(zipfile.ZipInfo(name), files[name] if way == "same" else b"other")
    return f"{draw.name}: {name} twice ({way})", target.getvalue(), draw.ours.trust


def order(draw: Draw) -> Mutant:
    """Shuffle the members: an order of names is a courtesy, not a claim."""
    names = list(draw.files)
    draw.chance.shuffle(names)
    return made(draw, "members in another order", {name: draw.files[name] for name in names})
