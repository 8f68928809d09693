"""Arms are drawn as planned, again and again alike, on every engine, and independently of everything else."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chi2_contingency, f_oneway, kstest

from bankmkt.engines import connect
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.experiment import assign, balance
from bankmkt.frames import engine_table

THREE = {"control": 0.2, "treatment": 0.5, "treatment_b": 0.3}


def people(n=6000, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "customer_id": rng.permutation(n) + 1, "branch": rng.integers(1, 40, n),
        "tier": rng.choice(["low", "high", None], n, p=[0.7, 0.2, 0.1]), "aum": rng.lognormal(10, 1, n),
        "active": rng.random(n) < 0.3,
    })  # fmt: skip


def drawn(*arguments, **options):
    return assign(*arguments, **options).to_pandas().sort_values("customer_id").reset_index(drop=True)


def test_a_lot_is_the_digest_that_anybody_can_compute():
    found = drawn(people(500), "spring", THREE)
    for row in found.itertuples():
        lot = int(hashlib.md5(f"spring|{row.customer_id}".encode()).hexdigest()[:12], 16) / 16**12
        assert row.arm == ("control" if lot < 0.2 else "treatment" if lot < 0.7 else "treatment_b")
        assert row.propensity == THREE[row.arm]


def test_the_arm_stays_whoever_else_is_there_and_in_whatever_order():
    every = drawn(people(), "spring", THREE)
    some = people().sample(1000, random_state=3)
    pd.testing.assert_series_equal(
        drawn(some, "spring", THREE).arm, every[every.customer_id.isin(some.customer_id)].arm.reset_index(drop=True)
    )


def test_lots_are_uniform_and_salts_independent():
    """Over 40 salts the p-values of sizes are uniform; two salts share no information."""
    ids = pd.DataFrame({"customer_id": range(4000)})
    arms = pd.DataFrame({salt: drawn(ids, f"salt {salt}", THREE).arm for salt in range(40)})
    assert (
        kstest([binomtest(int((arms[s] == "control").sum()), 4000, 0.2).pvalue for s in arms], "uniform").pvalue > 1e-3
    )
    together = [chi2_contingency(pd.crosstab(arms[s], arms[s + 1]), correction=False).pvalue for s in range(39)]
    assert kstest(together, "uniform").pvalue > 1e-3


def test_strata_are_divided_as_planned_but_for_one():
    found = drawn(people(), "spring", THREE, strata=["branch", "tier"])
    sizes = found.groupby(["branch", "tier"], dropna=False).size()
    for arm, share in THREE.items():
        n = found[found.arm == arm].groupby(["branch", "tier"], dropna=False).size().reindex(sizes.index).fillna(0)
        assert ((n - share * sizes).abs() < 1 + 1e-9).all()


def test_in_small_strata_too_every_customer_has_the_planned_chance():
    """Strata of one to four customers: over 400 salts each customer is a control in 20 %, within chance."""
    ids = pd.DataFrame({"customer_id": range(1, 11), "stratum": [1, 2, 2, 3, 3, 3, 4, 4, 4, 4]})
    many = pd.concat([ids.assign(salt=salt, customer_id=ids.customer_id + 100 * salt) for salt in range(400)])
    found = drawn(many, "x", {"control": 0.2, "treatment": 0.8}, strata=["stratum", "salt"])
    counts = (found.arm == "control").groupby(found.customer_id % 100).sum()
    assert all(binomtest(int(n), 400, 0.2).pvalue > 0.001 / 10 for n in counts), counts


def test_hold_out_and_other_experiments():
    busy = pd.DataFrame({"customer_id": range(1, 1001)})
    one = drawn(people(), "spring", THREE, hold_out=("2026", 0.1), busy=busy)
    two = drawn(people(), "autumn", hold_out=("2026", 0.1))
    held = set(one.customer_id[one.left_out == "held out"])
    assert held == set(two.customer_id[two.left_out == "held out"])
    assert binomtest(len(held), 6000, 0.1).pvalue > 1e-3
    assert set(one.customer_id[one.left_out == "in another experiment"]) == set(range(1, 1001)) - held
    gone = one[one.left_out.notna()]
    assert gone.arm.isna().all()
    assert gone.propensity.isna().all()
    inside = one[one.left_out.isna()]
    assert inside.arm.notna().all()
    assert chi2_contingency(pd.crosstab(inside.arm, inside.aum > inside.aum.median())).pvalue > 1e-3


def test_a_branch_is_assigned_as_a_whole():
    found = assign(people(), "spring", by="branch").to_pandas()
    assert not found[["branch", "arm"]].drop_duplicates().branch.duplicated().any()


@pytest.mark.spark
def test_both_engines_draw_the_same(spark_url):
    options = {"strata": ["tier"], "hold_out": ("2026", 0.1), "assigned_on": "2026-07-01"}
    frame = people(400)
    table, _ = engine_table(frame, "customers", connect(spark_url))
    one = drawn(frame, "spring", THREE, **options)
    other = drawn(table, "spring", THREE, **options)
    assert one.arm.where(one.arm.notna(), None).tolist() == other.arm.where(other.arm.notna(), None).tolist()
    assert one.left_out.where(one.left_out.notna(), None).tolist() == (
        other.left_out.where(other.left_out.notna(), None).tolist()
    )
    np.testing.assert_allclose(one.propensity, other.propensity.astype(float))


@pytest.mark.slow
def test_balance_is_pandas_and_its_p_values_are_uniform():
    found = balance(drawn(people(), "spring", THREE), ["aum", "active"])
    frame = drawn(people(), "spring", THREE)
    aum = found[found.measure == "aum"].set_index("arm")
    np.testing.assert_allclose(aum.value, frame.groupby("arm").aum.mean())
    wanted = f_oneway(*(rows.aum for _, rows in frame.groupby("arm")))
    assert aum.p_value.iloc[0] == pytest.approx(wanted.pvalue)
    others = frame[frame.arm != "control"].aum.mean()
    spread = np.sqrt(sum(len(r) * r.aum.var(ddof=0) for _, r in frame.groupby("arm")) / len(frame))
    assert aum.standardised["control"] == pytest.approx((frame[frame.arm == "control"].aum.mean() - others) / spread)
    sizes = found[found.measure == "customers"].set_index("arm")
    assert sizes.planned.to_dict() == pytest.approx({arm: 6000 * share for arm, share in THREE.items()})
    p = [balance(drawn(people(600, seed), f"s{seed}", THREE), ["aum"]).p_value for seed in range(40)]
    for position in (0, 3):
        assert kstest([values[position] for values in p], "uniform").pvalue > 1e-3


def test_what_is_kept_in_a_file_is_the_same(tmp_path):
    """DuckDB takes 0.2 for a decimal; a file has to hold the number that Python had."""
    table, con = engine_table(assign(people(), "spring", THREE, strata=["tier"]), "people")
    con.to_parquet(table, tmp_path / "arms.parquet")
    kept = con.read_parquet(tmp_path / "arms.parquet")
    assert str(kept.propensity.type()) == "float64"
    assert set(kept.propensity.to_pandas()) == set(THREE.values())
    pd.testing.assert_frame_equal(balance(kept, ["aum"]), balance(table, ["aum"]))
    decimals = kept.mutate(propensity=kept.propensity.cast("decimal(2, 1)"))
    pd.testing.assert_frame_equal(balance(decimals, ["aum"]), balance(table, ["aum"]))


def test_balance_finds_an_arm_that_lost_customers():
    frame = drawn(people(), "spring", THREE)
    frame = frame[(frame.arm != "treatment") | (frame.aum < frame.aum.quantile(0.8))]
    found = balance(frame, ["aum"])
    assert found.p_value.max() < 1e-6
    assert found[(found.measure == "aum") & (found.arm == "treatment")].standardised.iloc[0] < -0.1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"arms": {"control": 1.0}}, ParameterError, "two arms"),
        ({"arms": {"control": 0.5, "treatment": 0.4}}, ParameterError, "add up to 1"),
        ({"arms": {"control": 0.5, "treatment": "half"}}, ParameterError, "between 0 and 1"),
        ({"salt": ""}, ParameterError, "salt"),
        ({"strata": "tier"}, ParameterError, "list of columns"),
        ({"strata": ["city"]}, SchemaError, "city"),
        ({"by": "client"}, SchemaError, "client"),
        ({"hold_out": ("2026", 2)}, ParameterError, "hold_out"),
        ({"hold_out": 0.1}, ParameterError, "hold_out"),
        ({"busy": pd.DataFrame({"client": [1]})}, SchemaError, "busy"),
        ({"assigned_on": "soon"}, ParameterError, "assigned_on"),
        ({"hold_out": ("spring", 0.1)}, ParameterError, "another salt"),
        ({"busy": pd.DataFrame({"customer_id": ["1"]})}, SchemaError, "a number in one table"),
        ({"strata": None}, ParameterError, "strata"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        assign(people(20), **{"salt": "spring", **options})


def test_bad_input_of_balance():
    frame = drawn(people(50), "spring")
    with pytest.raises(SchemaError, match="already"):
        assign(frame, "again")
    with pytest.raises(SchemaError, match="numbers or yes/no"):
        balance(frame, ["tier"])
    with pytest.raises(DataError, match="propensity"):
        balance(frame.assign(propensity=np.linspace(0.1, 0.9, 50)))
    with pytest.raises(DataError, match="infinity"):
        balance(frame.assign(aum=np.inf), ["aum"])
    with pytest.raises(DataError, match="two or more"):
        balance(frame[frame.arm == "control"])


def test_ids_that_would_draw_other_lots_are_refused():
    with pytest.raises(SchemaError, match="Int64"):
        assign(people(20).astype({"customer_id": float}), "spring")
    with pytest.raises(DataError, match="1 missing"):
        assign(
            people(20).astype({"customer_id": "Int64"}).assign(customer_id=lambda t: t.customer_id.where(t.index > 0)),
            "x",
        )
    twice = pd.concat([people(20), people(20)[:2]])
    with pytest.raises(DataError, match="each once"):
        assign(twice, "spring", strata=["tier"])
