"""Hillstrom and Karlan-Zinman: the known answers, on what the loaders return."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import chisquare

from bankmkt import datasets

# Answers without another source named were recomputed independently of this project from the published files.


@pytest.fixture(scope="module")
def hillstrom(real_data):
    return datasets.load_hillstrom(real_data)


@pytest.fixture(scope="module")
def letters(real_data):
    return datasets.load_karlan_zinman(real_data)


def joined(data):
    return data.assignments.merge(data.outcomes, on=["campaign_id", "customer_id"], validate="1:1").merge(
        data.customers, on="customer_id", validate="1:1"
    )


def difference(treated, control):
    """Difference in means and its standard error (Neyman)."""
    return treated.mean() - control.mean(), np.sqrt(treated.var() / len(treated) + control.var() / len(control))


def test_hillstrom_rows_and_arms(hillstrom):
    assert [len(frame) for frame in hillstrom.tables.values()] == [64_000] * 3
    arms = hillstrom.assignments.groupby(["segment", "arm"]).size()
    assert arms.to_dict() == {
        ("Mens E-Mail", "treatment"): 21_307,
        ("Womens E-Mail", "treatment_b"): 21_387,
        ("No E-Mail", "control"): 21_306,
    }
    assert (hillstrom.assignments.propensity == 1 / 3).all()
    assert hillstrom.customers.columns.tolist() == [
        "customer_id", "recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel",
    ]  # fmt: skip


def test_hillstrom_randomisation_holds(hillstrom):
    arms = hillstrom.assignments.arm.value_counts()
    assert chisquare(arms[["treatment", "treatment_b"]]).pvalue == pytest.approx(0.699, abs=0.0005)
    assert chisquare(arms).pvalue > 0.9


@pytest.mark.parametrize(
    ("arm", "outcome", "effect", "error", "unit"),
    [
        ("treatment", "visit", 7.659, 0.339, 100),
        ("treatment", "conversion", 0.681, 0.092, 100),
        ("treatment", "spend", 0.7698, 0.145, 1),
        ("treatment_b", "visit", 4.523, 0.323, 100),
        ("treatment_b", "conversion", 0.311, 0.082, 100),
        ("treatment_b", "spend", 0.4244, 0.130, 1),
    ],
)
def test_hillstrom_differences_in_means(hillstrom, arm, outcome, effect, error, unit):
    frame = joined(hillstrom)
    found = difference(*(frame.loc[frame.arm == a, outcome] * unit for a in (arm, "control")))
    assert found == pytest.approx((effect, error), abs=0.0005)


@pytest.mark.parametrize(("bought_womens", "effect", "error"), [(1, 7.31, 0.46), (0, 1.11, 0.44)])
def test_hillstrom_womens_mail_works_on_buyers_of_womens_goods(hillstrom, bought_womens, effect, error):
    frame = joined(hillstrom)
    frame = frame[frame.womens == bought_womens]
    found = difference(*(frame.loc[frame.arm == a, "visit"] * 100 for a in ("treatment_b", "control")))
    assert found == pytest.approx((effect, error), abs=0.005)


def test_letters_keep_every_published_row_and_column(letters, real_data):
    file = real_data / "karlan_zinman" / "kz_demandelasts_aer08.dta.gz"
    published = pd.read_stata(file)
    assert published.shape == (53_810, 54)
    frame = joined(letters)
    assert set(frame) - set(published) == {"campaign_id", "customer_id"}
    assert_frame_equal(frame[list(published)], published, check_dtype=False)
    kinds = {str(kind) for kind in frame.dtypes}
    assert kinds == {"int64", "float64", "str"}


def test_letters_strata_and_response(letters):
    frame = joined(letters)
    assert frame.risk.value_counts().to_dict() == {"HIGH": 42_490, "LOW": 6_424, "MEDIUM": 4_896}
    assert frame.wave.value_counts().to_dict() == {1: 4_958, 2: 19_599, 3: 29_253}
    assert frame.applied.mean() * 100 == pytest.approx(8.44, abs=0.005)
    assert frame.tookup.mean() * 100 == pytest.approx(7.22, abs=0.005)


def slope(frame):
    """Ordinary least squares of take-up on the rate with risk and wave effects: slope and its HC1 error."""
    dummies = pd.get_dummies(frame[["risk", "wave"]].astype(str), drop_first=True, dtype=float)
    x = np.column_stack([frame.offer4, np.ones(len(frame)), dummies])
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ frame.tookup.to_numpy()
    residual = frame.tookup.to_numpy() - x @ beta
    meat = (x * residual[:, None] ** 2).T @ x
    return beta[0], np.sqrt((bread @ meat @ bread)[0, 0] * len(x) / (len(x) - x.shape[1]))


def test_letters_demand_falls_with_the_rate(letters):
    """Known answer -0.0024 (.0005): the paper's sample, rates at or below the usual one of the risk band."""
    frame = joined(letters)
    usual = frame[frame.normrate_less == 1]
    assert len(usual) == 53_178
    beta, error = slope(usual)
    assert beta == pytest.approx(-0.0024, abs=0.00005)
    assert error == pytest.approx(0.0005, abs=0.00005)


def test_letters_without_strata_mislead(letters):
    """Risky customers were offered higher rates and borrow less: leaving risk out triples the slope."""
    frame = joined(letters)
    naive = np.polyfit(frame.offer4, frame.tookup, 1)[0]
    assert naive < 2.5 * slope(frame)[0]


@pytest.mark.parametrize("load", [datasets.load_hillstrom, datasets.load_karlan_zinman])
def test_loading_twice_gives_the_same(load, real_data):
    first, second = load(real_data), load(real_data)
    for name, frame in first.tables.items():
        assert_frame_equal(frame, second.tables[name], check_exact=True)
