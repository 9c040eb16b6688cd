#!/usr/bin/env python3
"""view_verify.py VIEW POLICY: does one participant's view stand in the log that the nodes of YOUR policy signed?

FORMATS.md, section 14: signatures and quorum, the tree from its hash tiles, each leaf at its place, whose it is, by whom it is
signed, that the participant's own keys miss no event between, and that his settlements are there and rest on his fills. Exit status: 0 all that holds, 5 it does not, 2 the call is wrong.
"""

import os
import re
import sys

from wattle_verify import c2sp
from wattle_verify import formats as f
from wattle_verify.authors import check_authors
from wattle_verify.claims import Report, check_signatures
from wattle_verify.codec import Malformed, decode, decode_start
from wattle_verify.replay import Stop, decode_leaves, read_genesis
from wattle_verify.view import PART_LIMIT, Owners, divide, is_his, read_records


def need(condition, reason, entry=None, claim="form"):
    """Stops unless a condition holds."""
    if not condition:
        raise Stop(claim, entry, reason)


def records_of(folder, size):
    """Participant and records of a view."""
    head = re.fullmatch(
        rb"wattle/view/v0\n(0|[1-9][0-9]{0,9})\n([1-9][0-9]{0,12})\n([1-9][0-9]{0,6})\n",
        c2sp.read(folder, "view", 100),
    )
    need(head, "the file `view` has not its form")
    participant, count, parts = map(int, head.groups())
    found = [c2sp.read(folder, "own/%d" % number, PART_LIMIT) for number in range(parts)]
    records = [record for part in found for record in read_records(part)]
    indices = [index for index, _ in records]
    need(len(records) == count, "the view does not hold as many leaves as it says")
    need(indices == sorted(set(indices)) and indices[0] == 0 and indices[-1] < size, "the places are wrong")
    need(divide(records) == found, "the parts end elsewhere")
    return participant, records


def tiles_of(folder, checkpoint):
    """The hashes of all leaves; every tile above them is that of the tiles below."""
    hashes = []
    for _, path in c2sp.files_of("0", checkpoint.size):
        content = c2sp.read(folder, path, 32 * c2sp.WIDTH)
        hashes += [content[at : at + 32] for at in range(0, len(content), 32)]
    need(len(hashes) == checkpoint.size, "the tiles hold other hashes than the size says")
    need(c2sp.tree_hash(hashes) == checkpoint.root, "the hashes do not give the root", None, "bytes to root")
    for path, content, first in c2sp.tiles_of(hashes):
        need(c2sp.read(folder, path, 32 * c2sp.WIDTH) == content, path + " is wrong", first, "tiles")
    return hashes


def check_keys(events, whole, fail):
    """A key's events: 1, 2, 3 … where the view should have them all, otherwise never a step back."""
    last = {}
    for at, author, sequence in events:
        before = last.get(author, 0)
        if sequence <= before or (sequence != before + 1 and whole(author)):
            fail("sequences", at, "key %s goes from %d to %d" % (author.hex(), before, sequence))
        last[author] = sequence
    return last


class Sums:
    """What a view's leaves show by themselves: each settlement is there, rests on the fills, and its lines sum to its credit."""

    def __init__(self, participant, fail):
        self.participant, self.fail = participant, fail
        self.points, self.ends = {}, {}  # his points' first intervals; the first without them
        self.traded = {}  # (point, interval) -> sold less bought, and cash
        self.settled = set()

    def event(self, signed, outcome):
        """Points begin and end."""
        number, action = decode(f.EVENT, signed[:-64]).action
        if tuple(outcome) != (0,):
            return
        if number == f.REGISTER_POINT and action.participant == self.participant:
            self.points[action.id] = action.start
        elif number == f.END_POINT:
            self.ends[action[0]] = action[1]

    def fill(self, point, interval, side, quantity, price):
        """Energy that an order or a bundle has sold or bought."""
        sign = 1 if side == f.SELL else -1
        energy, cash = self.traded.get((point, interval), (0, 0))
        self.traded[point, interval] = (energy + sign * quantity, cash + sign * quantity * price)

    def fact(self, at, number, fact):
        """A derived leaf."""
        if number in (f.ORDER_CLOSED, f.ORDER_MATCHED, f.JOINT_FILLED) and fact[2]:
            self.fill(fact[1].point, fact[1].interval, fact[1].side, fact[2], fact[3])
        elif number == f.BUNDLE_CLOSED and fact.state == f.ACCEPTED:
            for leg, price in zip(fact.legs, fact.prices):
                self.fill(fact.point, leg.interval, leg.side, leg.quantity, price)
        elif number == f.POINT_SETTLED:
            self.settled.add((fact.point, fact.interval))
            forward = sum(amount for kind, amount in fact.postings if kind == f.FORWARD)
            if (fact.line.contracted, forward) != self.traded.get((fact.point, fact.interval), (0, 0)):
                self.fail("trades", at, "point %d has other fills than its settlement" % fact.point)
            if sum(amount for _, amount in fact.postings) != fact.line.credit:
                self.fail("journal", at, "the lines of point %d do not sum to its credit" % fact.point)
        elif number == f.INTERVAL_SETTLED and fact.run == f.INITIAL:
            for point, start in self.points.items():
                there = start <= fact.interval < self.ends.get(point, 2**64)
                if there and (point, fact.interval) not in self.settled:
                    self.fail("settlement", at, "point %d is not settled" % point)


def verify(folder, policy, report):
    """Verifies a view; gives the last sequences of the participant's keys."""
    note = c2sp.parse_note(c2sp.read(folder, "checkpoint", c2sp.NOTE_LIMIT))
    checkpoint = c2sp.parse_checkpoint(note.text)
    check_signatures(note, checkpoint, policy, report)
    hashes = tiles_of(folder, checkpoint)
    participant, records = records_of(folder, checkpoint.size)
    for index, leaf in records:
        need(c2sp.leaf_hash(leaf) == hashes[index], "the leaf is another", index, "bytes to root")
    entries = [(f.UNREAD_LEAF, None)] * checkpoint.size
    for index, leaf in records:
        entries[index] = decode_leaves([leaf], index)[0]
    park, genesis, _ = read_genesis([records[0][1]], entries[:1], checkpoint.origin)
    owners = Owners([entries[index] for index, _ in records], park, genesis)
    for index, _ in records:
        need(is_his(owners.of_leaf(*entries[index]), participant), "the leaf is somebody else's", index)

    def not_sequences(claim, *fault):
        if claim != "sequences":  # of others' keys a view has not all
            report.fail(claim, *fault)

    def whole(author):
        role, who = owners.roles.get(author, (None, None))
        if role == f.METER_ROLE:
            return owners.of_meter(who) == {participant}
        return role in (f.TENANT, f.DELEGATE_ROLE) and who == participant

    check_authors(entries, park, genesis, not_sequences)
    sums = Sums(participant, report.fail)
    for index, (kind, fields) in ((index, entries[index]) for index, _ in records):
        if kind == f.EVENT_LEAF:
            sums.event(*fields)
        elif kind == f.DERIVED_LEAF:
            sums.fact(index, *fields[2])
    own = [(index, entries[index]) for index, _ in records if entries[index][0] == f.EVENT_LEAF]
    heads = [(index, decode_start(f.EVENT_HEAD, fields[0])) for index, (_, fields) in own]
    events = [(index, head.author, head.sequence) for index, head in heads]
    last = check_keys(events, whole, report.fail)
    return participant, {key: sequence for key, sequence in last.items() if whole(key)}


def main():
    """Reads the arguments, verifies, prints."""
    if len(sys.argv) != 3 or not os.path.isdir(sys.argv[1]):
        print(__doc__, file=sys.stderr)
        return 2
    report, own = Report(), {}
    try:
        with open(sys.argv[2], "rb") as file:
            policy = c2sp.parse_policy(file.read())
        participant, own = verify(sys.argv[1], policy, report)
    except Stop as stop:
        report.fail(stop.claim, stop.entry, stop.reason)
    except (c2sp.Refused, Malformed, OSError) as error:
        report.fail("form", None, str(error))
    for claim, (entry, reason) in report.failed.items():
        print("FAILED %s %s%s" % (claim, "" if entry is None else "entry %d: " % entry, reason))
    if report.failed:
        return 5
    print("ok: participant %d. His keys' events, of which he knows whether there are more:" % participant)
    for key, sequence in sorted(own.items()):
        print("  %s 1 to %d" % (key.hex(), sequence))
    return 0


if __name__ == "__main__":
    sys.exit(main())
