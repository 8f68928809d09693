"""A portrait of one customer as of a day: who, what they hold, what they do, which tags they have and why."""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

from bankmkt.bank import Bank, check_bank
from bankmkt.errors import DataError, ParameterError
from bankmkt.lookback import parse_date
from bankmkt.schema import PRODUCTS
from bankmkt.tags.compute import compute, features, features_of
from bankmkt.tags.declare import ATTRIBUTES, RELATED, Tag
from bankmkt.tags.evidence import age_band, duration, evidence, tells_a_day, value_band
from bankmkt.tags.families import choose, house
from bankmkt.tags.likely import next_steps, supported
from bankmkt.tags.page import page

if TYPE_CHECKING:
    import pandas as pd

WHO = ("age", "wealth_tier", "risk_appetite")
"""Tags behind the first lines."""

CHANNELS = ("app", "mini_programme", "web", "counter", "atm", "pos", "third_party")
"""Through which customers make movements of their own."""


@dataclass(frozen=True, repr=False)
class Portrait:
    """What is known of one customer; :func:`portrait` makes it. Jupyter shows it as a page.

    Nothing in it is an identity: no id, name, birth date, birthday, age in years or manager; ``label`` is what the
    caller chose.

    Parameters
    ----------
    label, as_of
        A name for this portrait, and the day.
    who
        Facts by name: age (five years together), gender, occupation, city tier, city of the branch, customer for,
        wealth tier, risk; the expected margin of a year, if the caller passed values.
    state
        Where in the life with the bank, if the caller said so.
    months
        ``month``, ``aum`` and the eight balances at each of the last month ends.
    channels
        ``channel`` and ``movements`` of six months, the most used first.
    tags
        ``code``, ``name``, ``name_zh``, ``family``, ``meaning``, ``share`` (of all customers who have it; null where
        hidden) and ``evidence``; the rarest first, the hidden last.
    next_steps
        ``code``, ``name``, ``probability`` and ``meaning`` of what will probably happen; empty without models. What
        later months do not support is left out, and named in ``notes``.
    contacts
        The last five: ``day``, ``department``, ``channel``, ``status``, ``campaign``.
    notes
        What could not be said, and why.
    """

    label: str
    as_of: datetime.date
    who: Mapping[str, str]
    state: str | None
    months: "pd.DataFrame"
    channels: "pd.DataFrame"
    tags: "pd.DataFrame"
    next_steps: "pd.DataFrame"
    contacts: "pd.DataFrame"
    notes: Sequence[str] = field(default=())

    def __repr__(self) -> str:
        aum = self.months.aum.iloc[-1] if len(self.months) else 0.0
        return f"Portrait({self.label!r}, as of {self.as_of}: {len(self.tags)} tags, AUM {aum:,.0f} yuan)"

    def _repr_html_(self) -> str:
        return page(self)


def portrait(
    bank: Bank,
    customer_id: int | str,
    as_of: datetime.date | str,
    models: Mapping[str, Any] | None = None,
    *,
    figures: "pd.DataFrame | None" = None,
    state: Any = None,
    value: Any = None,
    label: str = "Customer",
    quality: "pd.DataFrame | None" = None,
    tags: Iterable[Tag | str] | None = None,
    top: int = 10,
) -> Portrait:
    """Show one customer as of a day, for whoever serves them; never for a report of a real bank.

    Tags are ranked by rarity: the fewer of the bank's customers have one, the more it says. Those that tell the month
    or day of a birth or opening (such as "birthday next month") are left out.

    Parameters
    ----------
    bank
        Of :func:`bankmkt.open_bank`; tables it lacks are left out.
    customer_id
        As the bank has it; a number may be given as text, and the other way round.
    as_of
        The day; nothing later is seen.
    models
        Of :func:`bankmkt.tags.train`, for what will probably happen next.
    figures
        Of :func:`bankmkt.tags.evaluate_models`: what the models say of months that came after them. Predictions that
        :func:`bankmkt.tags.verdicts` withholds, or that were not judged, are left out. Without figures all are shown,
        and said not to have been judged.
    state
        Where in the life with the bank: the table of :func:`bankmkt.lifecycle` for that day, or the customer's own
        state as a text.
    value
        The table of :func:`bankmkt.segments.customer_value` for that day, for the margin expected of the coming year;
        shown as a band.
    label
        A name for the portrait; not the customer's.
    quality
        Of :func:`bankmkt.tags.quality` on that day, for the shares (coverage × share of the known); without it they
        are computed, which reads the bank.
    tags
        Declarations, or codes, to choose from; the whole catalogue by default.
    top
        How many tags.

    Returns
    -------
    Portrait

    Raises
    ------
    ParameterError
        If the id is not of the bank's type, or the day is none.
    DataError
        If there is no such customer, the account was closed by the day, or not yet opened.

    Examples
    --------
    >>> import bankmkt as bm
    >>> bm.tags.portrait(bm.demo_bank(), 20_001, "2026-06-30")
    Traceback (most recent call last):
        ...
    bankmkt.errors.DataError: customer_id: there is no such customer in this bank; check the id
    """
    day = parse_date("as_of", as_of)
    customer_id = check_customer(bank, customer_id, day)
    known = bank.as_of(day)
    chosen = {tag.code: tag for tag in choose(tags)}
    t = compute(bank, day, {**{tag.code: tag for tag in choose(WHO)}, **chosen}.values())
    values = bank.fetch(t.filter(t.customer_id == customer_id)).to_pylist()[0]
    earns = None if value is None else _margin(bank, customer_id, value)
    true = [tag for tag in chosen.values() if values[tag.code] is True and not tells_a_day(tag)]
    held = _ranked(bank, day, true, quality)[:top]
    row = _read(bank, customer_id, day, [tag for tag, _share in held])
    steps = next_steps(bank, customer_id, day, models or {})
    steps, notes = supported(steps, figures)
    if not models:
        notes = ["What is likely next is not shown: pass models of bm.tags.train."]
    if state is None:
        notes.append("The life cycle is not shown: pass the state that bm.lifecycle tells.")
    return Portrait(
        label,
        day,
        _who(values, row, day) | ({} if earns is None else {"Expected margin of a year": value_band(earns)}),
        _state(bank, customer_id, day, state),
        _months(known, customer_id),
        _channels(row),
        _told(held, row),
        steps,
        _contacts(known, customer_id),
        tuple(notes),
    )


def showable(bank: Bank) -> bool:
    """Say whether portraits may reach a report: only those of a synthetic bank, in which nobody exists.

    A bank is synthetic if its manifest says with which seed it was made.

    Examples
    --------
    >>> import bankmkt as bm
    >>> showable(bm.demo_bank())
    True
    """
    return (bank.manifest or {}).get("parameters", {}).get("seed") is not None


def check_customer(bank: Bank, customer_id: Any, as_of: datetime.date | str) -> int | str:
    """Return the id as the bank has it, or raise unless there is such a customer on the day.

    Parameters
    ----------
    bank, customer_id, as_of
        As for :func:`portrait`.

    Raises
    ------
    ParameterError, DataError
        As :func:`portrait`.

    Examples
    --------
    >>> import bankmkt as bm
    >>> check_customer(bm.demo_bank(), "1", "2026-06-30")
    1
    """
    day = parse_date("as_of", as_of)
    people = check_bank(bank).customers
    text = people.customer_id.type().is_string()
    number = isinstance(customer_id, Integral) and not isinstance(customer_id, bool)
    if not (number or (isinstance(customer_id, str) and (text or re.fullmatch(r"-?[0-9]+", customer_id)))):
        kind = "a text" if text else "a whole number"
        raise ParameterError("customer_id", type(customer_id).__name__, kind, "pass the id as the bank has it")
    customer_id = str(customer_id) if text else int(customer_id)
    dates = people.filter(people.customer_id == customer_id).select("opened_on", "closed_on")
    found = bank.fetch(dates).to_pylist()
    if not found:
        raise DataError("customer_id: there is no such customer in this bank", todo="check the id")
    opened, closed = found[0]["opened_on"], found[0]["closed_on"]
    if opened is not None and opened > day:
        raise DataError(f"customer_id: the customer came on {opened}, after {day}", todo=f"ask as of {opened} or later")
    if closed is not None and closed <= day:
        raise DataError(f"customer_id: the account was closed on {closed}", todo=f"ask as of a day before {closed}")
    return customer_id


def _ranked(
    bank: Bank, day: datetime.date, held: Sequence[Tag], quality: "pd.DataFrame | None"
) -> list[tuple[Tag, float | None]]:
    """Return tags with the share of all customers who have them, the rarest first; None, last of all, if hidden."""
    shares: dict[Any, float] = {}
    if quality is not None:
        shares = (quality["mean"] * quality.coverage).set_axis(quality.code).dropna().to_dict()
    elif held:
        t = compute(bank, day, held)
        counts = {f"c{i}": t[tag.code].ifelse(1, 0).sum() for i, tag in enumerate(held)}
        (found,) = bank.fetch(t.aggregate(n=t.count(), **counts)).to_pylist()
        shares = {tag.code: found[f"c{i}"] / found["n"] for i, tag in enumerate(held)}
    pairs = [(tag, shares.get(tag.code)) for tag in held]
    return sorted(pairs, key=lambda pair: (pair[1] is None, pair[1] or 0.0))


def _state(bank: Bank, customer_id: int | str, day: datetime.date, state: Any) -> str | None:
    """Return the customer's state, from a table of states if that was passed."""
    import ibis

    if state is None or isinstance(state, str):
        return state
    known = state.filter(state.customer_id == customer_id, state.month <= ibis.literal(day))
    found = bank.fetch(known.order_by(known.month.desc()).limit(1).select("state")).to_pylist()
    return found[0]["state"] if found else None


def _read(bank: Bank, customer_id: int | str, day: datetime.date, tags: Sequence[Tag]) -> dict[tuple[str, str], Any]:
    """Return a customer's attributes, and the features of tags, by kind (``"attribute"``, ``"feature"``) and name."""
    channels = [house()[0][f"own_{channel}"] for channel in CHANNELS]
    wanted = {feature.name: feature for feature in [*features_of(tags), *channels]}
    wide = features(bank, day, wanted.values())
    columns = {("attribute", name): wide[name] for name in (*ATTRIBUTES, *RELATED, "as_of")}
    columns |= {("feature", name): wide[name] for name in wanted}
    numbered = {f"c{i}": value for i, value in enumerate(columns.values())}
    (row,) = bank.fetch(wide.filter(wide.customer_id == customer_id).select(**numbered)).to_pylist()
    return dict(zip(columns, row.values(), strict=True))


def _who(values: Mapping[str, Any], row: Mapping[tuple[str, str], Any], day: datetime.date) -> dict[str, str]:
    """Return the first lines: facts that single nobody out."""
    age, opened = values["age"], row["attribute", "opened_on"]
    facts = {
        "Age": None if age is None else age_band(age),
        "Gender": row["attribute", "gender"],
        "Occupation": row["attribute", "occupation"],
        "Lives in": row["attribute", "city_tier"],
        "Branch in": row["attribute", "unit_city"],
        "Customer for": None if opened is None else duration(opened, day),
        "Wealth tier": values["wealth_tier"],
        "Risk tolerance": values["risk_appetite"],
    }
    return {name: str(fact).replace("_", " ") for name, fact in facts.items() if fact is not None}


def _months(known: Bank, customer_id: int | str) -> "pd.DataFrame":
    t = known.balances
    rows = t.filter(t.customer_id == customer_id).select("month", "aum", *PRODUCTS).order_by("month")
    return known.fetch(rows).to_pandas().tail(24).reset_index(drop=True)


def _channels(row: Mapping[tuple[str, str], Any]) -> "pd.DataFrame":
    import pandas as pd

    counts = {channel: row["feature", f"own_{channel}"] for channel in CHANNELS}
    frame = pd.DataFrame([(name, n) for name, n in counts.items() if n], columns=["channel", "movements"])
    return frame.sort_values("movements", ascending=False, kind="stable").reset_index(drop=True)


def _told(held: Sequence[tuple[Tag, float | None]], row: Mapping[tuple[str, str], Any]) -> "pd.DataFrame":
    """Return tags with what made them true."""
    import pandas as pd

    names = ["code", "name", "name_zh", "family", "meaning", "share", "evidence"]
    told = [(t.code, t.name, t.name_zh, t.family, t.meaning, share, "; ".join(evidence(t, row))) for t, share in held]
    return pd.DataFrame(told, columns=names).astype({"share": "float64"})


def _margin(bank: Bank, customer_id: int | str, value: Any) -> float | None:
    """Return the margin expected of the customer in the coming year, from a table of values."""
    found = bank.fetch(value.filter(value.customer_id == customer_id).select("value_12m")).to_pylist()
    return found[0]["value_12m"] if found else None


def _contacts(known: Bank, customer_id: int | str) -> "pd.DataFrame":
    import ibis
    import pandas as pd

    names = ["day", "department", "channel", "status", "campaign"]
    if not known.has("contacts"):
        return pd.DataFrame(columns=names)
    t = known.contacts
    t = t.filter(t.customer_id == customer_id)
    if known.has("campaigns"):
        named = known.campaigns.select(served="campaign_id", campaign="name")
        t = t.left_join(named, t.campaign_id == named.served)
    else:
        t = t.mutate(campaign=ibis.null("string"))
    last = t.order_by(t.ts.desc(), t.contact_id.desc()).limit(5)
    return known.fetch(last.select(last.ts.date().name("day"), *names[1:])).to_pandas()
