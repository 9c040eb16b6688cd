"""The state: its tables and the trie over their rows (FORMATS.md, section 8)."""

from bisect import bisect_left, bisect_right, insort
from hashlib import sha256

from . import formats as f
from .codec import U8, Malformed, decode

EMPTY = bytes(32)
# Tables of which the row at, before or after an interval is looked for; the interval is the last part of the key.
ORDERED = (
    f.T_TARIFFS,
    f.T_TERMS,
    f.T_FACTORS,
    f.T_READINGS,
    f.T_BOUNDS,
    f.T_BREAKS,
    f.T_ASSIGNMENTS,
    f.T_MODES,
    f.T_POLICIES,
    f.T_LOTS,
    f.T_MONTH_TERMS,
)


class _Leaf:
    """A subtree with exactly one row."""

    __slots__ = ("path", "hash")

    def __init__(self, path, value):
        self.path = int.from_bytes(path, "big")
        self.hash = sha256(b"\2" + path + sha256(value).digest()).digest()


class _Inner:
    """A subtree with several rows; its hash is computed when somebody asks."""

    __slots__ = ("left", "right", "hash")

    def __init__(self, left, right):
        self.left, self.right, self.hash = left, right, None


def _insert(node, depth, leaf):
    if node is None:
        return leaf
    if type(node) is _Leaf:
        if node.path == leaf.path:
            return leaf
        node = _insert(_Inner(None, None), depth, node)
    if leaf.path >> (255 - depth) & 1:
        node.right = _insert(node.right, depth + 1, leaf)
    else:
        node.left = _insert(node.left, depth + 1, leaf)
    node.hash = None
    return node


def _remove(node, depth, path):
    if node is None:
        return None
    if type(node) is _Leaf:
        return None if node.path == path else node
    if path >> (255 - depth) & 1:
        node.right = _remove(node.right, depth + 1, path)
    else:
        node.left = _remove(node.left, depth + 1, path)
    node.hash = None
    for only, other in ((node.left, node.right), (node.right, node.left)):
        if other is None and (only is None or type(only) is _Leaf):
            return only
    return node


def _hash(node):
    if node is None:
        return EMPTY
    if node.hash is None:
        node.hash = sha256(b"\3" + _hash(node.left) + _hash(node.right)).digest()
    return node.hash


def group_of(table, key):
    """The group of a row's key, and its place there; a row of a table without groups is one by itself."""
    if table not in f.GROUPED:
        return key, None
    together = f.GROUPED[table][1]
    return (*key[:-1], key[-1] // together), key[-1] % together


class State:
    """All rows, a few indexes over them, and the trie, which is brought up to date when a root is wanted."""

    def __init__(self):
        self.rows = {table: {} for table in f.TABLES}
        self.places = {}  # (table, group) -> its places that have rows
        self.trie = None
        self.dirty = set()
        self.starts = {}  # (table, prefix of the key) -> sorted last parts of the key
        self.orders_by_interval = {}
        self.orders_by_participant = {}
        self.order_intervals = {}

    def get(self, table, *key):
        """The row's value, or None."""
        return self.rows[table].get(key)

    def put(self, table, key, value):
        """Writes a row."""
        group, place = group_of(table, key)
        if key not in self.rows[table]:
            self._index(table, key, value, True)
            self.places.setdefault((table, group), set()).add(place)
        self.rows[table][key] = value
        self.dirty.add((table, group))

    def drop(self, table, *key):
        """Removes a row if it is there."""
        if key in self.rows[table]:
            self.remove(table, key)

    def remove(self, table, key):
        """Removes a row that is there."""
        value = self.rows[table].pop(key)
        self._index(table, key, value, False)
        group, place = group_of(table, key)
        self.places[table, group].remove(place)
        if not self.places[table, group]:
            del self.places[table, group]
        self.dirty.add((table, group))
        return value

    def record(self, table, group):
        """Key bytes and value bytes of a group of rows; no value bytes without rows."""
        key_codec, value_codec = f.TABLES[table]
        places = sorted(self.places.get((table, group), ()), key=lambda place: place or 0)
        if table not in f.GROUPED:
            key = U8.write(table) + key_codec.write(group)
            return key, value_codec.write(self.rows[table][group]) if places else None
        group_codec, together = f.GROUPED[table]
        rows = [(at, self.rows[table][(*group[:-1], group[-1] * together + at)]) for at in places]
        key = U8.write(table) + group_codec.write(group)
        return key, f.members(value_codec).write(tuple(rows)) if rows else None

    def records(self):
        """All groups as key bytes and value bytes, in order."""
        return [self.record(table, group) for table, group in sorted(self.places)]

    def read_record(self, key_bytes, value_bytes):
        """Takes in what `record` gives, and says what it is ordered by."""
        table = key_bytes[0]
        key_codec, value_codec = f.TABLES[table]
        if table not in f.GROUPED:
            key = decode(key_codec, key_bytes[1:])
            self.put(table, key, decode(value_codec, value_bytes))
            return table, key
        group_codec, together = f.GROUPED[table]
        group, rows = decode(group_codec, key_bytes[1:]), decode(f.members(value_codec), value_bytes)
        places = [place for place, _ in rows]
        if not rows or places != sorted(set(places)) or places[-1] >= together:
            raise Malformed("the places of a group are not those of rows")
        for place, value in rows:
            key = (*group[:-1], group[-1] * together + place)
            try:
                key_codec.write(key)
            except OverflowError:
                raise Malformed("a group that no row has") from None
            self.put(table, key, value)
        return table, group

    def _index(self, table, key, value, added):
        if table in ORDERED:
            starts = self.starts.setdefault((table, key[:-1]), [])
            if added:
                insort(starts, key[-1])
            else:
                del starts[bisect_left(starts, key[-1])]
        elif table == f.T_ORDERS:
            interval, order = key
            here = self.orders_by_interval.setdefault(interval, set())
            if added:
                here.add(order)
                self.order_intervals[order] = interval
            else:
                here.remove(order)
                del self.order_intervals[order]
            count = self.orders_by_participant.get(value.participant, 0)
            self.orders_by_participant[value.participant] = count + (1 if added else -1)

    def at_or_before(self, table, *key):
        """The last part of the latest row at or before a key, or None."""
        starts = self.starts.get((table, key[:-1]), [])
        place = bisect_right(starts, key[-1])
        return starts[place - 1] if place else None

    def at_or_after(self, table, *key):
        """The last part of the earliest row at or after a key, or None."""
        starts = self.starts.get((table, key[:-1]), [])
        place = bisect_left(starts, key[-1])
        return starts[place] if place < len(starts) else None

    def in_force(self, table, *key):
        """The value of the row with the latest start at or before a key's last part, or None."""
        start = self.at_or_before(table, *key)
        return None if start is None else self.rows[table][key[:-1] + (start,)]

    def root(self):
        """The state root."""
        for table, group in self.dirty:
            key, value = self.record(table, group)
            path = sha256(key).digest()
            if value is not None:
                self.trie = _insert(self.trie, 0, _Leaf(path, value))
            else:
                self.trie = _remove(self.trie, 0, int.from_bytes(path, "big"))
        self.dirty.clear()
        return _hash(self.trie)
