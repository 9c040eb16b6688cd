"""What happens in a strange park whose market is continuous now and then, and holds joint auctions (RULES.md, sections 15, 16)."""

from wattle_verify import formats as f

DAY = 96


class MarketActs:
    """Acts of a strange park; see rules_park.py."""

    def begin_modes(self):
        """The market's mode changes now and then in the first day, while nobody has ordered yet."""
        rng = self.rng
        at, mode = self.first + rng.randrange(4), f.CONTINUOUS
        while at < self.first + DAY:
            self.say("registrar", f.SET_MARKET_MODE, (at, mode))
            at, mode = at + rng.choice((3, 6, 12, 12, 40)), 1 - mode
        self.say("registrar", f.SET_MARKET_MODE, (at, f.CALL_AUCTION))
        for far in range(60):
            self.say("registrar", f.SET_MARKET_MODE, (at + 2_000 + far, far % 2))
        day = self.ledger.first_of_day(self.first)
        for start in (day + 2 * DAY, day + DAY + 1, day + DAY, day - DAY):
            self.say("registrar", f.ACTIVATE_RULES, (f.JOINT_AUCTION, start))
        self.batch()

    def change_mode(self):
        """The mode is changed, or it is tried."""
        rng = self.rng
        start = rng.choice((self.soon(), self.interval() + 100, self.interval() + 800))
        label = "registrar" if rng.random() < 0.9 else self.tenants[1]
        self.say(label, f.SET_MARKET_MODE, (start, rng.randrange(2)))
        if rng.random() < 0.3:
            day = self.ledger.first_of_day(self.interval())
            start = day + rng.choice((0, DAY, 2 * DAY, 2 * DAY + 1))
            self.say("registrar", f.ACTIVATE_RULES, (f.JOINT_AUCTION, start))

    def immediate(self):
        """Orders that trade at once or not at all; many in one interval, so that they meet."""
        rng = self.rng
        interval = self.interval() + rng.choice((1, 1, 2))
        for _ in range(rng.randint(1, 4)):
            point = rng.choice(self.points())
            label = self.owner_of(point)
            if self.delegates and rng.random() < 0.2:
                label, _ = rng.choice(self.delegates)
            items = []
            for _ in range(rng.randint(1, 4)):
                order = self.order(point)
                if rng.random() < 0.8:
                    limit = rng.choice((400_000, 450_000, 500_000, 550_000, 600_000))
                    order = order._replace(
                        interval=interval, quantity=rng.choice((5, 50, 3_000)), limit=limit
                    )
                minimum = rng.choice((0, 0, 0, 1, max(0, order.quantity)))
                items.append((order, minimum))
            if rng.random() < 0.5:
                self.say(label, f.PLACE_IMMEDIATE, tuple(items))
            elif rng.random() < 0.5:
                self.say(label, f.PLACE_ORDERS_WITH, tuple(items))
            else:
                self.say(label, f.PLACE_ORDERS, tuple(order for order, _ in items))

    def bundle(self):
        """A bundle for the next days, mostly sensible; or one is cancelled."""
        rng = self.rng
        rows = sorted(self.ledger.state.rows[f.T_BUNDLES].items())
        if rows and rng.random() < 0.2:
            (_, bundle), row = rng.choice(rows)
            label = (
                self.tenants.get(row.participant, self.tenants[1]) if rng.random() < 0.8 else self.tenants[1]
            )
            self.say(label, f.CANCEL_BUNDLE, rng.choice((bundle, bundle, bundle._replace(item=1))))
            return
        point = rng.choice(self.points())
        day = self.ledger.first_of_day(self.interval()) + DAY * rng.choice((0, 1, 1, 1, 1, 2, 3))
        course = self.ledger.state.get(f.T_JOINT)
        if course is not None and rng.random() < 0.9:
            day = course.next_day + DAY * rng.choice((0, 0, 0, 1))
        wanted = rng.choice(([40, 41], [40, 41, 42], sorted(rng.sample(range(96), rng.randint(1, 5)))))
        sides = rng.choice((f.BUY, f.SELL, None))
        legs = tuple(
            f.LEG(
                day + at,
                rng.randrange(2) if sides is None else sides,
                rng.choice((50, 500, rng.randint(1, 20_000))),
            )
            for at in wanted
        )
        worth = sum(leg.quantity * (1 if leg.side == f.SELL else -1) for leg in legs)
        limit = worth * rng.choice((300_000, 450_000, 500_000, 550_000, 700_000)) + rng.randint(
            -(10**6), 10**6
        )
        if rng.random() < 0.15:
            first = legs[0]
            legs, limit = rng.choice(
                (
                    ((), limit),
                    (legs[::-1], limit),
                    (legs + (f.LEG(day + DAY, f.BUY, 5),), limit),
                    ((first._replace(quantity=0),) + legs[1:], limit),
                    ((first._replace(quantity=2**30 + 1),) + legs[1:], limit),
                    (tuple(f.LEG(day + at, f.BUY, 2**30) for at in range(33)), limit),
                    (legs, 2**63 - 1),
                    (tuple(f.LEG(day + at, f.SELL, 100) for at in range(96)), 96 * 100 * 500_000),
                )
            )
        number = point.id if rng.random() < 0.97 else 999
        label = self.owner_of(point)
        if self.delegates and rng.random() < 0.03:
            label, _ = rng.choice(self.delegates)
        self.say(label, f.PLACE_BUNDLE, f.BUNDLE_ACTION(number, legs, limit))

    def orders_of_tomorrow(self):
        """Orders for the intervals that bundles like."""
        rng = self.rng
        course = self.ledger.state.get(f.T_JOINT)
        if course is None:
            return
        point = rng.choice(self.points())
        items = []
        for _ in range(rng.randint(1, 6)):
            order = self.order(point)
            limit = rng.choice((400_000, 480_000, 500_000, 520_000, 600_000))
            interval = course.next_day + rng.choice((40, 40, 41, 41, 42, rng.randrange(96)))
            items.append(order._replace(interval=interval, limit=limit))
        self.say(self.owner_of(point), f.PLACE_ORDERS, tuple(items))
