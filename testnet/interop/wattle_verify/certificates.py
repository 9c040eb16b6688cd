"""Certificates after their issue (RULES.md, section 17)."""

from . import formats as f
from .market import pos
from .rules import calendar_date, local_date, name_valid, require

STORAGE_AGE = 17_280
LOTS_AT_ONCE = 256
MAX_HOLDERS = 64
MAX_POLICIES = 64
WHOLE = 10_000
UNIT = 1_000_000
YEARS_OF_LIFE = 2


def certificate(number, *fields):
    """A certificate's fact."""
    return f.CERTIFICATE, (number, tuple(fields))


def expiry_due(origin, utc_offset):
    """00:00 local time on the first day of an origin's local month two years later."""
    days = (origin * 15 + utc_offset) // 1440
    year, month, _ = calendar_date(days)
    days += 365 * YEARS_OF_LIFE - 31  # not yet the month that is wanted, nor more than two months before it
    while calendar_date(days)[:2] != (year + YEARS_OF_LIFE, month):
        days += 1
    days -= calendar_date(days)[2]
    return (days * 1440 - utc_offset) * 60_000


def month_number(interval, utc_offset):
    """12 times the year and the month of an interval's local start; January is 0."""
    year, month = local_date(interval, utc_offset)
    return 12 * year + month


class Certificates:
    """The part of the ledger that deals with certificates that are final."""

    def finish(self, interval, run):
        """An interval's last run is over; `run` is its inputs, owners and result, or None. Gives the facts."""
        course = self.state.get(f.T_CERTIFICATE_COURSE)
        if course is None or interval < course.start:
            return []
        facts = []
        if run is not None:
            for one, owner, line in zip(run.inputs, run.owners, run.result.lines):
                bundle = self.state.get(f.T_CERTIFICATES, interval, one.point)
                facts += self.store(interval, one, owner, line, bundle)
                if bundle is not None and bundle.held > 0:
                    name = f.CERTIFICATE_ID(interval, one.point, interval)
                    facts.append(self.release(name, owner, bundle.held))
                self.count_use(interval, one, line)
                self.count_month(one.point, bundle)
        offset = self.genesis.utc_offset
        if local_date(interval + 1, offset) != local_date(interval, offset):
            facts += self.roll_up(month_number(interval, offset))
        after = interval + 1
        self.state.put(f.T_CERTIFICATE_COURSE, (), course._replace(next=after))
        kept = self.state.at_or_before(f.T_POLICIES, after)
        for (start,) in list(self.state.rows[f.T_POLICIES]):
            if kept is not None and start < kept:
                self.state.remove(f.T_POLICIES, (start,))
        return facts

    def release(self, name, owner, quantity):
        """A certificate begins."""
        self.state.put(f.T_LIVES, (name,), f.LIFE(quantity, 0, 0, 0, 0))
        self.state.put(f.T_HOLDINGS, (name, owner), quantity)
        return owner, certificate(f.RELEASED, name, quantity)

    def count_use(self, interval, one, line):
        """The use that no certificate covers yet."""
        if not one.actual:
            return
        discharge = one.energy.get(f.DISCHARGE, 0)
        use = min(pos(line.load - line.g1 - discharge), line.need) - line.cancelled
        if use > 0:
            self.state.put(f.T_UNCOVERED, (interval, one.point), use)

    def count_month(self, point, bundle):
        """Adds a bundle to its point's open month."""
        if bundle is None or not (bundle.held or bundle.self_used):
            return
        row = self.state.get(f.T_OPEN_MONTHS, point) or f.OPEN_MONTH(0, 0, 0, 0)
        row = row._replace(
            added=row.added + bundle.held, self_use_added=row.self_use_added + bundle.self_used
        )
        self.state.put(f.T_OPEN_MONTHS, (point,), row)

    def roll_up(self, month):
        """The end of a local month: units of 1,000 kWh."""
        facts = []
        for (point,), row in sorted(self.state.rows[f.T_OPEN_MONTHS].items()):
            if not (row.added or row.self_use_added):
                continue
            sums = ((row.left, row.added), (row.self_use_left, row.self_use_added))
            parts = [f.ROLL_UP(a, b, (a + b) // UNIT, (a + b) % UNIT) for a, b in sums]
            self.state.put(f.T_ROLLED_UP, (point, month), f.ROLLED_UP_MONTH(*parts, 0, 0))
            owner = self.state.get(f.T_POINTS, point).participant
            facts.append((owner, certificate(f.ROLLED_UP, point, month, *parts)))
            if parts[0].left or parts[1].left:
                left = f.OPEN_MONTH(parts[0].left, 0, parts[1].left, 0)
                self.state.put(f.T_OPEN_MONTHS, (point,), left)
            else:
                self.state.remove(f.T_OPEN_MONTHS, (point,))
        return facts

    # Storage.

    def lots(self, point):
        """The origins of a point's lots, in order."""
        return list(self.state.starts.get((f.T_LOTS, (point,)), []))

    def lose(self, origin, point):
        """A lot is lost; gives the facts."""
        lot = self.state.remove(f.T_LOTS, (point, origin))
        owner = self.state.get(f.T_POINTS, point).participant
        return [(owner, certificate(f.STORAGE_LOST, origin, point, lot.green))] if lot.green else []

    def store(self, interval, one, owner, line, bundle):
        """What a point's storage does in a finished interval."""
        facts = []
        for origin in self.lots(one.point)[:LOTS_AT_ONCE]:
            if origin < interval - STORAGE_AGE:
                facts += self.lose(origin, one.point)
        policy, yielded = self.state.in_force(f.T_POLICIES, interval) or (f.CN, None)
        facts += self.discharge(interval, one, owner, line, policy, yielded)
        charge = one.energy.get(f.CHARGE, 0)
        if policy == f.ENERGYTAG:
            green = bundle.stored if bundle is not None else 0
            if green or charge - green:
                self.state.put(f.T_LOTS, (one.point, interval), f.LOT(green, charge - green))
            if green:
                fact = certificate(f.STORAGE_CHARGED, interval, one.point, green, charge - green)
                facts.append((owner, fact))
        return facts

    def discharge(self, interval, one, owner, line, policy, yielded):
        """Takes what was discharged out of the lots, the oldest first."""
        facts = []
        part = yielded if policy == f.ENERGYTAG else WHOLE
        discharge = one.energy.get(f.DISCHARGE, 0)
        wanted = -(-discharge * WHOLE // part)
        covering = min(discharge, line.load - line.g1)
        taken = 0
        for origin in self.lots(one.point)[:LOTS_AT_ONCE]:
            if taken == wanted:
                break
            lot = self.state.get(f.T_LOTS, one.point, origin)
            green = min(lot.green, wanted - taken)
            given = (taken + green) * part // WHOLE - taken * part // WHOLE
            if policy != f.ENERGYTAG or not one.actual:
                given = 0
            taken += green
            grey = min(lot.grey, wanted - taken)
            taken += grey
            if (green, grey) == (lot.green, lot.grey):
                self.state.remove(f.T_LOTS, (one.point, origin))
            else:
                self.state.put(f.T_LOTS, (one.point, origin), f.LOT(lot.green - green, lot.grey - grey))
            if green == 0:
                continue
            covered = min(given, covering)
            covering -= covered
            name = f.CERTIFICATE_ID(origin, one.point, interval)
            fact = certificate(f.STORAGE_DISCHARGED, name, green, green - given, covered, given - covered)
            facts.append((owner, fact))
            if given > covered:
                self.release(name, owner, given - covered)  # StorageDischarged says so
        return facts

    def expire(self):
        """The expiry of the next origin; gives the facts."""
        course = self.state.get(f.T_CERTIFICATE_COURSE)
        origin, facts = course.next_expiry, []
        holdings = sorted(key for key in self.state.rows[f.T_HOLDINGS] if key[0].origin == origin)
        for name, holder in holdings:
            quantity = self.state.get(f.T_HOLDINGS, name, holder)
            self.end(name, holder, quantity, "expired")
            facts.append((holder, certificate(f.EXPIRED, name, quantity)))
        for key in [key for key in self.state.rows[f.T_UNCOVERED] if key[0] == origin]:
            self.state.remove(f.T_UNCOVERED, key)
        self.state.put(f.T_CERTIFICATE_COURSE, (), course._replace(next_expiry=origin + 1))
        for point in sorted(point for point, at in self.state.rows[f.T_LOTS] if at == origin):
            facts += self.lose(origin, point)
        return facts

    # Moving and ending.

    def end(self, name, holder, quantity, how):
        """A part of a holding ends."""
        self.hold(name, holder, -quantity)
        life = self.state.get(f.T_LIVES, name)
        self.state.put(f.T_LIVES, (name,), life._replace(**{how: getattr(life, how) + quantity}))

    def hold(self, name, holder, more):
        """Adds to a holding; one of nothing has no row."""
        quantity = (self.state.get(f.T_HOLDINGS, name, holder) or 0) + more
        if quantity:
            self.state.put(f.T_HOLDINGS, (name, holder), quantity)
        else:
            self.state.remove(f.T_HOLDINGS, (name, holder))

    def check_holding(self, name, holder, quantity):
        """What every movement asks for."""
        course = self.state.get(f.T_CERTIFICATE_COURSE)
        require(course is not None and name.origin >= course.start, 160)
        require(quantity > 0, 503)
        require(name.interval < course.next, 501)
        held = self.state.get(f.T_HOLDINGS, name, holder)
        require(held is not None, 500)
        require(held >= quantity, 502)

    def transfer_certificate(self, holder, item):
        name, to, quantity = item
        self.check_holding(name, holder, quantity)
        require(self.state.get(f.T_PARTICIPANTS, to) is not None, 107)
        require(to != holder, 504)
        if self.state.get(f.T_HOLDINGS, name, to) is None:
            require(sum(one == name for one, _ in self.state.rows[f.T_HOLDINGS]) < MAX_HOLDERS, 509)
        self.hold(name, holder, -quantity)
        self.hold(name, to, quantity)
        fact = certificate(f.TRANSFERRED, name, holder, to, quantity)
        return [(holder, fact), (to, fact)]

    def cancel_certificate(self, holder, item):
        name, quantity, purpose = item
        self.check_holding(name, holder, quantity)
        number, target = purpose
        if number == f.FOR_USE:
            point = self.state.get(f.T_POINTS, target)
            require(point is not None, 108)
            require(point.participant == holder, 203)
            key = (name.interval, target)
            uncovered = self.state.get(f.T_UNCOVERED, *key) or 0
            require(uncovered >= quantity, 505)
            if uncovered == quantity:
                self.state.remove(f.T_UNCOVERED, key)
            else:
                self.state.put(f.T_UNCOVERED, key, uncovered - quantity)
        else:
            require(name_valid(target), 103)
        self.end(name, holder, quantity, "cancelled")
        return [(holder, certificate(f.CANCELLED, name, quantity, purpose))]

    def withdraw_certificate(self, event, record, index, fields):
        name, holder, quantity, reason = fields
        require(name_valid(reason), 103)
        self.check_holding(name, holder, quantity)
        self.end(name, holder, quantity, "withdrawn")
        return [(holder, certificate(f.WITHDRAWN, name, quantity))]

    def link_certificates(self, event, record, index, fields):
        course = self.state.get(f.T_CERTIFICATE_COURSE)
        require(course is not None, 160)
        require(name_valid(fields.number), 103)
        require(self.state.get(f.T_EXTERNAL, fields.number) is None, 508)
        key = (fields.point, fields.month)
        month = self.state.get(f.T_ROLLED_UP, *key)
        require(month is not None, 506)
        kind, linked = ("tradable", "linked") if fields.tradable else ("self_use", "linked_self_use")
        free = getattr(month, kind).units - getattr(month, linked)
        require(1 <= fields.units <= free, 507)
        owner = self.state.get(f.T_POINTS, fields.point).participant
        if fields.tradable:
            wanted = fields.units * UNIT
            own = sorted(
                (name, quantity)
                for (name, holder), quantity in self.state.rows[f.T_HOLDINGS].items()
                if holder == owner
                and name.point == fields.point
                and name.origin == name.interval
                and name.origin >= course.next_expiry
                and month_number(name.origin, self.genesis.utc_offset) <= fields.month
            )
            require(sum(quantity for _, quantity in own) >= wanted, 507)
            for name, quantity in own:
                if wanted == 0:
                    break
                part = min(wanted, quantity)
                self.end(name, owner, part, "linked")
                wanted -= part
        self.state.put(f.T_ROLLED_UP, key, month._replace(**{linked: getattr(month, linked) + fields.units}))
        row = (fields.point, fields.month, fields.units, fields.tradable)
        self.state.put(f.T_EXTERNAL, (fields.number,), row)
        return [(owner, certificate(f.LINKED, *fields))]

    def set_certificate_policy(self, event, record, index, fields):
        start, (policy, yielded) = fields
        require(self.gate_open(start), 117)
        course = self.state.get(f.T_CERTIFICATE_COURSE)
        require(course is not None and start >= course.start, 160)
        require(policy == f.CN or 1 <= yielded <= WHOLE, 161)
        rows = self.state.rows[f.T_POLICIES]
        require((start,) in rows or len(rows) < MAX_POLICIES, 161)
        self.state.put(f.T_POLICIES, (start,), (policy, yielded))
