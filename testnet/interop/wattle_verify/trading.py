"""Orders, what the gate does with them, and the rules of trading (RULES.md, sections 5, 6 and 13)."""

from fractions import Fraction

from . import formats as f
from . import market
from .ed25519 import key_accepted, signature_holds
from .market import I64_MAX, pos
from .rules import (
    FIRM_LEAD,
    KEY_LIMIT,
    MAX_DELEGATES,
    MAX_HALTS,
    MAX_MINIMUMS,
    MAX_OPEN_ORDERS,
    MAX_ORDER,
    MAX_POSITION,
    MAX_PRICE,
    MAX_TAKEN_OUT,
    ORDER_HORIZON,
    QUARTER,
    gate_closure,
    local_month_and_quarter,
    local_weekday,
    price_valid,
    require,
)


class Trading:
    """The part of the ledger that deals with orders."""

    # Section 5 and 13, orders.

    def collateral(self, side, quantity, price, interval):
        """The most that a trade can still cost."""
        terms = self.terms_at(interval)
        if side == f.BUY:
            return quantity * pos(price + terms.wheeling)
        return quantity * pos(self.dearest_at(interval) - price)

    def dearest_at(self, interval):
        """h: the greatest of feed-in and the retail prices of all points that take part in an interval."""
        if interval not in self.dearest:
            points = self.state.rows[f.T_POINTS].values()
            prices = [
                self.retail(point, interval)
                for point in points
                if point.start <= interval and not self.ended(point.id, interval)
            ]
            feed_in = self.terms_at(interval).feed_in
            self.dearest[interval] = max([feed_in] + [p for p in prices if p is not None])
        return self.dearest[interval]

    def judge_order(self, author, participant, order, minimum, replaced=None, immediate=False):
        """All checks of an order; `replaced` is the id and row of the one that it takes the place of. Gives its collateral."""
        require(order.quantity > 0, 200)
        require(order.quantity <= MAX_ORDER, 201)
        require(price_valid(order.limit), 202)
        require(0 <= minimum <= order.quantity, 213)
        point = self.state.get(f.T_POINTS, order.point)
        require(point is not None, 108)
        require(point.participant == participant, 203)
        require(order.interval >= self.genesis.first, 212)
        require(order.interval >= point.start, 204)
        require(not self.ended(order.point, order.interval), 219)
        require(self.gate_open(order.interval), 117)
        require(order.interval <= self.time // QUARTER + ORDER_HORIZON, 205)
        continuous = self.mode_at(order.interval) == f.CONTINUOUS
        require(not self.in_default(participant), 410)
        require(continuous or not immediate, 233)
        require(not self.halted(order.interval), 217)
        require(self.may_trade(order), 218)
        others = {
            one: self.state.get(f.T_ORDERS, order.interval, one)
            for one in self.state.orders_by_interval.get(order.interval, ())
            if replaced is None or one != replaced[0]
        }
        mine = {one: row.item for one, row in others.items() if row.participant == participant}
        if replaced is None:
            open_orders = self.state.orders_by_participant.get(participant, 0)
            require(immediate or open_orders < MAX_OPEN_ORDERS, 209)
            if minimum > 0 and not continuous:
                held = sum((order.interval, one) in self.state.rows[f.T_MINIMUMS] for one in mine)
                require(held < MAX_MINIMUMS, 214)
        self.check_exposure(point, order, [one for one in mine.values() if one.point == order.point])
        require(not any(meets(order, one) for one in mine.values()), 207)
        require(not self.meets_leg(order, {participant}), 207)
        group = self.affiliates_of(participant)
        require(not any(row.participant in group and meets(order, row.item) for row in others.values()), 216)
        require(not self.meets_leg(order, group), 216)
        self.check_delegation(author, order, replaced)
        if continuous:
            self.check_book(order, minimum, others, replaced, immediate)
        row = self.state.get(f.T_ACCOUNTS, (f.A_PARTICIPANT, participant))
        reserved = row.reserved - (replaced[1].reserved if replaced else 0)
        collateral = self.collateral(order.side, order.quantity, order.limit, order.interval)
        require(row.balance + row.credit - reserved >= collateral, 208)
        require(reserved + collateral <= I64_MAX, 402)
        return collateral

    def check_exposure(self, point, order, mine):
        """What a point has traded of an order's side, and has open with the order; `mine` are the open orders of the point."""
        position = self.state.get(f.T_POSITIONS, order.interval, point.id) or f.POSITION(0, 0, 0, 0)
        sale = order.side == f.SELL
        same, other = (position.sold, position.bought) if sale else (position.bought, position.sold)
        opened = order.quantity + sum(one.quantity for one in mine if one.side == order.side)
        for row, leg in self.legs_at(order.interval):
            if row.point == point.id and leg.side == order.side:
                opened += leg.quantity
        capacity = point.generation if sale else point.connection
        require(pos(same - other) + opened <= capacity // 4, 206)
        require(same + opened <= MAX_POSITION, 230)

    def place_order(self, event, index, place, participant, order, minimum=0, immediate=False):
        """Places the order of a list's item; gives the facts of a continuous interval."""
        order_id = f.ORDER_ID(event.author, event.sequence, place)
        collateral = self.judge_order(event.author, participant, order, minimum, immediate=immediate)
        self.reserve(participant, collateral)
        value = f.OPEN_ORDER(participant, order, collateral)
        self.state.put(f.T_ORDERS, (order.interval, order_id), value)
        self.change_use(order_id, order, order.quantity, order.quantity * order.limit)
        if self.mode_at(order.interval) == f.CONTINUOUS:
            return self.come_in(order_id, f.ARRIVAL(index, place), immediate)
        if minimum > 0:
            self.state.put(f.T_MINIMUMS, (order.interval, order_id), minimum)
        return []

    def own_order(self, author, participant, order_id):
        """An open order's row, if the author may touch it."""
        interval = self.state.order_intervals.get(order_id)
        row = None if interval is None else self.state.get(f.T_ORDERS, interval, order_id)
        require(row is not None and row.participant == participant, 210)
        require(order_id.key == author or not self.is_delegate(author), 210)
        return row

    def change_order(self, author, participant, item, arrival):
        order_id, quantity, limit = item
        row = self.own_order(author, participant, order_id)
        old = row.item
        continuous = self.mode_at(old.interval) == f.CONTINUOUS
        worse_limit = limit > old.limit if old.side == f.SELL else limit < old.limit
        if not continuous and (quantity < old.quantity or worse_limit):
            require(self.time < gate_closure(old.interval) - FIRM_LEAD, 215)
        order = old._replace(quantity=quantity, limit=limit)
        minimum = self.state.get(f.T_MINIMUMS, old.interval, order_id) or 0
        collateral = self.judge_order(author, participant, order, minimum, replaced=(order_id, row))
        self.reserve(participant, collateral - row.reserved)
        value = f.OPEN_ORDER(participant, order, collateral)
        self.state.put(f.T_ORDERS, (old.interval, order_id), value)
        energy, money = quantity - old.quantity, quantity * limit - old.quantity * old.limit
        self.change_use(order_id, order, energy, money)
        if continuous and not (self.may_trade(old) and limit == old.limit and quantity <= old.quantity):
            return self.come_in(order_id, arrival, immediate=False)
        return []

    def cancel_order(self, author, participant, order_id):
        row = self.own_order(author, participant, order_id)
        if self.mode_at(row.item.interval) == f.CONTINUOUS:
            require(self.gate_open(row.item.interval), 117)
        require(self.can_cancel(row.item.interval), 211)
        self.withdraw_order(order_id, row)

    def can_cancel(self, interval):
        """Whether an interval's orders may still be cancelled."""
        if self.mode_at(interval) == f.CONTINUOUS:
            return self.gate_open(interval)
        return self.time < gate_closure(interval) - FIRM_LEAD

    def withdraw_order(self, order_id, row):
        """An order goes before the gate, and its collateral and use with it."""
        order = row.item
        self.remove_order(order_id, row)
        self.reserve(row.participant, -row.reserved)
        self.change_use(order_id, order, -order.quantity, -order.quantity * order.limit)

    def remove_order(self, order_id, row):
        """An order's row goes, and its minimum."""
        self.state.remove(f.T_ORDERS, (row.item.interval, order_id))
        self.state.drop(f.T_MINIMUMS, row.item.interval, order_id)
        self.state.drop(f.T_ARRIVALS, row.item.interval, order_id)

    def cancel_all(self, event, record, index, fields):
        number, interval = fields
        participant = record.role[1]
        if number is not None:
            point = self.state.get(f.T_POINTS, number)
            require(point is not None, 108)
            require(point.participant == participant, 203)
        delegated = record.role[0] == f.DELEGATE_ROLE
        cancelled = firm = 0
        for (at, order_id), row in list(self.state.rows[f.T_ORDERS].items()):
            if (
                row.participant != participant
                or (delegated and order_id.key != event.author)
                or (number is not None and row.item.point != number)
                or (interval is not None and at != interval)
            ):
                continue
            if self.can_cancel(at):
                self.withdraw_order(order_id, row)
                cancelled += 1
            else:
                firm += 1
        return [(participant, (f.ORDERS_CANCELLED, (cancelled, firm)))]

    # Section 13, affiliates, halts and bounds.

    def affiliates_of(self, participant):
        """The other members of a participant's group."""
        groups = self.state.rows[f.T_AFFILIATES].values()
        return {one for group in groups if participant in group for one in group if one != participant}

    def set_affiliates(self, event, record, index, fields):
        group, members = fields
        for member in members:
            require(self.state.get(f.T_PARTICIPANTS, member) is not None, 107)
        require(len(members) == 0 or 2 <= len(members) <= 64, 130)
        require(all(a < b for a, b in zip(members, members[1:])), 130)
        rows = self.state.rows[f.T_AFFILIATES].items()
        taken = {member for (other,), row in rows if other != group for member in row}
        require(not taken & set(members), 130)
        if members:
            self.state.put(f.T_AFFILIATES, (group,), members)
        else:
            self.state.drop(f.T_AFFILIATES, group)

    def halted(self, interval):
        """Whether the market is halted for an interval."""
        rows = self.state.rows[f.T_HALTS].items()
        return any(start <= interval and (end is None or interval < end) for (start,), end in rows)

    def halt_market(self, event, record, index, fields):
        start, end = fields
        require(self.gate_open(start), 117)
        require(end is None or end > start, 131)
        rows = self.state.rows[f.T_HALTS]
        require((start,) in rows or len(rows) < MAX_HALTS, 131)
        self.state.put(f.T_HALTS, (start,), end)

    def resume_market(self, event, record, index, start):
        require(self.gate_open(start), 117)
        rows = self.state.rows[f.T_HALTS].items()
        later = [(begin, end) for (begin,), end in rows if end is None or end > start]
        require(later, 132)
        for begin, end in later:
            if begin < start:
                self.state.put(f.T_HALTS, (begin,), start)
            else:
                self.state.remove(f.T_HALTS, (begin,))

    def bounds_at(self, interval):
        """Floor and cap in force at an interval."""
        return self.state.in_force(f.T_BOUNDS, interval) or f.BOUNDS(0, MAX_PRICE)

    def may_trade(self, order):
        """Whether an order's limit lies within the bounds in force."""
        bounds = self.bounds_at(order.interval)
        return bounds.floor <= order.limit <= bounds.cap

    def set_price_bounds(self, event, record, index, fields):
        start, floor, cap = fields
        require(self.gate_open(start), 117)
        require(0 <= floor <= cap <= MAX_PRICE, 133)
        self.state.put(f.T_BOUNDS, (start,), f.BOUNDS(floor, cap))

    # Section 13, delegated keys.

    def first_of_day(self, interval):
        """The first interval of the local day that an interval lies in."""
        return interval - local_month_and_quarter(interval, self.genesis.utc_offset)[1]

    def delegate(self, event, record, index, fields):
        key, limits, proof = fields
        participant = record.role[1]
        require(key_accepted(key), 111)
        for number in limits.points:
            point = self.state.get(f.T_POINTS, number)
            require(point is not None, 108)
            require(point.participant == participant, 203)
        require(1 <= len(limits.points) <= 64, 140)
        require(all(a < b for a, b in zip(limits.points, limits.points[1:])), 140)
        require(limits.order_energy > 0 and limits.day_energy > 0 and limits.day_money >= 0, 140)
        require(limits.start < limits.end, 140)
        message = b"wattle/delegation/v0\n" + self.park + event.author + key
        require(signature_holds(key, message, proof), 141)
        require(self.key_unused(key), 112)
        rows = self.state.rows[f.T_KEYS]
        ever = sum(row.role == (f.DELEGATE_ROLE, participant) for row in rows.values())
        require(ever < MAX_DELEGATES, 142)
        require(len(rows) < KEY_LIMIT, 106)
        self.put_key(key, (f.DELEGATE_ROLE, participant), index)
        self.state.put(f.T_DELEGATIONS, (key,), f.DELEGATION(participant, event.author, limits))

    def revoke_delegate(self, event, record, index, key):
        row = self.state.get(f.T_KEYS, key)
        require(row is not None and row.role[0] == f.DELEGATE_ROLE and row.revoked is None, 113)
        require(record.role[0] == f.REGISTRAR or row.role[1] == record.role[1], 113)
        self.end_key(key, index)

    def check_delegation(self, author, order, replaced):
        """What a delegated key may order, if the author is one."""
        delegation = self.state.get(f.T_DELEGATIONS, author)
        if delegation is None:
            return
        limits = delegation.limits
        require(order.point in limits.points and limits.start <= order.interval < limits.end, 225)
        require(order.quantity <= limits.order_energy, 226)
        use = self.state.get(f.T_USES, self.first_of_day(order.interval), author) or f.USE(0, 0)
        energy, money = use.energy + order.quantity, use.money + order.quantity * order.limit
        if replaced is not None:
            old = replaced[1].item
            energy, money = energy - old.quantity, money - old.quantity * old.limit
        require(energy <= limits.day_energy and money <= limits.day_money, 227)

    def change_use(self, order_id, order, energy, money):
        """Adds to the use of the key that placed an order, if it is a delegated one."""
        if not self.is_delegate(order_id.key):
            return
        day = self.first_of_day(order.interval)
        use = self.state.get(f.T_USES, day, order_id.key) or f.USE(0, 0)
        self.state.put(f.T_USES, (day, order_id.key), f.USE(use.energy + energy, use.money + money))

    # Section 5, pinning, and section 6 with section 13, the gate's auction.

    def instruction(self, number, interval):
        """The standing instruction of a point, or the entry of its schedule that takes its place."""
        month, quarter = local_month_and_quarter(interval, self.genesis.utc_offset)
        weekday = local_weekday(interval, self.genesis.utc_offset)
        for entry in self.state.get(f.T_SCHEDULES, number) or ():
            if entry.weekdays >> weekday & 1 and entry.start <= quarter < entry.end:
                return f.STANDING(entry.enrolled, entry.ask, entry.bid)
        return self.state.get(f.T_STANDING, number) or f.STANDING(False, 0, None)

    def pin(self, interval):
        """Keeps what settlement reads of points and park."""
        pinned = False
        for (number,), point in sorted(self.state.rows[f.T_POINTS].items()):
            retail = self.retail(point, interval)
            if point.start > interval or self.ended(number, interval) or retail is None:
                continue
            pins = f.POINT_TERMS(point.building, retail, *self.instruction(number, interval))
            self.state.put(f.T_POINT_PINS, (interval, number), pins)
            pinned = True
        if pinned:
            self.state.put(f.T_PARK_PINS, (interval,), self.terms_at(interval))

    def close_gate(self, interval):
        """What a gate does with its orders, and which rows it makes needless; gives the facts."""
        ids = sorted(self.state.orders_by_interval.get(interval, ()))
        rows = {one: self.state.get(f.T_ORDERS, interval, one) for one in ids}
        facts = []
        if self.mode_at(interval) == f.CONTINUOUS:
            facts = self.close_continuous(interval, rows)
        elif rows and self.halted(interval):
            sides = [row.item.side for row in rows.values()]
            fact = (f.AUCTION_HALTED, (interval, sides.count(f.BUY), sides.count(f.SELL)))
            facts.append((None, fact))
            facts += [self.close_order(one, row, 0, None) for one, row in rows.items()]
        elif rows:
            facts = self.clear(interval, rows)
        after = interval + 1
        for (start,), end in list(self.state.rows[f.T_HALTS].items()):
            if end is not None and end <= after:
                self.state.remove(f.T_HALTS, (start,))
        for table in (f.T_BOUNDS, f.T_MODES):
            kept = self.state.at_or_before(table, after)
            for (start,) in list(self.state.rows[table]):
                if kept is not None and start < kept:
                    self.state.remove(table, (start,))
        for day, key in list(self.state.rows[f.T_USES]):
            if day < self.first_of_day(after):
                self.state.remove(f.T_USES, (day, key))
        return facts

    def clear(self, interval, rows):
        """Clears an interval's orders; gives IntervalCleared and OrderClosed for each."""
        sides = {side: {} for side in (f.BUY, f.SELL)}
        for one, row in rows.items():
            if self.may_trade(row.item):
                sides[row.item.side][one] = (row.item.limit, row.item.quantity)
        minimums = {one: self.state.get(f.T_MINIMUMS, interval, one) for one in rows}
        price, volume, fills, missed = auction_with_minimums(
            sides[f.SELL], sides[f.BUY], {one: least for one, least in minimums.items() if least}
        )
        counts = [sum(row.item.side == side for row in rows.values()) for side in (f.BUY, f.SELL)]
        facts = [(None, (f.INTERVAL_CLEARED, (interval, price, volume, *counts)))]
        if price is not None:
            self.count_turnover(interval, auction=volume, auction_value=volume * price)
        for one, row in rows.items():
            if one in missed:
                fact = (one, interval, minimums[one], missed[one])
                facts.append((row.participant, (f.MINIMUM_MISSED, fact)))
            facts.append(self.close_order(one, row, fills.get(one, 0), price))
        return facts

    def add_position(self, interval, point, side, quantity, price, reserved):
        """Adds a trade to the position of point and interval."""
        old = self.state.get(f.T_POSITIONS, interval, point) or f.POSITION(0, 0, 0, 0)
        sale = side == f.SELL
        new = f.POSITION(
            old.sold + (quantity if sale else 0),
            old.bought + (0 if sale else quantity),
            old.cash + (quantity if sale else -quantity) * price,
            old.reserved + reserved,
        )
        self.state.put(f.T_POSITIONS, (interval, point), new)

    def fill(self, order_id, quantity, price):
        """Section 5, "Filling": a part of an open order is traded."""
        interval = self.state.order_intervals[order_id]
        row = self.state.get(f.T_ORDERS, interval, order_id)
        order = row.item
        released = row.reserved * quantity // order.quantity
        kept = min(released, self.collateral(order.side, quantity, price, interval))
        self.add_position(interval, order.point, order.side, quantity, price, kept)
        self.reserve(row.participant, kept - released)
        rest = order.quantity - quantity
        if rest == 0:
            self.remove_order(order_id, row)
            return
        value = row._replace(item=order._replace(quantity=rest), reserved=row.reserved - released)
        self.state.put(f.T_ORDERS, (interval, order_id), value)
        minimum = self.state.get(f.T_MINIMUMS, interval, order_id)
        if minimum is not None and minimum > quantity:
            self.state.put(f.T_MINIMUMS, (interval, order_id), minimum - quantity)
        elif minimum is not None:
            self.state.remove(f.T_MINIMUMS, (interval, order_id))

    def close_order(self, order_id, row, filled, price):
        """An order is closed at its gate, filled or not; gives OrderClosed."""
        order = row.item
        self.remove_order(order_id, row)
        kept = 0
        if filled:
            kept = min(row.reserved, self.collateral(order.side, filled, price, order.interval))
            self.add_position(order.interval, order.point, order.side, filled, price, kept)
        self.reserve(row.participant, kept - row.reserved)
        unfilled = order.quantity - filled
        self.change_use(order_id, order, -unfilled, -unfilled * order.limit)
        return row.participant, (f.ORDER_CLOSED, (order_id, order, filled, price if filled else None))

    # Section 13, the price index.

    def count_turnover(self, interval, **more):
        """Adds to the turnover of an interval's local day, if the index covers that day."""
        day, start = self.first_of_day(interval), self.state.get(f.T_INDEX)
        if start is None or day < start:
            return
        row = self.state.get(f.T_TURNOVERS, day) or f.TURNOVER(0, 0, 0, 0)
        row = row._replace(**{name: getattr(row, name) + amount for name, amount in more.items()})
        self.state.put(f.T_TURNOVERS, (day,), row)

    def price_day(self, interval):
        """DayPriced, if an interval is the last of a local day that the index covers."""
        day, start = self.first_of_day(interval), self.state.get(f.T_INDEX)
        if start is None or day < start or self.first_of_day(interval + 1) == day:
            return []
        row = self.state.get(f.T_TURNOVERS, day) or f.TURNOVER(0, 0, 0, 0)
        self.state.drop(f.T_TURNOVERS, day)
        parts = (
            (row.auction, row.auction_value),
            (row.pool, row.pool_value),
            (row.auction + row.pool, row.auction_value + row.pool_value),
        )
        averages = [f.AVERAGE(volume, value // volume if volume else None) for volume, value in parts]
        return [(None, (f.DAY_PRICED, (day, *averages)))]


def meets(order, other):
    """Whether two orders of different sides would trade with each other."""
    if order.side == other.side:
        return False
    sale, purchase = (order, other) if order.side == f.SELL else (other, order)
    return sale.limit <= purchase.limit


def auction_with_minimums(asks, bids, minimums):
    """Section 13: price, volume, fills of both sides, and what the orders that were taken out would have been filled with."""
    asks, bids, missed = dict(asks), dict(bids), {}
    while True:
        price, volume, sold, bought = market.auction(asks, bids)
        fills = {**sold, **bought}
        short = [one for one, least in minimums.items() if 0 < fills.get(one, 0) < least]
        if not short:
            return price, volume, fills, missed
        if len(missed) >= MAX_TAKEN_OUT:
            out = [one for one in minimums if one in asks or one in bids]
        else:
            worst = min(Fraction(fills[one], minimums[one]) for one in short)
            out = [max(one for one in short if Fraction(fills[one], minimums[one]) == worst)]
        for one in out:
            missed[one] = fills.get(one, 0)
            asks.pop(one, None)
            bids.pop(one, None)
