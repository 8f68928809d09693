import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt import datasets
from bankmkt.errors import DataError
from bankmkt.segments import purchase_outlook


def shop(customers=1_500, weeks=80, seed=2):
    """Return a bank without balances whose customers buy as BG/NBD says, for amounts of their own."""
    rng = np.random.default_rng(seed)
    start, rows = pd.Timestamp("2025-01-06"), []
    for i in range(1, customers + 1):
        rate, stop, mean = rng.gamma(0.8, 1 / 6.0), rng.beta(0.8, 2.5), 40 * rng.lognormal(0, 0.4)
        at = float(rng.uniform(0, 12))
        while at < weeks:
            rows.append((i, start + pd.Timedelta(days=int(7 * at)), -round(mean * rng.gamma(6, 1 / 6.0) + 0.01, 2)))
            if rows[-1][0] == i and len(rows) > 1 and rows[-2][0] == i and rng.random() < stop:
                break
            at += rng.exponential(1 / max(rate, 1e-9))
    t = pd.DataFrame(rows, columns=["customer_id", "ts", "amount"])
    t = t.assign(transaction_id=range(len(t)), channel="web", kind="spend", product="demand")
    people = t.groupby("customer_id").ts.min().rename("opened_on").reset_index().assign(org_id=1)
    unit = pd.DataFrame({"org_id": [1], "level": "head_office", "name": "Shop"})
    return {"organisations": unit, "customers": people, "transactions": t}


@pytest.fixture(scope="module")
def frames():
    return shop()


@pytest.fixture(scope="module")
def found(frames):
    return purchase_outlook(bm.open_bank(frames), "2026-01-04")


def test_what_the_model_expects_of_its_own_customers_comes(found):
    """Purchases of the last 28 weeks within the interval of the expectation and four Poisson errors of what came."""
    total = found.total
    noise = 4 * np.sqrt(2 * total["purchases"])  # customers differ: their counts vary more than Poisson's
    assert total["ci_low"] - noise <= total["realised"] <= total["ci_high"] + noise
    assert found.weeks == pytest.approx(28, abs=1)
    rows = found.held[~found.held.suppressed]
    assert (rows.customers * rows.realised).sum() <= total["realised"] + 1e-9
    assert rows.expected.iloc[1:].is_monotonic_increasing


def test_what_came_is_counted_from_the_rows(frames, found):
    t = frames["transactions"].assign(day=lambda t: t.ts.dt.normalize()).drop_duplicates(["customer_id", "day"])
    before, later = (t[keep(t.day)] for keep in (lambda d: d <= "2026-01-04", lambda d: d > "2026-01-04"))
    ids = before.customer_id.unique()
    assert found.customers == len(ids)
    assert found.total["realised"] == later.customer_id.isin(ids).sum()
    repeats = (before.groupby("customer_id").size() - 1).clip(upper=7)
    came = later.groupby("customer_id").size().reindex(repeats.index, fill_value=0).groupby(repeats).mean()
    shown = found.held[~found.held.suppressed].set_index("purchases_before").realised
    for name, mean in shown.items():
        assert mean == pytest.approx(came[int(str(name).rstrip("+"))])


def test_fifths_are_of_equal_size_and_in_order(found):
    assert found.value.customers.max() - found.value.customers.min() <= 1
    assert found.value.value.is_monotonic_decreasing
    assert found.value.value_share.sum() == pytest.approx(1)
    assert found.value.customers.sum() == found.customers


def test_only_what_came_is_later(frames, found):
    early = frames | {"transactions": frames["transactions"][frames["transactions"].ts < "2026-01-05"]}
    other = purchase_outlook(bm.open_bank(early), "2026-01-04")
    assert other.parameters == pytest.approx(found.parameters)
    assert other.weeks == 0
    assert other.held.empty
    assert other.total == {}


def test_a_refund_is_no_purchase_and_nothing_spent(frames, found):
    """One sent back long after: neither a day with a purchase nor money."""
    t = frames["transactions"]
    back = t.head(300).assign(transaction_id=lambda t: t.transaction_id + len(frames["transactions"]))
    back = back.assign(amount=-back.amount, ts=pd.Timestamp("2025-12-30"))
    other = purchase_outlook(bm.open_bank(frames | {"transactions": pd.concat([t, back])}), "2026-01-04")
    assert other.parameters == pytest.approx(found.parameters)
    assert other.total == pytest.approx(found.total)


def test_cdnow_gives_the_published_answers(real_data):
    bank = datasets.load_cdnow_bank(real_data, sample=True)
    found = purchase_outlook(bank, "1997-09-30")
    parameters = [round(found.parameters[name], 3) for name in ("r", "alpha", "a", "b")]
    assert parameters == [0.243, 4.414, 0.793, 2.426]
    assert round(found.total["purchases"]) == 1653
    assert found.total["realised"] == 1882
    assert round(found.weeks) == 39


def test_who_sells_nothing_has_no_outlook(frames):
    with pytest.raises(DataError, match="2024-12-31"):
        purchase_outlook(bm.open_bank(frames), "2024-12-31")
