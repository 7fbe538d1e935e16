"""What is written is there, once, for every process that asks, and goes when its time has come."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text, update

import cds_service.store
from cds_service.errors import StoreUnavailable
from cds_service.feedback import Feedback
from cds_service.store import calls, companion, finding, overrides, reports, retention, schema
from cds_service.store.calls import Call, Speech
from cds_service.store.database import WAIT_SECONDS, Store, open_store
from cds_service.store.overrides import Override
from cds_service.store.reports import Kept, Scope
from cds_service.store.tokens import SharedTokens
from cds_service.tenants import SettingsError
from hooks import refire
from hooks.refire import State

NOW = 1_790_000_000_000
DAY, HOUR = 86_400_000, 3_600_000
SCOPE = Scope("here", "https://ehr.example.org", "spine-patient-view")
CARD = "2f6d8a36-6a0e-4c0c-9a53-0d7a1a1c7d11"
CALL = Call(
    "11111111-2222-4333-8444-555555555555",
    "here",
    SCOPE.caller,
    SCOPE.service,
    "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "ab" * 32,
    NOW - DAY // 2,
    "2026-09-20",
    12.5,
    "00" * 16,
    '{"rules":[]}',
)
PAIN = Speech("multidisciplinary_review", "1.0.0", "info", "shown", CARD, "aa" * 16, 365)
STATE = State("multidisciplinary_review", "aa" * 16)


def rows(store: Store, table: str) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(text(table))).scalar_one())


def resting(store: Store, now: int = NOW, patient: str = CALL.patient, tenant: str = "here") -> list[str]:
    return [state.rule for state in overrides.resting(store, tenant, patient, [STATE], now)]


def override(store: Store, now: int = NOW, **changes: object) -> Kept:
    item = Feedback(CARD, "overridden", now, reason_system="", reason_code="patient-refuses")
    return reports.keep(store, SCOPE, [replace(item, **changes)], now)  # type: ignore[arg-type] # test's own keywords


# -- tables


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.tables) == []
    folder = Path(cds_service.store.__file__).parent / "migrations"
    configuration = Config()
    configuration.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(configuration).get_current_head() == schema.REVISION


def test_a_store_is_opened_again_with_everything_in_it(url: str, store: Store) -> None:
    calls.write(store, CALL, [PAIN])
    again = open_store(url)
    with again.reading() as connection:
        found = finding.by_card(connection, "here", [CARD])
        assert found is not None
        assert found.newest == CALL
        assert calls.speeches(connection, CALL.id) == [PAIN]
        assert finding.by_card(connection, "elsewhere", [CARD]) is None
    again.engine.dispose()


def test_processes_that_start_together_migrate_once(url: str) -> None:
    with ThreadPoolExecutor(12) as pool:
        opened = list(pool.map(lambda _: open_store(url), range(12)))
    assert not any(store.problem() for store in opened)
    for store in opened:
        store.engine.dispose()


def test_a_start_waits_for_a_migration_that_another_process_is_at(tmp_path: Path) -> None:
    file = tmp_path / "slow.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(open_store, f"sqlite:///{file}")
        with pytest.raises(TimeoutError):  # longer than a call would wait for another writer
            opening.result(WAIT_SECONDS + 1)
        other.execute("COMMIT")
        store = opening.result(30)
    other.close()
    assert store.problem() == ""
    store.engine.dispose()


def test_a_database_of_a_newer_version_is_refused(url: str, store: Store) -> None:
    with store.writing() as connection:
        connection.execute(update(text_table()).values(version_num="9999"))
    assert "another version" in store.problem()
    with pytest.raises(SettingsError, match="newer version"):
        open_store(url)


def text_table() -> schema.Table:
    return schema.Table("alembic_version", schema.MetaData(), schema.Column("version_num", schema.String(32)))


@pytest.mark.parametrize(
    "bad",
    ["", "nonsense", "mysql://here/x", "sqlite://", "sqlite:///:memory:", "sqlite:////nowhere/at/all.db",
     "postgresql://nobody@127.0.0.1:1/x"],
)  # fmt: skip
def test_a_database_that_cannot_be_used_is_refused_with_the_setting(bad: str) -> None:
    with pytest.raises(SettingsError, match="SPINE_CDS_DATABASE"):
        open_store(bad)


def test_an_error_in_the_database_shows_neither_sql_nor_values(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    calls.write(store, CALL, [PAIN])
    with pytest.raises(StoreUnavailable) as caught:
        calls.write(store, CALL, [PAIN])  # the same id again
    assert caught.value.status == 503
    said = str(caught.value) + caplog.text
    assert "SQLITE_CONSTRAINT" in said or "23505" in said
    assert CALL.patient not in said
    assert "INSERT" not in said.upper()


def test_another_key_to_identities_is_noticed(store: Store) -> None:
    assert not calls.key_was_another(store, "one")
    assert not calls.key_was_another(store, "one")
    assert calls.key_was_another(store, "another")
    assert not calls.key_was_another(store, "another")


def test_a_store_that_can_be_read_but_not_written_is_a_problem(tmp_path: Path) -> None:
    """A full disk, or another program that holds the lock: the server must not say that it is ready."""
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    assert store.problem() == ""
    with sqlite3.connect(tmp_path / "store.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "SQLITE_BUSY" in store.problem()
        other.execute("ROLLBACK")
    other.close()
    assert store.problem() == ""
    store.engine.dispose()


# -- tokens


def test_a_token_is_accepted_once_whoever_asks(store: Store, url: str) -> None:
    memories = [SharedTokens(store), SharedTokens(open_store(url))]
    assert memories[0].accept_once("iss", "jti", 100.0, 50.0)
    assert not memories[1].accept_once("iss", "jti", 100.0, 50.0)
    assert memories[1].accept_once("other iss", "jti", 100.0, 50.0)
    memories[1].store.engine.dispose()


def test_of_many_calls_with_one_token_at_one_moment_one_passes(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        passed = list(pool.map(lambda _: SharedTokens(store).accept_once("iss", "same", 100.0, 50.0), range(24)))
    assert passed.count(True) == 1


# -- overrides


def test_an_override_rests_for_the_time_of_its_reason_and_ends(store: Store) -> None:
    calls.write(store, CALL, [PAIN])
    assert override(store) == Kept(recorded=1)
    days = refire.rests().rest("patient-refuses").days
    assert resting(store) == ["multidisciplinary_review"]
    assert resting(store, NOW + days * DAY - 1) == ["multidisciplinary_review"]
    assert resting(store, NOW + days * DAY) == []
    assert resting(store, patient="cd" * 32) == []
    assert resting(store, tenant="elsewhere") == []


def test_a_report_sent_again_changes_nothing(store: Store) -> None:
    calls.write(store, CALL, [PAIN])
    override(store)
    assert override(store) == Kept(repeated=1)
    assert rows(store, "feedback") == 1


def test_a_later_override_takes_the_place_of_the_earlier_one_and_never_the_other_way(store: Store) -> None:
    calls.write(store, CALL, [PAIN])
    override(store, NOW, reason_code="patient-refuses")
    override(store, NOW + HOUR, reason_code="action-completed")
    end = NOW + HOUR + refire.rests().rest("action-completed").days * DAY
    assert resting(store, end - 1) == ["multidisciplinary_review"]
    assert resting(store, end) == []
    override(store, NOW + HOUR, outcome_at=NOW - HOUR, reason_code="cds-not-applicable")
    assert resting(store, end) == []


@pytest.mark.parametrize("clock", [-4000 * DAY, 4000 * DAY])
def test_a_wrong_clock_neither_lengthens_nor_shortens_a_rest_by_more_than_its_time(store: Store, clock: int) -> None:
    calls.write(store, CALL, [PAIN])
    override(store, outcome_at=NOW + clock)
    days = refire.rests().rest("patient-refuses").days
    assert resting(store) == ["multidisciplinary_review"]
    assert resting(store, NOW + days * DAY) == []


@pytest.mark.parametrize(
    ("changes", "scope"),
    [
        ({"outcome": "accepted"}, SCOPE),
        ({"card": "11111111-1111-4111-8111-111111111111"}, SCOPE),
        ({}, replace(SCOPE, tenant="elsewhere")),
        ({}, replace(SCOPE, caller="https://other.example.org")),
        ({}, replace(SCOPE, service="spine-order-sign")),
    ],
)
def test_nothing_rests_after_anything_but_an_override_of_this_card(
    store: Store, changes: dict[str, str], scope: Scope
) -> None:
    calls.write(store, CALL, [PAIN])
    item = replace(Feedback(CARD, "overridden", NOW), **changes)  # type: ignore[arg-type] # test's own keywords
    assert reports.keep(store, scope, [item], NOW).recorded == 1
    assert resting(store) == []
    assert rows(store, "override") == 0


@pytest.mark.parametrize(
    "said",
    [
        replace(PAIN, state=""),  # an emergency or a contraindication
        replace(PAIN, fate="cut"),  # only named, never seen
        replace(PAIN, fate="silenced"),
        replace(PAIN, fate="shadow"),
        replace(PAIN, card="33333333-3333-4333-8333-333333333333"),  # stood on another card
    ],
)
def test_what_was_not_on_the_card_or_must_not_rest_does_not(store: Store, said: Speech) -> None:
    calls.write(store, CALL, [said])
    override(store)
    assert rows(store, "override") == 0


def test_a_card_dismissed_again_and_again_rests_no_longer(store: Store) -> None:
    """Reports that differ in their time alone, the last of them in the year 9999."""
    calls.write(store, CALL, [PAIN])
    for number, clock in enumerate((0, DAY, 40 * DAY, 2_900_000 * DAY)):
        override(store, NOW + number * 20 * DAY, outcome_at=NOW + clock)
    days = refire.rests().rest("patient-refuses").days
    assert resting(store, CALL.answered_at + (days + 1) * DAY) == []


def test_nothing_rests_by_a_card_that_also_holds_what_must_not(store: Store) -> None:
    calls.write(store, CALL, [PAIN, replace(PAIN, rule="bone_agent_jaw", state="", longest_rest=0)])
    override(store)
    assert rows(store, "override") == 0


def test_a_rule_rests_no_longer_than_it_may(store: Store) -> None:
    calls.write(store, CALL, [replace(PAIN, longest_rest=2)])
    override(store)
    assert resting(store, NOW + 2 * DAY - 1) == ["multidisciplinary_review"]
    assert resting(store, NOW + 2 * DAY) == []


def test_a_rule_of_an_earlier_version_rests_not(store: Store) -> None:
    calls.write(store, CALL, [replace(PAIN, rule="no_longer_there")])
    assert override(store) == Kept(recorded=1)
    assert rows(store, "override") == 0


def test_who_accepts_after_all_ends_the_rest(store: Store) -> None:
    calls.write(store, CALL, [PAIN])
    override(store)
    override(store, NOW + 1, outcome="accepted", reason_code="")
    assert resting(store) == []


@pytest.mark.parametrize(("system", "code", "days"), [
    ("", "patient-refuses", "patient-refuses"),
    ("http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes", "action-completed", "action-completed"),
    ("urn:site", "action-completed", "other"),
    ("", "of the site", "other"),
    ("", "", "none-given"),
])  # fmt: skip
def test_the_reason_decides_how_long(store: Store, system: str, code: str, days: str) -> None:
    calls.write(store, CALL, [PAIN])
    override(store, reason_system=system, reason_code=code)
    end = NOW + refire.rests().reasons[days].days * DAY
    assert resting(store, end - 1) == ["multidisciplinary_review"]
    assert resting(store, end) == []


# -- retention


def test_what_has_been_kept_long_enough_goes_and_the_rest_stays(store: Store) -> None:
    old, fresh = replace(CALL, answered_at=NOW - 11 * DAY), replace(CALL, id="2", answered_at=NOW - 9 * DAY)
    calls.write(store, old, [PAIN])
    calls.write(store, fresh, [PAIN])
    reports.keep(store, SCOPE, [Feedback(CARD, "overridden", NOW - 11 * DAY)], NOW - 11 * DAY)
    reports.keep(store, SCOPE, [Feedback(CARD, "overridden", NOW, reason_code="patient-refuses")], NOW)
    SharedTokens(store).accept_once("iss", "old", NOW / 1000 - 1, 0)
    SharedTokens(store).accept_once("iss", "new", NOW / 1000 + 1, 0)
    companion.keep(store, "work", "old", "sealed", NOW)
    companion.keep(store, "work", "new", "sealed", NOW + 1)
    retention.purge(store, 10, NOW)
    assert [rows(store, table) for table in ("call", "speech", "feedback", "token", "companion")] == [1] * 5
    assert resting(store) == ["multidisciplinary_review"]
    retention.purge(store, 10, NOW + 400 * DAY)
    assert {rows(store, table.name) for table in schema.tables.sorted_tables if table.name != "knowledge"} == {0}


def test_what_one_has_claimed_nobody_else_gets_until_it_has_ended(store: Store) -> None:
    assert companion.claim(store, "write", "one", "first", NOW + 10, NOW)
    assert not companion.claim(store, "write", "one", "second", NOW + 20, NOW + 9)
    assert companion.claim(store, "write", "other", "second", NOW + 20, NOW + 9)
    assert companion.find(store, "write", "one", NOW) == "first"
    assert companion.claim(store, "write", "one", "third", NOW + 20, NOW + 10)
    assert companion.find(store, "write", "one", NOW + 19) == "third"


def test_more_rows_than_one_batch_are_deleted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    for number in range(25):
        SharedTokens(store).accept_once("iss", str(number), 1, 0)
    assert retention.purge(store, 10, NOW) == 25
    assert rows(store, "token") == 0


# -- nothing is lost

WRITER = """
import sys
from dataclasses import replace
from cds_service.store import calls
from cds_service.store.database import open_store
from tests.store.test_store import CALL, PAIN
store = open_store(sys.argv[1])
for number in range(100000):
    calls.write(store, replace(CALL, id=str(number)), [PAIN])
    print(number, flush=True)
"""


def test_what_was_written_is_there_after_kill_9(url: str, store: Store) -> None:
    command = [sys.executable, "-c", WRITER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    written = [line for line in said if line.endswith("\n")]
    assert len(written) >= 50
    assert rows(store, "call") in (len(written), len(written) + 1)  # the last one may not have been said any more
    assert rows(store, "speech") == rows(store, "call")


def _write_some(url: str, start: int) -> None:
    store = open_store(url)
    for number in range(start, start + 40):
        calls.write(store, replace(CALL, id=str(number)), [PAIN])
    store.engine.dispose()


def test_several_processes_write_at_once_and_none_fails(url: str, store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_some, args=(url, start)) for start in (0, 1000, 2000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert rows(store, "call") == 120


def test_overrides_of_one_state_are_one_row(store: Store) -> None:
    one = Override("here", CALL.patient, "multidisciplinary_review", "aa" * 16, "x", NOW, NOW + 1, "f")
    with store.writing() as connection:
        overrides.write(store, connection, [one, one, replace(one, until=NOW + 5)])
    assert rows(store, "override") == 1
