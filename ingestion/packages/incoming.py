"""Take a package of SEDA apart: examine it, make its nodes and deposits, answer its sender.

Each step is stated before the next begins, and made again by whoever claims the package next:
identifiers come from the package and its manifest, so that nothing is made twice. The reply is
written when each part is a record, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.catalogue import plan_changes, plan_reach, stale
from archive.catalogue.plan_changes import PlanChange
from archive.catalogue.plan_nodes import read_node
from archive.catalogue.producers import tree_of
from archive.database.batches import batches
from archive.database.retention_tables import PlanNodeRow
from archive.database.seda_tables import SedaTransferRow
from archive.disposition.act import Act
from archive.disposition.holds.effects import HeldPlaces
from archive.disposition.transfers import incoming
from archive.exchange.seda.examination import Examination
from archive.exchange.seda.findings import Finding, Outcome, Step, found_ko
from archive.exchange.seda.ours import InOurWords, in_our_words
from archive.exchange.seda.transfer import Transfer
from archive.journal.types import EntryType
from archive.model.identifiers import derived_id
from archive.model.seda_states import TransferState
from archive.retention.civil import civil_day, today_of, zone_of
from ingestion.deposits.states import DepositState, problem
from ingestion.packages.answers import answer, body_of, with_findings
from ingestion.packages.examining import Examiner
from ingestion.packages.holding import due_holds, place_holds
from ingestion.packages.placing import MANIFEST, Placed, PlacedPart, place, units_alone
from ingestion.packages.registers import producer_name
from ingestion.processing.claims import Claim, release
from ingestion.processing.quarantine_decisions import KEPT_DAYS, REFUSED
from ingestion.processing.workspace import Workspace
from ingestion.reception.submission import PACKAGE, PartOf, Submission
from ingestion.tables import DepositRow
from ingestion.tools.seda import ExaminedPackage
from signing.ground.clock import Clock, stamp
from signing.ground.errors import Corrupt

if TYPE_CHECKING:
    from archive.database.engine import Database
    from archive.disposition.holds.decisions import Holds
    from archive.journal.sequencer import Ledger
    from ingestion.reception.intake import Intake

NODES_AT_ONCE: Final = 100
"""Nodes of one transaction: other writers wait as long."""
_AGAIN: Final = 2.0
"""Seconds after which somebody looks again whether each part is kept."""
_ENDED: Final = frozenset({DepositState.KEPT.value, DepositState.REFUSED.value})
_PRIORITY: Final = 5
_CHILD_KEY: Final = "seda:{package}:{object}"


@dataclass(frozen=True)
class _Seen:
    """A package, examined and put into our words."""

    examination: Examination
    words: InOurWords | None
    files: ExaminedPackage | None = None


@dataclass(frozen=True)
class Unpacker:
    """Takes packages apart, under the claim of their deposit."""

    database: Database
    ledger: Ledger
    intake: Intake
    holds: Holds
    examiner: Examiner
    clock: Clock

    def advance(self, claim: Claim) -> bool:
        """Advance a package as far as possible; False if the deposit is to become a record itself.

        Raises:
            Unavailable: Something of ours does not answer.
            LeaseLost: Another worker took the package over.
        """
        with self.database.read() as session:
            deposit = session.get_one(DepositRow, claim.deposit_id)
            row = session.get(SedaTransferRow, deposit.id)
        if deposit.fields.get(PACKAGE.name) is None:
            return False
        if row is not None and row.state == TransferState.REFUSED:
            return False  # an archivist keeps the package as it was received
        if row is not None and row.state != TransferState.TAKING:
            self._end(claim)
            return True
        with self.examiner.workspace() as workspace:
            seen = None
            if row is None:
                files = self.examiner.opened(deposit, workspace)
                seen = _Seen(*self.examiner.judged(deposit, files), files)
                row = self._state(claim, deposit, seen)
                if row is None or row.state != TransferState.TAKING:
                    return True
            self._take(claim, deposit, row, seen, workspace)
        return True

    # -- examine

    def _state(self, claim: Claim, deposit: DepositRow, seen: _Seen) -> SedaTransferRow | None:
        """State what the examination found, and what follows from it, in one transaction."""
        self.examiner.keep(deposit, seen.examination)
        with self.database.write() as session:
            claim.touch(session, updated_at=self.clock())
            act = self._act(session, deposit)
            self.ledger.take_turn(session)
            if session.get(SedaTransferRow, deposit.id) is not None:
                return None  # stated under a claim that seemed lost: the next one goes on from there
            examination, before = seen.examination, None
            if examination.transfer is not None and examination.outcome is not Outcome.KO:
                told = examination.transfer
                before = incoming.earlier(session, act.tenant, told.transferring_agency.identifier, told.identifier)
                if before is not None and before.content["package"] != deposit.sha256:
                    examination = with_findings(examination, [_known_already(told)])
            reference = incoming.next_reference(act)
            if examination.outcome is Outcome.KO:
                return self._refuse(claim, act, deposit, examination, reference)
            placed = self._placed(session, deposit, examination, seen.words, reference)
            parts = [one.part for one in placed.parts]
            repeats = before.id if before is not None else None
            state = TransferState.REPEATED if before is not None else TransferState.TAKING
            body = body_of(
                examination,
                reference=reference,
                package=deposit.sha256,
                state=state,
                units=len(placed.units),
                parts=parts,
                repeats=repeats,
            )
            row = incoming.state_transfer(act, deposit.id, 0, "examined", body)
            if before is None:
                incoming.enter_content(session, act.tenant, deposit.id, placed.units, parts)
            else:
                self._unpacked(session, claim)
            return row

    def _refuse(
        self, claim: Claim, act: Act, deposit: DepositRow, examination: Examination, reference: str
    ) -> SedaTransferRow:
        """Refuse a package: answered at once, its bytes kept for a while like any refused ones."""
        session, now = act.session, self.clock()
        units = units_alone(examination.transfer) if examination.transfer is not None else ()
        body = body_of(
            examination,
            reference=reference,
            package=deposit.sha256,
            state=TransferState.REFUSED,
            units=len(units),
            parts=(),
        )
        reply = answer(examination, identifier=_reply_id(deposit), at=stamp(now))
        row = incoming.state_transfer(act, deposit.id, 0, "refused", body, reply)
        incoming.enter_content(session, act.tenant, deposit.id, units, ())
        until = (civil_day(now, zone_of(session, act.tenant)) + timedelta(days=KEPT_DAYS)).isoformat()
        first = next(one for one in examination.findings if one.outcome is Outcome.KO)
        told = problem(
            REFUSED,
            "Ce paquet SEDA est refusé : {reason}",
            action="Corrigez-le, puis versez-le à nouveau. Ses octets sont gardés jusqu’au {until}, puis détruits.",
            values={"reason": first.french, "until": until, "was": first.code},
        )
        self._ended(session, claim, DepositState.REFUSED, told)
        self.ledger.append(
            session,
            type=EntryType.DEPOSIT_REFUSED,
            tenant=act.tenant,
            subject=f"deposit:{deposit.id}",
            agent="service:ingestion",
            facts={"reason": "seda_refused", "until": until},
        )
        return row

    # -- take

    def _take(
        self, claim: Claim, deposit: DepositRow, row: SedaTransferRow, seen: _Seen | None, workspace: Workspace
    ) -> None:
        """Make nodes and deposits; answer when each part is kept, else look again later."""
        examination = seen.examination if seen is not None else self.examiner.recall(deposit)
        files = seen.files if seen is not None else None
        complete = len(self._states(row)) == row.content["parts"]
        if examination is None or (files is None and not complete):
            files = self.examiner.opened(deposit, workspace)
            examination = examination or files.examination
        transfer = examination.transfer
        if transfer is None:  # a package that was readable is so no more
            raise Corrupt("altered", "Ce paquet n’est plus celui qui a été examiné.", kept="Rien n’a été détruit.")
        words = seen.words if seen is not None and seen.words is not None else in_our_words(transfer)
        with self.database.read() as session:
            placed = self._placed(session, deposit, examination, words, row.content["reference"])
        if files is not None:
            self._make_nodes(claim, deposit, placed)
            with self.database.write() as session:
                claim.touch(session, updated_at=self.clock())
                parts = [one.part for one in placed.parts]
                incoming.enter_content(session, deposit.tenant_id, deposit.id, placed.units, parts)
            self._deposit(deposit, examination, placed, files)
        states = self._states(row)
        if len(states) < len(placed.parts) or any(state not in _ENDED for state, _ in states.values()):
            self._wait(claim)
            return
        self._place_holds(deposit, row.content["reference"], placed, states)
        self._answer(claim, deposit, examination, placed, states)

    def _make_nodes(self, claim: Claim, deposit: DepositRow, placed: Placed) -> None:
        """Make the nodes that are not there yet, so many in a transaction."""
        for start in range(0, len(placed.nodes), NODES_AT_ONCE):
            some = placed.nodes[start : start + NODES_AT_ONCE]
            with self.database.read() as session:
                asked = select(PlanNodeRow.id).where(PlanNodeRow.id.in_([one.node_id for one in some]))
                there = set(session.scalars(asked))
            new = [one for one in some if one.node_id not in there]
            if not new:
                continue
            codes = [one.given["code"] for one in new]
            with self.database.write() as session:
                claim.touch(session, updated_at=self.clock())
                change = PlanChange(
                    session, self.ledger, deposit.tenant_id, deposit.agent, self.clock(), HeldPlaces(), locks=False
                )
                stale.lock_early(session, plan_reach.naming(deposit.tenant_id, codes))
                for one in new:
                    plan_changes.enter(change, read_node(one.given), one.node_id)
                plan_reach.place_named(session, deposit.tenant_id, codes)
                plan_changes.mark_below(change, [one.node_id for one in new])

    def _deposit(self, deposit: DepositRow, examination: Examination, placed: Placed, files: ExaminedPackage) -> None:
        """Deposit each part that is not there yet, by the one way in."""
        with self.database.read() as session:
            wanted = [one.part.deposit_id for one in placed.parts]
            there: set[str] = set()
            for some in batches(wanted):
                there |= set(session.scalars(select(DepositRow.id).where(DepositRow.id.in_(some))))
        for one in placed.parts:
            if one.part.deposit_id not in there:
                self._deposit_part(deposit, examination, one, files)

    def _deposit_part(
        self, deposit: DepositRow, examination: Examination, one: PlacedPart, files: ExaminedPackage
    ) -> None:
        is_manifest = one.part.unit == 0
        expected = examination.manifest_sha256 if is_manifest else examination.received[one.part.object].sha256
        submission = Submission(
            tenant=deposit.tenant_id,
            agent=deposit.agent,
            idempotency_key=_CHILD_KEY.format(package=deposit.id, object=one.part.position),
            filename=one.filename or MANIFEST,
            media_type=one.media_type,
            fields=one.fields,
            expected_sha256=expected,
            priority=_PRIORITY,
            part_of=PartOf(one.part.deposit_id, one.part.record_id),
        )
        with self.intake.open_spool() as spool:
            for part in _manifest_parts(files) if is_manifest else files.parts(one.part.object):
                spool.write(part)
            self.intake.accept(spool, submission)

    def _place_holds(
        self, deposit: DepositRow, reference: str, placed: Placed, states: Mapping[str, tuple[str, str]]
    ) -> None:
        """Place the holds that the transfer brings, each once."""
        kept = {one.part.record_id for one in placed.parts if states[one.part.deposit_id][0] == DepositState.KEPT}
        told = {hold: [one for one in records if one in kept] for hold, records in placed.holds.items()}
        with self.database.read() as session:
            today = today_of(session, deposit.tenant_id, self.clock())
            due = due_holds(session, deposit.tenant_id, reference, told, today)
        place_holds(self.holds, deposit.tenant_id, deposit.agent, due)

    def _answer(
        self,
        claim: Claim,
        deposit: DepositRow,
        examination: Examination,
        placed: Placed,
        states: Mapping[str, tuple[str, str]],
    ) -> None:
        """State that everything is taken, with the reply."""
        now = self.clock()
        parts = {one.part.object: one.part for one in placed.parts if one.part.unit > 0}
        kept = {
            name: (part.record_id, states[part.deposit_id][1])
            for name, part in parts.items()
            if states[part.deposit_id][0] == DepositState.KEPT
        }
        lost = [name for name in parts if name not in kept]
        reply = answer(
            examination, identifier=_reply_id(deposit), at=stamp(now), units=placed.units, parts=kept, lost=lost
        )
        with self.database.write() as session:
            claim.touch(session, updated_at=now)
            act = self._act(session, deposit)
            row = session.get_one(SedaTransferRow, deposit.id)
            outcome = max(
                Outcome(row.outcome), Outcome.WARNING if lost else Outcome.OK, key=lambda one: one.gravity
            ).value
            body = {**row.content, "state": TransferState.TAKEN.value, "outcome": outcome}
            incoming.state_transfer(act, deposit.id, row.number, "taken", body, reply)
            self._unpacked(session, claim)

    # -- what is there

    def _placed(
        self, session: Session, deposit: DepositRow, examination: Examination, words: InOurWords | None, reference: str
    ) -> Placed:
        if words is None:
            return Placed()
        tree = tree_of(session, deposit.tenant_id)
        day = today_of(session, deposit.tenant_id, self.clock()).day
        return place(deposit.id, reference, examination, words, lambda told: producer_name(tree, told, day))

    def _states(self, row: SedaTransferRow) -> dict[str, tuple[str, str]]:
        """Return the state and the SHA-512 of each part that was deposited, by its deposit."""
        with self.database.read() as session:
            wanted = [part.deposit_id for part in incoming.parts_of(session, row.id)]
            found_there: dict[str, tuple[str, str]] = {}
            for some in batches(wanted):
                one = DepositRow
                asked = select(one.id, one.state, one.sha512).where(one.id.in_(some))
                found_there |= {identity: (state, sha512) for identity, state, sha512 in session.execute(asked)}
        return found_there

    def _act(self, session: Session, deposit: DepositRow) -> Act:
        return Act(session, self.ledger, deposit.tenant_id, deposit.agent, self.clock())

    # -- the claim

    def _wait(self, claim: Claim) -> None:
        with self.database.write() as session:
            release(session, claim, self.clock(), after=_AGAIN, counts=False)

    def _end(self, claim: Claim) -> None:
        with self.database.write() as session:
            self._unpacked(session, claim)

    def _unpacked(self, session: Session, claim: Claim) -> None:
        self._ended(session, claim, DepositState.UNPACKED, None)

    def _ended(self, session: Session, claim: Claim, state: DepositState, told: dict[str, Any] | None) -> None:
        claim.touch(
            session,
            state=state.value,
            problem=told,
            version=DepositRow.version + 1,
            updated_at=self.clock(),
            lease_owner=None,
            lease_until=None,
            attempts=0,
        )


def _manifest_parts(files: ExaminedPackage) -> Sequence[bytes]:
    if files.manifest is None:
        raise KeyError(MANIFEST)
    return [files.manifest.read_bytes()]


def _reply_id(deposit: DepositRow) -> str:
    return derived_id(deposit.id, "reply")


def _known_already(transfer: Transfer) -> Finding:
    return found_ko(
        "seda_message_known",
        Step.AGENCIES,
        "« {sender} » a déjà fait un autre versement sous le numéro « {identifier} ».",
        sender=transfer.transferring_agency.identifier,
        identifier=transfer.identifier,
    )
