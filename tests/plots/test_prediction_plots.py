"""Figures and tables of predictions: a panel each, hidden figures stay hidden, names are drawn as text."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from bankmkt.errors import DataError
from bankmkt.plots import prediction as draw
from bankmkt.plots import prediction_tables as tables
from bankmkt.plots import themed
from bankmkt.tags import evaluate_models, lift_curve, marks, reliability

NAMES = {"a": "First $prediction$", "b": "Second"}


@pytest.fixture(autouse=True)
def _house_style():
    with themed():
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(2)
    parts = []
    for code, base in (("a", 0.2), ("b", 0.1)):
        p = np.clip(rng.beta(1, 1 / base, 2_000), 0.001, 0.999)
        parts.append(pd.DataFrame({
            "code": code, "month": "2026-03-31", "customer_id": np.arange(p.size),
            "happened": (rng.random(p.size) < p).astype(float), "model": p,
            "simple rule": rng.random(p.size), "best achievable": p,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def figures(rows):
    return evaluate_models(None, None, rows=rows, resamples=20)


def test_ranking(figures):
    ax = draw.ranking(figures, NAMES)
    assert [t.get_text() for t in ax.get_yticklabels()] == [r"First \$prediction\$", "Second"]
    assert ax.get_title(loc="left").startswith("Shown to rank better than the simple rule: 2 of 2")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "model", "simple rule", "best achievable (at least)",
    ]  # fmt: skip
    with pytest.raises(DataError, match="all suppressed"):
        draw.ranking(figures.assign(suppressed=True), NAMES)


def test_lift(rows):
    curve = lift_curve(rows, resamples=10)
    axes = draw.grid(draw.lift, curve, NAMES)
    assert axes.shape == (1, 2)
    share = curve[(curve.code == "a") & (curve.score == "model") & (curve.share == 0.1)].captured.iloc[0]
    assert axes[0, 0].get_title(loc="left").endswith(f"the first tenth holds {share:.0%}")
    with pytest.raises(DataError, match="code = 'c'"):
        draw.lift(curve, "c", "Third")


def test_calibration(rows):
    found = reliability(rows)
    axes = draw.grid(draw.calibration, found, NAMES)
    assert "fits in" in axes[0, 1].get_title(loc="left")
    assert axes[0, 0].get_xlim() == axes[0, 0].get_ylim()
    with pytest.raises(DataError, match="no predictions"):
        draw.grid(draw.calibration, found.assign(suppressed=True), NAMES)


def test_drivers():
    frame = pd.DataFrame({
        "input": list("xyz"), "meaning": ["logins", "purchases of some product or other in a very long time", "age"],
        "share": [0.5, 0.3, 0.2], "direction": [0.9, -0.8, np.nan],
    })  # fmt: skip
    ax = draw.drivers(frame, "App dormancy")
    assert ax.get_title(loc="left") == "App dormancy rests most on: logins"
    assert len(ax.get_legend().get_texts()) == 3
    told = tables.reasons_table({"a": frame}, NAMES)
    assert told.why[0] == "↑ logins; ↓ purchases of some product or other in a very long time; · age"


def test_tables(figures):
    found = tables.ranking_table(figures, NAMES, "auc")
    value = figures[(figures.code == "b") & (figures.score == "model") & (figures.measure == "auc")].iloc[0]
    assert found.model[1] == f"{value['value']:.2f} ({value['ci_lower']:.2f} – {value['ci_upper']:.2f})"
    assert list(tables.calibration_table(figures, NAMES).columns) == [
        "prediction", "said", "came_true", "off_by", "perfect", "debiased",
    ]  # fmt: skip
    assert tables.strongest(figures, NAMES, 1).endswith("times)")


def test_hidden_figures_are_dashes(rows):
    few = pd.concat([rows[rows.happened == 1].groupby("code").head(5), rows[rows.happened == 0]])
    hidden = evaluate_models(None, None, rows=few, resamples=10)
    assert set(tables.ranking_table(hidden, NAMES).drop(columns="prediction").to_numpy().ravel()) == {"–"}
    assert set(tables.calibration_table(hidden, NAMES).drop(columns="prediction").to_numpy().ravel()) == {"–"}
    assert tables.strongest(hidden, NAMES) == "none"
    assert tables.off(hidden, NAMES).startswith("neither")


def test_marks(tiny_bank):
    import ibis

    ids = tiny_bank.fetch(tiny_bank.customers.customer_id)
    scores = ibis.memtable({"customer_id": ids.to_pylist(), "a": np.linspace(0, 1, len(ids)).tolist()})
    told = tables.marks_table(marks(tiny_bank, scores, 0.3), NAMES)
    assert told.iloc[0].tolist()[1:3] == ["50", "15"]
    hidden = tables.marks_table(marks(tiny_bank, scores, 0.1), NAMES)
    assert hidden.marked[0] == "–"
    assert hidden.expected[0] == "–"
