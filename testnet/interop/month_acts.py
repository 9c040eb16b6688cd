"""What happens in a strange park that closes its months (RULES.md, sections 18 and 19)."""

from wattle_verify import formats as f
from wattle_verify.certificates import month_number

BOUNDARY = (900, 905, 915)


class MonthActs:
    """Acts of a strange park; see rules_park.py."""

    def begin_months(self, days):
        """Boundary meters and terms, and the rules are put in force; sometimes only after all points have ended."""
        rng = self.rng
        start = self.first + rng.choice((8, 8, 20, int(days * 96) + 40))
        for meter in BOUNDARY:
            kind = rng.choice((f.IMPORT, f.EXPORT))
            label = "meter %d" % meter
            row = f.BOUNDARY_METER(meter, kind, self.public(label), start, rng.choice((0, 10**6)), 10**7)
            odd = (row._replace(kind=f.LOAD), row._replace(rated=0), row._replace(id=rng.choice((11, 900))))
            self.say("registrar", f.REGISTER_BOUNDARY_METER, row)
            self.say(
                "registrar", f.REGISTER_BOUNDARY_METER, rng.choice(odd)._replace(key=self.public("odd key"))
            )
            self.registers[meter] = (row.rated, start, {start - 1: row.register})
            self.said[meter] = start - 1
        self.say("registrar", f.ADD_KEY, (self.public("second key"), (f.METER_ROLE, BOUNDARY[0])))
        self.say("registrar", f.ACTIVATE_RULES, (f.MONTH_CLOSE, start))
        price, fee = rng.choice((0, 10**6, 10**8, 10**9)), rng.choice((0, 10**9, 10**12))
        terms = f.MONTH_TERMS(price, fee, rng.choice((0, 600, 1_300, 10_000)), rng.randint(1, 4))
        odd = (terms._replace(vat_rate=10_001), terms._replace(fee=-1), terms._replace(owner=77))
        for one in (*odd, terms):
            self.say("registrar", f.SET_MONTH_CLOSE, (self.first + 4, one))
        self.say("registrar", f.ACTIVATE_RULES, (f.MONTH_CLOSE, self.first + 3))
        self.say("registrar", f.ACTIVATE_RULES, (f.MONTH_CLOSE, start))
        self.say("registrar", f.SET_MONTH_CLOSE, (start + 5, terms._replace(fee=7)))
        self.batch()

    def read_boundary(self):
        """The boundary's meters tell of the last interval of the month."""
        last = self.ledger.month_first(self.first) - 1
        if self.interval() <= last:
            return
        for meter in BOUNDARY:
            if self.registers[meter][1] <= last and self.rng.random() < 0.8:
                reading = f.READING(last, self.true_register(meter, last))
                self.say("meter %d" % meter, f.SUBMIT_READINGS, (reading,))

    def month_money(self):
        """Bills, residues, defaults and payouts."""
        rng = self.rng
        month = month_number(self.first, self.ledger.genesis.utc_offset)
        month += rng.choice((0,) * 12 + (1, 12))
        who = rng.choice((1, 2, 3, 4, 5, 5, 5, 77))
        amount = rng.choice((10**7, 10**12, 10**12 + 1, -(10**12), 10**16 + 1, 0))
        bill = f.BILL(rng.choice((0, 10**6, -1)), 5, rng.choice((0, 10**13, -(10**12), 10**18 + 1)), "bill")
        action = rng.choice(
            (
                (f.RECORD_UTILITY_BILL, (month, bill)),
                (f.RECORD_UTILITY_BILL, (month, bill._replace(number=rng.choice(("n", ""))))),
                (f.REVERSE_UTILITY_BILL, (month, rng.choice(("wrong", "wrong", "")))),
                (f.MOVE_RESIDUE, (amount, "move")),
                (f.MOVE_RESIDUE, (rng.choice((1, 10**9, -(10**9))), "move")),
                (f.DECLARE_DEFAULT, (who, month)),
                (f.DECLARE_DEFAULT, (who, month)),
                (f.CLEAR_DEFAULT, who),
                (f.WITHDRAW, f.MONEY_ACTION(min(who, 5), rng.choice((1, 10**7, 10**7 + 1, 10**9)), "")),
            )
        )
        self.say("treasurer" if rng.random() < 0.95 else "registrar", *action)
