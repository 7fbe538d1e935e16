"""A store that is only looked at: what is asked is found, and nothing is made or changed, on both databases."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, text

from cds_service.errors import HookRequestError, NotInLedger, StoreUnavailable
from cds_service.explain import explain
from cds_service.store import calls, finding
from cds_service.store.calls import Call, Speech
from cds_service.store.database import Store, open_store, open_to_read
from cds_service.store.schema import feedback
from cds_service.tenants import SettingsError

DOCUMENT = '{"rules": [{"rule": "pain_team", "version": "1.0.0", "outcome": "recommend", "indicator": "info"}]}'


def written(store: Store, card: str, at: int, tenant: str = "here", instance: str = "instance") -> Call:
    """A call with one rule on one card."""
    call = Call(
        str(uuid.uuid4()), tenant, "", "spine-patient-view", instance, "f" * 64, at, "2026-11-24", 1, "", DOCUMENT
    )
    calls.write(store, call, [Speech("pain_team", "1.0.0", "info", "shown", card, "")])
    return call


def reported(store: Store, card: str, call: Call | None, at: int, tenant: str = "here") -> str:
    row = {
        "id": uuid.uuid4().hex,
        "tenant": tenant,
        "caller": "",
        "service": "spine-patient-view",
        "card": card,
        "call": call.id if call else None,
        "outcome": "overridden",
        "outcome_at": at,
        "received_at": at,
        "reason_system": "",
        "reason_code": "",
        "accepted": "[]",
        "commented": 0,
    }
    with store.writing() as connection:
        connection.execute(insert(feedback), row)
    return str(row["id"])


def test_what_is_read_only_cannot_be_written(store: Store, url: str) -> None:
    reading = open_to_read(url)
    one = written(store, "card", 1)
    with reading.reading() as connection:
        found = finding.by_card(connection, "here", ["card"])
    assert found is not None
    assert found.newest == one
    with pytest.raises(StoreUnavailable), reading.writing() as connection:
        connection.execute(text("DELETE FROM call"))
    assert explain(reading, "here", "card")["rules"][0]["fate"] == "shown"
    reading.engine.dispose()


def test_a_database_without_our_tables_is_left_as_it_is(url: str, tmp_path: Path) -> None:
    if url.startswith("sqlite"):
        (tmp_path / "store.db").touch()
    with pytest.raises(SettingsError, match="no tables of this service"):
        open_to_read(url)
    empty = open_store(url)  # which makes them, so that only now there is something to see
    assert inspect(empty.engine).has_table("call")
    empty.engine.dispose()


def test_a_database_that_is_not_there(url: str) -> None:
    with pytest.raises(SettingsError, match="SPINE_CDS_DATABASE"):
        open_to_read(f"{url}-elsewhere")


@pytest.mark.parametrize(("revision", "said"), [("0000", "older version"), ("9999", "newer version")])
def test_a_database_of_another_version(store: Store, url: str, revision: str, said: str) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    with pytest.raises(SettingsError, match=said):
        open_to_read(url)
    with store.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == revision


def test_the_newest_of_several_calls_and_the_times_of_ten(store: Store) -> None:
    made = [written(store, "card", at) for at in (5, 12, 1, *range(20, 29))]
    written(store, "another", 99)
    written(store, "card", 99, tenant="elsewhere")
    for ask in (finding.by_card, finding.by_hook_instance):
        with store.reading() as connection:
            found = ask(connection, "here", ["nothing", "card" if ask is finding.by_card else "instance"])
        assert found is not None
        if ask is finding.by_card:
            assert (found.newest, found.calls, found.card) == (made[-1], len(made), "card")
            assert found.times == (*range(28, 19, -1), 12)
        else:
            assert (found.newest.answered_at, found.calls, found.card) == (99, len(made) + 1, "")


def test_what_another_tenant_was_answered_is_not_found(store: Store) -> None:
    written(store, "card", 1, tenant="elsewhere")
    for asked in ("card", "instance"):
        with pytest.raises(NotInLedger):
            explain(store, "here", asked)
        assert explain(store, "elsewhere", asked)["call"]["tenant"] == "elsewhere"


def test_feedback_of_the_card_joined_to_its_call(store: Store) -> None:
    call = written(store, "card", 1)
    early, late = reported(store, "card", call, 10), reported(store, "card", call, 20)
    reported(store, "card", None, 30)  # of a caller to whom the card was not shown
    reported(store, "another", call, 40)
    reported(store, "card", call, 50, tenant="elsewhere")
    with store.reading() as connection:
        assert [one.id for one in finding.feedback_on(connection, "here", ["card"])] == [late, early]
        assert [one.id for one in finding.feedback_named(connection, "here", [early, "gone"])] == [early]
        assert finding.feedback_on(connection, "here", []) == []


def test_a_rule_that_is_no_longer_there_and_versions_that_were_lost(store: Store) -> None:
    """Old calls outlive the rules that answered them."""
    document = DOCUMENT.replace("pain_team", "a_rule_of_old")
    call = Call("1", "here", "", "spine-patient-view", "old", "f" * 64, 1, "2026-11-24", 1, "gone", document)
    calls.write(store, call, [Speech("a_rule_of_old", "1.0.0", "info", "shown", "card", "")])
    said = explain(store, "here", "card")
    assert said["call"]["knowledge"] == {"digest": "gone"}
    assert "title" not in said["rules"][0]
    assert said["not_asked"] == []


@pytest.mark.parametrize("bad", ["", " ", "a b", "\x00", "x" * 256])
def test_what_can_be_no_id(store: Store, bad: str) -> None:
    with pytest.raises(HookRequestError):
        explain(store, "here", bad)


def test_an_id_with_signs_of_the_query_language(store: Store) -> None:
    written(store, "card", 1)
    for asked in ("%", "c_rd", "card'--", "'OR''='", "x" * 255):
        with pytest.raises(NotInLedger):
            explain(store, "here", asked)
