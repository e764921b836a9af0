"""Bordereaux: drafted, submitted, decided line by line by two people, stopped; examples V, T3.

Their numbers are those of docs/retention.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from archive.catalogue.reading import Reader, may_be_read_by_all
from archive.database.disposal_tables import DisposalVisaRow, VisaRefusalRow
from archive.database.tables import RecordRow
from archive.disposition.disposals import bordereau, confirmation, listing, scans, visas
from archive.disposition.disposals.decisions import Answer, Answers
from archive.disposition.disposals.paper import Detail, Print, title_code
from archive.disposition.disposals.scans import ScanReceived
from archive.model.disposals import Direction, DisposalAction, LineDecision, LineState, VisaMeans, VisaStep
from ingestion.operations.custody import Custody
from signing.ground.errors import Refused
from tests.bordereaux import ANNE, BRUNO, CLAIRE, DENIS, Town, Watch
from tests.holdings import lose_database, opened, rows, system_at
from tests.servers.postgres import Databases

D = date.fromisoformat
PRODUCER, AUTHORITY, CONTROLLER = VisaStep


@pytest.fixture
def town(databases: Databases, tmp_path: Path, keys: Path) -> Iterator[Town]:
    watch = Watch()
    fresh = databases.fresh(tmp_path / "home")
    settings = fresh.settings if fresh.url.startswith("postgresql") else {}
    with opened(tmp_path / "home", keys, clock=watch, **settings) as system:
        made = Town(system, tmp_path, watch)
        made.rule("BON", 10)
        yield made


def refused(act: Callable[..., Any], *args: Any, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        act(*args, **more)
    return caught.value.code


def test_a_bordereau_takes_what_is_ready_and_lets_it_go_when_it_is_stopped(town: Town) -> None:
    later, (due,) = town.keep("2020-06-30"), town.due(1)
    disposal = town.draft()
    assert town.lines(disposal) == {due: ("included", None)}
    assert (town.record(due).state, town.record(later).state) == ("in_disposal", "kept")
    assert town.row(disposal).reference == "2026-01"
    assert refused(town.draft, [due]) == "record_in_disposal"
    assert refused(town.draft) == "bad_disposal", "nothing else is ready"
    with town.acting() as act:
        bordereau.withdraw(act, disposal, None, "Erreur")
    assert town.record(due).state == "kept"
    assert town.row(town.draft()).reference == "2026-02"


def test_t3_a_line_that_may_not_go_says_why_and_is_taken_out(town: Town) -> None:
    town.rule("DOSSIER", 10, action="sort")
    unsorted, (due,) = town.keep(document_type="dossier"), town.due(1)
    disposal = town.draft([unsorted, due])
    assert town.lines(disposal) == {unsorted: ("blocked", "not_sorted"), due: ("included", None)}
    with town.acting() as act:
        bordereau.exclude(act, disposal, 1, {unsorted: "À trier d’abord"})
    assert town.lines(disposal)[unsorted] == ("excluded", "À trier d’abord")
    assert town.record(unsorted).state == "kept"
    with town.acting() as act:
        assert refused(bordereau.exclude, act, disposal, 1, {due: "Trop tard"}) == "precondition_failed"
    with town.acting() as act:
        bordereau.include(act, disposal, 2, [unsorted])
    assert town.lines(disposal)[unsorted][0] == "included"
    town.submit(disposal)
    assert town.lines(disposal)[unsorted] == ("blocked", "not_sorted"), "asked again when it is frozen"
    with town.acting() as act:
        bordereau.exclude(act, disposal, None, {unsorted: "À trier d’abord"})
    with town.acting() as act:
        assert refused(bordereau.include, act, disposal, None, [unsorted]) == "disposal_closed"


def test_a_removal_waits_for_no_retention_drafted_or_submitted(town: Town) -> None:
    mistaken = town.keep("2020-06-30")
    disposal = town.draft([mistaken], action=DisposalAction.REMOVE, reason="Mauvais document", readers=(ANNE, DENIS))
    assert town.lines(disposal)[mistaken][1] is None
    town.submit(disposal)
    assert town.lines(disposal)[mistaken][1] is None


def test_v1_two_people_neither_of_whom_drafted_it(town: Town) -> None:
    town.due(1)
    disposal = town.draft()
    assert refused(town.visa, disposal, PRODUCER, BRUNO) == "visa_not_expected", "it is not submitted"
    town.submit(disposal)
    assert refused(town.visa, disposal, PRODUCER, ANNE) == "visa_by_drafter"
    assert refused(town.visa, disposal, CONTROLLER, CLAIRE) == "visa_not_expected", "the service first"
    town.visa(disposal, PRODUCER, BRUNO)
    assert refused(town.visa, disposal, CONTROLLER, BRUNO, person="Un autre nom") == "visa_twice"
    for means in (VisaMeans.ACCOUNT, VisaMeans.GUEST):
        assert refused(town.visa, disposal, CONTROLLER, CLAIRE, person=" BRUNÓ ", means=means) == "visa_twice"
    assert town.row(disposal).state == "submitted"
    town.visa(disposal, CONTROLLER, CLAIRE)
    assert town.row(disposal).state == "cooling_off"
    with town.system.database.read() as session:
        assert refused(bordereau.get, session, "autre", disposal) == "disposal_not_found"


def test_v2_silence_of_the_controller_never_means_yes(town: Town) -> None:
    town.due(1)
    disposal = town.draft()
    town.submit(disposal)
    town.visa(disposal, PRODUCER, BRUNO)
    town.at("2026-12-18")  # 200 days
    with town.acting() as act:
        assert refused(visas.proceed, act, disposal, None) == "visa_not_expected"
    assert town.row(disposal).state == "submitted"


def test_v3_three_months_without_an_objection_let_the_archives_proceed(town: Town) -> None:
    town.due(1)
    town.at("2030-01-10")
    disposal = town.draft(direction=Direction.ARCHIVES_PROPOSE)
    town.submit(disposal)
    town.at("2030-04-10")
    with town.acting(DENIS) as act:
        assert [step.value for step in visas.missing(act, town.row(disposal))] == ["producer", "authority"]
    town.at("2030-04-11")
    town.visa(disposal, AUTHORITY, DENIS)
    assert town.row(disposal).state == "cooling_off"
    assert town.row(disposal).stop_until == D("2030-04-26")


def test_v4_each_refusal_has_its_consequence(town: Town) -> None:
    kept, late, sort, gone = town.due(4)
    disposal = town.draft()
    town.submit(disposal)
    told = {
        kept: Answer(LineDecision.KEEP_DEFINITIVELY, comment="Intérêt historique"),
        late: Answer(LineDecision.NOT_BEFORE, D("2034-01-01")),
        sort: Answer(LineDecision.SORT_NEEDED),
    }
    town.visa(disposal, PRODUCER, BRUNO)
    town.visa(disposal, CONTROLLER, CLAIRE, Answers(Answer(LineDecision.APPROVE), lines=told))
    assert town.lines(disposal) == {
        kept: ("refused", "keep_definitively"),
        late: ("refused", "not_before"),
        sort: ("refused", "sort_needed"),
        gone: ("included", None),
    }
    assert [town.record(one).state for one in (kept, late, sort, gone)] == ["kept", "kept", "kept", "in_disposal"]
    assert town.record(late).not_before == D("2034-01-01")
    assert refused(town.draft) == "bad_disposal", "none of the three is ready to be destroyed"


def test_a_line_left_unanswered_is_not_approved(town: Town) -> None:
    one, other = town.due(2)
    disposal = town.draft()
    town.submit(disposal)
    town.visa(disposal, PRODUCER, BRUNO)
    town.visa(disposal, CONTROLLER, CLAIRE, Answers(lines={one: Answer(LineDecision.APPROVE)}))
    assert town.lines(disposal) == {one: ("included", None), other: ("refused", "unanswered")}


def test_a_bordereau_of_which_nothing_is_approved_is_refused(town: Town) -> None:
    (one,) = town.due(1)
    disposal = town.draft()
    town.submit(disposal)
    town.visa(disposal, PRODUCER, BRUNO)
    town.visa(disposal, CONTROLLER, CLAIRE, Answers(Answer(LineDecision.KEEP_DEFINITIVELY)))
    assert town.row(disposal).state == "refused"
    assert town.record(one).state == "kept"
    with town.system.database.read() as session:
        assert session.get_one(VisaRefusalRow, one).decision == "keep_definitively"


def test_v5_it_is_stopped_to_the_end_of_the_last_day(town: Town) -> None:
    town.due(1)
    town.at("2031-01-10")
    disposal = town.approved()
    assert town.row(disposal).stop_until == D("2031-01-25")
    town.at("2031-01-25", 22)  # 23:00 in Paris
    with town.acting() as act:
        bordereau.withdraw(act, disposal, None, "Contentieux possible")
    assert town.row(disposal).state == "withdrawn"


def test_v6_a_controller_does_not_control_the_service_that_he_heads(town: Town) -> None:
    town.keep(producer="Archives départementales")
    town.at("2026-06-01")
    disposal = town.draft()
    town.submit(disposal)
    town.visa(disposal, PRODUCER, BRUNO)
    heads = "archives départementales "
    assert refused(town.visa, disposal, CONTROLLER, CLAIRE, heads=heads) == "controller_heads_producer"
    town.visa(disposal, CONTROLLER, CLAIRE, heads="Archives d’un autre département")


def test_v11_a_visa_on_paper_is_confirmed_by_a_second_person_beside_its_scan(town: Town) -> None:
    town.due(1)
    disposal = town.draft()
    town.submit(disposal)
    town.visa(disposal, PRODUCER, BRUNO)
    paper = {"means": VisaMeans.PAPER, "person": "Hélène Vaucressan", "given_on": D("2026-06-01")}

    def entered(evidence: str | None, **more: Any) -> str:
        town.visa(disposal, CONTROLLER, ANNE, evidence=evidence, **paper | more)
        with town.system.database.read() as session:
            return str(rows_of(session, disposal)[-1])

    without = entered(None)
    assert town.row(disposal).state == "submitted", "entered by one alone"
    assert refused(entered, None) == "visa_not_expected", "one entry at a time"
    with town.acting(DENIS) as act:
        assert refused(visas.confirm, act, without) == "visa_scan_missing"
        visas.retract(act, without)
    assert refused(entered, "a" * 64) == "visa_scan_missing", "no scan of this bordereau"
    assert refused(entered, None, person="bruno") == "visa_twice"
    unread, proven = (attached(town, disposal, codes) for codes in ([[]], printed(town, disposal)))
    assert refused(entered, unread) == "scan_not_attested"
    attested = entered(unread, attested=True)
    with town.acting(DENIS) as act:
        assert refused(visas.confirm, act, attested) == "scan_not_attested"
        visas.retract(act, attested)
        assert refused(visas.confirm, act, attested, attested=True) == "visa_not_expected", "it was undone"
    with_scan = entered(proven)
    with town.acting(ANNE) as act:
        assert refused(visas.confirm, act, with_scan) == "visa_same_person"
    with town.acting(DENIS) as act:
        visas.confirm(act, with_scan)
    assert town.row(disposal).state == "cooling_off"


def printed(town: Town, disposal: str) -> list[list[str]]:
    """The codes of a print of one page."""
    row = town.row(disposal)
    population = row.content["population"]
    digits = Print(disposal, population, Detail.GROUPS, 1, 1).digits
    return [[f"{digits}0000100001", title_code(row.reference, population)]]


def attached(town: Town, disposal: str, codes: list[list[str]]) -> str:
    """State a scan with these codes; its digest."""
    sha256 = hashlib.sha256(repr(codes).encode()).hexdigest()
    with town.acting(ANNE) as act:
        received = ScanReceived(sha256, 1000, "application/pdf", codes, {"verdict": "unverified"})
        assert scans.attach(act, disposal, received).id == scans.attach(act, disposal, received).id
    return sha256


def rows_of(session: Any, disposal: str) -> list[str]:
    visa = DisposalVisaRow
    return list(session.scalars(select(visa.id).where(visa.disposal_id == disposal).order_by(visa.id)))


def test_a_rebuild_brings_bordereaux_lines_and_visas_back(town: Town, tmp_path: Path) -> None:
    tables = ("disposals", "disposal_chunks", "disposal_visas", "visa_refusals", "records")
    kept, gone, out = town.due(3)
    disposal = town.draft()
    with town.acting() as act:
        bordereau.exclude(act, disposal, None, {out: "À garder"})
    town.submit(disposal)
    town.guest_visa(disposal, PRODUCER)
    answers = Answers(Answer(LineDecision.APPROVE), lines={kept: Answer(LineDecision.KEEP_DEFINITIVELY)})
    town.visa(disposal, CONTROLLER, CLAIRE, answers)
    system = town.system
    system.statements.settle()
    system.publisher.publish(force_token=True)
    system.follower.catch_up()
    found = Custody(system).reconcile(pause=lambda _s: None)
    assert found["open"] == 0, found
    if not (system.settings.home / "chartrier.db").exists():
        return  # a lost server is another test's
    before, lines = rows(system, *tables), town.lines(disposal)
    lose_database(system)
    again = system_at(system.settings.home, clock=town.watch)
    again.prepare_rebuild()
    Custody(again).rebuild()
    town.system = again
    assert rows(again, *tables) == before
    assert town.lines(disposal) == lines
    assert town.record(gone).state == "in_disposal"
    again.close()


def test_answers_name_lines_of_this_bordereau(town: Town) -> None:
    town.due(1)
    disposal = town.draft()
    town.submit(disposal)
    for answers in (
        Answers(),
        Answers(lines={disposal: Answer(LineDecision.APPROVE)}),
        Answers(Answer(LineDecision.APPROVE), groups={7: Answer(LineDecision.APPROVE)}),
        Answers(Answer(LineDecision.NOT_BEFORE)),
    ):
        assert refused(town.visa, disposal, PRODUCER, BRUNO, answers) == "bad_disposal"


def test_a_hold_of_today_is_told_before_the_line_is_judged_again(town: Town) -> None:
    held, free = town.due(2)
    disposal = town.approved([held, free])
    town.system.holds.place("demo", [held], reason="Contentieux", until=None, agent="user:1")
    blocked, included = (LineState.BLOCKED, "held"), (LineState.INCLUDED, None)
    with town.acting() as act:
        told = {key: count.records for key, count in listing.tally(act.session, disposal).items()}
        assert told == {blocked: 1, included: 1}
        lines = listing.lines(act.session, disposal, state=LineState.BLOCKED, reason="held", limit=9)
        assert [one.record_id for one in lines] == [held]
        assert listing.blocked_lines(act.session, "demo") == {"held": {disposal: 1}}
        for reason, found in (("held", [disposal]), ("", [disposal]), ("changed", [])):
            rows_there = listing.page(act.session, "demo", (), blocked=reason, limit=9)
            assert [row.id for row in rows_there] == found, reason
        assert [row.id for row in listing.to_confirm(act.session, "demo")] == [disposal]
        confirmation.confirm(act, disposal, None)
        assert list(listing.to_confirm(act.session, "demo")) == []


def test_a_removal_is_read_by_the_two_people_whom_it_names_alone(town: Town) -> None:
    mistaken, other = town.keep("2020-06-30"), town.keep("2020-06-30")
    removal = {"action": DisposalAction.REMOVE, "reason": "Mauvais document", "readers": (ANNE, CLAIRE)}
    disposal = town.draft([mistaken, other], **removal)
    with town.acting() as act:
        bordereau.exclude(act, disposal, None, {other: "Celui-là est bon"})

    def hidden(agent: str) -> set[str]:
        reader = Reader("demo", reads_all=True, agent=agent)
        with town.system.database.read() as session:
            listed = set(session.scalars(select(RecordRow.id).where(*reader.conditions(session))))
            found = reader.hidden_among(session, [mistaken, other])
            assert (found, found) == (set(reader.hidden(session)), {mistaken, other} - listed)
            assert reader.is_narrowed(session) is bool(found)
            of_all = set(session.scalars(select(RecordRow.id).where(may_be_read_by_all("demo"))))
            assert not found & of_all
            return found

    assert hidden(DENIS) == set(), "a draft closes nothing"
    town.submit(disposal)
    assert [hidden(one) for one in (ANNE, CLAIRE, DENIS, "key:1", "")] == [set(), set(), *[{mistaken}] * 3]
    with town.acting() as act:
        bordereau.withdraw(act, disposal, None, "C’était le bon")
    assert hidden(DENIS) == set()
