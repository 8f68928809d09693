"""Life scenarios: car, home, school, pay, travel, health and household bills, each a reason to offer something."""

from typing import Any

from ibis import _

from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.families.spending import BUY, SPEND
from bankmkt.tags.families.wealth import PAID
from bankmkt.tags.rules import count_true, days_since, ratio, years_since

FAMILY = "life scenarios"

_BILL = (_.kind == "bill") & (PAID > 0)
_SALARY = _.kind == "salary"
_BILLS = ("utilities", "telecom", "housing", "education", "healthcare")


def _salary(name: str, aggregate: Any, months: int, meaning: str, unit: str = "", before: int = 0) -> Feature:
    return Feature(name, "transactions", aggregate, months, meaning, unit, before)


FEATURES = (
    *(Feature(f"{kind}_bills", "transactions", _.count(where=_BILL & (_.category == kind)), 6,
              f"bills for {kind} paid in six months")
      for kind in _BILLS),
    Feature("housing_bills_before", "transactions", _.count(where=_BILL & (_.category == "housing")), 12,
            "bills for housing in the twelve months before the last six", before=6),
    Feature("bills", "transactions", _.count(where=_BILL), 3, "bills paid in three months"),
    Feature("bills_quarter_2", "transactions", _.count(where=_BILL), 3, "bills paid in the three months before those",
            before=3),
    Feature("bills_auto", "transactions", _.count(where=_BILL & (_.channel == "auto")), 6,
            "bills paid by standing order in six months"),
    Feature("bills_by_hand", "transactions", _.count(where=_BILL & (_.channel != "auto")), 6,
            "bills paid one by one in six months"),
    Feature("bills_counter", "transactions", _.count(where=_BILL & _.channel.isin(("counter", "atm"))), 6,
            "bills paid at the counter or a machine in six months"),
    _salary("salaries", _.count(where=_SALARY), 3, "salaries received in three months"),
    _salary("salaries_before", _.count(where=_SALARY), 9, "salaries received in the nine months before", before=3),
    _salary("salaries_two_months", _.count(where=_SALARY), 2, "salaries received in two months"),
    _salary("salaries_quarter_2", _.count(where=_SALARY), 3, "salaries received in the three months before those",
            before=3),
    _salary("salary_sum", _.amount.sum(where=_SALARY), 3, "salary received in three months", "yuan"),
    _salary("salary_year_ago", _.amount.sum(where=_SALARY), 3,
            "salary of the same three months a year earlier", "yuan", 12),
    _salary("salary_max", _.amount.max(where=_SALARY), 12, "highest salary payment of twelve months", "yuan"),
    Feature("salary_median", "transactions", _.amount.median(where=_SALARY), 12,
            "median salary payment of twelve months", "yuan", empty=None),
    *(_salary(f"salaries_month_{number + 1}", _.count(where=_SALARY), 1,
              f"salaries received {when}", before=number)
      for number, when in enumerate(("in the last month", "in the month before the last",
                                     "two months before the last"))),
    Feature("fuel_quarter",
            "transactions", _.count(where=BUY & (_.category == "fuel")), 3, "fuel bought in three months"),
    Feature("education_year", "transactions", _.count(where=(BUY | _BILL) & (_.category == "education")), 12,
            "bills and purchases for education in twelve months"),
    Feature("health_quarter", "transactions", _.count(where=(BUY | _BILL) & (_.category == "healthcare")), 3,
            "bills and purchases for health in three months"),
    Feature("housing_spent",
            "transactions", PAID.sum(where=SPEND & _.category.isin(("housing", "electronics"))),
            3, "spent on housing and electronics in three months, less refunds", "yuan"),
    Feature("travel_spent", "transactions", PAID.sum(where=SPEND & (_.category == "travel")), 12,
            "spent on travel in twelve months, less refunds", "yuan"),
    Feature("loans_drawn", "transactions", _.count(where=(_.kind == "loan_drawdown") & (_.product == "loan")), 6,
            "loans drawn in six months"),
)  # fmt: skip

_AGE = years_since(_.birth_date)
_EMPLOYED = _.occupation.isin(("public_sector", "state_enterprise", "private_company"))

_MONTHLY = ratio(_.salary_sum, count_true(_.salaries_month_1 > 0, _.salaries_month_2 > 0, _.salaries_month_3 > 0))

TAGS = (
    Tag("car_owner", "Car owner", "有车一族", FAMILY, _.has_car | (_.fuel_quarter >= 2),
        "known to own a car, or bought fuel 2 times or more within three months"),
    Tag("likely_car", "Likely car owner", "疑似有车", FAMILY, ~_.has_car & (_.fuel_buys >= 2),
        "no car on record, but bought fuel 2 times or more within six months: worth asking"),
    Tag("car_insurance_lead", "Car without insurance here", "车主保险商机", FAMILY,
        _.has_car & (_.insurance_now == 0) & (_.fuel_buys > 0),
        "known to own a car, bought fuel within six months, no insurance with the bank"),
    Tag("commuter", "Commuter", "通勤客群", FAMILY, (_.transport_buys >= 6) & _EMPLOYED,
        "employed, paid for transport 6 times or more within six months"),
    Tag("home_owner", "Home owner", "有房一族", FAMILY, _.has_home, "known to own a home"),
    Tag("tenant", "Likely tenant", "疑似租房", FAMILY, ~_.has_home & (_.housing_bills > 0),
        "no home on record, paid a housing bill within six months"),
    Tag("property_fees", "Pays property fees", "物业缴费客户", FAMILY, _.has_home & (_.housing_bills > 0),
        "known to own a home, paid a housing bill within six months"),
    Tag("moved_in", "Moved in lately", "新迁入住", FAMILY,
        (_.housing_bills >= 2) & (_.housing_bills_before == 0) & (days_since(_.opened_on) > 548),
        "customer for more than 548 days; 2 housing bills or more within six months, none in the twelve before"),
    Tag("furnishing", "Furnishing a home", "装修置家", FAMILY, _.housing_spent >= 300,
        "spent 300 yuan or more on housing and electronics within three months"),
    Tag("school_fees", "Pays school fees", "学费缴费客户", FAMILY, _.education_bills > 0,
        "paid a bill for education within six months"),
    Tag("parent", "Likely parent", "疑似有孩家庭", FAMILY, _AGE.between(28, 50) & (_.education_year >= 2),
        "aged 28 to 50, paid for education 2 times or more within 12 months"),
    Tag("learner", "Learner", "自我提升", FAMILY, _AGE.between(18, 27) & (_.education_year >= 1),
        "aged 18 to 27, paid for education 1 time or more within 12 months"),
    Tag("student", "Student", "学生客群", FAMILY, _.occupation == "student", "occupation: student"),
    Tag("retired", "Retired", "退休客群", FAMILY, _.occupation == "retired", "occupation: retired"),
    Tag("farmer", "Farmer", "农户", FAMILY, _.occupation == "farmer", "occupation: farmer"),
    Tag("merchant", "Business owner in trade", "经营活跃商户主", FAMILY,
        (_.occupation == "self_employed") & (_.transfers_in + _.transfers_out >= 2),
        "self-employed, 2 transfers or more in or out within three months"),
    Tag("payroll", "Paid through the bank", "代发工资客户", FAMILY, _.salaries_two_months > 0,
        "a salary received within two months"),
    Tag("payroll_new", "Newly paid through the bank", "新增代发", FAMILY, (_.salaries > 0) & (_.salaries_before == 0),
        "a salary within three months, none in the nine before"),
    Tag("payroll_lost", "Payroll lost", "代发流失", FAMILY, (_.salaries_two_months == 0) & (_.salaries_quarter_2 > 0),
        "no salary within two months, one in the three months that ended three months ago"),
    Tag("payroll_unused", "Employed, paid elsewhere", "待拓展代发", FAMILY,
        _EMPLOYED & (_.salaries + _.salaries_before == 0),
        "employed by the state, a state enterprise or a company, no salary through the bank in "
        "three months or the nine before"),
    Tag("monthly_salary", "Monthly salary", "月均工资", FAMILY,
        _MONTHLY, "salary of the last three months ÷ those of them in which one came, in yuan a month; null without "
        "one"),
    Tag("high_earner", "High earner", "高薪客户", FAMILY, (_.salaries > 0) & (_MONTHLY >= 15_000),
        "a salary of 15,000 yuan a month or more, over those of the last three months in which one came"),
    Tag("salary_growth", "Salary against last year", "工资同比", FAMILY, ratio(_.salary_sum, _.salary_year_ago) - 1,
        "salary of three months ÷ salary of the same three months a year earlier − 1; null if that was nothing"),
    Tag("bonus", "Likely bonus", "疑似奖金", FAMILY, _.salary_max - _.salary_median,
        "the highest salary payment of 12 months minus the median one, in yuan; null without a salary"),
    Tag("pay_moves_out", "Pay moves out", "工资外流", FAMILY,
        (_.salary_sum > 0) & (_.outflow - (_.inflow - _.salary_sum) >= 0.8 * _.salary_sum),
        "transfers and cash out within three months exceed transfers and cash in by 80% of the salary or more"),
    Tag("pay_and_purchase", "Salary and a purchase", "代发且购买产品", FAMILY,
        (_.salaries > 0) & (_.purchase_quarter > 0),
        "a salary and a purchase of a product within three months"),
    Tag("payroll_no_card", "Payroll without a credit card", "代发未办卡", FAMILY,
        (_.salaries_two_months > 0) & (_.card_peak == 0),
        "a salary within two months, no credit-card balance at any of the last 12 month ends"),
    Tag("traveller", "Traveller", "旅行客群", FAMILY, _.travel_buys >= 2,
        "paid for travel 2 times or more within six months"),
    Tag("travel_spending", "Travel spending", "年旅行支出", FAMILY,
        _.travel_spent, "spent on travel within 12 months, less refunds, in yuan"),
    Tag("hospital", "Health costs", "就医客群", FAMILY, _.health_quarter >= 2,
        "2 bills or purchases or more for health within three months"),
    Tag("utilities_payer", "Pays utilities", "水电煤缴费客户", FAMILY, _.utilities_bills > 0,
        "paid a bill for water, power or gas within six months"),
    Tag("telecom_payer", "Pays telephone bills", "话费缴费客户", FAMILY, _.telecom_bills > 0,
        "paid a telephone bill within six months"),
    Tag("healthcare_payer", "Pays medical bills", "医疗缴费客户", FAMILY, _.healthcare_bills > 0,
        "paid a bill for healthcare within six months"),
    Tag("bill_kinds", "Kinds of bills", "缴费种类数", FAMILY,
        count_true(*(_[f"{kind}_bills"] > 0 for kind in _BILLS)),
        "of utilities, telephone, housing, education and healthcare, those paid within six months"),
    Tag("standing_order_lead", "Bills by hand", "可签约代扣", FAMILY, (_.bills_by_hand >= 2) & (_.bills_auto == 0),
        "2 bills or more paid one by one within six months, none by standing order"),
    Tag("bills_at_counter", "Bills at the counter", "线下缴费客户", FAMILY, _.bills_counter >= 2,
        "2 bills or more paid at the counter or a machine within six months"),
    Tag("bills_gone", "Bills paid elsewhere now", "缴费流失", FAMILY, (_.bills_quarter_2 >= 2) & (_.bills == 0),
        "no bills in three months after 2 or more in the three before"),
    Tag("newly_borrowed", "Loan newly drawn", "新增贷款", FAMILY, _.loans_drawn > 0,
        "drew a loan within six months"),
)  # fmt: skip
