"""What tags tell of groups, and of those who come to a branch: counts only, small cells hidden."""

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ibis import _

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, discloses, small_cells, small_parts
from bankmkt.tags.catalogue import used
from bankmkt.tags.compute import compute
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.families import choose
from bankmkt.tags.leads import leads
from bankmkt.tags.lineage import resolved, unbound
from bankmkt.tags.resampling import korn_graubard
from bankmkt.tags.windows import months_before

if TYPE_CHECKING:
    import pandas as pd

GREETINGS = (
    "greet_at_counter", "activate_at_counter", "counter_to_app", "birthday_next_month", "managed", "nearly_next_tier",
    "idle_cash", "valuable_at_risk", "insurance_gap", "deposit_run_off", "looks_at_wealth", "over_contacted",
)  # fmt: skip
"""Tags worth seeing on the tablet when somebody comes in."""


def telling(
    bank: Bank,
    as_of: datetime.date | str,
    by: Tag | str = "wealth_tier",
    tags: Iterable[Tag | str] | None = None,
    *,
    k: int = K,
    top: int = 5,
) -> "pd.DataFrame":
    """Name the tags that set each group of customers apart the most, beyond what chance would do.

    Tags that read what the groups are made of (AUM, for wealth tiers) are left out: they would only repeat it. So are
    those that may owe their lead to chance: of customers put into groups by lot, some tag is always ahead in some
    group. The intervals hold for all comparisons at once (95 %), and only those that lie above 0 are told.

    Parameters
    ----------
    bank, as_of
        As for :func:`bankmkt.tags.compute`.
    by
        A tag whose values are the groups: of texts, such as ``"branch_city"``, or yes/no.
    tags
        Conditions to choose from; those of the whole catalogue by default.
    k
        The fewest customers of a shown cell, or of what it leaves. Groups add up to all customers, so a small one hides
        the next larger.
    top
        How many tags a group.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``customers``, ``code``, ``name``, ``share`` (of the group's customers who have the tag),
        ``share_all`` (of all customers) and ``points`` (their difference in percentage points) with ``points_lower``
        and ``points_upper``, large groups and differences first. ``.attrs["compared"]`` says how many pairs of group
        and tag were compared.

    Raises
    ------
    ParameterError
        If ``by`` is no tag of texts or yes/no, or a code is unknown.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934), "The use of confidence or fiducial limits", *Biometrika* 26. Zou, G. Y.
    and Donner, A. (2008), "Construction of confidence limits about effect measures", *Statistics in Medicine* 27
    (their difference). Šidák, Z. (1967), "Rectangular confidence regions for the means of multivariate normal
    distributions", *Journal of the American Statistical Association* 62 (all at once).

    Examples
    --------
    >>> import bankmkt as bm
    >>> bm.tags.telling(bm.demo_bank(), "2026-06-30", "generation", ["payroll", "app_monthly"]).columns[:3].tolist()
    ['group', 'customers', 'code']
    """
    import pandas as pd

    day = parse_date("as_of", as_of)
    (groups,) = choose([by])
    made_of = _sources(groups)
    chosen = [tag for tag in choose(tags) if tag.code != groups.code and not made_of & _sources(tag)]
    t = compute(check_bank(bank), day, [groups, *chosen])
    if not (t[groups.code].type().is_string() or t[groups.code].type().is_boolean()):
        raise ParameterError("by", groups.code, "a tag of texts or yes/no", "such as wealth_tier or branch_city")
    flags = [tag for tag in chosen if t[tag.code].type().is_boolean()]
    counts = {f"c{i}": t[tag.code].ifelse(1, 0).sum() for i, tag in enumerate(flags)}
    wide = bank.frame(t.group_by(group=t[groups.code].cast("string")).aggregate(customers=t.count(), **counts))
    wide = wide.assign(small=small_cells(wide.customers, k=k))
    parts = [
        wide[["group", "customers", "small"]].assign(code=tag.code, name=tag.name, n=wide[f"c{i}"])
        for i, tag in enumerate(flags)
    ]
    cells = pd.concat(parts, ignore_index=True).fillna({"n": 0})
    whole = cells.groupby("code")[["n", "customers"]].transform("sum")
    small = cells.small | (cells.customers < k)
    hidden = small_parts(cells.n.astype("int64"), cells.customers, by=[cells.code], k=k, hidden=small)
    cells = cells.assign(all_have=whole.n, everybody=whole.customers)
    compared = cells.group.notna() & (whole.n > 0)
    cells = cells[compared].join(leads(cells[compared]))[~hidden[compared]]
    cells = cells.sort_values(["customers", "group", "points"], ascending=[False, True, False], kind="stable")
    names = ["group", "customers", "code", "name", "share", "share_all", "points", "points_lower", "points_upper"]
    out = cells[cells.points_lower > 0].groupby("group", sort=False).head(top)[names].reset_index(drop=True)
    out.attrs["compared"] = int(compared.sum())
    return out


def _sources(tag: Tag) -> set[str]:
    """Return the names of the features and attributes that a tag reads."""
    features, given = used(tag)
    return {feature.name for feature in features} | set(given)


def visitors(
    bank: Bank, as_of: datetime.date | str, tags: Sequence[Tag | str] = GREETINGS, *, k: int = K
) -> "pd.DataFrame":
    """Say what the tablet would show of those who came to a branch in the last month.

    They are the customers recognised at a visit or, where the bank lacks visits, with a movement at the counter.

    Parameters
    ----------
    bank, as_of
        As for :func:`bankmkt.tags.compute`.
    tags
        Conditions; those worth a word at the door by default.
    k
        The fewest customers of a shown cell, or of what it leaves.

    Returns
    -------
    pandas.DataFrame
        A row per tag: ``code``, ``name``, ``visitors`` (who have it), ``share`` (of visitors), ``share_others`` (of
        customers who did not come), null where hidden; the most frequent first. Tags that read the visits, or the
        movements at the counter, by which visitors are known have no ``share_others``: others cannot have had any of
        late. ``.attrs`` has ``visitors``, ``others``
        and ``known_by``: ``"visits"`` or ``"movements at the counter"``.

    Examples
    --------
    >>> import bankmkt as bm
    >>> bm.tags.visitors(bm.demo_bank(), "2026-06-30").attrs["known_by"]
    'movements at the counter'
    """
    import pandas as pd

    day = parse_date("as_of", as_of)
    chosen = choose(tags)
    if check_bank(bank).has("visits"):
        month = Feature("visits_month", "visits", _.count(), 1, "recognised visits in a month")
        came = Tag("came", "Came", "到店", "location and branch", _.visits_month > 0, "came within a month", (month,))
    else:
        came = Tag("came", "Came", "到店", "location and branch", _.counter_month > 0, "at the counter within a month")
    t = compute(bank, day, [came, *chosen])
    counts = {f"c{i}": t[tag.code].ifelse(1, 0).sum() for i, tag in enumerate(chosen)}
    rows = bank.fetch(t.group_by("came").aggregate(customers=t.count(), **counts)).to_pylist()
    found = {row["came"]: row for row in rows}
    n, others = (found.get(flag, {}).get("customers", 0) for flag in (True, False))
    frame = pd.DataFrame(
        [
            (tag.code, tag.name, *((found.get(flag, {}).get(f"c{i}") or 0) for flag in (True, False)))
            for i, tag in enumerate(chosen)
        ],
        columns=["code", "name", "visitors", "elsewhere"],
    )
    too_few = bool(n < k or others < k)
    hide = [discloses(frame[name], whole, k) | too_few for name, whole in (("visitors", n), ("elsewhere", others))]
    visits = bank.has("visits")
    same = [any(_by_the_branch(feature, visits) for feature in used(tag)[0]) for tag in chosen]
    share = (frame.visitors / max(n, 1)).mask(hide[0])
    out = frame[["code", "name"]].assign(
        visitors=frame.visitors.astype("float64").mask(hide[0]),
        share=share,
        share_others=(frame.elsewhere / max(others, 1)).mask(hide[1] | pd.Series(same, frame.index, dtype=bool)),
    )
    out = out.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)
    known_by = "visits" if visits else "movements at the counter"
    out.attrs.update(visitors=None if too_few else n, others=None if too_few else others, known_by=known_by)
    return out


def _by_the_branch(feature: Feature, visits: bool) -> bool:
    """Return whether a feature reads what visitors are known by: visits, or else movements at the counter."""
    import ibis.expr.operations as ops

    if visits or feature.table != "transactions":
        return visits and feature.table == "visits"
    return any(text.value == "counter" for text in resolved(feature, unbound(feature.table)).op().find(ops.Literal))


def recognition(bank: Bank, as_of: datetime.date | str, months: int = 3, *, k: int = K) -> "pd.DataFrame":
    """Say how visitors to branches were recognised, what staff were shown, and what came of it.

    One who comes often says less than as many who come once: the intervals take a customer's visits together (Korn and
    Graubard: Clopper and Pearson's interval for the number of visits that, each of another customer, would tell as
    much). Visits that nobody was recognised at count one by one.

    Parameters
    ----------
    bank, as_of
        As for :func:`bankmkt.tags.compute`.
    months
        Length of the time that ends on the day.
    k
        The fewest different customers of a shown figure, or of those it leaves out.

    Returns
    -------
    pandas.DataFrame
        A row per way of recognition, ``"not recognised"`` among them: ``recognised_via``, ``visits``, ``customers``
        (different ones; null for visits not recognised), ``shown_a_tag`` and ``app_activated`` (shares of visits), each
        with ``_lower`` and ``_upper`` (95 % interval); null where hidden. Empty if the bank lacks visits.

    References
    ----------
    Korn, E. and Graubard, B. (1998), "Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data", *Survey Methodology* 24(2).

    Examples
    --------
    >>> import bankmkt as bm
    >>> len(bm.tags.recognition(bm.demo_bank(), "2026-06-30"))
    0
    """
    import ibis
    import pandas as pd

    day = parse_date("as_of", as_of)
    told = {"shown_a_tag": "shown", "app_activated": "activated"}
    names = ["recognised_via", "visits", "customers"]
    names += [f"{name}{end}" for name in told for end in ("", "_lower", "_upper")]
    known = check_bank(bank).as_of(day)
    if not known.has("visits"):
        return pd.DataFrame(columns=names)
    t = known.visits
    start = datetime.datetime.combine(months_before(day, months) + datetime.timedelta(days=1), datetime.time())
    t = t.filter(t.ts >= ibis.literal(start))
    nobody = t.customer_id.isnull()
    people = t.group_by(
        recognised_via=nobody.ifelse("not recognised", t.recognised_via.fill_null("other")),
        unit=nobody.ifelse(t.visit_id.cast("string"), t.customer_id.cast("string")),
    ).aggregate(n=t.count(), shown=t.pushed_tag.count(), activated=t.activated.fill_null(False).ifelse(1, 0).sum())
    sums = {"visits": people.n.sum(), "units": people.count(), "nn": (people.n * people.n).sum()}
    for part in told.values():
        x = people[part]
        sums |= {part: x.sum(), f"{part}_xx": (x * x).sum(), f"{part}_xn": (x * people.n).sum()}
        sums |= {f"{part}_any": (x > 0).ifelse(1, 0).sum(), f"{part}_not": (x < people.n).ifelse(1, 0).sum()}
    frame = bank.frame(people.group_by("recognised_via").aggregate(**sums))
    frame = frame.sort_values(["visits", "recognised_via"], ascending=[False, True], kind="stable", ignore_index=True)
    hidden = small_cells(frame.units, k=k, overlapping=True)
    named = frame.recognised_via != "not recognised"
    out = frame[["recognised_via"]].assign(
        visits=frame.visits.astype("float64").mask(hidden),
        customers=frame.units.astype("float64").where(named).mask(hidden),
    )
    for name, part in told.items():
        few = frame[f"{part}_any"].between(1, k - 1) | frame[f"{part}_not"].between(1, k - 1)
        for column, values in zip(("", "_lower", "_upper"), _clustered(frame, part), strict=True):
            out[f"{name}{column}"] = values.mask(hidden | few)
    return out[names]


def _clustered(frame: "pd.DataFrame", part: str) -> tuple["pd.Series", "pd.Series", "pd.Series"]:
    """Return a share of visits with its 95 % interval, from sums over customers of visits n and of those that count, x.

    The interval is :func:`bankmkt.tags.resampling.korn_graubard`'s.
    """
    import pandas as pd

    visits = frame.visits.astype("float64")
    share = frame[part] / visits
    squares = frame[f"{part}_xx"] - 2 * share * frame[f"{part}_xn"] + share**2 * frame.nn
    lower, upper = (pd.Series(end, index=frame.index) for end in korn_graubard(share, squares, visits, frame.units))
    return share, lower, upper
