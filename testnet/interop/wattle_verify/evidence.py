"""What was signed twice (FORMATS.md, section 15), and what the ledger makes of it (RULES.md, section 22)."""

from hashlib import sha256

from . import c2sp
from . import formats as f
from .codec import Malformed, decode
from .ed25519 import key_accepted, signature_holds
from .rules import Refused, require, split_signature

MAGIC = b"wattle/evidence/v0\n"
MAX_RECORDED = 57_344
MAX_EVENT = 60_000
MAX_REGISTRATIONS = 16
MAX_PATH = 64
MAX_PER_KEY = 16
KEYS_AT = 2  # a node's five keys follow its id and its building


class Nothing(Exception):
    """A file that proves nothing."""


def demand(holds, reason):
    """Raises unless something holds."""
    if not holds:
        raise Nothing(reason)


class Event:
    """A signed event of a file."""

    def __init__(self, signed):
        demand(len(signed) <= MAX_EVENT, "an event is too long")
        self.hash = sha256(signed).digest()
        self.bytes, self.signature = split_signature(signed)
        self.body = decode(f.EVENT, self.bytes)
        demand(self.body.version == 0, "an event of another version")

    def holds(self, park):
        """Whether its author signed it for a park."""
        return signature_holds(self.body.author, b"wattle/event/v0\n" + park + self.bytes, self.signature)


class Evidence:
    """A file that was read; nothing of it is judged but that its genesis is a park's."""

    def __init__(self, data, park, genesis):
        demand(data.startswith(MAGIC), "the file begins otherwise")
        file = decode(f.EVIDENCE, data[len(MAGIC) :])
        self.park, self.genesis = park, genesis
        demand(c2sp.leaf_hash(f.ENTRY.write((f.GENESIS_LEAF, file.genesis))) == park, "another park's genesis")
        demand(len(file.registrations) <= MAX_REGISTRATIONS, "too many registrations")
        self.registrations = [Event(signed) for signed in file.registrations]
        kind, fields = file.statement
        self.is_events = kind == f.TWO_EVENTS
        if self.is_events:
            self.events = [Event(signed) for signed in fields]
            demand(self.events[0].hash < self.events[1].hash, "the events are not in their order")
            return
        (first, second), self.path = fields
        demand(len(self.path) <= MAX_PATH, "the path is too long")
        self.notes = [c2sp.parse_note(first), c2sp.parse_note(second)]
        self.heads = [c2sp.parse_checkpoint(note.text) for note in self.notes]
        first, second = [(head.size, head.root) for head in self.heads]
        demand(first <= second, "the heads are not in their order")

    def named(self):
        """Keys with their roles, and nodes, that genesis and registrations name."""
        genesis = self.genesis
        roles = {genesis.registrar: f.REGISTRAR, genesis.treasurer: f.TREASURER, genesis.regulator: f.REGULATOR}
        nodes = list(genesis.nodes)
        for event in self.registrations:
            role = roles.get(event.body.author)
            demand(role is not None, "a registration by nobody who is named")
            number, action = event.body.action
            if number == f.REGISTER_NODE:
                demand(role == f.REGISTRAR, "a node is registered by another role")
                _check_node(action, roles, nodes)
                nodes.append(action)
            else:
                key, new_role = _registration(number, action, role)
                demand(key not in roles and key_accepted(key), "the key is named, or is none")
                roles[key] = new_role
            demand(event.holds(self.park), "a registration's signature does not hold")
        return roles, nodes

    def judge_events(self):
        """Key and sequence of two events that contradict each other."""
        one, other = [event.body for event in self.events]
        demand((one.author, one.sequence) == (other.author, other.sequence), "other keys or sequences")
        demand(self.events[0].bytes != self.events[1].bytes, "one body")
        demand(all(event.holds(self.park) for event in self.events), "a signature does not hold")
        self.named()
        return one.author, one.sequence

    def judge_heads(self, nodes):
        """The keys that signed both heads, of those that the file and the caller know."""
        origin = "wattle/%s/%s" % (self.genesis.name, self.park.hex())
        known = {key for node in [*self.named()[1], *nodes] for key in _head_keys(origin, node)}
        older, newer = self.heads
        demand(older.origin == origin and newer.origin == origin, "another log's head")
        demand(older.size > 0, "an empty head")
        if older.size == newer.size:
            demand(not self.path and older.root != newer.root, "one root, or a path for one size")
        else:
            demand(_prefix(older.size, newer, self.path) != older.root, "the larger continues the smaller")
        signed = []
        for note in self.notes:
            verdicts = {key: c2sp.verdict(note, key) for key in known}
            demand(False not in verdicts.values(), "a known key's line does not hold")
            signed.append({key for key, verdict in verdicts.items() if verdict})
            demand(signed[-1], "nobody known has signed a head")
        return signed[0] & signed[1]


def _head_keys(origin, node):
    """The verifier keys of a node that stand under heads."""
    for name, kind, key in ((origin, b"\1", node.log), ("%s/node/%d" % (origin, node.id), b"\4", node.cosigner)):
        yield c2sp.Key(name, c2sp.key_id(name, kind + key), kind, key)


def _registration(number, action, role):
    """The key that a registration names, and as what."""
    if number == f.ROTATE_KEY:
        return action[0], role
    if number == f.DELEGATE:
        demand(role == f.TENANT, "a delegation by another role")
        return action[0], f.DELEGATE_ROLE
    demand(role == f.REGISTRAR, "a key is registered by another role")
    if number == f.ADD_KEY:
        return action[0], action[1][0]
    if number in (f.REGISTER_METER, f.REGISTER_BOUNDARY_METER, f.REPLACE_METER):
        return action.key, f.METER_ROLE
    raise Nothing("a registration that registers nothing")


def _check_node(node, roles, nodes):
    """A node of a new id, whose keys are accepted, differ and are nobody's who is named."""
    keys = node[KEYS_AT:]
    demand(len(set(keys)) == len(keys) and all(map(key_accepted, keys)), "a node's keys are refused")
    taken = set(roles).union(*(other[KEYS_AT:] for other in nodes))
    demand(not taken & set(keys) and node.id not in [other.id for other in nodes], "the node is named")


def _prefix(size, newer, path):
    """The root of the first so many leaves of the log that has a larger head."""
    ends = c2sp.ends_of_path(size, newer.size, path)
    demand(ends is not None and ends[1] == newer.root, "the path does not lead to the larger head")
    return ends[0]


def read(data, park, genesis):
    """The evidence in a file; raises `Nothing` where there is none."""
    try:
        return Evidence(data, park, genesis)
    except (Malformed, c2sp.Refused) as error:
        raise Nothing(str(error))


class Convictions:
    """The part of the ledger that records evidence."""

    def is_frozen(self, key):
        """Whether a key may sign nothing until the registrar lifts its freeze."""
        return (key,) in self.state.rows[f.T_FROZEN] or (key,) in self.state.rows[f.T_FROZEN_BY_EVIDENCE]

    def lift_freeze(self, event, record, index, key):
        """A frozen key signs again; what was recorded of it stays."""
        require(self.is_frozen(key), 126)
        for table in (f.T_FROZEN, f.T_FROZEN_BY_EVIDENCE):
            if (key,) in self.state.rows[table]:
                self.state.remove(table, (key,))

    def record_evidence(self, event, record, index, data):
        """Somebody signed two things of which at most one can be true."""
        require(len(data) <= MAX_RECORDED, 185)
        digest = sha256(data).digest()
        recorded = f.RECORDED(digest, self.time, index, record.role[1])
        try:
            evidence = read(data, self.park, self.genesis)
            if evidence.is_events:
                key, sequence = evidence.judge_events()
            else:
                nodes = [*self.genesis.nodes, *(row.node for row in self.state.rows[f.T_NODES].values())]
                signed = {key.public for key in evidence.judge_heads(nodes)}
        except Nothing:
            raise Refused(186)
        if evidence.is_events:
            return [self.convict_key(key, sequence, recorded)]
        convicted = {node.id for node in nodes if node.log in signed or node.cosigner in signed}
        require(convicted, 189)
        convicted = sorted(node for node in convicted if (node,) not in self.state.rows[f.T_CONVICTED_NODES])
        require(convicted, 188)
        first, second = evidence.heads
        heads = (first.size, first.root, second.size, second.root)
        for node in convicted:
            self.state.put(f.T_CONVICTED_NODES, (node,), f.CONVICTED_NODE(*heads, recorded))
        return [(None, (f.NODES_CONVICTED, (tuple(convicted), *heads, digest)))]

    def convict_key(self, key, sequence, recorded):
        """Records that a key used a sequence twice; gives the fact."""
        row = self.state.get(f.T_KEYS, key)
        require(row is not None, 187)
        rows = self.state.rows[f.T_CONVICTED_KEYS]
        require((key, sequence) not in rows, 188)
        require(sum(one == key for one, _ in rows) < MAX_PER_KEY, 188)
        self.state.put(f.T_CONVICTED_KEYS, (key, sequence), recorded)
        role, who = row.role
        frozen = role == f.METER_ROLE and row.revoked is None
        if frozen:
            self.state.put(f.T_FROZEN_BY_EVIDENCE, (key,), f.FROZEN_BY_EVIDENCE(who, sequence))
        concerns = who if role in (f.TENANT, f.DELEGATE_ROLE) else None
        return concerns, (f.KEY_CONVICTED, (key, row.role, sequence, recorded.evidence, frozen))
