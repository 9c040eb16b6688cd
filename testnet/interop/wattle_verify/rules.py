"""What all rules share: bounds, refusals, time, and which values are valid (RULES.md, sections 1, 3 and 4)."""

import unicodedata

from .codec import Malformed
from .ed25519 import key_accepted

QUARTER = 900_000
GATE_LEAD = 300_000
FIRM_LEAD = 300_000
SETTLEMENT_DELAY = 3_600_000
HOUR = 3_600_000
SEAL_EVERY = 60_000
DUE_LIMIT = 32
QUOTA = 3_600
KEPT_OUTCOMES = 256
OUTCOMES_TOGETHER = 16
EVENT_LIMIT = 60_000
LIST_LIMIT = 1_000
REGISTRY_LIMIT = 10_000
KEY_LIMIT = 40_000
MAX_PRICE = 10**8
MAX_AMOUNT = 10**7 * 10**9
MAX_REGISTER = 2**53 - 1
MAX_ORDER = 2**30
MAX_POSITION = 2**32
MAX_OPEN_ORDERS = 4_000
ORDER_HORIZON = 768
READING_HORIZON = 3_840
RETENTION = 3_072
WEEK = 672
DAY = 96
MAX_RATIO = 100_000
MAX_HALTS = 64
MAX_MODES = 64
MAX_DELEGATES = 256
MAX_MINIMUMS = 8
MAX_TAKEN_OUT = 256
MAX_SCHEDULE = 32
FINAL_RUN_DAY = 8  # of the next month, at 00:00


class Refused(Exception):
    """An action or an item that is refused, with its code (RULES.md, section 3)."""

    def __init__(self, code):
        super().__init__("code %d" % code)
        self.code = code


def require(condition, code):
    """Refuses with a code unless the condition holds."""
    if not condition:
        raise Refused(code)


def split_signature(signed):
    """Body and signature of signed bytes."""
    if len(signed) < 64:
        raise Malformed("no room for a signature")
    return signed[:-64], signed[-64:]


# Section 1, time.


def gate_closure(interval):
    """When an interval's gate closes."""
    return interval * QUARTER - GATE_LEAD


def settlement_due(interval):
    """When an interval is settled."""
    return interval * QUARTER + QUARTER + SETTLEMENT_DELAY


def calendar_date(days):
    """Year, month (0 is January) and day (0 is the first) of a day since 1970-01-01, in the Gregorian calendar."""
    # In the proleptic calendar that begins its years in March.
    era, of_era = divmod(days + 719_468, 146_097)
    of_year_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * of_year_era + of_year_era // 4 - of_year_era // 100)
    shifted = (5 * of_year + 2) // 153
    year = era * 400 + of_year_era + (1 if shifted >= 10 else 0)
    return year, (shifted + 2) % 12, of_year - (153 * shifted + 2) // 5


def local_date(interval, utc_offset):
    """Year and month (0 is January) of an interval's local start."""
    return calendar_date((interval * 15 + utc_offset) // 1440)[:2]


def local_month_and_quarter(interval, utc_offset):
    """Month (0 is January) and quarter of the day of an interval's local start."""
    days, minute = divmod(interval * 15 + utc_offset, 1440)
    return calendar_date(days)[1], minute // 15


def local_weekday(interval, utc_offset):
    """Weekday of an interval's local start; Monday is 0."""
    return ((interval * 15 + utc_offset) // 1440 + 3) % 7


def final_run_due(interval, utc_offset):
    """00:00 local time on the 8th of the month after the interval's local month."""
    days = (interval * 15 + utc_offset) // 1440
    _, month, day = calendar_date(days)
    days += 28 - day  # from here the next month is at most three days away
    while calendar_date(days)[1] == month:
        days += 1
    days += FINAL_RUN_DAY - 1 - calendar_date(days)[2]
    return (days * 1440 - utc_offset) * 60_000


# Validity of values.


def name_valid(name):
    """A name has 1 to 64 bytes without control characters."""
    return 1 <= len(name.encode("utf-8")) <= 64 and not any(unicodedata.category(c) == "Cc" for c in name)


def price_valid(price):
    """A price is 0 to 100 CNY/kWh."""
    return 0 <= price <= MAX_PRICE


def tariff_valid(tariff):
    """FORMATS.md, section 4."""
    if not 1 <= len(tariff.seasons) <= 12 or any(month >= len(tariff.seasons) for month in tariff.months):
        return False
    for season in tariff.seasons:
        bands = [one.band for one in season.prices]
        at = 0
        for part in season.ranges:
            if part.start != at or part.end <= part.start or part.band not in bands:
                return False
            at = part.end
        if (
            at != 96
            or len(set(bands)) != len(bands)
            or not all(price_valid(one.price) for one in season.prices)
        ):
            return False
    return True


def terms_valid(terms):
    """FORMATS.md, section 4."""
    return all(price_valid(price) for price in terms) and terms.export <= terms.feed_in


def factor_valid(factor):
    """FORMATS.md, section 4."""
    return name_valid(factor.name) and name_valid(factor.source) and factor.milligrams <= 10**7


def tariff_price(tariff, interval, utc_offset):
    """The price of a tariff's season of the local month, range of the local quarter, band."""
    month, quarter = local_month_and_quarter(interval, utc_offset)
    season = tariff.seasons[tariff.months[month]]
    band = next(part.band for part in season.ranges if part.start <= quarter < part.end)
    return next(one.price for one in season.prices if one.band == band)


def genesis_faults(genesis):
    """Why a genesis is not one (FORMATS.md, section 4); nothing if it is one."""
    if genesis.version != 0:
        yield "its version is %d" % genesis.version
    if not 1 <= len(genesis.name) <= 40 or set(genesis.name) - set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        yield "the park's name is not 1 to 40 of a-z, 0-9 and -"
    if abs(genesis.utc_offset) > 840:
        yield "the offset from UTC is out of bounds"
    ids = [node.id for node in genesis.nodes]
    if not 1 <= len(ids) <= 7 or ids != sorted(set(ids)) or 0 in ids:
        yield "the nodes are not 1 to 7 with ascending ids"
    keys = [genesis.registrar, genesis.treasurer, genesis.regulator]
    keys += [key for node in genesis.nodes for key in node[2:]]
    if len(set(keys)) != len(keys) or not all(key_accepted(key) for key in keys):
        yield "a key is weak, not canonical or used twice"
    tariffs = [tariff for tariff, _ in genesis.tariffs]
    if tariffs != sorted(set(tariffs)) or not all(tariff_valid(tariff) for _, tariff in genesis.tariffs):
        yield "a tariff is invalid"
    if not terms_valid(genesis.terms) or not factor_valid(genesis.factor):
        yield "the terms or the factor are invalid"
