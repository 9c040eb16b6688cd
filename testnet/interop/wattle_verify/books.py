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


def check_books(entries, fail):
    """Walks the derived leaves; calls `fail(claim, entry, reason)`."""
    auctions, fills, runs, present = {}, {}, {}, None
    for at, (kind, fields) in enumerate(entries):
        if kind != f.DERIVED_LEAF:
            continue
        number, fact = fields[2]
        if number == f.INTERVAL_CLEARED:
            auctions.setdefault(fact[0], Auction(at, fact[2]))
        elif number == f.ORDER_CLOSED:
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
