"""Settlement: the initial run and the final one (RULES.md, sections 8, 9 and 11)."""

from collections import namedtuple

from . import formats as f
from . import market
from .market import fits
from .rules import local_date


def energy_row(one):
    """The energy of an input as table 18 keeps it."""
    kinds = (f.GENERATION, f.LOAD, f.CHARGE, f.DISCHARGE)
    connection = (one.energy.get(f.IMPORT, 0), one.energy.get(f.EXPORT, 0)) if one.connection else None
    return f.ENERGY(*[one.energy.get(kind, 0) for kind in kinds], connection, one.actual)


def energy_of_row(row):
    """The energies by kind that a row of table 18 keeps."""
    energy = dict(zip((f.GENERATION, f.LOAD, f.CHARGE, f.DISCHARGE), row[:4]))
    if row.connection is not None:
        energy[f.IMPORT], energy[f.EXPORT] = row.connection
    return energy


# A run that was not held.
Run = namedtuple("Run", "inputs owners result")

OWN_ACCOUNTS = {
    f.TO_CLEARING: f.A_CLEARING,
    f.TO_GRID: f.A_GRID,
    f.TO_BALANCING: f.A_BALANCING,
    f.TO_NETWORK: f.A_NETWORK,
}


class Runs:
    """The part of the ledger that settles."""

    def gather(self, interval):
        """The inputs of an interval with pins at this moment, the kinds on a substitute, and the owners."""
        inputs, substituted, owners = [], [], []
        pinned = self.state.rows[f.T_POINT_PINS]
        points = [number for (number,) in sorted(self.state.rows[f.T_POINTS]) if (interval, number) in pinned]
        meters = self.meters_by_point(interval)
        for number in points:
            owners.append(self.state.get(f.T_POINTS, number).participant)
            position = self.state.get(f.T_INPUTS, interval, number)
            if position is None:
                position = self.state.get(f.T_POSITIONS, interval, number) or f.POSITION(0, 0, 0, 0)
            energy, missing = {}, []
            for meter in meters.get(number, ()):
                energy[meter.kind], actual = self.energy(meter, interval)
                missing += [] if actual else [meter.kind]
            substituted.append(tuple(missing))
            inputs.append(
                market.Input(
                    number,
                    self.state.get(f.T_POINT_PINS, interval, number),
                    position.sold,
                    position.bought,
                    position.cash,
                    energy,
                    f.IMPORT in energy or f.EXPORT in energy,
                    not missing,
                )
            )
        return inputs, substituted, owners

    def settle(self, interval):
        """The initial run of an interval with pins; gives its facts, and the run if it was not held."""
        terms = self.state.get(f.T_PARK_PINS, interval)
        inputs, substituted, owners = self.gather(interval)
        try:
            result = market.settle(inputs, terms)
            self.post(posting_differences(inputs, None, result))
        except market.Held as held:
            return [(None, (f.SETTLEMENT_HELD, (interval, str(held))))], None
        self.findings += result.invariants
        self.release_positions(interval, inputs, owners)
        self.check_balances()
        if result.price is not None:
            self.count_turnover(interval, pool=result.volume, pool_value=result.volume * result.price)
        if self.has_final_run(interval):
            for one in inputs:
                row = f.INPUTS(one.sold, one.bought, one.cash, energy_row(one))
                self.state.put(f.T_INPUTS, (interval, one.point), row)
        self.count_postings(interval, inputs, owners, None, result)
        facts = self.settled_facts(interval, terms, inputs, substituted, owners, result)
        return facts, Run(inputs, owners, result)

    def post(self, postings):
        """Posts lines of accounts, all or none; a balance beyond 64 bits holds the interval."""
        changes = {}
        for (name, point), _, amount in postings:
            if name == f.POINT_LINES:
                account = (f.A_PARTICIPANT, self.state.get(f.T_POINTS, point).participant)
            else:
                account = (OWN_ACCOUNTS[name], None)
            changes[account] = changes.get(account, 0) + amount
        for account, amount in changes.items():
            if not fits(self.state.get(f.T_ACCOUNTS, account).balance + amount):
                raise market.Held("The account cannot hold the amount.")
        for account, amount in changes.items():
            self.move(account, amount)

    def release_positions(self, interval, inputs, owners):
        """The positions of a settled interval go, and their collateral."""
        for one, owner in zip(inputs, owners):
            position = self.state.get(f.T_POSITIONS, interval, one.point)
            if position is not None:
                self.state.remove(f.T_POSITIONS, (interval, one.point))
                self.reserve(owner, -position.reserved)

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

    # Section 9, the final run.

    def final_run(self):
        """The final run of the next interval of the course; gives its facts and whether a month was closed."""
        course = self.state.get(f.T_COURSE)
        interval = course.next_final
        facts, adjusted, settled, run = [], False, False, None
        if self.state.get(f.T_PARK_PINS, interval) is not None:
            settled = True
            before = self.stored_run(interval)
            facts, adjusted, run = self.adjust(interval)
            self.count_final(interval, run or before, run is None)
        else:
            self.forget_corrections(interval)
        facts += self.finish(interval, run)
        course = course._replace(
            next_final=interval + 1,
            intervals=course.intervals + settled,
            adjusted=course.adjusted + adjusted,
        )
        year, month = local_date(interval, self.genesis.utc_offset)
        closed = local_date(interval + 1, self.genesis.utc_offset) != (year, month)
        if closed:
            fact = f.MONTH_FACT(
                year, month + 1, course.month_first, interval, course.intervals, course.adjusted
            )
            facts.append((None, (f.MONTH_CLOSED, fact)))
            facts += self.close_month(course.month_first, interval)
            course = course._replace(month_first=interval + 1, intervals=0, adjusted=0)
        self.state.put(f.T_COURSE, (), course)
        return facts, closed

    def forget_corrections(self, interval):
        """Lets go of what meters signed before an interval's corrections."""
        for (number,) in [*self.state.rows[f.T_METERS], *self.state.rows[f.T_BOUNDARY]]:
            self.state.drop(f.T_CORRECTED, interval, number)

    def release_pins(self, interval):
        """An interval's last run lets go of what was pinned for it."""
        self.state.remove(f.T_PARK_PINS, (interval,))
        for (number,) in self.state.rows[f.T_POINTS]:
            self.state.drop(f.T_POINT_PINS, interval, number)

    def stored_run(self, interval):
        """What the initial run of an interval posted, from the rows that it left; None if it was held."""
        terms = self.state.get(f.T_PARK_PINS, interval)
        inputs, _, owners = self.gather(interval)
        rows = [self.state.get(f.T_INPUTS, interval, one.point) for one in inputs]
        if None in rows:
            return None
        for place, row in enumerate(rows):
            energy = row.energy
            inputs[place] = inputs[place]._replace(
                energy=energy_of_row(energy),
                connection=energy.connection is not None,
                actual=energy.actual,
            )
        return Run(inputs, owners, market.settle(inputs, terms))

    def adjust(self, interval):
        """Settles an interval with pins again; gives the facts, whether differences were posted, and the run if not held."""
        terms = self.state.get(f.T_PARK_PINS, interval)
        inputs, substituted, owners = self.gather(interval)
        rows = [self.state.get(f.T_INPUTS, interval, one.point) for one in inputs]
        facts, after = [], None
        adjusted = [row and row.energy for row in rows] != [energy_row(one) for one in inputs]
        if adjusted:
            try:
                stored = self.stored_run(interval)
                before = stored.result if stored else None
                after = market.settle(inputs, terms)
                differences = posting_differences(inputs, before, after)
                self.post(differences)
            except market.Held as held:
                return [(None, (f.RUN_HELD, (interval, f.FINAL, str(held))))], False, None
            self.findings += after.invariants
            self.release_positions(interval, inputs, owners)
            self.check_balances()
            self.count_postings(interval, inputs, owners, before, after)
            facts = self.adjusted_facts(
                interval, terms, inputs, substituted, owners, before, after, differences
            )
        self.release_pins(interval)
        for one in inputs:
            self.state.drop(f.T_INPUTS, interval, one.point)
        self.forget_corrections(interval)
        run = Run(inputs, owners, after or market.settle(inputs, terms))
        return facts, adjusted, run

    def adjusted_facts(self, interval, terms, inputs, substituted, owners, before, after, differences):
        """The facts of an interval that was adjusted, in the order of section 9, step 4."""
        facts = []
        owner_of = {one.point: owner for one, owner in zip(inputs, owners)}
        for place, one in enumerate(inputs):
            old = None if before is None else before.lines[place]
            if old == after.lines[place]:
                continue
            own = tuple(
                (kind, amount)
                for account, kind, amount in differences
                if account == (f.POINT_LINES, one.point)
            )
            fact = f.POINT_ADJUSTED_FACT(
                interval, one.point, f.FINAL, one.terms, substituted[place], old, after.lines[place], own
            )
            facts.append((owners[place], (f.POINT_ADJUSTED, fact)))
        fact = f.INTERVAL_ADJUSTED_FACT(
            interval,
            f.FINAL,
            terms,
            self.state.in_force(f.T_FACTORS, interval),
            before and before.price,
            before.volume if before else 0,
            after.price,
            after.volume,
            tuple(line for line in differences if line[0][0] != f.POINT_LINES),
        )
        facts.append((None, (f.INTERVAL_ADJUSTED, fact)))
        none = f.BUNDLE(0, 0, 0, 0, 0, 0)
        old, new = before.bundles if before else {}, after.bundles
        for point in sorted(old.keys() | new.keys()):
            if old.get(point) == new.get(point):
                continue
            if point in new:
                self.state.put(f.T_CERTIFICATES, (interval, point), new[point])
            else:
                self.state.remove(f.T_CERTIFICATES, (interval, point))
            fact = (interval, point, old.get(point, none), new.get(point, none))
            facts.append((owner_of[point], (f.CERTIFICATE_ADJUSTED, fact)))
        old = {pair[:2]: pair[2] for pair in before.pairs} if before else {}
        new = {pair[:2]: pair[2] for pair in after.pairs}
        for sender, receiver in sorted(old.keys() | new.keys()):
            quantities = old.get((sender, receiver), 0), new.get((sender, receiver), 0)
            if quantities[0] != quantities[1]:
                fact = (f.DELIVERY_ADJUSTED, (interval, sender, receiver, *quantities))
                facts += [(owner_of[sender], fact), (owner_of[receiver], fact)]
        return facts


def posting_differences(inputs, before, after):
    """What the postings of two runs differ by, in the order kind, then account."""
    sums = {}
    for result, sign in ((before, -1), (after, 1)):
        if result is None:
            continue
        for one, lines in zip(inputs, result.point_postings):
            for kind, amount in lines:
                key = (kind, (f.POINT_LINES, one.point))
                sums[key] = sums.get(key, 0) + sign * amount
        for account, kind, amount in result.park_postings:
            sums[kind, account] = sums.get((kind, account), 0) + sign * amount
    order = sorted(sums, key=lambda key: (key[0], key[1][0], key[1][1] or 0))
    if not all(fits(sums[key]) for key in order):
        raise market.Held("a difference does not fit 64 bits")
    return [(account, kind, sums[kind, account]) for kind, account in order if sums[kind, account]]
