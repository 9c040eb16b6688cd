"""Who and what a park consists of, prices, money, and tenants that move (RULES.md, section 4)."""

from . import formats as f
from .ed25519 import key_accepted, signature_holds
from .market import fits
from .months import FEN
from .rules import (
    KEY_LIMIT,
    MAX_AMOUNT,
    MAX_REGISTER,
    MAX_SCHEDULE,
    REGISTRY_LIMIT,
    factor_valid,
    name_valid,
    price_valid,
    require,
    tariff_valid,
    terms_valid,
)


def kind_fits(kind, point):
    """Whether a meter's kind fits how a point is metered."""
    wrong = {f.LOAD_METER: (f.IMPORT, f.EXPORT), f.CONNECTION_METER: (f.LOAD,)}[point.metering]
    return kind not in wrong


class Registry:
    """The part of the ledger that the registrar and the treasurer sign; the checks of each action are in the order of its row."""

    def register_participant(self, event, record, index, participant):
        rows = self.state.rows[f.T_PARTICIPANTS]
        require(name_valid(participant.name), 103)
        require((participant.id,) not in rows, 105)
        require(participant.name not in self.names, 104)
        require(len(rows) < REGISTRY_LIMIT, 106)
        self.names.add(participant.name)
        self.state.put(f.T_PARTICIPANTS, (participant.id,), participant)
        self.state.put(f.T_ACCOUNTS, ((f.A_PARTICIPANT, participant.id),), f.BALANCE(0, 0, 0))

    def register_point(self, event, record, index, point):
        rows = self.state.rows[f.T_POINTS]
        require((point.id,) not in rows, 105)
        require((point.participant,) in self.state.rows[f.T_PARTICIPANTS], 107)
        require(self.gate_open(point.start), 117)
        require(self.retail(point, point.start) is not None, 110)
        require(point.connection > 0, 121)
        require(len(rows) < REGISTRY_LIMIT, 106)
        self.state.put(f.T_POINTS, (point.id,), point)
        self.dearest.clear()

    def register_meter(self, event, record, index, meter):
        rows = self.state.rows[f.T_METERS]
        require(self.meter(meter.id) is None, 105)
        point = self.state.get(f.T_POINTS, meter.point)
        require(point is not None, 108)
        require(key_accepted(meter.key), 111)
        require(self.key_unused(meter.key), 112)
        require(self.gate_open(meter.start), 117)
        require(0 <= meter.register <= MAX_REGISTER, 122)
        require(meter.rated > 0, 121)
        require(kind_fits(meter.kind, point), 124)
        require(not self.ended(point.id, meter.start), 219)
        require(not self.kind_taken(meter.kind, point.id, meter.start), 123)
        require(len(rows) < REGISTRY_LIMIT, 106)
        self.state.put(f.T_METERS, (meter.id,), meter)
        self.state.put(f.T_READINGS, (meter.id, meter.start - 1), meter.register)
        self.put_key(meter.key, (f.METER_ROLE, meter.id), index)

    def add_key(self, event, record, index, fields):
        key, role = fields
        require(role[0] != f.DELEGATE_ROLE, 100)
        require(key_accepted(key), 111)
        require(self.key_unused(key), 112)
        if role[0] == f.METER_ROLE:
            require(self.meter(role[1]) is not None, 109)
        if role[0] == f.TENANT:
            require(self.state.get(f.T_PARTICIPANTS, role[1]) is not None, 107)
        if role[0] == f.NODE_ROLE:
            wanted = self.wanted_standing(role[1])
            require(wanted is not None, 173)
            require(wanted != f.REMOVED, 174)
        require(len(self.state.rows[f.T_KEYS]) < KEY_LIMIT, 106)
        self.put_key(key, role, index)

    def rotate_key(self, event, record, index, fields):
        key, proof = fields
        require(key_accepted(key), 111)
        require(signature_holds(key, b"wattle/rotation/v0\n" + self.park + event.author + key, proof), 116)
        require(self.key_unused(key), 112)
        self.put_key(key, record.role, index)
        self.state.put(f.T_KEYS, (event.author,), record._replace(revoked=index))
        for delegate, row in self.answered_for_by(event.author):
            self.state.put(f.T_DELEGATIONS, (delegate,), row._replace(by=key))

    def revoke_key(self, event, record, index, key):
        rows = self.state.rows[f.T_KEYS]
        row = rows.get((key,))
        require(row is not None, 113)
        require(row.revoked is None, 114)
        registrars = [one for one in rows.values() if one.role[0] == f.REGISTRAR and one.revoked is None]
        require(row.role[0] != f.REGISTRAR or len(registrars) > 1, 115)
        self.end_key(key, index)
        for delegate, _ in self.answered_for_by(key):
            self.end_key(delegate, index)

    def set_tariff(self, event, record, index, fields):
        tariff, start, prices = fields
        require(self.gate_open(start), 117)
        require(tariff_valid(prices), 118)
        self.state.put(f.T_TARIFFS, (tariff, start), prices)
        self.dearest.clear()

    def set_terms(self, event, record, index, fields):
        start, terms = fields
        require(self.gate_open(start), 117)
        require(terms_valid(terms), 119)
        self.state.put(f.T_TERMS, (start,), terms)
        self.dearest.clear()

    def set_factor(self, event, record, index, fields):
        start, factor = fields
        require(self.gate_open(start), 117)
        require(factor_valid(factor), 120)
        self.state.put(f.T_FACTORS, (start,), factor)

    def deposit(self, event, record, index, fields):
        return self.move_funds(fields.participant, fields.amount, fields.amount)

    def withdraw(self, event, record, index, fields):
        require(fields.amount != -(2**63), 400)
        return self.move_funds(fields.participant, fields.amount, -fields.amount)

    def move_funds(self, participant, amount, change):
        """Posts `change` from the cash account to the participant's."""
        account = (f.A_PARTICIPANT, participant)
        row = self.state.get(f.T_ACCOUNTS, account)
        require(row is not None, 107)
        require(0 < amount <= MAX_AMOUNT, 400)
        require(change > 0 or amount % FEN == 0 or not self.whole_fen_only(), 407)
        require(change > 0 or row.balance - row.reserved >= amount, 401)
        cash = self.state.get(f.T_ACCOUNTS, (f.A_CASH, None))
        require(fits(row.balance + change) and fits(cash.balance - change), 402)
        self.move((f.A_CASH, None), -change)
        self.move(account, change)
        return [(participant, (f.FUNDS_MOVED, change))]

    def set_credit_limit(self, event, record, index, fields):
        participant, limit = fields
        row = self.state.get(f.T_ACCOUNTS, (f.A_PARTICIPANT, participant))
        require(row is not None, 107)
        require(0 <= limit <= MAX_AMOUNT, 400)
        self.state.put(f.T_ACCOUNTS, ((f.A_PARTICIPANT, participant),), row._replace(credit=limit))

    def set_standing(self, event, record, index, fields):
        number, standing = fields
        point = self.state.get(f.T_POINTS, number)
        require(point is not None, 108)
        require(point.participant == record.role[1], 203)
        require(price_valid(standing.ask) and (standing.bid is None or price_valid(standing.bid)), 202)
        self.state.put(f.T_STANDING, (number,), standing)

    def set_schedule(self, event, record, index, fields):
        number, entries = fields
        point = self.state.get(f.T_POINTS, number)
        require(point is not None, 108)
        require(point.participant == record.role[1], 203)
        require(len(entries) <= MAX_SCHEDULE, 143)
        for entry in entries:
            require(1 <= entry.weekdays <= 127 and entry.start < entry.end <= 96, 143)
        for entry in entries:
            require(price_valid(entry.ask) and (entry.bid is None or price_valid(entry.bid)), 202)
        if entries:
            self.state.put(f.T_SCHEDULES, (number,), entries)
        else:
            self.state.drop(f.T_SCHEDULES, number)

    def activate_rules(self, event, record, index, fields):
        rules, start = fields
        require(self.gate_open(start), 117)
        if rules == f.JOINT_AUCTION:
            self.activate_joint(start)
            return
        table, row = {
            f.FINAL_RUNS: (f.T_COURSE, f.COURSE(start, start, start, 0, 0)),
            f.PRICE_INDEX: (f.T_INDEX, start),
            f.MONTH_CLOSE: (f.T_MONTH_CLOSE, start),
            f.CERTIFICATES: (f.T_CERTIFICATE_COURSE, f.CERTIFICATE_COURSE(start, start, start)),
        }[rules]
        given = self.state.get(table)
        if given is not None:
            require(self.gate_open(given if isinstance(given, int) else given.start), 125)
        if rules == f.MONTH_CLOSE:
            self.check_month_close(start)
        self.state.put(table, (), row)

    # Tenants that move.

    def ended(self, point, interval):
        """Whether a point takes no part in an interval any more."""
        end = self.state.get(f.T_ENDS, point)
        return end is not None and end <= interval

    def measured_point(self, meter, interval):
        """The point that a meter measures in an interval."""
        return self.state.in_force(f.T_ASSIGNMENTS, meter.id, interval) or meter.point

    def meters_by_point(self, interval):
        """The meters that measure each point in an interval, by id."""
        found = {}
        for _, meter in sorted(self.state.rows[f.T_METERS].items()):
            if meter.start <= interval:
                found.setdefault(self.measured_point(meter, interval), []).append(meter)
        return found

    def kind_taken(self, kind, point, start, besides=None):
        """Whether another meter of a kind measures a point at or after `start`."""
        for (number,), meter in self.state.rows[f.T_METERS].items():
            if number == besides or meter.kind != kind:
                continue
            later = self.state.starts.get((f.T_ASSIGNMENTS, (number,)), [])
            points = {self.state.get(f.T_ASSIGNMENTS, number, at) for at in later if at > start}
            if point in points | {self.measured_point(meter, start)}:
                return True
        return False

    def end_point(self, event, record, index, fields):
        number, start = fields
        point = self.state.get(f.T_POINTS, number)
        require(point is not None, 108)
        require(self.gate_open(start), 117)
        require(start >= point.start, 204)
        end = self.state.get(f.T_ENDS, number)
        require(end is None or start < end, 219)
        orders = ((interval, row.item.point) for (interval, _), row in self.state.rows[f.T_ORDERS].items())
        bundles = ((row.legs[-1].interval, row.point) for row in self.state.rows[f.T_BUNDLES].values())
        for interval, other in [*orders, *self.state.rows[f.T_POSITIONS], *bundles]:
            require(other != number or interval < start, 134)
        self.state.put(f.T_ENDS, (number,), start)
        self.dearest.clear()

    def assign_meter(self, event, record, index, fields):
        number, target, start = fields
        meter = self.state.get(f.T_METERS, number)
        require(meter is not None, 109)
        point = self.state.get(f.T_POINTS, target)
        require(point is not None, 108)
        require(self.gate_open(start), 117)
        require(not self.ended(target, start), 219)
        require(kind_fits(meter.kind, point), 124)
        require(self.state.at_or_after(f.T_ASSIGNMENTS, number, start + 1) is None, 135)
        require(not self.kind_taken(meter.kind, target, start, besides=number), 123)
        if meter.kind in (f.LOAD, f.IMPORT, f.EXPORT):
            left = self.measured_point(meter, start)
            require(left == target or self.ended(left, start), 136)
        self.state.put(f.T_ASSIGNMENTS, (number, start), target)

    def key_unused(self, key):
        """Neither the registry nor any node ever had it."""
        return (key,) not in self.state.rows[f.T_KEYS] and key not in self.node_keys

    def put_key(self, key, role, index):
        """A new key, with a sequence of its own from 1."""
        self.state.put(f.T_KEYS, (key,), f.KEY_RECORD(role, 0, index, None, 0, 0))

    def end_key(self, key, index):
        """Ends a key with the leaf of that index, if it is in force."""
        row = self.state.get(f.T_KEYS, key)
        if row.revoked is None:
            self.state.put(f.T_KEYS, (key,), row._replace(revoked=index))
        self.state.drop(f.T_DELEGATIONS, key)

    def is_delegate(self, key):
        """Whether a key is a delegated one, in force or not."""
        return self.state.get(f.T_KEYS, key).role[0] == f.DELEGATE_ROLE

    def answered_for_by(self, key):
        """The delegated keys that a tenant's key answers for."""
        return [(one, row) for (one,), row in self.state.rows[f.T_DELEGATIONS].items() if row.by == key]
