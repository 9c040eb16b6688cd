"""What the log's own figures show without replay (RULES.md, section 14): each auction and each run of an interval adds up."""

from . import formats as f

ENERGY, JOURNAL, CERTIFICATES = "energy balance", "journal", "certificates"


class Auction:
    """What an interval's orders were filled with."""

    def __init__(self, entry, volume):
        self.entry, self.volume = entry, volume


class Sums:
    """The sums of one run of an interval. `entry` is its first leaf; a final run's sums are differences."""

    def __init__(self, entry):
        self.entry = entry
        self.postings = self.balance = 0
        self.moved = {}  # (point, side) -> twice what its line moved, less what was delivered
        self.metered = {}  # point -> energy that certificates may be issued for
        self.issued = set()


def check_books(entries, fail, traded=None):
    """Walks the derived leaves; calls `fail(claim, entry, reason)`. `traded` is what open continuous intervals had before."""
    auctions, runs, present = {}, {}, None
    fills = {(interval, side): sum for interval, sum in (traded or {}).items() for side in (f.BUY, f.SELL)}
    check_transfers(entries, fail)
    check_joint(entries, fail)
    for at, (kind, fields) in enumerate(entries):
        if kind != f.DERIVED_LEAF:
            continue
        number, fact = fields[2]
        if number == f.INTERVAL_CLEARED:
            auctions.setdefault(fact[0], Auction(at, fact[2]))
        elif number == f.CONTINUOUS_CLOSED:
            auctions.setdefault(fact[0], Auction(at, fact[2].volume))
        elif number in (f.ORDER_CLOSED, f.ORDER_MATCHED):
            key = (fact[1].interval, fact[1].side)
            fills[key] = fills.get(key, 0) + fact[2]
        elif number in READERS:
            interval = fact.interval if hasattr(fact, "interval") else fact[0]
            run = f.FINAL if number >= f.POINT_ADJUSTED else f.INITIAL
            if number in (f.POINT_SETTLED, f.POINT_ADJUSTED):
                present = (interval, run)
                runs.setdefault(present, Sums(at))
            if present == (interval, run):  # a leaf that strays into another run is seen by replay alone
                READERS[number](runs[present], at, fact, fail)
    for interval, auction in auctions.items():
        sold, bought = fills.get((interval, f.SELL), 0), fills.get((interval, f.BUY), 0)
        if sold != auction.volume or bought != auction.volume:
            reason = "%d Wh were sold and %d Wh bought in an auction of %d Wh" % (
                sold,
                bought,
                auction.volume,
            )
            fail("trades", auction.entry, reason)
    for sums in runs.values():
        _check_sums(sums, fail)


def check_transfers(entries, fail):
    """What one participant gives of a certificate another gets, in the same batch."""
    header, moved = None, {}
    for at, (kind, fields) in enumerate([*entries, (f.BATCH_LEAF, None)]):
        if kind == f.BATCH_LEAF:
            for name in (name for name, rest in moved.items() if rest):
                fail(CERTIFICATES, header, "transfers of the certificate %s do not add up" % (tuple(name),))
            header, moved = at, {}
        elif kind == f.DERIVED_LEAF and fields[2][0] == f.CERTIFICATE:
            number, fact = fields[2][1]
            if number == f.TRANSFERRED:
                name, giver, receiver, quantity = fact
                sign = {receiver: 1, giver: -1}.get(fields[0], 0)
                moved[name] = moved.get(name, 0) + sign * quantity


def check_joint(entries, fail):
    """What follows a JointCleared in its batch comes to what it says."""
    cleared, at_clearing, bundles, fills = None, None, [], []
    for at, (kind, fields) in enumerate([*entries, (f.BATCH_LEAF, None)]):
        number, fact = fields[2] if kind == f.DERIVED_LEAF else (None, None)
        if cleared is not None and kind == f.BATCH_LEAF:
            prices = {one.interval: one.price for one in cleared.intervals}
            sound = all(bundle.day == cleared.day and _bundle_sound(bundle, prices) for bundle in bundles)
            sound = sound and all(_fill_sound(filled, prices) for filled in fills)
            # What is unsound by itself differs from replay at its own leaf.
            if sound and not _joint_adds_up(cleared, bundles, fills):
                fail(
                    "trades",
                    at_clearing,
                    "the joint auction's bundles and fills are not its volumes and counts",
                )
            cleared, bundles, fills = None, [], []
        if number == f.JOINT_CLEARED:
            cleared, at_clearing = fact, at
        elif number == f.BUNDLE_CLOSED:
            bundles.append(fact)
        elif number == f.JOINT_FILLED:
            fills.append(fact)


def _bundle_sound(bundle, prices):
    """A bundle's legs are at their intervals' prices and sum to its cash; it is accepted for no less than its limit."""
    if bundle.state == f.LEFT_OUT:
        return (bundle.prices, bundle.cash, bundle.surplus) == ((), None, None)
    if len(bundle.prices) != len(bundle.legs) or None in (bundle.cash, bundle.surplus):
        return False
    pairs = list(zip(bundle.legs, bundle.prices))
    cash = sum(leg.quantity * price * (1 if leg.side == f.SELL else -1) for leg, price in pairs)
    return (
        all(prices.get(leg.interval, price) == price for leg, price in pairs)
        and bundle.cash == cash
        and bundle.surplus == cash - bundle.limit
        and (bundle.state != f.ACCEPTED or bundle.surplus >= 0)
    )


def _fill_sound(fact, prices):
    """An order is filled at its interval's price, within its limit and what was open."""
    _, order, filled, price = fact
    within = order.limit <= price if order.side == f.SELL else price <= order.limit
    return prices.get(order.interval) == price and within and 0 < filled <= order.quantity


def _joint_adds_up(cleared, bundles, fills):
    """Counts, and for each interval V, S and B."""
    states = [bundle.state for bundle in bundles]
    profitable = sum(bundle.state == f.REJECTED and (bundle.surplus or 0) > 0 for bundle in bundles)
    counts = (states.count(f.ACCEPTED), states.count(f.REJECTED), profitable, states.count(f.LEFT_OUT))
    if counts != (cleared.accepted, cleared.rejected, cleared.profitable, cleared.left_out):
        return False
    sums = {}
    for bundle in bundles:
        for leg in bundle.legs if bundle.state == f.ACCEPTED else ():
            for part in ((leg.interval, leg.side, "legs"), (leg.interval, leg.side, "all")):
                sums[part] = sums.get(part, 0) + leg.quantity
    for _, order, filled, _ in fills:
        part = (order.interval, order.side, "all")
        sums[part] = sums.get(part, 0) + filled
    said = {}
    for one in cleared.intervals:
        said[one.interval, f.SELL, "legs"] = one.sold
        said[one.interval, f.BUY, "legs"] = one.bought
        said[one.interval, f.SELL, "all"] = said[one.interval, f.BUY, "all"] = one.volume
    nothing = {part: 0 for part in sums.keys() | said.keys()}
    return {**nothing, **sums} == {**nothing, **said} and cleared.rounds == cleared.rejected + 1


def _check_sums(sums, fail):
    """Postings sum to zero, energy is accounted for, and certificates are in one state each."""
    if sums.postings:
        fail(JOURNAL, sums.entry, "the interval's postings sum to %d nano-yuan" % sums.postings)
    if sums.balance:
        fail(ENERGY, sums.entry, "%d Wh of the interval are unaccounted for" % sums.balance)
    for (point, side), rest in sums.moved.items():
        if rest:
            fail(CERTIFICATES, sums.entry, "the deliveries %s point %d are not its line's" % (side, point))
    for point, energy in sums.metered.items():
        if energy and point not in sums.issued:
            fail(CERTIFICATES, sums.entry, "point %d has no certificates for %d Wh" % (point, energy))


def _metered(line):
    """The energy of a line that certificates may be issued for."""
    return line.g1 + line.g2 + line.g + line.loss if line.actual else 0


def _unmatched(line):
    """What the pool left of a line, as surplus less need."""
    u = line.unmatched
    return u.green + u.other + u.long - u.need - u.short


def _line(sums, at, point, line, before, postings, fail):
    """A point's line, and the line of the run before if there was one."""
    if not (
        line.net == line.surplus - line.need
        and line.delta == line.net - line.contracted
        and line.delta == line.physical + line.virtual
    ):
        fail(ENERGY, at, "the line of point %d does not add up" % point)
    posted = sum(amount for _, amount in postings)
    sums.postings += posted
    if line.credit - (before.credit if before else 0) != posted:
        fail(JOURNAL, at, "the lines of point %d are not its postings" % point)
    for one, sign in ((line, 1), (before, -1)):
        if one is not None:
            sums.balance += sign * (one.net - _unmatched(one))
            _move(sums, point, "from", 2 * sign * one.sent)
            _move(sums, point, "to", 2 * sign * one.cancelled)
            sums.metered[point] = sums.metered.get(point, 0) + sign * _metered(one)


def _point_settled(sums, at, fact, fail):
    _line(sums, at, fact.point, fact.line, None, fact.postings, fail)


def _point_adjusted(sums, at, fact, fail):
    _line(sums, at, fact.point, fact.line, fact.before, fact.postings, fail)


def _interval(sums, at, fact, fail):
    sums.postings += sum(amount for _, _, amount in fact.postings)


def _bundle(sums, at, point, before, after, fail):
    """A bundle's parts are its quantity, and that is what was metered."""
    sums.issued.add(point)
    whole = all(bundle.quantity == sum(bundle[1:]) for bundle in (before, after) if bundle)
    more = after.quantity - (before.quantity if before else 0)
    if not whole or more != sums.metered.get(point, 0):
        fail(CERTIFICATES, at, "the certificates of point %d are not what was metered" % point)


def _issued(sums, at, fact, fail):
    _bundle(sums, at, fact[1], None, fact[2], fail)


def _adjusted(sums, at, fact, fail):
    _bundle(sums, at, fact[1], fact[2], fact[3], fail)


def _move(sums, point, side, amount):
    """Adds to what is still to be delivered from or to a point; each delivery stands in two leaves."""
    sums.moved[point, side] = sums.moved.get((point, side), 0) + amount


def _delivered(sums, at, fact, fail):
    _move(sums, fact[1], "from", -fact[3])
    _move(sums, fact[2], "to", -fact[3])


def _redelivered(sums, at, fact, fail):
    _move(sums, fact[1], "from", fact[3] - fact[4])
    _move(sums, fact[2], "to", fact[3] - fact[4])


READERS = {
    f.POINT_SETTLED: _point_settled,
    f.INTERVAL_SETTLED: _interval,
    f.CERTIFICATE_ISSUED: _issued,
    f.CERTIFICATE_DELIVERED: _delivered,
    f.POINT_ADJUSTED: _point_adjusted,
    f.INTERVAL_ADJUSTED: _interval,
    f.CERTIFICATE_ADJUSTED: _adjusted,
    f.DELIVERY_ADJUSTED: _redelivered,
}
