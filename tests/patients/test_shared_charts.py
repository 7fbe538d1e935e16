"""Charts that nobody here wrote: all are answered, and nobody without cancer is bothered."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from cds_service.cli import evaluate
from cds_service.tenants import load_tenant
from hooks.outcomes import Failed
from tests.patients.shared_charts import DATA, SharedChart, all_charts

CHARTS = all_charts()
BY_FOLDER = Counter(chart.folder for chart in CHARTS)
CANCER = "a diagnosis of cancer, past or present"


@pytest.mark.shared_data
@pytest.mark.parametrize("folder", BY_FOLDER)
def test_every_chart_is_answered(folder: str) -> None:
    """On the last day that the chart speaks of; without cancer on record, no card."""
    tenant = load_tenant(None)
    for chart in (chart for chart in CHARTS if chart.folder == folder):
        answered = evaluate(json.dumps(chart.request).encode(), tenant, chart.last_day)
        assert not any(isinstance(one.outcome, Failed) for one in answered.decisions), chart
        if _without_cancer(answered.decisions[0].outcome):
            assert answered.cards == [], chart


def _without_cancer(outcome: object) -> bool:
    return getattr(outcome, "missing", ()) == (CANCER,)


def test_the_data_is_read_where_it_is() -> None:
    """An empty folder must not pass for a tested one."""
    assert len(CHARTS) > 300 if DATA.exists() else CHARTS == []


def test_a_chart_has_a_name() -> None:
    assert all(isinstance(chart, SharedChart) and str(chart) for chart in CHARTS)
