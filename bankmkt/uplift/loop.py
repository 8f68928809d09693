"""The closed loop: contact, measure, learn, contact again — several ways of choosing beside each other, with the truth.

A round draws everybody's arm by chances that a policy gives, runs the campaign in a :class:`bankmkt.synth.World`, and
estimates from what a bank sees what the contacts brought. Every policy goes on in a bank of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.confidence import Z
from bankmkt.errors import ParameterError, one_of
from bankmkt.synth import World
from bankmkt.synth.calendar import month_at
from bankmkt.synth.offers import FIRST_OWN, OFFERS, Own
from bankmkt.synth.rehearsal import Rehearsal, expected_sales, known, play, rehearse
from bankmkt.synth.world import check_offers
from bankmkt.uplift.loop_policies import POLICIES, Choice, Round
from bankmkt.uplift.study import LEAST_CHANCE, Floats

USUAL = ("response", "uplift", "thompson", "random")


def closed_loop(
    world: World,
    offers: Mapping[str, str],
    *,
    contacts: int,
    value: float,
    policies: Sequence[str] = USUAL,
    rounds: int = 4,
    explore: float = 0.2,
    months: int = 3,
    repeats: int = 1,
    draws: int = 100,
    seed: int = 7,
    progress: bool = False,
) -> pd.DataFrame:
    """Let policies choose whom to contact round after round, learn from what came of it, and compare them.

    The first round is a pilot, alike for all: anybody may be contacted. From then on each policy names its list, and
    what is drawn is a mixture: with chance ``1 - explore`` the policy's choice, with ``explore`` the pilot's lot. So a
    part of the list is always left alone to measure the rest, and the chance of every arm is known and recorded. No
    policy contacts more than ``contacts`` on average; one that expects nothing of further customers contacts fewer.

    Parameters
    ----------
    world
        Where it is played; it stays as it is.
    offers
        What each treated arm gets, as for :meth:`bankmkt.synth.World.run`; offers of one product.
    contacts
        Most customers to contact in a round, on average over the lots; the pilot and ``"random"`` contact so many.
        Should the number of customers change so much that someone would have less than a chance of 0.01 of an arm, a
        later round contacts as many fewer or more as it takes.
    value
        Yuan that a sale is worth, before the offer's cost (``bm.synth.offers()``).
    policies
        Some of ``"response"`` (likely buyers, what banks do), ``"uplift"`` (a doubly robust learner with LightGBM),
        ``"thompson"`` (a bandit: Bayesian linear effects, Thompson sampling), ``"random"``, ``"oracle"`` (knows the
        expected effects, but explores like the others).
    rounds
        Number of rounds, the pilot included.
    explore
        Share of chance that is left to the pilot's lot.
    months
        Length of a round.
    repeats
        How often all is played, from the same present with other luck; the first time with the bank's own.
    draws
        Draws of the effects by which Thompson sampling finds the chances of contact.
    seed
        Of lots and models.
    progress
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row per repeat, policy and round: repeat, policy, round, starts_on, customers (to choose from), contacted, a
        column per treated arm with the number contacted so; money in yuan a round, of contacting as was drawn against
        contacting nobody, costs taken off: value_estimated with ci_lower, ci_upper (95 %) from what the bank sees;
        value_true of both potential outcomes; covers (whether the interval holds it); value_expected, before luck;
        oracle, the highest value_expected that at most ``contacts`` could have; regret, how much less it was; and
        regret_cumulative, added up over rounds.

    Raises
    ------
    ParameterError, DataError
        If an argument is not as above, or there are not enough customers.

    Notes
    -----
    The estimate is a sum of doubly robust effect scores (:func:`bankmkt.uplift.effect_scores`), weighted with the
    chances of contact. Luck is left out of regret: nobody can foresee a sale that chance decides, so the
    oracle knows each customer's chance to be won over, not the outcome.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import bankmkt as bm
    >>> home = pathlib.Path(tempfile.mkdtemp()) / "bank"
    >>> world = bm.synth.World(bm.generate(home, customers=2000, months=2, workers=1, progress=False))
    >>> found = closed_loop(world, {"treatment": "fund_push"}, contacts=400, value=300, policies=["random"], rounds=2)
    >>> found[["policy", "round", "customers"]].shape
    (2, 3)
    """
    chosen = check_offers(offers)
    _check(contacts, value, policies, rounds, explore, months, repeats, draws, seed)
    if not isinstance(world, World):
        raise ParameterError("world", type(world).__name__, "a bm.synth.World", "World(bank)")
    terms = _Terms(chosen, contacts, float(value), explore, months, draws)
    rows: list[dict[str, Any]] = []
    for repeat, policy in _shown([(repeat, policy) for repeat in range(repeats) for policy in policies], progress):
        if policy == policies[0]:
            pilot = rehearse(world, None if repeat == 0 else seed + repeat)
            first = terms.play(pilot, "random", [], np.random.default_rng([seed, repeat, 0]), seed)
        now, past, found = pilot.branch(), [first[0]], [first[1]]
        for number in range(1, rounds):
            lots = np.random.default_rng([seed, repeat, number])
            result, row = terms.play(now, policy, past, lots, seed + number)
            past.append(result)
            found.append(row)
        total = np.cumsum([row["regret"] for row in found])
        rows += [
            {"repeat": repeat, "policy": policy, "round": number, **row, "regret_cumulative": float(total[number - 1])}
            for number, row in enumerate(found, 1)
        ]
    return pd.DataFrame(rows)


class _Terms:
    """What does not change from round to round."""

    def __init__(
        self, offers: Mapping[str, str], contacts: int, value: float, explore: float, months: int, draws: int
    ) -> None:
        self.offers, self.contacts, self.value, self.explore = offers, contacts, value, explore
        self.months, self.draws = months, draws
        self.cost = np.array([OFFERS[name].cost for name in offers.values()])
        self.product = OFFERS[next(iter(offers.values()))].template.product

    def play(
        self, now: Rehearsal, policy: str, past: list[Round], lots: np.random.Generator, seed: int
    ) -> tuple[Round, dict[str, Any]]:
        """Choose, draw, run and measure a round, in place; return what it teaches and how it went."""
        own = Own(
            FIRST_OWN + len(past), f"round_{len(past) + 1}", now.month + 1, self.months, tuple(self.offers.values()),
            "targeted" if past else "randomised", "conversion", 0.0,
        )  # fmt: skip
        X = known(now, self.product)
        ids, n, K = X.index.to_numpy(), len(X), len(self.cost)
        low, high = _room(n, K, self.explore)
        if not past and not low <= self.contacts <= high:
            raise ParameterError(
                "contacts", self.contacts, f"{low:,} to {high:,} of {n:,} customers, so that with explore "
                f"{self.explore:g} each has a chance of {LEAST_CHANCE} of every offer and of being left alone",
                "change contacts or explore",
            )  # fmt: skip
        contacts = max(min(self.contacts, high), low)
        X = X.assign(contacted_before=_contacted(past, ids)).reset_index()
        taken = expected_sales(now, own, ids)
        even = np.full((n, K), contacts / n / K)
        features = X.drop(columns="customer_id")
        choice = Choice(past, features, contacts, self.value, self.cost, self.draws, seed, taken)
        treated = (1 - self.explore) * POLICIES[policy](choice) + self.explore * even if past else even
        p = np.column_stack([1 - treated.sum(axis=1), treated])
        u = lots.random(now.customers + 1)[ids]
        arm = np.minimum((u[:, None] >= np.cumsum(p, axis=1)).sum(axis=1), K)
        starts_on = month_at(now.blocks[0].plan.start, own.index).first
        y = play(now, own, ids, arm, p[np.arange(n), arm])
        done = Round(X, arm, p, y[np.arange(n), arm])
        gains = taken * (1 - y[:, 0].mean())
        best = self._worth(choice.best(gains), gains)
        estimated, true = self._estimate(done), self._worth(treated, y[:, 1:] - y[:, :1])
        mean = self._worth(treated, gains)
        return done, {
            "starts_on": starts_on, "customers": n, "contacted": int((arm > 0).sum()),
            **{name: int((arm == k).sum()) for k, name in enumerate(self.offers, 1)},
            **estimated, "value_true": true, "covers": estimated["ci_lower"] <= true <= estimated["ci_upper"],
            "value_expected": mean, "oracle": best, "regret": best - mean,
        }  # fmt: skip

    def _worth(self, treated: Floats, gains: Floats) -> float:
        return float((treated * (self.value * gains - self.cost)).sum())

    def _estimate(self, done: Round) -> dict[str, float]:
        """Return the value of contacting as was drawn, from what was seen, with its 95 % interval."""
        rows, K = np.arange(len(done.arm)), len(self.cost)
        weight = 1 / done.propensity[rows, done.arm]
        usual = np.bincount(done.arm, weight * done.outcome, K + 1) / np.bincount(done.arm, weight, K + 1)
        psi = np.tile(usual, (len(rows), 1))
        psi[rows, done.arm] += weight * (done.outcome - usual[done.arm])
        treated = done.propensity[:, 1:]
        each = (treated * (self.value * (psi[:, 1:] - psi[:, :1]) - self.cost)).sum(axis=1)
        half = Z * float(each.std() * np.sqrt(len(each)))
        total = float(each.sum())
        return {"value_estimated": total, "ci_lower": total - half, "ci_upper": total + half}


def _room(customers: int, offers: int, explore: float) -> tuple[int, int]:
    """Return fewest and most contacts at which the lot leaves everybody a chance of every offer, and of none."""
    least = LEAST_CHANCE * (1 + 1e-9) / explore
    return int(np.ceil(least * customers * offers)), int(customers * (1 - least))


def _contacted(past: list[Round], ids: np.ndarray) -> Floats:
    """Return in how many earlier rounds each customer was contacted."""
    out = pd.Series(0.0, ids)
    for done in past:
        out = out.add(pd.Series((done.arm > 0).astype(float), done.X["customer_id"]).reindex(ids, fill_value=0.0))
    return np.asarray(out, dtype=float)


def _check(
    contacts: int, value: float, policies: Sequence[str], rounds: int, explore: float, months: int, repeats: int,
    draws: int, seed: int,
) -> None:  # fmt: skip
    for name, number, low, high in (
        ("contacts", contacts, 1, 10**9), ("rounds", rounds, 1, 40), ("months", months, 1, 12),
        ("repeats", repeats, 1, 10_000), ("draws", draws, 1, 10_000), ("seed", seed, 0, 2**31),
    ):  # fmt: skip
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise ParameterError(name, number, f"an integer from {low:,} to {high:,}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise ParameterError("value", value, "yuan that a sale is worth", "such as value=300")
    if isinstance(explore, bool) or not isinstance(explore, int | float) or not 0 < explore <= 1:
        raise ParameterError("explore", explore, "a share above 0", "such as explore=0.2")
    if isinstance(policies, str) or not len(policies):
        raise ParameterError("policies", policies, f"a list of {one_of(POLICIES)}", 'such as ["uplift", "random"]')
    for name in policies:
        if name not in POLICIES or list(policies).count(name) > 1:
            raise ParameterError("policies", name, f"each once, of {one_of(POLICIES)}", "correct or leave it out")


def _shown(jobs: list[tuple[int, str]], progress: bool) -> Any:
    if not progress:
        return jobs
    from tqdm.auto import tqdm

    return tqdm(jobs, desc="playing", unit="policy")
