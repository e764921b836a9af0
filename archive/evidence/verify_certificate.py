#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Checks a certificate of disposal offline, without the service that issued it.

    python3 verify_certificate.py certificate.json [--pdf certificate.pdf] --trust trust.json
    python3 verify_certificate.py certificate.json --root CA.pem --signer WHO

Needs ``verify.py`` beside it, which reads seals, notes and journals; Python 3.11 or later; the
package ``cryptography``. One line a check, then a verdict.
Exit status: 0 intact, 3 altered or missing, 4 unverifiable.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509

if TYPE_CHECKING or __package__:
    from archive.evidence import verify
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import verify

APPROVE = "approve"
PARTS = 500  # lines of one part of a population
DAYS = ("starts_on", "ends_on", "due_on")
EAST = timedelta(hours=14)  # a day begins there so long before it begins in UTC
STEPS = {"archives_propose": ("producer", "authority"), "service_asks": ("producer", "controller")}
_require = verify._require


def root_over(leaves: Mapping[int, bytes], nodes: Sequence[bytes], size: int) -> bytes:
    """Head of a tree of this size, from some leaf hashes and the hashes of all subtrees without one."""
    numbers, rest = sorted(leaves), iter(nodes)

    def descend(low: int, high: int) -> bytes:
        at = bisect_left(numbers, low)
        if at == len(numbers) or numbers[at] >= high:
            _require((node := next(rest, None)) is not None, "proof too short")
            return node or b""
        if high - low == 1:
            return leaves[low]
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        left = descend(low, middle)
        return verify._joined(left, descend(middle, high))

    _require(numbers and 0 <= numbers[0] <= numbers[-1] < size, "entries outside the log")
    found = descend(0, size)
    _require(next(rest, None) is None, "proof too long")
    return found


def folded_name(name: str) -> str:
    """A name without case, accents, signs, doubled blanks and invisible signs."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    seen = (sign for sign in plain if not unicodedata.combining(sign) and unicodedata.category(sign) != "Cf")
    return " ".join("".join(sign if sign.isalnum() else " " for sign in seen).split())


class CertificateVerifier(verify.Verifier):
    """Runs the checks over one certificate; each adds one line or more."""

    def __init__(self, path: Path, trust: verify.Trust, now: datetime, pdf: Path | None = None) -> None:
        super().__init__(path, trust, now)
        self.pdf = pdf

    def run(self) -> list[verify.Check]:
        """All checks, in order; what needs what could not be read is not run."""
        if self.line(1, "certificate", self.check_shape) and self.line(2, "seal", self.check_seal):
            self.line(2, "log key", self.check_key)
            if self.line(3, "journal", self.check_journal):
                if self.line(4, "bordereau", self.check_bordereau):
                    self.line(5, "visas", self.check_visas)
                    self.line(6, "lines", self.check_lines)
        if self.pdf is not None:
            self.line(7, "PDF", self.check_page)
        return self.checks

    def check_shape(self) -> str:
        """1. It is a certificate in canonical form."""
        self.content = self.path.read_bytes()
        told = verify.strict_json(self.content)
        _require(told["type"] == "sealed certificate", "not a certificate")
        self.sealed, self.told = told, told["certificate"]
        _require((self.told["v"], self.told["type"]) == (1, "certificate"), "not a certificate of this version")
        self.public = {"whole": False, "public": True}[self.told["edition"]]
        one = f"disposal {self.told['disposal']}, supplement {self.told['supplement']}"
        return f"{one}, {self.told['edition']} edition, issued {self.told['issued_at']}"

    def check_seal(self) -> str:
        """2. The seal is over the certificate and its page's digest, stamped, by whom the reader expects."""
        ders = [verify.strict_base64(one) for one in self.sealed["certificates"]]
        self.known = verify.readable(x509.load_der_x509_certificate, ders)
        over = verify.written({name: self.sealed[name] for name in ("certificate", "pdf")})
        signed = verify.open_cms(verify.strict_base64(self.sealed["seal"]), verify.DATA, verify._over(over), self.known)
        self.stamped = self.sealed_at(2, signed)
        if signed.token is None:
            self.doubt(5, "time-stamp", "the seal has no time-stamp: when it was made is only claimed")
        self.moment = f"{self.stamped:%Y-%m-%d %H:%M:%S} UTC"
        outside = "" if self.told["probative"]["seal"] else "; self-made seal, not probative"
        return f"{signed.certificate.subject.rfc4514_string()}, {self.moment}{outside}"

    def check_key(self) -> str:
        """2. The seal vouches for the journal's key."""
        log = self.told["journal"]["log"]
        signed = verify.open_cms(
            verify.strict_base64(self.told["journal"]["voucher"]),
            verify.DATA,
            verify._over(f"{log['vkey']}\n".encode()),
            self.known,
        )
        self.sealed_at(2, signed)
        if self.trust.vkey not in {"", log["vkey"]}:
            self.doubt(2, "journal", f"this is the journal of {log['origin']} by another key than in your trust file")
        return f"vouched for by the seal of {signed.certificate.subject.rfc4514_string()}"

    def check_journal(self) -> str:
        """3. Every entry is under the checkpoint, which the journal's key signed."""
        told = self.told["journal"]
        text = verify.verify_note(told["checkpoint"], told["log"]["vkey"])
        origin, size, root = verify._matched(r"(.+)\n([1-9][0-9]*)\n(.+)", text, "a checkpoint").groups()
        _require(origin == told["log"]["origin"] == told["log"]["vkey"].partition("+")[0], "checkpoint of another log")
        self.by_number = {entry["n"]: entry for entry in told["entries"]}
        _require([*self.by_number] == sorted(entry["n"] for entry in told["entries"]), "entries twice, or not in order")
        leaves = {n: hashlib.sha256(b"\0" + verify.written(entry)).digest() for n, entry in self.by_number.items()}
        nodes = [verify.strict_base64(one) for one in told["nodes"]]
        reached = root_over(leaves, nodes, int(size))
        _require(reached == verify.strict_base64(root), "an entry is not the one under the checkpoint")
        late = [n for n, one in self.by_number.items() if self._moment(one) > self.stamped + verify.SKEW]
        if late:
            self.doubt(3, "clock", f"entries {late[:5]} are later than the seal's time-stamp")
        self.claims = {one["facts"]["statement"]: one for one in self.by_number.values() if "statement" in one["facts"]}
        return f"{len(leaves)} entries under one checkpoint of {size} entries of {origin}"

    def check_bordereau(self) -> str:
        """4. Bordereau and population are those that the journal claims."""
        told = self.told["population"]
        self.body = self._stated(self.told["bordereau"], "DisposalStated", "disposal", self.told["disposal"])
        chunks = list.copy(told["chunks"])
        population = hashlib.sha256(verify.written(chunks)).hexdigest()
        _require(population == self.body["population"], "the population is not the one of the bordereau")
        self.frozen: dict[str, Any] = {}
        for part in told["parts"]:
            body = self._stated(part, "DisposalStated", "lines", part["subject"])
            digest = hashlib.sha256(verify.written(body["lines"])).hexdigest()
            _require(body["disposal_id"] == self.told["disposal"], "a part of another bordereau")
            _require(digest == body["digest"] == chunks[body["position"] - 1], "a part is not of this population")
            self.frozen |= {line["record"]: line for line in body["lines"]}
        _require(self.body["state"] == self.told["state"] in {"executing", "executed"}, "it is not executed")
        return f"{self.body['reference']}: {self.body['records']} lines, {self.body['direction']}"

    def check_visas(self) -> str:
        """5. Each visa that is needed is there, about this population, by people who differ."""
        self.visas = [self._stated(one, "VisaStated", "visa", one.get("subject")) for one in self.told["visas"]]
        foreign = [one for one in self.visas if one["population"] != self.body["population"]]
        _require(not foreign, "a visa was given on another population")
        there = {one["step"] for one in self.visas}
        needed = {*STEPS[self.body["direction"]], *(("authority",) if self.body.get("authority") else ())}
        silent = {"producer"} if self.body["direction"] == "archives_propose" else set()
        missing = needed - there - silent
        _require(self.visas and not missing, f"a visa is missing: {', '.join(sorted(missing))}")
        last = max(one["given_on"] for one in self.visas)
        _require(last < self.body["stop_until"], "the cooling-off period did not follow the last visa")
        if self.public:
            return f"none of {len(self.visas)} can be read here: this edition names nobody (their digests are there)"
        _require({one["disposal_id"] for one in self.visas} == {self.told["disposal"]}, "a visa of another bordereau")
        agents = [one["agent"] for one in self.visas]
        drafters = {self.body["drafted_by"], self.body["submitted_by"]}
        _require(len({*agents}) == len(agents) and not drafters & {*agents}, "visas by one person, or by a drafter")
        _require(len({folded_name(one["person"]) for one in self.visas}) == len(agents), "visas under one name")
        people = (f"{one['step']} {one['person']} ({one['given_on']}, {one['means']})" for one in self.visas)
        return "; ".join(people)

    def check_lines(self) -> str:
        """6. Every line is there once; each that is destroyed was approved, decided, then shown gone."""
        lines = self.told["lines"]
        _require([one["position"] for one in lines] == [*range(1, self.body["records"] + 1)], "a line is missing")
        records = {one["record"]: one for one in lines}
        _require(len(records) == len(lines) and self.frozen.keys() <= records.keys(), "a record stands twice, or not")
        out = {one["record"] for one in lines if one["state"] == "excluded"}
        _require(out == {*self.body["excluded"]}, "other lines are taken out than the bordereau says")
        done = [one for one in lines if one["supplement"] == self.told["supplement"]]
        _require(done, "nothing was destroyed")
        used = {n for one in done for n in self._gone(one)}
        about = {n for n, entry in self.by_number.items() if entry["subject"].startswith("record:")}
        _require(about == used, "an entry about a record that no line tells of")
        for one in lines:
            frozen = self.frozen.get(one["record"])
            refused = frozen is not None and one["state"] != "excluded" and not self._approved(frozen)
            _require(
                frozen is None or refused == (one["state"] == "refused"), f"line {one['position']}: not as visas say"
            )
        counted = Counter(one["state"] for one in lines if one["state"] != "destroyed")
        for one in lines:
            if one["supplement"] is not None:
                order = (one["supplement"] > self.told["supplement"]) - (one["supplement"] < self.told["supplement"])
                counted[("destroyed", "later", "earlier")[order]] += 1
        totals = self.told["totals"]
        same = all(totals.get(state, 0) == counted[state] for state in {*counted, *totals})
        _require(same and sum(counted.values()) == len(lines), "the totals are others than those of the lines")
        rest = ", ".join(f"{n} {state}" for state, n in sorted(totals.items()) if n and state != "destroyed")
        return f"{len(done)} destroyed{f' ({rest})' if rest else ''}"

    def _gone(self, line: Mapping[str, Any]) -> Iterator[int]:
        """Check one line of this supplement; yield the numbers of its two entries."""
        what, frozen = f"line {line['position']}: ", self.frozen[line["record"]]
        decided, gone = (self.by_number[line[name]] for name in ("decided", "gone"))
        kinds = (decided["type"], gone["type"], line["state"])
        _require(kinds == ("DestructionDecided", "RecordDisposed", "destroyed"), f"{what}not destroyed")
        about = {decided["subject"], gone["subject"]}
        _require(about == {f"record:{line['record']}"} and decided["n"] < gone["n"], f"{what}entries of another record")
        first, last = decided["facts"], gone["facts"]
        _require(first["disposal"] == last["disposal"] == self.told["disposal"], f"{what}another bordereau")
        _require(first["population"] == self.body["population"], f"{what}decided for another population")
        _require(last["supplement"] == line["supplement"], f"{what}another supplement")
        same = all(first[name] == frozen[name] for name in (*DAYS, "original", "rules"))
        _require(same and last["record"] == frozen["record_json"], f"{what}the entries say another record, rule or day")
        place = (line["position"], line["group"])
        _require(place == (frozen["position"], frozen["group"]), f"{what}another place in the bordereau")
        _require(self._approved(frozen), f"{what}not approved by each visa")
        day = (self._moment(decided) + EAST).date().isoformat()
        _require(self.body["stop_until"] < day, f"{what}decided before the cooling-off period was over")
        yield from (decided["n"], gone["n"])

    def _approved(self, frozen: Mapping[str, Any]) -> bool:
        for visa in self.visas:
            told = visa["answers"]
            answer = told["lines"].get(frozen["record"]) or told["groups"].get(str(frozen["group"])) or told["whole"]
            if answer is None or answer["decision"] != APPROVE:
                return False
        return True

    def check_page(self) -> str:
        """7. The page is the one that was sealed with the certificate; its own seal covers all of it."""
        opened = partial((self.pdf or Path()).open, "rb")
        digest, size = verify.digest_of(opened)
        told = self.sealed["pdf"]
        _require((digest, size) == (told["sha-256"], told["size"]), "another page than the one of this certificate")
        signed = self.seal_of_page(opened, must=True)
        assert signed is not None  # noqa: S101 - it must be there
        at = self.sealed_at(7, signed)
        return f"{signed.certificate.subject.rfc4514_string()}, {at:%Y-%m-%d}"

    def _stated(self, told: Mapping[str, Any], type_: str, kind: str, subject: Any) -> Any:
        """What a statement says, if the journal claims it."""
        if self.public and "digest" in told:
            entry = self.by_number[told["entry"]]
            same = entry["facts"]["statement"] == told["digest"]
        else:
            entry = self.claims.get(hashlib.sha256(verify.written(told)).hexdigest(), {"type": ""})
            same = (told["kind"], told["subject"]) == (kind, subject) and entry.get(
                "subject"
            ) == f"statement:{kind}:{subject}"
            same = same and entry["facts"]["number"] == told["number"]
        _require(entry["type"] == type_ and same, f"the journal does not claim this {kind}")
        return told["body"]

    @staticmethod
    def _moment(entry: Mapping[str, Any]) -> datetime:
        return datetime.fromisoformat(verify._matched(verify.MOMENT, entry["at"], "the moment of an entry")[0])


def main(arguments: list[str] | None = None) -> int:
    """Print one line a check, then a verdict."""
    parser = argparse.ArgumentParser(description="Check a certificate offline. Vérifier un certificat hors ligne.")
    trusted, rooted = (partial(verify._had, read) for read in (verify.read_trust, x509.load_pem_x509_certificates))
    parser.add_argument("certificate", type=Path)
    parser.add_argument("--pdf", type=Path, help="its page")
    parser.add_argument("--trust", type=trusted, default=verify.Trust(), help="trust.json, had elsewhere")
    parser.add_argument("--root", type=rooted, action="append", default=[], help="root (PEM), had elsewhere")
    parser.add_argument("--signer", action="append", default=[], help="who must have sealed: subject or SHA-256")
    given = parser.parse_args(arguments)
    if absent := [f"{path}" for path in (given.certificate, given.pdf) if path is not None and not path.is_file()]:
        parser.error(f"no such file: {', '.join(absent)}")
    verifier = CertificateVerifier(given.certificate, verify.trust_of(given), datetime.now(UTC), given.pdf)
    lines = [f"{v.upper():<12} {n} {name}: {d}" for n, name, v, d in verifier.run()]
    status, said = verify.EXIT[verify.verdict_of(verifier.checks)]
    print(*("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line) for line in (*lines, said)), sep="\n")
    return status


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(main())
