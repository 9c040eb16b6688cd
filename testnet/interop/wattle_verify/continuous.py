"""Continuous matching (RULES.md, section 15)."""

from . import formats as f
from .rules import MAX_MODES, require


class Continuous:
    """The part of the ledger in which orders meet as they come."""

    def mode_at(self, interval):
        """The market's mode in force at an interval."""
        return self.state.in_force(f.T_MODES, interval) or f.CALL_AUCTION

    def set_market_mode(self, event, record, index, fields):
        start, mode = fields
        require(self.gate_open(start), 117)
        used = [interval for interval, _ in self.state.rows[f.T_ORDERS]]
        used += [interval for interval, _ in self.state.rows[f.T_POSITIONS]]
        used += [row.legs[-1].interval for row in self.state.rows[f.T_BUNDLES].values()]
        require(all(interval < start for interval in used), 150)
        rows = self.state.rows[f.T_MODES]
        require((start,) in rows or len(rows) < MAX_MODES, 151)
        self.state.put(f.T_MODES, (start,), mode)

    def opposite(self, order, others):
        """The resting orders that an order meets, in the order of priority: (id, row)."""
        found = [
            (one, row)
            for one, row in others.items()
            if row.item.side != order.side and self.may_trade(row.item) and reaches(order, row.item.limit)
        ]
        sign = 1 if order.side == f.BUY else -1
        arrivals = {one: self.state.get(f.T_ARRIVALS, order.interval, one) for one, _ in found}
        return sorted(found, key=lambda pair: (sign * pair[1].item.limit, arrivals[pair[0]]))

    def check_book(self, order, minimum, others, replaced, immediate):
        """What a continuous interval asks of an order beside the rest: a minimum is met at once."""
        at_once = sum(row.item.quantity for _, row in self.opposite(order, others))
        require(replaced is not None or minimum <= at_once, 231)

    def come_in(self, order_id, arrival, immediate):
        """An order that was accepted meets those that rest; gives the facts."""
        interval = self.state.order_intervals[order_id]
        row = self.state.get(f.T_ORDERS, interval, order_id)
        self.state.drop(f.T_ARRIVALS, interval, order_id)
        ids = [one for one in self.state.orders_by_interval[interval] if one != order_id]
        others = {one: self.state.get(f.T_ORDERS, interval, one) for one in ids}
        facts = []
        for maker_id, maker in self.opposite(row.item, others):
            taker = self.state.get(f.T_ORDERS, interval, order_id)
            if taker is None:
                break
            quantity, price = min(maker.item.quantity, taker.item.quantity), maker.item.limit
            for one, side, role in ((maker_id, maker, f.MAKER), (order_id, taker, f.TAKER)):
                self.fill(one, quantity, price)
                fact = (one, side.item, quantity, price, role)
                facts.append((side.participant, (f.ORDER_MATCHED, fact)))
            trades = self.state.get(f.T_TRADES, interval) or f.TRADES(0, 0, 0, 0)
            value = trades.value + quantity * price
            trades = f.TRADES(trades.count + 1, trades.volume + quantity, value, price)
            self.state.put(f.T_TRADES, (interval,), trades)
            self.count_turnover(interval, auction=quantity, auction_value=quantity * price)
        rest = self.state.get(f.T_ORDERS, interval, order_id)
        if rest is not None and immediate:
            self.withdraw_order(order_id, rest)
            facts.append((rest.participant, (f.REMAINDER_CANCELLED, (order_id, rest.item))))
        elif rest is not None:
            self.state.put(f.T_ARRIVALS, (interval, order_id), arrival)
        return facts

    def close_continuous(self, interval, rows):
        """The gate of a continuous interval; gives the facts."""
        trades = self.state.get(f.T_TRADES, interval)
        if trades is None and not rows:
            return []
        self.state.drop(f.T_TRADES, interval)
        trades = trades or f.TRADES(0, 0, 0, 0)
        average = f.AVERAGE(trades.volume, trades.value // trades.volume if trades.volume else None)
        sides = [row.item.side for row in rows.values()]
        fact = (interval, trades.count, average, sides.count(f.BUY), sides.count(f.SELL))
        facts = [(None, (f.CONTINUOUS_CLOSED, fact))]
        return facts + [self.close_order(one, row, 0, None) for one, row in rows.items()]


def reaches(order, limit):
    """Whether an order's limit reaches one of the other side."""
    return limit <= order.limit if order.side == f.BUY else limit >= order.limit
