"""Mutations of what is signed: proofs, notes, tokens, seals, and of whom the reader trusts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable

from signing.seal import detached
from tests.strangers import forger
from tests.strangers.draws import Draw, Mutant, flipped, made
from tests.strangers.genuine import Files, zipped


def proofs(draw: Draw) -> Mutant:
    """Exchange or damage proofs, listed."""
    files = draw.files
    names = [name for name in files if name.endswith(".tlog-proof")]
    name, way = draw.pick(names), draw.pick({"exchange", "path", "index", "extra", "cosigned", "older", "end"})
    proof = files[name].decode()
    if way == "exchange":
        other = draw.pick(set(names) - {name} or {name})
        files[name], files[other] = files[other], files[name]
    elif way == "path":
        lines = proof.split("\n")
        del lines[2]
        files[name] = "\n".join(lines).encode()
    elif way == "index":
        files[name] = proof.replace("index ", "index 0", 1).encode()
    elif way == "extra":
        files[name] = proof.replace("\nindex", "\nextra eA==\nindex", 1).encode()
    elif way == "cosigned":
        files[name] = (proof + "— witness.example AAAAAAAA\n").encode()
    elif way == "older":
        other = draw.ours.bundles["other"]
        files[name] = other[draw.pick(n for n in other if n.endswith(".tlog-proof"))]
    else:
        files[name] = proof.encode() + draw.chance.choice([b"\n", b" ", b"x\n"])
    forger.relist(files, draw.key)
    return made(draw, f"{name}: {way}, listed", files)


def notes(draw: Draw) -> Mutant:
    """Write the note of the manifest in another way."""
    files = draw.files
    note = files["manifest.note"].decode()
    ways: dict[str, Callable[[], str]] = {
        "unused bits": lambda: note[:-3] + chr(ord(note[-3]) ^ 1) + note[-2:],
        "a line of another key": lambda: note + "— witness.example AAAAAAAA\n",
        "a line that is none": lambda: note + "hello\n",
        "twice signed": lambda: note + note[note.index("— ") :],
        "crlf": lambda: note.replace("\n", "\r\n"),
        "no end": lambda: note[:-1],
        "an empty line more": lambda: note + "\n",
        "a space": lambda: note.replace("\n\n", " \n\n"),
        "key name": lambda: note.replace("— chartrier", "— chartrie"),
        "a false line of the key": lambda: note + re.sub(r"[A-Za-z](?=[^\n]{20}\n$)", "0", note[note.index("— ") :]),
    }
    way = draw.pick(ways)
    files["manifest.note"] = ways[way]().encode()
    return made(draw, f"manifest.note: {way}", files)


def resigned(draw: Draw) -> Mutant:
    """Sign the manifest, or more, with somebody else's key."""
    files, key = draw.files, draw.theirs.world.log_key
    way = draw.pick({"note", "note and log", "journal too", "voucher too", "all but the seal of the PDF"})
    if way == "note":
        forger.sign_list(files, key)
        return made(draw, "manifest.note by another key", files)
    if way in {"journal too", "voucher too", "all but the seal of the PDF"}:
        forger.regrow(files, key, draw.theirs.world.timestamper)
        forger.acknowledge(files, key)
    if way == "voucher too":
        files["journal/log-key.p7s"] = detached(draw.ours.world.signer, key.vkey.encode() + b"\n")
    if way == "all but the seal of the PDF":
        files["journal/log-key.p7s"] = detached(draw.theirs.world.signer, key.vkey.encode() + b"\n")
    forger.relist(files, key, vkey=True)
    trust = draw.ours.trust
    if draw.chance.random() < 0.4:
        told = json.loads(trust)
        told["log"] = {"origin": key.origin, "vkey": key.vkey}
        trust, way = forger.write(told) + b"\n", way + ", and named by the reader"
    return f"{draw.name}: another key: {way}", zipped(files), trust


def stranger(draw: Draw) -> Mutant:
    """Give the reader somebody else's trust, whole or in part, or one with mistakes."""
    ours, theirs = json.loads(draw.ours.trust), json.loads(draw.theirs.trust)
    way = draw.pick({"all", "log", "seals", "seal_roots", "timestamp_roots", "no roots", "no times", "no seals"})
    if way == "all":
        ours = theirs
    elif way.startswith("no "):
        ours[{"no roots": "seal_roots", "no times": "timestamp_roots", "no seals": "seals"}[way]] = []
    else:
        ours[way] = theirs[way]
    return f"{draw.name}: trust: {way}", zipped(draw.files), forger.write(ours) + b"\n"


def trust_form(draw: Draw) -> Mutant:
    """Write the trust file in another way."""
    trust = draw.ours.trust
    ways: dict[str, Callable[[], bytes]] = {
        "no line break": lambda: trust[:-1],
        "two": lambda: trust + b"\n",
        "spaces": lambda: json.dumps(json.loads(trust), ensure_ascii=False).encode() + b"\n",
        "cut": lambda: trust[: draw.chance.randrange(len(trust))],
        "no type": lambda: trust.replace(b'"type":"trust",', b""),
        "type": lambda: trust.replace(b'"trust"', b'"receipt"'),
        "more names": lambda: trust.replace(b'{"log"', b'{"colour":"blue","log"'),
        "a bit": lambda: flipped(trust, draw.chance),
    }
    way = draw.pick(ways)
    return f"{draw.name}: trust file: {way}", zipped(draw.files), ways[way]()


def tokens(draw: Draw) -> Mutant:
    """Cut the token or the voucher, or put another in its place; listed."""
    files = draw.files
    name = draw.pick({"journal/checkpoint.tsr", "journal/log-key.p7s"})
    content, voucher = files[name], name.endswith("p7s")
    way = draw.pick({"cut", "more", "other", "theirs", "doubled"})
    if way == "cut":
        content = content[: draw.chance.randrange(len(content))]
    elif way == "more":
        content += b"\0"
    elif way == "doubled":
        content += content
    else:
        world = draw.ours.world if way == "other" else draw.theirs.world
        content = detached(world.signer, b"another key\n") if voucher else world.timestamper.token(bytes(32))
        if way == "theirs":
            told = (draw.key.vkey + "\n").encode()
            note = files[draw.pick(n for n in files if n.endswith(".tlog-proof"))].partition(b"\n\n")[2]
            content = detached(world.signer, told) if voucher else world.timestamper.token(_digest(note))
    files[name] = content
    forger.relist(files, draw.key)
    return made(draw, f"{name}: {way}, listed", files)


def _digest(content: bytes) -> bytes:
    return bytes.fromhex(forger.sha256(content))


def pdfs(draw: Draw) -> Mutant:
    """Put another PDF in place of the archival one, listed."""
    files, name = draw.files, "representations/archival.pdf"
    content = files.get(name, b"%PDF-1.7\n")
    other = draw.theirs.bundles["whole"][name]
    ways: dict[str, Callable[[], bytes]] = {
        "appended": lambda: content + b"\n% more",
        "theirs": lambda: other,
        "another's": lambda: draw.ours.bundles["other"][name],
        "original": lambda: files.get("representations/original.pdf", b""),
        "no range": lambda: content.replace(b"/ByteRange", b"/ByteRangf"),
        "cut": lambda: content[: draw.chance.randrange(len(content))],
    }
    way = draw.pick(ways)
    files[name] = ways[way]()
    if draw.chance.random() < 0.6:
        way += ", told in every file"
        _tell_pdf(draw, files, name)
    forger.relist(files, draw.key)
    return made(draw, f"archival.pdf: {way}, listed", files)


def _tell_pdf(draw: Draw, files: Files, name: str) -> None:
    """Make record, inventory and journal say that this was always the archival form."""
    content, record = files[name], json.loads(files["record.json"])
    for form in record["representations"]:
        if form["kind"] == "archival":
            new = {"sha-256": forger.sha256(content), "sha-512": hashlib.sha512(content).hexdigest()}
            files["inventory.json"] = files["inventory.json"].replace(
                form["digests"]["sha-512"].encode(), new["sha-512"].encode()
            )
            form |= {"digests": new, "size": len(content)}
    files["record.json"] = forger.write(record)
    for n in forger.entries_of(files):
        entry = json.loads(files[f"journal/{n}.json"])
        if entry["facts"].get("archival"):
            entry["facts"]["archival"] = forger.sha256(content)
        files[f"journal/{n}.json"] = forger.write(entry)
    forger.promise(files)
    forger.regrow(files, draw.key, draw.ours.world.timestamper)
    forger.acknowledge(files, draw.key)


def clock(draw: Draw) -> Mutant:
    """Move the time of the last revision's entry, with or without a correction of the clock."""
    files, way = draw.files, draw.pick({"ahead", "back", "ahead, corrected", "back, corrected", "corrected beside"})
    n = max(k for k in forger.entries_of(files) if b'"inventory"' in files[f"journal/{k}.json"])
    entry = json.loads(files[f"journal/{n}.json"])
    entry["at"] = ("2036" if "ahead" in way else "2016") + entry["at"][4:]
    files[f"journal/{n}.json"] = forger.write(entry)
    if "corrected" in way:
        m = max(forger.entries_of(files)) + 1
        first = n + 1 if way == "corrected beside" else n
        facts = {"reason": "ahead", "difference": 1, "first": first, "last": m - 1}
        told = {"v": 1, "n": m, "at": draw.chance.choice(["2026-11-29T12:00:00.000Z", "2046-01-01T00:00:00.000Z"])}
        told |= {"type": "ClockCorrected", "subject": draw.chance.choice(["log", "log", "record:1"]), "facts": facts}
        files[f"journal/{m}.json"] = forger.write(told | {"agent": None, "tenant": None})
    forger.regrow(files, draw.key, draw.ours.world.timestamper)
    forger.acknowledge(files, draw.key)
    forger.relist(files, draw.key)
    return made(draw, f"clock {way}", files)
