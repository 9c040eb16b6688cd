#!/usr/bin/env python3
"""cut_park.py EXPORT OUT ENTRIES: cuts an export at the first seal after so many entries (FORMATS.md, section 13).

The state is the one that the two pages make. Everything else is copied or left out; nothing is signed anew.
"""

import os
import shutil
import sys

from exports import Export
from wattle_verify import c2sp
from wattle_verify import formats as f
from wattle_verify.replay import decode_leaves, read_genesis, replay
from wattle_verify.snapshot import PIECE, START, write_snapshot


def audit_path(hashes):
    """The audit path of the last leaf, from below."""
    if len(hashes) < 2:
        return []
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return audit_path(hashes[left:]) + [c2sp.tree_hash(hashes[:left])]


def cut(folder, target, at_least):
    """Writes the cut export."""
    export = Export(folder)
    seal = export.find(lambda kind, _: kind == f.SEAL_LEAF, at_least)
    leaves = export.leaves[: seal + 1]
    entries = decode_leaves(leaves)
    park, genesis, signature = read_genesis(leaves, entries, export.checkpoint.origin)
    ledger = replay(leaves, entries, park, genesis, signature, lambda *fault: sys.exit("no: %s" % (fault,)))
    hashes = [c2sp.leaf_hash(leaf) for leaf in leaves]
    snapshot = write_snapshot(ledger, entries[0][1], hashes)
    files = {"start": START.write(START(leaves[-1], tuple(audit_path(hashes))))}
    for number, at in enumerate(range(0, len(snapshot), PIECE)):
        files["state/%05d" % number] = snapshot[at : at + PIECE]
    for path, content in files.items():
        path = os.path.join(target, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    size, first = export.checkpoint.size, len(leaves) // c2sp.WIDTH
    for number, path in c2sp.files_of("entries", size):
        if number >= first:
            copy(folder, target, path)
    level, count = 0, size
    while count:
        for number, path in c2sp.files_of(str(level), count):
            if number >= first:
                copy(folder, target, path)
        level, count, first = level + 1, count // c2sp.WIDTH, first // c2sp.WIDTH
    shutil.copy(os.path.join(folder, "checkpoint"), target)
    return len(leaves)


def copy(folder, target, path):
    """Copies a file."""
    os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
    shutil.copy(os.path.join(folder, path), os.path.join(target, path))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print("cut after %d entries" % cut(sys.argv[1], sys.argv[2], int(sys.argv[3])))
