"""What the authors' bytes show by themselves, without replay: signatures, sequences, and whether each key was in force."""

from . import formats as f
from .codec import Malformed, UnknownRule, decode, decode_start
from .ed25519 import signature_holds
from .rules import split_signature


def check_authors(entries, park, genesis, fail, keys=None):
    """Walks the log once; calls `fail(claim, entry, reason)`. Gives entry and name of the first action that is not known here,
    if there is one: which keys are in force is not known from there on, and only the rest is looked at. `keys` are those at the first entry that
    is read."""
    keys = keys or Keys(genesis)
    for at, (kind, fields) in enumerate(entries):
        if kind == f.BATCH_LEAF:
            _check_header(at, fields[0], keys, fail)
        elif kind == f.EVENT_LEAF:
            _check_event(at, fields, park, keys, fail)
        elif kind == f.VOTERS_LEAF:
            keys.voters = set(fields[1])
    return keys.unknown


class Keys:
    """Which keys are in force, what they have signed, and which tenant's key answers for which delegated ones."""

    def __init__(self, genesis):
        self.in_force = {genesis.registrar: True, genesis.treasurer: True, genesis.regulator: True}
        self.last = {}
        self.by_meter = {}
        self.answers = {}
        self.unknown = None
        self.nodes = {node.id: node.batch for node in genesis.nodes}
        self.voters = set(self.nodes)

    def take_over(self, ledger):
        """The keys of a state, where the log is read from there on."""
        rows = ledger.state.rows
        for (key,), row in rows[f.T_KEYS].items():
            self.in_force[key] = row.revoked is None
            self.last[key] = row.sequence
            if row.role[0] == f.METER_ROLE and row.revoked is None:
                self.by_meter.setdefault(row.role[1], []).append(key)
        for (key,), row in rows[f.T_DELEGATIONS].items():
            self.answers.setdefault(row.by, []).append(key)
        self.nodes.update({number: row.node.batch for (number,), row in rows[f.T_NODES].items()})
        self.voters = set(ledger.membership().voters)
        return self

    def apply(self, author, number, action):
        """What an action that was done makes of keys."""
        if number in (f.REGISTER_METER, f.REGISTER_BOUNDARY_METER):
            self.add(action.key)
            self.by_meter[action.id] = [action.key]
        elif number == f.ADD_KEY:
            key, role = action
            self.add(key)
            if role[0] == f.METER_ROLE:
                self.by_meter.setdefault(role[1], []).append(key)
        elif number == f.ROTATE_KEY:
            new = action[0]
            self.add(new)
            self.in_force[author] = False
            for keys in self.by_meter.values():
                if author in keys:
                    keys.append(new)
            self.answers[new] = self.answers.pop(author, [])
        elif number == f.REVOKE_KEY:
            self.end(action)
        elif number == f.REPLACE_METER:
            for key in self.by_meter.get(action.meter, ()):
                self.end(key)
            self.add(action.key)
            self.by_meter[action.meter] = [action.key]
        elif number == f.DELEGATE:
            self.add(action[0])
            self.answers.setdefault(author, []).append(action[0])
        elif number == f.REVOKE_DELEGATE:
            self.end(action)
        elif number == f.REGISTER_NODE:
            self.nodes[action.id] = action.batch

    def add(self, key):
        """A key takes effect."""
        self.in_force[key] = True

    def end(self, key):
        """A key ends, and those that it answers for."""
        self.in_force[key] = False
        for delegate in self.answers.pop(key, ()):
            self.in_force[delegate] = False


def _check_header(at, signed, keys, fail):
    """A batch's header is signed by the batch key of the node that it names, which votes there."""
    try:
        body, signature = split_signature(signed)
        header = decode(f.HEADER, body)
    except Malformed as error:
        fail("form", at, "not a batch's header: %s" % error)
        return
    key = keys.nodes.get(header.node)
    if key is None:
        if keys.unknown is None:
            fail("key validity", at, "node %d is not registered" % header.node)
        return
    if keys.unknown is None and header.node not in keys.voters:
        fail("key validity", at, "node %d does not vote there" % header.node)
    if not signature_holds(key, b"wattle/batch/v0\n" + body, signature):
        fail("author signatures", at, "the leader did not sign the batch's header")


def _check_event(at, fields, park, keys, fail):
    """An event is signed by its author, has the next sequence, and its key is in force."""
    signed, outcome = fields
    action = None
    try:
        body, signature = split_signature(signed)
        event = decode_start(f.EVENT_HEAD, body)
        action = decode(f.EVENT, body).action
    except UnknownRule as unknown:
        keys.unknown = keys.unknown or (at, str(unknown))
    except Malformed as error:
        fail("form", at, "not an event: %s" % error)
        return
    if not signature_holds(event.author, b"wattle/event/v0\n" + park + body, signature):
        fail("author signatures", at, "the author did not sign the event")
    last = keys.last.get(event.author, 0)
    if event.sequence != last + 1:
        fail("sequences", at, "key %s goes from %d to %d" % (event.author.hex(), last, event.sequence))
    keys.last[event.author] = event.sequence
    if keys.unknown is not None:
        return
    if event.author not in keys.in_force:
        fail("key validity", at, "key %s is not registered" % event.author.hex())
    elif not keys.in_force[event.author]:
        fail("key validity", at, "key %s was revoked before" % event.author.hex())
    if tuple(outcome) == (0,):
        keys.apply(event.author, *action)
