"""What the dashboard shows: small numbers cannot be worked out, rates and periods are right, proposals are careful."""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from cds_service.dashboard import as_csv, asked, board, choices, lines, periods, proposals
from cds_service.dashboard.choices import Choices
from cds_service.dashboard.hiding import FEWER, NONE, WITHHELD, Cell, added, split
from cds_service.dashboard.lines import ANSWERS, GIVEN_UP_FIRST, Key, Line, line, share, share_against, total
from cds_service.dashboard.rates import rate
from cds_service.dashboard.settings import Dashboard
from cds_service.store import schema
from cds_service.store.database import Store, open_store
from cds_service.store.decisions import Decision
from cds_service.store.statistics import REASONS, Counted
from cds_service.tenants import SettingsError, Tenant, read_tenant
from hooks import knowledge
from hooks.knowledge import KnowledgeError
from tests.ledger_rows import ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW, Shown, accepted, overridden, write

RULES = knowledge.catalogue()
SANDBOX = 'environment = "sandbox"\n[tenant]\nname = "here"\n'
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
NOW_MS = int(NOW.timestamp() * 1000)
WEEKLY = choices.at(Dashboard(finest_period="week"))
MONTHLY = choices.at(Dashboard())
LAST, BEFORE = datetime(2026, 11, 11, 9), datetime(2026, 11, 4, 9)  # in the last two complete weeks


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield opened
    opened.engine.dispose()


# -- hiding


def compositions(total_of: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total_of,)
        return
    for first in range(total_of + 1):
        for rest in compositions(total_of - first, parts - 1):
            yield (first, *rest)


def can_be_told(views: Mapping[object, Sequence[tuple[int, ...]]], smallest: int) -> list[object]:
    """Views in which somebody who knows the method could tell a small number: all that fits the view agrees on it."""
    return [
        (view, truths[0])
        for view, truths in views.items()
        for place in range(len(truths[0]))
        if len({truth[place] for truth in truths}) == 1 and 0 < truths[0][place] < smallest
    ]


@pytest.mark.parametrize(("smallest", "highest"), [(3, 18), (5, 24)])
def test_no_small_number_of_a_row_can_be_worked_out(smallest: int, highest: int) -> None:
    """Every row up to a total is made, and those that look alike are laid together: that is all that can be known."""
    views: dict[object, list[tuple[int, ...]]] = defaultdict(list)
    for shown in range(highest + 1):
        for parts in compositions(shown, len(ANSWERS)):
            cells = split(shown, dict(zip(ANSWERS, parts, strict=True)), smallest, GIVEN_UP_FIRST)
            stands = "small" if 0 < shown < smallest else shown
            views[stands, tuple(cells.values())].append(parts)
    assert can_be_told(views, smallest) == []


def made_line(accepted_: int, refused: int, done: int, ignored: int, waiting: int, smallest: int = 5) -> Line:
    def one(answer: str, number: int, reason: str = "") -> Counted:
        return Counted("pain_team", PATIENT_VIEW, "shown", answer, reason, number)

    counted = [
        one("accepted", accepted_),
        one("overridden", refused, "patient-refuses"),
        one("overridden", done, "action-completed"),
        one("ignored", ignored),
        one("waiting", waiting),
    ]
    return line(counted, 40, smallest)


def seen(one: Line) -> tuple[object, ...]:
    """All that page and file show of a line, the rates among it."""
    cells = (one.shown, one.patients, *one.answers.values(), *one.reasons.values(), one.silenced, one.shadow)
    return (*cells, share([one], "accepted"), share([one], "overridden"), share_against(one, WEEKLY.against))


def test_no_small_number_of_a_line_can_be_worked_out_with_reasons_and_rates() -> None:
    smallest = 3
    views: dict[object, list[tuple[int, ...]]] = defaultdict(list)
    for shown in range(14):
        for parts in compositions(shown, 5):
            views[seen(made_line(*parts, smallest=smallest))].append((*parts, parts[1] + parts[2]))
    assert can_be_told(views, smallest) == []


@pytest.mark.parametrize("smallest", [3, 4])
def test_which_reasons_nobody_gave_tells_no_small_number(smallest: int) -> None:
    """Beside an override that is hidden only zeros are shown, and only where any pattern of them fits."""
    views: dict[object, list[tuple[int, ...]]] = defaultdict(list)
    patterns = set()
    for shown in range(15):
        for accepted_, ignored, waiting, *given in compositions(shown, 6):
            parts = (accepted_, sum(given), ignored, waiting)
            cells = split(shown, dict(zip(ANSWERS, parts, strict=True)), smallest, GIVEN_UP_FIRST)
            if cells["overridden"].is_exact:
                continue
            reasons = dict(zip("abc", given, strict=True))
            told = lines.reasons_shown(cells["overridden"], reasons, smallest)
            stands = "small" if 0 < shown < smallest else shown
            views[stands, tuple(cells.values()), tuple(told.values())].append((*parts, *given))
            patterns.add((cells["overridden"].state, tuple(told.values())))
    assert can_be_told(views, smallest) == []
    assert ("bounded", (NONE, WITHHELD, WITHHELD)) in patterns


def test_what_is_hidden_is_hidden_and_what_is_large_is_shown() -> None:
    for shown in range(25):
        for parts in compositions(shown, 4):
            cells = split(shown, dict(zip(ANSWERS, parts, strict=True)), 5, GIVEN_UP_FIRST)
            for cell, number in zip(cells.values(), parts, strict=True):
                assert not (cell.is_exact and 0 < number < 5)
                assert cell.number <= number
            if not any(0 < number < 5 for number in parts):
                assert all(cell == Cell(number) for cell, number in zip(cells.values(), parts, strict=True))


@pytest.mark.parametrize(
    ("parts", "texts"),
    [
        ((40, 30, 20, 10), ("40", "30", "20", "10")),
        ((0, 0, 0, 0), ("0", "0", "0", "0")),
        ((3, 0, 0, 0), ("fewer than 5",) * 4),  # three in all: zeros would say whose they are
        ((3, 40, 100, 0), ("fewer than 5", "40", "99 or more", "0")),
        ((3, 40, 0, 0), ("fewer than 5", "39 or more", "0", "0")),
        ((3, 40, 6, 0), ("fewer than 5", "40", "5 or more", "0")),
        ((1, 40, 5, 0), ("not shown",) * 4),  # 6 in two parts, of which one is 5 or more
        ((1, 0, 5, 0), ("not shown",) * 4),
        ((4, 4, 0, 0), ("not shown",) * 4),
    ],
)
def test_rows_in_words(parts: tuple[int, ...], texts: tuple[str, ...]) -> None:
    cells = split(sum(parts), dict(zip(ANSWERS, parts, strict=True)), 5, GIVEN_UP_FIRST)
    assert tuple(cells[name].text(5) for name in ANSWERS) == texts


def test_sums_are_made_of_what_is_shown() -> None:
    assert added([Cell(7), Cell(8)]) == Cell(15)
    assert added([Cell(7), FEWER]).text(5) == "7 or more"
    assert added([Cell(0), FEWER]) == FEWER
    assert added([FEWER, FEWER]) == WITHHELD  # together they may be more than 4
    assert added([]) == NONE


# -- differencing: whatever is asked for, only the same numbers of the finest periods come into it


def counted_at_random(store: Store) -> None:
    random_ = random.Random(7)
    for week in range(12):
        at = datetime(2026, 9, 2, 10) + timedelta(weeks=week)
        for rule, service in (("pain_team", PATIENT_VIEW), ("whole_spine_mri", ORDER_SELECT)):
            write(
                store,
                *(Shown(rule, at, random_.randrange(9), answer, service=service) for answer in ("accepted", "")),
                overridden(rule, at, random_.randrange(12), "patient-refuses", service),
                overridden(rule, at, random_.randrange(12), "action-completed", service),
            )


def read(store: Store, site: Choices, spans: Sequence[periods.Period]) -> dict[Key, list[Line]]:
    with store.reading() as connection:
        return lines.read(connection, "here", site, spans, NOW_MS)


def test_a_month_is_the_sum_of_the_weeks_that_are_shown(store: Store) -> None:
    """Else a week that is hidden would be the month less its other weeks."""
    counted_at_random(store)
    months = periods.between(date(2026, 9, 1), date(2026, 11, 25), "month")
    by_month = read(store, WEEKLY, months)
    for place, month in enumerate(months):
        weeks = read(store, WEEKLY, periods.finer(month, "week"))
        for key, found in by_month.items():
            assert found[place] == total(
                [one for one in weeks.get(key, [lines.SILENT]) if one is not lines.SILENT] or [lines.SILENT]
            )
    hidden = [
        cell for found in by_month.values() for one in found for cell in one.answers.values() if not cell.is_exact
    ]
    assert hidden


def test_a_longer_time_shows_the_same_weeks(store: Store) -> None:
    """So that two totals differ by what is shown of a week, and by nothing where it is hidden."""
    counted_at_random(store)
    weeks = periods.between(date(2026, 9, 1), date(2026, 11, 25), "week")
    whole = read(store, WEEKLY, weeks)
    for number in range(1, len(weeks)):
        part = read(store, WEEKLY, weeks[:number])
        for key, found in part.items():
            assert found == whole[key][:number]
            longer, shorter = total(whole[key][: number + 1]), total(found)
            added_week = whole[key][number]
            assert longer.shown.number - shorter.shown.number == added_week.shown.number
            for answer in ANSWERS:
                assert (
                    longer.answers[answer].number - shorter.answers[answer].number == added_week.answers[answer].number
                )


def test_the_two_hooks_of_a_rule_are_not_added_up(store: Store) -> None:
    write(store, *(accepted("whole_spine_mri", LAST, 6, service) for service in (ORDER_SELECT, ORDER_SIGN)))
    counted = read(store, WEEKLY, [periods.of(LAST.date(), "week")])
    assert {key: found[0].shown.number for key, found in counted.items()} == {
        ("whole_spine_mri", ORDER_SELECT): 6,
        ("whole_spine_mri", ORDER_SIGN): 6,
    }


# -- periods


def test_weeks_lie_in_months_whole() -> None:
    day = date(2024, 1, 1)
    for number in range(1500):
        one = day + timedelta(days=number)
        week, month = periods.of(one, "week"), periods.of(one, "month")
        assert week.first <= one < week.after
        assert month.first <= week.first
        assert week.after <= month.after
        assert (week.first.weekday(), month.first.weekday()) == (0, 0)
        assert month.name == f"{week.first + timedelta(days=3):%Y-%m}"
        assert week.name == f"{one.isocalendar().year}-W{one.isocalendar().week:02}"


def test_periods_follow_each_other_without_a_gap() -> None:
    for kind in ("week", "month"):
        spans = periods.between(date(2025, 11, 20), date(2027, 1, 5), kind)
        assert all(one.after == other.first for one, other in pairwise(spans))
        assert spans[0].first <= date(2025, 11, 20) <= spans[0].last
        assert spans[-1].first <= date(2027, 1, 5) <= spans[-1].last
    assert [one.name for one in periods.finer(periods.of(date(2026, 10, 15), "month"), "week")] == [
        f"2026-W{number}" for number in (40, 41, 42, 43, 44)
    ]


# -- rates


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_the_interval_is_wilsons(count: int, of: int, low: float, high: float) -> None:
    """81 of 263: Newcombe, Stat Med 1998;17:857-872, table I, method 3; the others by hand from the formula."""
    found = rate(count, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.low <= found.share <= found.high


def test_rates_are_of_settled_cards() -> None:
    found = share([made_line(20, 10, 10, 10, 50)], "overridden")
    assert found is not None
    assert (found.count, found.of, found.at_least) == (20, 50, False)
    assert share([made_line(0, 0, 0, 0, 50)], "overridden") is None
    assert share([made_line(1, 1, 1, 1, 0)], "overridden") is None


def test_a_rate_beside_a_hidden_number_is_what_it_is_at_least() -> None:
    found = share([made_line(3, 30, 27, 0, 0)], "overridden")
    assert found is not None
    assert (found.count, found.of, found.at_least) == (56, 60, True)


# -- proposals


def tenant(more: str = "") -> Tenant:
    return read_tenant(SANDBOX + more, folder="")


def proposed(
    store: Store, at: Tenant | None = None, site: Choices = WEEKLY, decisions: Mapping[str, Decision] | None = None
) -> dict[str, proposals.Proposal]:
    with store.reading() as connection:
        made = proposals.proposals(connection, at or tenant(), site, RULES, decisions or {}, NOW_MS)
    return {one.rule: one for one in made}


def mostly_overridden(rule: str, number: int = 30, service: str = PATIENT_VIEW) -> list[Shown]:
    return [overridden(rule, at, number, "cds-not-applicable", service) for at in (BEFORE, LAST)]


def test_a_rule_above_its_budget_twice_is_proposed(store: Store) -> None:
    write(store, *mostly_overridden("pain_team"))
    (one,) = proposed(store).values()
    assert (one.rule, one.budget, one.is_open) == ("pain_team", 0.7, True)
    assert [(seen_.period.name, seen_.rate.count, seen_.rate.of) for seen_ in one.evidence] == [
        ("2026-W45", 30, 30),
        ("2026-W46", 30, 30),
    ]
    assert tenant(one.lines).mode("pain_team") == "shadow"


def test_a_few_acceptances_do_not_hide_the_need(store: Store) -> None:
    """Three of sixty accepted: the true rate is hidden, the lowest that it can be is above the budget."""
    write(store, *mostly_overridden("pain_team", 57), *(accepted("pain_team", at, 3) for at in (BEFORE, LAST)))
    (one,) = proposed(store).values()
    assert [(seen_.rate.count, seen_.rate.of, seen_.rate.at_least) for seen_ in one.evidence] == [(56, 60, True)] * 2


def test_the_evidence_tells_patients_and_reasons(store: Store) -> None:
    write(store, *mostly_overridden("pain_team", 40), *(overridden("pain_team", at, 3) for at in (BEFORE, LAST)))
    (one,) = proposed(store).values()
    first = one.evidence[0]
    assert (first.patients, first.rate.count, first.rate.of) == (43, 43, 43)
    told = {reason: cell.text(5) for reason, cell in first.reasons.items() if cell != NONE}
    assert told == {"cds-not-applicable": "39 or more", "none-given": "fewer than 5"}


@pytest.mark.parametrize("reason", ["action-completed", "patient-refuses", "service-not-available"])
def test_reasons_that_say_the_advice_was_right_make_no_proposal(store: Store, reason: str) -> None:
    write(store, *(overridden("pain_team", at, 60, reason) for at in (BEFORE, LAST)))
    write(store, *mostly_overridden("pain_team", 20), *mostly_overridden("rehabilitation"))
    assert set(proposed(store)) == {"rehabilitation"}


def test_where_reasons_are_hidden_the_lowest_number_is_taken() -> None:
    against = WEEKLY.against

    def told(*numbers: int) -> tuple[int, int, bool]:
        found = share_against(made_line(*numbers), {"patient-refuses"})
        assert found is not None
        return found.count, found.of, found.at_least

    assert told(20, 40, 30, 10, 0) == (40, 100, False)
    assert told(20, 40, 3, 10, 0) == (39, 73, True)  # "39 or more" beside a small one
    assert told(20, 3, 40, 10, 0) == (0, 73, True)  # the small one itself
    assert told(3, 40, 0, 0, 0) == (39, 43, True)  # overrides hidden beside 3 acceptances, all for one reason
    assert told(3, 40, 10, 0, 0) == (0, 53, True)  # for two reasons: how they are divided is not shown
    assert told(20, 2, 1, 10, 0) == (0, 33, True)
    assert share_against(made_line(1, 1, 1, 0, 0), against) is None


def of_one(patient: str, *shown: Shown) -> list[Shown]:
    return [replace(one, patient=patient * 64) for one in shown]


def test_one_patient_makes_no_proposal(store: Store) -> None:
    write(store, *of_one("a", *mostly_overridden("pain_team", 60)))
    assert proposed(store) == {}


def test_one_patient_beside_others_makes_no_proposal(store: Store) -> None:
    """69 of 84 cards are overridden, surely more than 70 %: but 10 of 25 patients' cards."""
    write(store, *of_one("a", *mostly_overridden("pain_team", 90)), *mostly_overridden("pain_team", 9))
    write(store, *(accepted("pain_team", at, 15) for at in (BEFORE, LAST)))
    with store.reading() as connection:
        spans = proposals.complete(WEEKLY, NOW_MS)
        counted = lines.read(connection, "here", WEEKLY, spans, NOW_MS)
    assert len(proposals.above_budget("pain_team", counted, spans, WEEKLY)) == 2
    assert proposed(store) == {}


def test_as_many_patients_as_the_site_wants(store: Store) -> None:
    """Ten patients with three cards each."""
    for number in range(10):
        write(store, *of_one(f"{number}", *mostly_overridden("pain_team", 3)))
    assert set(proposed(store)) == {"pain_team"}
    assert proposed(store, site=choices.at(Dashboard(finest_period="week", fewest_patients=11))) == {}


def test_a_card_that_another_rule_leads_speaks_against_that_rule_only(store: Store) -> None:
    """`pain_team` comes before `rehabilitation` and leads their card, unless `rehabilitation` is the more urgent."""
    write(store, *mostly_overridden("pain_team"))
    share_cards(store, "rehabilitation", "info")
    assert set(proposed(store)) == {"pain_team"}


def test_the_more_urgent_rule_leads(store: Store) -> None:
    write(store, *mostly_overridden("pain_team"))
    share_cards(store, "rehabilitation", "warning")
    assert set(proposed(store)) == {"rehabilitation"}


def share_cards(store: Store, rule: str, indicator: str) -> None:
    """Another rule stands on every card of the ledger."""
    with store.writing() as connection:
        said = connection.execute(select(schema.speech)).mappings().all()
        connection.execute(insert(schema.speech), [{**one, "rule": rule, "indicator": indicator} for one in said])


def test_a_hook_on_which_few_override_speaks_against_it(store: Store) -> None:
    """Also where the overrides there are too few to be shown."""
    write(store, *mostly_overridden("bone_scan_low_yield", service=ORDER_SELECT))
    for at in (BEFORE, LAST):
        write(store, accepted("bone_scan_low_yield", at, 90, ORDER_SIGN))
        write(store, overridden("bone_scan_low_yield", at, 3, service=ORDER_SIGN))
    assert proposed(store) == {}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([accepted("pain_team", LAST, 12)], id="below in one period"),
        pytest.param([Shown("pain_team", LAST, 20)], id="ignored is not overridden"),
    ],
)
def test_a_rule_is_not_proposed_for_less(store: Store, more: list[Shown]) -> None:
    write(store, *mostly_overridden("pain_team"), *more)
    assert proposed(store) == {}


def test_too_few_cards_or_one_period_only(store: Store) -> None:
    write(store, *mostly_overridden("pain_team", 19), overridden("rehabilitation", LAST, 50))
    assert proposed(store) == {}
    assert set(proposed(store, site=choices.at(Dashboard(finest_period="week", fewest_cards=19)))) == {"pain_team"}


def test_cards_that_may_still_be_answered_do_not_count(store: Store) -> None:
    write(store, *(overridden("pain_team", at, 60) for at in (LAST, datetime(2026, 11, 18), datetime(2026, 11, 24))))
    assert [one.name for one in proposals.complete(WEEKLY, NOW_MS)] == ["2026-W45", "2026-W46"]
    assert [one.name for one in proposals.complete(MONTHLY, NOW_MS)] == ["2026-09", "2026-10"]
    assert proposed(store) == {}


def test_on_both_hooks(store: Store) -> None:
    """The mode of a rule holds for all hooks, so that a hook on which it is followed speaks against it."""
    write(store, *mostly_overridden("bone_scan_low_yield", service=ORDER_SELECT))
    assert set(proposed(store)) == {"bone_scan_low_yield"}
    write(store, *(accepted("bone_scan_low_yield", at, 30, ORDER_SIGN) for at in (BEFORE, LAST)))
    assert proposed(store) == {}


def test_the_budget_of_a_rule(store: Store) -> None:
    write(store, *mostly_overridden("pain_team"), *mostly_overridden("rehabilitation"))
    site = choices.at(Dashboard(finest_period="week", budgets={"pain_team": 0.95}))
    assert set(proposed(store, site=site)) == {"rehabilitation"}
    assert set(proposed(store, site=choices.at(Dashboard(finest_period="week", budget=0.95)))) == set()


EXEMPT = [name for name, rule in RULES.items() if WEEKLY.is_exempt(rule)]


@pytest.mark.parametrize("name", EXEMPT)
def test_emergencies_and_contraindications_are_never_proposed(store: Store, name: str) -> None:
    write(store, *mostly_overridden(name, 200), *mostly_overridden(name, 200, ORDER_SIGN))
    assert proposed(store) == {}
    with pytest.raises(SettingsError, match=f"dashboard.budgets.{name}"):
        tenant(f"[dashboard]\nbudgets = {{ {name} = 0.5 }}\n")


def test_what_is_exempt() -> None:
    never_silenced = {name for name, rule in RULES.items() if rule.longest_rest == 0 or 0 in rule.rests.values()}
    critical = {name for name, rule in RULES.items() if "critical" in {one.indicator for one in rule.cards.values()}}
    assert set(EXEMPT) == never_silenced | critical
    assert {"suspected_cord_compression", "confirmed_cord_compression", "bone_agent_pregnancy"} <= set(EXEMPT)
    assert {"spine_mri_for_pain", "multidisciplinary_review", "baseline_imaging"} <= set(EXEMPT)
    assert set(EXEMPT) < set(RULES)


def test_rules_are_exempt_by_name_too(store: Store) -> None:
    """Those of the default stay so when a site names its own, and when their knowledge lets every card rest."""
    write(store, *mostly_overridden("pain_team"), *mostly_overridden("rehabilitation"))
    site = choices.at(Dashboard(finest_period="week", never_propose=("pain_team",)))
    assert set(proposed(store, site=site)) == {"rehabilitation"}
    for name in ("spine_mri_for_pain", "multidisciplinary_review"):
        assert site.is_exempt(replace(RULES[name], longest_rest=7, rests={}))
    assert not site.is_exempt(RULES["rehabilitation"])


def test_a_rule_that_is_not_live_is_not_proposed(store: Store) -> None:
    write(store, *mostly_overridden("pain_team"))
    for mode in ("shadow", "off"):
        assert proposed(store, tenant(f'[rules]\npain_team = "{mode}"\n')) == {}


@pytest.mark.parametrize(("until", "is_open"), [("2026-11-24", True), ("2026-11-25", False)])
def test_a_decision_holds_until_its_day(store: Store, until: str, is_open: bool) -> None:
    write(store, *mostly_overridden("pain_team"))
    for decided in ("agreed", "declined"):
        said = Decision("1", "here", "pain_team", "1.0.0", decided, "chair", NOW_MS, until, "{}")
        one = proposed(store, decisions={"pain_team": said})["pain_team"]
        assert one.is_open == is_open
        assert one.is_agreed == (decided == "agreed" and not is_open)


# -- the file for a spreadsheet


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "|x", "%x"])
def test_no_text_is_taken_for_a_formula(value: str) -> None:
    assert as_csv.harmless(value) == f"'{value}"


def test_harmless_text_stays_as_it_is() -> None:
    for value in ("", "12", "fewer than 5", "Pain team", "0.25", "2026-W45"):
        assert as_csv.harmless(value) == value


def test_the_file_has_the_numbers_that_the_page_shows(store: Store) -> None:
    hostile = '=HYPERLINK("http://elsewhere")'
    write(store, *mostly_overridden("pain_team"), accepted("pain_team", LAST, 3), Shown(hostile, LAST, 9))
    spans = [periods.of(day.date(), "week") for day in (BEFORE, LAST)]
    wanted = asked.read({"from": "2026-11-04", "to": "2026-11-11", "period": "week"}, NOW.date(), "week")
    rows = board.rows(read(store, WEEKLY, spans), wanted, tenant(), WEEKLY, RULES)
    text = as_csv.text(rows, wanted.periods, 5)
    assert "\n=" not in text
    found = list(csv.DictReader(io.StringIO(text)))
    first, second = (one for one in found if one["rule"] == "pain_team")
    assert (first["shown"], first["accepted"], first["overridden"]) == ("30", "0", "30")
    assert (first["overridden_rate"], first["overridden_rate_low_95"]) == ("1.0000", "0.8865")
    assert (second["shown"], second["accepted"], second["overridden"]) == ("33", "fewer than 5", "29 or more")
    assert second["overridden_rate"] == "not shown"
    assert {second[f"overridden_{reason}"] for reason in REASONS} == {"not shown", "0"}
    assert second["overridden_cds-not-applicable"] == "not shown"
    assert {one["rule"] for one in found} == {"pain_team", f"'{hostile}"}
    for one in found:
        assert not any(value.startswith(("=", "+", "-", "@")) for value in one.values())


# -- what is asked, and the settings


def test_the_usual_time_and_whole_periods() -> None:
    today = NOW.date()
    usual = asked.read({}, today, "week")
    assert (usual.kind, usual.end, usual.wrong) == ("month", date(2026, 11, 1), {})
    assert usual.query() == "period=month"  # a change of the period brings its own usual time
    assert usual.query(to="2026-11-25") == "to=2026-11-25&period=month"
    for kind in ("week", "month"):  # the running one is not in it
        found = asked.read({"period": kind}, today, "week").periods
        assert found[-1].after == periods.of(today, kind).first
        assert asked.read({"period": kind, "to": today.isoformat()}, today, "week").periods[-1].after > today
    day = asked.read({"from": "2026-11-11", "to": "2026-11-11", "period": "week"}, today, "week")
    assert [one.name for one in day.periods] == ["2026-W46"]  # never a part of a week


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "from"),
        ({"from": "2000-01-01", "to": "2026-11-01", "period": "week"}, "from"),
        ({"hook": "patient-sign"}, "hook"),
        ({"rule": "=1+1"}, "rule"),
        ({"mode": "gone"}, "mode"),
        ({"period": "day"}, "period"),
    ],
)
def test_what_cannot_be_understood_is_named(given: dict[str, str], field: str) -> None:
    found = asked.read(given, NOW.date(), "week")
    assert list(found.wrong) == [field]
    assert 0 < len(found.periods) <= asked.MOST_PERIODS


def test_weeks_are_not_offered_where_the_site_counts_by_month() -> None:
    assert asked.read({"period": "week"}, NOW.date(), "month").wrong == {"period": "This site counts by month."}
    assert asked.offered("month") == ("month",)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ('approver = "chair"', "dashboard.approver"),
        ("budget = 1.0", "dashboard.budget"),
        ("budgets = { pain_teem = 0.5 }", "dashboard.budgets.pain_teem"),
        ("budgets = { pain_team = 0 }", "dashboard.budgets"),
        ("smallest_count = 2", "dashboard.smallest_count"),
        ("answer_days = 0", "dashboard.answer_days"),
        ("fewest_cards = 4", "dashboard.fewest_cards"),
        ("fewest_patients = 4", "dashboard.fewest_patients"),
        ("smallest_count = 11", "dashboard.fewest_patients"),
        ("fewest_patients = 2", "dashboard.fewest_patients"),
        ('never_propose = ["pain_teem"]', "dashboard.never_propose"),
        ('never_propose = ["pain_team"]\nbudgets = { pain_team = 0.5 }', "dashboard.budgets.pain_team"),
        ('finest_period = "day"', "dashboard.finest_period"),
        ("anything = 1", "anything"),
    ],
)
def test_a_section_that_stops_start_up(section: str, key: str) -> None:
    with pytest.raises(SettingsError) as refused:
        tenant(f"[dashboard]\n{section}\n")
    assert key in str(refused.value)


def test_each_default_stands_on_a_ground() -> None:
    known = choices.defaults()
    ids = {source.id for source in known.sources}
    for name, one in known.choices.items():
        assert one.ground
        assert one.source in {"ours", *ids}
        assert getattr(MONTHLY, name) == one.value
    assert all(f"{name}" in str(known.choices["budget"].ground) for name in ("sijs2006", "poly2020"))


def test_each_reason_has_its_meaning() -> None:
    """What says that the advice was right does not speak against the card; what says nothing does."""
    known = choices.defaults()
    assert set(known.reasons) == set(REASONS)
    assert all(one.ground for one in (known.never_propose, *known.reasons.values()))
    assert set(REASONS) - MONTHLY.against == {"action-completed", "patient-refuses", "service-not-available"}


def parsed() -> dict[str, Any]:
    entry: dict[str, object] = {"source": "ours", "ground": "because"}
    return {
        "version": "1",
        "review": {},
        "source": [],
        "choices": {name: {"value": 1, **entry} for name in choices.NAMES},
        "never_propose": {"rules": ["pain_team"], **entry},
        "reasons": {reason: {"speaks_against": True, **entry} for reason in REASONS},
    }


def test_a_file_of_defaults_is_read() -> None:
    known = choices.read(parsed())
    assert (known.choices["budget"].value, known.never_propose.rules) == (1, ("pain_team",))


@pytest.mark.parametrize(
    ("place", "key", "value", "complaint"),
    [
        ("", "choices", None, "must hold"),
        ("", "source", None, "must hold"),
        ("", "reasons", None, "must hold"),
        ("choices", "fewest_patients", None, "must hold"),
        ("reasons", "other", None, "reasons must be"),
        ("never_propose", "rules", ["pain_teem"], "pain_teem"),
        ("never_propose", "ground", "", "never_propose has no ground"),
        ("reasons", "other", {"speaks_against": True, "source": "ours"}, "reasons.other"),
        ("choices", "budget", {"value": 1, "source": "ours", "ground": ""}, "choices.budget has no ground"),
    ],
)
def test_a_file_of_defaults_that_lacks_something_is_refused(place: str, key: str, value: Any, complaint: str) -> None:
    data = parsed()
    part = data[place] if place else data
    if value is None:
        del part[key]
    else:
        part[key] = value
    with pytest.raises(KnowledgeError, match=rf"choices\.toml.*{complaint}"):
        choices.read(data)
