"""Mutations of JSON: its form, one place of it, and what stands above it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from tests.strangers import forger
from tests.strangers.draws import Draw, Mutant, made
from tests.strangers.genuine import Files


def form(draw: Draw) -> Mutant:
    """Write a JSON file in another way that means the same or nearly; listed."""
    files = draw.files
    names = [n for n in files if n.endswith(".json") and not n.startswith("reports/")]
    name = draw.pick(names)
    value, raw = json.loads(files[name]), files[name]
    ways: dict[str, Callable[[], bytes]] = {
        "spaces": lambda: json.dumps(value, sort_keys=True, ensure_ascii=False).encode(),
        "escapes": lambda: json.dumps(value, sort_keys=True, separators=(",", ":")).encode(),
        "other order": lambda: json.dumps(dict(sorted(value.items(), reverse=True)), ensure_ascii=False).encode(),
        "a name twice": lambda: raw.replace(b"{", b'{"v":2,', 1),
        "float": lambda: re.sub(rb":([0-9]+)([,}])", rb":\1.0\2", raw, count=1),
        "line break": lambda: raw + b"\n",
        "mark": lambda: b"\xef\xbb\xbf" + raw,
        "not UTF-8": lambda: raw.replace(b'"', b'"\xff', 1),
        "version 2": lambda: raw.replace(b'"v":1', b'"v":2'),
        "no version": lambda: raw.replace(b',"v":1', b""),
        "deep": lambda: raw[:-1] + b',"z":' + b"[" * 200 + b"]" * 200 + b"}",
        "list": lambda: b"[" + raw + b"]",
        "true version": lambda: raw.replace(b'"v":1', b'"v":true'),
    }
    way = draw.pick(ways)
    files[name] = ways[way]()
    if name == "manifest.json":
        try:
            forger.sign_list(files, draw.key)
        except (AttributeError, ValueError):
            return made(draw, f"{name}: {way}", files)
    else:
        if draw.chance.random() < 0.6:
            way += ", told in the journal"
            retell(draw, files, name)
        forger.relist(files, draw.key)
    return made(draw, f"{name}: {way}, listed", files)


def retell(draw: Draw, files: Files, name: str) -> None:
    """Write anew, with our keys, what stands above a file that was changed."""
    try:
        if name != "inventory.json":
            forger.promise(files)
        if name != "receipt.json":
            forger.regrow(files, draw.key, draw.ours.world.timestamper)
            forger.acknowledge(files, draw.key)
    except (ValueError, AttributeError, KeyError, TypeError):
        return


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, containers too."""
    found = [path] if path else []
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        found += _places(one, (*path, name))
    return found


def _change(value: Any, place: tuple[Any, ...], chance: random.Random) -> str:
    for step in place[:-1]:
        value = value[step]
    old, last = value[place[-1]], place[-1]
    way = chance.choice(["remove", "null", "other", "other", "other", "type", "beside"])
    if way == "remove":
        del value[last]
    elif way == "null":
        value[last] = None
    elif way == "beside" and isinstance(value, dict):
        value[f"{last}_"] = old
    elif way == "type" or isinstance(old, dict | list | None):
        value[last] = chance.choice(["1", 1, [], {}, True])
    elif isinstance(old, bool):
        value[last] = not old
    elif isinstance(old, int):
        value[last] = chance.choice([old + 1, old - 1, -old, 10**30])
    else:
        ways = [old + "x", old[:-1], old.upper(), _other_digit(old), ""]
        value[last] = chance.choice(ways)
    return f"{'.'.join(map(str, place))} {way}"


def _other_digit(text: str) -> str:
    return re.sub(r"[0-9](?=[^0-9]*$)", lambda found: str((int(found[0]) + 1) % 10), text, count=1)


def edit(draw: Draw) -> Mutant:
    """Change one place of a JSON file and sign the manifest anew."""
    files = draw.files
    name = draw.pick(n for n in files if n.endswith(".json") and not n.startswith("reports/"))
    value = json.loads(files[name])
    what = _change(value, draw.chance.choice(_places(value)), draw.chance)
    files[name] = forger.write(value)
    if name == "manifest.json":
        forger.sign_list(files, draw.key)
    else:
        forger.relist(files, draw.key)
    return made(draw, f"{name}: {what}, listed", files)


def rewrite(draw: Draw) -> Mutant:
    """Change one place and write everything above it anew, with every key of the installation."""
    files = draw.files
    name = draw.pick(n for n in files if n.endswith(".json") and not n.startswith(("reports/", "manifest")))
    value = json.loads(files[name])
    what = _change(value, draw.chance.choice(_places(value)), draw.chance)
    files[name] = forger.write(value)
    retell(draw, files, name)
    if name == "receipt.json":
        served = json.loads(files[name])
        if isinstance(served.get("receipt"), dict) and draw.chance.random() < 0.8:
            served["note"] = draw.key.sign_note(forger.write(served["receipt"]).decode() + "\n")
            files[name] = forger.write(served)
    forger.relist(files, draw.key)
    return made(draw, f"{name}: {what}, and all above it", files)
