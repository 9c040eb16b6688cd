"""The whole ledger again, from the leaves' bytes: every derived leaf and every state root is made anew and compared.

Replay takes signatures as given, so that one bad signature is one failure; `authors.py` checks them.
"""

from hashlib import sha256

from . import formats as f
from .c2sp import leaf_hash
from .codec import Malformed, UnknownRule, decode
from .ed25519 import signature_holds
from .ledger import Ledger
from .members import step_hash
from .rules import Refused, genesis_faults, split_signature

MAX_TIME = 2**50
# The claim that a fact belongs to; one that is not here belongs to "replay" alone.
FACT_CLAIMS = {
    f.INTERVAL_CLEARED: "trades",
    f.ORDER_CLOSED: "trades",
    f.MINIMUM_MISSED: "trades",
    f.AUCTION_HALTED: "trades",
    f.ORDERS_CANCELLED: "trades",
    f.DAY_PRICED: "trades",
    f.ORDER_MATCHED: "trades",
    f.REMAINDER_CANCELLED: "trades",
    f.CONTINUOUS_CLOSED: "trades",
    f.JOINT_CLEARED: "trades",
    f.BUNDLE_CLOSED: "trades",
    f.JOINT_FILLED: "trades",
    f.POINT_SETTLED: "settlement",
    f.INTERVAL_SETTLED: "settlement",
    f.SETTLEMENT_HELD: "settlement",
    f.POINT_ADJUSTED: "settlement",
    f.INTERVAL_ADJUSTED: "settlement",
    f.RUN_HELD: "settlement",
    f.MONTH_CLOSED: "settlement",
    f.CERTIFICATE_ISSUED: "certificates",
    f.CERTIFICATE_DELIVERED: "certificates",
    f.CERTIFICATE: "certificates",
    f.CERTIFICATE_ADJUSTED: "certificates",
    f.DELIVERY_ADJUSTED: "certificates",
    f.FUNDS_MOVED: "journal",
    f.POINT_CHARGED: "journal",
    f.MONTH_INVOICED: "journal",
    f.MONTH_BALANCED: "journal",
    f.MONTH_HELD: "journal",
    f.UTILITY_BILLED: "journal",
    f.UTILITY_BILL_REVERSED: "journal",
    f.RESIDUE_MOVED: "journal",
    f.DEFAULT_COVERED: "journal",
    f.GAIN_CUT: "journal",
    f.DEFAULT_CLEARED: "journal",
}


class Stop(Exception):
    """Replay cannot go on."""

    def __init__(self, claim, entry, reason):
        super().__init__(reason)
        self.claim, self.entry, self.reason = claim, entry, reason


class Unknown(Exception):
    """Replay meets a rule that is not known here. `start` is the batch's header, `entry` the leaf."""

    def __init__(self, start, entry, reason):
        super().__init__(reason)
        self.start, self.entry, self.reason = start, entry, reason


def decode_leaves(leaves, begin=0):
    """Each leaf as (kind, fields); the first has the index `begin`."""
    entries = []
    for index, leaf in enumerate(leaves, begin):
        try:
            entries.append(decode(f.ENTRY, leaf))
        except UnknownRule as unknown:
            entries.append((f.UNKNOWN_LEAF, str(unknown)))
        except Malformed as error:
            raise Stop("form", index, "not an entry: %s" % error)
    return entries


def read_genesis(leaves, entries, origin):
    """Park id, genesis and its signature (FORMATS.md, section 4)."""
    kind, signed = entries[0]
    if kind != f.GENESIS_LEAF:
        raise Stop("form", 0, "leaf 0 is not a genesis")
    try:
        body, signature = split_signature(signed)
        genesis = decode(f.GENESIS, body)
    except Malformed as error:
        raise Stop("form", 0, "not a genesis: %s" % error)
    for fault in genesis_faults(genesis):
        raise Stop("form", 0, "the genesis: %s" % fault)
    if not signature_holds(genesis.registrar, b"wattle/genesis/v0\n" + bytes(32) + body, signature):
        raise Stop("form", 0, "the registrar did not sign the genesis")
    park = leaf_hash(leaves[0])
    if origin != "wattle/%s/%s" % (genesis.name, park.hex()):
        raise Stop("form", 0, "the checkpoint's origin is not that of the genesis")
    return park, genesis, signature


def batches_of(entries, begin=1):
    """Start and end of each batch's leaves; the first begins right after the genesis or a cut export's seal."""
    starts = [at for at in range(begin, len(entries)) if entries[at][0] == f.BATCH_LEAF] + [len(entries)]
    if starts[0] != begin:
        raise Stop("form", begin, "here begins no batch with its header")
    return list(zip(starts, starts[1:]))


def replay(leaves, entries, park, genesis, signature, fail):
    """Replays a log; calls `fail(claim, entry, reason)`. Gives the ledger, or None where it had to stop.

    Raises `Unknown` at a rule that is not known here: nothing after it can be told true from false."""
    return go_on(Ledger(park, genesis, signature, check_signatures=False), leaves, entries, fail)


def go_on(ledger, leaves, entries, fail):
    """Replays the rest of a log, from as many leaves on as the ledger has."""
    try:
        for at, end in batches_of(entries, ledger.leaves):
            _batch(ledger, leaves, entries, at, end, fail)
        if entries[-1][0] != f.SEAL_LEAF:
            fail("replay", len(entries) - 1, "the log does not end with a seal")
    except Stop as stop:
        fail(stop.claim, stop.entry, stop.reason)
        return None
    return ledger


def _batch(ledger, leaves, entries, at, end, fail):
    """Replays the batch whose leaves are at..end."""
    for place in range(at, end):
        if entries[place][0] == f.UNKNOWN_LEAF:
            raise Unknown(at, place, entries[place][1])
        if entries[place][0] == f.EVENT_LEAF:
            _check_known(at, place, entries[place][1][0])
    signed, dropped = entries[at][1]
    header = _header(ledger, at, signed)
    step = _step(ledger, entries, at, end, header)
    if step is None:
        events = [fields[0] for kind, fields in entries[at + 1 : end] if kind == f.EVENT_LEAF]
        made, drops = make_batch(ledger, signed, header, _batch_events(at, header, events, dropped))
    else:
        made, drops = ledger.take_step(signed, header, step), ()
    made.insert(0, f.ENTRY.write((f.BATCH_LEAF, (signed, tuple(drops)))))
    first = None
    for place, (leaf, ours) in enumerate(zip(leaves[at:end], made)):
        if leaf != ours:
            reason = "the log has %s, replay makes %s" % (
                _describe(entries[at + place]),
                _describe(decode(f.ENTRY, ours)),
            )
            for kind, fields in (entries[at + place], decode(f.ENTRY, ours)):
                claim = FACT_CLAIMS.get(fields[2][0]) if kind == f.DERIVED_LEAF else None
                if claim is not None:
                    fail(claim, at + place, reason)
            first = (at + place, reason) if first is None else first
    if first is None and len(made) != end - at:
        place = min(len(made), end - at)
        first = (at + place, "the batch has %d leaves, replay makes %d" % (end - at, len(made)))
    if first is not None:
        fail("replay", *first)
    for claim, reason in ledger.findings:
        fail(claim, at, reason)
    ledger.findings.clear()
    if len(made) != end - at:
        raise Stop("replay", first[0], first[1])


def _check_known(start, at, signed):
    """An event's action is one that this verifier knows."""
    try:
        decode(f.EVENT, signed[:-64])
    except UnknownRule as unknown:
        raise Unknown(start, at, str(unknown))
    except Malformed:
        pass  # admission says so


def make_batch(ledger, signed, header, batch):
    """Applies a batch; gives its leaves after the header's, and what it dropped. An element is an event or a dropped hash."""
    ledger.time, ledger.term = header.time, header.term
    ledger.sign(signed[-64:])
    ledger.leaves += 1
    facts, must_seal = ledger.due()
    made = [ledger.derive(concerns, fact) for concerns, fact in facts]
    drops = []
    for place, (event, event_hash) in enumerate(batch):
        try:
            if event is None:
                raise Refused(0)
            leaf, caused = ledger.record(event)
            made += [leaf] + caused
        except Refused:
            drops.append(f.DROPPED(place, event_hash))
    seal = ledger.seal_if_due(must_seal)
    return made + ([seal] if seal is not None else []), drops


def _header(ledger, at, signed):
    """RULES.md, section 2: the checks of a header that a reader of the log can repeat."""
    try:
        header = decode(f.HEADER, split_signature(signed)[0])
    except Malformed as error:
        raise Stop("replay", at, "not a batch's header: %s" % error)
    if header.version != 0:
        raise Stop("replay", at, "the batch's header has version %d" % header.version)
    if header.park != ledger.park:
        raise Stop("replay", at, "the batch belongs to another park")
    if header.term < ledger.term:
        raise Stop("replay", at, "the batch's term is below the last one's")
    if header.time < ledger.time or header.time >= MAX_TIME:
        raise Stop("replay", at, "the batch's time runs backwards or is out of bounds")
    if header.node not in ledger.node_ids():
        raise Stop("replay", at, "the batch's leader is no node of the park")
    if header.node not in ledger.membership().voters:
        raise Stop("replay", at, "the batch's leader does not vote there")
    return header


def _step(ledger, entries, at, end, header):
    """The step that a batch takes, or None if it is no batch of that kind (RULES.md, section 20)."""
    step = next((fields[0] for kind, fields in entries[at + 1 : end] if kind == f.VOTERS_LEAF), None)
    if step is None:
        return None
    if step_hash(step) != header.events:
        raise Stop("replay", at, "the step is not the one that its leader signed")
    if step not in ledger.wanted_steps():
        raise Stop("replay", at, "nobody wants the step of node %d" % step.node)
    return step


def _batch_events(at, header, events, dropped):
    """FORMATS.md, section 3: the batch's events, recovered from the leaves, as (event or None, hash)."""
    places = {one.place: one.hash for one in dropped}
    if list(places) != sorted(places) or len(places) != len(dropped):
        raise Stop("replay", at, "the dropped events are not in ascending order")
    batch, rest = [], [(event, sha256(event).digest()) for event in events]
    while rest or len(batch) in places:
        place = len(batch)
        batch.append((None, places.pop(place)) if place in places else rest.pop(0))
    if places:
        raise Stop("replay", at, "a dropped event lies beyond the batch's end")
    if sha256(b"wattle/events/v0\n" + b"".join(one for _, one in batch)).digest() != header.events:
        raise Stop("replay", at, "the batch's events are not those that its leader signed")
    return batch


def _describe(entry):
    """A leaf in a few words."""
    kind, fields = entry
    if kind == f.DERIVED_LEAF:
        return "%s %s" % (f.FACT_NAMES[fields[2][0]], fields[2][1])
    if kind == f.EVENT_LEAF:
        return "an event with the outcome %s" % list(fields[1])
    if kind == f.SEAL_LEAF:
        return "a seal of %s" % fields.hex()
    if kind == f.VOTERS_LEAF:
        return "%s after %s" % (fields[1:], fields[0])
    return ("a genesis", "a batch's header")[kind]
