"""Location and branch: where customers live and bank, who looks after them, and what to say at the counter."""

from ibis import _

from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.families.life_cycle import OWN
from bankmkt.tags.rules import largest

FAMILY = "location and branch"

_COUNTER = OWN & (_.channel == "counter")
_HOUR = _.ts.hour()

FEATURES = (
    Feature("counter_month", "transactions", _.count(where=_COUNTER), 1, "movements at the counter in a month"),
    Feature("counter_half_2", "transactions", _.count(where=_COUNTER), 6,
            "movements at the counter in the six months before those", before=6),
    Feature("counter_morning", "transactions", _.count(where=_COUNTER & (_HOUR < 12)), 12,
            "movements at the counter in the morning, in twelve months"),
    Feature("counter_afternoon", "transactions", _.count(where=_COUNTER & (_HOUR >= 12)), 12,
            "movements at the counter from noon on, in twelve months"),
    Feature("counter_cash", "transactions", _.count(where=_COUNTER & _.kind.isin(("cash_in", "cash_out"))), 6,
            "cash movements at the counter in six months"),
    Feature("manager_contacts", "contacts", _.count(where=_.channel.isin(("rm", "call"))), 6,
            "contacts by relationship manager or call in six months"),
)  # fmt: skip

_SMALL_CITY = _.city_tier.isin(("tier_3", "tier_4"))

TAGS = (
    Tag("home_city_tier", "Tier of the home city", "居住城市等级", FAMILY,
        _.city_tier, "size class of the home city: tier 1, new tier 1, tier 2, tier 3 or tier 4"),
    Tag("branch_city", "City of the branch", "网点所在城市", FAMILY,
        _.unit_city, "city of the sub-branch that keeps the customer"),
    Tag("small_city_digital", "Small city, on line", "下沉市场线上客户", FAMILY, _SMALL_CITY & (_.app_logins_month > 0),
        "lives in a city of tier 3 or 4, logged in to the app within a month"),
    Tag("small_city_saver", "Small city, savings", "下沉市场储蓄客户", FAMILY, _SMALL_CITY & (_.deposit_now >= 5_000),
        "lives in a city of tier 3 or 4, time deposits of 5,000 yuan or more"),
    Tag("big_city_wage", "Big city, wage earner", "大城市工薪客户", FAMILY,
        (_.city_tier == "tier_1") & (_.salaries_two_months > 0),
        "lives in a city of tier 1, a salary within two months"),
    Tag("acquired_by", "How the customer came", "获客来源", FAMILY, _.acquired_via,
        "branch, payroll, app, referral, partner or campaign"),
    Tag("managed", "Has a relationship manager", "有客户经理", FAMILY,
        _.manager_id.notnull(), "a relationship manager is assigned"),
    Tag("manager_missing", "Should have a manager", "待分配客户经理", FAMILY,
        (_.aum >= 300_000) & _.manager_id.isnull(),
        "AUM of 300,000 yuan or more, no relationship manager"),
    Tag("manager_time_to_free", "Manager could be freed", "客户经理可释放", FAMILY,
        _.manager_id.notnull() & (_.aum < 300_000),
        "has a relationship manager, AUM below 300,000 yuan"),
    Tag("manager_silent", "Manager silent", "客户经理未联系", FAMILY,
        _.manager_id.notnull() & (_.manager_contacts == 0),
        "has a relationship manager, no contacts by manager or call within six months"),
    Tag("branch_regular", "Branch regular", "网点常客", FAMILY, _.own_counter >= 6,
        "6 movements or more at the counter within six months"),
    Tag("branch_left", "No longer seen at the branch", "网点流失客户", FAMILY,
        (_.counter_half_2 >= 3) & (_.own_counter == 0),
        "no movements at the counter within six months after 3 or more in the six before"),
    Tag("branch_time", "Time of day at the branch", "到店时段", FAMILY,
        largest({"morning": _.counter_morning, "afternoon": _.counter_afternoon}),
        "morning (before 12) or afternoon, whichever saw more movements at the counter within 12 months; null if none"),
    Tag("counter_cash_only", "Counter for cash only", "柜面现金客户", FAMILY,
        (_.own_counter >= 2) & (_.counter_cash == _.own_counter),
        "2 movements or more at the counter within six months, all of them cash: could use the machine"),
    Tag("activate_at_counter", "Activate the app at the counter", "到店开通手机银行", FAMILY,
        (_.counter_month > 0) & (_.app_registered_on.isnull() | (_.app_logins == 0)),
        "at the counter within a month, no app or no logins to it within three months"),
    Tag("greet_at_counter", "Greet at the counter", "到店贵宾识别", FAMILY, (_.counter_month > 0) & (_.aum >= 50_000),
        "at the counter within a month, AUM of 50,000 yuan or more"),
    Tag("branch_investor", "Invests at the branch", "网点投资客户", FAMILY,
        (_.bought_counter > 0) & (_.wealth_now + _.fund_now >= 10_000),
        "bought a product at the counter within 12 months, 10,000 yuan or more in wealth products and "
        "funds"),
)  # fmt: skip
