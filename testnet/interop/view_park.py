#!/usr/bin/env python3
"""view_park.py EXPORT PARTICIPANT OUT: one participant's view of a whole export (FORMATS.md, section 14)."""

import os
import shutil
import sys

from exports import Export
from wattle_verify import c2sp
from wattle_verify.replay import decode_leaves, read_genesis
from wattle_verify.view import Owners, divide, is_his


def view(folder, participant, target):
    """Writes the view."""
    export = Export(folder)
    entries = decode_leaves(export.leaves)
    park, genesis, _ = read_genesis(export.leaves, entries, export.checkpoint.origin)
    owners = Owners(entries, park, genesis)
    records = [
        (index, export.leaves[index])
        for index, entry in enumerate(entries)
        if is_his(owners.of_leaf(*entry), participant)
    ]
    parts = divide(records)
    files = {"own/%d" % number: part for number, part in enumerate(parts)}
    files["view"] = b"wattle/view/v0\n%d\n%d\n%d\n" % (participant, len(records), len(parts))
    hashes = [c2sp.leaf_hash(leaf) for leaf in export.leaves]
    files.update((path, content) for path, content, _ in c2sp.tiles_of(hashes))
    for path, content in files.items():
        path = os.path.join(target, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    shutil.copy(os.path.join(folder, "checkpoint"), target)
    return len(records)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print("%d entries" % view(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
