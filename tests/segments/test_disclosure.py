"""An attacker reads everything a check-up shows of a bank planted with groups of one, and of all but one."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

import bankmkt as bm
from bankmkt.errors import ParameterError
from bankmkt.privacy import K, discloses
from bankmkt.reports.parameters import declared
from bankmkt.segments import health_check
from bankmkt.segments.measures import DIGITAL, EARNED

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "10_health_check.ipynb"
MONTHS = pd.date_range("2025-01-31", periods=14, freq="ME").as_unit("s")
PRODUCTS = ["demand", "time_deposit", "wealth", "fund", "insurance", "metal", "loan", "card_balance"]
SHARES = {  # of customers who do or have it: nobody, one, a few, half, all but a few, all but one, everybody
    "active": (0.03, 0.5, 0.97, 0.99, 1.0),
    "demand": (0.97, 0.99, 1.0),
    "fund": (0.0, 0.02, 0.5),
    "loan": (0.02, 0.3, 0.98),
    "rich": (0.0, 0.03, 0.3, 0.98),
    "app": (0.03, 0.98, 1.0),
    "web": (0.0, 0.03, 0.4),
    "digital": (0.0, 0.03, 0.5, 0.98, 1.0),
    "odd": (0.0, 0.05, 0.1),
    "rare": (0.05, 0.1, 0.3),
}


def planted(seed, sizes=(60, 30, 14, 4), one_product=False):
    """Make a bank whose shares are drawn anew for every branch, so that some single out one customer."""
    rng = np.random.default_rng(seed)
    count = sum(sizes)
    ids = np.arange(1, count + 1)
    branch = np.repeat(np.arange(len(sizes)), sizes)
    draw = {name: rng.choice(values, len(sizes))[branch] for name, values in SHARES.items()}
    late = rng.random(count) < rng.choice([0.02, 0.1, 0.9])
    opened = pd.Series(np.where(late, np.datetime64("2026-02-05", "s"), np.datetime64("2019-03-01", "s")))
    born = pd.to_datetime(rng.choice(["1950-02-01", "1990-02-01"], count))
    customers = pd.DataFrame({
        "customer_id": ids, "gender": "f", "birth_date": born,
        "opened_on": opened, "closed_on": pd.NaT, "org_id": branch + 2,
        "occupation": rng.choice(["farmer", "student", "retired", "other"], count, p=[0.02, 0.08, 0.2, 0.7]),
        "city_tier": rng.choice(["tier_1", "tier_2"], count, p=[0.97, 0.03]),
    }).astype({"birth_date": "datetime64[s]", "closed_on": "datetime64[s]"})  # fmt: skip
    balances, transactions, events = [], [], []
    for end in MONTHS:
        here = ids[(opened <= end).to_numpy()] - 1

        def some(name, here=here):
            return rng.random(len(here)) < draw[name][here]

        frame = pd.DataFrame({"customer_id": ids[here], "month": end, **dict.fromkeys(PRODUCTS, 0.0)})
        frame["demand"] = np.where(some("demand"), np.where(some("rich"), 90_000.0, 100.0), 0.0)
        if not one_product:
            frame["fund"], frame["loan"] = np.where(some("fund"), 50.0, 0.0), np.where(some("loan"), 70.0, 0.0)
        balances.append(frame)
        for kind, channel, chosen in (
            ("interest", "auto", some("demand")), ("transfer_in", "app", some("digital")),
            ("spend", "pos", ~some("digital")), ("salary", "auto", some("fund")), ("return", "auto", some("rare")),
            ("bill", "counter", some("odd")), ("cash_out", "atm", some("rare")), ("cash_in", "web", some("odd")),
        ):  # fmt: skip
            transactions.append(
                pd.DataFrame(
                    {
                        "customer_id": ids[here][chosen],
                        "ts": end - pd.Timedelta(days=3),
                        "channel": channel,
                        "kind": kind,
                        "amount": 10.0,
                        "product": "demand",
                    }
                )
            )
        active = some("active")
        for platform, chosen in (("app", some("app")), ("web", some("web")), ("wechat", rng.random(len(here)) < 0.02)):
            hour = rng.integers(19, 22, int((active & chosen).sum())) if seed % 2 else 20
            ts = end - pd.Timedelta(days=6) + pd.to_timedelta(hour, unit="h")
            logins = pd.DataFrame({"customer_id": ids[here][active & chosen], "ts": ts, "platform": platform})
            events.append(logins.assign(event="login", visitor_id=1))
    balances = pd.concat(balances, ignore_index=True)
    balances["aum"] = balances[PRODUCTS[:6]].sum(axis=1)
    balances["products"] = (balances[PRODUCTS] > 0).sum(axis=1)
    names = ["Head office", *(f"Branch {i}" for i in range(len(sizes)))]
    return {
        "organisations": pd.DataFrame({
            "org_id": range(1, len(names) + 1), "parent_id": pd.array([None, *[1] * len(sizes)], "Int64"),
            "level": ["head_office", *["branch"] * len(sizes)], "name": names,
        }),
        "customers": customers,
        "balances": balances,
        "transactions": pd.concat(transactions, ignore_index=True).assign(transaction_id=lambda t: range(len(t))),
        "events": pd.concat(events, ignore_index=True).assign(event_id=lambda e: range(len(e))),
    }  # fmt: skip


def leaks(shown, true, frames, k=K):
    """List what of a check-up gives fewer than k customers away; ``true`` is the same one with nothing hidden."""
    found = []

    def must(fine, *what):
        if not fine:
            found.append(what)

    now, whole = shown.headline.set_index("indicator"), true.headline.set_index("indicator")
    totals = shown.trend.set_index("month").customers
    everyone = now.value["customers"]

    def told(what, part, of):
        """No number that is shown may disclose, now or before; numbers that are shares of it count too."""
        part, of = np.broadcast_arrays(np.asarray(part, float), np.asarray(of, float))
        must(not discloses(part.round(6), of.round(6), k).any(), what, part[discloses(part, of, k)])

    def hidden_together(what, shows, parts, wholes=None):
        """What total − shown leaves must be two or more rows, and disclose neither by itself nor by what it leaves."""
        left = shows.isna()
        if left.any():
            must(left.sum() > 1, what, "a single row is hidden")
            size = parts[left].sum()
            must(not discloses(size, wholes[left].sum() if wholes is not None else np.inf, k), what, "left", size)

    def hidden_alike(what, shows, parts):
        """The same where rows share customers, who may be the same few: one row of what is left must have k of them.

        Where nothing is shown, nothing is left but the total, which is checked by itself.
        """
        left = parts[shows.isna()]
        if left.any() and shows[parts > 0].notna().any():
            must(len(left) > 1 and left.max() >= k, what, "left", left.to_dict())

    # the whole, month by month
    for frame in (shown.trend, *(now[[c]].T for c in ("value", "last_month", "last_year"))):
        told("active", frame.active, frame.customers)
        told("active share", frame.active_share * frame.customers, frame.customers)
        told("long tail", frame.long_tail_share * frame.customers, frame.customers)
        told("products", frame.products_per_head * frame.customers, frame.customers)
        told("opened", frame.opened, frame.customers)
    told("closed", shown.trend.closed, shown.trend.customers.shift())
    for name in ("customers", "active", "opened", "closed"):
        for column, since in (("last_month", "month"), ("last_year", "year")):
            before = now.value[name] / (1 + now[f"change_{since}_pct"][name] / 100)
            told(f"{name} before", before, now[column]["customers"])
    # groups and units
    for table, key in (("groups", "dimension"), ("branches", None)):
        a, b = getattr(shown, table), getattr(true, table)
        b = b.set_index("group" if key else "branch").loc[a["group" if key else "branch"]].reset_index()
        pairs = [("active", "active_share"), ("products", "products_per_head")]
        for name, ratio in pairs:
            must(a[ratio][a.customers.isna()].isna().all(), table, name, "of a hidden group")
            told(f"{name} of {table}", a[ratio] * a.customers, a.customers)
        told(table, a.customers, everyone)
        for since, column in (("month", "last_month"), ("year", "last_year")):
            before = a.customers / (1 + a[f"customers_change_{since}_pct"] / 100)
            told(f"{table} last {since}", before, now[column]["customers"])
        for _, rows in a.groupby(a[key] if key else [0] * len(a)):
            others = b.loc[rows.index]
            hidden_together(table, rows.customers, others.customers)
            hidden_together(f"money of {table}", rows.aum, others.customers)
            for (name, ratio), total in zip(pairs, ("active_share", "products_per_head"), strict=True):
                if np.isfinite(now.value[total]):
                    parts = others[ratio] * others.customers
                    wholes = others.customers if (parts <= others.customers).all() else None  # several products each
                    hidden_together(f"{name} of {table}", rows[ratio], parts, wholes)
    # products
    a, b = shown.products, true.products.set_index("product").loc[shown.products["product"]].reset_index()
    told("holders", a.holders, everyone)
    told("penetration", a.penetration * everyone, everyone)
    told("holders by balance", a.balance / a.balance_per_holder, everyone)
    for since, column in (("month", "last_month"), ("year", "last_year")):
        told("holders before", a.holders / (1 + a[f"holders_change_{since}_pct"] / 100), now[column]["customers"])
    if np.isfinite(now.value["products_per_head"]):
        hidden_together("holders", a.holders, b.holders, pd.Series(everyone, a.index))
        hidden_alike("holders", a.holders, b.holders)
        hidden_alike("others than holders", a.holders, everyone - b.holders)
    assets = a.side == "asset"
    hidden_alike("balance", a.balance[assets], b.holders[assets])
    # channels and kinds
    a = shown.channels
    b = a[["dimension", "group"]].merge(true.channels, how="left", validate="one_to_one")
    told("users", a.customers, everyone)
    for name, rows in a.groupby("dimension"):
        hidden_alike(name, rows.transactions, b.customers[rows.index])
        small = b.customers[rows.index].between(1, k - 1)
        must(rows.loc[small, ["transactions", "turnover", "share"]].isna().all(axis=None), name, "small")
    t = frames["transactions"]
    t = t.assign(month=t.ts.dt.to_period("M"), digital=t.channel.isin(DIGITAL))
    used = {
        name: t.groupby(["month", name]).customer_id.nunique().unstack(fill_value=0) for name in ("channel", "kind")
    }
    t = t[t.channel != "auto"]
    users = t.groupby(["month", "digital"]).customer_id.nunique()
    for month in shown.trend.dropna(subset="digital_share").month:
        for digital in (True, False):
            number = users.get((pd.Period(month, "M"), digital), 0)
            must(not 0 < number < k, "digital share", month, number)
    # the digital share and one channel tell all that is digital, all that is not, and all that the bank does itself
    channels = a[a.dimension == "channel"].set_index("group")
    months = dict(
        zip(("value", "last_month", "last_year"), (shown.month, shown.last_month, shown.last_year), strict=True)
    )
    for column, since in (("value", ""), ("last_month", "_month"), ("last_year", "_year")):
        if not np.isfinite(now[column]["digital_share"]):
            continue
        of_month = used["channel"].loc[pd.Period(months[column], "M")]
        shows = channels.transactions
        if since:
            shows = shows / (1 + channels[f"transactions_change{since}_pct"] / 100)
        shows = shows.reindex(of_month.index)
        if since:  # a channel of which there is no change to tell by is no channel that is hidden
            shows = shows.mask(shows.isna() & (of_month >= k), 1.0)
        for part in (of_month.index.isin(DIGITAL), of_month.index == "auto"):
            left = of_month[part & shows.isna() & (of_month > 0)]
            must(left.empty or (len(left) > 1 and left.max() >= k), "digital share", column, left.to_dict())
        own = ~of_month.index.isin([*DIGITAL, "auto"])
        left = of_month[own & shows.isna() & (of_month > 0)]
        must(left.empty or (len(left) > 1 and left.max() >= k), "digital share", column, left.to_dict())
    # flows: what a month's kinds add up to is known, and net new money tells what is brought from what is earned
    flows = shown.flows.set_index("flow")
    for column, month in months.items():
        if not month or pd.isna(flows[column]["change of aum"]):
            continue
        of_month = used["kind"].loc[pd.Period(month, "M")]
        hidden = of_month[flows[column].reindex(of_month.index).isna() & (of_month > 0)]
        earned = hidden.index.isin(EARNED)
        known = {"all": (hidden, "other" in flows.index and pd.notna(flows[column]["other"]))}
        known["brought"] = hidden[~earned], np.isfinite(now[column]["net_new_money"])
        known["earned"] = hidden[earned], known["all"][1] and known["brought"][1]
        for name, (left, told_of) in known.items():
            must(
                not told_of or left.empty or (len(left) > 1 and left.max() >= k), "flows", name, column, left.to_dict()
            )
    # activity and hours
    a, b = shown.activity, true.activity
    told("platform", a.customers, a.month.map(totals))
    told("platform share", a.share * a.month.map(totals), a.month.map(totals))
    told("platform by acts", a.acts / a.acts_per_customer, a.month.map(totals))
    anyone = a.month.map(a[a.platform == "all"].set_index("month").customers)
    told("platform of the active", a.customers, anyone)
    told_together = a[(a.platform == "all") & a.acts.notna()].month
    for _, rows in a[(a.platform != "all") & a.month.isin(told_together)].groupby("month"):
        hidden_alike("acts", rows.acts, b.customers[rows.index])
    h = shown.hours
    told("hours", h.customers, everyone)
    told("hours of the active", h.customers, whole.value["active"])
    small = true.hours.customers.between(1, k - 1)
    must(h.logins[small].isna().all(), "logins")
    if np.isfinite(now.value["logins_per_active"]):
        hidden_alike("logins", h.logins, true.hours.customers)
    # what stands out repeats the counts above
    s = shown.stands_out
    sizes = {"Head office": everyone} | dict(zip(shown.branches.branch, shown.branches.customers, strict=True))
    sizes |= dict(zip(shown.groups.group, shown.groups.customers, strict=True))
    for row in s[s.indicator == "active customers"].to_dict("records"):
        told("stands out", row["value"], sizes[row["group"]])
    counted = s[s.indicator.isin(["customers", "active customers"])]
    must(((counted.value >= k) & (counted.last_month >= k)).all(), "stands out")
    for row in s[s.dimension.isin(["channel", "kind"])].to_dict("records"):  # its change a year ago is told, its range
        must((used[row["dimension"]][row["group"]] >= k).all(), "stands out", row["group"])
    return found


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))])
def test_nothing_shown_gives_a_few_customers_away(seed):
    frames = planted(seed, one_product=seed == 7)
    bank = bm.open_bank(frames)
    true = health_check(bank, k=1)
    assert leaks(true, true, frames), "the naive tables disclose, or this test shows nothing"
    shown = health_check(bank)
    assert leaks(shown, true, frames) == []
    for column in ("customers", "share"):
        assert shown.groups[column].notna().any(), "something is left to read"


def test_nothing_is_given_away_without_events():
    frames = planted(3)
    del frames["events"]
    bank = bm.open_bank(frames)
    assert leaks(health_check(bank), health_check(bank, k=1), frames) == []


def test_one_inactive_customer_is_hidden_everywhere():
    """Berka's bank showed 231 active of 232: a figure about the one who was not."""
    frames = planted(0, sizes=(60, 40))
    frames["customers"] = frames["customers"].assign(opened_on=pd.Timestamp("2019-03-01").as_unit("s"))
    b = pd.concat([frames["balances"].query("customer_id == 1").assign(customer_id=i) for i in range(1, 101)])
    frames["balances"] = b
    logins = [pd.DataFrame({"customer_id": range(2, 101), "ts": end, "platform": "app"}) for end in MONTHS]
    frames["events"] = pd.concat(logins).assign(event="login", visitor_id=1, event_id=range(99 * len(MONTHS)))
    check = health_check(bm.open_bank(frames))
    assert (
        check.headline.set_index("indicator").loc[["active", "active_share", "logins_per_active"], "value"].isna().all()
    )
    assert check.trend.active_share.isna().all()
    assert check.activity[["customers", "share", "acts_per_customer"]].isna().all(axis=None)
    units = check.branches.set_index("branch")
    assert units.customers.to_dict() == {"Branch 0": 60, "Branch 1": 40}
    assert units.active_share.isna().all(), "with the other branch's 100 % the first could be worked out"
    active = check.stands_out[check.stands_out.indicator == "active customers"]
    assert not active.dimension.isin(["whole", "branch"]).any()


def test_nobody_and_everybody_are_shown():
    frames = planted(0, sizes=(60, 40), one_product=True)
    frames["events"] = frames["events"].iloc[:0]
    frames["balances"] = frames["balances"].assign(demand=100.0, aum=100.0, products=1)
    check = health_check(bm.open_bank(frames))
    now = check.headline.set_index("indicator").value
    assert now[["active_share", "products_per_head", "long_tail_share"]].tolist() == [0, 1, 1]
    assert check.products[["holders", "penetration"]].to_numpy().tolist() == [[now["customers"], 1.0]]
    assert (check.branches.active_share == 0).all()


def test_no_report_is_made_below_the_banks_threshold():
    k = declared(nbformat.read(NOTEBOOK, 4))["k"]
    assert k.default == k.read("10") == K
    for low in ("9", "1", 0):
        with pytest.raises(ParameterError, match=r"a value in \[10\.\.\]"):
            k.read(low)


def channels_used(users):
    """Make a bank of 100 customers in which so many use each channel, month by month."""
    frames = planted(0, sizes=(60, 40))
    del frames["events"]
    frames["customers"] = frames["customers"].assign(opened_on=pd.Timestamp("2019-03-01").as_unit("s"))
    rows = [
        pd.DataFrame({"customer_id": range(1, number(at) + 1), "ts": end - pd.Timedelta(days=3), "channel": channel})
        for at, end in enumerate(MONTHS)
        for channel, number in users.items()
    ]
    made = pd.concat(rows, ignore_index=True).assign(kind="cash_in", amount=10.0, product="demand")
    frames["transactions"] = made.assign(transaction_id=range(len(made)))
    return health_check(bm.open_bank(frames))


def test_the_digital_share_tells_no_hidden_channel_that_is_not_digital():
    few = {"app": lambda _: 50, "pos": lambda _: 40, "auto": lambda _: 12, "counter": lambda at: 4 if at == 13 else 30}
    check = channels_used(few)
    assert set(check.channels[check.channels.suppressed].group) == {"counter", "auto"}
    assert check.trend.digital_share.isna().tolist() == [False] * 13 + [True]


def test_a_series_says_nothing_of_a_month_with_few_users():
    at_first = {"app": lambda _: 50, "pos": lambda _: 40, "web": lambda at: 4 if at == 0 else 30}
    judged = channels_used(at_first).stands_out
    assert set(judged[judged.dimension == "channel"].group) == {"app"}, "pos is hidden with the web's few"
