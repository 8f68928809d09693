"""Channels: where customers act, on line and at the branch, how often and when."""

from ibis import _, cases

from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.families.life_cycle import OWN
from bankmkt.tags.rules import bands, count_true, days_since, largest, ratio

FAMILY = "channels"

_LOGIN = _.event == "login"
_HOUR = _.ts.hour()
_DIGITAL = _.channel.isin(("app", "mini_programme", "web"))
_HOURS = {
    "morning": _HOUR.between(6, 10), "noon": _HOUR.between(11, 13), "afternoon": _HOUR.between(14, 17),
    "evening": _HOUR.between(18, 22), "night": (_HOUR >= 23) | (_HOUR < 6),
}  # fmt: skip

FEATURES = (
    *(Feature(f"own_{channel}", "transactions", _.count(where=OWN & (_.channel == channel)), 6,
              f"movements the customer made by {channel} in six months")
      for channel in ("app", "mini_programme", "web", "counter", "atm", "pos", "third_party")),
    *(Feature(f"{platform}_logins", "events", _.count(where=_LOGIN & (_.platform == platform)), 3,
              f"logins on {platform} in three months")
      for platform in ("app", "mini_programme", "web", "wechat")),
    *(Feature(f"{part}_acts", "events", _.count(where=inside), 3, f"digital acts in the {part}, in three months")
      for part, inside in _HOURS.items()),
    Feature("app_logins_month", "events", _.count(where=_LOGIN & (_.platform == "app")), 1,
            "logins to the app in a month"),
    Feature("weekend_logins", "events", _.count(where=_LOGIN & (_.ts.day_of_week.index() >= 5)), 3,
            "logins on Saturdays and Sundays in three months"),
    Feature("page_seconds", "events", _.duration_s.mean(where=_.event == "page_view"), 3,
            "mean time on a page in three months", "seconds", empty=None),
    Feature("counter_money_moves", "transactions",
            _.count(where=(_.product == "demand") & (_.channel == "counter")
                    & _.kind.isin(("transfer_out", "bill", "purchase", "redemption"))), 6,
            "bills, transfers out, purchases and redemptions at the counter in six months"),
    Feature("atm_withdrawals", "transactions", _.count(where=(_.kind == "cash_out") & (_.channel == "atm")), 3,
            "withdrawals at machines in three months"),
    Feature("bought_online", "transactions",
            _.count(where=_DIGITAL & (_.kind == "purchase") & (_.product != "demand")), 12,
            "products bought by app, mini programme or web in twelve months"),
    Feature("bought_counter", "transactions",
            _.count(where=(_.channel == "counter") & (_.kind == "purchase") & (_.product != "demand")), 12,
            "products bought at the counter in twelve months"),
)  # fmt: skip

_ONLINE = _.own_app + _.own_mini_programme + _.own_web
_CASH_POINTS = _.own_counter + _.own_atm

TAGS = (
    Tag("app_registered", "Registered for the app", "手机银行注册客户", FAMILY, _.app_registered_on.notnull(),
        "has signed up for the app"),
    Tag("app_new", "New to the app", "手机银行新用户", FAMILY,
        _.app_registered_on.notnull() & (days_since(_.app_registered_on) <= 90),
        "signed up for the app within the last 90 days"),
    Tag("app_asleep", "App asleep", "手机银行沉睡", FAMILY,
        _.app_registered_on.notnull() & (_.app_logins == 0) & (days_since(_.app_registered_on) > 90),
        "signed up for the app more than 90 days ago, no logins to it within three months"),
    Tag("app_monthly", "Monthly user of the app", "手机银行月活", FAMILY, _.app_logins_month > 0,
        "logged in to the app within the last month"),
    Tag("login_rhythm", "Rhythm of logins", "登录频率", FAMILY,
        bands(_.login_quarter, ((1, "never"), (3, "now and then"), (12, "monthly"), (60, "weekly")),
              "most days"),
        "logins in the last three months: most days from 60, weekly from 12, monthly from 3, now and then from 1, or "
        "never"),
    Tag("logins_falling", "Logins falling", "登录下滑", FAMILY,
        (_.login_quarter_2 >= 6) & (_.login_quarter < 0.5 * _.login_quarter_2),
        "fewer than half as many logins in the last three months as in the three before, from 6 or more"),
    Tag("logins_rising", "Logins rising", "登录上升", FAMILY,
        (_.login_quarter >= 6) & (_.login_quarter >= 2 * _.login_quarter_2),
        "6 logins or more in the last three months, at least 2 times as many as in the three before"),
    Tag("mini_programme_user", "Mini-programme user", "小程序用户", FAMILY, _.mini_programme_logins > 0,
        "logged in to the mini programme within three months"),
    Tag("wechat_user", "WeChat bank user", "微信银行用户", FAMILY, _.wechat_logins > 0,
        "logged in to the WeChat account within three months"),
    Tag("web_user", "Web bank user", "网上银行用户", FAMILY, _.web_logins > 0,
        "logged in to the web bank within three months"),
    Tag("platforms_used", "Platforms used", "线上平台数", FAMILY,
        count_true(_.app_logins > 0, _.mini_programme_logins > 0, _.web_logins > 0, _.wechat_logins > 0),
        "of app, mini programme, web and WeChat, those logged in to within three months"),
    Tag("digital_without_app", "Digital without the app", "线上活跃未用手机银行", FAMILY,
        (_.app_logins == 0) & (_.mini_programme_logins + _.web_logins + _.wechat_logins >= 1),
        "1 login or more by mini programme, web or WeChat within three months, none to the app"),
    Tag("main_channel", "Main channel", "主要交易渠道", FAMILY,
        largest({"app": _.own_app, "mini programme": _.own_mini_programme, "web": _.own_web, "counter": _.own_counter,
                 "cash machine": _.own_atm, "shop terminal": _.own_pos, "third party": _.own_third_party}),
        "the channel with most movements of one's own in six months; null if there were none"),
    Tag("online_share", "Share on line", "线上交易占比", FAMILY, ratio(_ONLINE, _ONLINE + _CASH_POINTS),
        "of one's movements by app, mini programme, web, counter and cash machine in six months, the share of the "
        "first three; null if there were none"),
    Tag("digital_only", "Digital only", "纯线上客户", FAMILY, (_ONLINE >= 6) & (_CASH_POINTS == 0),
        "6 movements or more by app, mini programme or web in six months, none at the counter or a cash machine"),
    Tag("counter_dependent", "Depends on the counter", "柜面依赖", FAMILY,
        (_.own_counter >= 3) & (_.own_counter > _ONLINE),
        "3 movements or more at the counter in six months, more than by app, mini programme and web"),
    Tag("counter_to_app", "Could do it by app", "柜面可迁移客户", FAMILY,
        (_.counter_money_moves >= 2) & _.app_registered_on.notnull(),
        "2 bills, transfers out, purchases or redemptions or more at the counter in six months, signed up for the app"),
    Tag("cash_machine_regular", "Regular at the cash machine", "取现常客", FAMILY, _.atm_withdrawals >= 2,
        "2 withdrawals or more at machines within three months"),
    Tag("online_hours", "Time of day on line", "线上活跃时段", FAMILY,
        largest({part: _[f"{part}_acts"] for part in _HOURS}),
        "the part of the day with most digital acts in three months: morning from 6, noon from 11, afternoon from 14, "
        "evening from 18, night from 23 to 6 o'clock; null if there were none"),
    Tag("weekend_user", "Weekend user", "周末活跃客户", FAMILY,
        (_.login_quarter >= 4) & (_.weekend_logins >= 0.5 * _.login_quarter),
        "4 logins or more in three months, half or more of them on Saturday or Sunday"),
    Tag("reader", "Reads at length", "深度浏览", FAMILY, _.page_seconds >= 45,
        "45 seconds or more on a page on average, within three months; null if no page was seen"),
    Tag("buys_where", "Where products are bought", "购买渠道", FAMILY,
        cases(((_.bought_online > 0) & (_.bought_counter > 0), "both"), (_.bought_online > 0, "on line"),
              (_.bought_counter > 0, "counter"), else_=None),
        "on line (app, mini programme, web), at the counter, or both, within 12 months; null if nothing was bought"),
)  # fmt: skip
