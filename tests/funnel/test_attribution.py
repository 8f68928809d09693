"""Attribution: known answers, a slow reference, what the models do to channels whose effect is known."""

import datetime as dt
import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bankmkt.engines import connect
from bankmkt.errors import DataError, ParameterError, SchemaError
from bankmkt.funnel import markov
from bankmkt.funnel.attribution import attribute
from bankmkt.funnel.credit import MODELS
from bankmkt.funnel.shapley import shapley_sampled, shapley_values
from bankmkt.funnel.touches import touches

START = pd.Timestamp("2026-01-01")


def log(journeys):
    """Turn journeys such as "AB+" (+ a conversion, - a pause of 100 days) into touches and conversions, a day each."""
    touched, converted = [], []
    for customer, journey in enumerate(journeys, 1):
        day = 0
        for sign in journey:
            day += 100 if sign == "-" else 1
            row = (customer, START + pd.Timedelta(days=day))
            if sign == "+":
                converted.append(row)
            elif sign != "-":
                touched.append((*row, sign))
    return (
        pd.DataFrame(touched, columns=["customer_id", "ts", "channel"]),
        pd.DataFrame(converted, columns=["customer_id", "ts"]).astype({"customer_id": "int64", "ts": "datetime64[us]"}),
    )


def credit(found):
    return {
        model: dict(zip(rows["channel"], rows["conversions"], strict=True))
        for model, rows in found.credits.groupby("model")
    }


def shared(journeys, models=MODELS, **options):
    return credit(attribute(*log(journeys), models=models, as_of="2027-06-30", draws=2, **options))


def test_markov_known_answer():
    """Paths A (1 conversion, 1 not), A > B (1, 1), B (0, 2): chance 1/3, removal .75 and .5, credit 1.2 and .8."""
    found = shared(["A+", "A", "AB+", "AB", "B", "B"], ["markov"])["markov"]
    assert found == pytest.approx({"A": 1.2, "B": 0.8, "none": 0})


def test_shapley_known_answer():
    """The example of the README of DP6's Marketing-Attribution-Models: worth of organic, Facebook, direct."""
    worth = [0, 7, 6, 15, 4, 7, 9, 19]
    assert shapley_values(worth) == pytest.approx([7.6667, 8.1667, 3.1667], abs=1e-4)


def test_a_large_game_is_sampled_with_its_error():
    """Runways (Littlechild & Owen 1973): the worth is the cost of the longest; k players share each step of cost."""
    cost = np.arange(1.0, 16) ** 2
    values, errors = shapley_sampled(lambda inside: float((cost * inside).max()), 15, orders=400, seed=3)
    expected = np.cumsum(np.diff(cost, prepend=0) / np.arange(15, 0, -1))
    assert (errors > 0).all()
    assert (np.abs(values - expected) < 4.5 * errors).all()  # 4.5 standard errors: 1 in 10,000 for 15 players
    assert np.abs(values - expected).max() > 0
    assert values.sum() == pytest.approx(cost[-1])
    for bad in ({"players": 0}, {"orders": 1}, {"seed": -1}):
        with pytest.raises(ParameterError, match=next(iter(bad))):
            shapley_sampled(**{"worth": len, "players": 3} | bad)
    with pytest.raises(ParameterError, match="shapley_values takes"):
        shapley_sampled([0, 1], 1)


def test_shapley_of_paths_is_the_value_of_their_game():
    """Coalitions are worth the conversions of paths with no other channel; failed paths and repeats do not matter."""
    random = np.random.default_rng(1)
    journeys = ["".join(random.choice(list("ABCDE"), random.integers(1, 6))) for _ in range(300)]
    journeys = [journey + random.choice(["", "+"]) for journey in journeys]
    sets = Counter(frozenset(journey[:-1]) for journey in journeys if journey[-1] == "+")
    worth = [
        sum(times for inside, times in sets.items() if inside <= {c for k, c in enumerate("ABCDE") if place >> k & 1})
        for place in range(2**5)
    ]
    found = shared(journeys, ["shapley"])["shapley"]
    assert [found[channel] for channel in "ABCDE"] == pytest.approx(shapley_values(worth))


def test_shapley_is_exact_for_many_channels():
    letters = "ABCDEFGHIJKLMN"  # 14
    journeys = ["".join(pair) + "+" for pair in itertools.combinations(letters, 2)]
    found = shared([*journeys, "AAB+"], ["shapley"])["shapley"]
    assert [found[channel] for channel in letters] == pytest.approx([7.0, 7.0, *[6.5] * 12])


def late_launch(lookback):
    """A reaches 20,000 customers over 150 days and makes 10% buy; B 10,000 in the last 20 days, half of them."""
    random = np.random.default_rng(1)
    day = np.concatenate([random.integers(0, 150, 20_000), random.integers(130, 150, 10_000)])
    new = np.arange(30_000) >= 20_000
    won = random.random(30_000) < np.where(new, 0.05, 0.10)
    wait = random.integers(1, lookback, 30_000)
    touched = pd.DataFrame({"customer_id": np.arange(30_000), "channel": np.where(new, "B", "A"),
                            "ts": START + pd.to_timedelta(day, unit="D")})  # fmt: skip
    bought = pd.DataFrame({"customer_id": np.arange(30_000), "ts": START + pd.to_timedelta(day + wait, unit="D")})[won]
    return touched, bought, START + pd.Timedelta(days=149)


def test_recent_conversions_do_not_count_without_recent_failures():
    """Launched 20 days ago: those who failed are still open, those who bought are not; B would seem the better one."""
    touched, bought, last = late_launch(10)
    both = touched["channel"].eq("B") & (touched["ts"] > START + pd.Timedelta(days=133))
    extra = touched[both].assign(channel="A", ts=lambda t: t["ts"] + pd.Timedelta(hours=1))  # so that A's credit varies
    effects = {}
    for name, as_of in (("now", last), ("later", "2026-12-31")):
        found = attribute(pd.concat([touched, extra]), bought, ["markov"], "10d", str(as_of)[:10], draws=2)
        rows = found.credits.set_index("channel")["conversions"]
        effects[name] = rows["B"] / rows[["A", "B"]].sum()
        assert rows.sum() == pytest.approx(found.counts["conversions"])
        assert (found.counts["paths_recent"] > 100) == (name == "now")
    assert effects["now"] == pytest.approx(effects["later"], abs=0.03)


def test_a_channel_too_new_to_be_judged_gets_no_credit_by_a_chain():
    touched, bought, last = late_launch(30)
    found = attribute(touched, bought, ["markov", "last"], as_of=str(last)[:10], draws=2)
    rows = found.credits.set_index(["model", "channel"])
    numbers = ["conversions", "lower", "upper", "share"]
    assert rows.loc[("markov", "B"), numbers].isna().all()
    assert rows.loc[("last", "B"), "conversions"] > 100
    assert rows.loc["markov", "share"].sum() == pytest.approx(1)


def test_rules():
    found = shared(["AABC+", "BA+", "C+", "D"])
    assert found["first"] == {"A": 1, "B": 1, "C": 1, "D": 0, "none": 0}
    assert found["last"] == {"A": 1, "B": 0, "C": 2, "D": 0, "none": 0}
    assert found["linear"] == pytest.approx({"A": 1, "B": 0.75, "C": 1.25, "D": 0, "none": 0})
    assert found["position"] == pytest.approx({"A": 0.4 + 0.1 + 0.5, "B": 0.1 + 0.5, "C": 0.4 + 1, "D": 0, "none": 0})
    assert found["shapley"] == pytest.approx({"A": 1 / 3 + 1 / 2, "B": 1 / 3 + 1 / 2, "C": 4 / 3, "D": 0, "none": 0})
    uneven = shared(["ABC+", "BA+"], ["position"], position=(0.6, 0.1, 0.3))["position"]
    assert uneven == pytest.approx({"A": 0.6 + 1 / 3, "B": 0.1 + 2 / 3, "C": 0.3, "none": 0})
    decayed = shared(["AB+"], ["decay"], half_life="1d")["decay"]
    assert decayed == pytest.approx({"A": 1 / 3, "B": 2 / 3, "none": 0})
    assert shared(["AB+"], ["decay"], half_life="1s")["decay"] == pytest.approx({"A": 0, "B": 1, "none": 0})


def test_where_paths_begin_and_end():
    found = shared(["A-+", "A+B+", "A++", "+", "AB-C-D+"], ["linear", "last"], lookback="30d")
    # too long ago; a conversion each; the second of two days running has no touch of its own; none; only D in time
    assert found["linear"] == pytest.approx({"A": 2, "B": 1, "C": 0, "D": 1, "none": 3})
    assert found["last"] == found["linear"]


def test_moments():
    def at(*rows):
        return pd.DataFrame(rows, columns=["customer_id", "ts", "channel"]).assign(ts=lambda t: pd.to_datetime(t["ts"]))

    def last(touched, bought, **options):
        bought = pd.DataFrame({"customer_id": 1, "ts": pd.to_datetime(bought)})
        return credit(attribute(touched, bought, ["last"], as_of="2026-06-30", draws=2, **options))["last"]

    same = at((1, "2026-01-01 10:00", "B"), (1, "2026-01-01 10:00", "A"))
    assert last(same, ["2026-01-01 10:00"]) == {"A": 0, "B": 1, "none": 0}, "a touch of that moment; ties by name"
    assert last(same, ["2026-01-31 10:00"]) == {"A": 0, "B": 1, "none": 0}, "the end of the lookback counts"
    assert last(same, ["2026-01-31 10:00:01"]) == {"A": 0, "B": 0, "none": 1}
    assert last(same, ["2026-01-02", "2026-01-02"]) == {"A": 0, "B": 2, "none": 0}, "conversions of one moment"
    assert last(same, ["2025-12-31"]) == {"A": 0, "B": 0, "none": 1}, "a touch after it"
    assert last(same, ["2026-01-02", "2026-02-20"], since="2026-02-01") == {"A": 0, "B": 0, "none": 1}
    fine = at((1, "2026-01-01 10:00:00.000001", "A"), (1, "2026-01-01 10:00:00.000003", "B"))
    assert last(fine, ["2026-01-01 10:00:00.000002"]) == {"A": 1, "B": 0, "none": 0}, "microseconds are told apart"


def test_open_paths_are_told_apart():
    touched, bought = log(["A", "A+"])  # touches on 2 January
    counts = {as_of: attribute(touched, bought, ["markov"], as_of=as_of, draws=2).counts
              for as_of in ("2026-01-31", "2026-02-01")}  # fmt: skip
    assert (counts["2026-01-31"]["paths_open"], counts["2026-01-31"]["paths_null"]) == (1, 0)
    assert (counts["2026-02-01"]["paths_open"], counts["2026-02-01"]["paths_null"]) == (0, 1)
    early = attribute(touched, bought, ["last"], as_of="2026-01-02", draws=2).counts
    assert (early["conversions"], early["paths_open"]) == (0, 2), "nothing later is seen"


def slow_paths(touched, bought, lookback, end):
    """Return paths as (channels, conversions) by the definition, a loop over customers and touches.

    Then conversions without a touch, and how many paths are not over yet, by (channels, conversions).
    """
    out, recent = Counter(), Counter()
    bare = 0
    for customer in set(touched["customer_id"]) | set(bought["customer_id"]):
        marks = sorted(touched.loc[touched["customer_id"] == customer, ["ts", "channel"]].itertuples(index=False))
        moments = Counter(bought.loc[bought["customer_id"] == customer, "ts"])
        to = {}
        for ts, channel in marks:
            nearest = min((moment for moment in moments if moment >= ts), default=None)
            to.setdefault(nearest if nearest is not None and nearest - ts <= lookback else None, []).append(
                (ts, channel)
            )
        for moment, times in moments.items():
            if moment in to:
                out["".join(channel for _, channel in to[moment]), times] += 1
                recent["".join(channel for _, channel in to[moment]), times] += to[moment][-1][0] + lookback >= end
            else:
                bare += times
        path = []
        for ts, channel in to.get(None, []):
            cut = path and (ts - path[-1][0] > lookback or any(path[-1][0] <= m < ts for m in moments))
            cut = cut or (path and any(path[-1][0] < t < ts for times in to if times is not None for t, _ in to[times]))
            if cut:
                out["".join(c for _, c in path), 0] += 1
                path = []
            path.append((ts, channel))
        if path:
            (out if path[-1][0] + lookback < end else recent)["".join(c for _, c in path), 0] += 1
    return out, bare, recent


def slow_markov(found, recent, channels, order):
    """Return credits of Markov chains by a linear system in plain Python: recent paths give the first step only."""
    won, open_ = (Counter({key: n for key, n in recent.items() if (key[1] > 0) == kind}) for kind in (True, False))
    steps, judged = Counter(), found - won
    for (path, conversions), times in (found + open_).items():
        steps["start", path[:1]] += times * max(conversions, 1)
    for (path, conversions), times in judged.items():
        states = [path[max(i + 1 - order, 0) : i + 1] for i in range(len(path))]
        for step in itertools.pairwise([*states, "won" if conversions else "lost"]):
            steps[step] += times * max(conversions, 1)
    names = sorted({state for step in steps for state in step} - {"won", "lost"})
    out = Counter()
    for (a, _), n in steps.items():
        out[a] += n

    def chance(removed):
        system, right = np.eye(len(names)), np.zeros(len(names))
        for (a, b), n in steps.items():
            if b == "won":
                right[names.index(a)] += n / out[a]
            elif b != "lost" and b[-1] != removed:
                system[names.index(a), names.index(b)] -= n / out[a]
        return np.linalg.solve(system, right)[names.index("start")]

    total = sum(conversions * times for (_, conversions), times in found.items())
    whole = chance(None)
    if not whole:
        return dict.fromkeys(channels, np.nan if total else 0.0)
    effects = {channel: 1 - chance(channel) / whole for channel in channels}
    seen = {channel for path, _ in judged for channel in path}
    new = {channel for path, conversions in found if conversions for channel in path} - seen
    return {
        channel: np.nan if channel in new else total * effect / sum(effects.values())
        for channel, effect in effects.items()
    }


@settings(max_examples=25, deadline=None, phases=set(Phase) - {Phase.shrink})
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 50), st.sampled_from("ABC+")), min_size=1, max_size=40),
    st.integers(1, 3),
)
def test_against_a_slow_reference(rows, order):
    frame = pd.DataFrame([(1, 0, "A"), *rows], columns=["customer_id", "day", "channel"])
    frame["ts"] = START + pd.to_timedelta(frame["day"], unit="D")
    touched, bought = frame[frame["channel"] != "+"], frame[frame["channel"] == "+"].drop(columns="channel")
    expected, bare, recent = slow_paths(touched, bought, pd.Timedelta(days=10), pd.Timestamp("2026-02-21"))
    found = attribute(touched, bought, ["linear", "markov"], "10d", "2026-02-20", draws=2, order=order)
    wins, losses = Counter(), Counter()
    for (path, conversions), times in expected.items():
        wins[path] += conversions * times
        losses[path] += times * (conversions == 0)
    seen = found.paths.set_index(found.paths["path"].str.replace(" > ", ""))
    assert seen["conversions"].to_dict() == dict(wins)
    assert seen["paths_null"].to_dict() == dict(losses)
    models = credit(found)
    assert models["linear"]["none"] == bare
    channels = sorted(set(touched["channel"]))
    by_hand = slow_markov(expected, recent, channels, order)
    assert {c: models["markov"][c] for c in channels} == pytest.approx(by_hand, nan_ok=True)


def random_log(customers, seed):
    random = np.random.default_rng(seed)
    touches_ = random.integers(0, 6, customers)
    ids = np.repeat(np.arange(customers), touches_)
    touched = pd.DataFrame({
        "customer_id": ids, "channel": random.choice(list("ABCDE"), len(ids)),
        "ts": START + pd.to_timedelta(random.integers(0, 150 * 86_400, len(ids)), unit="s"),
    })  # fmt: skip
    bought = pd.DataFrame({"customer_id": random.integers(0, customers, customers // 4)})
    bought["ts"] = START + pd.to_timedelta(random.integers(0, 150 * 86_400, len(bought)), unit="s")
    return touched, bought.assign(amount=random.integers(1, 100, len(bought)).astype(float))


def test_credits_and_the_unattributed_are_all_conversions():
    touched, bought = random_log(600, 3)
    found = attribute(touched, bought, as_of="2026-12-31", value="amount", draws=20, costs={"A": 10.0, "B": 0})
    sums = found.credits.groupby("model")[["conversions", "share", "value"]].sum()
    assert sums["conversions"].to_numpy() == pytest.approx(np.full(7, len(bought)))
    assert sums["value"].to_numpy() == pytest.approx(np.full(7, bought["amount"].sum()))
    assert sums["share"].to_numpy() == pytest.approx(np.ones(7))
    assert found.counts["attributed"] + found.counts["unattributed"] == len(bought)
    assert found.counts["attributed"] == found.paths["conversions"].sum()
    for model in MODELS:
        assert found.draws(model).sum(axis=1).std() > 0
    rows = found.credits[found.credits["channel"] == "A"]
    assert rows["cost_per_conversion"].to_numpy() == pytest.approx(10 / rows["conversions"].to_numpy())
    assert rows["roas"].to_numpy() == pytest.approx(rows["value"].to_numpy() / 10)
    other = found.credits[found.credits["channel"].isin(["B", "C", "none"])]
    assert other["roas"].isna().all()
    assert (found.credits["lower"] <= found.credits["upper"]).all()


def test_intervals_are_those_of_customers_drawn_again():
    """A customer's conversions come together: under Poisson weights the variance is the sum of their squares."""
    times = np.random.default_rng(4).integers(1, 8, 300)
    found = attribute(*log(["A+" * n for n in times]), ["last", "markov"], as_of="2026-12-31", draws=2_000)
    for model in ("last", "markov"):
        spread = found.draws(model)["A"].std()
        assert spread == pytest.approx(np.sqrt((times**2).sum()), rel=0.08)  # 5 errors of a deviation from 2,000 draws
        assert found.draws(model)["A"].mean() == pytest.approx(times.sum(), abs=5 * spread / np.sqrt(2_000))


def test_customers_alike_are_drawn_as_many():
    """40 customers without conversion are one cluster of 40; the chance of the chain varies as with 40 clusters."""
    found = attribute(*log(["AB+"] * 30 + ["B+"] * 30 + ["A"] * 40), ["markov"], as_of="2026-12-31", draws=1_000)
    random = np.random.default_rng(0)
    ab, b, a = random.poisson(30, 4_000), random.poisson(30, 4_000), random.poisson(40, 4_000)
    into_a = (ab + a) / (ab + b + a)  # A is left for B by ab of ab + a; B always converts
    chance = into_a * ab / (ab + a) + (1 - into_a)
    effects = 1 - (1 - into_a) / chance, 1 - 0 * chance
    expected = effects[0] / (effects[0] + effects[1]) * (ab + b)
    assert found.draws("markov")["A"].std() == pytest.approx(expected.std(), rel=0.13)  # 5 errors


def test_large_chains_are_solved_as_small_ones(monkeypatch):
    touched, bought = random_log(300, 6)
    dense = attribute(touched, bought, ["markov"], as_of="2026-12-31", draws=3, order=2).credits
    monkeypatch.setattr(markov, "DENSE", 0)
    found = attribute(touched, bought, ["markov"], as_of="2026-12-31", draws=3, order=2).credits
    pd.testing.assert_frame_equal(dense, found)


def test_the_last_touch_flatters_a_channel_without_effect():
    """Two channels: A doubles the chance to buy; Z does nothing, but always comes last."""
    random = np.random.default_rng(8)
    customers = 40_000
    in_a, in_z = random.random(customers) < 0.5, random.random(customers) < 0.5
    bought = random.random(customers) < np.where(in_a, 0.10, 0.05)
    ids = np.arange(customers)
    touched = pd.concat([
        pd.DataFrame({"customer_id": ids[in_a], "channel": "A", "ts": START}),
        pd.DataFrame({"customer_id": ids[in_z], "channel": "Z", "ts": START + pd.Timedelta(days=1)}),
    ])  # fmt: skip
    converted = pd.DataFrame({"customer_id": ids[bought], "ts": START + pd.Timedelta(days=2)})
    found = attribute(touched, converted, as_of="2026-06-30", draws=50)
    rows = found.credits.set_index(["model", "channel"])
    truth_a = 0.05 * in_a.sum()  # and 0 for Z
    errors = {m: abs(rows.loc[(m, "A"), "conversions"] - truth_a) + rows.loc[(m, "Z"), "conversions"] for m in MODELS}
    assert max(errors, key=errors.get) == "last"
    assert min(errors, key=errors.get) == "first"
    assert rows.loc[("last", "Z"), "lower"] > 2 * truth_a / 3, "hundreds of conversions for nothing, and sure of it"
    assert rows.loc[("last", "Z"), "conversions"] > rows.loc[("last", "A"), "conversions"]
    total = rows.loc["markov", "conversions"].drop("none").sum()
    assert total > 2 * truth_a, "every model shares out what would have come anyway"


def test_the_table_of_touches(tiny_bank):
    found = tiny_bank.frame(touches(tiny_bank, "2099-12-31"))
    contacts, events = tiny_bank.frame(tiny_bank.contacts), tiny_bank.frame(tiny_bank.events)
    through = ~contacts["status"].isin(["failed", "opted_out"])
    seen = events["event"].isin(["campaign_view", "campaign_click"]) & events["customer_id"].notna()
    assert through.any()
    assert len(found) == through.sum() + seen.sum()
    assert (found["kind"] == "contact").sum() == through.sum()
    first = contacts.loc[through, "ts"].min().date()
    early = tiny_bank.frame(touches(tiny_bank, first))
    assert len(early) > 0
    assert (early["ts"].dt.date <= first).all()


@pytest.mark.slow
def test_spark_agrees(spark_url):
    touched, bought = random_log(60, 9)
    there = connect(spark_url)
    tables = [there.create_table(f"attribution_{name}", frame, overwrite=True)
              for name, frame in (("touched", touched), ("bought", bought))]  # fmt: skip
    mine = attribute(touched, bought, as_of="2026-12-31", value="amount", draws=5).credits
    theirs = attribute(*tables, as_of="2026-12-31", value="amount", draws=5).credits
    few = ["model", "channel", "conversions", "value"]
    pd.testing.assert_frame_equal(mine[few], theirs[few])


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"models": ["lst"]}, ParameterError, "models"),
        ({"models": ["last", "last"]}, ParameterError, "each once"),
        ({"lookback": None}, ParameterError, "lookback"),
        ({"lookback": "soon"}, ParameterError, "soon"),
        ({"position": (0.5, 0.5, 0.5)}, ParameterError, "make 1"),
        ({"position": 0.5}, ParameterError, "position"),
        ({"models": 5}, ParameterError, "models"),
        ({"models": [["last"]]}, ParameterError, "models"),
        ({"costs": [1]}, ParameterError, "costs"),
        ({"seed": -1}, ParameterError, "seed"),
        ({"half_life": "1 natural day"}, ParameterError, "half_life"),
        ({"order": 0}, ParameterError, "order"),
        ({"draws": 1}, ParameterError, "draws"),
        ({"channel": "chanel"}, SchemaError, "channel"),
        ({"value": "worth"}, SchemaError, "worth"),
        ({"costs": {"Q": 1}}, ParameterError, "touched somebody"),
        ({"costs": {"A": -1}}, ParameterError, "money"),
        ({"as_of": "2020-01-01"}, DataError, "touches"),
        ({"by": "visitor"}, SchemaError, "visitor"),
    ],
)
def test_bad_input(options, error, text):
    with pytest.raises(error, match=text):
        attribute(*log(["AB+"]), **options)


def test_bad_tables():
    touched, bought = log(["A+"])
    with pytest.raises(ParameterError, match="none"):
        attribute(touched.assign(channel="none"), bought)
    with pytest.raises(SchemaError, match="text in the other"):
        attribute(touched, bought.assign(customer_id="1"))
    with pytest.raises(SchemaError, match="numbers"):
        attribute(touched, bought.assign(amount="1"), value="amount")
    for lacking in (None, np.nan):
        some = pd.concat([bought.assign(amount=1.0), bought.assign(amount=pd.Series([lacking], dtype="float64"))])
        with pytest.raises(DataError, match="column amount: 1 of 2 conversions"):
            attribute(touched, some, value="amount")
    with pytest.raises(ParameterError, match="model"):
        attribute(touched, bought, ["last"], draws=2).draws("first")


def test_units_may_have_text_ids_and_campaigns_numbers():
    touched, bought = log(["AB+", "A"])
    touched["channel"] = touched["channel"].map({"A": 7, "B": 12})
    touched["customer_id"], bought["customer_id"] = "c" + touched["customer_id"].astype(str), "c1"
    found = attribute(touched, bought, ["last"], as_of=dt.date(2026, 6, 30), draws=2)
    assert credit(found)["last"] == {"7": 0, "12": 1, "none": 0}
