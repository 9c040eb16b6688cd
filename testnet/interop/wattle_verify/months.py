"""The close of a month, the utility's bill, and who cannot pay (RULES.md, sections 18 and 19)."""

from . import formats as f
from . import market
from .certificates import month_number
from .ed25519 import key_accepted
from .market import fits, pos
from .rules import MAX_AMOUNT, MAX_REGISTER, name_valid, require

MAX_BOUNDARY = 16
MAX_DEMAND_PRICE = 10**9
MAX_FEE = 10**15
MAX_BILL = 10**18
FEN = 10**7
WHOLE = 10_000
KEPT_MONTHS = 12


class MonthHeld(Exception):
    """A month that cannot be closed; the message is the reason of MonthHeld."""


def require_fits(amount, reason):
    """A month is held where an amount does not fit."""
    if not fits(amount):
        raise MonthHeld(reason)


def vat_of(gross, rate):
    """The tax within a gross amount, to the nearest."""
    vat = (2 * abs(gross) * rate + WHOLE + rate) // (2 * (WHOLE + rate))
    return vat if gross >= 0 else -vat


class Months:
    """The part of the ledger that closes months."""

    # Boundary meters and terms.

    def register_boundary_meter(self, event, record, index, meter):
        require(self.meter(meter.id) is None, 105)
        require(key_accepted(meter.key), 111)
        require(self.key_unused(meter.key), 112)
        require(self.gate_open(meter.start), 117)
        require(0 <= meter.register <= MAX_REGISTER, 122)
        require(meter.rated > 0, 121)
        require(meter.kind in (f.IMPORT, f.EXPORT), 165)
        require(len(self.state.rows[f.T_BOUNDARY]) < MAX_BOUNDARY, 166)
        self.state.put(f.T_BOUNDARY, (meter.id,), meter)
        self.state.put(f.T_READINGS, (meter.id, meter.start - 1), meter.register)
        self.put_key(meter.key, (f.METER_ROLE, meter.id), index)

    def meter(self, number):
        """A meter of a point or of the park's boundary, or None."""
        return self.state.get(f.T_METERS, number) or self.state.get(f.T_BOUNDARY, number)

    def month_first(self, interval):
        """The first interval of the local month after that of an interval."""
        month = month_number(interval, self.genesis.utc_offset)
        while month_number(interval, self.genesis.utc_offset) == month:
            interval += 1
        return interval

    def set_month_close(self, event, record, index, fields):
        start, terms = fields
        require(self.gate_open(start), 117)
        require(0 <= terms.demand_price <= MAX_DEMAND_PRICE and 0 <= terms.fee <= MAX_FEE, 169)
        require(terms.vat_rate <= WHOLE, 169)
        require(self.state.get(f.T_PARTICIPANTS, terms.owner) is not None, 107)
        self.state.put(f.T_MONTH_TERMS, (start,), terms)

    def check_month_close(self, start):
        """What ActivateRules asks for beside the rest."""
        require(self.has_final_run(start), 167)
        require(self.state.at_or_before(f.T_MONTH_TERMS, start) is not None, 168)

    # Counting.

    def counted(self, interval):
        """Whether an interval counts for its month."""
        start = self.state.get(f.T_MONTH_CLOSE)
        return start is not None and interval >= start and self.has_final_run(interval)

    def count_postings(self, interval, inputs, owners, before, after):
        """Adds what a run posted, or its differences."""
        if not self.counted(interval):
            return
        month = month_number(interval, self.genesis.utc_offset)
        grid = 0
        for result, sign in ((before, -1), (after, 1)):
            if result is None:
                continue
            for owner, postings, line in zip(owners, result.point_postings, result.lines):
                key = (month, owner)
                row = self.state.get(f.T_PARTICIPANT_MONTHS, *key) or f.PARTICIPANT_MONTH((0,) * 6, 0)
                sums = list(row.postings)
                for kind, amount in postings:
                    sums[kind] += sign * amount
                row = f.PARTICIPANT_MONTH(tuple(sums), row.grid_alone + sign * line.grid_alone)
                self.state.put(f.T_PARTICIPANT_MONTHS, key, row)
            for (account, _), _, amount in result.park_postings:
                grid += sign * amount if account == f.TO_GRID else 0
        self.add_to_park(month, grid=grid)

    def add_to_park(self, month, **more):
        """Adds to the park's row of a month."""
        row = self.state.get(f.T_PARK_MONTHS, month) or f.PARK_MONTH(0, 0, 0, 0)
        row = row._replace(**{name: getattr(row, name) + amount for name, amount in more.items()})
        self.state.put(f.T_PARK_MONTHS, (month,), row)

    def count_final(self, interval, run, held):
        """What an interval with pins adds when its final run is over; `run` is what stands, or None."""
        if not self.counted(interval):
            return
        month = month_number(interval, self.genesis.utc_offset)
        net = substituted = 0
        for one, line in zip(run.inputs, run.result.lines) if run is not None else ():
            net += line.net
            substituted += not line.actual
            greatest = self.state.get(f.T_GREATEST, month, one.point)
            if greatest is None or line.need > greatest.need:
                self.state.put(f.T_GREATEST, (month, one.point), f.GREATEST(line.need, interval))
        self.add_to_park(month, net=net, substituted=substituted, held=held)

    # Closing.

    def close_month(self, first, last):
        """Closes the month of the intervals first to last, if it is; gives the facts."""
        start = self.state.get(f.T_MONTH_CLOSE)
        if start is None or not self.counted(last):
            return []
        first = max(first, start)
        month = month_number(last, self.genesis.utc_offset)
        try:
            return self.close_counted(month, first, last)
        except MonthHeld as held:
            return [(None, (f.MONTH_HELD, (month, str(held))))]

    def close_counted(self, month, first, last):
        """Charges, invoices and balances a month; changes nothing if it is held."""
        terms = self.state.in_force(f.T_MONTH_TERMS, first)
        facts, charges = [], {}
        points = sorted(key for key in self.state.rows[f.T_GREATEST] if key[0] == month)
        for _, point in points:
            row = self.state.get(f.T_GREATEST, month, point)
            owner = self.state.get(f.T_POINTS, point).participant
            demand = 4 * row.need * terms.demand_price
            require_fits(demand, "an amount of participant %d does not fit 64 bits" % owner)
            charge = charges.setdefault(owner, [0, 0])
            charge[0] += demand
            charge[1] += terms.fee
            fact = (f.POINT_CHARGED, (month, point, row.need, row.interval, demand, terms.fee))
            facts.append((owner, fact))
        invoices = {}
        for _, owner in sorted(key for key in self.state.rows[f.T_PARTICIPANT_MONTHS] if key[0] == month):
            fact = self.invoice(month, owner, charges.get(owner, (0, 0)), terms)
            invoices[owner] = f.INVOICE(fact.gross, sum(a for _, a in fact.postings), fact.grid_alone, 0)
            facts.append((owner, (f.MONTH_INVOICED, fact)))
        demand, fees = (sum(charge[at] for charge in charges.values()) for at in (0, 1))
        for amount in (demand, fees):
            require_fits(amount, "an amount of the park does not fit 64 bits")
        park = self.state.get(f.T_PARK_MONTHS, month) or f.PARK_MONTH(0, 0, 0, 0)
        collected = park.grid + demand
        require_fits(collected, "an amount of the park does not fit 64 bits")
        require_fits(park.net, "the points' energy does not fit 64 bits")
        imported, exported = (self.boundary(kind, first, last) for kind in (f.IMPORT, f.EXPORT))
        losses = None
        if None not in (imported, exported) and not park.substituted and not park.held:
            losses = imported - exported + park.net
            require_fits(losses, "the losses do not fit 64 bits")
        self.post_month(charges, demand, fees)
        fact = f.BALANCE_FACT(
            *(month, first, last, terms, imported, exported, park.net, losses),
            *(park.substituted, park.held, len(invoices), demand, fees, collected),
        )
        facts.append((None, (f.MONTH_BALANCED, fact)))
        self.turn_over(month, terms, collected, invoices)
        return facts

    def invoice(self, month, owner, charge, terms):
        """A participant's invoice of a month."""
        row = self.state.get(f.T_PARTICIPANT_MONTHS, month, owner)
        demand, fees = charge
        credit = sum(row.postings)
        gross = demand + fees - credit
        amounts = (*row.postings, gross, row.grid_alone, demand, fees, credit, demand + fees)
        for amount in amounts:
            require_fits(amount, "an amount of participant %d does not fit 64 bits" % owner)
        postings = tuple((kind, amount) for kind, amount in enumerate(row.postings) if amount)
        vat = vat_of(gross, terms.vat_rate)
        return f.INVOICE_FACT(month, postings, demand, fees, gross, terms.vat_rate, vat, row.grid_alone)

    def boundary(self, kind, first, last):
        """What the boundary's meters of a kind counted, or None."""
        meters = self.state.rows[f.T_BOUNDARY]
        if not meters:
            return None
        total = 0
        for (number,), meter in meters.items():
            if meter.kind == kind:
                ends = self.cumulative_at(number, first - 1), self.cumulative_at(number, last)
                if None in ends:
                    return None
                total += ends[1] - ends[0]
        return total

    def post_month(self, charges, demand, fees):
        """The journal entry of a month's close."""
        changes = {(f.A_PARTICIPANT, owner): -sum(charge) for owner, charge in charges.items()}
        changes[f.A_GRID, None] = demand
        changes[f.A_FEES, None] = fees
        if not self.changes_fit(changes):
            raise MonthHeld("The account cannot hold the amount.")
        self.make_changes(changes)

    def changes_fit(self, changes):
        """Whether accounts can hold what they would get."""
        rows = self.state.rows[f.T_ACCOUNTS]
        none = f.BALANCE(0, 0, 0)
        return all(fits(rows.get((account,), none).balance + amount) for account, amount in changes.items())

    def make_changes(self, changes):
        """Posts to accounts; a park's account that has no row yet gets one."""
        for account, amount in changes.items():
            if self.state.get(f.T_ACCOUNTS, account) is None:
                self.state.put(f.T_ACCOUNTS, (account,), f.BALANCE(0, 0, 0))
            self.move(account, amount)

    def turn_over(self, month, terms, collected, invoices):
        """The rows that were counted go, those of the closed month come, and old ones go."""
        for table in (f.T_GREATEST, f.T_PARTICIPANT_MONTHS):
            for key in [key for key in self.state.rows[table] if key[0] == month]:
                self.state.remove(table, key)
        self.state.drop(f.T_PARK_MONTHS, month)
        for owner, row in invoices.items():
            self.state.put(f.T_INVOICES, (month, owner), row)
        self.state.put(f.T_CLOSED_MONTHS, (month,), f.CLOSED_MONTH(collected, terms.owner, None))
        for table in (f.T_CLOSED_MONTHS, f.T_INVOICES, f.T_COVERED):
            for key in [key for key in self.state.rows[table] if key[0] < month - KEPT_MONTHS]:
                self.state.remove(table, key)

    # The utility's bill, and the residue.

    def record_utility_bill(self, event, record, index, fields):
        month, bill = fields
        row = self.state.get(f.T_CLOSED_MONTHS, month)
        require(row is not None, 403)
        require(row.bill is None, 404)
        require(name_valid(bill.number), 103)
        require(0 <= bill.imported <= MAX_REGISTER and 0 <= bill.exported <= MAX_REGISTER, 406)
        require(abs(bill.amount) <= MAX_BILL, 406)
        residue = row.collected - bill.amount
        changes = {
            (f.A_GRID, None): -bill.amount - residue,
            (f.A_CASH, None): bill.amount,
            (f.A_RESIDUE, None): residue,
        }
        require(fits(residue) and self.changes_fit(changes), 402)
        self.make_changes(changes)
        self.state.put(f.T_CLOSED_MONTHS, (month,), row._replace(bill=bill))
        return [(None, (f.UTILITY_BILLED, (month, bill, row.collected, residue, row.owner)))]

    def reverse_utility_bill(self, event, record, index, fields):
        month, reason = fields
        require(name_valid(reason), 103)
        row = self.state.get(f.T_CLOSED_MONTHS, month)
        require(row is not None, 403)
        require(row.bill is not None, 405)
        amount, residue = row.bill.amount, row.collected - row.bill.amount
        changes = {
            (f.A_GRID, None): amount + residue,
            (f.A_CASH, None): -amount,
            (f.A_RESIDUE, None): -residue,
        }
        require(self.changes_fit(changes), 402)
        self.make_changes(changes)
        self.state.put(f.T_CLOSED_MONTHS, (month,), row._replace(bill=None))
        return [(None, (f.UTILITY_BILL_REVERSED, (month, amount, residue)))]

    def move_residue(self, event, record, index, fields):
        amount, _ = fields
        terms = self.state.in_force(f.T_MONTH_TERMS, self.interval_now())
        require(terms is not None, 403)
        require(amount != 0 and abs(amount) <= MAX_AMOUNT, 400)
        payer = (f.A_RESIDUE, None) if amount > 0 else (f.A_PARTICIPANT, terms.owner)
        row = self.state.get(f.T_ACCOUNTS, payer) or f.BALANCE(0, 0, 0)
        require(row.balance - row.reserved >= abs(amount), 401)
        changes = {(f.A_RESIDUE, None): -amount, (f.A_PARTICIPANT, terms.owner): amount}
        require(self.changes_fit(changes), 402)
        self.make_changes(changes)
        return [(terms.owner, (f.RESIDUE_MOVED, amount))]

    def whole_fen_only(self):
        """Whether payouts are whole fen."""
        start = self.state.get(f.T_MONTH_CLOSE)
        return start is not None and not self.gate_open(start)

    # Section 19.

    def in_default(self, participant):
        """Whether a participant is in default."""
        return self.state.get(f.T_IN_DEFAULT, participant) is not None

    def declare_default(self, event, record, index, fields):
        participant, month = fields
        account = self.state.get(f.T_ACCOUNTS, (f.A_PARTICIPANT, participant))
        require(account is not None, 107)
        own = self.state.get(f.T_INVOICES, month, participant)
        require(own is not None, 403)
        require(self.state.get(f.T_COVERED, month, participant) is None, 409)
        require(account.balance + account.credit < 0 and own.gross > 0, 408)
        debt = min(-account.balance, own.gross)
        balancing = self.state.get(f.T_ACCOUNTS, (f.A_BALANCING, None)).balance
        from_balancing = min(debt, pos(balancing))
        rows = {
            other: row
            for (at, other), row in sorted(self.state.rows[f.T_INVOICES].items())
            if at == month and other != participant and not self.in_default(other)
        }
        gains = {other: pos(row.credit - row.grid_alone) - row.cut for other, row in rows.items()}
        total = min(debt - from_balancing, sum(gains.values()))
        cuts = market.share(total, gains)
        changes = {(f.A_PARTICIPANT, other): -cut for other, cut in cuts.items() if cut}
        changes[f.A_PARTICIPANT, participant] = from_balancing + total
        changes[f.A_BALANCING, None] = -from_balancing
        require(self.changes_fit(changes), 402)
        self.make_changes(changes)
        rest = debt - from_balancing - total
        fact = (f.DEFAULT_COVERED, (month, debt, from_balancing, total, rest))
        facts = [(participant, fact)]
        for other, cut in cuts.items():
            if cut:
                row = rows[other]._replace(cut=rows[other].cut + cut)
                self.state.put(f.T_INVOICES, (month, other), row)
                fact = (month, row.credit - row.grid_alone, cut, row.cut)
                facts.append((other, (f.GAIN_CUT, fact)))
        covered = f.COVERED(debt, from_balancing, total)
        self.state.put(f.T_COVERED, (month, participant), covered)
        if not self.in_default(participant):
            self.state.put(f.T_IN_DEFAULT, (participant,), self.time)
        return facts

    def clear_default(self, event, record, index, participant):
        require(self.in_default(participant), 411)
        self.state.remove(f.T_IN_DEFAULT, (participant,))
        return [(participant, (f.DEFAULT_CLEARED, ()))]
