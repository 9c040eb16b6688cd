"""The whole ledger again, from the leaves' bytes: every derived leaf and every state root is made anew and compared."""

from collections import namedtuple
from hashlib import sha256

from . import formats as f
from .c2sp import leaf_hash
from .codec import Malformed, decode
from .ed25519 import signature_holds
from .ledger import Ledger, Refused, genesis_faults, split_signature

Failure = namedtuple("Failure", "claim entry reason")

MAX_TIME = 2**50
ADMISSION_CLAIMS = {
    1: "author signatures",
    2: "author signatures",
    3: "author signatures",
    4: "key validity",
    5: "key validity",
    6: "sequences",
    7: "sequences",
    8: "replay",
    9: "sequences",
}
FACT_CLAIMS = {
    f.INTERVAL_CLEARED: "trades",
    f.ORDER_CLOSED: "trades",
    f.POINT_SETTLED: "settlement",
    f.INTERVAL_SETTLED: "settlement",
    f.SETTLEMENT_HELD: "settlement",
    f.CERTIFICATE_ISSUED: "certificates",
    f.CERTIFICATE_DELIVERED: "certificates",
    f.FUNDS_MOVED: "journal",
}


class Stop(Exception):
    """Replay cannot go on."""

    def __init__(self, claim, entry, reason):
        super().__init__(reason)
        self.failure = Failure(claim, entry, reason)


def replay(leaves, origin):
    """Replays a log; gives the ledger (or None) and the failures in the order in which they were found."""
    failures = []
    try:
        entries = [_decode_leaf(index, leaf) for index, leaf in enumerate(leaves)]
        ledger = _genesis(leaves, entries, origin)
        at = 1
        while at < len(entries):
            end = at + 1
            while end < len(entries) and entries[end][0] != f.BATCH_LEAF:
                end += 1
            _batch(ledger, leaves, entries, at, end, failures)
            at = end
        if entries[-1][0] != f.SEAL_LEAF:
            raise Stop("replay", len(entries) - 1, "the log does not end with a seal")
        return ledger, failures
    except Stop as stop:
        return None, failures + [stop.failure]


def _decode_leaf(index, leaf):
    try:
        return decode(f.ENTRY, leaf)
    except Malformed as error:
        raise Stop("form", index, "not an entry: %s" % error)


def _genesis(leaves, entries, origin):
    """FORMATS.md, section 4."""
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
        raise Stop("author signatures", 0, "the registrar did not sign the genesis")
    park = leaf_hash(leaves[0])
    if origin != "wattle/%s/%s" % (genesis.name, park.hex()):
        raise Stop("form", 0, "the origin is not that of the genesis")
    return Ledger(park, genesis, signature)


def _batch(ledger, leaves, entries, at, end, failures):
    """Replays the batch whose leaves are at..end."""
    kind, fields = entries[at]
    if kind != f.BATCH_LEAF:
        raise Stop("form", at, "a batch begins with its header")
    signed, dropped = fields
    header = _header(ledger, at, signed)
    events = [fields[0] for kind, fields in entries[at + 1 : end] if kind == f.EVENT_LEAF]
    _check_events_hash(at, header, events, dropped)
    ledger.time, ledger.term = header.time, header.term
    ledger.sign(signed[-64:])
    ledger.leaves += 1
    walk = _Walk(leaves, entries, at + 1, end, failures)
    facts, settled = ledger.due()
    for concerns, fact in facts:
        walk.expect(ledger.derive(concerns, fact))
    for event in events:
        try:
            leaf, caused = ledger.record(event)
        except Refused as refused:
            place = next(i for i in range(at, end) if entries[i][0] == f.EVENT_LEAF and entries[i][1][0] == event)
            claim = ADMISSION_CLAIMS[refused.code]
            raise Stop(claim, place, "the event should not have been recorded: code %d" % refused.code)
        for one in [leaf] + caused:
            walk.expect(one)
    seal = ledger.seal_if_due(settled)
    if seal is not None:
        walk.expect(seal)
    walk.finish()
    for claim, reason in ledger.findings:
        failures.append(Failure(claim, at, reason))
    ledger.findings.clear()


def _header(ledger, at, signed):
    """RULES.md, section 2: the checks of a header that a reader of the log can repeat."""
    try:
        body, signature = split_signature(signed)
        header = decode(f.HEADER, body)
    except Malformed as error:
        raise Stop("form", at, "not a batch's header: %s" % error)
    node = next((node for node in ledger.genesis.nodes if node.id == header.node), None)
    if header.park != ledger.park:
        raise Stop("replay", at, "the batch belongs to another park")
    if header.term < ledger.term:
        raise Stop("replay", at, "the batch's term is below the last one's")
    if header.time < ledger.time or header.time >= MAX_TIME:
        raise Stop("replay", at, "the batch's time runs backwards or is out of bounds")
    if node is None:
        raise Stop("key validity", at, "the batch's leader is no node of the park")
    if not signature_holds(node.batch, b"wattle/batch/v0\n" + body, signature):
        raise Stop("author signatures", at, "the leader did not sign the batch")
    return header


def _check_events_hash(at, header, events, dropped):
    """FORMATS.md, section 3: the batch's events are recovered from the leaves."""
    places = {}
    for one in dropped:
        if one.place in places or one.place < max(places, default=0):
            raise Stop("form", at, "the dropped events are not in ascending order")
        places[one.place] = one.hash
    hashes, rest = [], [sha256(event).digest() for event in events]
    while rest or len(hashes) in places:
        place = len(hashes)
        hashes.append(places.pop(place) if place in places else rest.pop(0))
    if places:
        raise Stop("form", at, "a dropped event lies beyond the batch's end")
    if sha256(b"wattle/events/v0\n" + b"".join(hashes)).digest() != header.events:
        raise Stop("replay", at, "the batch's events are not those that its leader signed")


class _Walk:
    """Compares the leaves of a batch with those that replay makes."""

    def __init__(self, leaves, entries, at, end, failures):
        self.leaves, self.entries, self.at, self.end = leaves, entries, at, end
        self.failures = failures

    def expect(self, leaf):
        """The next leaf must be this one."""
        at = self.at
        kind, fields = decode(f.ENTRY, leaf)
        claim = FACT_CLAIMS[fields[2][0]] if kind == f.DERIVED_LEAF else "replay"
        if at >= self.end:
            raise Stop(claim, min(at, len(self.leaves) - 1), "%s is missing" % _describe(kind, fields))
        self.at += 1
        if self.leaves[at] == leaf:
            return
        reason = "replay makes %s here, and the log has %s" % (_describe(kind, fields), _describe(*self.entries[at]))
        raise Stop(claim, at, reason)

    def finish(self):
        """No leaf may be left."""
        if self.at < self.end:
            raise Stop("replay", self.at, "replay makes no %s here" % _describe(*self.entries[self.at]))


def _describe(kind, fields):
    """A leaf in a few words."""
    if kind == f.DERIVED_LEAF:
        return "%s %s" % (f.FACT_NAMES[fields[2][0]], fields[2][1])
    if kind == f.EVENT_LEAF:
        return "an event with the outcome %s" % list(fields[1])
    if kind == f.SEAL_LEAF:
        return "a seal of %s" % fields.hex()
    return ("a genesis", "a batch")[kind]
