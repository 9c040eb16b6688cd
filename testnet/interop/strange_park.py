#!/usr/bin/env python3
"""strange_park.py OUT [--seed N] [--days N]: writes the export of a park where everything happens that the rules foresee.

The other direction of full_verify.py: here the ledger of the two pages makes outcomes, settlements and state roots, and the
project's own audit must reproduce them. Two in three events are sensible; the rest are refused for every reason there is. The
same seed gives the same export. Keys are those of the project's recordings (see doctor.py), so it can be doctored.
"""

import argparse
import os
import random
import sys
from collections import Counter

from exports import public_bytes, test_key, write_export
from wattle_verify import c2sp
from wattle_verify import formats as f
from wattle_verify.codec import decode
from wattle_verify.ledger import Ledger
from wattle_verify.replay import make_batch
from wattle_verify.rules import HOUR, QUARTER, Refused, gate_closure, local_month_and_quarter
from hashlib import sha256

START = 1_631_008  # an interval of July 2016
TARIFF = 1


class CountingLedger(Ledger):
    """Counts why events are not admitted."""

    def __init__(self, *args):
        super().__init__(*args)
        self.refused = Counter()

    def admit(self, signed):
        try:
            return super().admit(signed)
        except Refused as refused:
            self.refused[refused.code] += 1
            raise


class Park:
    """A park that is being written."""

    def __init__(self, seed, nodes, big, first=START):
        self.rng = random.Random(seed)
        self.first = first
        self.big = big
        self.nodes = nodes
        self.keys = {}  # label -> private key
        self.genesis = self.make_genesis()
        body = f.GENESIS.write(self.genesis)
        signed = body + self.key("registrar").sign(b"wattle/genesis/v0\n" + bytes(32) + body)
        self.leaves = [f.ENTRY.write((f.GENESIS_LEAF, signed))]
        self.park = c2sp.leaf_hash(self.leaves[0])
        self.origin = "wattle/%s/%s" % (self.genesis.name, self.park.hex())
        self.ledger = CountingLedger(self.park, self.genesis, signed[-64:])
        self.time, self.term = self.first * QUARTER - 3 * HOUR, 1
        self.pending, self.sequences = [], {}
        self.registers = {}  # meter -> the true register at an interval's end
        self.said = {}  # meter -> the last interval that it has told
        self.tenants = {}  # participant -> label of a key in force
        self.past = []  # signed events that were recorded
        self.counts = Counter()

    def key(self, label):
        """The private key of a label."""
        if label not in self.keys:
            self.keys[label] = test_key(label)
        return self.keys[label]

    def public(self, label):
        """The public key of a label."""
        return public_bytes(self.key(label))

    def price(self):
        """A price in bounds."""
        rng = self.rng
        return rng.choice((0, 10**8, rng.randrange(10**8))) if self.big else rng.randrange(200_000, 1_300_000)

    def tariff(self):
        """A valid tariff of one or two seasons."""
        seasons = []
        for _ in range(self.rng.randint(1, 2)):
            cuts = [0] + sorted(self.rng.sample(range(1, 96), self.rng.randint(0, 5))) + [96]
            bands = [self.rng.randrange(4) for _ in cuts[1:]]
            ranges = tuple(f.RANGE(a, b, band) for a, b, band in zip(cuts, cuts[1:], bands))
            order = list(range(4))
            self.rng.shuffle(order)
            prices = tuple(
                f.BAND_PRICE(b, self.price()) for b in order if b in bands or self.rng.random() < 0.3
            )
            seasons.append(f.SEASON(ranges, prices))
        return f.TARIFF(tuple(self.rng.randrange(len(seasons)) for _ in range(12)), tuple(seasons))

    def terms(self):
        """Valid terms."""
        feed_in, export = sorted((self.price() // 2, self.price() // 2), reverse=True)
        return f.TERMS(feed_in, export, self.rng.choice((0, 50_000, self.price() // 10)))

    def factor(self):
        """A valid factor."""
        return f.FACTOR(
            "factor %d" % self.rng.randrange(9),
            2016,
            self.rng.randrange(10**7 + 1),
            "沪 %d" % self.rng.randrange(9),
        )

    def make_genesis(self):
        """The genesis."""
        roles = ("Transport", "Log", "Cosigner", "Batch", "Receipt")
        nodes = tuple(
            f.NODE(node, node % 3, *[self.public("node %d %s" % (node, role)) for role in roles])
            for node in range(1, self.nodes + 1)
        )
        return f.GENESIS(
            0,
            "strange",
            self.rng.choice((480, 0, -210, 345, 840, -840)),
            self.first,
            self.public("registrar"),
            self.public("treasurer"),
            self.public("regulator"),
            nodes,
            self.terms(),
            ((TARIFF, self.tariff()), (TARIFF + 1, self.tariff())),
            self.factor(),
        )

    # Events.

    def sign(self, label, action, sequence=None, park=None, version=0):
        """A signed event, of the next sequence unless told otherwise."""
        author = self.public(label)
        if sequence is None:
            record = self.ledger.state.get(f.T_KEYS, author)
            last = self.sequences.get(label, record.sequence if record else 0)
            sequence = self.sequences[label] = last + 1
        body = f.EVENT.write(f.EVENT(version, author, sequence, self.time, action))
        return body + self.key(label).sign(b"wattle/event/v0\n" + (park or self.park) + body)

    def say(self, label, *action):
        """Puts an event into the batch that is being made."""
        self.pending.append(self.sign(label, action))

    def header(self, digest):
        """A header that some node signs which votes, as bytes and as fields."""
        node = self.rng.choice(self.voters())
        header = f.HEADER(0, self.park, node, self.term, self.time, digest)
        body = f.HEADER.write(header)
        return body + self.key("node %d Batch" % node).sign(b"wattle/batch/v0\n" + body), header

    def batch(self):
        """Makes a batch of what is pending."""
        events, self.pending = self.pending, []
        hashes = [sha256(event).digest() for event in events]
        signed, header = self.header(sha256(b"wattle/events/v0\n" + b"".join(hashes)).digest())
        made, drops = make_batch(self.ledger, signed, header, list(zip(events, hashes)))
        self.leaves += [f.ENTRY.write((f.BATCH_LEAF, (signed, tuple(drops))))] + made
        self.sequences.clear()
        dropped = {one.hash for one in drops}
        self.past += [event for event, digest in zip(events, hashes) if digest not in dropped]
        for leaf in made:
            kind, fields = decode(f.ENTRY, leaf)
            if kind == f.EVENT_LEAF:
                self.counts.update(fields[1])
            elif kind == f.DERIVED_LEAF:
                self.counts[f.FACT_NAMES[fields[2][0]]] += 1
                if fields[2][0] == f.SETTLEMENT_HELD:
                    self.counts[fields[2][1][1].split(" of ")[-1].split(" at ")[0][:40]] += 1
        return made

    def interval(self):
        """The interval of now."""
        return self.time // QUARTER

    # The park's beginning.

    def set_up(self):
        """Participants, points, meters, money."""
        rng = self.rng
        rated = 4_294_967_295 if self.big else 400_000
        for number in range(1, 6):
            label = "tenant %d" % number
            self.say("registrar", f.REGISTER_PARTICIPANT, f.PARTICIPANT(number, "tenant %d" % number))
            self.say("registrar", f.ADD_KEY, (self.public(label), (f.TENANT, number)))
            self.say("treasurer", f.DEPOSIT, f.MONEY_ACTION(number, rng.randint(1, 10**16), "opening"))
            self.tenants[number] = label
        self.say("registrar", f.ADD_KEY, (self.public("second registrar"), (f.REGISTRAR, None)))
        self.batch()
        for number in range(1, 11 if not self.big else 17):
            metering = rng.randrange(2)
            start = self.first + rng.choice((0, 0, 0, 5, 40))
            generation = rng.choice((0, rated, rated, rated))
            tariff = TARIFF + rng.randrange(2)
            point = f.POINT(
                number, rng.randint(1, 5), rng.randint(1, 3), tariff, generation, rated, metering, start
            )
            self.say("registrar", f.REGISTER_POINT, point)
            kinds = {f.LOAD_METER: [f.LOAD], f.CONNECTION_METER: [f.IMPORT, f.EXPORT]}[metering]
            kinds = kinds[: rng.choice((1, 2, 2))] + ([f.GENERATION] if generation else [])
            kinds += rng.choice(([], [f.CHARGE, f.DISCHARGE]))
            rng.shuffle(kinds)
            for kind in kinds:
                self.add_meter(number * 10 + kind, number, kind, start + rng.choice((0, 0, 0, 3)), rated)
            if len(self.pending) > 30:
                self.batch()
        for (number,), row in sorted(self.ledger.state.rows[f.T_POINTS].items()):
            if rng.random() < 0.8:
                standing = f.STANDING(True, rng.choice((0, 300_000)), rng.choice((None, None, 900_000)))
                self.say(self.tenants[row.participant], f.SET_STANDING, (number, standing))
        self.batch()

    def add_meter(self, meter, point, kind, start, rated):
        """A meter with a register that does not begin at zero."""
        register = self.rng.choice((0, self.rng.randrange(10**9)))
        label = "meter %d" % meter
        self.say(
            "registrar",
            f.REGISTER_METER,
            f.METER(meter, point, kind, self.public(label), start, register, rated),
        )
        self.registers[meter] = (rated, start, {start - 1: register})
        self.said[meter] = start - 1

    # A quarter of an hour.

    def true_register(self, meter, interval):
        """What the meter shows at an interval's end."""
        rated, start, known = self.registers[meter]
        for at in range(max(known) + 1, interval + 1):
            top = max(1, rated // 4)
            quarter = local_month_and_quarter(at, self.genesis.utc_offset)[1]
            used = self.rng.choice((0, top, top * 105 // 100, self.rng.randint(0, top), top * quarter // 96))
            used //= 1 if meter % 10 == f.GENERATION else 4
            known[at] = known[at - 1] + (used if not self.big or self.rng.random() < 0.1 else used // 50)
        return known[interval]

    def readings(self):
        """Most meters tell of the last intervals; some forget, some come late, some tell the end only."""
        last = self.interval() - 1
        for meter, (rated, start, known) in self.registers.items():
            if last < start or self.rng.random() < 0.3 or (meter % 7 == 0 and last % 96 < 30):
                continue
            told = self.said[meter] + 1
            wanted = list(range(max(told, last - 6), last + 1))
            if self.rng.random() < 0.15:
                wanted = wanted[-1:]
            if self.rng.random() < 0.1:
                self.rng.shuffle(wanted)
            items = [f.READING(at, self.true_register(meter, at)) for at in wanted]
            if self.rng.random() < 0.1:
                items.append(self.odd_reading(meter, last))
            if items:
                self.say("meter %d" % meter, f.SUBMIT_READINGS, tuple(items))
                self.said[meter] = last

    def odd_reading(self, meter, last):
        """A reading that some rule refuses, mostly."""
        rng = self.rng
        rated, start, known = self.registers[meter]
        shown = self.true_register(meter, last)
        return rng.choice(
            (
                f.READING(last + 1, shown),
                f.READING(last + rng.randint(2, 10**6), shown),
                f.READING(start - 1, known[start - 1]),
                f.READING(max(0, last - rng.randint(3835, 3845)), shown),
                f.READING(last, -1),
                f.READING(last, 2**53),
                f.READING(last, 2**53 - 1),
                f.READING(last, shown),
                f.READING(last, shown + 1),
                f.READING(last - 1, shown + rated),
                f.READING(last - 1, shown + rated // 4 * 2),
                f.READING(last - rng.randint(1, 9), shown),
                f.READING(2**64 - 1, shown),
            )
        )

    def orders(self):
        """Orders for the next hours, most of them sensible; some are cancelled."""
        rng = self.rng
        points = [row for row in self.ledger.state.rows[f.T_POINTS].values()]
        if not points:
            return
        for _ in range(rng.randint(0, 3)):
            items = []
            owner = rng.choice(points).participant
            mine = [point for point in points if point.participant == owner]
            for _ in range(rng.randint(1, 5)):
                point = rng.choice(mine if rng.random() < 0.95 else points)
                interval = self.interval() + rng.choice((1, 1, 2, 2, 3, 5))
                side = rng.choice((f.BUY, f.SELL))
                capacity = (point.generation if side == f.SELL else point.connection) // 4
                limit = self.price() if rng.random() < 0.5 else rng.choice((400_000, 500_000, 600_000))
                quantity = rng.choice((1, 7, max(1, capacity // 3), rng.randint(1, max(1, capacity))))
                if self.big:
                    quantity = min(quantity, 2**30)
                items.append(f.ORDER(point.id, interval, side, quantity, limit))
                if rng.random() < 0.1:
                    items.append(self.odd_order(items[-1]))
            self.say(self.tenants[owner], f.PLACE_ORDERS, tuple(items))
        open_orders = list(self.ledger.state.rows[f.T_ORDERS].items())
        if open_orders and rng.random() < 0.4:
            (_, order), row = rng.choice(sorted(open_orders))
            others = [order, order._replace(item=9), f.ORDER_ID(bytes(32), 1, 0)]
            cancelled = tuple(rng.choice(others) for _ in range(rng.randint(1, 3)))
            self.say(self.tenants[row.participant], f.CANCEL_ORDERS, cancelled)

    def odd_order(self, order):
        """An order that some rule refuses, mostly."""
        rng = self.rng
        return rng.choice(
            (
                order._replace(quantity=0),
                order._replace(quantity=-5),
                order._replace(quantity=2**30),
                order._replace(quantity=2**30 + 1),
                order._replace(limit=-1),
                order._replace(limit=10**8),
                order._replace(limit=10**8 + 1),
                order._replace(point=999),
                order._replace(interval=self.first - 1),
                order._replace(interval=self.interval()),
                order._replace(interval=self.interval() + 768),
                order._replace(interval=self.interval() + 769),
                order._replace(interval=2**64 - 1),
                order._replace(side=1 - order.side),
            )
        )

    def registry(self):
        """Now and then the registrar, the treasurer or a tenant changes something, or tries to."""
        rng = self.rng
        choice = rng.randrange(22)
        soon = self.interval() + rng.choice((0, 1, 2, 2, 2, 3, 4, 30))
        if rng.random() < 0.04:
            soon = rng.choice(
                (0, self.first - 1, 2**40, 2**44, 2**45, 2**63 // QUARTER, 2**64 // QUARTER, 2**63, 2**64 - 1)
            )
        who = rng.randint(1, 6)
        if choice == 0:
            self.say(
                "registrar",
                f.SET_TARIFF,
                (TARIFF + rng.randrange(3), soon, rng.choice((self.tariff(), self.odd_tariff()))),
            )
        elif choice == 1:
            terms = self.terms()
            odd = (
                terms._replace(export=terms.feed_in + 1),
                terms._replace(wheeling=-1),
                terms._replace(feed_in=10**8 + 1),
            )
            self.say("second registrar", f.SET_TERMS, (soon, rng.choice((terms, terms) + odd)))
        elif choice == 2:
            factor = self.factor()
            odd = (
                factor._replace(name=""),
                factor._replace(source="a\tb"),
                factor._replace(milligrams=10**7 + 1),
            )
            self.say("registrar", f.SET_FACTOR, (soon, rng.choice((factor, factor) + odd)))
        elif choice == 3:
            amount = rng.choice((1, 10**12, 10**15, 10**16, 10**16, 10**16 + 1, 0, -1, -(2**63), 2**63 - 1))
            self.say(
                "treasurer",
                rng.choice((f.DEPOSIT, f.WITHDRAW)),
                f.MONEY_ACTION(who, amount, "x" * rng.choice((0, 9, 300))),
            )
        elif choice == 4:
            limit = rng.choice((0, 10**14, 10**16, 10**16 + 1, -1))
            self.say("treasurer", f.SET_CREDIT_LIMIT, (who, limit))
        elif choice in (5, 6, 7):
            standing = f.STANDING(
                rng.random() < 0.8,
                rng.choice((0, self.price(), -1)),
                rng.choice((None, self.price(), 10**8, 10**8 + 1)),
            )
            point = rng.randint(1, 12)
            row = self.ledger.state.get(f.T_POINTS, point)
            owner = row.participant if row and rng.random() < 0.9 else rng.randint(1, 5)
            self.say(self.tenants[owner], f.SET_STANDING, (point, standing))
        elif choice == 8:
            name = rng.choice(
                (
                    "tenant 1",
                    "",
                    "a" * 64,
                    "a" * 65,
                    "\x7f",
                    "é" * 32,
                    "é" * 33,
                    "new %d" % self.time,
                    "\u0085",
                    " ",
                )
            )
            self.say(
                "registrar",
                f.REGISTER_PARTICIPANT,
                f.PARTICIPANT(rng.choice((3, 100 + len(self.leaves))), name),
            )
        elif choice == 9:
            point = f.POINT(
                rng.randint(1, 40),
                who,
                1,
                TARIFF + rng.randrange(3),
                5,
                rng.choice((0, 10**6)),
                rng.randrange(2),
                soon,
            )
            self.say("registrar", f.REGISTER_POINT, point)
        elif choice in (10, 11):
            self.odd_meter(soon)
        elif choice in (12, 13):
            self.change_key(who)
        elif choice == 14:
            label = rng.choice(("regulator", "treasurer", "tenant 1", "meter 11", "registrar"))
            self.say(label, f.SET_TERMS, (soon, self.terms()))
        elif choice == 15:
            self.say(self.tenants[rng.randint(1, 5)], f.PLACE_ORDERS, ())
        elif choice == 16:
            self.say(
                self.tenants[rng.randint(1, 5)],
                f.CANCEL_ORDERS,
                (f.ORDER_ID(bytes(32), 0, 0),) * rng.choice((1000, 1001)),
            )
        elif choice == 17:
            self.say(rng.choice(("treasurer", "meter 11")), f.PLACE_ORDERS, ())

    def odd_tariff(self):
        """A tariff that is not valid, mostly."""
        tariff = self.tariff()
        season = tariff.seasons[0]
        first = season.ranges[0]
        return self.rng.choice(
            (
                tariff._replace(months=(len(tariff.seasons),) * 12),
                tariff._replace(seasons=()),
                tariff._replace(seasons=tariff.seasons * 13),
                tariff._replace(seasons=(season._replace(ranges=()),)),
                tariff._replace(seasons=(season._replace(ranges=season.ranges[:-1]),) + tariff.seasons[1:]),
                tariff._replace(
                    seasons=(season._replace(ranges=(first._replace(start=1),) + season.ranges[1:]),)
                ),
                tariff._replace(seasons=(season._replace(prices=season.prices * 2),) + tariff.seasons[1:]),
                tariff._replace(seasons=(season._replace(prices=()),) + tariff.seasons[1:]),
                tariff._replace(seasons=(season._replace(prices=(f.BAND_PRICE(0, -1),) + season.prices),)),
            )
        )

    def odd_meter(self, soon):
        """A meter at some point, which often has one of the kind."""
        rng = self.rng
        kind, point = rng.randrange(6), rng.randint(1, 12)
        meter = rng.choice((11, 1000 + len(self.leaves)))
        keys = (
            self.public("meter %d" % meter),
            bytes(32),
            b"\1" + bytes(31),
            self.public("registrar"),
            self.public("node 1 Log"),
        )
        key = rng.choice(keys + keys[:1] * 4 + (b"\xee" + b"\xff" * 31, b"\2" + bytes(31), mixed_key()))
        register, rated = rng.choice((0, 5, 5, -1, 2**53 - 1, 2**53)), rng.choice((0, 10**5, 10**5, 1, 3))
        if (meter, key) not in ((meter, keys[0]),) or meter in self.registers:
            self.say("registrar", f.REGISTER_METER, f.METER(meter, point, kind, key, soon, register, rated))
            return
        row = self.ledger.state.get(f.T_POINTS, point)
        self.say("registrar", f.REGISTER_METER, f.METER(meter, point, kind, key, soon, register, rated))
        if row is None or not 0 <= register < 2**53 - 1 or not rated or soon < self.interval() + 2:
            return
        self.registers[meter] = (rated, soon, {soon - 1: register})
        self.said[meter] = soon - 1

    def change_key(self, who):
        """Keys are added, rotated and revoked, or it is tried."""
        rng = self.rng
        new = "key %d" % len(self.leaves)
        who = min(who, 5)
        choice = rng.randrange(10)
        old = self.tenants[who]
        if choice < 4:
            label = rng.choice((new, new, new, old, "node 1 Batch"))
            public = rng.choice((self.public(label),) * 4 + (mixed_key(),))
            statement = b"wattle/rotation/v0\n" + self.park + self.public(old) + self.public(label)
            proof = self.key(rng.choice((label, label, label, old))).sign(statement)
            self.say(old, f.ROTATE_KEY, (public, proof))
            if public == self.public(new) and self.key(new).sign(statement) == proof:
                self.say(old, f.CANCEL_ORDERS, (f.ORDER_ID(bytes(32), 0, 0),))  # by a key that just ended
                self.tenants[who] = new
        elif choice < 7:
            role = rng.choice(
                ((f.TENANT, who), (f.TENANT, 77), (f.METER_ROLE, 11), (f.METER_ROLE, 78), (f.REGULATOR, None))
            )
            self.say(
                "registrar", f.ADD_KEY, (rng.choice((self.public(new), self.public(old), mixed_key())), role)
            )
            if role == (f.TENANT, who) and rng.random() < 0.5:
                self.say(new, f.CANCEL_ORDERS, (f.ORDER_ID(bytes(32), 0, 0),))
        else:
            label = rng.choice(("nobody", "second registrar", "registrar", "meter 11"))
            target = (
                self.public(label) if label != "registrar" or rng.random() < 0.03 else self.public("nobody")
            )
            ended = [
                key for (key,), row in self.ledger.state.rows[f.T_KEYS].items() if row.revoked is not None
            ]
            if ended and rng.random() < 0.3:
                target = rng.choice(ended)
            if rng.random() < 0.3:
                self.say("registrar", f.ADD_KEY, (self.public(new), (f.TENANT, who)))
                target = self.public(old)
                self.tenants[who] = new
            self.say("registrar", f.REVOKE_KEY, target)

    def garbage(self):
        """Events that leave no leaf."""
        rng = self.rng
        label = self.tenants[rng.randint(1, 5)]
        action = (f.CANCEL_ORDERS, (f.ORDER_ID(bytes(32), 0, 0),))
        record = self.ledger.state.get(f.T_KEYS, self.public(label))
        last = record.sequence if record else 0
        good = self.sign(label, action, sequence=last + 1)
        self.pending.append(
            rng.choice(
                (
                    b"",
                    good[:-1],
                    good[:70],
                    good + b"\0",
                    good[:-5] + bytes([good[-5] ^ 1]) + good[-4:],
                    good[:20] + bytes([good[20] ^ 1]) + good[21:],
                    self.sign(label, action, sequence=last + 2),
                    self.sign(label, action, sequence=last),
                    self.sign(label, action, sequence=0),
                    self.sign(label, action, sequence=2**64 - 1),
                    self.sign(label, action, sequence=last + 1, park=bytes(32)),
                    self.sign(label, action, sequence=last + 1, version=1),
                    self.sign("nobody", action, sequence=1),
                    rng.choice(self.past),
                    self.past[-1],
                    self.pending[-1] if self.pending else b"\0",
                    bytes(60_001),
                )
            )
        )

    def flood(self):
        """More events of one key than it may record in an hour."""
        for _ in range(8):
            for _ in range(460):
                self.say("treasurer", f.SET_CREDIT_LIMIT, (1, 10**15))
            self.batch()

    def crowd(self):
        """More open orders of one participant than there may be, and then some that are cancelled."""
        rows = sorted(self.ledger.state.rows[f.T_POINTS].values())
        point = self.rng.choice([row for row in rows if row.participant in self.tenants])
        label = self.tenants[point.participant]
        for part in range(5):
            first = self.interval() + 4 + part * 100
            items = (f.ORDER(point.id, first + at % 100, f.BUY, 1, 300_000 + at % 7) for at in range(1000))
            self.say(label, f.PLACE_ORDERS, tuple(items))
            self.batch()
        key = self.public(label)
        record = self.ledger.state.get(f.T_KEYS, key)
        last = record.sequence if record else 0
        for sequence in range(max(1, last - 4), last + 1):
            self.say(label, f.CANCEL_ORDERS, tuple(f.ORDER_ID(key, sequence, at) for at in range(990)))
            self.batch()

    def crowd_of_loads(self):
        """So many points at the highest price that the grid's line of an interval does not fit 64 bits."""
        flat = f.TARIFF((0,) * 12, (f.SEASON((f.RANGE(0, 96, 0),), (f.BAND_PRICE(0, 10**8),)),))
        start = self.first + 1
        self.say("registrar", f.SET_TARIFF, (TARIFF, start, flat))
        for point in range(200, 290):
            self.say(
                "registrar",
                f.REGISTER_POINT,
                f.POINT(point, 1 + point % 5, 1, TARIFF, 0, 2**32 - 1, f.LOAD_METER, start),
            )
            key = self.public("meter %d" % (point * 10 + 1))
            self.say(
                "registrar",
                f.REGISTER_METER,
                f.METER(point * 10 + 1, point, f.LOAD, key, start, 0, 2**32 - 1),
            )
        self.batch()

    def run(self, days):
        """Some days, batch by batch, and batches until a seal ends the log."""
        rng = self.rng
        self.set_up()
        end = self.first * QUARTER + days * 96 * QUARTER
        if self.big and rng.random() < 0.5:
            self.crowd_of_loads()
        while self.time < end:
            self.time += rng.choice((0, 1, 20_000, 59_999, 60_000, QUARTER // 2, QUARTER, QUARTER))
            if rng.random() < 0.2:
                closure = gate_closure(self.interval() + 2)
                self.time = max(self.time, closure + rng.choice((-300_001, -300_000, -1, 0)))
            if rng.random() < 0.01:
                self.time += 5 * HOUR
            if rng.random() < 0.02:
                self.term += rng.randint(1, 3)
            if rng.random() < 0.3:
                self.batch()
                continue
            for act, chance in (
                (self.readings, 0.6),
                (self.orders, 0.8),
                (self.registry, 0.5),
                (self.registry, 0.5),
                (self.garbage, 0.15),
            ):
                if rng.random() < chance:
                    act()
            if rng.random() < 0.002:
                rng.choice((self.flood, self.crowd))()
            if sum(map(len, self.pending)) > 62_000:
                self.pending = [event for event in self.pending if len(event) < 10_000]
            self.batch()
        while decode(f.ENTRY, self.leaves[-1])[0] != f.SEAL_LEAF:
            self.time += 60_000
            self.batch()

    def voters(self):
        """The ids of the nodes that vote."""
        return self.ledger.membership().voters

    def policy(self):
        """The trust file of the park, by the nodes that vote at its end."""
        lines, names = [], []
        nodes = [*self.genesis.nodes, *(row.node for row in self.ledger.state.rows[f.T_NODES].values())]
        nodes = [node for node in nodes if node.id in self.voters()]
        for node in nodes:
            lines.append("log %s" % verifier_key(self.origin, b"\1" + node.log))
        for node in nodes:
            name = "%s/node/%d" % (self.origin, node.id)
            names.append(name)
            lines.append("witness %s %s" % (name, verifier_key(name, b"\4" + node.cosigner)))
        lines.append("group park %d %s" % (len(names) * 2 // 3 + 1, " ".join(names)))
        return "\n".join(lines + ["quorum park", ""])


def verifier_key(name, data):
    """A key as C2SP writes it."""
    return "%s+%s+%s" % (name, c2sp.key_id(name, data).hex(), c2sp.base64.b64encode(data).decode("ascii"))


def mixed_key():
    """A point of the curve that is neither of small order nor in the prime-order group."""
    from wattle_verify import ed25519

    base = ed25519.decode_point(public_bytes(test_key("mixed")))
    torsion = next(
        p for p in map(ed25519.decode_point, sorted(ed25519.SMALL_ORDER)) if not ed25519.is_identity(p)
    )
    return ed25519.encode_point(ed25519.add(base, torsion))


def main():
    """Reads the arguments and writes OUT/export and OUT/policy."""
    parser = argparse.ArgumentParser(description="Write the export of a park where everything happens.")
    parser.add_argument("out", help="a folder that does not exist yet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument(
        "--big", action="store_true", help="ratings and prices at their bounds, so that settlements are held"
    )
    args = parser.parse_args()
    park = Park(args.seed, args.nodes, args.big)
    park.run(args.days)
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
