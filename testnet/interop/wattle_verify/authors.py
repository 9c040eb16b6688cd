"""What the authors' bytes show by themselves, without replay: signatures, sequences, and whether each key was in force."""

from . import formats as f
from .codec import Malformed, decode
from .ed25519 import signature_holds
from .ledger import split_signature


def check_authors(entries, park, genesis, fail):
    """Walks the log once; calls `fail(claim, entry, reason)`."""
    nodes = {node.id: node.batch for node in genesis.nodes}
    in_force = {genesis.registrar: True, genesis.treasurer: True, genesis.regulator: True}
    last = {}
    for at, (kind, fields) in enumerate(entries):
        if kind == f.BATCH_LEAF:
            _check_header(at, fields[0], nodes, fail)
        elif kind == f.EVENT_LEAF:
            _check_event(at, fields, park, in_force, last, fail)


def _check_header(at, signed, nodes, fail):
    """A batch's header is signed by the batch key of the node that it names."""
    try:
        body, signature = split_signature(signed)
        header = decode(f.HEADER, body)
    except Malformed as error:
        fail("form", at, "not a batch's header: %s" % error)
        return
    key = nodes.get(header.node)
    if key is None:
        fail("key validity", at, "node %d is not one of the genesis" % header.node)
    elif not signature_holds(key, b"wattle/batch/v0\n" + body, signature):
        fail("author signatures", at, "the leader did not sign the batch's header")


def _check_event(at, fields, park, in_force, last, fail):
    """An event is signed by its author, has the next sequence, and its key is in force."""
    signed, outcome = fields
    try:
        body, signature = split_signature(signed)
        event = decode(f.EVENT, body)
    except Malformed as error:
        fail("form", at, "not an event: %s" % error)
        return
    if not signature_holds(event.author, b"wattle/event/v0\n" + park + body, signature):
        fail("author signatures", at, "the author did not sign the event")
    if event.sequence != last.get(event.author, 0) + 1:
        fail(
            "sequences",
            at,
            "key %s goes from %d to %d" % (event.author.hex(), last.get(event.author, 0), event.sequence),
        )
    last[event.author] = event.sequence
    if event.author not in in_force:
        fail("key validity", at, "key %s is not registered" % event.author.hex())
    elif not in_force[event.author]:
        fail("key validity", at, "key %s was revoked before" % event.author.hex())
    if tuple(outcome) != (0,):
        return
    number, action = event.action
    if number == f.REGISTER_METER:
        in_force[action.key] = True
    elif number == f.ADD_KEY:
        in_force[action[0]] = True
    elif number == f.ROTATE_KEY:
        in_force[action[0]], in_force[event.author] = True, False
    elif number == f.REVOKE_KEY:
        in_force[action] = False
