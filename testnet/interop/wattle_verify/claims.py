"""An export, claim by claim. README.md says what each claim means."""

from . import c2sp
from . import formats as f
from .authors import Keys, check_authors
from .books import check_books
from .codec import Malformed, decode
from .ledger import Ledger
from .replay import Stop, Unknown, decode_leaves, go_on, read_genesis
from .snapshot import Tiles, grown, is_cut, leads_to_root, read_snapshot, read_start

CLAIMS = (
    "form",
    "bytes to root",
    "tiles",
    "log signatures",
    "quorum",
    "author signatures",
    "sequences",
    "key validity",
    "replay",
    "trades",
    "settlement",
    "journal",
    "energy balance",
    "certificates",
)
LEAF_LIMIT = 65_535


class Report:
    """The first failure of each claim, and which claims were looked at to the end."""

    def __init__(self):
        self.failed = {}
        self.checked = set()
        self.unknown = {}  # claim -> why it could not be looked at to the end

    def fail(self, claim, entry, reason):
        """A claim fails; the failure at the lowest entry is kept."""
        kept = self.failed.get(claim)
        if kept is None or (kept[0] is not None and entry is not None and entry < kept[0]):
            self.failed[claim] = (entry, reason)

    def pass_over(self, claims, entry, rule):
        """Claims that cannot be looked at any further, because of a rule that is not known here."""
        for claim in claims:
            self.unknown[claim] = "unknown rule: %s of entry %d; what follows needs a newer verifier" % (
                rule,
                entry,
            )

    def rows(self):
        """The claims in order, as JSON wants them."""
        for claim in CLAIMS:
            entry, reason = self.failed.get(claim, (None, ""))
            status = "FAILED" if claim in self.failed else "ok" if claim in self.checked else "not checked"
            if claim in self.unknown and status != "FAILED":
                status, entry, reason = "not checked", None, self.unknown[claim]
            yield {"claim": claim, "status": status, "entry": entry, "reason": reason}


def verify(folder, policy):
    """Verifies an export against a policy; gives the claims."""
    report = Report()
    try:
        note = c2sp.parse_note(c2sp.read(folder, "checkpoint", c2sp.NOTE_LIMIT))
        checkpoint = c2sp.parse_checkpoint(note.text)
    except c2sp.Refused as error:
        report.fail("form", None, str(error))
        return list(report.rows())
    check_signatures(note, checkpoint, policy, report)
    if is_cut(folder):
        return _verify_cut(folder, note, checkpoint, policy, report)
    try:
        leaves = _read_leaves(folder, checkpoint)
        entries = decode_leaves(leaves)
        park, genesis, signature = read_genesis(leaves, entries, checkpoint.origin)
    except Stop as stop:
        report.fail(stop.claim, stop.entry, stop.reason)
        return list(report.rows())
    _check_tree(folder, checkpoint, leaves, report)
    for at in (at for at in range(1, len(entries)) if entries[at][0] == f.GENESIS_LEAF):
        report.fail("form", at, "a second genesis")
    report.checked.update(CLAIMS[:8])
    action = check_authors(entries, park, genesis, report.fail)
    if action is not None:
        report.pass_over(("key validity",), *action)
    try:
        ledger = Ledger(park, genesis, signature, check_signatures=False)
        if go_on(ledger, leaves, entries, report.fail) is not None:
            report.checked.update(CLAIMS[8:])
    except Unknown as unknown:
        report.pass_over(CLAIMS[8:], unknown.entry, unknown.reason)
        entries = entries[: unknown.start]
    _check_signers(note, checkpoint, policy, ledger, report)
    check_books(entries, report.fail)
    return list(report.rows())


def check_signatures(note, checkpoint, policy, report):
    """Log signatures and quorum."""
    report.checked.update(("log signatures", "quorum"))
    verdicts = [c2sp.verdict(note, key) for key in policy.logs if key.name == checkpoint.origin]
    if False in verdicts:
        report.fail("log signatures", None, "the signature of a log key of the policy does not hold")
    elif True not in verdicts:
        report.fail("log signatures", None, "no log key of the policy signed the checkpoint")
    verdicts = {name: c2sp.verdict(note, key) for name, key in policy.witnesses.items()}
    signed = {name for name, verdict in verdicts.items() if verdict}
    if False in verdicts.values():
        report.fail("quorum", None, "the cosignature of a node of the policy does not hold")
    elif not c2sp.quorum_holds(policy, policy.quorum, signed):
        report.fail("quorum", None, "%d nodes cosigned, too few for the policy" % len(signed))


def _check_signers(note, checkpoint, policy, ledger, report):
    """Every signature line is by a key that the policy or the genesis names, or of who votes at the end."""
    known = {(key.name, key.id) for key in policy.logs + list(policy.witnesses.values())}
    for node in ledger.signers():
        name = "%s/node/%d" % (checkpoint.origin, node.id)
        known.add((checkpoint.origin, c2sp.key_id(checkpoint.origin, b"\1" + node.log)))
        known.add((name, c2sp.key_id(name, b"\4" + node.cosigner)))
    for name, key_id, _ in note.signatures:
        if (name, key_id) not in known:
            report.fail("form", None, "a signature line of %s is by a key that nobody knows" % name)


def _verify_cut(folder, note, checkpoint, policy, report):
    """An export that begins with a seal. What lies before is never more than not checked."""
    history = {"claim": "history", "status": "not checked", "entry": None}
    history["reason"] = "what comes before the first entry is only what the quorum signed"
    if "log signatures" in report.failed or "quorum" in report.failed:
        return [*report.rows(), history]
    try:
        snapshot = read_snapshot(folder)
        size = snapshot.head.size
        history["reason"] = "entries 0 to %d are only what the quorum signed" % (size - 1)
        ledger, traded, keys = _bind(folder, checkpoint, snapshot)
        known = size // c2sp.WIDTH * c2sp.WIDTH
        read = _read_leaves(folder, checkpoint, known)
        hashes = [c2sp.leaf_hash(leaf) for leaf in read]
        tiles = Tiles(folder, checkpoint.size, known)
        leaves = [b""] * size + read[size - known :]
        entries = [(f.UNREAD_LEAF, None)] * size + decode_leaves(leaves[size:], size)
        _check_cut_tree(tiles, hashes, snapshot.head, checkpoint.root, report)
    except c2sp.Refused as error:
        report.fail("form", None, str(error))
        return [*report.rows(), history]
    except Stop as stop:
        report.fail(stop.claim, stop.entry, stop.reason)
        return [*report.rows(), history]
    report.checked.update(CLAIMS[:8])
    action = check_authors(entries, snapshot.head.park, snapshot.genesis, report.fail, keys)
    if action is not None:
        report.pass_over(("key validity",), *action)
    try:
        if size == checkpoint.size or go_on(ledger, leaves, entries, report.fail) is not None:
            report.checked.update(CLAIMS[8:])
    except Unknown as unknown:
        report.pass_over(CLAIMS[8:], unknown.entry, unknown.reason)
        entries = entries[: unknown.start]
    _check_signers(note, checkpoint, policy, ledger, report)
    check_books(entries, report.fail, traded)
    return [*report.rows(), history]


def _check_cut_tree(tiles, hashes, head, root, report):
    """Tiles and root from the leaves, of which those before the seal are only hashed."""
    before = head.size - tiles.first
    if any(tiles.hashes[0, tiles.first + at] != one for at, one in enumerate(hashes[:before])):
        raise Stop("bytes to root", None, "an entry before the seal is not the one under its tile")
    for first in tiles.differing(hashes):
        report.fail("tiles", first, "a tile is not the entries'")

    def subtree(begin, length):
        return c2sp.tree_hash(hashes[begin - tiles.first : begin - tiles.first + length])

    if grown(head.edge, head.size, tiles.size, subtree) != root:
        report.fail("bytes to root", None, "the entries do not give the checkpoint's root")


def _bind(folder, checkpoint, snapshot):
    """Holds a state against what the quorum has signed, before it is used (RULES.md, section 14)."""
    head = snapshot.head
    if snapshot.origin != checkpoint.origin or not 0 < head.size <= checkpoint.size:
        raise Stop("form", None, "the snapshot is not of the checkpoint's log")
    tiles = Tiles(folder, checkpoint.size, head.size // c2sp.WIDTH * c2sp.WIDTH)
    if tuple(tiles.edge(head.size)) != head.edge:
        raise Stop("bytes to root", None, "the snapshot's tree is no beginning of the checkpoint's")
    if grown(head.edge, head.size, checkpoint.size, tiles.subtree) != checkpoint.root:
        raise Stop("tiles", None, "the tiles do not give the checkpoint's root")
    start = read_start(folder)
    if not leads_to_root(start, head):
        raise Stop("bytes to root", None, "the seal is not the last leaf of the snapshot's tree")
    try:
        kind, sealed = decode(f.ENTRY, start.leaf)
    except Malformed as error:
        raise Stop("form", None, "the start is no entry: %s" % error)
    if kind != f.SEAL_LEAF:
        raise Stop("form", None, "the start is no seal")
    if snapshot.sealed_root() != sealed:
        raise Stop("replay", None, "the rows are not what the seal states")
    ledger = snapshot.ledger()
    traded = {interval: row.volume for (interval,), row in snapshot.state.rows[f.T_TRADES].items()}
    return ledger, traded, Keys(snapshot.genesis).take_over(ledger)


def _read_leaves(folder, checkpoint, begin=0):
    """The leaves of all bundles, from the one on that holds the first."""
    leaves = []
    for number, path in c2sp.files_of("entries", checkpoint.size):
        if (number + 1) * c2sp.WIDTH <= begin:
            continue
        wanted = min(c2sp.WIDTH, checkpoint.size - number * c2sp.WIDTH)
        try:
            found = c2sp.split_bundle(c2sp.read(folder, path, c2sp.WIDTH * (LEAF_LIMIT + 2)))
        except c2sp.Refused as error:
            raise Stop("form", number * c2sp.WIDTH, str(error))
        if len(found) != wanted:
            raise Stop(
                "form", number * c2sp.WIDTH, "%s holds %d entries instead of %d" % (path, len(found), wanted)
            )
        leaves += found
    if not leaves and begin < checkpoint.size:
        raise Stop("form", None, "the log is empty")
    return leaves


def _check_tree(folder, checkpoint, leaves, report):
    """Root and tiles, from the leaves."""
    hashes = [c2sp.leaf_hash(leaf) for leaf in leaves]
    if c2sp.tree_hash(hashes) != checkpoint.root:
        report.fail("bytes to root", None, "the entries do not give the checkpoint's root")
    for path, content, first in c2sp.tiles_of(hashes):
        try:
            if c2sp.read(folder, path, 32 * c2sp.WIDTH) != content:
                report.fail("tiles", first, "%s is not the entries' tile" % path)
        except c2sp.Refused as error:
            report.fail("form", first, str(error))
