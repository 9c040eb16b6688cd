"""What all forgeries share: the list of them, changes of files, and batches that are appended to an export."""

import os
from hashlib import sha256

from exports import Absent, public_bytes, test_key
from wattle_verify import formats as f
from wattle_verify.members import step_hash
from wattle_verify.replay import decode_leaves, make_batch, read_genesis, replay


def change_file(target, path, change):
    """Rewrites one file of a copy."""
    path = os.path.join(target, path)
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(change(content))


def flip(content, place):
    """Content with one bit of one byte changed."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


# Each forgery is registered with the claim that must fail (None: nothing may, the copy is as good as the original) and whether
# the verifiers that only look at C2SP files must see it.
FORGERIES = []


def forgery(claim, by_files, sign=False):
    """Registers a function that writes a doctored copy; `sign` says that it needs the nodes' keys."""

    def register(function, name=None):
        FORGERIES.append((name or function.__name__, function, claim, by_files, sign))
        return function

    return register


class Sequel:
    """What comes after an export's last seal: batches that are signed by a recording's node."""

    def __init__(self, export):
        self.export = export
        entries = decode_leaves(export.leaves)
        self.park, self.genesis, signature = read_genesis(export.leaves, entries, export.checkpoint.origin)
        if self.genesis.registrar != public_bytes(test_key("registrar")):
            raise Absent("the registrar's key is not a recording's")
        self.ledger = replay(export.leaves, entries, self.park, self.genesis, signature, lambda *_: None)
        self.leaves = list(export.leaves)
        self.time = self.ledger.time

    def event(self, label, action, ahead=1, park=None):
        """A signed event; `ahead` is how far its sequence lies beyond the last recorded one."""
        author = public_bytes(test_key(label))
        record = self.ledger.state.get(f.T_KEYS, author)
        body = f.EVENT.write(
            f.EVENT(0, author, (record.sequence if record else 0) + ahead, self.time, action)
        )
        return body + test_key(label).sign(b"wattle/event/v0\n" + (park or self.park) + body)

    def batch(self, events, header=None, forced=(), extra=()):
        """Appends a batch a minute later. Events at the places in `forced` are recorded as done against the rules; leaves in
        `extra` stand before the seal; fields in `header` replace the header's."""
        self.time += 60_000
        hashes = [sha256(event).digest() for event in events]
        digest = sha256(b"wattle/events/v0\n" + b"".join(hashes)).digest()
        signed, bent = self.header(digest, **(header or {}))
        honest = [(None if place in forced else event, hashes[place]) for place, event in enumerate(events)]
        at = len(self.leaves)
        made, drops = make_batch(self.ledger, signed, bent, honest)
        drops = tuple(one for one in drops if one.place not in forced)
        recorded = [f.ENTRY.write((f.EVENT_LEAF, (events[place], (0,)))) for place in forced]
        made = made[:-1] + recorded + list(extra) + made[-1:]
        self.leaves += [f.ENTRY.write((f.BATCH_LEAF, (signed, drops)))] + made
        return at

    def header(self, digest, **bent):
        """A header over a hash by a node that votes, as bytes and as fields, of which some may be bent."""
        fields = {"version": 0, "park": self.park, "node": self.ledger.membership().voters[0]}
        fields.update(term=self.ledger.term, time=self.time, events=digest)
        fields.update(bent)
        key = test_key("node %d Batch" % fields["node"])
        body = f.HEADER.write(f.HEADER(**fields))
        return body + key.sign(b"wattle/batch/v0\n" + body), f.HEADER(**fields)

    def step(self, step, signed_step=None, drops=()):
        """Appends a step a minute later, wanted or not; its leader may have signed another."""
        self.time += 60_000
        signed, header = self.header(step_hash(signed_step or step))
        at = len(self.leaves)
        made = self.ledger.take_step(signed, header, step)
        self.leaves += [f.ENTRY.write((f.BATCH_LEAF, (signed, drops)))] + made
        return at

    def write(self, target):
        """Writes the longer export."""
        self.export.write(target, self.leaves)
