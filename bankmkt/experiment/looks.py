"""Looking at an experiment before it is over, with intervals that hold however often one looks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bankmkt.confidence import LEVEL, Z
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.experiment.arms import Metric, differences, few_of, moments, named_arms
from bankmkt.experiment.check import Checks, check
from bankmkt.experiment.estimate import local
from bankmkt.privacy import K, check_k

Floats = npt.NDArray[np.float64]
MOST = 8.0
"""Standard errors beyond which no limit is set: crossing it by chance happens once in 10¹⁵ looks."""

STEPS = 400
"""Points of the grid on which the chance of having stopped is added up."""


def always_valid(se: Any, n: Any, *, planned: int, level: float = LEVEL) -> Any:
    """Return the half-width of an interval that holds at all looks at once.

    The intervals at all sample sizes together hold the truth with the level's probability, so that one may look
    daily, stop at will, or go on. It is narrowest about ``planned`` customers, where it is some half wider than the
    usual interval.

    Parameters
    ----------
    se
        Standard error of the estimate at the look: a number or array.
    n
        Customers at the look.
    planned
        Customers at which it should be narrowest.
    level
        0.95, usually.

    Returns
    -------
    float or array

    Raises
    ------
    ParameterError
        If ``planned`` is no number from 2.

    Notes
    -----
    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), *Annals of Statistics*
    52, theorem 2.2 with their choice of ρ (appendix B.2). Like every normal approximation it needs some hundreds of
    customers at the first look. No kept library that we know computes it, so it is written out here.

    Examples
    --------
    >>> round(float(always_valid(1.0, 10_000, planned=10_000)), 2)
    3.04
    """
    if isinstance(planned, bool) or not isinstance(planned, int | np.integer) or planned < 2:
        raise ParameterError("planned", planned, "a number of customers from 2", "pass that of the plan")
    alpha = _alpha(level)
    number = np.asarray(n, dtype=float)
    rho = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / planned
    grown = number * rho + 1
    return np.asarray(se) * np.sqrt(2 * grown / (number * rho) * np.log(np.sqrt(grown) / alpha))


def spending(fractions: Sequence[float] | Floats, *, level: float = LEVEL) -> Floats:
    """Return how many standard errors a difference must be at each of the planned looks (O'Brien and Fleming's way).

    Hardly any chance of a false finding is spent on early looks, so that the last one is nearly as sharp as if there
    had been one look only. The looks, and the size at the end, are fixed in advance.

    Parameters
    ----------
    fractions
        Share of the planned customers at each look, rising; the last is 1.
    level
        Of all looks together.

    Returns
    -------
    numpy.ndarray
        A limit per look.

    Raises
    ------
    ParameterError
        If the fractions do not rise to 1.

    Notes
    -----
    Spending function α(t) = 2 − 2 Φ(z / √t) at each side with α/2: Lan & DeMets (1983), *Biometrika* 70; the chance of
    first crossing at each look by recursive integration (Armitage, McPherson & Rowe 1969, JRSS A 132).

    Examples
    --------
    >>> spending([0.25, 0.5, 0.75, 1.0]).round(2).tolist()
    [4.33, 2.96, 2.36, 2.01]
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr
    from scipy.stats import norm

    at = np.asarray(fractions, dtype=float)
    if at.ndim != 1 or not len(at) or at[0] <= 0 or (np.diff(at) <= 0).any() or abs(at[-1] - 1) > 1e-9:
        raise ParameterError("fractions", fractions, "shares that rise to 1", "such as [0.25, 0.5, 0.75, 1.0]")
    side = _alpha(level) / 2
    spent = 2 * norm.sf(norm.isf(side / 2) / np.sqrt(at))
    steps = np.diff(spent, prepend=0.0)
    limits: list[float] = []
    # density of the score (its variance is the fraction) among experiments that have not stopped
    grid = density = np.empty(0)
    for look, (now, allowed) in enumerate(zip(at, steps, strict=True)):
        sd = np.sqrt(now - at[look - 1]) if look else np.sqrt(now)

        def above(
            limit: float, sd: float = sd, grid: Floats = grid, density: Floats = density, now: float = now
        ) -> float:
            edge = limit * np.sqrt(now)
            if not len(grid):
                return float(ndtr(-edge / sd))
            return float(density @ ndtr((grid - edge) / sd))

        limit = MOST  # all but nothing may be spent on a very early look
        if above(MOST) < allowed:
            limit = float(brentq(lambda z, a=above, wanted=allowed: a(z) - wanted, 0.0, MOST, xtol=1e-10))
        limits.append(limit)
        edge = limit * np.sqrt(now)
        # midpoints of cells between the limits; weights add up to the chance of going on
        new = (np.arange(STEPS) + 0.5) / STEPS * 2 * edge - edge
        width = 2 * edge / STEPS
        if len(grid):
            density = np.exp(-(((new[:, None] - grid) / sd) ** 2) / 2) @ density * width / (sd * np.sqrt(2 * np.pi))
        else:
            density = norm.pdf(new / sd) / sd * width
        grid = new
    return np.array(limits)


def _alpha(level: float) -> float:
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ParameterError("level", level, "a number between 0 and 1", "pass 0.95")
    return 1 - level


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
        Column of the day (or the number of the look) from which a customer's outcome is known.
    planned
        Customers of the whole experiment, fixed in advance.
    arm, control, strata, override
        As in :func:`bankmkt.experiment.effects`.
    shares
        Planned share of each arm, if ``propensity`` does not record it: ``planned`` of the check.
    checks
        Of :func:`bankmkt.experiment.check`, if it has been run; otherwise it is, on all customers.
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
        naive, always, spending: whether 0 has been outside at this or an earlier look; override.

    Raises
    ------
    Refused
        If a check fails that is not overridden.
    SchemaError
        If there is no such column.
    DataError
        If no day has enough customers.

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
    used = list(dict.fromkeys([day, arm, *strata, *filter(None, metric.sources)]))
    for name in used:
        if name not in getattr(frame, "columns", ()):
            raise SchemaError("frame has no column", name, one_of(getattr(frame, "columns", [])), "name another")
    if checks is None:
        lots: dict[str, Any] = {"planned": shares, "strata": strata}
        checks = check(frame, arm=arm, control=control, **lots, k=k)
    despite = checks.gate(override)
    people = named_arms(frame[used] if isinstance(frame, pd.DataFrame) else local(frame.select(*used)), arm)
    people = people.dropna(subset=[day, metric.outcome, *filter(None, [metric.per])])
    if control not in set(people[arm]):
        raise ParameterError("control", control, one_of(sorted(set(people[arm]))), "name the arm that was left alone")
    rows = []
    for now in _shown(people, metric.outcome, day, arm, fewest, k):
        means, _ = moments(people[people[day] <= now], metric, arm=arm, strata=strata)
        gaps = differences(means, control).to_dict("records")
        rows += [{"look": now, "customers": int(means["n"].sum()), **gap} for gap in gaps]
    if not rows:
        raise DataError("looks", 0, f"a day with {fewest} customers in every arm", "wait, or lower fewest")
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
    order = ["look", "arm", "customers", "fraction", "estimate", "se"]
    return found[[*order, *(column for column in found if column not in order)]].assign(override=despite)


def _shown(people: pd.DataFrame, outcome: str, day: str, arm: str, fewest: int, k: int) -> list[Any]:
    """Return the days at which every arm has enough customers, and enough new ones to tell nothing of a few."""
    y = people[outcome].astype(float)
    new = people.assign(n=1, some=(y != 0).astype(int)).groupby([day, arm])[["n", "some"]].sum()
    counts = pd.DataFrame(new.unstack(arm, fill_value=0)).cumsum()
    yes_no = bool(y.isin([0.0, 1.0]).all())

    def tells(now: Any, before: Any) -> bool:
        new = (counts.loc[now] - (counts.loc[before] if before is not None else 0)).unstack(0).assign(yes_no=yes_no)
        return bool((new["n"] < k).any() or few_of(new, k).any())

    days = [now for now in counts.index if counts.loc[now, "n"].min() >= fewest]
    kept: list[Any] = []
    for now in days:
        if not tells(now, kept[-1] if kept else None):
            kept.append(now)
    if days and kept and kept[-1] != days[-1]:
        while kept and tells(days[-1], kept[-1]):
            kept.pop()
        kept = [] if not kept and tells(days[-1], None) else [*kept, days[-1]]
    return kept
