"""Groups in reports: nobody's own figure is a name, and effects need customers in both arms."""

import numpy as np
import pandas as pd

from bankmkt.uplift import Study
from bankmkt.uplift.fairness import by_group, grouped


def study(n=400, **columns):
    X = pd.DataFrame({"x": np.arange(float(n))} | columns)
    return Study(X, np.arange(n) % 2, np.arange(n) % 3, propensity=0.5)


def test_no_customers_own_figure_is_a_name():
    rng = np.random.default_rng(1)
    aum = rng.lognormal(10, 2, 400).round(2)
    aum[7] = 5_058_979.07
    village = np.where(np.arange(400) < 3, "Little Hamlet", "town")
    cars = np.where(np.arange(400) == 5, 17, np.arange(400) % 2)
    found = grouped(study(aum=aum, village=village, cars=cars), ["aum", "village", "cars"])
    names = found.aum.cat.categories
    assert len(names) == 4
    assert names[0].startswith("below ")
    assert names[-1].endswith(" and more")
    assert found.aum.value_counts().min() > 70
    cuts = {float(word.replace(",", "")) for name in names for word in name.split() if word[0].isdigit()}
    assert len(cuts) == 3
    assert not cuts & set(aum)
    assert (found.aum[aum < min(cuts)] == names[0]).all()
    assert (found.aum[aum >= max(cuts)] == names[-1]).all()
    assert set(found.village) == {"town", "other values"}
    assert list(found.cars.cat.categories) == ["0", "1", "other values"]


def test_missing_numbers_and_numbers_that_are_mostly_alike():
    x = np.r_[np.zeros(350), np.arange(1.0, 51)]
    x[:20] = np.nan
    found = grouped(study(mostly=x), ["mostly"]).mostly
    assert (found[:20] == "not known").all()
    assert found[30] == "0 and more" or found[30].startswith("below")


def test_an_effect_needs_customers_who_were_left_alone():
    """All of one group's chosen but nine were treated."""
    n = 400
    group = np.where(np.arange(n) < 200, "a", "b")
    treated = np.where(np.arange(n) < 200, np.arange(n) >= 9, np.arange(n) % 2 == 0)
    made = Study(pd.DataFrame({"x": np.arange(n), "group": group}), treated, np.arange(n) % 3, 0.7, randomised=False)
    psi, everybody = np.ones((n, 1)), np.ones(n, bool)
    found = by_group(made, psi, np.tile([1, 0], n // 2), grouped(made, ["group"]), everybody).set_index("group")
    assert found.chosen.tolist() == [100, 100]
    assert np.isnan(found.effect["a"])
    assert np.isnan(found.effect_ci_upper["a"])
    assert np.isnan(found.effect["b"])  # none of its chosen was left alone, or none was treated
    found = by_group(made, psi, np.ones(n, int), grouped(made, ["group"]), everybody).set_index("group")
    assert np.isnan(found.effect["a"])
    assert found.effect["b"] == 1
