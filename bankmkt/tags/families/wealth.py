"""Wealth and value: how much customers keep with the bank, how it moves, and where it goes."""

from ibis import _

from bankmkt.tags.declare import Feature, Tag

FAMILY = "wealth and value"

FEATURES = (
    Feature("aum", "balances", _.aum.sum(), 1, "AUM at the last month end", "yuan"),
    Feature("aum_quarter_ago", "balances", _.aum.sum(), 1, "AUM three month ends earlier", "yuan", before=3),
    Feature("aum_year_ago", "balances", _.aum.sum(), 1, "AUM a year earlier", "yuan", before=12),
    Feature("aum_mean", "balances", _.aum.mean(), 12, "mean AUM of the last twelve month ends", "yuan", empty=None),
    Feature("aum_peak", "balances", _.aum.max(), 12, "highest AUM of the last twelve month ends", "yuan"),
)

TAGS = (
    Tag("long_tail", "Long tail", "长尾客户", FAMILY, _.aum < 50_000, "AUM below 50,000 yuan at the last month end"),
    Tag("affluent", "Affluent", "富裕客户", FAMILY, _.aum.between(200_000, 999_999.99),
        "AUM of 200,000 to under 1,000,000 yuan at the last month end"),
    Tag("money_leaving", "Money leaving", "资金流失", FAMILY, (_.aum_quarter_ago >= 10_000) & (_.aum < 0.7 * _.aum_quarter_ago),
        "AUM fell by more than 30% within three months, from 10,000 yuan or more"),
)
