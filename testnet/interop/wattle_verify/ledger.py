"""What the ledger does with batches and events (RULES.md, sections 1 to 5, 7, 8 and 11)."""

import unicodedata
from hashlib import sha256

from . import formats as f
from . import market
from .codec import U64, Malformed, decode
from .ed25519 import key_accepted, signature_holds
from .market import I64_MAX, fits, pos
from .state import State

QUARTER = 900_000
GATE_LEAD = 300_000
FIRM_LEAD = 300_000
SETTLEMENT_DELAY = 3_600_000
HOUR = 3_600_000
SEAL_EVERY = 60_000
DUE_LIMIT = 32
QUOTA = 3_600
KEPT_OUTCOMES = 256
EVENT_LIMIT = 60_000
LIST_LIMIT = 1_000
REGISTRY_LIMIT = 10_000
KEY_LIMIT = 40_000
MAX_PRICE = 10**8
MAX_AMOUNT = 10**7 * 10**9
MAX_REGISTER = 2**53 - 1
MAX_ORDER = 2**30
MAX_OPEN_ORDERS = 4_000
ORDER_HORIZON = 768
READING_HORIZON = 3_840
WEEK = 672
DAY = 96

WHO_MAY = {
    f.REGISTER_PARTICIPANT: f.REGISTRAR,
    f.REGISTER_POINT: f.REGISTRAR,
    f.REGISTER_METER: f.REGISTRAR,
    f.ADD_KEY: f.REGISTRAR,
    f.REVOKE_KEY: f.REGISTRAR,
    f.SET_TARIFF: f.REGISTRAR,
    f.SET_TERMS: f.REGISTRAR,
    f.SET_FACTOR: f.REGISTRAR,
    f.DEPOSIT: f.TREASURER,
    f.WITHDRAW: f.TREASURER,
    f.SET_CREDIT_LIMIT: f.TREASURER,
    f.SUBMIT_READINGS: f.METER_ROLE,
    f.PLACE_ORDERS: f.TENANT,
    f.CANCEL_ORDERS: f.TENANT,
    f.SET_STANDING: f.TENANT,
}


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


def local_month_and_quarter(interval, utc_offset):
    """Month (0 is January) and quarter of the day of an interval's local start."""
    minutes = interval * 15 + utc_offset
    days, minute = divmod(minutes, 1440)
    # Days since 1970-01-01 to a month, in the proleptic Gregorian calendar that begins its years in March.
    of_era = (days + 719_468) % 146_097
    of_year_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * of_year_era + of_year_era // 4 - of_year_era // 100)
    month = ((5 * of_year + 2) // 153 + 2) % 12
    return month, minute // 15


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


class Ledger:
    """A park's state, changed batch by batch. `leaves` is the size of the log so far."""

    def __init__(self, park, genesis, signature, check_signatures=True):
        self.park, self.genesis = park, genesis
        self.check_signatures = check_signatures
        self.state = State()
        self.running = sha256(bytes(32) + signature).digest()
        self.leaves = 1
        self.time = self.term = self.sealed_at = 0
        self.unsealed = True
        self.next_gate = self.next_settlement = genesis.first
        self.node_keys = {key for node in genesis.nodes for key in node[2:]}
        self.names = set()
        self.dearest = {}  # interval -> h, forgotten when the registry or a price changes
        self.findings = []  # (claim, reason) of invariants that broke since the caller last looked
        put = self.state.put
        for role, key in ((0, genesis.registrar), (1, genesis.treasurer), (2, genesis.regulator)):
            put(f.T_KEYS, (key,), f.KEY_RECORD((role, None), 0, 0, None, 0, 0))
        for account in range(f.A_CASH, f.A_NETWORK + 1):
            put(f.T_ACCOUNTS, ((account, None),), f.BALANCE(0, 0, 0))
        for tariff, prices in genesis.tariffs:
            put(f.T_TARIFFS, (tariff, genesis.first), prices)
        put(f.T_TERMS, (genesis.first,), genesis.terms)
        put(f.T_FACTORS, (genesis.first,), genesis.factor)

    # Leaves.

    def derive(self, concerns, fact):
        """The leaf of a derived fact, with its blind (FORMATS.md, section 3)."""
        blind = sha256(b"wattle/blind/v0\n" + self.running + U64.write(self.leaves)).digest()
        self.leaves += 1
        self.unsealed = True
        return f.ENTRY.write((f.DERIVED_LEAF, (concerns, blind, fact)))

    def sign(self, signature):
        """Takes a recorded signature into the running hash."""
        self.running = sha256(self.running + signature).digest()

    def seal_if_due(self, settled):
        """The seal's leaf, or None (section 2, step 4)."""
        if not settled and not (self.unsealed and self.time >= self.sealed_at + SEAL_EVERY):
            return None
        self.sealed_at, self.unsealed = self.time, False
        clock = f.CLOCK(
            self.time,
            self.term,
            self.next_gate,
            self.next_settlement,
            self.sealed_at,
            self.unsealed,
            self.leaves,
            self.running,
        )
        self.state.put(f.T_CLOCK, (), clock)
        self.leaves += 1
        return f.ENTRY.write((f.SEAL_LEAF, self.state.root()))

    # Section 2, what is due.

    def due(self):
        """Does what the clock made due; gives the facts in order and whether an interval with pins was settled or held."""
        facts, settled = [], False
        for _ in range(DUE_LIMIT):
            gate, settlement = gate_closure(self.next_gate), settlement_due(self.next_settlement)
            if min(gate, settlement) > self.time:
                break
            if gate <= settlement:
                interval, self.next_gate = self.next_gate, self.next_gate + 1
                self.pin(interval)
                facts += self.clear(interval)
            else:
                interval, self.next_settlement = self.next_settlement, self.next_settlement + 1
                if self.state.get(f.T_PARK_PINS, interval) is not None:
                    facts += self.settle(interval)
                    settled = True
        return facts, settled

    # Section 4, prices in force.

    def retail(self, point, interval):
        """The point's retail price at an interval, or None."""
        tariff = self.state.in_force(f.T_TARIFFS, point.tariff, interval)
        return None if tariff is None else tariff_price(tariff, interval, self.genesis.utc_offset)

    def terms_at(self, interval):
        """The terms in force at an interval; there are some from the first interval on."""
        return self.state.in_force(f.T_TERMS, interval)

    def gate_open(self, interval):
        """Whether an interval's gate is open."""
        return interval >= self.next_gate and self.time < gate_closure(interval)

    # Section 11, accounts.

    def move(self, account, amount):
        """Adds to a balance."""
        row = self.state.get(f.T_ACCOUNTS, account)
        self.state.put(f.T_ACCOUNTS, (account,), row._replace(balance=row.balance + amount))

    def reserve(self, participant, amount):
        """Adds to what is reserved of a participant's cover."""
        account = (f.A_PARTICIPANT, participant)
        row = self.state.get(f.T_ACCOUNTS, account)
        self.state.put(f.T_ACCOUNTS, (account,), row._replace(reserved=row.reserved + amount))

    # Section 3, admission.

    def admit(self, signed):
        """The event of signed bytes, ready to be recorded; refuses with a code below 100."""
        require(len(signed) <= EVENT_LIMIT, 2)
        try:
            body, signature = split_signature(signed)
            event = decode(f.EVENT, body)
        except Malformed:
            raise Refused(1)
        require(event.version == 0, 1)
        record = self.state.get(f.T_KEYS, event.author)
        require(record is not None, 4)
        if event.sequence <= record.sequence:
            raise Refused(7 if self.state.get(f.T_OUTCOMES, event.author, event.sequence) else 9)
        require(record.revoked is None, 5)
        require(event.sequence == record.sequence + 1, 6)
        require(record.hour != self.time // HOUR or record.hour_events < QUOTA, 8)
        if self.check_signatures:
            require(signature_holds(event.author, b"wattle/event/v0\n" + self.park + body, signature), 3)
        return event

    def record(self, signed):
        """Records an event; gives its leaf and the leaves it causes."""
        event = self.admit(signed)
        self.sign(signed[-64:])
        record = self.state.get(f.T_KEYS, event.author)
        hour = self.time // HOUR
        record = record._replace(
            sequence=event.sequence,
            hour=hour,
            hour_events=record.hour_events + 1 if record.hour == hour else 1,
        )
        self.state.put(f.T_KEYS, (event.author,), record)
        index, self.leaves, self.unsealed = self.leaves, self.leaves + 1, True
        number, fields = event.action
        facts = []
        try:
            require(number == f.ROTATE_KEY or record.role[0] == WHO_MAY[number], 100)
            if number in (f.SUBMIT_READINGS, f.PLACE_ORDERS, f.CANCEL_ORDERS):
                require(len(fields) > 0, 101)
                require(len(fields) <= LIST_LIMIT, 102)
                outcome = self.judge_items(event, record.role[1], number, fields)
            else:
                outcome = [0]
                facts = getattr(self, ACTIONS[number])(event, record, index, fields) or []
        except Refused as refused:
            outcome = [refused.code]
        row = f.OUTCOME(sha256(signed).digest(), index, tuple(outcome))
        self.state.put(f.T_OUTCOMES, (event.author, event.sequence), row)
        if event.sequence > KEPT_OUTCOMES:
            self.state.remove(f.T_OUTCOMES, (event.author, event.sequence - KEPT_OUTCOMES))
        leaf = f.ENTRY.write((f.EVENT_LEAF, (signed, tuple(outcome))))
        return leaf, [self.derive(concerns, fact) for concerns, fact in facts]

    def judge_items(self, event, owner, number, items):
        """A code for each item, each seeing what those before it changed."""
        codes = []
        for place, item in enumerate(items):
            try:
                if number == f.SUBMIT_READINGS:
                    self.submit_reading(owner, item)
                elif number == f.PLACE_ORDERS:
                    self.place_order(owner, f.ORDER_ID(event.author, event.sequence, place), item)
                else:
                    self.cancel_order(owner, item)
                codes.append(0)
            except Refused as refused:
                codes.append(refused.code)
        return codes

    # Section 4, registry. The checks of each action are in the order of its row in the table.

    def register_participant(self, event, record, index, participant):
        rows = self.state.rows[f.T_PARTICIPANTS]
        require(name_valid(participant.name), 103)
        require((participant.id,) not in rows, 105)
        require(participant.name not in self.names, 104)
        require(len(rows) < REGISTRY_LIMIT, 106)
        self.names.add(participant.name)
        self.state.put(f.T_PARTICIPANTS, (participant.id,), participant)
        self.state.put(f.T_ACCOUNTS, ((f.A_PARTICIPANT, participant.id),), f.BALANCE(0, 0, 0))

    def register_point(self, event, record, index, point):
        rows = self.state.rows[f.T_POINTS]
        require((point.id,) not in rows, 105)
        require((point.participant,) in self.state.rows[f.T_PARTICIPANTS], 107)
        require(self.gate_open(point.start), 117)
        require(self.retail(point, point.start) is not None, 110)
        require(point.connection > 0, 121)
        require(len(rows) < REGISTRY_LIMIT, 106)
        self.state.put(f.T_POINTS, (point.id,), point)
        self.dearest.clear()

    def register_meter(self, event, record, index, meter):
        rows = self.state.rows[f.T_METERS]
        require((meter.id,) not in rows, 105)
        point = self.state.get(f.T_POINTS, meter.point)
        require(point is not None, 108)
        require(key_accepted(meter.key), 111)
        require(self.key_unused(meter.key), 112)
        require(self.gate_open(meter.start), 117)
        require(0 <= meter.register <= MAX_REGISTER, 122)
        require(meter.rated > 0, 121)
        wrong = {f.LOAD_METER: (f.IMPORT, f.EXPORT), f.CONNECTION_METER: (f.LOAD,)}[point.metering]
        require(meter.kind not in wrong, 124)
        require(all(other.kind != meter.kind for other in self.meters_of(point.id)), 123)
        require(len(rows) < REGISTRY_LIMIT, 106)
        self.state.put(f.T_METERS, (meter.id,), meter)
        self.state.put(f.T_READINGS, (meter.id, meter.start - 1), meter.register)
        self.put_key(meter.key, (f.METER_ROLE, meter.id), index)

    def add_key(self, event, record, index, fields):
        key, role = fields
        require(key_accepted(key), 111)
        require(self.key_unused(key), 112)
        if role[0] == f.METER_ROLE:
            require(self.state.get(f.T_METERS, role[1]) is not None, 109)
        if role[0] == f.TENANT:
            require(self.state.get(f.T_PARTICIPANTS, role[1]) is not None, 107)
        require(len(self.state.rows[f.T_KEYS]) < KEY_LIMIT, 106)
        self.put_key(key, role, index)

    def rotate_key(self, event, record, index, fields):
        key, proof = fields
        require(key_accepted(key), 111)
        require(signature_holds(key, b"wattle/rotation/v0\n" + self.park + event.author + key, proof), 116)
        require(self.key_unused(key), 112)
        self.put_key(key, record.role, index)
        self.state.put(f.T_KEYS, (event.author,), record._replace(revoked=index))

    def revoke_key(self, event, record, index, key):
        rows = self.state.rows[f.T_KEYS]
        row = rows.get((key,))
        require(row is not None, 113)
        require(row.revoked is None, 114)
        registrars = [one for one in rows.values() if one.role[0] == f.REGISTRAR and one.revoked is None]
        require(row.role[0] != f.REGISTRAR or len(registrars) > 1, 115)
        self.state.put(f.T_KEYS, (key,), row._replace(revoked=index))

    def set_tariff(self, event, record, index, fields):
        tariff, start, prices = fields
        require(self.gate_open(start), 117)
        require(tariff_valid(prices), 118)
        self.state.put(f.T_TARIFFS, (tariff, start), prices)
        self.dearest.clear()

    def set_terms(self, event, record, index, fields):
        start, terms = fields
        require(self.gate_open(start), 117)
        require(terms_valid(terms), 119)
        self.state.put(f.T_TERMS, (start,), terms)
        self.dearest.clear()

    def set_factor(self, event, record, index, fields):
        start, factor = fields
        require(self.gate_open(start), 117)
        require(factor_valid(factor), 120)
        self.state.put(f.T_FACTORS, (start,), factor)

    def deposit(self, event, record, index, fields):
        return self.move_funds(fields.participant, fields.amount, fields.amount)

    def withdraw(self, event, record, index, fields):
        require(fields.amount != -(2**63), 400)
        return self.move_funds(fields.participant, fields.amount, -fields.amount)

    def move_funds(self, participant, amount, change):
        """Posts `change` from the cash account to the participant's."""
        account = (f.A_PARTICIPANT, participant)
        row = self.state.get(f.T_ACCOUNTS, account)
        require(row is not None, 107)
        require(0 < amount <= MAX_AMOUNT, 400)
        require(change > 0 or row.balance - row.reserved >= amount, 401)
        cash = self.state.get(f.T_ACCOUNTS, (f.A_CASH, None))
        require(fits(row.balance + change) and fits(cash.balance - change), 402)
        self.move((f.A_CASH, None), -change)
        self.move(account, change)
        return [(participant, (f.FUNDS_MOVED, change))]

    def set_credit_limit(self, event, record, index, fields):
        participant, limit = fields
        row = self.state.get(f.T_ACCOUNTS, (f.A_PARTICIPANT, participant))
        require(row is not None, 107)
        require(0 <= limit <= MAX_AMOUNT, 400)
        self.state.put(f.T_ACCOUNTS, ((f.A_PARTICIPANT, participant),), row._replace(credit=limit))

    def set_standing(self, event, record, index, fields):
        number, standing = fields
        point = self.state.get(f.T_POINTS, number)
        require(point is not None, 108)
        require(point.participant == record.role[1], 203)
        require(price_valid(standing.ask) and (standing.bid is None or price_valid(standing.bid)), 202)
        self.state.put(f.T_STANDING, (number,), standing)

    def key_unused(self, key):
        """Neither the registry nor any node of the genesis ever had it."""
        return (key,) not in self.state.rows[f.T_KEYS] and key not in self.node_keys

    def put_key(self, key, role, index):
        """A new key, with a sequence of its own from 1."""
        self.state.put(f.T_KEYS, (key,), f.KEY_RECORD(role, 0, index, None, 0, 0))

    def meters_of(self, point):
        """The meters of a point, by id (one of each kind at most)."""
        return [meter for _, meter in sorted(self.state.rows[f.T_METERS].items()) if meter.point == point]

    # Section 5, orders and pinning.

    def collateral(self, side, quantity, price, interval):
        """The most that a trade can still cost."""
        terms = self.terms_at(interval)
        if side == f.BUY:
            return quantity * pos(price + terms.wheeling)
        if interval not in self.dearest:
            points = self.state.rows[f.T_POINTS].values()
            prices = [self.retail(point, interval) for point in points if point.start <= interval]
            self.dearest[interval] = max([terms.feed_in] + [p for p in prices if p is not None])
        return quantity * pos(self.dearest[interval] - price)

    def place_order(self, participant, order_id, order):
        require(order.quantity > 0, 200)
        require(order.quantity <= MAX_ORDER, 201)
        require(price_valid(order.limit), 202)
        point = self.state.get(f.T_POINTS, order.point)
        require(point is not None, 108)
        require(point.participant == participant, 203)
        require(order.interval >= self.genesis.first, 212)
        require(order.interval >= point.start, 204)
        require(self.gate_open(order.interval), 117)
        require(order.interval <= self.time // QUARTER + ORDER_HORIZON, 205)
        require(self.state.orders_by_participant.get(participant, 0) < MAX_OPEN_ORDERS, 209)
        here = self.state.orders_by_interval.get(order.interval, ())
        mine = [self.state.get(f.T_ORDERS, order.interval, other) for other in here]
        mine = [row.item for row in mine if row.participant == participant]
        same = [one.quantity for one in mine if one.point == order.point and one.side == order.side]
        capacity = point.generation if order.side == f.SELL else point.connection
        require(order.quantity + sum(same) <= capacity // 4, 206)
        if order.side == f.SELL:
            meets = any(one.side == f.BUY and order.limit <= one.limit for one in mine)
        else:
            meets = any(one.side == f.SELL and order.limit >= one.limit for one in mine)
        require(not meets, 207)
        row = self.state.get(f.T_ACCOUNTS, (f.A_PARTICIPANT, participant))
        collateral = self.collateral(order.side, order.quantity, order.limit, order.interval)
        require(row.balance + row.credit - row.reserved >= collateral, 208)
        require(row.reserved + collateral <= I64_MAX, 402)
        self.reserve(participant, collateral)
        value = f.OPEN_ORDER(participant, order, collateral)
        self.state.put(f.T_ORDERS, (order.interval, order_id), value)

    def cancel_order(self, participant, order_id):
        interval = self.state.order_intervals.get(order_id)
        row = None if interval is None else self.state.get(f.T_ORDERS, interval, order_id)
        require(row is not None and row.participant == participant, 210)
        require(self.time < gate_closure(interval) - FIRM_LEAD, 211)
        self.state.remove(f.T_ORDERS, (interval, order_id))
        self.reserve(participant, -row.reserved)

    def pin(self, interval):
        """Keeps what settlement reads of points and park."""
        pinned = False
        for (number,), point in sorted(self.state.rows[f.T_POINTS].items()):
            retail = self.retail(point, interval)
            if point.start > interval or retail is None:
                continue
            standing = self.state.get(f.T_STANDING, number) or f.STANDING(False, 0, None)
            self.state.put(
                f.T_POINT_PINS, (interval, number), f.POINT_TERMS(point.building, retail, *standing)
            )
            pinned = True
        if pinned:
            self.state.put(f.T_PARK_PINS, (interval,), self.terms_at(interval))

    # Section 6, the gate's auction.

    def clear(self, interval):
        """Clears an interval's orders; gives IntervalCleared and OrderClosed for each, or nothing."""
        ids = sorted(self.state.orders_by_interval.get(interval, ()))
        if not ids:
            return []
        rows = {one: self.state.get(f.T_ORDERS, interval, one) for one in ids}
        sides = {side: {} for side in (f.BUY, f.SELL)}
        for one, row in rows.items():
            sides[row.item.side][one] = (row.item.limit, row.item.quantity)
        bids, asks = sides[f.BUY], sides[f.SELL]
        price, volume, sold, bought = market.auction(asks, bids)
        facts = [(None, (f.INTERVAL_CLEARED, (interval, price, volume, len(bids), len(asks))))]
        for one, row in rows.items():
            order = row.item
            filled = (sold if order.side == f.SELL else bought).get(one, 0)
            self.state.remove(f.T_ORDERS, (interval, one))
            kept = 0
            if filled:
                kept = min(row.reserved, self.collateral(order.side, filled, price, interval))
                key = (interval, order.point)
                old = self.state.get(f.T_POSITIONS, *key) or f.POSITION(0, 0, 0, 0)
                sale = order.side == f.SELL
                new = f.POSITION(
                    old.sold + (filled if sale else 0),
                    old.bought + (0 if sale else filled),
                    old.cash + (filled if sale else -filled) * price,
                    old.reserved + kept,
                )
                self.state.put(f.T_POSITIONS, key, new)
            self.reserve(row.participant, kept - row.reserved)
            fact = (one, order, filled, price if filled else None)
            facts.append((row.participant, (f.ORDER_CLOSED, fact)))
        return facts

    # Section 7, readings.

    def submit_reading(self, number, reading):
        meter = self.state.get(f.T_METERS, number)
        require(meter is not None, 109)
        interval, register = reading
        require((interval + 1) * QUARTER <= self.time, 301)
        require(interval >= meter.start and interval + READING_HORIZON >= self.time // QUARTER, 302)
        require(0 <= register <= MAX_REGISTER, 122)
        known = self.state.get(f.T_READINGS, number, interval)
        if known is not None:
            require(known == register, 305)
            return
        neighbors = []
        for other in (
            self.state.at_or_before(f.T_READINGS, number, interval),
            self.state.at_or_after(f.T_READINGS, number, interval),
        ):
            if other is not None:
                rise = (register - self.state.get(f.T_READINGS, number, other)) * (
                    1 if other < interval else -1
                )
                neighbors.append((abs(interval - other), rise))
        require(all(rise >= 0 for _, rise in neighbors), 303)
        for distance, rise in neighbors:
            require(rise <= max(1, meter.rated // 4) * distance * 105 // 100 + 1, 304)
        self.state.put(f.T_READINGS, (number, interval), register)

    def actual_energy(self, number, interval):
        """The difference of the registers at an interval's two ends, or None."""
        after = self.state.get(f.T_READINGS, number, interval)
        before = self.state.get(f.T_READINGS, number, interval - 1)
        return None if after is None or before is None else after - before

    def energy(self, meter, interval):
        """The energy of a meter in an interval, and whether it is actual."""
        actual = self.actual_energy(meter.id, interval)
        if actual is not None:
            return actual, True
        before = self.state.at_or_before(f.T_READINGS, meter.id, interval - 1)
        after = self.state.at_or_after(f.T_READINGS, meter.id, interval)
        if before is not None and after is not None:  # a known gap
            gap = range(before + 1, after + 1)
            total = self.state.get(f.T_READINGS, meter.id, after) - self.state.get(
                f.T_READINGS, meter.id, before
            )
            weights = {at: self.actual_energy(meter.id, at - WEEK) or 0 for at in gap}
            if not any(weights.values()):
                weights = dict.fromkeys(gap, 1)
            return market.share(total, weights)[interval], False
        if meter.kind in (f.GENERATION, f.DISCHARGE, f.EXPORT):
            return 0, False
        week = [self.actual_energy(meter.id, interval - day * DAY) for day in range(1, 8)]
        week = [energy for energy in week if energy is not None]
        return (max(week) if week else meter.rated // 4), False

    # Section 8, settlement.

    def settle(self, interval):
        """Settles an interval with pins; gives its facts."""
        terms = self.state.get(f.T_PARK_PINS, interval)
        inputs, substituted, owners = [], [], []
        pinned = self.state.rows[f.T_POINT_PINS]
        points = [number for (number,) in sorted(self.state.rows[f.T_POINTS]) if (interval, number) in pinned]
        for number in points:
            owners.append(self.state.get(f.T_POINTS, number).participant)
            pins = self.state.get(f.T_POINT_PINS, interval, number)
            position = self.state.get(f.T_POSITIONS, interval, number) or f.POSITION(0, 0, 0, 0)
            energy, missing = {}, []
            for meter in self.meters_of(number):
                if meter.start <= interval:
                    energy[meter.kind], actual = self.energy(meter, interval)
                    missing += [] if actual else [meter.kind]
            substituted.append(tuple(missing))
            connection = f.IMPORT in energy or f.EXPORT in energy
            inputs.append(
                market.Input(
                    number,
                    pins,
                    position.sold,
                    position.bought,
                    position.cash,
                    energy,
                    connection,
                    not missing,
                )
            )
        try:
            result = market.settle(inputs, terms)
            changes = self.account_changes(owners, result)
        except market.Held as held:
            return [(None, (f.SETTLEMENT_HELD, (interval, str(held))))]
        self.findings += result.invariants
        for account, amount in changes.items():
            self.move(account, amount)
        for number, owner in zip(points, owners):
            position = self.state.get(f.T_POSITIONS, interval, number)
            if position is not None:
                self.state.remove(f.T_POSITIONS, (interval, number))
                self.reserve(owner, -position.reserved)
        self.check_balances()
        return self.settled_facts(interval, terms, inputs, substituted, owners, result)

    def account_changes(self, owners, result):
        """What settlement adds to each account; a balance beyond 64 bits holds the interval."""
        changes = {}
        for owner, postings in zip(owners, result.point_postings):
            for _, amount in postings:
                account = (f.A_PARTICIPANT, owner)
                changes[account] = changes.get(account, 0) + amount
        own = {
            f.TO_CLEARING: f.A_CLEARING,
            f.TO_GRID: f.A_GRID,
            f.TO_BALANCING: f.A_BALANCING,
            f.TO_NETWORK: f.A_NETWORK,
        }
        for (name, _), _, amount in result.park_postings:
            account = (own[name], None)
            changes[account] = changes.get(account, 0) + amount
        for account, amount in changes.items():
            if not fits(self.state.get(f.T_ACCOUNTS, account).balance + amount):
                raise market.Held("The account cannot hold the amount.")
        return changes

    def check_balances(self):
        """All balances sum to zero, and clearing is empty after every settlement (section 11)."""
        rows = self.state.rows[f.T_ACCOUNTS]
        if sum(row.balance for row in rows.values()) != 0:
            self.findings.append(("journal", "the balances do not sum to zero"))
        if rows[((f.A_CLEARING, None),)].balance != 0:
            self.findings.append(("journal", "the clearing account is not empty after a settlement"))

    def settled_facts(self, interval, terms, inputs, substituted, owners, result):
        """The facts of a settled interval, in the order of section 8, "Leaves"."""
        facts = []
        owner_of = {one.point: owner for one, owner in zip(inputs, owners)}
        for place, one in enumerate(inputs):
            fact = f.POINT_FACT(
                interval,
                one.point,
                0,
                one.terms,
                substituted[place],
                result.lines[place],
                result.point_postings[place],
            )
            facts.append((owners[place], (f.POINT_SETTLED, fact)))
        fact = f.INTERVAL_FACT(
            interval,
            0,
            terms,
            self.state.in_force(f.T_FACTORS, interval),
            result.price,
            result.volume,
            result.park_postings,
        )
        facts.append((None, (f.INTERVAL_SETTLED, fact)))
        for point, bundle in sorted(result.bundles.items()):
            self.state.put(f.T_CERTIFICATES, (interval, point), bundle)
            facts.append((owner_of[point], (f.CERTIFICATE_ISSUED, (interval, point, bundle))))
        for sender, receiver, quantity in result.pairs:
            fact = (f.CERTIFICATE_DELIVERED, (interval, sender, receiver, quantity))
            facts += [(owner_of[sender], fact), (owner_of[receiver], fact)]
        return facts


ACTIONS = {
    f.REGISTER_PARTICIPANT: "register_participant",
    f.REGISTER_POINT: "register_point",
    f.REGISTER_METER: "register_meter",
    f.ADD_KEY: "add_key",
    f.ROTATE_KEY: "rotate_key",
    f.REVOKE_KEY: "revoke_key",
    f.SET_TARIFF: "set_tariff",
    f.SET_TERMS: "set_terms",
    f.SET_FACTOR: "set_factor",
    f.DEPOSIT: "deposit",
    f.WITHDRAW: "withdraw",
    f.SET_CREDIT_LIMIT: "set_credit_limit",
    f.SET_STANDING: "set_standing",
}
