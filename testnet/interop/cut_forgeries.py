#!/usr/bin/env python3
"""cut_forgeries.py CUT OUT: doctored copies of an export that begins later than its log, one folder for each class.

None of these is signed anew: the checkpoint stays what the nodes signed.
"""

import os
import shutil
import sys
from hashlib import sha256

from forgeries import change_file, flip
from wattle_verify import c2sp
from wattle_verify import formats as f
from wattle_verify.codec import BYTES, U8
from wattle_verify.snapshot import HEAD, MAGIC, PIECE, START, fold_edge, read_snapshot, read_start
from wattle_verify.state import group_of

CUT_FORGERIES = []  # name, function, claim that must fail


def forgery(claim):
    """Registers a function that changes a copy."""

    def register(function):
        CUT_FORGERIES.append((function.__name__, function, claim))
        return function

    return register


class Parts:
    """A snapshot in parts that can be changed, and put together again with all that follows from them."""

    def __init__(self, folder):
        self.folder = folder
        snapshot = read_snapshot(folder)
        self.head, self.state = snapshot.head, snapshot.state
        self.rows = self.state.records()

    def change(self, table, key, value):
        """Another value in a row; the head's state root follows."""
        self.state.put(table, key, value)
        record = self.state.record(table, group_of(table, key)[0])
        at = next(at for at, row in enumerate(self.rows) if row[0] == record[0])
        self.rows[at] = record
        self.head = self.head._replace(state_root=self.state.root())

    def write(self):
        """Writes the pieces."""
        shutil.rmtree(os.path.join(self.folder, "state"))
        os.makedirs(os.path.join(self.folder, "state"))
        data = MAGIC + BYTES.write(HEAD.write(self.head._replace(rows=len(self.rows))))
        data += b"".join(BYTES.write(key) + BYTES.write(value) for key, value in self.rows)
        data += sha256(data).digest()
        for number, at in enumerate(range(0, len(data), PIECE)):
            with open(os.path.join(self.folder, "state/%05d" % number), "wb") as file:
                file.write(data[at : at + PIECE])


def rewrite_start(folder, **fields):
    """Another `start`."""
    content = START.write(read_start(folder)._replace(**fields))
    change_file(folder, "start", lambda _: content)


def checkpoint_of(folder):
    """The checkpoint of a copy."""
    return c2sp.parse_checkpoint(c2sp.parse_note(c2sp.read(folder, "checkpoint", c2sp.NOTE_LIMIT)).text)


@forgery("form")
def byte_in_state(folder):
    change_file(folder, "state/00000", lambda content: flip(content, len(content) // 2))


@forgery("form")
def byte_behind_state(folder):
    last = "state/" + sorted(os.listdir(os.path.join(folder, "state")))[-1]
    change_file(folder, last, lambda content: content + b"\0")


@forgery("form")
def missing_start(folder):
    os.remove(os.path.join(folder, "start"))


@forgery("form")
def missing_state(folder):
    shutil.rmtree(os.path.join(folder, "state"))


@forgery("form")
def byte_behind_start(folder):
    change_file(folder, "start", lambda content: content + b"\0")


@forgery("replay")
def richer_account(folder):
    """A balance that nobody's deposits made, with the state root that follows."""
    parts = Parts(folder)
    key = min(key for key in parts.state.rows[f.T_ACCOUNTS] if key[0][0] == f.A_PARTICIPANT)
    row = parts.state.rows[f.T_ACCOUNTS][key]
    parts.change(f.T_ACCOUNTS, key, row._replace(balance=row.balance + 1))
    parts.write()


@forgery("form")
def richer_account_only(folder):
    """The same with the state root of before."""
    parts = Parts(folder)
    head = parts.head
    key = min(key for key in parts.state.rows[f.T_ACCOUNTS] if key[0][0] == f.A_PARTICIPANT)
    row = parts.state.rows[f.T_ACCOUNTS][key]
    parts.change(f.T_ACCOUNTS, key, row._replace(balance=row.balance + 1))
    parts.head = head
    parts.write()


@forgery("replay")
def later_clock(folder):
    parts = Parts(folder)
    clock = parts.state.get(f.T_CLOCK)
    parts.change(f.T_CLOCK, (), clock._replace(next_gate=clock.next_gate + 1))
    parts.write()


@forgery("form")
def clock_of_fewer_leaves(folder):
    parts = Parts(folder)
    clock = parts.state.get(f.T_CLOCK)
    parts.change(f.T_CLOCK, (), clock._replace(leaves=clock.leaves - 1))
    parts.write()


@forgery("replay")
def registrar_missing(folder):
    """The registrar's key is in no row; the state root follows."""
    parts = Parts(folder)
    keys = parts.state.rows[f.T_KEYS].items()
    key = next(key for key, row in keys if row.role[0] == f.REGISTRAR and row.added == 0)
    key_bytes = U8.write(f.T_KEYS) + f.TABLES[f.T_KEYS][0].write(key)
    parts.rows = [row for row in parts.rows if row[0] != key_bytes]
    parts.state.remove(f.T_KEYS, key)
    parts.head = parts.head._replace(state_root=parts.state.root())
    parts.write()


@forgery("form")
def park_account_missing(folder):
    parts = Parts(folder)
    key = ((f.A_GRID, None),)
    key_bytes = U8.write(f.T_ACCOUNTS) + f.TABLES[f.T_ACCOUNTS][0].write(key)
    parts.rows = [row for row in parts.rows if row[0] != key_bytes]
    parts.state.remove(f.T_ACCOUNTS, key)
    parts.head = parts.head._replace(state_root=parts.state.root())
    parts.write()


@forgery("form")
def rows_out_of_order(folder):
    parts = Parts(folder)
    parts.rows[3], parts.rows[4] = parts.rows[4], parts.rows[3]
    parts.write()


@forgery("form")
def row_twice(folder):
    parts = Parts(folder)
    parts.rows.insert(3, parts.rows[3])
    parts.write()


@forgery("form")
def row_of_no_table(folder):
    parts = Parts(folder)
    parts.rows.append((b"\xf0", b""))
    parts.write()


@forgery("form")
def value_with_a_byte_more(folder):
    parts = Parts(folder)
    parts.rows[-1] = (parts.rows[-1][0], parts.rows[-1][1] + b"\0")
    parts.write()


@forgery("form")
def other_edge(folder):
    parts = Parts(folder)
    parts.head = parts.head._replace(edge=(flip(parts.head.edge[0], 0),) + parts.head.edge[1:])
    parts.write()


@forgery("bytes to root")
def other_tree(folder):
    """Another edge with the root that follows."""
    parts = Parts(folder)
    edge = (flip(parts.head.edge[0], 0),) + parts.head.edge[1:]
    parts.head = parts.head._replace(edge=edge, root=fold_edge(edge))
    parts.write()


@forgery("form")
def other_park(folder):
    parts = Parts(folder)
    parts.head = parts.head._replace(park=flip(parts.head.park, 0))
    parts.write()


@forgery("bytes to root")
def other_seal(folder):
    start = read_start(folder)
    rewrite_start(folder, leaf=flip(start.leaf, len(start.leaf) - 1))


@forgery("bytes to root")
def shorter_path(folder):
    rewrite_start(folder, path=read_start(folder).path[1:])


@forgery("bytes to root")
def longer_path(folder):
    rewrite_start(folder, path=read_start(folder).path + (bytes(32),))


@forgery("tiles")
def byte_in_first_tile(folder):
    size = checkpoint_of(folder).size
    last = list(c2sp.files_of("0", size))[-1][1]
    change_file(folder, last, lambda content: flip(content, len(content) - 1))


@forgery("bytes to root")
def byte_in_second_tile(folder):
    """Of a subtree that stands before the seal."""
    size = checkpoint_of(folder).size
    last = list(c2sp.files_of("1", size // 256))[-1][1]
    change_file(folder, last, lambda content: flip(content, 0))


@forgery("form")
def missing_first_tile(folder):
    os.remove(os.path.join(folder, list(c2sp.files_of("0", checkpoint_of(folder).size))[-1][1]))


@forgery("form")
def missing_last_bundle(folder):
    os.remove(os.path.join(folder, list(c2sp.files_of("entries", checkpoint_of(folder).size))[-1][1]))


@forgery("bytes to root")
def byte_in_last_bundle(folder):
    last = list(c2sp.files_of("entries", checkpoint_of(folder).size))[-1][1]
    change_file(folder, last, lambda content: flip(content, len(content) - 1))


@forgery("quorum")
def byte_in_a_cosignature(folder):
    change_file(folder, "checkpoint", lambda content: flip(content, len(content) - 30))


@forgery(None)
def file_too_many(folder):
    with open(os.path.join(folder, "tile", "entries", "999"), "wb") as file:
        file.write(b"\0\1\0")


def main():
    """Makes the copies."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for name, change, _ in CUT_FORGERIES:
        target = os.path.join(sys.argv[2], name)
        shutil.copytree(sys.argv[1], target)
        change(target)
        print(name)


if __name__ == "__main__":
    main()
