"""What predictions learn from: who is judged on a day, what is known of them then, and what happened after."""

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ibis import _

from bankmkt.bank import Bank
from bankmkt.errors import ParameterError
from bankmkt.months import month_end, month_number
from bankmkt.tags.compute import features, features_of
from bankmkt.tags.declare import Feature, Tag, by_name
from bankmkt.tags.families import house, house_tags
from bankmkt.tags.lineage import ruled
from bankmkt.tags.predictive import Prediction
from bankmkt.tags.rules import days_since

if TYPE_CHECKING:
    import pandas as pd

_FEATURES = (
    "own_month", "own_quarter", "own_quarter_2", "login_month", "login_quarter", "login_quarter_2", "last_login",
    "last_own", "aum", "aum_quarter_ago", "aum_half_ago", "aum_peak", "aum_low", "aum_mean", "inflow", "outflow",
    "largest_in", "largest_out", "demand_now", "deposit_now", "wealth_now", "fund_now", "insurance_now", "metal_now",
    "loan_now", "card_now", "deposit_quarter_ago", "wealth_quarter_ago", "fund_quarter_ago", "wealth_peak", "fund_peak",
    "loan_peak", "card_peak", "products_now", "products_quarter_ago", "products_peak", "purchase_quarter",
    "purchase_year", "last_purchase", "redeemed", "own_app", "own_counter", "app_logins_month", "spent",
    "spent_quarter_2", "buys", "buys_month", "buys_quarter_2", "card_spent", "card_buys", "card_buys_before", "bills",
    "bills_quarter_2", "salaries", "salary_sum", "salaries_two_months", "loans_drawn", "wealth_views", "fund_views",
    "loan_views", "card_views", "deposit_views", "interest_paid", "fund_returns", "contacts_quarter", "answers_half",
    "joined",
)  # fmt: skip
_TAGS = (
    "age",
    Tag("tenure_days", "Days with the bank", "客户天数", "life cycle", days_since(_.opened_on),
        "days since the first account was opened"),
    Tag("app_days", "Days with the app", "手机银行注册天数", "channels", days_since(_.app_registered_on),
        "days since signing up for the app; null without"),
    Tag("occupation_group", "Occupation group", "职业", "life cycle", _.occupation, "occupation group"),
    "acquired_by", "home_city_tier",
)  # fmt: skip

CUSTOMERS = 200_000
"""Customers whose rows are held in memory when models are judged; of a larger bank, a random sample."""

Input = Feature | Tag
"""What a model may know of a customer."""


def house_inputs() -> tuple[Input, ...]:
    """Return what the house's models may know of a customer on a day.

    Left out are numbers that name somebody, gender (kept to judge fairness), and columns of ``customers`` that are
    rewritten without a date (``is_payroll``, ``manager_id``, ``risk_level``, ``has_car``, ``has_home``): they may say
    what happened after the day.
    """
    known, tags = house()[0], house_tags()
    return (*(known[name] for name in _FEATURES), *(tags[t] if isinstance(t, str) else t for t in _TAGS))


def name_of(one: Input) -> str:
    """Return the name of a feature or the code of a tag."""
    return one.name if isinstance(one, Feature) else one.code


def within(inputs: Iterable[Input], history: int) -> tuple[Input, ...]:
    """Return the inputs whose windows fit into so many months of history: others would grow as months go by."""

    def fits(one: Input) -> bool:
        needed = [one] if isinstance(one, Feature) else features_of([one])
        return all(f.months is not None and f.before + f.months <= history for f in needed)

    return tuple(one for one in inputs if fits(one))


def snapshot(
    bank: Bank, day: datetime.date, inputs: Sequence[Input], predictions: Sequence[Prediction], simple: bool = False
) -> Any:
    """Compute inputs on a day, and who is judged by each prediction.

    Returns
    -------
    ibis table
        A row per customer of that day: customer_id, a column per input (dates as days before the day), ``judged_`` +
        code (boolean), and where ``simple`` is true ``simple_`` + code (the simple rule's score).
    """
    tags = [one for one in inputs if isinstance(one, Tag)]
    rules = {f"judged_{p.code}": p.tag("population") for p in predictions}
    if simple:
        rules |= {f"simple_{p.code}": p.tag("simple_rule") for p in predictions}
    wanted = [*(one for one in inputs if isinstance(one, Feature)), *features_of([*tags, *rules.values()])]
    wide = features(bank, day, by_name(wanted).values())
    found = {name_of(i): wide[i.name] if isinstance(i, Feature) else ruled(i, wide) for i in inputs}
    told = {name: _plain(value, wide.as_of) for name, value in found.items()}
    judged = {name: ruled(tag, wide) for name, tag in rules.items()}
    judged = {k: v.fill_null(False) if k.startswith("judged_") else v.cast("float64") for k, v in judged.items()}
    return wide.select("customer_id", **told, **judged)


def _plain(value: Any, as_of: Any) -> Any:
    """Return an input as a number or a text: dates as days before the day."""
    if value.type().is_timestamp() or value.type().is_date():
        return as_of.delta(value.date() if value.type().is_timestamp() else value, unit="day").cast("float64")
    return value if value.type().is_string() else value.cast("float64")


def outcomes(bank: Bank, day: datetime.date, predictions: Sequence[Prediction]) -> Any:
    """Compute what had happened by a day, for those who are still customers.

    Returns
    -------
    ibis table
        customer_id and a boolean column per code; null counts as not happened.
    """
    tags = [p.tag("outcome") for p in predictions]
    wide = features(bank, day, features_of(tags))
    return wide.select("customer_id", **{tag.code: ruled(tag, wide).fill_null(False) for tag in tags})


def sampled(bank: Bank, customers: int, seed: int, use: str = "") -> Callable[[Any], Any] | None:
    """Return a random sample of customers, so that memory is bounded: a condition on ids, the same on every engine.

    An id is in the sample if its checksum is among the lowest, so that a smaller sample is a part of a larger one for
    the same use.

    Parameters
    ----------
    bank
        Whose customers they are.
    customers
        Size of the sample, on average.
    seed
        Another one draws others.
    use
        Samples of one seed for different uses are drawn independently of each other.

    Returns
    -------
    callable or None
        From a column of ids to whether they are in the sample; None if the bank has no more customers than that.
    """
    for name, value, least in (("customers", customers, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ParameterError(name, value, f"an integer from {least}", "leave it out")
    there = bank.fetch(bank.customers.count()).as_py()
    if there <= customers:
        return None
    limit = f"{customers * 16**8 // there:08x}"
    return lambda ids: ids.cast("string").concat(f":{seed}{use}").hexdigest("md5") < limit


def examples(
    bank: Bank,
    day: datetime.date,
    inputs: Sequence[Input],
    predictions: Sequence[Prediction],
    only: Callable[[Any], Any] | None = None,
) -> "pd.DataFrame":
    """Return inputs on a month end with what happened after, of everybody whom at least one prediction judges.

    Parameters
    ----------
    bank
        Knows the months after the day.
    day
        A month end.
    inputs, predictions
        The predictions look equally far ahead.
    only
        Of :func:`sampled`; everybody by default.

    Returns
    -------
    pandas.DataFrame
        As :func:`snapshot` with simple rules, and ``happened_`` + code (boolean), by customer_id.
    """
    later = month_end(month_number(day) + predictions[0].months)
    wide = snapshot(bank, day, inputs, predictions, simple=True)
    if only is not None:
        wide = wide.filter(only(wide.customer_id))
    judged = [wide[f"judged_{p.code}"] for p in predictions]
    anybody = judged[0]
    for one in judged[1:]:
        anybody = anybody | one
    after = outcomes(bank, later, predictions).rename(customer="customer_id")
    joined = wide.filter(anybody).left_join(after, [("customer_id", "customer")])
    happened = {f"happened_{p.code}": joined[p.code].fill_null(p.closed) for p in predictions}
    told = bank.fetch(joined.mutate(**happened).drop("customer", *(p.code for p in predictions)))
    frame: pd.DataFrame = told.to_pandas()
    return frame.sort_values("customer_id", ignore_index=True)


def by_horizon(predictions: Iterable[Prediction]) -> dict[int, list[Prediction]]:
    """Return predictions by how many months they look ahead."""
    groups: dict[int, list[Prediction]] = {}
    for one in predictions:
        groups.setdefault(one.months, []).append(one)
    return groups


def check_month_end(what: str, day: datetime.date) -> datetime.date:
    """Return the day if it ends a month, or raise ParameterError."""
    if day != month_end(month_number(day)):
        raise ParameterError(what, str(day), "month ends", f"pass {month_end(month_number(day))}")
    return day
