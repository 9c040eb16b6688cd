"""Forgeries about nodes that come and go, checkpoints of other logs, and evidence (RULES.md, sections 20 to 22)."""

from hashlib import sha256

from exports import Absent, public_bytes, test_key
from forgeries import Sequel, flip, forgery
from wattle_verify import formats as f
from wattle_verify.codec import decode
from wattle_verify.evidence import MAGIC

NAMES = []  # these forgeries, for whoever wants no others


def about_steps(claim):
    """Registers a forgery by all nodes together; only replay can show it."""

    def register(function):
        NAMES.append(function.__name__)
        return forgery(claim, by_files=False, sign=True)(function)

    return register


def find_step(export):
    """The index of a Voters leaf in the second half of the steps, its header right before it and its seal right after."""
    found = []
    for index, leaf in enumerate(export.leaves):
        if decode(f.ENTRY, leaf)[0] == f.VOTERS_LEAF:
            found.append(index)
    if not found:
        raise Absent("the export has no step")
    return found[len(found) // 2]


def rewritten(export, target, at, change):
    """Writes a copy whose Voters leaf is another."""
    kind, (step, voters, learners) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, change(f.STEP(*step), voters, learners)))
    export.write(target, leaves)


@about_steps("replay")
def voters_otherwise(export, target):
    rewritten(export, target, find_step(export), lambda *fields: (fields[0], fields[1], fields[2] + (999,)))


@about_steps("replay")
def voters_out_of_order(export, target):
    rewritten(export, target, find_step(export), lambda step, voters, learners: (step, learners, voters))


@about_steps("replay")
def another_node_stepped(export, target):
    rewritten(
        export, target, find_step(export), lambda *fields: (fields[0]._replace(node=998), *fields[1:])
    )


@about_steps("replay")
def step_without_voters(export, target):
    at = find_step(export)
    export.write(target, export.leaves[:at] + export.leaves[at + 1 :])


@about_steps("replay")
def step_without_seal(export, target):
    at = find_step(export)
    export.write(target, export.leaves[: at + 1] + export.leaves[at + 2 :])


@about_steps("replay")
def voters_twice(export, target):
    at = find_step(export)
    export.write(target, export.leaves[: at + 1] + export.leaves[at:])


@about_steps("replay")
def voters_after_seal(export, target):
    at = find_step(export)
    export.write(
        target, export.leaves[:at] + [export.leaves[at + 1], export.leaves[at]] + export.leaves[at + 2 :]
    )


@about_steps("replay")
def voters_in_a_batch(export, target):
    """A batch that takes no step holds a Voters leaf, right before its seal."""
    leaf = export.leaves[find_step(export)]
    sequel = Sequel(export)
    sequel.batch([sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)))], extra=[leaf])
    sequel.write(target)


@about_steps("replay")
def unwanted_step(export, target):
    """All nodes take a step that the registrar does not want."""
    sequel = Sequel(export)
    voters, learners, _ = sequel.ledger.membership()
    step = f.STEP(learners[0], f.VOTER) if learners else f.STEP(voters[-1], f.LEARNER)
    if step in sequel.ledger.wanted_steps():
        raise Absent("the step is wanted")
    sequel.step(step)
    sequel.write(target)


@about_steps("replay")
def step_that_nobody_signed(export, target):
    sequel = Sequel(export)
    step = next(iter(sequel.ledger.wanted_steps()), None)
    if step is None:
        raise Absent("no step is wanted")
    sequel.step(step, signed_step=step._replace(standing=(step.standing + 1) % 3))
    sequel.write(target)


@about_steps("replay")
def step_with_a_drop(export, target):
    sequel = Sequel(export)
    step = next(iter(sequel.ledger.wanted_steps()), None)
    if step is None:
        raise Absent("no step is wanted")
    sequel.step(step, drops=(f.DROPPED(0, bytes(32)),))
    sequel.write(target)


@about_steps("key validity")
def batch_of_a_learner(export, target):
    sequel = Sequel(export)
    voters, learners, _ = sequel.ledger.membership()
    for node in (*learners, *sequel.ledger.node_ids()):
        if node not in voters:
            event = sequel.event("treasurer", (f.SET_CREDIT_LIMIT, (1, 0)))
            sequel.batch([event], header={"node": node})
            sequel.write(target)
            return
    raise Absent("every node votes")


@about_steps("author signatures")
def step_with_a_bad_signature(export, target):
    at = find_step(export) - 1
    kind, (signed, dropped) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (flip(signed, len(signed) - 20), dropped)))
    export.write(target, leaves)


@about_steps("replay")
def node_registered_twice(export, target):
    """A founding node is registered once more, and it is recorded as done."""
    sequel = Sequel(export)
    node = sequel.genesis.nodes[0]
    sequel.batch([sequel.event("registrar", (f.REGISTER_NODE, node))], forced=(0,))
    sequel.write(target)


@about_steps("replay")
def unproven_checkpoint(export, target):
    """A checkpoint of another log that its policy does not let in, recorded as done."""
    sequel = Sequel(export)
    label = next((one for one in ("new anchor of node 1", "anchor of node 1") if anchored(sequel, one)), None)
    if label is None:
        raise Absent("no node has a key for the log")
    note = b"other.example/log-1\n5\n%s\n\n" % (b"A" * 43 + b"=")
    sequel.batch([sequel.event(label, (f.RECORD_CHECKPOINT, (note, ())))], forced=(0,))
    sequel.write(target)


@about_steps("replay")
def evidence_of_nothing(export, target):
    """Two events of which one was never signed, recorded as evidence against a tenant's key."""
    sequel = Sequel(export)
    label = next((one for one in ("recorder of node 1", "anchor of node 1") if anchored(sequel, one)), None)
    if label is None:
        raise Absent("no node has a key for the log")
    one, other = [sequel.event("tenant 1", (f.CANCEL_ALL, (point, None)), ahead=9) for point in (None, 1)]
    pair = sorted((one, flip(other, len(other) - 1)), key=lambda signed: sha256(signed).digest())
    genesis = decode(f.ENTRY, export.leaves[0])[1]
    data = MAGIC + f.EVIDENCE.write(f.EVIDENCE(genesis, (), (f.TWO_EVENTS, tuple(pair))))
    sequel.batch([sequel.event(label, (f.RECORD_EVIDENCE, data))], forced=(0,))
    sequel.write(target)


def rewritten_fact(export, target, number, change):
    """Writes a copy whose last fact of a number is another."""
    at = next((at for at in reversed(range(len(export.leaves))) if is_fact(export.leaves[at], number)), None)
    if at is None:
        raise Absent("the export has no such fact")
    kind, (concerns, blind, (_, fact)) = decode(f.ENTRY, export.leaves[at])
    leaves = list(export.leaves)
    leaves[at] = f.ENTRY.write((kind, (concerns, blind, (number, change(fact)))))
    export.write(target, leaves)


def is_fact(leaf, number):
    """Whether a leaf is a fact of a number."""
    kind, fields = decode(f.ENTRY, leaf)
    return kind == f.DERIVED_LEAF and fields[2][0] == number


@about_steps("replay")
def another_sequence_convicted(export, target):
    rewritten_fact(export, target, f.KEY_CONVICTED, lambda fact: (*fact[:2], fact[2] ^ 1, *fact[3:]))


@about_steps("replay")
def freeze_that_is_hidden(export, target):
    rewritten_fact(export, target, f.KEY_CONVICTED, lambda fact: (*fact[:4], not fact[4]))


@about_steps("replay")
def another_node_convicted(export, target):
    rewritten_fact(export, target, f.NODES_CONVICTED, lambda fact: ((*fact[0], 2**40), *fact[1:]))


def anchored(sequel, label):
    """Whether a label's key is in force with the role of a node."""
    row = sequel.ledger.state.get(f.T_KEYS, public_bytes(test_key(label)))
    return row is not None and row.revoked is None and row.role[0] == f.NODE_ROLE
