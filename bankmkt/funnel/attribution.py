"""Attribution: how the usual models share conversions out among the channels or campaigns that touched customers."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import LEVEL
from bankmkt.errors import ParameterError, one_of
from bankmkt.frames import engine_table
from bankmkt.funnel.credit import MODELS, Design, Floats, Settings, design
from bankmkt.funnel.definition import parse_within
from bankmkt.funnel.paths import NONE, Paths, paths
from bankmkt.lookback import parse_date

CELLS = 4_000_000
"""Random weights that are in memory at once."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """What :func:`attribute` found.

    Parameters
    ----------
    credits
        A row per model and channel, and one of conversions that no touch came before ("none"): model, channel,
        conversions, lower, upper; share (of all conversions), share_lower, share_upper; with values also value,
        value_lower, value_upper; with costs cost, cost_per_conversion, cost_lower, cost_upper, and with both roas
        (value per cost), roas_lower, roas_upper; customers (whose conversions are credited; of the Markov chain, whose
        conversions' paths pass the channel). Intervals are 95%, from drawing customers again. Null: credit by Markov
        chain of a channel so new that no path through it is over; its conversions are with the others.
    counts
        conversions, attributed, unattributed, paths_converted, paths_null, paths_open (no conversion yet, and the
        lookback of the last touch is not over), paths_recent (converted, and that lookback is not over: of these and
        the open ones a Markov chain sees the beginning only), units (customers with a path or a conversion), converters
        (customers with a conversion).
    paths
        A row per different path, the most frequent first: path ("sms > app"), touches, conversions, paths_null,
        customers, customers_converted. Rare paths are about few customers: reports show
        :func:`bankmkt.funnel.shown_credit`.
    """

    credits: pd.DataFrame
    counts: dict[str, int]
    paths: pd.DataFrame
    _draws: Floats = field(repr=False)

    @property
    def models(self) -> tuple[str, ...]:
        """Models asked for."""
        return tuple(dict.fromkeys(self.credits["model"]))

    def draws(self, model: str) -> pd.DataFrame:
        """Return a model's conversions by channel (columns) in each draw of customers (rows)."""
        if model not in self.models:
            raise ParameterError("model", model, one_of(self.models))
        channels = self.credits.loc[self.credits["model"] == model, "channel"]
        return pd.DataFrame(self._draws[:, self.models.index(model)], columns=pd.Index(channels, name="channel"))


def attribute(
    touches: Any,
    conversions: Any,
    models: Sequence[str] = MODELS,
    lookback: str | dt.timedelta = "30d",
    as_of: dt.date | str | None = None,
    by: str = "customer_id",
    channel: str = "channel",
    time: str = "ts",
    value: str | None = None,
    costs: Mapping[Any, float] | None = None,
    *,
    since: dt.date | str | None = None,
    position: tuple[float, float, float] = (0.4, 0.2, 0.4),
    half_life: str | dt.timedelta = "7d",
    order: int = 1,
    draws: int = 200,
    seed: int = 7,
) -> Attribution:
    """Share conversions out among the touches before them.

    A model's credit says which touches came before conversions. It does not say that these would not have come
    anyway: only a comparison with customers left alone does (:func:`bankmkt.funnel.campaign_credit`).

    Parameters
    ----------
    touches, conversions
        Ibis tables or pandas frames, a row per touch and per conversion, with the columns ``by`` and ``time``. A touch
        counts for the first conversion at or after it, within the lookback; conversions of one moment share their path.
        Other touches form paths without conversion, which end with a gap longer than the lookback. Paths whose last
        touch may still be followed by a conversion after ``as_of`` are told apart and left out.
    models
        ``"first"`` touch, ``"last"``, ``"linear"`` (each touch alike), ``"position"``, ``"decay"`` (the older, the
        less), ``"shapley"`` (each different channel of a path alike: the Shapley value, exact for any number of
        channels, of the game in which channels are worth the conversions of paths with no other channel; paths without
        conversion do not matter), ``"markov"`` (removal effects: paths begin as all do, and go on and end as those do
        whose last touch's lookback is over; of the recent ones, who converts is known, who does not is not).
    lookback
        ``"30d"``, ``"36h"``, …
    as_of, since
        Last day seen, by default the last there is; first day on which a path may end.
    channel
        Column that is credited: channel, campaign_id, …
    value
        Column of the conversions: money. Markov chains share it out as they do conversions.
    costs
        Money by channel, such as :func:`bankmkt.funnel.channel_costs`.
    position
        Parts of the first touch, of all between, of the last.
    half_life
        Time after which a touch counts half, for ``"decay"``.
    order
        Touches that a state of the Markov chain remembers.
    draws, seed
        Of customers, for the intervals (Poisson bootstrap: a customer with all their paths comes 0, 1, 2 … times).

    Returns
    -------
    Attribution

    Raises
    ------
    ParameterError, SchemaError
        If a parameter cannot be right, or a column is not there.
    DataError
        If there is no touch, or a conversion without a value.

    Notes
    -----
    Credits and unattributed conversions add up to all conversions in every model. Markov: Anderl et al. (2016), IJRM
    33. Shapley: Zhao, Mahboobi & Bagheri (2018), arXiv 1804.05327. Poisson bootstrap: Chamandy et al. (2012), Google.

    Examples
    --------
    >>> days = pd.Timestamp("2026-03-01") + pd.to_timedelta([0, 1, 5, 5], unit="D")
    >>> touched = pd.DataFrame({"customer_id": [1, 1, 2, 3], "channel": ["sms", "app", "sms", "app"], "ts": days})
    >>> bought = pd.DataFrame({"customer_id": [1, 4], "ts": days[2:]})
    >>> found = attribute(touched, bought, models=["last", "linear", "markov"], as_of="2026-06-30", draws=20)
    >>> app = found.credits[found.credits["channel"] == "app"]
    >>> dict(zip(app["model"], app["conversions"].round(2), strict=True))
    {'last': 1.0, 'linear': 0.5, 'markov': 0.67}
    """
    chosen = _models(models)
    length, half = _length("lookback", lookback), _length("half_life", half_life)
    begin_with = _whole("seed", seed, 0)
    settings = Settings(chosen, _position(position), half, _whole("order", order, 1), begin_with, value is not None)
    last = None if as_of is None else parse_date("as_of", as_of)
    begin = None if since is None else parse_date("since", since)
    touched, con = engine_table(touches, "touches")
    converted, _ = engine_table(conversions, "conversions", con)
    found_paths = paths(
        touched, converted, length, by=by, channel=channel, time=time, value=value, as_of=last, since=begin
    )
    money = _costs(costs, found_paths.channels)
    return summarise(found_paths, settings, money, _whole("draws", draws, 2))


def summarise(it: Paths, settings: Settings, costs: Mapping[str, float] | None, draws: int) -> Attribution:
    """Share the conversions of paths out, with intervals."""
    plan = design(it, settings)
    credit, value = plan.credits(plan.times[None].astype(float))
    drawn = [plan.credits(weights) for weights in _weights(plan, settings.seed, draws)]
    again, again_value = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    names = [*it.channels, NONE]
    rows = pd.DataFrame({
        "model": np.repeat(settings.models, len(names)), "channel": names * len(settings.models),
    })  # fmt: skip
    shares = [part / np.maximum(np.nansum(part, axis=-1, keepdims=True), 1e-300) for part in (credit, again)]
    _add(rows, ("conversions", "lower", "upper"), credit, again)
    _add(rows, ("share", "share_lower", "share_upper"), *shares)
    if settings.valued:
        _add(rows, ("value", "value_lower", "value_upper"), value, again_value)
    if costs is not None:
        cost = rows["cost"] = rows["channel"].map(dict(costs))
        for name, of in (("cost_per_conversion", "conversions"), ("cost_lower", "upper"), ("cost_upper", "lower")):
            rows[name] = cost / rows[of].where(rows[of] > 0)
        for name, of in (("roas", "value"), ("roas_lower", "value_lower"), ("roas_upper", "value_upper")):
            if settings.valued:
                rows[name] = rows[of] / cost.where(cost > 0)
    rows["customers"] = np.concatenate([plan.customers(model) for model in settings.models])
    touched, won = it.lengths > 0, it.conversions > 0
    counts = {
        "conversions": int(it.conversions.sum()), "attributed": int(it.conversions[touched].sum()),
        "unattributed": int(it.conversions[~touched].sum()),
        "paths_converted": int((touched & won).sum()), "paths_null": int((~won & it.over).sum()),
        "paths_open": int(it.open.sum()), "paths_recent": int((won & ~it.over).sum()),
        "units": len(np.unique(it.unit)), "converters": len(np.unique(it.unit[won])),
    }  # fmt: skip
    return Attribution(rows, counts, plan.table(), again)


def _add(rows: pd.DataFrame, names: tuple[str, str, str], found: Floats, again: Floats) -> None:
    cells = pd.DataFrame(again.reshape(len(again), -1))  # its quantiles leave out draws that tell nothing
    lower, upper = cells.quantile([(1 - LEVEL) / 2, (1 + LEVEL) / 2]).to_numpy()
    for name, values in zip(names, (found[0].ravel(), lower, upper), strict=True):
        rows[name] = np.where(np.isnan(found[0].ravel()), np.nan, values)


def _weights(plan: Design, seed: int, draws: int) -> Iterator[Floats]:
    """Yield how often each cluster comes in some draws."""
    random = np.random.default_rng(seed)
    step = max(CELLS // max(len(plan.times), 1), 1)
    for begin in range(0, draws, step):
        yield random.poisson(plan.times, (min(step, draws - begin), len(plan.times))).astype(float)


def _models(models: Sequence[str]) -> tuple[str, ...]:
    if isinstance(models, str):
        models = [models]
    if not isinstance(models, list | tuple) or not len(models) or len(set(map(str, models))) < len(models):
        raise ParameterError("models", models, f"a list of some of {one_of(MODELS)}, each once")
    for model in models:
        if model not in MODELS:
            raise ParameterError("models", model, one_of(MODELS))
    return tuple(models)


def _length(what: str, given: str | dt.timedelta) -> int:
    length, natural = parse_within(given)
    if length is None or natural is not None:
        raise ParameterError(what, given, "a length of time, not of natural days", f"pass {what}='7d'")
    return length


def _position(position: tuple[float, float, float]) -> tuple[float, float, float]:
    parts = list(position) if isinstance(position, list | tuple) else []
    numbers = all(isinstance(part, int | float) and part >= 0 for part in parts)
    if len(parts) != 3 or not numbers or abs(sum(parts) - 1) > 1e-9 or parts[0] + parts[2] <= 0:
        todo = "pass position=(0.4, 0.2, 0.4)"
        raise ParameterError("position", position, "parts of the first, the middle and the last that make 1", todo)
    return parts[0], parts[1], parts[2]


def _whole(what: str, number: int, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ParameterError(what, number, f"an integer from {least}")
    return number


def _costs(costs: Mapping[Any, float] | None, channels: tuple[str, ...]) -> dict[str, float] | None:
    if costs is None:
        return None
    if not isinstance(costs, Mapping):
        raise ParameterError("costs", costs, "money by channel", "pass costs={'sms': 100.0}")
    named = {str(name): cost for name, cost in costs.items()}
    for name, cost in named.items():
        if name not in channels:
            raise ParameterError("costs", name, one_of(channels), "name channels that touched somebody")
        if isinstance(cost, bool) or not isinstance(cost, int | float) or not cost >= 0:
            raise ParameterError(f"costs[{name!r}]", cost, "money, 0 or more")
    return named
