"""What happens in a strange park whose certificates move, cover use, are stored and rolled up (RULES.md, section 17)."""

from wattle_verify import formats as f


class CertificateActs:
    """Acts of a strange park; see rules_park.py."""

    def begin_certificates(self):
        """The rules are put in force, with a policy or two."""
        rng = self.rng
        start = self.first + rng.choice((0, 2, 9))
        self.say("registrar", f.SET_CERTIFICATE_POLICY, (start, (f.CN, None)))
        self.say("registrar", f.ACTIVATE_RULES, (f.CERTIFICATES, start))
        yielded = rng.choice((10_000, 9_000, 7_777, 1))
        for at, policy in ((start + 1, (f.ENERGYTAG, yielded)), (start - 1, (f.CN, None))):
            self.say("registrar", f.SET_CERTIFICATE_POLICY, (at, policy))
        if rng.random() < 0.3:
            for at in range(64):
                self.say("registrar", f.SET_CERTIFICATE_POLICY, (start + 2_000 + at, (f.CN, None)))
        self.batch()

    def set_policy(self):
        """Another policy."""
        yielded = self.rng.choice((10_000, 9_500, 8_000, 0, 10_001))
        policy = self.rng.choice(((f.CN, None), (f.ENERGYTAG, yielded), (f.ENERGYTAG, yielded)))
        self.say("registrar", f.SET_CERTIFICATE_POLICY, (self.soon(), policy))

    def some_certificate(self):
        """A certificate that somebody holds, with holder and quantity; or None."""
        rows = sorted(self.ledger.state.rows[f.T_HOLDINGS].items())
        if not rows:
            return None
        (name, holder), held = self.rng.choice(rows)
        odd = self.rng.random()
        if odd < 0.03:
            name = name._replace(interval=self.interval())
        elif odd < 0.06:
            name = name._replace(origin=self.first - 1)
        elif odd < 0.09:
            name = name._replace(point=999)
        return name, holder, held

    def move_certificates(self):
        """Certificates are transferred, cancelled or withdrawn, or it is tried."""
        rng = self.rng
        items, purposes, label = [], [], None
        for _ in range(rng.randint(1, 5)):
            found = self.some_certificate()
            if found is None:
                return
            name, holder, held = found
            label = label or self.tenants.get(holder, self.tenants[1])
            quantity = rng.choice((held, held, held // 2, 1, held + 1, 0, -1, rng.randint(1, held)))
            to = rng.choice((1, 2, 3, 4, 5, 5, holder, 77))
            items.append(f.TRANSFER_ITEM(name, to, quantity))
            uncovered = [row for row in self.ledger.state.rows[f.T_UNCOVERED].items()]
            here = [row for row in uncovered if row[0][0] == name.interval]
            purpose = (f.DECLARED, rng.choice(("a steel buyer", "", "x\ty")))
            if here and rng.random() < 0.7:
                (_, point), use = rng.choice(sorted(here))
                purpose = (f.FOR_USE, point)
                quantity = rng.choice((min(use, held), min(use, held), use, use + 1))
            elif rng.random() < 0.2:
                purpose = (f.FOR_USE, rng.choice((1, 2, 999)))
            purposes.append(f.CANCEL_ITEM(name, quantity, purpose))
        choice = rng.random()
        if choice < 0.45:
            self.say(label, f.TRANSFER_CERTIFICATES, tuple(items))
        elif choice < 0.85:
            self.say(label, f.CANCEL_CERTIFICATES, tuple(purposes))
        else:
            item = items[-1]
            reason = rng.choice(("error", "error", "error", ""))
            fields = f.WITHDRAWAL(item.certificate, rng.choice((holder, holder, 3)), item.quantity, reason)
            self.say(rng.choice(("registrar",) * 5 + (label,)), f.WITHDRAW_CERTIFICATE, fields)

    def link(self):
        """Units of a month are registered elsewhere."""
        rng = self.rng
        rows = sorted(self.ledger.state.rows[f.T_ROLLED_UP].items())
        (point, month), row = rng.choice(rows) if rows else ((1, 24_198), None)
        tradable = rng.random() < 0.5
        most = 1 if row is None else (row.tradable if tradable else row.self_use).units
        units = rng.choice((1, 1, most, most + 1, 0))
        number = "number %d" % rng.choice((1, len(self.leaves))) if rng.random() < 0.95 else ""
        month = month if rng.random() < 0.95 else month + 1
        self.say("registrar", f.LINK_CERTIFICATES, f.LINK(point, month, units, tradable, number))
