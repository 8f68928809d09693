"""What tags tell of groups, and of those who come to a branch: counts only, small cells hidden."""

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ibis import _

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import ParameterError
from bankmkt.lookback import parse_date
from bankmkt.privacy import K, discloses, small_cells, small_parts
from bankmkt.tags.catalogue import used
from bankmkt.tags.compute import compute
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.families import choose
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
    """Name the tags that set each group of customers apart the most.

    Tags that read what the groups are made of (AUM, for wealth tiers) are left out: they would only repeat it.

    Parameters
    ----------
    bank, as_of
        As for :func:`bankmkt.tags.compute`.
    by
        A tag whose values are the groups: of texts, such as ``"branch_city"``, or yes/no.
    tags
        Conditions to choose from; those of the whole catalogue by default.
    k
        The fewest customers of a shown cell, or of what it leaves.
    top
        How many tags a group.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``customers``, ``code``, ``name``, ``share`` (of the group's customers who have the tag),
        ``share_all`` (of all customers) and ``points`` (their difference in percentage points), large groups
        and differences first.

    Raises
    ------
    ParameterError
        If ``by`` is no tag of texts or yes/no, or a code is unknown.

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
    parts = [
        wide[["group", "customers"]].assign(code=tag.code, name=tag.name, n=wide[f"c{i}"])
        for i, tag in enumerate(flags)
    ]
    cells = pd.concat(parts, ignore_index=True).fillna({"n": 0})
    whole = cells.groupby("code")[["n", "customers"]].transform("sum")
    small = (cells.customers < k) | cells.group.isna()
    hidden = small_parts(cells.n.astype("int64"), cells.customers, by=[cells.code], k=k, hidden=small)
    cells = cells.assign(share=cells.n / cells.customers, share_all=whole.n / whole.customers)
    cells = cells.assign(points=100 * (cells.share - cells.share_all))[~hidden & (whole.n > 0)]
    cells = cells.sort_values(["customers", "group", "points"], ascending=[False, True, False], kind="stable")
    names = ["group", "customers", "code", "name", "share", "share_all", "points"]
    return cells[cells.points > 0].groupby("group", sort=False).head(top)[names].reset_index(drop=True)


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
        customers who did not come), null where hidden; the most frequent first. ``.attrs`` has ``visitors``, ``others``
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
    share = (frame.visitors / max(n, 1)).mask(hide[0])
    out = frame[["code", "name"]].assign(
        visitors=frame.visitors.astype("float64").mask(hide[0]),
        share=share,
        share_others=(frame.elsewhere / max(others, 1)).mask(hide[1]),
    )
    out = out.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)
    known_by = "visits" if bank.has("visits") else "movements at the counter"
    out.attrs.update(visitors=None if too_few else n, others=None if too_few else others, known_by=known_by)
    return out


def recognition(bank: Bank, as_of: datetime.date | str, months: int = 3, *, k: int = K) -> "pd.DataFrame":
    """Say how visitors to branches were recognised, what staff were shown, and what came of it.

    Parameters
    ----------
    bank, as_of
        As for :func:`bankmkt.tags.compute`.
    months
        Length of the time that ends on the day.
    k
        The fewest customers of a shown cell.

    Returns
    -------
    pandas.DataFrame
        A row per way of recognition, ``"not recognised"`` among them: ``recognised_via``, ``visits``, ``customers``
        (different ones), ``shown_a_tag`` and ``app_activated`` (shares of visits), null where hidden; empty if the bank
        lacks visits.

    Examples
    --------
    >>> import bankmkt as bm
    >>> len(bm.tags.recognition(bm.demo_bank(), "2026-06-30"))
    0
    """
    import ibis
    import pandas as pd

    day = parse_date("as_of", as_of)
    names = ["recognised_via", "visits", "customers", "shown_a_tag", "app_activated"]
    known = check_bank(bank).as_of(day)
    if not known.has("visits"):
        return pd.DataFrame(columns=names)
    t = known.visits
    start = datetime.datetime.combine(months_before(day, months) + datetime.timedelta(days=1), datetime.time())
    t = t.filter(t.ts >= ibis.literal(start))
    rows = t.group_by(
        recognised_via=t.customer_id.isnull().ifelse("not recognised", t.recognised_via.fill_null("other"))
    )
    frame = bank.frame(
        rows.aggregate(
            visits=t.count(),
            customers=t.customer_id.nunique(),
            shown=t.pushed_tag.count(),
            activated=t.activated.ifelse(1, 0).sum(),
        )
    ).sort_values(["visits", "recognised_via"], ascending=[False, True], kind="stable", ignore_index=True)
    named = frame.recognised_via != "not recognised"
    hidden = small_cells(frame.customers.where(named, frame.visits), k=k, overlapping=True)
    parts: dict[str, Any] = {"shown_a_tag": frame.shown, "app_activated": frame.activated.fillna(0)}
    shares = {
        name: (part / frame.visits).astype("float64").mask(hidden | discloses(part, frame.visits, k))
        for name, part in parts.items()
    }
    shown = {name: frame[name].astype("float64").mask(hidden) for name in ("visits", "customers")}
    return frame[["recognised_via"]].assign(**shown, **shares)[names]
