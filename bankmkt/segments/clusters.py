"""Strategic groups of the long tail: which kinds of customers with little money there are, and which to work on."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bankmkt.bank import check_bank
from bankmkt.damage import reading
from bankmkt.errors import ParameterError, Refused
from bankmkt.lookback import parse_date
from bankmkt.months import month_end
from bankmkt.privacy import K, check_k, small_cells
from bankmkt.segments.grouping import GAPLESS, STABLE, Grouping, group
from bankmkt.segments.lifecycle import span_of
from bankmkt.segments.potential import potential_value
from bankmkt.segments.traits import TRAITS, measured, name_groups, scaled, told
from bankmkt.terms import LONG_TAIL

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

FEWEST = 200
"""Customers below which no grouping is tried."""

HIDDEN = "hidden: few customers"
"""The name of a group that is not told of."""

HALF = 0.5
"""The key groups are the first, by potential, that together hold this part of it."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Groups of the long tail; made by :func:`clusters`.

    Parameters
    ----------
    month : datetime.date
        The month end looked at.
    customers : int
        In the long tail.
    choice : pandas.DataFrame
        Why so many groups: of :class:`bankmkt.segments.grouping.Grouping`.
    profile : pandas.DataFrame
        A row per group, the greatest potential first: cluster (from 1), name, customers, share, aum, contribution
        (yearly margin), potential (what its members would earn the bank more in a year if they were like the better of
        their kind), potential_share, overlap, overlap_low, overlap_high (how surely the group comes again), key,
        suppressed. Empty where no groups are believed.
    differences : pandas.DataFrame
        A row per group and trait: cluster, name, trait, label, unit, mean (of the group), mean_others, difference
        (between them in standard deviations, logarithms of money), suppressed.
    table : ibis table or None
        customer_id, cluster: in the bank's engine, every customer of the long tail; None without groups.
    verdict : str
        In a sentence.
    """

    month: dt.date
    customers: int
    choice: "pd.DataFrame"
    profile: "pd.DataFrame"
    differences: "pd.DataFrame"
    table: Any = field(repr=False)
    verdict: str


def clusters(
    bank: "Bank",
    as_of: dt.date | str,
    *,
    below: float = LONG_TAIL,
    numbers: Sequence[int] = (2, 3, 4, 5, 6, 7),
    sample: int = 2_000,
    draws: int = 25,
    margins: Mapping[str, float] | None = None,
    seed: int = 7,
    k: int = K,
) -> Clusters:
    """Look for groups among the customers with little money, and say whether there are any.

    Customers are told apart by eleven traits (:data:`bankmkt.segments.traits.TRAITS`): money, its growth, products,
    saving, debt, pay and other money coming in, spending, logins, the digital share of what they do, age, tenure.
    K-means is fitted to a sample, with each number of groups; :mod:`bankmkt.segments.grouping` says which numbers are
    believed. The engine then puts every customer into the group with the nearest centre.

    Parameters
    ----------
    bank : Bank
        Tables customers, balances and transactions; events if there.
    as_of : date or str
        The day; the last complete month by it counts, nothing later is seen.
    below : float
        AUM from which a customer is no part of the long tail.
    numbers : sequence of int
        Numbers of groups to try, from 2.
    sample : int
        Customers that groups are learned from, drawn by their ids and ``seed``, the same on every engine; from 200.
    draws : int
        Times the sample is drawn anew to see which groups come again; from 10.
    margins : mapping of str to float, optional
        As of :func:`bankmkt.segments.customer_value`.
    seed : int
        Of chance.
    k : int
        Groups of fewer customers are hidden, with as many others as the total asks for.

    Returns
    -------
    Clusters

    Raises
    ------
    ParameterError
        If an argument is not as above.
    Refused
        If the long tail has fewer than 200 customers.

    Examples
    --------
    >>> import bankmkt as bm
    >>> clusters("data/bank", "2026-06-30")
    Traceback (most recent call last):
        ...
    bankmkt.errors.ParameterError: bank = 'data/bank': expected a Bank; open it: bm.open_bank(path)
    """
    check_bank(bank)
    check_k(k)
    _check(below, numbers, sample, draws, seed)
    _, last = span_of(bank, parse_date("as_of", as_of))
    t, names = measured(bank, last, below)
    with reading(bank.con, bank.path):
        t = t.cache()  # in the engine, for as long as somebody holds an expression over it
    customers = int(bank.fetch(t.count()).as_py())
    if customers < FEWEST:
        raise Refused(f"the long tail has {customers} customers, too few to group", todo=f"take {FEWEST} or more")
    some = bank.frame(_sample(t, sample, seed))
    scale = told(some, names).agg(["mean", "std"])
    names = [name for name in names if scale[name]["std"] > 0]
    means, spreads = ({name: float(scale[name][row]) for name in names} for row in ("mean", "std"))
    points = ((told(some, names) - scale.loc["mean", names]) / scale.loc["std", names]).fillna(0.0)
    found = group(points.to_numpy(), [n for n in numbers if n < len(points)], draws=draws, seed=seed)
    month = month_end(last)
    if not len(found.centres):
        verdict = "The long tail falls into no groups that would come again: no number of groups passes both tests"
        return Clusters(month, customers, found.choice, *_empty(), None, verdict)
    placed = _placed(t, names, scaled(t, names, means, spreads), found)
    profile, differences = _described(bank, placed, names, found, potential_value(bank, month, margins=margins), k)
    number = dict(zip(profile["place"], profile["cluster"], strict=True))
    table = placed.select("customer_id", cluster=_renumbered(placed.place, number))
    return Clusters(
        month, customers, found.choice, profile.drop(columns="place"), differences.drop(columns="place"), table,
        _verdict(profile, found),
    )  # fmt: skip


def _sample(t: Any, size: int, seed: int) -> Any:
    """Return the customers whose ids, hashed with the seed, come first."""
    import ibis

    mixed = (t.customer_id.cast("string") + ibis.literal(f"/{seed}")).hexdigest("md5")
    return t.mutate(mixed=mixed).order_by("mixed").limit(size).drop("mixed")


def _placed(t: Any, names: Sequence[str], z: Mapping[str, Any], found: Grouping) -> Any:
    """Add the traits in standard deviations (z_…) and the number of the nearest centre (place, from 0)."""
    import ibis

    t = t.mutate(**{f"z_{name}": z[name] for name in names})
    distances = {}
    for place, centre in enumerate(found.centres):
        away = ibis.literal(float((centre**2).sum()))
        for name, at in zip(names, centre, strict=True):
            away = away - t[f"z_{name}"] * (2 * float(at))
        distances[f"away_{place}"] = away
    t = t.mutate(**distances)
    best = ibis.least(*(t[name] for name in distances))
    place = ibis.cases(*((t[name] == best, place) for place, name in enumerate(distances)))
    return t.mutate(place=place.cast("int64")).drop(*distances)


def _described(
    bank: "Bank", placed: Any, names: Sequence[str], found: Grouping, worth: Any, k: int
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Sum up each group: its size, money and potential; and how it differs from the others."""
    import numpy as np
    import pandas as pd

    worth = worth.select("customer_id", contribution=12 * worth.margin_month, potential=12 * worth.gap_month)
    t = placed.left_join(worth, "customer_id").drop("customer_id_right")
    columns = [*names, *(f"z_{name}" for name in names)]
    sums = t.group_by("place").agg(
        customers=t.count(), aum=t.money.sum(), contribution=t.contribution.sum(), potential=t.potential.sum(),
        **{f"{name}_sum": t[name].sum() for name in columns}, **{f"{name}_n": t[name].count() for name in columns},
    )  # fmt: skip
    rows = bank.fetch(sums).to_pandas().set_index("place").sort_index()
    gaps = {name: _means(rows, f"z_{name}") for name in names}
    wide = pd.DataFrame({name: own - others for name, (own, others) in gaps.items()})
    hidden = small_cells(rows["customers"], k=k)
    total = rows["potential"].sum()
    out = rows[["customers", "aum", "contribution", "potential"]].assign(
        name=name_groups(wide), share=rows["customers"] / rows["customers"].sum(),
        potential_share=rows["potential"] / (total if total > 0 else np.nan),
        **{f"overlap{end}": found.overlaps[rows.index, i] for i, end in enumerate(("", "_low", "_high"))},
    )  # fmt: skip
    out = out.sort_values(["potential", "customers"], ascending=False, kind="stable")
    held = out["potential_share"].fillna(0.0).cumsum()
    out["key"] = (held - out["potential_share"].fillna(0.0)) < HALF
    out["cluster"] = np.arange(1, len(out) + 1)
    out["suppressed"] = hidden[out.index]
    money = ["customers", "share", "aum", "contribution", "potential", "potential_share"]
    out["key"] &= ~out["suppressed"]
    out["name"] = out["name"].mask(out["suppressed"], HIDDEN)
    told = [*money, "overlap", "overlap_low", "overlap_high"]
    out[told] = out[told].astype("float64").mask(out["suppressed"], axis=0)
    order = [
        "cluster", "name", *money, "overlap", "overlap_low", "overlap_high", "key", "suppressed", "place",
    ]  # fmt: skip
    profile = out.rename_axis("place").reset_index()[order]
    return profile, _differences(profile, rows, wide, names)


def _differences(
    profile: "pd.DataFrame", rows: "pd.DataFrame", wide: "pd.DataFrame", names: Sequence[str]
) -> "pd.DataFrame":
    """Return a row per group and trait, in the order of the groups."""
    import pandas as pd

    parts = []
    for name in names:
        own, others = _means(rows, name)
        part = profile[["cluster", "name", "place", "suppressed"]].assign(
            trait=name, label=TRAITS[name].label, unit=TRAITS[name].unit,
            mean=own.reindex(profile["place"]).to_numpy(), mean_others=others.reindex(profile["place"]).to_numpy(),
            difference=wide[name].reindex(profile["place"]).to_numpy(),
        )  # fmt: skip
        parts.append(part)
    out = pd.concat(parts, ignore_index=True).sort_values("cluster", kind="stable", ignore_index=True)
    numbers = ["mean", "mean_others", "difference"]
    out[numbers] = out[numbers].mask(out["suppressed"], axis=0)
    return out[["cluster", "name", "trait", "label", "unit", *numbers, "suppressed", "place"]]


def _means(rows: "pd.DataFrame", name: str) -> "tuple[pd.Series, pd.Series]":
    """Return a trait's mean of each group and of all other customers."""
    total, count = rows[f"{name}_sum"], rows[f"{name}_n"]
    return total / count, (total.sum() - total) / (count.sum() - count)


def _renumbered(place: Any, number: Mapping[int, int]) -> Any:
    import ibis

    return ibis.cases(*((place == old, new) for old, new in number.items())).cast("int64")


def _empty() -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Return a profile and differences of no groups."""
    import pandas as pd

    profile = [
        "cluster", "name", "customers", "share", "aum", "contribution", "potential", "potential_share", "overlap",
        "overlap_low", "overlap_high", "key", "suppressed",
    ]  # fmt: skip
    differences = ["cluster", "name", "trait", "label", "unit", "mean", "mean_others", "difference", "suppressed"]
    return pd.DataFrame(columns=profile), pd.DataFrame(columns=differences)


def _verdict(profile: "pd.DataFrame", found: Grouping) -> str:
    least = found.overlaps[:, 0].min()
    silhouette = found.choice.loc[found.choice["chosen"], "silhouette"].item()
    text = (
        f"{len(profile)} groups come again, on average, when customers are drawn anew (least mean overlap {least:.2f}, "
    )
    text += f"limit {STABLE}; in one draw of forty a group's is {found.overlaps[:, 1].min():.2f})"
    if silhouette <= GAPLESS:
        text += f", with no gaps between them (silhouette {silhouette:.2f}): a useful division, not natural kinds"
    key = profile[profile["key"]]
    if not len(key):
        return text
    share, of = key["potential_share"].sum(), key["share"].sum()
    some = "one of them has" if len(key) == 1 else f"{len(key)} of them have"
    return f"{text}; {some} {share:.0%} of the potential with {of:.0%} of the customers"


def _check(below: float, numbers: Sequence[int], sample: int, draws: int, seed: int) -> None:
    if isinstance(below, bool) or not isinstance(below, int | float) or not below > 0:
        raise ParameterError("below", below, "an amount above 0", f"pass below={LONG_TAIL}")
    for name, value, least in (("sample", sample, FEWEST), ("draws", draws, 10), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ParameterError(name, value, f"an integer from {least}", "see segments.clusters")
    whole = all(isinstance(n, int) and not isinstance(n, bool) and 2 <= n <= 20 for n in numbers)
    if not numbers or not whole:
        raise ParameterError("numbers", list(numbers), "integers from 2 to 20", "pass numbers=(2, 3, 4, 5, 6)")
