"""Many futures from one present: what would have happened to each customer with other luck.

No real bank can do this. From the true state at the end of a month, hidden traits and running campaigns included, the
months after are run again with other random streams and the same laws. How often something happens to a customer over
these futures is its true probability: the most that anybody could have known on the day.
"""

import dataclasses
import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.errors import DataError, ParameterError
from bankmkt.months import month_number
from bankmkt.schema import PRODUCTS
from bankmkt.synth.calendar import month_at
from bankmkt.synth.produce import MODEL
from bankmkt.synth.simulate import Block, Plan, Step, advance, new_block
from bankmkt.synth.state import State
from bankmkt.synth.streams import BLOCK

if TYPE_CHECKING:
    import pandas as pd

    from bankmkt.bank import Bank

_WINDOW = 3
_CENT = 0.005
_AGAIN = "make the bank again: bm.generate(path, ...)"
_HIGHEST = {"wealth_high": "wealth", "fund_high": "fund", "loan_high": "loan"}
FUTURE_FEATURES = ("aum", "aum_quarter_ago", *_HIGHEST, "card_buys", "login_quarter", "salaries_two_months")
"""Features of :mod:`bankmkt.tags` that are read off the simulation, without writing its rows."""


def made_with(bank: "Bank") -> dict[str, Any]:
    """Return what a generated bank was made with.

    Raises
    ------
    DataError
        If the bank was not made by this package, or by a version whose model was another.
    """
    made: dict[str, Any] = (bank.manifest or {}).get("parameters", {})
    if not {"customers", "months", "seed", "start", "arrivals", "model"} <= made.keys():
        raise DataError("bank", repr(bank), "a generated bank", "the truth of another bank is not known")
    if made["model"] != MODEL:
        raise DataError(f"the model of {bank!r}", made["model"], f"{MODEL}, this version's", _AGAIN)
    if made.get("own"):
        raise DataError(f"{bank!r} has an analyst's campaigns", None, "a bank as bm.generate made it", "pass that bank")
    return made


def present(bank: "Bank", days: list[datetime.date]) -> Iterator[tuple[datetime.date, Block]]:
    """Yield the true state of each block of customers at the end of months, simulated again from the bank's seed.

    Parameters
    ----------
    bank : Bank
        Made by :func:`bankmkt.generate`.
    days : list of date
        Month ends, ascending, within the bank's months.

    Raises
    ------
    ParameterError
        If a day is not within the bank's months.
    DataError
        If the bank was not made by this model, or its balances are not those of the simulated state: rows were changed
        since, or it was made by another state of the code.
    """
    made = made_with(bank)
    plan = Plan(made["seed"], made["start"], made["arrivals"])
    first = month_number(month_at(made["start"], 0).first)
    for day in days:
        if not first <= month_number(day) < first + made["months"]:
            raise ParameterError("day", str(day), f"within the bank's {made['months']} months", "choose another")
    for number in range(-(-made["customers"] // BLOCK)):
        block = new_block(plan, number)
        for day in days:
            while block.month < month_number(day) - first:
                advance(block)
            _check_fits(bank, day, block, made["customers"])
            yield day, block


def _check_fits(bank: "Bank", day: datetime.date, block: Block, customers: int) -> None:
    """Raise DataError unless the AUM of a block's customers is in the bank as it is in the simulated state."""
    import pandas as pd

    ids = block.traits.customer_id
    here = (block.state.closed < 0) & (block.traits.opened_month <= block.month) & (ids <= customers)
    simulated = pd.Series(block.state.aum[here] / 100, ids[here])
    t = bank.balances
    held = bank.fetch(t.filter((t.month == day) & t.customer_id.between(int(ids.min()), int(ids.max()))))
    found = held.select(["customer_id", "aum"]).to_pandas().set_index("customer_id")["aum"]
    if sorted(found.index) == sorted(simulated.index):
        gap = (found.reindex(simulated.index) - simulated).abs() > _CENT
        if not gap.any():
            return
        what = f"{int(gap.sum())} of {len(gap)} customers with another AUM on {day} than the simulation gives"
    else:
        what = f"{len(found)} customers with balances on {day} where the simulation has {len(simulated)}"
    raise DataError(f"{bank!r} is not as it was made: {what}", todo=_AGAIN)


def futures(block: Block, months: int, draws: int, seed: int) -> Iterator["pd.DataFrame"]:
    """Yield one future of a block of customers after another.

    Parameters
    ----------
    block : Block
        Of :func:`present`; it stays as it is.
    months : int
        To go on, 3 or more.
    draws : int
        Futures.
    seed : int
        Of the futures; never the bank's own, which would repeat what happened.

    Yields
    ------
    pandas.DataFrame
        A row per customer: customer_id, closed (whether the account is closed at the end) and
        :data:`FUTURE_FEATURES` as of the end.
    """
    if isinstance(months, bool) or not isinstance(months, int) or months < _WINDOW:
        raise ParameterError("months", months, f"an integer from {_WINDOW}", "features look back a quarter")
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ParameterError("draws", draws, "an integer from 1", "pass draws=100")
    for number in range(draws):
        own = int(np.random.SeedSequence([seed, block.plan.seed, number]).generate_state(1, np.uint64)[0])
        ahead = dataclasses.replace(
            block,
            plan=dataclasses.replace(block.plan, seed=own),
            enrolments=[dataclasses.replace(e, joined=e.joined.copy()) for e in block.enrolments],
            windows=[],
        )
        steps = []
        for _ in range(months):
            steps.append(advance(ahead))
            ahead.windows = []
        yield future_features(block, steps)


def future_features(block: Block, steps: list[Step]) -> "pd.DataFrame":
    """Read features off simulated months, as :mod:`bankmkt.tags` would compute them from the rows."""
    import pandas as pd

    ends = [steps[0].before, *(step.after for step in steps)]
    quarter = steps[-_WINDOW:]

    def column(state: State, product: str) -> np.ndarray:
        return state.balance[:, PRODUCTS.index(product)] / 100

    values = {
        "aum": ends[-1].aum / 100,
        "aum_quarter_ago": ends[-1 - _WINDOW].aum / 100,
        **{
            name: np.max([column(end, product) for end in ends[-_WINDOW:]], axis=0)
            for name, product in _HIGHEST.items()
        },
        "card_buys": np.sum([step.activity.spends_card for step in quarter], axis=0),
        "login_quarter": np.sum([step.activity.logins for step in quarter], axis=0),
        "salaries_two_months": np.sum([step.activity.salary > 0 for step in steps[-2:]], axis=0),
    }
    return pd.DataFrame({"customer_id": block.traits.customer_id, "closed": ends[-1].closed >= 0, **values})


def hidden(block: Block) -> "pd.DataFrame":
    """Return all that the model of the bank knows of each customer, as numbers: traits, state and campaigns."""
    import pandas as pd

    columns: dict[str, np.ndarray] = {}
    for record in (block.traits, block.state):
        for f in dataclasses.fields(record):
            value = np.asarray(getattr(record, f.name), dtype=float)
            for i, part in enumerate(np.atleast_2d(value.T)):
                columns[f"{f.name}_{i}"] = part
    for e in block.enrolments:
        if e.campaign.last > block.month:
            part = np.zeros(block.traits.customer_id.size)
            part[e.rows] = np.where(e.takes(e.treated, max(block.month + 1, e.campaign.index + 1)), e.gain, 0)
            columns[f"campaign_{e.campaign.campaign_id}"] = part
    return pd.DataFrame(columns).drop(columns="customer_id_0").assign(customer_id=block.traits.customer_id)
