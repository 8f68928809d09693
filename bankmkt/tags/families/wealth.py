"""Wealth and value: how much customers keep with the bank, how it moves, and where it goes."""

from typing import Any

from ibis import _, cases

from bankmkt.schema import ASSETS
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.rules import bands, days_since, ratio
from bankmkt.terms import TIERS, TOP_TIER, paid

FAMILY = "wealth and value"

IN = _.kind.isin(("salary", "transfer_in", "cash_in"))
OUT = _.kind.isin(("transfer_out", "cash_out"))

PAID = paid(_)
"""What left an account or was charged to a card; below 0 what came back, as a refund."""


def _aum(name: str, before: int, when: str) -> Feature:
    return Feature(name, "balances", _.aum.sum(), 1, f"AUM {when}", "yuan", before=before)


FEATURES = (
    _aum("aum", 0, "at the last month end"),
    _aum("aum_quarter_ago", 3, "three month ends earlier"),
    _aum("aum_half_ago", 6, "six month ends earlier"),
    _aum("aum_year_ago", 12, "a year earlier"),
    Feature("aum_mean", "balances", _.aum.mean(), 12, "mean AUM of the last twelve month ends", "yuan", empty=None),
    Feature("aum_peak", "balances", _.aum.max(), 12, "highest AUM of the last twelve month ends", "yuan"),
    Feature("aum_low", "balances", _.aum.min(), 12, "lowest AUM of the last twelve month ends", "yuan"),
    Feature("inflow", "transactions", _.amount.sum(where=IN), 3, "money that came in within three months", "yuan"),
    Feature("outflow", "transactions", PAID.sum(where=OUT), 3, "money that left within three months", "yuan"),
    Feature("largest_in", "transactions", _.amount.max(where=_.kind.isin(("transfer_in", "cash_in"))), 1,
            "largest transfer or deposit of cash within a month", "yuan"),
    Feature("largest_out", "transactions", PAID.max(where=OUT), 1,
            "largest transfer or withdrawal within a month", "yuan"),
    Feature("earned", "transactions",
            _.amount.sum(where=_.product.isin(ASSETS)
                         & ((_.kind == "return") | ((_.kind == "interest") & (_.amount > 0)))), 12,
            "interest and returns on assets within twelve months", "yuan"),
)  # fmt: skip


def _tier(aum: Any) -> Any:
    """Return the number of the wealth tier, 0 to 3."""
    return bands(aum, [(limit, number) for number, (limit, _name) in enumerate(TIERS)], len(TIERS))


_INVESTED = _.wealth_now + _.fund_now + _.insurance_now + _.metal_now

TAGS = (
    Tag("wealth_tier", "Wealth tier", "资产等级", FAMILY,
        bands(_.aum, TIERS, TOP_TIER),
        "AUM at the last month end: under 50,000 yuan (the long tail), under 500,000, under 6,000,000, or above"),
    Tag("nearly_next_tier", "Nearly in the next tier", "临界升级客户", FAMILY,
        _.aum.between(40_000, 49_999.99) | _.aum.between(400_000, 499_999.99) | _.aum.between(4_800_000, 5_999_999.99),
        "AUM less than a fifth below the next tier: 40,000 to 49,999.99, 400,000 to 499,999.99 or 4,800,000 to "
        "5,999,999.99 yuan"),
    Tag("tier_up", "Risen to a higher tier", "资产升级", FAMILY,
        (_.aum_quarter_ago > 0) & (_tier(_.aum) > _tier(_.aum_quarter_ago)),
        "in a higher wealth tier (limits 50,000, 500,000 and 6,000,000 yuan) than three month ends ago, with some AUM "
        "then"),
    Tag("tier_down", "Fallen to a lower tier", "资产降级", FAMILY, _tier(_.aum) < _tier(_.aum_quarter_ago),
        "in a lower wealth tier (limits 50,000, 500,000 and 6,000,000 yuan) than three month ends ago"),
    Tag("money_leaving", "Money leaving", "资金流失", FAMILY,
        (_.aum_quarter_ago >= 10_000) & (_.aum < 0.7 * _.aum_quarter_ago),
        "AUM fell by more than 30% within three months, from 10,000 yuan or more"),
    Tag("money_arriving", "Money arriving", "资金流入", FAMILY,
        (_.aum >= 10_000) & (_.aum > 1.5 * _.aum_quarter_ago) & (_.aum_quarter_ago > 0),
        "AUM of 10,000 yuan or more, over 1.5 times that of three month ends ago, when there was some"),
    Tag("sliding", "Sliding", "资产连续下滑", FAMILY,
        (_.aum < 0.95 * _.aum_quarter_ago) & (_.aum_quarter_ago < 0.95 * _.aum_half_ago) & (_.aum_half_ago >= 10_000),
        "AUM fell by over 5% in the last three months and again in the three before; it was 10,000 yuan or more six "
        "month ends ago"),
    Tag("aum_year_mean", "Mean AUM of the year", "月末均资产", FAMILY, _.aum_mean,
        "mean AUM of the last 12 month ends, in yuan"),
    Tag("aum_growth", "AUM growth over a year", "年资产增长率", FAMILY,
        cases((_.aum_year_ago >= 1_000, _.aum / _.aum_year_ago.nullif(0) - 1), else_=None),
        "AUM now ÷ AUM 12 month ends ago − 1; null where that was below 1,000 yuan"),
    Tag("aum_change", "AUM change over a quarter", "季度资产变动", FAMILY,
        cases((_.aum_quarter_ago > 0, _.aum - _.aum_quarter_ago), else_=None),
        "AUM now minus AUM three month ends ago, in yuan; null if there was none then"),
    Tag("below_peak", "Far below the peak", "资产回落", FAMILY,
        (_.aum_peak >= 50_000) & (_.aum < 0.5 * _.aum_peak),
        "AUM less than half of the highest of the last 12 month ends, which was 50,000 yuan or more"),
    Tag("at_peak", "At the peak", "资产创新高", FAMILY,
        (_.aum >= 10_000) & (_.aum >= _.aum_peak) & (_.aum > 1.1 * _.aum_year_ago) & (_.aum_year_ago > 0),
        "AUM is the highest of 12 month ends, 10,000 yuan or more, and over 1.1 times that of a year ago"),
    Tag("swinging", "Swinging balance", "资产波动大", FAMILY,
        (_.aum_mean >= 10_000) & (_.aum_peak - _.aum_low > _.aum_mean),
        "mean AUM of 12 month ends 10,000 yuan or more, the highest and the lowest further apart than the mean"),
    Tag("idle_cash", "Idle cash", "活期沉淀", FAMILY, (_.demand_now >= 20_000) & (_.demand_now >= 0.8 * _.aum),
        "20,000 yuan or more on the current account, which is 80% or more of AUM"),
    Tag("invested_share", "Share invested", "投资类资产占比", FAMILY, ratio(_INVESTED, _.aum),
        "wealth products, funds, insurance and metal ÷ AUM at the last month end; null without AUM"),
    Tag("one_basket", "All in one product", "资产单一集中", FAMILY,
        (_.aum >= 50_000)
        & ((_.deposit_now > 0.9 * _.aum) | (_.wealth_now > 0.9 * _.aum) | (_.fund_now > 0.9 * _.aum)
           | (_.insurance_now > 0.9 * _.aum) | (_.metal_now > 0.9 * _.aum)),
        "AUM of 50,000 yuan or more, over 90% of it in one product other than the current account"),
    Tag("net_inflow", "Net inflow of a quarter", "季度净流入", FAMILY, _.inflow - _.outflow,
        "salary, transfers and cash in, minus transfers and cash out, of the last three months, in yuan"),
    Tag("large_sum_arrived", "Large sum arrived", "大额资金到账", FAMILY, _.largest_in >= 50_000,
        "a transfer or cash deposit of 50,000 yuan or more within the last month"),
    Tag("large_sum_left", "Large sum left", "大额资金转出", FAMILY, _.largest_out >= 50_000,
        "a transfer or cash withdrawal of 50,000 yuan or more within the last month"),
    Tag("money_passes_through", "Money passes through", "过路资金", FAMILY,
        (_.inflow >= 10_000) & (_.outflow >= 0.8 * _.inflow) & (_.aum < 0.2 * _.inflow),
        "10,000 yuan or more came in within three months, 80% or more left again, and AUM is below 20% of "
        "it"),
    Tag("yield_year", "Yield of the year", "近一年收益率", FAMILY,
        cases((days_since(_.opened_on) > 365, ratio(_.earned, _.aum_mean)), else_=None),
        "interest and returns on assets of the last 12 months ÷ mean AUM of the last 12 month ends; null without AUM, "
        "or for customers of 365 days or less"),
    Tag("net_position", "Net position", "净资产", FAMILY, _.aum - _.loan_now - _.card_now,
        "AUM minus loans and the card's balance at the last month end, in yuan"),
)  # fmt: skip
