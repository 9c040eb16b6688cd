"""What the log's own figures show without replay: each auction and each settled interval must add up in itself."""

from . import formats as f


def check_books(entries, fail):
    """Walks the derived leaves; calls `fail(claim, entry, reason)` with the first leaf of what does not add up."""
    groups, kind_of_group = [], None
    for at, (kind, fields) in enumerate(entries):
        number = fields[2][0] if kind == f.DERIVED_LEAF else None
        if number == f.INTERVAL_CLEARED:
            groups.append((f.INTERVAL_CLEARED, at, []))
            kind_of_group = f.INTERVAL_CLEARED
        elif number == f.POINT_SETTLED:
            interval = fields[2][1].interval
            last = groups[-1] if kind_of_group == f.POINT_SETTLED else None
            if last is None or last[2][0][1].interval != interval:
                groups.append((f.POINT_SETTLED, at, []))
                kind_of_group = f.POINT_SETTLED
        elif number not in (
            f.ORDER_CLOSED,
            f.INTERVAL_SETTLED,
            f.CERTIFICATE_ISSUED,
            f.CERTIFICATE_DELIVERED,
        ):
            kind_of_group = None
        if kind_of_group is not None:
            groups[-1][2].append(fields[2])
    for number, at, facts in groups:
        (_check_auction if number == f.INTERVAL_CLEARED else _check_interval)(at, facts, fail)


def _check_auction(at, facts, fail):
    """As much is sold as is bought, and that is the auction's volume."""
    volume = facts[0][1][2]
    orders = [fact for number, fact in facts if number == f.ORDER_CLOSED]
    sold = sum(filled for _, order, filled, _ in orders if order.side == f.SELL)
    bought = sum(filled for _, order, filled, _ in orders if order.side == f.BUY)
    if sold != volume or bought != volume:
        fail("trades", at, "%d Wh were sold and %d Wh bought in an auction of %d Wh" % (sold, bought, volume))


def _check_interval(at, facts, fail):
    """Postings sum to zero, energy is accounted for, and certificates are in one state each."""
    points = [fact for number, fact in facts if number == f.POINT_SETTLED]
    park = [fact for number, fact in facts if number == f.INTERVAL_SETTLED]
    bundles = {fact[1]: fact[2] for number, fact in facts if number == f.CERTIFICATE_ISSUED}
    delivered = [fact[3] for number, fact in facts if number == f.CERTIFICATE_DELIVERED]
    sums = dict.fromkeys(range(6), 0)
    for kind, amount in [p for fact in points for p in fact.postings]:
        sums[kind] += amount
    for _, kind, amount in [p for fact in park for p in fact.postings]:
        sums[kind] += amount
    if any(sums.values()):
        fail("journal", at, "the interval's postings of a kind sum to %s nano-yuan" % list(sums.values()))
    lines = [fact.line for fact in points]
    rest = sum(u.green + u.other + u.long - u.need - u.short for u in (line.unmatched for line in lines))
    balance = sum(line.net for line in lines) - rest
    pool = sum(q.green + q.other + q.long - q.need - q.short for q in (line.pool for line in lines))
    if balance or pool or sum(line.contracted for line in lines):
        fail("energy balance", at, "%d Wh of the interval are unaccounted for" % balance)
    sent, cancelled = sum(line.sent for line in lines), sum(line.cancelled for line in lines)
    issued = sum(bundle.quantity for bundle in bundles.values())
    metered = sum(line.g1 + line.g2 + line.g + line.loss for line in lines if line.actual)
    if metered != issued:
        fail("certificates", at, "certificates for %d Wh, and %d Wh were metered" % (issued, metered))
    if sent != cancelled or sum(delivered) != 2 * sent:
        fail("certificates", at, "certificates sent, delivered and cancelled differ")
