"""What the ledger holds is counted right, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, select

from cds_service.store import decisions, schema, statistics
from cds_service.store.database import Store
from cds_service.store.decisions import Decision
from cds_service.store.statistics import REASONS, Counted, Span
from hooks.override_reasons import OVERRIDE_SYSTEM
from tests.ledger_rows import ORDER_SIGN, PATIENT_VIEW, Shown, accepted, answer, milliseconds, overridden, write

DAY = datetime(2026, 11, 10, 12)
SPAN = Span("here", milliseconds(DAY - timedelta(days=7)), milliseconds(DAY + timedelta(days=7)), milliseconds(DAY))


def counted(store: Store, span: Span = SPAN) -> dict[tuple[str, str, str], int]:
    """(fate, answer, reason) -> number, over all rules and services."""
    with store.reading() as connection:
        found = statistics.counts(connection, span)
    sums: dict[tuple[str, str, str], int] = {}
    for one in found:
        sums[one.fate, one.answer, one.reason] = sums.get((one.fate, one.answer, one.reason), 0) + one.number
    return sums


def patients(store: Store) -> dict[tuple[str, str], int]:
    with store.reading() as connection:
        return dict(statistics.patients(connection, SPAN))


def test_nothing_in_an_empty_ledger(store: Store) -> None:
    assert counted(store) == {}
    assert patients(store) == {}
    with store.reading() as connection:
        assert statistics.is_empty(connection, "here")


def test_by_rule_and_service(store: Store) -> None:
    write(store, Shown("pain_team", DAY, 3), Shown("whole_spine_mri", DAY, 2, service=ORDER_SIGN))
    with store.reading() as connection:
        found = statistics.counts(connection, SPAN)
    assert sorted(found, key=lambda one: one.rule) == [
        Counted("pain_team", PATIENT_VIEW, "shown", "waiting", "", 3),
        Counted("whole_spine_mri", ORDER_SIGN, "shown", "waiting", "", 2),
    ]


def test_what_became_of_it(store: Store) -> None:
    write(
        store,
        accepted("pain_team", DAY, 4),
        overridden("pain_team", DAY, 5, "patient-refuses"),
        overridden("pain_team", DAY, 6),
        Shown("pain_team", DAY, 7),
        Shown("pain_team", DAY - timedelta(milliseconds=1), 8),
        Shown("pain_team", DAY, 9, fate="silenced"),
        Shown("pain_team", DAY, 10, fate="shadow"),
    )
    assert counted(store) == {
        ("shown", "accepted", ""): 4,
        ("shown", "overridden", "patient-refuses"): 5,
        ("shown", "overridden", "none-given"): 6,
        ("shown", "waiting", ""): 7,
        ("shown", "ignored", ""): 8,
        ("silenced", "", ""): 9,
        ("shadow", "", ""): 10,
    }


def test_what_is_no_card_of_a_recommendation_is_not_counted(store: Store) -> None:
    """Questions, shown or kept off, what was only named, failures, and a closing card without rules."""
    write(
        store,
        Shown("pain_team", DAY, fate="asked", indicator=""),
        Shown("pain_team", DAY, fate="silenced", indicator=""),
        Shown("pain_team", DAY, fate="shadow", indicator=""),
        Shown("pain_team", DAY, fate="cut"),
        Shown("pain_team", DAY, fate="failed", indicator=""),
        Shown("", DAY, fate="closing", indicator=""),
    )
    assert counted(store) == {}
    with store.reading() as connection:
        assert not statistics.is_empty(connection, "here")


def test_the_span_has_its_first_moment_and_not_its_last(store: Store) -> None:
    week = timedelta(days=7)
    write(store, *(Shown("pain_team", at) for at in (DAY - week, DAY + week, DAY - week - timedelta(milliseconds=1))))
    assert sum(counted(store).values()) == 1


def test_another_tenant_is_not_counted(store: Store) -> None:
    write(store, Shown("pain_team", DAY, 3, "accepted", tenant="elsewhere"))
    assert counted(store) == {}
    assert patients(store) == {}
    with store.reading() as connection:
        assert statistics.is_empty(connection, "here")


def test_a_patient_counts_once(store: Store) -> None:
    write(store, *(Shown("pain_team", DAY, 3, patient=one) for one in ("a" * 64, "b" * 64)))
    write(store, Shown("pain_team", DAY, 2, fate="shadow", patient="c" * 64))
    assert patients(store) == {("pain_team", PATIENT_VIEW): 2}
    assert sum(counted(store).values()) == 8


def test_the_last_answer_counts_and_only_in_its_call(store: Store) -> None:
    write(store, Shown("pain_team", DAY, 1, "overridden", "patient-refuses"), Shown("pain_team", DAY, 1))
    with store.reading() as connection:
        first, other = connection.execute(
            select(schema.speech.c.call, schema.speech.c.card).order_by(schema.speech.c.call)
        ).all()
    at = milliseconds(DAY)
    later, before = Shown("pain_team", DAY, answer="accepted"), Shown("pain_team", DAY, answer="overridden")
    with store.writing() as connection:
        # the same card in another call, as when one request is sent twice; its answer belongs to that call
        connection.execute(insert(schema.feedback), answer(later, other.call, first.card, at + 9000))
        connection.execute(insert(schema.feedback), answer(later, first.call, first.card, at + 5000))
        connection.execute(insert(schema.feedback), answer(before, first.call, first.card, at + 10))
    assert counted(store) == {("shown", "accepted", ""): 1, ("shown", "waiting", ""): 1}


def test_two_answers_of_one_moment_count_once(store: Store) -> None:
    write(store, Shown("pain_team", DAY, 1, "overridden", "patient-refuses"))
    with store.writing() as connection:
        call, card = connection.execute(select(schema.speech.c.call, schema.speech.c.card)).one()
        again = Shown("pain_team", DAY, answer="overridden", reason="action-completed")
        connection.execute(insert(schema.feedback), answer(again, call, card, milliseconds(DAY) + 1000))
    assert counted(store) == {("shown", "overridden", "action-completed"): 1}


def test_an_answer_to_a_shared_card_counts_for_each_rule_on_it(store: Store) -> None:
    write(store, accepted("pain_team", DAY, 1))
    with store.writing() as connection:
        said = dict(connection.execute(select(schema.speech)).mappings().one())
        connection.execute(insert(schema.speech), {**said, "rule": "rehabilitation"})
    assert counted(store) == {("shown", "accepted", ""): 2}


def once(store: Store, rule: str = "pain_team", before: tuple[str, ...] = ()) -> tuple[int, int]:
    with store.reading() as connection:
        return statistics.each_patient_once(connection, SPAN, rule, PATIENT_VIEW, before, {"none-given"})


def test_each_patient_counts_once_and_against_when_most_of_the_cards_are(store: Store) -> None:
    def of(patient: str, *answers: tuple[str, str]) -> list[Shown]:
        return [Shown("pain_team", DAY, 1, one, reason, patient=patient * 64) for one, reason in answers]

    no, yes, done = ("overridden", ""), ("accepted", ""), ("overridden", "action-completed")
    assert once(store) == (0, 0)
    write(
        store,
        *of("a", *[no] * 60),
        *of("b", no, no, yes),
        *of("c", no, yes),  # a half is not most
        *of("d", done, done, no),
        *of("e", ("", "")),  # may still be answered
        *of("f", ("", ""), no),
        *(Shown("pain_team", DAY - timedelta(days=1), 1, patient="9" * 64) for _ in range(2)),  # ignored
        Shown("pain_team", DAY, 5, fate="silenced"),
        overridden("pain_team", DAY, 5, service=ORDER_SIGN),
        overridden("pain_team", DAY, 5, tenant="elsewhere"),
        overridden("rehabilitation", DAY, 5),
    )
    assert once(store) == (6, 3)


def test_a_card_is_the_rules_that_leads_it(store: Store) -> None:
    write(store, overridden("pain_team", DAY, 6))
    with store.writing() as connection:
        said = [dict(one) for one in connection.execute(select(schema.speech)).mappings()]
        for number, indicator in ((1, "info"), (2, "warning"), (3, "critical")):
            more = {**said[number], "rule": "rehabilitation", "indicator": indicator}
            connection.execute(insert(schema.speech), more)
        elsewhere = {**said[4], "rule": "rehabilitation", "indicator": "warning", "card": said[5]["card"]}
        connection.execute(insert(schema.speech), elsewhere)
        silenced = {**said[5], "rule": "rehabilitation", "indicator": "warning", "fate": "silenced"}
        connection.execute(insert(schema.speech), silenced)
    assert once(store) == (4, 4)  # the more urgent other leads two
    assert once(store, before=("rehabilitation",)) == (3, 3)
    assert once(store, "rehabilitation") == (3, 3)  # what stands on a card of another call has no answer yet


def test_every_reason_is_one_of_ours(store: Store) -> None:
    """A caller could send a thousand codes of its own: they are one kind."""
    write(
        store,
        overridden("pain_team", DAY, 1, "action-completed"),
        Shown("pain_team", DAY, 1, "overridden", "action-completed", OVERRIDE_SYSTEM),
        Shown("pain_team", DAY, 1, "overridden", "action-completed", "urn:elsewhere"),
        *(Shown("pain_team", DAY, 1, "overridden", f"own-{number}", "urn:elsewhere") for number in range(20)),
    )
    assert counted(store) == {("shown", "overridden", "action-completed"): 2, ("shown", "overridden", "other"): 21}
    assert {reason for _, _, reason in counted(store)} <= set(REASONS)


def test_the_last_decision_about_each_rule(store: Store) -> None:
    def said(number: int, rule: str, decided: str, tenant: str = "here") -> Decision:
        return Decision(f"{number:032x}", tenant, rule, "1.0.0", decided, "chair", number, "2027-01-01", "{}")

    made = [said(1, "pain_team", "declined"), said(3, "pain_team", "agreed"), said(2, "rehabilitation", "declined")]
    for one in (*made, said(9, "pain_team", "declined", "elsewhere")):
        decisions.write(store, one)
    with store.reading() as connection:
        assert decisions.last(connection, "here") == {"pain_team": made[1], "rehabilitation": made[2]}
        assert decisions.last(connection, "nowhere") == {}
