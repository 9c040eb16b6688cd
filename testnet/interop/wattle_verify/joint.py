"""The joint auction of a day, with bundles (RULES.md, section 16)."""

from collections import namedtuple

from . import formats as f
from . import market
from .market import I64_MAX, clamp, pos
from .rules import (
    MAX_ORDER,
    MAX_PRICE,
    ORDER_HORIZON,
    QUARTER,
    require,
)

JOINT_LEAD = 43_200_000
MAX_BUNDLE = 2**35
MAX_LEGS = 96
MAX_OWN_BUNDLES = 8
MAX_BUNDLES = 64
DAY = 96

# An interval that takes part: quotes of both sides by order id, and the neutral price.
Book = namedtuple("Book", "asks bids neutral")
# What a round finds of an interval. The two values are what a leg's watt-hour is worth, sold and bought.
Cleared = namedtuple(
    "Cleared", "price volume sold bought short_sales short_purchases sale_value purchase_value"
)


def joint_due(day):
    """When the joint auction of a day is due: at noon of the day before."""
    return day * QUARTER - JOINT_LEAD


def take(levels, quantity):
    """Takes so much off the best of some levels, which are [limit, quantity left]; gives what was taken."""
    taken = 0
    for level in levels:
        part = min(level[1], quantity - taken)
        level[1] -= part
        taken += part
    return taken


def clear_interval(book, sold, bought):
    """Section 16, "Clearing a day", step 1, for what bundles sell and buy in an interval."""
    asks = [[limit, quantity] for limit, quantity in sorted(book.asks.values())]
    bids = [[limit, quantity] for limit, quantity in sorted(book.bids.values(), reverse=True)]
    full_asks, full_bids = [q for _, q in asks], [q for _, q in bids]
    for_sales, for_purchases = pos(sold - bought), pos(bought - sold)
    short_sales = take(bids, for_sales) < for_sales
    short_purchases = take(asks, for_purchases) < for_purchases
    while True:
        ask = next((level for level in asks if level[1]), None)
        bid = next((level for level in bids if level[1]), None)
        if ask is None or bid is None or ask[0] > bid[0]:
            break
        part = min(ask[1], bid[1])
        ask[1] -= part
        bid[1] -= part
    taken_asks = [level[0] for level, full in zip(asks, full_asks) if level[1] < full]
    taken_bids = [level[0] for level, full in zip(bids, full_bids) if level[1] < full]
    a = max(taken_asks, default=None)
    b = min(taken_bids, default=None)
    price = None
    if a is not None or b is not None or sold + bought > 0:
        if a is None and b is None:
            a = b = book.neutral
        elif b is None:
            b = max(book.neutral, a)
        elif a is None:
            a = min(book.neutral, b)
        price = a + (b - a) // 2
    at = book.neutral if price is None else price
    return Cleared(
        price,
        sold + sum(full_asks) - sum(level[1] for level in asks),
        sold,
        bought,
        short_sales,
        short_purchases,
        min([at] + [level[0] for level in asks if level[1]]),
        max([at] + [level[0] for level in bids if level[1]]),
    )


def net_cash(legs, sale_price, purchase_price):
    """Sales less purchases, at the prices that two functions give for an interval."""
    return sum(
        leg.quantity * (sale_price(leg.interval) if leg.side == f.SELL else -purchase_price(leg.interval))
        for leg in legs
    )


def clear_day(books, bundles):
    """Rounds until nobody goes; gives the last round by interval, the ids of the bundles that are in, and the rounds."""
    inside, rounds = dict(bundles), 0
    while True:
        rounds += 1
        cleared = {}
        for interval, book in books.items():
            legs = [leg for row in inside.values() for leg in row.legs if leg.interval == interval]
            sold = sum(leg.quantity for leg in legs if leg.side == f.SELL)
            bought = sum(leg.quantity for leg in legs if leg.side == f.BUY)
            cleared[interval] = clear_interval(book, sold, bought)
        losses, stuck = {}, set()
        for one, row in inside.items():
            worth = net_cash(row.legs, lambda i: cleared[i].sale_value, lambda i: cleared[i].purchase_value)
            losses[one] = row.limit - worth
            for leg in row.legs:
                found = cleared[leg.interval]
                if found.short_sales if leg.side == f.SELL else found.short_purchases:
                    stuck.add(one)
        out = stuck or {one for one, loss in losses.items() if loss > 0}
        if not out:
            return cleared, set(inside), rounds
        del inside[max(out, key=lambda one: (losses[one], one))]


class Joint:
    """The part of the ledger that deals with bundles."""

    def activate_joint(self, start):
        course = self.state.get(f.T_JOINT)
        held = course is not None and course.next_day != course.start
        require(not held and not self.state.rows[f.T_BUNDLES], 125)
        require(self.first_of_day(start) == start, 155)
        require(self.time < joint_due(start), 243)
        self.state.put(f.T_JOINT, (), f.JOINT(start, start))

    def legs_at(self, interval):
        """The rows and legs of open bundles in an interval."""
        rows = self.state.rows[f.T_BUNDLES].values()
        return [(row, leg) for row in rows for leg in row.legs if leg.interval == interval]

    def meets_leg(self, order, participants):
        """Whether a leg of somebody's open bundle is on the other side of an order; limits do not matter."""
        legs = self.legs_at(order.interval) if participants else ()
        return any(row.participant in participants and leg.side != order.side for row, leg in legs)

    def place_bundle(self, event, record, index, fields):
        number, legs, limit = fields
        participant = record.role[1]
        require(1 <= len(legs) <= MAX_LEGS, 241)
        require(all(a.interval < b.interval for a, b in zip(legs, legs[1:])), 241)
        day = self.first_of_day(legs[0].interval)
        require(legs[-1].interval < day + DAY, 241)
        require(all(leg.quantity > 0 for leg in legs), 200)
        total = sum(leg.quantity for leg in legs)
        require(all(leg.quantity <= MAX_ORDER for leg in legs) and total <= MAX_BUNDLE, 201)
        require(abs(limit) <= total * MAX_PRICE, 242)
        point = self.state.get(f.T_POINTS, number)
        require(point is not None, 108)
        require(point.participant == participant, 203)
        course = self.state.get(f.T_JOINT)
        require(course is not None and course.start <= day, 240)
        require(day >= course.next_day and self.time < joint_due(day), 243)
        for leg in legs:
            require(leg.interval >= self.genesis.first, 212)
            require(leg.interval >= point.start, 204)
            require(not self.ended(number, leg.interval), 219)
            require(self.gate_open(leg.interval), 117)
            require(leg.interval <= self.time // QUARTER + ORDER_HORIZON, 205)
            require(self.mode_at(leg.interval) == f.CALL_AUCTION, 246)
            require(not self.halted(leg.interval), 217)
        require(not self.in_default(participant), 410)
        there = [row for (other, _), row in self.state.rows[f.T_BUNDLES].items() if other == day]
        require(sum(row.participant == participant for row in there) < MAX_OWN_BUNDLES, 244)
        require(len(there) < MAX_BUNDLES, 245)
        orders = [f.ORDER(number, *leg, 0) for leg in legs]
        for order in orders:
            here = self.state.orders_by_interval.get(order.interval, ())
            mine = [self.state.get(f.T_ORDERS, order.interval, one) for one in here]
            mine = [row.item for row in mine if row.participant == participant and row.item.point == number]
            self.check_exposure(point, order, mine)
        for participants, code in (({participant}, 207), (self.affiliates_of(participant), 216)):
            for order in orders:
                here = self.state.orders_by_interval.get(order.interval, ())
                rows = [self.state.get(f.T_ORDERS, order.interval, one) for one in here]
                opposite = [row for row in rows if row.item.side != order.side]
                require(not any(row.participant in participants for row in opposite), code)
                require(not self.meets_leg(order, participants), code)
        collateral = pos(
            sum(
                leg.quantity
                * (
                    self.dearest_at(leg.interval)
                    if leg.side == f.SELL
                    else self.terms_at(leg.interval).wheeling
                )
                for leg in legs
            )
            - limit
        )
        row = self.state.get(f.T_ACCOUNTS, (f.A_PARTICIPANT, participant))
        require(row.balance + row.credit - row.reserved >= collateral, 208)
        require(row.reserved + collateral <= I64_MAX, 402)
        self.reserve(participant, collateral)
        value = f.OPEN_BUNDLE(participant, number, legs, limit, collateral)
        self.state.put(f.T_BUNDLES, (day, f.ORDER_ID(event.author, event.sequence, 0)), value)

    def cancel_bundle(self, event, record, index, bundle):
        found = [key for key in self.state.rows[f.T_BUNDLES] if key[1] == bundle]
        row = self.state.get(f.T_BUNDLES, *found[0]) if found else None
        require(row is not None and row.participant == record.role[1], 247)
        require(self.time < joint_due(found[0][0]), 243)
        self.state.remove(f.T_BUNDLES, found[0])
        self.reserve(row.participant, -row.reserved)

    def books_of_day(self, day):
        """The intervals of a day that take part, with their quotes."""
        books = {}
        for interval in range(day, day + DAY):
            if self.mode_at(interval) != f.CALL_AUCTION or self.halted(interval):
                continue
            asks, bids = {}, {}
            for one in self.state.orders_by_interval.get(interval, ()):
                item = self.state.get(f.T_ORDERS, interval, one).item
                if (interval, one) not in self.state.rows[f.T_MINIMUMS] and self.may_trade(item):
                    (asks if item.side == f.SELL else bids)[one] = (item.limit, item.quantity)
            feed_in, bounds = self.terms_at(interval).feed_in, self.bounds_at(interval)
            neutral = feed_in + (self.dearest_at(interval) - feed_in) // 2
            books[interval] = Book(asks, bids, clamp(neutral, bounds.floor, bounds.cap))
        return books

    def hold_joint(self):
        """The joint auction that is due; gives its facts."""
        course = self.state.get(f.T_JOINT)
        day = course.next_day
        self.state.put(f.T_JOINT, (), course._replace(next_day=day + DAY))
        books = self.books_of_day(day)
        rows = {
            one: row for (other, one), row in sorted(self.state.rows[f.T_BUNDLES].items()) if other == day
        }
        bids, asks = (sum(len(book[side]) for book in books.values()) for side in (1, 0))
        if not rows and not bids and not asks:
            return []
        left_out = {one for one, row in rows.items() if any(leg.interval not in books for leg in row.legs)}
        inside = {one: row for one, row in rows.items() if one not in left_out}
        cleared, accepted, rounds = clear_day(books, inside)
        facts, profitable = [], 0
        for one, row in rows.items():
            state = f.LEFT_OUT if one in left_out else f.ACCEPTED if one in accepted else f.REJECTED
            fact = self.close_bundle(day, one, row, state, books, cleared)
            profitable += state == f.REJECTED and fact.surplus > 0
            facts.append((row.participant, (f.BUNDLE_CLOSED, fact)))
        intervals = tuple(
            f.JOINT_INTERVAL(at, found.price, found.volume, found.sold, found.bought)
            for at, found in sorted(cleared.items())
            if found.price is not None
        )
        counts = (len(accepted), len(inside) - len(accepted), profitable, len(left_out), rounds)
        facts.insert(0, (None, (f.JOINT_CLEARED, f.JOINT_FACT(day, intervals, bids, asks, *counts))))
        for interval, found in sorted(cleared.items()):
            if found.price is not None:
                facts += self.fill_jointly(interval, books[interval], found)
        return facts

    def close_bundle(self, day, one, row, state, books, cleared):
        """A bundle is closed by its day's auction; gives BundleClosed."""
        self.state.remove(f.T_BUNDLES, (day, one))
        self.reserve(row.participant, -row.reserved)
        if state == f.LEFT_OUT:
            return f.BUNDLE_FACT(one, day, row.point, row.legs, (), row.limit, state, None, None)

        def price_at(interval):
            price = cleared[interval].price
            return books[interval].neutral if price is None else price

        left = row.reserved
        for leg in row.legs if state == f.ACCEPTED else ():
            price = price_at(leg.interval)
            kept = min(left, self.collateral(leg.side, leg.quantity, price, leg.interval))
            left -= kept
            self.add_position(leg.interval, row.point, leg.side, leg.quantity, price, kept)
            self.reserve(row.participant, kept)
        prices = tuple(price_at(leg.interval) for leg in row.legs)
        cash = net_cash(row.legs, price_at, price_at)
        return f.BUNDLE_FACT(one, day, row.point, row.legs, prices, row.limit, state, cash, cash - row.limit)

    def fill_jointly(self, interval, book, found):
        """Fills the orders of an interval; gives JointFilled for each."""
        self.count_turnover(interval, auction=found.volume, auction_value=found.volume * found.price)
        fills = market.fill(found.volume - found.sold, book.asks, reverse=False)[0]
        fills.update(market.fill(found.volume - found.bought, book.bids, reverse=True)[0])
        facts = []
        for one, quantity in sorted(fills.items()):
            if quantity:
                row = self.state.get(f.T_ORDERS, interval, one)
                self.fill(one, quantity, found.price)
                fact = (one, row.item, quantity, found.price)
                facts.append((row.participant, (f.JOINT_FILLED, fact)))
        return facts
