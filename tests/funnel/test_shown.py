"""What of a funnel is shown: nothing that tells about 1 to k − 1 units, by itself or by what it leaves."""

import itertools

import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import ParameterError

K = 10


def log(sizes, group="a", first=0, start="2026-01-01"):
    """Units of which sizes[n] reach step n + 1, a step a day."""
    rows = [
        (f"{group}{unit}", "xyz"[step], pd.Timestamp(start) + pd.Timedelta(days=step), group)
        for step, size in enumerate(sizes)
        for unit in range(first, first + size)
    ]
    return pd.DataFrame(rows, columns=["customer_id", "event", "ts", "group"])


def shown(*parts, k=K, **options):
    return bm.funnel.shown(bm.funnel(pd.concat(parts), ["x", "y", "z"], "7d", as_of="2026-03-01", **options), k)


@pytest.mark.parametrize(
    ("sizes", "seen"),
    [
        ((100, 50, 20), [100, 50, 20]),
        ((100, 50, 3), [100, 50, None]),
        ((100, 97, 20), [100, None, 20]),
        ((100, 97, 95), [100, None, None]),
        ((100, 95, 88), [100, None, 88]),
        ((100, 100, 0), [100, 100, 0]),
        ((100, 4, 0), [100, None, 0]),
        ((7, 5, 2), [None, None, None]),
    ],
)
def test_counts_and_what_they_leave(sizes, seen):
    found = shown(log(sizes))
    assert found.steps.units.astype(object).where(found.steps.units.notna(), None).tolist() == seen
    gone = found.steps[found.steps.suppressed]
    assert gone.filter(regex="units|rate").isna().all(axis=None)
    steps = found.steps.set_index("name").suppressed
    assert found.times[found.times.to_step.map(steps)].filter(regex="units|median|mean|q").isna().all(axis=None)


def test_a_rate_of_a_hidden_step_does_not_tell_its_count():
    found = shown(log((100, 97, 20))).steps
    assert found.rate_of_previous.isna().tolist() == [False, True, True]
    assert found.rate_of_entrants.notna().tolist() == [True, False, True]


@pytest.mark.parametrize("seed", range(20))
def test_no_difference_of_shown_figures_is_small(seed):
    """Groups that add up to a known whole: each figure and each sum of the hidden ones is 0 or at least k."""
    rng = np.random.default_rng(seed)
    names = "abcd"[: rng.integers(2, 5)]
    sizes = {name: np.sort(rng.integers(0, 60, 3))[::-1] for name in names}
    sizes = {name: (max(size[0], 1), *size[1:]) for name, size in sizes.items()}
    found = shown(*(log(size, name) for name, size in sizes.items()), breakdown="group").steps
    for _, rows in found.groupby("group"):
        seen = rows.units.dropna().tolist()
        for one, other in itertools.pairwise(seen):
            assert one - other == 0 or one - other >= K
        assert not rows.units.between(1, K - 1).any()
    for step, rows in found.groupby("step"):
        hidden = sum(sizes[name][step - 1] for name in rows.group[rows.suppressed])
        assert hidden == 0 or hidden >= K or rows.suppressed.all()
        assert rows.suppressed.sum() != 1 or sizes[rows.group[rows.suppressed].iloc[0]][step - 1] == 0 or len(rows) == 1


def test_the_open_and_the_matured_are_counts_of_units_too():
    late = log((5, 2), "late", start="2026-02-27")
    found = shown(log((100, 50, 20)), late).steps
    assert found.units.tolist() == [105, 52, 20]
    assert found.open_units.isna().tolist() == [False, True, True]
    assert found.matured_entrants.isna().all()
    assert found.matured_rate.isna().all()
    assert bm.funnel.shown(bm.funnel(log((3, 2, 1)), ["x", "y"]), 1).steps.units.tolist() == [3, 2]


def test_flows_and_days():
    went = log((60,), "a").assign(ts=pd.Timestamp("2026-01-03"), event=["p"] * 52 + ["q"] * 8)
    few = log((4,), "b", start="2026-01-20")
    found = shown(log((60,), "a"), went, few)
    assert found.flows.next.isin(["p"]).tolist() == found.flows.units.notna().tolist()  # hidden: q 8, nothing 4
    days = found.entrants.set_index("day")
    assert days.entrants.isna().all()  # 60 of 64 would tell the 4
    everybody = bm.funnel.shown(bm.funnel(log((60,)), ["x", "y"], "2d", as_of="2026-02-01"))
    assert everybody.entrants[["entrants", "converted", "open", "rate"]].iloc[0].tolist() == [60, 0, 0, 0]
    assert everybody.entrants.rate_upper.iloc[0] == pytest.approx(0.06017, abs=1e-5)  # Wilson


def test_bad_input():
    with pytest.raises(ParameterError, match="found"):
        bm.funnel.shown(pd.DataFrame())
    with pytest.raises(ParameterError, match="k = 0"):
        bm.funnel.shown(bm.funnel(log((3, 2, 1)), ["x", "y"]), 0)
