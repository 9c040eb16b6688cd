#!/usr/bin/env python3
"""rules_park.py OUT [--seed N] [--days N]: writes the export of a strange park that uses every later rule of the two pages.

Sections 7, 9 and 13 of RULES.md: breaks of registers, corrections and frozen keys, final runs and a month that closes, tenants
that move, minimums, changes, halts, affiliates, bounds, delegated keys, the price index, schedules. It begins late in a month,
lives some days, passes the days until the 8th of the next month with few points, and lives some hours more.
"""

import argparse
import os
import sys

from exports import write_export
from certificate_acts import CertificateActs
from evidence_acts import EvidenceActs
from foreign_acts import ForeignActs
from market_acts import MarketActs
from member_acts import MemberActs
from month_acts import MonthActs
from strange_park import TARIFF, Park, mixed_key
from wattle_verify import formats as f
from wattle_verify.codec import decode
from wattle_verify.rules import HOUR, QUARTER, gate_closure

DAY = 96
# Intervals shortly before the end of a month: 28 July, 31 July noon, 30 January, 27 February of a leap year, 30 December.
FIRSTS = (1_632_928, 1_633_264, 1_615_744, 1_618_432, 1_647_904)
GIANT = 2**32 - 1  # a rating with which an energy can be out of range, so that runs are held


class RulesPark(MarketActs, CertificateActs, MonthActs, MemberActs, ForeignActs, EvidenceActs, Park):
    """A strange park with the rules of the later sections; with `modes` also continuous matching and joint auctions, with
    `certificates` also what they do after their issue, with `months` also invoices, bills and defaults, with `members` also nodes
    that come and go, with `foreign` also checkpoints of other logs, with `evidence` also what was signed twice."""

    def __init__(self, seed, nodes, **also):
        super().__init__(seed, nodes, False, FIRSTS[seed % len(FIRSTS)])
        self.modes, self.certificates, self.months = map(also.get, ("modes", "certificates", "months"))
        self.members, self.foreign, self.evident = map(also.get, ("members", "foreign", "evidence"))
        self.delegates = []  # (label, participant)
        self.labels = {}  # meter -> the label of its newest key

    def make_genesis(self):
        """As in any strange park; the clock may be off by odd minutes."""
        genesis = super().make_genesis()
        offset = self.rng.choice((genesis.utc_offset, genesis.utc_offset, 7, -1, 839))
        return genesis._replace(utc_offset=offset)

    def soon(self):
        """An interval whose gate is open, mostly."""
        rng = self.rng
        if rng.random() < 0.05:
            return rng.choice((0, self.first - 1, 2**40, 2**63, 2**64 - 1))
        return self.interval() + rng.choice((0, 1, 2, 2, 2, 3, 4, 8))

    def points(self):
        """The points, by id."""
        return [
            row for (number,), row in sorted(self.ledger.state.rows[f.T_POINTS].items()) if number < 1_000
        ]

    def owner_of(self, point):
        """The label of the tenant's key that may act for a point, mostly."""
        owner = point.participant if self.rng.random() < 0.95 else self.rng.randint(1, 5)
        return self.tenants.get(owner, self.tenants[1])

    # Rule sets.

    def activate(self):
        """Rule sets are put in force, or it is tried."""
        rules = self.rng.choice((f.FINAL_RUNS, f.PRICE_INDEX))
        label = self.rng.choice(("registrar", "registrar", "registrar", "treasurer"))
        self.say(label, f.ACTIVATE_RULES, (rules, self.soon()))

    # Orders.

    def order(self, point):
        """An order for a point, mostly sensible."""
        rng = self.rng
        side = rng.choice((f.BUY, f.SELL))
        capacity = (point.generation if side == f.SELL else point.connection) // 4
        limit = rng.choice((400_000, 500_000, 600_000, self.price()))
        interval = self.interval() + rng.choice((1, 1, 2, 2, 3, 5, DAY))
        order = f.ORDER(point.id, interval, side, rng.randint(1, max(1, capacity // 3)), limit)
        return self.odd_order(order) if rng.random() < 0.05 else order

    def orders_with(self):
        """Orders with minimums, by tenants and by delegated keys."""
        rng = self.rng
        point = rng.choice(self.points())
        label = self.owner_of(point)
        mine = [one for one in self.points() if one.participant == point.participant]
        if self.delegates and rng.random() < 0.5:
            label, owner = rng.choice(self.delegates)
            mine = [one for one in self.points() if one.participant == owner] or mine
        items = []
        for _ in range(rng.randint(1, 6)):
            order = self.order(rng.choice(mine))
            minimum = rng.choice((0, order.quantity, order.quantity, order.quantity // 2, 1))
            minimum = rng.choice((-1, order.quantity + 1)) if rng.random() < 0.03 else minimum
            items.append((order, max(-(2**63), min(minimum, 2**63 - 1))))
        if rng.random() < 0.3:
            self.say(label, f.PLACE_ORDERS, tuple(order for order, _ in items))
        else:
            self.say(label, f.PLACE_ORDERS_WITH, tuple(items) if rng.random() < 0.98 else ())

    def many_minimums(self):
        """More orders with a minimum for one interval than there may be."""
        point = self.rng.choice(self.points())
        order = f.ORDER(point.id, self.interval() + 3, f.BUY, 40, 300_000)
        items = tuple((order._replace(quantity=40 + at), 30) for at in range(11))
        self.say(self.owner_of(point), f.PLACE_ORDERS_WITH, items)

    def change(self):
        """Open orders are changed, cancelled one by one or all together."""
        rng = self.rng
        open_orders = sorted(self.ledger.state.rows[f.T_ORDERS].items())
        if not open_orders:
            return
        items, row = [], None
        for _ in range(rng.randint(1, 4)):
            (_, order_id), row = rng.choice(open_orders)
            old = row.item
            quantity = rng.choice((old.quantity, old.quantity + 1, old.quantity // 2, old.quantity * 2, 0))
            limit = rng.choice((old.limit, old.limit + 10_000, old.limit - 10_000, 500_000, -1))
            if rng.random() < 0.1:
                order_id = order_id._replace(item=9)
            items.append((order_id, min(quantity, 2**62), limit))
        labels = [self.tenants.get(row.participant, self.tenants[1])] * 2
        labels += [label for label, owner in self.delegates if self.public(label) == items[-1][0].key][:1] * 3
        label = rng.choice(labels)
        if rng.random() < 0.7:
            self.say(label, f.CHANGE_ORDERS, tuple(items))
        elif rng.random() < 0.5:
            self.say(label, f.CANCEL_ORDERS, tuple(item[0] for item in items))
        else:
            point = rng.choice((None, None, row.item.point, rng.randint(1, 12)))
            interval = rng.choice((None, row.item.interval, self.interval() + 1))
            self.say(label, f.CANCEL_ALL, (point, interval))

    # The registrar's rules on trading.

    def govern(self):
        """Affiliates, halts and price bounds."""
        rng = self.rng
        choice = rng.randrange(8)
        if choice < 2:
            members = sorted(rng.sample(range(1, 6), rng.choice((2, 2, 3))))
            odd = ([], [], members[:1], members[::-1], members[:1] * 2, members + [77])
            members = rng.choice((members,) * 6 + odd)
            self.say("registrar", f.SET_AFFILIATES, (rng.randint(1, 3), tuple(members)))
        elif choice == 2:
            start = self.soon()
            end = rng.choice((None, start + 1, start + 1, start + 2, start + 5, start))
            if end is None and rng.random() < 0.7:
                end = start + 1
            self.say("registrar", f.HALT_MARKET, (start, end and min(end, 2**64 - 1)))
        elif choice in (3, 4):
            self.say("registrar", f.RESUME_MARKET, self.soon())
        elif choice in (5, 6):
            floor, cap = rng.choice(
                (
                    (0, 10**8),
                    (0, 10**8),
                    (450_000, 900_000),
                    (300_000, 700_000),
                    (500_000, 500_000),
                    (500_001, 500_000),
                    (-1, 500_000),
                    (0, 10**8 + 1),
                )
            )
            self.say("registrar", f.SET_PRICE_BOUNDS, (self.soon(), floor, cap))
        else:
            self.say(self.tenants[1], f.HALT_MARKET, (self.soon(), None))

    def many_halts(self):
        """More halts than there may be, far ahead; then all are lifted."""
        first = self.interval() + 2_000
        for at in range(66):
            self.say("registrar", f.HALT_MARKET, (first + 2 * at, first + 2 * at + 1))
        self.batch()
        self.say("registrar", f.HALT_MARKET, (first, first + 3))
        self.say("registrar", f.RESUME_MARKET, first - 1)
        self.say("registrar", f.RESUME_MARKET, first - 1)
        self.batch()

    # Delegated keys and schedules.

    def delegate(self):
        """A tenant lets another key trade for him, or ends it."""
        rng = self.rng
        if self.delegates and rng.random() < 0.3:
            label, owner = rng.choice(self.delegates)
            by = rng.choice(
                (self.tenants.get(owner, "registrar"), self.tenants[1], "registrar", "treasurer", label)
            )
            key = rng.choice((self.public(label),) * 3 + (self.public(self.tenants[1]), bytes(32)))
            self.say(by, f.REVOKE_DELEGATE, key)
            return
        owner = rng.randint(1, 5)
        tenant = self.tenants[owner]
        mine = sorted(one.id for one in self.points() if one.participant == owner)
        if not mine:
            return
        label = "delegate %d" % len(self.leaves)
        start = self.interval() + rng.choice((-5, 0, 2))
        limits = f.LIMITS(
            tuple(mine[: rng.randint(1, 3)]),
            rng.choice((40_000, 10**9)),
            rng.choice((100_000, 10**9)),
            rng.choice((10**11, 10**16)),
            start,
            start + rng.choice((4, DAY, 3 * DAY)),
        )
        if rng.random() < 0.3:
            limits = rng.choice(
                (
                    limits._replace(points=()),
                    limits._replace(points=tuple(mine[:1] * 2)),
                    limits._replace(points=(999,)),
                    limits._replace(points=tuple(sorted({1, 2, 3, 4, 5, 6, 7} - set(mine)))),
                    limits._replace(order_energy=0),
                    limits._replace(day_energy=-1),
                    limits._replace(day_money=-1),
                    limits._replace(end=start),
                )
            )
        public, signer = self.public(label), label
        if rng.random() < 0.2:
            public = rng.choice((mixed_key(), self.public(tenant), self.public("node 1 Log")))
            signer = {self.public(tenant): tenant, self.public("node 1 Log"): "node 1 Log"}.get(public, label)
        elif rng.random() < 0.1:
            signer = tenant
        message = b"wattle/delegation/v0\n" + self.park + self.public(tenant) + public
        self.say(tenant, f.DELEGATE, (public, limits, self.key(signer).sign(message)))
        if public == self.public(label) and signer == label:
            self.delegates.append((label, owner))
        if rng.random() < 0.1:
            self.say("registrar", f.ADD_KEY, (self.public("key x"), (f.DELEGATE_ROLE, owner)))

    def odd_delegate(self):
        """A delegated key signs what it may not."""
        if not self.delegates:
            return
        label, owner = self.rng.choice(self.delegates)
        point = self.rng.randint(1, 10)
        self.say(
            label,
            *self.rng.choice(
                (
                    (f.SET_STANDING, (point, f.STANDING(True, 0, None))),
                    (f.ROTATE_KEY, (self.public("key y"), bytes(64))),
                    (f.REVOKE_DELEGATE, self.public(label)),
                    (f.CANCEL_ALL, (None, None)),
                    (f.SET_SCHEDULE, (point, ())),
                )
            ),
        )

    def many_delegates(self):
        """More delegated keys than a tenant may have."""
        owner = 2
        tenant = self.tenants[owner]
        mine = tuple(sorted(one.id for one in self.points() if one.participant == owner))[:1]
        if not mine:
            return
        start = self.interval()
        for at in range(257):
            label = "crowd delegate %d" % at
            message = b"wattle/delegation/v0\n" + self.park + self.public(tenant) + self.public(label)
            limits = f.LIMITS(mine, 1, 1, 1, start, start + 1)
            self.say(tenant, f.DELEGATE, (self.public(label), limits, self.key(label).sign(message)))
            if at % 60 == 59:
                self.batch()
        self.batch()

    def schedule(self):
        """A standing instruction by weekday and time of day."""
        rng = self.rng
        point = rng.choice(self.points())
        entries = []
        for _ in range(rng.choice((0, 1, 2, 2, 3))):
            start = rng.randrange(96)
            entries.append(
                f.SCHEDULE_ENTRY(
                    rng.choice((127, 31, 96, 1 << rng.randrange(7))),
                    start,
                    rng.randint(start + 1, 96),
                    rng.random() < 0.7,
                    rng.choice((0, self.price())),
                    rng.choice((None, self.price())),
                )
            )
        if entries and rng.random() < 0.2:
            entry = entries[-1]
            entries[-1] = rng.choice(
                (
                    entry._replace(weekdays=0),
                    entry._replace(weekdays=128),
                    entry._replace(end=entry.start),
                    entry._replace(end=97),
                    entry._replace(ask=-1),
                    entry._replace(bid=10**8 + 1),
                )
            )
            if rng.random() < 0.3:
                entries.insert(0, entry._replace(ask=-1))
            if rng.random() < 0.1:
                entries *= 33
        number = point.id if rng.random() < 0.95 else 999
        self.say(self.owner_of(point), f.SET_SCHEDULE, (number, tuple(entries)))

    # Registers.

    def some_meter(self):
        """The id of a meter that is registered, or None."""
        rows = self.ledger.state.rows[f.T_METERS]
        known = [meter for meter in self.registers if (meter,) in rows]
        return self.rng.choice(known) if known else None

    def meter_label(self, meter):
        """The label of a key of a meter."""
        return self.labels.get(meter, "meter %d" % meter)

    def late_readings(self):
        """Readings of intervals that were settled long ago."""
        meter = self.some_meter()
        if meter is None:
            return
        rated, start, known = self.registers[meter]
        said = self.ledger.state.rows[f.T_READINGS]
        missing = [at for at in known if at >= start and (meter, at) not in said]
        if missing:
            chosen = sorted(self.rng.sample(missing, min(len(missing), self.rng.randint(1, 8))))
            self.say(
                self.meter_label(meter),
                f.SUBMIT_READINGS,
                tuple(f.READING(at, known[at]) for at in chosen),
            )

    def correct(self):
        """A register is corrected, or it is tried."""
        rng = self.rng
        meter = self.some_meter()
        if meter is None:
            return
        rows = self.ledger.state.rows[f.T_READINGS]
        told = sorted(at for number, at in rows if number == meter)
        at = rng.choice(told[-50:] if rng.random() < 0.8 else told)
        register = rows[meter, at] + rng.choice((-3, -1, 0, 1, 2, 5, 5, 200, -10_000, 10**7))
        reason = rng.choice(("typo", "typo", "typo", "typo", "", "a\tb", "a" * 65))
        if rng.random() < 0.15:
            meter, at, register = rng.choice(
                (
                    (meter, at + 1, register),
                    (meter, self.interval(), register),
                    (meter, self.interval() + 5, register),
                    (meter, 0, register),
                    (9999, at, register),
                    (meter, at, -1),
                    (meter, at, 2**53),
                )
            )
        label = rng.choice(("registrar",) * 8 + (self.meter_label(meter),))
        self.say(label, f.CORRECT_READING, (meter, at, register, reason))
        if rng.random() < 0.3:  # and the meter insists on what it signed, or on something else
            before = rows.get((meter, at), 0)
            self.say(
                self.meter_label(meter), f.SUBMIT_READINGS, (f.READING(at, rng.choice((before, register))),)
            )

    def contradict(self):
        """A meter signs two registers for one interval, and its key is frozen."""
        meter = self.some_meter()
        if meter is None:
            return
        rows = self.ledger.state.rows[f.T_READINGS]
        told = sorted(at for number, at in rows if number == meter)[-20:]
        at = self.rng.choice(told)
        items = [f.READING(at, rows[meter, at]), f.READING(at, rows[meter, at] + 1), f.READING(at, 5)]
        label = self.meter_label(meter)
        self.say(label, f.SUBMIT_READINGS, tuple(items))
        if self.rng.random() < 0.5:
            self.say(
                label, *self.rng.choice(((f.SUBMIT_READINGS, ()), (f.DEPOSIT, f.MONEY_ACTION(1, 1, ""))))
            )
            self.say(label, f.ROTATE_KEY, (self.public("key z"), bytes(64)))

    def lift(self):
        """Frozen keys are lifted, or one that is not frozen."""
        frozen = [key for (key,) in self.ledger.state.rows[f.T_FROZEN]]
        for key in frozen + [self.public("meter 11")]:
            if self.rng.random() < 0.5:
                self.say("registrar", f.LIFT_FREEZE, key)

    def restart(self):
        """A register starts anew, a meter is replaced, or a ratio changes."""
        rng = self.rng
        meter = self.some_meter()
        if meter is None:
            return
        rated, start, known = self.registers[meter]
        at = max(self.interval() + rng.choice((0, 0, 1)), start)
        breaks = self.ledger.break_starts(meter)
        if breaks and rng.random() < 0.3:
            at = breaks[-1] - rng.choice((0, 0, 1))
        elif rng.random() < 0.15:
            at = rng.choice((0, start - 1, at - rng.randint(1, 200), at + 800, at + 300, 2**63, 2**64 - 1))
        before = self.true_register(meter, at - 1) if start <= at <= self.interval() + 1 else 5
        last = before + rng.choice((0, 1, 10, 10, 10, -5, 10**6))
        fresh = rng.choice((0, 0, 7, 10**6, -1, 2**53 - 1, 2**53))
        ratio = f.RATIO(*rng.choice(((1, 1), (3, 2), (2, 3), (1, 10), (7, 5), (0, 1), (1, 0), (100_001, 1))))
        kind = rng.randrange(3)
        new_key = "meter %d since %d" % (meter, len(self.leaves))
        number = meter if rng.random() < 0.97 else 9999
        if kind == 0:
            self.say("registrar", f.RESET_REGISTER, (number, at, last, fresh))
        elif kind == 1:
            key = rng.choice((self.public(new_key),) * 5 + (mixed_key(), self.public("registrar")))
            self.say("registrar", f.REPLACE_METER, f.RESTART(number, at, last, fresh, ratio, key))
        else:
            last = fresh = before if rng.random() < 0.9 else last
            self.say("registrar", f.SET_RATIO, (number, at, last, ratio))
        self.batch()
        row = self.ledger.state.get(f.T_BREAKS, meter, at)
        if (
            row is not None
            and (row.last, row.start) == (last, fresh)
            and at - 1 in known
            and at > max(known) - 2
        ):
            for later in [one for one in known if one >= at]:
                del known[later]
            known[at] = fresh + (0 if kind == 2 else rng.choice((0, 3)))
        if self.ledger.state.get(f.T_KEYS, self.public(new_key)) is not None:
            self.labels[meter] = new_key

    # Tenants that move.

    def move(self):
        """A tenant moves out, another moves in: a point ends, a new one takes its meters."""
        rng = self.rng
        points = [one for one in self.points() if one.id < 100]
        point = rng.choice(points)
        start = self.soon()
        if rng.random() < 0.5:
            self.say("registrar", f.END_POINT, (rng.choice((point.id,) * 9 + (999,)), start))
            return
        number = 50 + len(self.points())
        meters = [
            row.id
            for row in self.ledger.state.rows[f.T_METERS].values()
            if self.ledger.measured_point(row, min(start, 2**40)) == point.id
        ]
        self.say("registrar", f.END_POINT, (point.id, start))
        self.say(
            "registrar",
            f.REGISTER_POINT,
            point._replace(id=number, participant=rng.randint(1, 5), start=max(start, self.interval() + 2)),
        )
        for meter in meters:
            self.say("registrar", f.ASSIGN_METER, (meter, number, start))

    def assign(self):
        """A meter is assigned to some point."""
        rng = self.rng
        meter = self.some_meter()
        if meter is not None:
            numbers = [one.id for one in self.points()] + [999]
            number, start = rng.choice((meter,) * 20 + (9999,)), self.soon()
            given = self.ledger.state.starts.get((f.T_ASSIGNMENTS, (meter,)))
            if given and rng.random() < 0.5:
                start = given[-1] - rng.choice((0, 0, 1))
            elif rng.random() < 0.3:
                start = min(start + 20, 2**64 - 1)
            self.say("registrar", f.ASSIGN_METER, (number, rng.choice(numbers), start))

    # Rare things.

    def change_tenants_key(self):
        """A tenant's key with delegated ones is rotated or revoked."""
        rng = self.rng
        if not self.delegates:
            return
        _, owner = rng.choice(self.delegates)
        old, new = self.tenants[owner], "tenant %d since %d" % (owner, len(self.leaves))
        if rng.random() < 0.6:
            statement = b"wattle/rotation/v0\n" + self.park + self.public(old) + self.public(new)
            self.say(old, f.ROTATE_KEY, (self.public(new), self.key(new).sign(statement)))
        else:
            self.say("registrar", f.ADD_KEY, (self.public(new), (f.TENANT, owner)))
            self.say("registrar", f.REVOKE_KEY, self.public(old))
        self.tenants[owner] = new
        label = rng.choice([label for label, other in self.delegates if other == owner])
        self.say(label, f.CANCEL_ALL, (None, None))

    def giants(self):
        """A point whose energy is sometimes out of range, so that an initial or a final run is held."""
        for point in (40, 41):
            row = f.POINT(point, 5, 1, TARIFF, 0, GIANT, f.LOAD_METER, self.first)
            self.say("registrar", f.REGISTER_POINT, row)
            self.add_meter(point * 10 + 1, point, f.LOAD, self.first, GIANT)

    def true_register(self, meter, interval):
        """What the meter shows at an interval's end; a giant's leaps."""
        rated, start, known = self.registers[meter]
        if rated == GIANT:
            for at in range(max(known) + 1, interval + 1):
                known[at] = known[at - 1] + self.rng.choice((0, 5, 2**20, 2**30) * 3 + (2**30 * 104 // 100,))
        return super().true_register(meter, interval)

    def many_people(self):
        """So many orders with a minimum in one auction that the removal of one by one ends; and groups of many."""
        first = 1_000
        for number in range(first, first + 70):
            label = self.tenants[number] = "crowd %d" % number
            self.say("registrar", f.REGISTER_PARTICIPANT, f.PARTICIPANT(number, label))
            self.say("registrar", f.ADD_KEY, (self.public(label), (f.TENANT, number)))
            self.say("treasurer", f.DEPOSIT, f.MONEY_ACTION(number, 10**14, "crowd"))
            if number % 35 == 34:
                self.batch()
        start = self.interval() + 2
        for number in range(first, first + 70):
            point = f.POINT(number, number, 1, TARIFF, 10**6, 10**6, f.LOAD_METER, start)
            self.say("registrar", f.REGISTER_POINT, point)
            self.say("registrar", f.REGISTER_POINT, point._replace(id=number + 500, participant=first))
        self.batch()
        self.say("registrar", f.SET_PRICE_BOUNDS, (start, 0, 10**8))
        self.say("registrar", f.RESUME_MARKET, start)
        self.batch()
        for number in range(first + 1, first + 70):
            items = tuple(
                (f.ORDER(number, start + at % 2, f.BUY, 100 + at * 7 + number % 5, 900_000), 90 + at)
                for at in range(10)
            )
            self.say("crowd %d" % number, f.PLACE_ORDERS_WITH, items)
            if number % 10 == 9:
                self.say("crowd %d" % number, f.PLACE_ORDERS_WITH, (items[0],) * 1001)
                self.batch()
        sale = f.ORDER(first + 500, start, f.SELL, 10_000, 100_000)
        items = (
            sale,
            sale._replace(quantity=95, limit=200_000),
            sale._replace(interval=start + 1, quantity=7_000),
        )
        self.say("crowd %d" % first, f.PLACE_ORDERS, items)
        for count in (64, 65):
            members = tuple(range(first, first + count))
            self.say("registrar", f.SET_AFFILIATES, (9, members))
            points = tuple(range(first + 500, first + 500 + count))
            key = self.public("delegate of many %d" % count)
            message = b"wattle/delegation/v0\n" + self.park + self.public("crowd %d" % first) + key
            proof = self.key("delegate of many %d" % count).sign(message)
            limits = f.LIMITS(points, 5, 5, 5, start, start + 1)
            self.say("crowd %d" % first, f.DELEGATE, (key, limits, proof))
        self.batch()
        self.time = max(self.time, gate_closure(start + 1))
        self.batch()
        for number in [*range(first, first + 70), *range(first + 500, first + 570)]:
            self.say("registrar", f.END_POINT, (number, start + 3))
            if number % 50 == 49:
                self.batch()
        self.batch()

    # The park's days.

    def readings(self):
        """As in any strange park, by the keys that are in force."""
        pending, self.pending = self.pending, []
        super().readings()
        self.pending = pending + self.pending

    def say(self, label, *action):
        """Meters whose key was replaced sign with the new one, mostly."""
        if label.startswith("meter ") and label[6:].isdigit() and self.rng.random() < 0.97:
            label = self.labels.get(int(label[6:]), label)
        super().say(label, *action)

    def acts(self):
        """What may happen in a batch, with its chance."""
        return (
            (self.readings, 0.5),
            (self.late_readings, 0.3),
            (self.orders, 0.5),
            (self.orders_with, 0.6),
            (self.change, 0.5),
            (self.registry, 0.15),
            (self.govern, 0.15),
            (self.delegate, 0.12),
            (self.odd_delegate, 0.03),
            (self.many_minimums, 0.02),
            (self.schedule, 0.1),
            (self.correct, 0.25),
            (self.contradict, 0.08),
            (self.lift, 0.25),
            (self.restart, 0.12),
            (self.move, 0.03),
            (self.change_tenants_key, 0.02),
            (self.assign, 0.05),
            (self.activate, 0.03),
            (self.garbage, 0.03),
            *(self.market_acts() if self.modes else ()),
            *(self.certificate_acts() if self.certificates else ()),
            *(((self.month_money, 0.9), (self.read_boundary, 0.1)) if self.months else ()),
            *(self.member_acts() if self.members else ()),
            *(self.foreign_acts() if self.foreign else ()),
            *(self.evidence_acts() if self.evident else ()),
        )

    def market_acts(self):
        """What may happen besides where the market has modes."""
        return (
            (self.immediate, 0.7),
            (self.bundle, 0.6),
            (self.orders_of_tomorrow, 0.4),
            (self.change_mode, 0.05),
        )

    def certificate_acts(self):
        """What may happen besides where certificates move."""
        return ((self.move_certificates, 0.9), (self.link, 0.2), (self.set_policy, 0.05))

    def member_acts(self):
        """What may happen besides where nodes come and go."""
        return ((self.register_node, 0.3), (self.set_node_standing, 0.5), (self.step, 0.5), (self.step, 0.3))

    def foreign_acts(self):
        """What may happen besides where other logs are followed."""
        return ((self.follow, 0.1), (self.record, 0.9), (self.record, 0.9), (self.odd_anchor, 0.1))

    def evidence_acts(self):
        """What may happen besides where evidence is recorded."""
        return ((self.evidence, 0.9), (self.evidence, 0.9), (self.evidence, 0.5), (self.lift_evidence, 0.3))

    def live(self, until, activity=1.0):
        """Lives until a time, batch by batch."""
        rng = self.rng
        while self.time < until:
            self.time += rng.choice((0, 1, 59_999, 60_000, QUARTER // 2, QUARTER, QUARTER))
            if rng.random() < 0.2:
                self.time = max(self.time, gate_closure(self.interval() + 2) + rng.choice((-300_001, -1, 0)))
            for act, chance in self.acts():
                if rng.random() < chance * activity:
                    act()
                if sum(map(len, self.pending)) > 40_000:
                    self.batch()
            self.batch()

    def sleep(self, until, hours=4):
        """Time passes, some hours a batch."""
        while self.time < until:
            self.time = min(self.time + hours * HOUR, until)
            self.batch()

    def run(self, days, crowd=False, years=False, season=False):
        """Some days, then until the month is closed, and some hours more; with `years` until certificates expire, with
        `season` until registers and certificates are no longer kept."""
        rng = self.rng
        self.set_up()
        self.giants()
        poor = self.ledger.state.get(f.T_ACCOUNTS, (f.A_PARTICIPANT, 5)).balance
        self.say("treasurer", f.WITHDRAW, f.MONEY_ACTION(5, max(1, poor - 3 * 10**11), "all but a little"))
        if self.months or rng.random() < (0.5 if self.certificates else 0.9):
            self.say("registrar", f.ACTIVATE_RULES, (f.FINAL_RUNS, self.first + 40))
            self.say("registrar", f.ACTIVATE_RULES, (f.FINAL_RUNS, self.first + 8))
        self.say("registrar", f.ACTIVATE_RULES, (f.PRICE_INDEX, self.first + rng.choice((0, 0, 50))))
        if self.modes:
            self.begin_modes()
        if self.months:
            self.begin_months(days)
        if self.certificates:
            self.begin_certificates()
        if self.foreign:
            self.begin_foreign()
        if self.evident:
            self.begin_evidence()
        self.many_halts()
        begun = self.first * QUARTER
        self.live(begun + days * DAY * QUARTER // 2)
        if crowd:
            self.many_people()
        if self.members:
            self.many_nodes()
        self.live(begun + days * DAY * QUARTER)
        for label in self.tenants.values():
            self.say(label, f.CANCEL_ALL, (None, None))
        self.batch()
        for point in self.points():
            if self.ledger.state.get(f.T_ENDS, point.id) is None:
                self.say("registrar", f.END_POINT, (point.id, self.interval() + 12))
        self.batch()
        if self.members:
            self.exchange_voters()
        due = self.ledger.final_due(self.first)
        self.sleep(due - 6 * HOUR)
        self.many_delegates()
        if self.foreign:
            self.follow_many()
        if self.evident:
            self.much_evidence()
        self.live(due + 2 * HOUR, activity=0.7)
        self.sleep(due + 18 * HOUR)
        self.live(self.time + 2 * HOUR, activity=0.5)
        for _ in range(3 if season else 0):
            self.sleep(self.time + 30 * DAY * QUARTER)
            self.live(self.time + 3 * HOUR, activity=0.5)
        if years:
            self.sleep(self.ledger.expiry_due(self.first) + 40 * HOUR, hours=2)
            self.live(self.time + HOUR, activity=0.3)
        while decode(f.ENTRY, self.leaves[-1])[0] != f.SEAL_LEAF:
            self.time += 60_000
            self.batch()


def main():
    """Reads the arguments and writes OUT/export and OUT/policy."""
    parser = argparse.ArgumentParser(description="Write the export of a park that uses every later rule.")
    parser.add_argument("out", help="a folder that does not exist yet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=float, default=1)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--crowd", action="store_true", help="one auction with hundreds of minimums")
    parser.add_argument("--modes", action="store_true", help="continuous matching and joint auctions too")
    parser.add_argument("--certificates", action="store_true", help="certificates that move too")
    parser.add_argument(
        "--years", action="store_true", help="until the certificates of the first month expire"
    )
    parser.add_argument("--season", action="store_true", help="until registers are no longer kept")
    parser.add_argument("--months", action="store_true", help="invoices, bills and defaults too")
    parser.add_argument("--members", action="store_true", help="nodes that come, vote and go too")
    parser.add_argument("--foreign", action="store_true", help="checkpoints of other logs too")
    parser.add_argument("--evidence", action="store_true", help="what was signed twice too")
    args = parser.parse_args()
    names = ("modes", "certificates", "months", "members", "foreign", "evidence")
    also = {name: getattr(args, name) for name in names}
    park = RulesPark(args.seed, args.nodes, **also)
    park.run(args.days, args.crowd, args.years, args.season)
    write_export(os.path.join(args.out, "export"), park.origin, park.leaves, park.voters(), park.time // 1000)
    with open(os.path.join(args.out, "policy"), "w", encoding="utf-8") as file:
        file.write(park.policy())
    park.counts.update(park.ledger.refused)
    print(
        "%d entries; %s"
        % (len(park.leaves), ", ".join("%s: %d" % pair for pair in sorted(park.counts.items(), key=str)))
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
