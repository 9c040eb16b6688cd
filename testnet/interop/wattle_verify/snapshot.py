"""Snapshots, and exports that begin later than their log (FORMATS.md, section 13)."""

import os
from hashlib import sha256

from . import c2sp
from . import formats as f
from .codec import BYTES, U8, U64, Cursor, Fixed, List, Malformed, Struct, decode
from .ed25519 import signature_holds
from .ledger import Ledger
from .rules import genesis_faults, split_signature
from .state import State

MAGIC = b"wattle/snapshot/v0\n"
PIECE = 2**20
FIELD_LIMIT = 131_072
HASH = Fixed(32)
HEAD = Struct(
    "SnapshotHead",
    ("park", HASH),
    ("genesis", BYTES),
    ("size", U64),
    ("edge", List(HASH)),
    ("root", HASH),
    ("state_root", HASH),
    ("rows", U64),
)
START = Struct("Start", ("leaf", BYTES), ("path", List(HASH)))


def need(condition, reason):
    """Refuses a file unless the condition holds."""
    if not condition:
        raise c2sp.Refused(reason)


def fold_edge(edge):
    """The root over complete subtrees, the largest first."""
    root = edge[-1] if edge else sha256(b"").digest()
    for left in reversed(edge[:-1]):
        root = sha256(b"\1" + left + root).digest()
    return root


class Snapshot:
    """Head and rows of a snapshot that has its form. `state` holds the rows."""

    def __init__(self, data):
        need(data.startswith(MAGIC) and len(data) > len(MAGIC) + 32, "not a snapshot")
        need(sha256(data[:-32]).digest() == data[-32:], "the snapshot's bytes are damaged")
        cursor = Cursor(data[:-32])
        cursor.at = len(MAGIC)
        try:
            self.head = decode(HEAD, BYTES.read(cursor))
            self.state = State()
            self._read_rows(cursor)
            self._read_genesis()
        except Malformed as error:
            raise c2sp.Refused("the snapshot is malformed: %s" % error)
        head = self.head
        need(len(head.edge) == bin(head.size).count("1"), "the edge is not that of the size")
        need(fold_edge(head.edge) == head.root, "the edge does not give the snapshot's root")
        self._check_rows()
        need(self.state.root() == head.state_root, "the rows do not have the snapshot's state root")

    def _read_rows(self, cursor):
        last = None
        for _ in range(self.head.rows):
            key_bytes, value_bytes = BYTES.read(cursor), BYTES.read(cursor)
            need(max(len(key_bytes), len(value_bytes)) <= FIELD_LIMIT, "a row is too large")
            table = U8.read(Cursor(key_bytes))
            need(table in f.TABLES, "a row of a table that there is not")
            key = self.state.read_record(key_bytes, value_bytes)
            need(last is None or last < key, "the rows do not ascend")
            last = key
        need(cursor.at == len(cursor.data), "bytes follow the rows")

    def _read_genesis(self):
        """The genesis that founds the park."""
        body, self.signature = split_signature(self.head.genesis)
        self.genesis = decode(f.GENESIS, body)
        need(not list(genesis_faults(self.genesis)), "the genesis is invalid")
        message = b"wattle/genesis/v0\n" + bytes(32) + body
        need(signature_holds(self.genesis.registrar, message, self.signature), "nobody signed the genesis")
        leaf = f.ENTRY.write((f.GENESIS_LEAF, self.head.genesis))
        need(c2sp.leaf_hash(leaf) == self.head.park, "the genesis does not found the park")
        self.origin = "wattle/%s/%s" % (self.genesis.name, self.head.park.hex())

    def _check_rows(self):
        """The rows that a reader looks for, and a clock that counts the leaves of the size."""
        founded = Ledger(self.head.park, self.genesis, self.signature).state
        for table in (f.T_TERMS, f.T_FACTORS, f.T_ACCOUNTS):
            need(set(founded.rows[table]) <= set(self.state.rows[table]), "a row of the founding is missing")
        clock = self.state.get(f.T_CLOCK)
        need(clock is not None and clock.leaves == self.head.size, "the clock counts other leaves")

    def sealed_root(self):
        """The state root that the seal right before has, if the snapshot stands right after a batch that sealed."""
        clock = self.state.get(f.T_CLOCK)
        self.state.put(f.T_CLOCK, (), clock._replace(leaves=clock.leaves - 1))
        root = self.state.root()
        self.state.put(f.T_CLOCK, (), clock)
        return root

    def ledger(self):
        """A ledger that goes on from here."""
        ledger = Ledger(self.head.park, self.genesis, self.signature, check_signatures=False)
        ledger.state, clock = self.state, self.state.get(f.T_CLOCK)
        ledger.time, ledger.term, ledger.sealed_at = clock.time, clock.term, clock.sealed_at
        ledger.unsealed, ledger.leaves, ledger.running = clock.unsealed, clock.leaves, clock.signatures
        ledger.next_gate, ledger.next_settlement = clock.next_gate, clock.next_settlement
        ledger.names = {row.name for row in self.state.rows[f.T_PARTICIPANTS].values()}
        ledger.know_nodes()
        return ledger


def write_snapshot(ledger, genesis, hashes):
    """A ledger's snapshot. `hashes` are those of all leaves so far."""
    clock = f.CLOCK(
        ledger.time,
        ledger.term,
        ledger.next_gate,
        ledger.next_settlement,
        ledger.sealed_at,
        ledger.unsealed,
        ledger.leaves,
        ledger.running,
    )
    ledger.state.put(f.T_CLOCK, (), clock)
    rows = [BYTES.write(key) + BYTES.write(value) for key, value in ledger.state.records()]
    edge, at = [], 0
    for bit in reversed(range(len(hashes).bit_length())):
        if len(hashes) >> bit & 1:
            edge.append(c2sp.tree_hash(hashes[at : at + 2**bit]))
            at += 2**bit
    root = c2sp.tree_hash(hashes)
    head = HEAD(ledger.park, genesis, len(hashes), tuple(edge), root, ledger.state.root(), len(rows))
    data = MAGIC + BYTES.write(HEAD.write(head)) + b"".join(rows)
    return data + sha256(data).digest()


def is_cut(folder):
    """Whether an export begins later than its log."""
    return os.path.exists(os.path.join(folder, "start"))


def read_snapshot(folder):
    """The snapshot of a cut export, from its pieces."""
    pieces = []
    while not pieces or len(pieces[-1]) == PIECE:
        path = "state/%05d" % len(pieces)
        if pieces and not os.path.exists(os.path.join(folder, path)):
            break
        pieces.append(c2sp.read(folder, path, PIECE))
    return Snapshot(b"".join(pieces))


def read_start(folder):
    """The leaf of the seal and its audit path."""
    try:
        return decode(START, c2sp.read(folder, "start", FIELD_LIMIT))
    except Malformed as error:
        raise c2sp.Refused("the start is malformed: %s" % error)


def leads_to_root(start, head):
    """Whether the seal is the last leaf of the snapshot's tree: all of its path stands on the left."""
    zeros = (head.size & -head.size).bit_length() - 1
    if head.size == 0 or len(start.path) != zeros + bin(head.size).count("1") - 1:
        return False
    root = c2sp.leaf_hash(start.leaf)
    for left in start.path:
        root = sha256(b"\1" + left + root).digest()
    return root == head.root


class Tiles:
    """The hash tiles of a cut export, which begin with the bundle that holds its first leaf."""

    def __init__(self, folder, size, first):
        self.size, self.first, self.hashes = size, first, {}  # (level, index) -> hash
        level, count, begin = 0, size, first
        while count:
            for number in range(begin // 256, (count + 255) // 256):
                content = c2sp.read(folder, c2sp.file_path(str(level), number, count), 32 * 256)
                need(len(content) == 32 * min(256, count - number * 256), "a tile is cut")
                for at in range(0, len(content), 32):
                    self.hashes[level, number * 256 + at // 32] = content[at : at + 32]
            level, count, begin = level + 1, count // 256, begin // 256

    def differing(self, hashes):
        """The first entry under each tile that is not that of the leaves, whose hashes begin at the first leaf here."""
        ours, level = {self.first + at: one for at, one in enumerate(hashes)}, 0
        while ours:
            for index, found in ours.items():
                if self.hashes[level, index] != found:
                    yield index // 256 * 256 ** (level + 1)
            there = {index: one for (at, index), one in self.hashes.items() if at == level}
            there.update(ours)
            above = {}
            for number in {index // 256 for index in ours}:
                below = [there.get(number * 256 + at) for at in range(256)]
                if None not in below:
                    above[number] = c2sp.tree_hash(below)
            level, ours = level + 1, above

    def subtree(self, begin, size):
        """The root of a complete subtree of a power of two of leaves."""
        level = (size.bit_length() - 1) // 8
        unit = 256**level
        items = [self.hashes[level, at] for at in range(begin // unit, (begin + size) // unit)]
        return c2sp.tree_hash(items)

    def edge(self, size):
        """The roots of the complete subtrees of the first so many leaves, the largest first."""
        edge, at = [], 0
        for bit in reversed(range(size.bit_length())):
            if size >> bit & 1:
                edge.append(self.subtree(at, 1 << bit))
                at += 1 << bit
        return edge


def grown(edge, size, total, subtree):
    """The root of a tree from the edge of its first leaves; `subtree(begin, length)` gives the complete subtrees of the rest."""
    parts = [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
    parts, at = list(zip(parts, edge)), size
    while at < total:
        length = min(at & -at, 1 << (total - at).bit_length() - 1)
        parts.append((length, subtree(at, length)))
        at += length
        while len(parts) > 1 and parts[-1][0] == parts[-2][0]:
            (length, left), (_, right) = parts[-2:]
            parts[-2:] = [(2 * length, sha256(b"\1" + left + right).digest())]
    return fold_edge([one for _, one in parts])
