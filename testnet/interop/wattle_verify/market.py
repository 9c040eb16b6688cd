"""Share, auction and settlement (RULES.md, sections 6 and 8). Whole numbers only."""

from collections import namedtuple
from math import inf

from . import formats as f

MAX_ENERGY = 2**30
I64_MIN, I64_MAX = -(2**63), 2**63 - 1


def pos(x):
    """max(x, 0)."""
    return x if x > 0 else 0


def clamp(x, low, high):
    """x held between two bounds."""
    return max(low, min(x, high))


def fits(amount):
    """Whether an amount is an i64."""
    return I64_MIN <= amount <= I64_MAX


def share(total, quantities):
    """Section 6: `total` in proportion to `quantities` (a map from key), the rest to the largest remainders."""
    whole = sum(quantities.values())
    if whole == 0:
        return {key: 0 for key in quantities}
    parts = {key: total * q // whole for key, q in quantities.items()}
    rest = total - sum(parts.values())
    for key in sorted(quantities, key=lambda k: (-(total * quantities[k] % whole), k))[:rest]:
        parts[key] += 1
    return parts


def auction(asks, bids):
    """Section 6: maps from key to (limit, quantity); gives price or None, volume, fills of each side."""
    asks = {key: quote for key, quote in asks.items() if quote[1] > 0}
    bids = {key: quote for key, quote in bids.items() if quote[1] > 0}
    # The greatest volume is reached at one of the limits, since both sums change nowhere else.
    volume = 0
    for price in {limit for limit, _ in asks.values()} | {limit for limit, _ in bids.values()}:
        offered = sum(q for limit, q in asks.values() if limit <= price)
        asked = sum(q for limit, q in bids.values() if limit >= price)
        volume = max(volume, min(offered, asked))
    if volume == 0:
        return None, 0, {}, {}
    sold, worst_ask = fill(volume, asks, reverse=False)
    bought, worst_bid = fill(volume, bids, reverse=True)
    return worst_ask + (worst_bid - worst_ask) // 2, volume, sold, bought


def fill(volume, quotes, reverse):
    """Fills `volume` best limit first; gives the fills above zero and the last limit that was filled."""
    fills, last = {}, None
    for level in sorted({limit for limit, _ in quotes.values()}, reverse=reverse):
        if volume == 0:
            break
        here = {key: q for key, (limit, q) in quotes.items() if limit == level}
        filled = here if sum(here.values()) <= volume else share(volume, here)
        volume -= sum(filled.values())
        fills.update(filled)
        last = level
    return fills, last


# What settlement reads of a point. `energy` is a map from meter kind, `actual` whether none of it is a substitute.
Input = namedtuple("Input", "point terms sold bought cash energy connection actual")


class Held(Exception):
    """An interval that cannot be settled; the message is the reason of SettlementHeld."""


Result = namedtuple("Result", "lines point_postings park_postings price volume bundles pairs invariants")

TRANCHES = f.QUANTITIES.type._fields
ENERGY_NAMES = ("generation", "load", "charge", "discharge", "connection import", "connection export")


def check_inputs(inputs):
    """Section 8, "Held": the bounds that the registry's rules do not keep by themselves."""
    for one in inputs:
        for kind, name in enumerate(ENERGY_NAMES):
            energy = one.energy.get(kind, 0)
            if energy > MAX_ENERGY:
                raise Held(
                    "%d.%03d kWh of %s at point %d is out of range; correct the reading or position"
                    % (energy // 1000, energy % 1000, name, one.point)
                )


def settle(inputs, terms):
    """Section 8, steps 1 to 8, for the pinned points (ascending) and the park's pinned terms."""
    check_inputs(inputs)
    retail = [one.terms.retail for one in inputs]
    high, low = max([terms.feed_in] + retail), min([terms.export] + retail)
    drafts = [_energy_and_contract(one) for one in inputs]
    price, volume = _pool(inputs, drafts, terms, high, low)
    for one, line in zip(inputs, drafts):
        line["unmatched"] = {t: line["tranches"][t] - line["pool"][t] for t in TRANCHES}
        line["received"] = line["need"] - line["unmatched"]["need"]
        line["wheeling"] = terms.wheeling * line["received"]
        line["forward_intake"] = min(line["need"], pos(-line["contracted"]))
        line["pool_intake"] = line["received"] - line["forward_intake"]
        line["actual"] = one.actual
    point_postings, park_postings = _postings(inputs, drafts, terms, high, low, price)
    for one, line, postings in zip(inputs, drafts, point_postings):
        line["credit"] = sum(amount for _, amount in postings)
        line["grid_alone"] = (
            terms.feed_in * line["g"]
            + terms.export * (line["surplus"] - line["g"])
            - one.terms.retail * line["need"]
        )
    bundles, pairs = _certificates(inputs, drafts)
    lines = [_finish(line) for line in drafts]
    result = Result(lines, point_postings, park_postings, price, volume, bundles, pairs, [])
    result.invariants.extend(broken_invariants(inputs, result, terms, high, low))
    return result


def _finish(line):
    """A draft as the Line of FORMATS.md, section 7."""
    fields = {name: line[name] for name in f.LINE.type._fields}
    for name in ("tranches", "pool", "unmatched"):
        fields[name] = f.QUANTITIES(**fields[name])
    return f.LINE(**fields)


def _energy_and_contract(one):
    """Steps 1 and 2."""
    energy = one.energy
    generation, charge = energy.get(f.GENERATION, 0), energy.get(f.CHARGE, 0)
    discharge = energy.get(f.DISCHARGE, 0)
    if one.connection:
        net = energy.get(f.EXPORT, 0) - energy.get(f.IMPORT, 0)
        load = pos(generation + discharge - charge - net)
    else:
        load = energy.get(f.LOAD, 0)
        net = generation + discharge - load - charge
    surplus, need = pos(net), pos(-net)
    g1 = min(generation, load)
    g2 = min(generation - g1, charge)
    g = min(generation - g1 - g2, surplus)
    contracted = one.sold - one.bought
    delta = net - contracted
    physical = clamp(delta, -need, surplus)
    virtual = delta - physical
    green = pos(g - pos(contracted))
    return {
        "generation": generation,
        "net": net,
        "load": load,
        "surplus": surplus,
        "need": need,
        "g1": g1,
        "g2": g2,
        "g": g,
        "loss": generation - g1 - g2 - g,
        "contracted": contracted,
        "delta": delta,
        "physical": physical,
        "virtual": virtual,
        "tranches": {
            "green": green,
            "other": pos(physical) - green,
            "long": pos(virtual),
            "need": pos(-physical),
            "short": pos(-virtual),
        },
        "pool": dict.fromkeys(TRANCHES, 0),
    }


def _pool(inputs, drafts, terms, high, low):
    """Step 3: the auction among enrolled points; fills the drafts' `pool`."""
    asks, bids = {}, {}
    for one, line in zip(inputs, drafts):
        if not one.terms.enrolled:
            continue
        ask = one.terms.ask
        bid = inf if one.terms.bid is None else one.terms.bid
        t = line["tranches"]
        asks[one.point, 0] = (max(terms.feed_in, ask), t["green"])
        asks[one.point, 1] = (max(terms.export, ask), t["other"])
        asks[one.point, 2] = (max(low, ask), t["long"])
        bids[one.point, 3] = (min(one.terms.retail, bid) - terms.wheeling, t["need"])
        bids[one.point, 4] = (min(high, bid), t["short"])
    price, volume, sold, bought = auction(asks, bids)
    by_point = {one.point: line for one, line in zip(inputs, drafts)}
    for fills in (sold, bought):
        for (point, tranche), quantity in fills.items():
            by_point[point]["pool"][TRANCHES[tranche]] = quantity
    return price, volume


def _postings(inputs, drafts, terms, high, low, price):
    """Steps 4 to 7: each point's lines, and the park accounts' in the order of the journal."""
    points = [[] for _ in inputs]
    park = []

    def post_point(place, kind, amount):
        if not fits(amount):
            raise Held(_does_not_fit("Point(PointId(%d))" % inputs[place].point))
        if amount:
            points[place].append((kind, amount))

    def post_park(account, name, kind, amount):
        if not fits(amount):
            raise Held(_does_not_fit(name))
        if amount:
            park.append(((account, None), kind, amount))

    for place, one in enumerate(inputs):
        post_point(place, f.FORWARD, one.cash)
        post_park(f.TO_CLEARING, "Clearing", f.FORWARD, -one.cash)
    if price is not None:
        for place, line in enumerate(drafts):
            q = line["pool"]
            post_point(place, f.POOL, price * (q["green"] + q["other"] + q["long"] - q["need"] - q["short"]))
    total = 0
    for place, (one, line) in enumerate(zip(inputs, drafts)):
        u = line["unmatched"]
        amount = terms.feed_in * u["green"] + terms.export * u["other"] - one.terms.retail * u["need"]
        post_point(place, f.GRID, amount)
        total += amount
    post_park(f.TO_GRID, "Grid", f.GRID, -total)
    total = 0
    for place, line in enumerate(drafts):
        u = line["unmatched"]
        amount = low * u["long"] - high * u["short"]
        post_point(place, f.BALANCING, amount)
        total += amount
    post_park(f.TO_BALANCING, "Balancing", f.BALANCING, -total)
    flow_in, flow_out, longs, shorts = flows(drafts)
    for place, line in enumerate(drafts):
        post_point(place, f.WHEELING, -line["wheeling"])
    through = min(flow_in, flow_out)
    post_park(f.TO_NETWORK, "Network", f.WHEELING, terms.wheeling * through)
    post_park(f.TO_BALANCING, "Balancing", f.WHEELING, terms.wheeling * (flow_in - through))
    x = shorts - longs
    amount = x * (high if x > 0 else low)
    post_park(f.TO_BALANCING, "Balancing", f.REPLACEMENT, -amount)
    post_park(f.TO_GRID, "Grid", f.REPLACEMENT, amount)
    return points, park


def _does_not_fit(account):
    return "an amount for %s does not fit 64 bits; check prices and energies of the interval" % account


def flows(drafts):
    """Step 5: in, out, DL and DS."""
    unmatched = [line["unmatched"] for line in drafts]
    return (
        sum(line["received"] for line in drafts),
        sum(line["surplus"] - u["green"] - u["other"] for line, u in zip(drafts, unmatched)),
        sum(u["long"] for u in unmatched),
        sum(u["short"] for u in unmatched),
    )


def _certificates(inputs, drafts):
    """Step 8: fills the drafts' certificate fields; gives bundles by point and the sorted list of deliveries."""
    actual = {one.point: line for one, line in zip(inputs, drafts) if one.actual}
    buildings = {one.point: one.terms.building for one in inputs}
    for line in drafts:
        line.update(delivered=0, sent=0, kept=0, cancelled=0)
    delivered = {point: line["g"] - line["unmatched"]["green"] for point, line in actual.items()}
    forward = {point: line["forward_intake"] for point, line in actual.items()}
    pool = {point: line["pool_intake"] for point, line in actual.items()}
    total = min(sum(delivered.values()), sum(forward.values()) + sum(pool.values()))
    by_forward = min(total, sum(forward.values()))
    sent = share(total, delivered)
    cancelled_forward, cancelled_pool = share(by_forward, forward), share(total - by_forward, pool)
    bundles = {}
    for point, line in actual.items():
        line["delivered"] = delivered[point]
        line["sent"] = sent[point]
        line["kept"] = line["g"] - sent[point]
        line["cancelled"] = cancelled_forward[point] + cancelled_pool[point]
        if line["generation"] > 0:
            bundles[point] = f.BUNDLE(
                line["generation"], line["g1"], line["g2"], line["loss"], line["sent"], line["kept"]
            )
    senders = {point: line["sent"] for point, line in sorted(actual.items())}
    receivers = {point: line["cancelled"] for point, line in sorted(actual.items())}
    pairs = []
    for building in sorted(set(buildings.values())):
        _pair(
            [point for point in senders if buildings[point] == building],
            [point for point in receivers if buildings[point] == building],
            senders,
            receivers,
            pairs,
        )
    _pair(list(senders), list(receivers), senders, receivers, pairs)
    return bundles, sorted(pairs)


def _pair(from_points, to_points, senders, receivers, pairs):
    """Lays senders and receivers side by side and pairs what lies opposite; what is left stays in the maps."""
    to_points = iter(to_points)
    receiver = next(to_points, None)
    for sender in from_points:
        while receiver is not None and senders[sender] > 0:
            quantity = min(senders[sender], receivers[receiver])
            if quantity:
                pairs.append((sender, receiver, quantity))
            senders[sender] -= quantity
            receivers[receiver] -= quantity
            if receivers[receiver] == 0:
                receiver = next(to_points, None)


def broken_invariants(inputs, result, terms, high, low):
    """Section 8, invariants 1 to 6: the claims and reasons of those that do not hold."""
    lines = [line._asdict() for line in result.lines]
    for line in lines:
        for name in ("tranches", "pool", "unmatched"):
            line[name] = line[name]._asdict()
    broken = []

    def require(claim, condition, reason):
        if not condition:
            broken.append((claim, reason))

    flow_in, flow_out, longs, shorts = flows(lines)
    contracted = sum(line["contracted"] for line in lines)
    require("energy balance", contracted == 0, "the contracted quantities do not sum to zero")
    require("energy balance", sum(one.cash for one in inputs) == 0, "the forward cash does not sum to zero")
    sold = sum(line["pool"][t] for line in lines for t in ("green", "other", "long"))
    bought = sum(line["pool"][t] for line in lines for t in ("need", "short"))
    require("energy balance", sold == bought, "the pool sold another quantity than it bought")
    require("energy balance", flow_out - flow_in == longs - shorts, "out - in is not DL - DS")
    rest = sum(
        u["green"] + u["other"] + u["long"] - u["need"] - u["short"]
        for u in (line["unmatched"] for line in lines)
    )
    require(
        "energy balance", sum(line["net"] for line in lines) == rest, "the nets are not the unmatched sum"
    )
    sums = dict.fromkeys(range(6), 0)
    for postings in result.point_postings:
        for kind, amount in postings:
            sums[kind] += amount
    balancing = 0
    for (account, _), kind, amount in result.park_postings:
        sums[kind] += amount
        balancing += amount if account == f.TO_BALANCING else 0
    require("journal", not any(sums.values()), "a kind of posting does not sum to zero")
    expected = (high - low) * min(longs, shorts) + terms.wheeling * pos(shorts - longs)
    require("journal", balancing == expected and balancing >= 0, "balancing changes by another amount")
    for one, line in zip(inputs, lines):
        retail, t = one.terms.retail, line["tranches"]
        if one.sold == 0 and one.bought == 0:
            bare = line["credit"] == line["grid_alone"] if not one.terms.enrolled else True
            require(
                "settlement", bare and line["credit"] >= line["grid_alone"], "a point is worse off than alone"
            )
        floor = (
            one.cash
            + terms.feed_in * t["green"]
            + terms.export * t["other"]
            + low * t["long"]
            - retail * t["need"]
            - high * t["short"]
            - terms.wheeling * line["forward_intake"]
        )
        require("settlement", line["credit"] >= floor, "a point is worse off than its contract")
        within = line["cancelled"] <= line["received"] and (
            one.actual or line["cancelled"] == line["sent"] == 0
        )
        require("certificates", within, "a point cancels what it did not receive")
    for bundle in result.bundles.values():
        require("certificates", bundle.quantity == sum(bundle[1:]), "a bundle's parts are not its quantity")
    moved = sum(quantity for _, _, quantity in result.pairs)
    sent, cancelled = (sum(line[name] for line in lines) for name in ("sent", "cancelled"))
    require("certificates", sent == cancelled == moved, "certificates sent are not those cancelled")
    return broken
