#!/usr/bin/env python3
"""doctor.py EXPORT POLICY OUT: makes doctored copies of an export, one folder for each class of forgery.

Classes that need the nodes' signatures again use the keys of the project's own recordings, which anybody can derive: they are
test keys, SHA-256("wattle/testnet/key/v0\\n" + 32 zero bytes + label). A real park's export cannot be doctored that way.
"""

import argparse
import os
import sys
from hashlib import sha256

import step_forgeries
from exports import Absent, Export, public_bytes, signature_line, test_key
from forgeries import FORGERIES, Sequel, change_file, flip, forgery
from wattle_verify import c2sp
from wattle_verify import formats as f
from wattle_verify.codec import U32, decode


# Forgeries of files, which the signatures or the hashes show.


@forgery("bytes to root", by_files=True)
def byte_in_bundle(export, target):
    export.copy(target)
    middle = c2sp.file_path("entries", len(export.leaves) // 512, len(export.leaves))
    change_file(target, middle, lambda content: flip(content, len(content) // 2))


@forgery("tiles", by_files=True)
def byte_in_tile(export, target):
    export.copy(target)
    middle = c2sp.file_path("0", len(export.leaves) // 512, len(export.leaves))
    change_file(target, middle, lambda content: flip(content, len(content) // 2))


@forgery("bytes to root", by_files=True)
def byte_in_root(export, target):
    export.copy(target)
    root = export.note.text.split("\n")[2]
    other = ("B" if root[0] == "A" else "A") + root[1:]
    change_file(target, "checkpoint", lambda content: content.replace(root.encode(), other.encode(), 1))


@forgery("quorum", by_files=True)
def byte_in_cosignature(export, target):
    export.copy(target)
    change_file(target, "checkpoint", lambda content: flip(content, len(content) - 30))


@forgery("log signatures", by_files=True)
def byte_in_log_signature(export, target):
    export.copy(target)
    first_line = len(export.note.text.encode()) + 1
    change_file(target, "checkpoint", lambda content: flip(content, content.index(b"\n", first_line) - 30))


@forgery("form", by_files=True)
def missing_file(export, target):
    export.copy(target)
    os.remove(os.path.join(target, c2sp.file_path("entries", 1, len(export.leaves))))


@forgery("form", by_files=True)
def missing_tile(export, target):
    export.copy(target)
    os.remove(os.path.join(target, c2sp.file_path("0", 1, len(export.leaves))))


@forgery("form", by_files=True)
def missing_checkpoint(export, target):
    export.copy(target)
    os.remove(os.path.join(target, "checkpoint"))


@forgery(None, by_files=False)
def extra_file(export, target):
    export.copy(target)
    with open(os.path.join(target, "tile", "entries", "999"), "wb") as file:
        file.write(b"\0\1\0")


@forgery(None, by_files=False)
def extra_file_beside(export, target):
    export.copy(target)
    with open(os.path.join(target, "README"), "w", encoding="utf-8") as file:
        file.write("Trust me.\n")


@forgery("form", by_files=True)
def cut_bundle(export, target):
    export.copy(target)
    last = list(c2sp.files_of("entries", len(export.leaves)))[-1][1]
    change_file(target, last, lambda content: content[:-1])


@forgery("quorum", by_files=True)
def removed_cosignatures(export, target):
    export.copy(target)
    lines = export.note.text.encode() + b"\n"

    def strip(content):
        rest = content[len(lines) :].splitlines(keepends=True)
        return lines + b"".join(line for line in rest if b"/node/" not in line)

    change_file(target, "checkpoint", strip)


@forgery("log signatures", by_files=True)
def removed_log_signatures(export, target):
    export.copy(target)
    lines = export.note.text.encode() + b"\n"

    def strip(content):
        rest = content[len(lines) :].splitlines(keepends=True)
        return lines + b"".join(line for line in rest if b"/node/" in line)

    change_file(target, "checkpoint", strip)


@forgery("form", by_files=False)
def unknown_signer(export, target):
    """Harmless: a signature of a key that the policy does not name is passed over."""
    export.copy(target)
    key = test_key("nobody that a policy names")
    line = signature_line("nobody.example", b"\1", key, key.sign(export.note.text.encode()))
    change_file(target, "checkpoint", lambda content: content + line.encode())


@forgery("form", by_files=True, sign=True)
def huge_size(export, target):
    export.copy(target)
    lines = export.note.text.split("\n")
    lines[1] = str(2**63)
    change_file(target, "checkpoint", lambda _: export.sign("\n".join(lines)))


@forgery("form", by_files=True, sign=True)
def size_below_limit(export, target):
    export.copy(target)
    lines = export.note.text.split("\n")
    lines[1] = str(2**40)
    change_file(target, "checkpoint", lambda _: export.sign("\n".join(lines)))


@forgery("form", by_files=True, sign=True)
def extension_line(export, target):
    export.copy(target)
    change_file(target, "checkpoint", lambda _: export.sign(export.note.text + "and a fourth line\n"))


# Forgeries by all nodes together: everything is hashed and signed again, so only replay shows them.


@forgery("sequences", by_files=False, sign=True)
def dropped_entry(export, target):
    at = export.find(lambda kind, _: kind == f.EVENT_LEAF, len(export.leaves) // 2)
    export.write(target, export.leaves[:at] + export.leaves[at + 1 :])


@forgery("trades", by_files=False, sign=True)
def dropped_derived(export, target):
    at = export.find_fact(f.ORDER_CLOSED, len(export.leaves) // 2)
    export.write(target, export.leaves[:at] + export.leaves[at + 1 :])


@forgery("sequences", by_files=False, sign=True)
def duplicated_entry(export, target):
    at = export.find(lambda kind, _: kind == f.EVENT_LEAF, len(export.leaves) // 2)
    export.write(target, export.leaves[: at + 1] + export.leaves[at:])


@forgery("replay", by_files=False, sign=True)
def reordered_entries(export, target):
    leaves = list(export.leaves)
    at = export.find(lambda kind, _: kind == f.EVENT_LEAF, len(leaves) // 2)
    while decode(f.ENTRY, leaves[at + 1])[0] != f.EVENT_LEAF:
        at = export.find(lambda kind, _: kind == f.EVENT_LEAF, at + 1)
    leaves[at], leaves[at + 1] = leaves[at + 1], leaves[at]
    export.write(target, leaves)


@forgery("replay", by_files=False, sign=True)
def truncated_after_event(export, target):
    at = export.find(lambda kind, _: kind == f.EVENT_LEAF, len(export.leaves) * 3 // 4)
    export.write(target, export.leaves[: at + 1])


@forgery("replay", by_files=False, sign=True)
def truncated_before_derived(export, target):
    at = export.find_fact(f.POINT_SETTLED, len(export.leaves) * 3 // 4)
    export.write(target, export.leaves[: at + 1])


@forgery(None, by_files=False, sign=True)
def old_head(export, target):
    """Not to be told from an export made earlier: whole up to a seal. Every claim holds; only freshness could object."""
    at = export.find(lambda kind, _: kind == f.SEAL_LEAF, len(export.leaves) // 2)
    export.write(target, export.leaves[: at + 1])


def _change_leaf(number, change):
    """A doctor that changes the first fact of a number in the second half of the log of which `change` makes another."""

    def doctor(export, target):
        at = 0 if number >= f.POINT_ADJUSTED else len(export.leaves) // 2
        while True:
            at = export.find_fact(number, at)
            kind, (concerns, blind, fact) = decode(f.ENTRY, export.leaves[at])
            changed = change(fact[1])
            if changed is not None:
                break
            at += 1
        leaves = list(export.leaves)
        leaves[at] = f.ENTRY.write((kind, (concerns, blind, (number, changed))))
        export.write(target, leaves)

    return doctor


def _one_posting_more(fact):
    if not fact.postings:
        return None
    kind, amount = fact.postings[0]
    return fact._replace(postings=((kind, amount + 1),) + fact.postings[1:])


def _dearer(fact):
    return None if fact[1] is None else (fact[0], fact[1] + 1) + fact[2:]


def _dearer_pool(fact):
    return None if fact.pool_price is None else fact._replace(pool_price=fact.pool_price + 1)


for _name, _claim, _number, _change in (
    ("changed_clearing_price", "trades", f.INTERVAL_CLEARED, _dearer),
    ("changed_fill", "trades", f.ORDER_CLOSED, lambda fact: fact[:2] + (fact[2] + 1,) + fact[3:]),
    ("changed_posting", "journal", f.POINT_SETTLED, _one_posting_more),
    (
        "changed_line",
        "energy balance",
        f.POINT_SETTLED,
        lambda fact: fact._replace(line=fact.line._replace(net=fact.line.net + 1)),
    ),
    ("changed_pool_price", "settlement", f.INTERVAL_SETTLED, _dearer_pool),
    (
        "changed_certificate",
        "certificates",
        f.CERTIFICATE_ISSUED,
        lambda fact: fact[:2] + (fact[2]._replace(held=fact[2].held + 1, sent=fact[2].sent - 1),),
    ),
    ("changed_delivery", "certificates", f.CERTIFICATE_DELIVERED, lambda fact: fact[:3] + (fact[3] + 1,)),
):
    forgery(_claim, by_files=False, sign=True)(_change_leaf(_number, _change), _name)


# The same of what the later rules leave (RULES.md, sections 7, 9 and 13).


def _one_of(fact, **changes):
    """A fact with some fields that are one greater."""
    return fact._replace(**{name: getattr(fact, name) + more for name, more in changes.items()})


def _other_place(place):
    """A change of a fact that is a plain tuple: one place of it becomes one greater."""
    return lambda fact: fact[:place] + (fact[place] + 1,) + fact[place + 1 :]


def _lighter(fact):
    return fact._replace(line=_one_of(fact.line, net=-1))


def _no_before(fact):
    return None if fact.before is None else fact._replace(before=None)


def _no_postings(fact):
    return fact._replace(postings=()) if fact.postings else None


def _more_held(fact):
    return fact[:3] + (_one_of(fact[3], held=1, sent=-1),)


def _dearer_day(fact):
    return None if fact[3].price is None else fact[:3] + (fact[3]._replace(price=fact[3].price + 1),)


def _more_released(fact):
    number, (*name, quantity) = fact
    return (number, (*name, quantity + 1)) if number == f.RELEASED else None


LATER = {}  # name of such a forgery -> number of its fact
for _name, _claim, _number, _change in (
    ("adjusted_posting", "journal", f.POINT_ADJUSTED, _one_posting_more),
    ("adjusted_line", "energy balance", f.POINT_ADJUSTED, _lighter),
    ("adjusted_from_nothing", "settlement", f.POINT_ADJUSTED, _no_before),
    ("adjusted_interval", "journal", f.INTERVAL_ADJUSTED, _no_postings),
    ("adjusted_pool_price", "settlement", f.INTERVAL_ADJUSTED, _dearer_pool),
    ("adjusted_certificate", "certificates", f.CERTIFICATE_ADJUSTED, _more_held),
    ("adjusted_delivery", "certificates", f.DELIVERY_ADJUSTED, _other_place(4)),
    ("invented_run_held", "settlement", f.RUN_HELD, lambda fact: fact[:2] + ("because",)),
    ("month_of_more", "settlement", f.MONTH_CLOSED, lambda fact: _one_of(fact, adjusted=1)),
    ("corrected_otherwise", "replay", f.READING_CORRECTED, _other_place(3)),
    ("frozen_for_nothing", "replay", f.KEY_FROZEN, _other_place(4)),
    ("missed_by_more", "trades", f.MINIMUM_MISSED, _other_place(3)),
    ("halted_with_more", "trades", f.AUCTION_HALTED, _other_place(1)),
    ("cancelled_more", "trades", f.ORDERS_CANCELLED, _other_place(0)),
    ("restarted_elsewhere", "replay", f.REGISTER_RESTARTED, _other_place(3)),
    ("dearer_day", "trades", f.DAY_PRICED, _dearer_day),
    ("released_more", "certificates", f.CERTIFICATE, _more_released),
    ("matched_more", "trades", f.ORDER_MATCHED, _other_place(2)),
    ("continuous_with_more", "trades", f.CONTINUOUS_CLOSED, _other_place(1)),
    ("invoiced_more", "journal", f.MONTH_INVOICED, lambda fact: _one_of(fact, gross=1)),
    ("balanced_otherwise", "journal", f.MONTH_BALANCED, lambda fact: _one_of(fact, collected=1)),
    ("residue_of_more", "journal", f.RESIDUE_MOVED, lambda fact: fact + 1),
    ("joint_with_more", "trades", f.JOINT_CLEARED, lambda fact: _one_of(fact, rejected=1, rounds=1)),
    ("bundle_with_more", "trades", f.BUNDLE_CLOSED, lambda fact: _one_of(fact, limit=1)),
    ("filled_jointly_by_more", "trades", f.JOINT_FILLED, _other_place(2)),
):
    forgery(_claim, by_files=False, sign=True)(_change_leaf(_number, _change), _name)
    LATER[_name] = _number


@forgery("journal", by_files=False, sign=True)
def changed_funds(export, target):
    at = export.find_fact(f.FUNDS_MOVED)
    kind, (concerns, blind, (number, amount)) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (concerns, blind, (number, amount * 2))))
    export.write(target, leaves)


@forgery("certificates", by_files=False, sign=True)
def twice_claimed_certificate(export, target):
    at = export.find_fact(f.CERTIFICATE_ISSUED, len(export.leaves) // 2)
    export.write(target, export.leaves[: at + 1] + export.leaves[at:])


@forgery("replay", by_files=False, sign=True)
def wrong_blind(export, target):
    at = export.find_fact(f.POINT_SETTLED, len(export.leaves) // 2)
    kind, (concerns, blind, fact) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (concerns, flip(blind, 0), fact)))
    export.write(target, leaves)


@forgery("replay", by_files=False, sign=True)
def wrong_state_root(export, target):
    at = export.find(lambda kind, _: kind == f.SEAL_LEAF, len(export.leaves) // 2)
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((f.SEAL_LEAF, flip(decode(f.ENTRY, leaves[at])[1], 7)))
    export.write(target, leaves)


@forgery("replay", by_files=False, sign=True)
def missing_seal(export, target):
    at = export.find(lambda kind, _: kind == f.SEAL_LEAF, len(export.leaves) // 2)
    export.write(target, export.leaves[:at] + export.leaves[at + 1 :])


@forgery("replay", by_files=False, sign=True)
def wrong_outcome(export, target):
    at = export.find(lambda kind, _: kind == f.EVENT_LEAF, len(export.leaves) // 2)
    kind, (signed, outcome) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (signed, (outcome[0] ^ 200,) + outcome[1:])))
    export.write(target, leaves)


def _change_event(export, target, change):
    """Changes an event's bytes in the second half of the log."""
    at = export.find(lambda kind, _: kind == f.EVENT_LEAF, len(export.leaves) // 2)
    kind, (signed, outcome) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (change(signed), outcome)))
    export.write(target, leaves)


@forgery("author signatures", by_files=False, sign=True)
def byte_in_event_signature(export, target):
    _change_event(export, target, lambda signed: flip(signed, len(signed) - 20))


@forgery("author signatures", by_files=False, sign=True)
def byte_in_event(export, target):
    _change_event(export, target, lambda signed: flip(signed, len(signed) - 70))


@forgery("author signatures", by_files=False, sign=True)
def byte_in_header_signature(export, target):
    at = export.find(lambda kind, _: kind == f.BATCH_LEAF, len(export.leaves) // 2)
    kind, (signed, dropped) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (flip(signed, len(signed) - 20), dropped)))
    export.write(target, leaves)


@forgery("replay", by_files=False, sign=True)
def invented_drop(export, target):
    """A drop beyond the batch's end."""
    at = export.find(lambda kind, _: kind == f.BATCH_LEAF, len(export.leaves) // 2)
    kind, (signed, dropped) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (signed, dropped + (f.DROPPED(1000, bytes(32)),))))
    export.write(target, leaves)


@forgery("sequences", by_files=False, sign=True)
def event_as_drop(export, target):
    """An event is said to have been dropped, under the hash that the leader signed."""
    at = export.find(lambda kind, _: kind == f.EVENT_LEAF, len(export.leaves) // 2)
    start = max(i for i in range(at) if decode(f.ENTRY, export.leaves[i])[0] == f.BATCH_LEAF)
    events = [i for i in range(start, at) if decode(f.ENTRY, export.leaves[i])[0] == f.EVENT_LEAF]
    kind, (signed, dropped) = decode(f.ENTRY, export.leaves[start])
    if dropped:
        raise Absent("the batch drops events already")
    leaves = list(export.leaves)
    lost = sha256(decode(f.ENTRY, leaves[at])[1][0]).digest()
    leaves[start] = f.ENTRY.write((kind, (signed, (f.DROPPED(len(events), lost),))))
    export.write(target, leaves[:at] + leaves[at + 1 :])


@forgery("form", by_files=False, sign=True)
def garbage_entry(export, target):
    leaves = list(export.leaves)
    leaves[len(leaves) // 2] = b"\xff" * 40
    export.write(target, leaves)


# A rule that is not known yet: the project's audit, which knows all, says that it is no entry; full_verify.py cannot tell.
UNKNOWN = ("unknown_fact", "unknown_action")


@forgery("form", by_files=False, sign=True)
def unknown_fact(export, target):
    at = export.find(lambda kind, _: kind == f.DERIVED_LEAF, len(export.leaves) // 2)
    leaf = export.leaves[at]
    number = leaf.index(f.HASH.write(decode(f.ENTRY, leaf)[1][1])) + 32
    leaves = list(export.leaves)
    leaves[at] = leaf[:number] + U32.write(900) + leaf[number + 4 :]
    export.write(target, leaves)


@forgery("form", by_files=False, sign=True)
def unknown_action(export, target):
    """Recorded as done by the registrar, whose signature holds."""
    sequel = Sequel(export)
    known = sequel.event("registrar", (f.LIFT_FREEZE, bytes(32)))[:-64]
    body = known[:-36] + U32.write(900) + known[-32:]
    signed = body + test_key("registrar").sign(b"wattle/event/v0\n" + sequel.park + body)
    sequel.batch([signed], forced=(0,))
    sequel.write(target)


@forgery("form", by_files=False, sign=True)
def trailing_byte(export, target):
    leaves = list(export.leaves)
    leaves[len(leaves) // 2] += b"\0"
    export.write(target, leaves)


@forgery("form", by_files=False, sign=True)
def byte_in_genesis_signature(export, target):
    export.write(target, [flip(export.leaves[0], len(export.leaves[0]) - 20)] + export.leaves[1:])


@forgery("form", by_files=False, sign=True)
def second_genesis(export, target):
    at = export.find(lambda kind, _: kind == f.BATCH_LEAF, len(export.leaves) // 2)
    export.write(target, export.leaves[:at] + export.leaves[:1] + export.leaves[at:])


# Forgeries at the log's end: batches that the nodes would have had to agree on, with an author's or the registrar's help.


NOTHING_TO_CANCEL = (f.CANCEL_ORDERS, (f.ORDER_ID(bytes(32), 0, 0),))


@forgery(None, by_files=False, sign=True)
def honest_sequel(export, target):
    """Harmless: a key is added, used and revoked; what it signs after that is dropped."""
    sequel = Sequel(export)
    key = public_bytes(test_key("doctor"))
    sequel.batch([sequel.event("registrar", (f.ADD_KEY, (key, (f.TENANT, 1))))])
    sequel.batch([sequel.event("doctor", NOTHING_TO_CANCEL)])
    sequel.batch([sequel.event("registrar", (f.REVOKE_KEY, key)), sequel.event("doctor", NOTHING_TO_CANCEL)])
    sequel.write(target)


@forgery("key validity", by_files=False, sign=True)
def event_by_revoked_key(export, target):
    sequel = Sequel(export)
    key = public_bytes(test_key("doctor"))
    sequel.batch([sequel.event("registrar", (f.ADD_KEY, (key, (f.TENANT, 1))))])
    sequel.batch([sequel.event("registrar", (f.REVOKE_KEY, key))])
    sequel.batch([sequel.event("doctor", NOTHING_TO_CANCEL)], forced=(0,))
    sequel.write(target)


@forgery("key validity", by_files=False, sign=True)
def event_by_rotated_key(export, target):
    sequel = Sequel(export)
    old, new = public_bytes(test_key("doctor")), public_bytes(test_key("new doctor"))
    proof = test_key("new doctor").sign(b"wattle/rotation/v0\n" + sequel.park + old + new)
    sequel.batch([sequel.event("registrar", (f.ADD_KEY, (old, (f.TENANT, 1))))])
    sequel.batch([sequel.event("doctor", (f.ROTATE_KEY, (new, proof)))])
    sequel.batch([sequel.event("doctor", NOTHING_TO_CANCEL)], forced=(0,))
    sequel.write(target)


@forgery("key validity", by_files=False, sign=True)
def event_by_unknown_key(export, target):
    sequel = Sequel(export)
    sequel.batch([sequel.event("doctor", NOTHING_TO_CANCEL)], forced=(0,))
    sequel.write(target)


@forgery("sequences", by_files=False, sign=True)
def skipped_sequence(export, target):
    sequel = Sequel(export)
    sequel.batch([sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)), ahead=2)], forced=(0,))
    sequel.write(target)


@forgery("sequences", by_files=False, sign=True)
def event_recorded_twice(export, target):
    sequel = Sequel(export)
    event = sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)))
    sequel.batch([event])
    sequel.batch([event], forced=(0,))
    sequel.write(target)


@forgery("author signatures", by_files=False, sign=True)
def event_of_another_park(export, target):
    sequel = Sequel(export)
    sequel.batch([sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)), park=bytes(32))], forced=(0,))
    sequel.write(target)


@forgery("replay", by_files=False, sign=True)
def role_ignored(export, target):
    """The treasurer does what only the registrar may, and it is recorded as done."""
    sequel = Sequel(export)
    action = (f.REGISTER_PARTICIPANT, f.PARTICIPANT(999, "friend"))
    sequel.batch([sequel.event("treasurer", action)], forced=(0,))
    sequel.write(target)


@forgery("journal", by_files=False, sign=True)
def invented_funds(export, target):
    """Money that no treasurer has deposited."""
    sequel = Sequel(export)
    fact = f.ENTRY.write((f.DERIVED_LEAF, (1, bytes(32), (f.FUNDS_MOVED, 10**12))))
    sequel.batch([sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)))], extra=[fact])
    sequel.write(target)


@forgery("replay", by_files=False, sign=True)
def withheld_event(export, target):
    """The hash of a good event, which the batch says it dropped; that alone cannot be seen, but another list is signed."""
    sequel = Sequel(export)
    event = sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)))
    sequel.batch([event], header={"events": bytes(32)})
    sequel.write(target)


for _name, _fields in (
    ("header_of_version_7", lambda _: {"version": 7}),
    ("time_backwards", lambda ledger: {"time": ledger.time - 1}),
    ("time_without_end", lambda _: {"time": 2**50}),
    ("term_backwards", lambda ledger: {"term": ledger.term - 1}),
    ("batch_of_another_park", lambda _: {"park": bytes(32)}),
):

    def _bent_header(export, target, fields=_fields):
        sequel = Sequel(export)
        bent = fields(sequel.ledger)
        event = sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)))
        sequel.batch([event], header=bent)
        sequel.write(target)

    forgery("replay", by_files=False, sign=True)(_bent_header, _name)


@forgery("key validity", by_files=False, sign=True)
def batch_of_unknown_node(export, target):
    sequel = Sequel(export)
    sequel.batch([sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)))], header={"node": 77})
    sequel.write(target)


@forgery("replay", by_files=False, sign=True)
def truncated_before_seal(export, target):
    """Whole batches, but the last one does not end with a seal."""
    seal = export.find(lambda kind, _: kind == f.SEAL_LEAF, len(export.leaves) // 4)
    at = seal
    while (
        decode(f.ENTRY, export.leaves[at - 1])[0] == f.SEAL_LEAF
        or decode(f.ENTRY, export.leaves[at])[0] != f.BATCH_LEAF
    ):
        at = export.find(lambda kind, _: kind == f.BATCH_LEAF, at + 1)
    export.write(target, export.leaves[:at])


def can_sign(export, policy):
    """Whether the export is a recording of the project, signed by test keys."""
    own = c2sp.parse_note(export.sign(export.note.text))
    return all(c2sp.verdict(own, key) for key in policy.logs + list(policy.witnesses.values()))


def shortened(export, entries, target):
    """The export up to the first seal after so many entries, signed anew."""
    at = export.find(lambda kind, _: kind == f.SEAL_LEAF, entries)
    export.write(target, export.leaves[: at + 1])
    return Export(target)


def main():
    """Reads the arguments and makes the copies; prints their names."""
    parser = argparse.ArgumentParser(description="Make doctored copies of an export.")
    parser.add_argument("export")
    parser.add_argument("policy")
    parser.add_argument("out", help="a folder that does not exist yet")
    parser.add_argument("--facts", type=int, help="only forgeries of later facts, of this number and above")
    parser.add_argument("--steps", action="store_true", help="only forgeries of step_forgeries.py")
    parser.add_argument("--entries", type=int, default=2**40, help="doctor only so much of a longer log")
    args = parser.parse_args()
    export = Export(args.export)
    with open(args.policy, "rb") as file:
        test_keys = can_sign(export, c2sp.parse_policy(file.read()))
    os.makedirs(args.out)
    if test_keys and len(export.leaves) > args.entries:
        export = shortened(export, args.entries, os.path.join(args.out, "shortened"))
    for name, make, _, _, sign in FORGERIES:
        if (sign and not test_keys) or (args.facts is not None and LATER.get(name, -1) < args.facts):
            continue
        if args.steps and name not in step_forgeries.NAMES:
            continue
        try:
            make(export, os.path.join(args.out, name))
            print(name)
        except Absent as absent:
            if name in LATER or name in step_forgeries.NAMES:
                continue
            print("%s: %s" % (name, absent), file=sys.stderr)
    if not test_keys:
        print("not the keys of a recording: classes that need signatures are left out", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
