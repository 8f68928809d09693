"""Looking at an experiment before it is over, with intervals that hold however often one looks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL, Z
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.experiment.arms import check_columns, differences, few_of, moments, named_arms
from bankmkt.experiment.check import check
from bankmkt.experiment.design import Checks, Design, passed
from bankmkt.experiment.estimate import local
from bankmkt.experiment.few import doubts
from bankmkt.experiment.limits import always_valid, spending
from bankmkt.experiment.metric import Metric
from bankmkt.privacy import K, check_k

TIMES = ("integer", "floating", "mixed-integer-float", "datetime64", "datetime", "date", "period")
"""Kinds of values, as pandas infers them, that have an order in time."""


def looks(
    frame: Any,
    metric: Metric | str,
    day: str,
    *,
    planned: int,
    arm: str = "arm",
    control: str = "control",
    strata: Sequence[str] = (),
    shares: Mapping[str, float] | None = None,
    checks: Checks | None = None,
    override: Sequence[str] = (),
    fewest: int = 100,
    k: int = K,
) -> pd.DataFrame:
    """Return what a watcher sees at the end of each day: the naive interval, and two that hold.

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer. Only the columns named here are fetched.
    metric
        A column, or a :class:`Metric`.
    day
        Column of the day (or the number of the look) from which a customer's outcome is known; dates or numbers.
    planned
        Customers of the whole experiment, fixed in advance.
    arm, control, strata, override
        As in :func:`bankmkt.experiment.effects`.
    shares
        Planned share of each arm, if ``propensity`` does not record it: ``planned`` of the check.
    checks
        Of :func:`bankmkt.experiment.check` of the same frame, arm, control and strata, if it has been run; otherwise
        it is, on all customers, with the covariate as placebo.
    fewest
        Customers with an outcome that every arm must have for a look to count.
    k
        Customers by whom every arm must have grown since the look before, and whose outcomes must not be told by the
        difference of the two looks; otherwise the day is joined with the next (at the end, with the one before).

    Returns
    -------
    pandas.DataFrame
        A row per look and treated arm: look (the day), arm, customers (of all arms, with an outcome), fraction (of
        those planned), estimate, se; naive_lower, naive_upper (95 %, right at one look and for one arm only);
        always_lower, always_upper (for all looks and arms at once); spending_lower, spending_upper (for these looks,
        O'Brien and Fleming's way, and all arms at once; the first look at the planned number or beyond is the last);
        naive, always, spending: whether 0 has been outside at this or an earlier look; note (that the intervals may
        be too narrow: few customers have an outcome other than 0, or one makes up much of the error); override.
        Days before every stratum has two customers of each arm with an outcome are no looks.

    Raises
    ------
    Refused
        If a check fails that is not overridden, or is of another design (customers must have been drawn one by one).
    SchemaError
        If there is no such column, or ``day`` has neither dates nor numbers.
    DataError
        If no day has enough customers, or the day of an outcome is missing.
    ParameterError
        If a number is none.

    Notes
    -----
    Several arms share the chance of a false finding in equal parts (Bonferroni).

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> people = pd.DataFrame({"arm": rng.choice(["control", "mail"], 2000), "day": np.arange(2000) // 200})
    >>> people["visits"] = rng.poisson(1.0 + 0.3 * (people["arm"] == "mail"))
    >>> seen = looks(people, "visits", "day", planned=2000, shares={"control": 0.5, "mail": 0.5})
    >>> [int(seen.loc[seen[way], "look"].min()) for way in ("naive", "spending", "always")]
    [1, 4, 3]
    """
    check_k(k)
    metric, control = metric if isinstance(metric, Metric) else Metric(metric), str(control)
    for name, number, least in (("planned", planned, 2), ("fewest", fewest, 1)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
            raise ParameterError(name, number, f"a number of customers from {least}", "pass that of the plan")
    keys = check_columns(frame, arm, strata, None)
    used = list(dict.fromkeys([day, arm, *keys, *filter(None, metric.sources)]))
    for name in used:
        if name not in frame.columns:
            raise SchemaError("frame has no column", name, one_of(frame.columns), "name another")
    if checks is None:
        lots: dict[str, Any] = {"planned": shares, "strata": keys}
        before = [metric.covariate] if metric.covariate else []
        checks = check(frame, arm=arm, control=control, **lots, before=before, k=k)
    people = named_arms(frame[used] if isinstance(frame, pd.DataFrame) else local(frame.select(*used)), arm)
    despite = passed(checks, override, Design(arm, tuple(keys), None, control), people[arm].value_counts().to_dict())
    people = people.dropna(subset=[metric.outcome, *filter(None, [metric.per])])
    if pd.api.types.infer_dtype(people[day], skipna=True) not in TIMES:
        raise SchemaError(
            "column", f"{day} ({people[day].dtype})", "days or numbers", "pd.to_datetime makes days of texts"
        )
    if people[day].isna().any():
        raise DataError(day, "missing for some customers", "the day of every outcome", "leave out outcomes without one")
    if control not in set(people[arm]):
        raise ParameterError("control", control, one_of(sorted(set(people[arm]))), "name the arm that was left alone")
    rows = []
    for now in _shown(people, metric.outcome, day, arm, keys, fewest, k):
        means, _ = moments(people[people[day] <= now], metric, arm=arm, strata=keys)
        by_arm, n = {own["arm"]: own for own in means.to_dict("records")}, int(means["n"].sum())
        rows += [
            {"look": now, "customers": n, **gap, "note": "; ".join(doubts(by_arm[gap["arm"]], by_arm[control]))}
            for gap in differences(means, control).to_dict("records")
        ]
    if not rows:
        expected = f"a day with {fewest} customers in every arm" + ", two of each stratum" * bool(keys)
        raise DataError("looks", 0, expected, "wait, or lower fewest")
    found = pd.DataFrame(rows).drop(columns=["df", "p_value"])
    found["fraction"] = found["customers"] / planned
    level = 1 - (1 - LEVEL) / found["arm"].nunique()
    at = found["fraction"].drop_duplicates().to_numpy()
    last = int((at < 1).sum())  # beyond the planned number nothing is left to spend
    fractions = np.minimum(at[: last + 1], 1.0) if last < len(at) else np.append(at, 1.0)
    by_fraction = dict(zip(at, spending(fractions, level=level), strict=False))
    widths = {
        "naive": Z * found["se"],
        "always": always_valid(found["se"].to_numpy(), found["customers"].to_numpy(), planned=planned, level=level),
        "spending": found["fraction"].map(by_fraction) * found["se"],
    }
    for name, width in widths.items():
        found[f"{name}_lower"], found[f"{name}_upper"] = found["estimate"] - width, found["estimate"] + width
        out = (found[f"{name}_lower"] > 0) | (found[f"{name}_upper"] < 0)
        found[name] = out.groupby(found["arm"]).cummax()
    order, notes = ["look", "arm", "customers", "fraction", "estimate", "se"], found.pop("note")
    found = found[[*order, *(column for column in found if column not in order)]]
    return found.assign(note=notes, override=despite)


def _shown(people: pd.DataFrame, outcome: str, day: str, arm: str, strata: list[str], fewest: int, k: int) -> list[Any]:
    """Return the days at which every arm has enough customers, and enough new ones to tell nothing of a few."""
    y = people[outcome].astype(float)
    new = people.assign(n=1, some=(y != 0).astype(int)).groupby([day, arm])[["n", "some"]].sum()
    counts = pd.DataFrame(new.unstack(arm, fill_value=0)).cumsum()
    yes_no = bool(y.isin([0.0, 1.0]).all())

    def tells(now: Any, before: Any) -> bool:
        new = (counts.loc[now] - (counts.loc[before] if before is not None else 0)).unstack(0).assign(yes_no=yes_no)
        return bool((new["n"] < k).any() or few_of(new, k).any())

    cells = people.groupby([*strata, arm], dropna=False, observed=True)[day]
    # from the second customer's day every arm is in a stratum twice; a stratum without an arm is for moments to refuse
    opened = cells.apply(lambda days: days.sort_values().iloc[min(1, len(days) - 1)]).max()
    days = [now for now in counts.index if counts.loc[now, "n"].min() >= fewest and now >= opened]
    kept: list[Any] = []
    for now in days:
        if not tells(now, kept[-1] if kept else None):
            kept.append(now)
    if days and kept and kept[-1] != days[-1]:
        while kept and tells(days[-1], kept[-1]):
            kept.pop()
        kept = [] if not kept and tells(days[-1], None) else [*kept, days[-1]]
    return kept
