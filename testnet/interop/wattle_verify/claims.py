"""An export, claim by claim. README.md says what each claim means."""

from . import c2sp
from . import formats as f
from .authors import check_authors
from .books import check_books
from .replay import Stop, Unknown, decode_leaves, read_genesis, replay

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
    _check_signatures(note, checkpoint, policy, report)
    try:
        leaves = _read_leaves(folder, checkpoint)
        entries = decode_leaves(leaves)
        park, genesis, signature = read_genesis(leaves, entries, checkpoint.origin)
    except Stop as stop:
        report.fail(stop.claim, stop.entry, stop.reason)
        return list(report.rows())
    _check_tree(folder, checkpoint, leaves, report)
    _check_signers(note, checkpoint, policy, genesis, report)
    for at in (at for at in range(1, len(entries)) if entries[at][0] == f.GENESIS_LEAF):
        report.fail("form", at, "a second genesis")
    report.checked.update(CLAIMS[:8])
    action = check_authors(entries, park, genesis, report.fail)
    if action is not None:
        report.pass_over(("key validity",), *action)
    try:
        if replay(leaves, entries, park, genesis, signature, report.fail) is not None:
            report.checked.update(CLAIMS[8:])
    except Unknown as unknown:
        report.pass_over(CLAIMS[8:], unknown.entry, unknown.reason)
        entries = entries[: unknown.start]
    check_books(entries, report.fail)
    return list(report.rows())


def _check_signatures(note, checkpoint, policy, report):
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


def _check_signers(note, checkpoint, policy, genesis, report):
    """Every signature line is by a key that the policy or the genesis names."""
    known = {(key.name, key.id) for key in policy.logs + list(policy.witnesses.values())}
    for node in genesis.nodes:
        name = "%s/node/%d" % (checkpoint.origin, node.id)
        known.add((checkpoint.origin, c2sp.key_id(checkpoint.origin, b"\1" + node.log)))
        known.add((name, c2sp.key_id(name, b"\4" + node.cosigner)))
    for name, key_id, _ in note.signatures:
        if (name, key_id) not in known:
            report.fail("form", None, "a signature line of %s is by a key that nobody knows" % name)


def _read_leaves(folder, checkpoint):
    """The leaves of all bundles."""
    leaves = []
    for number, path in c2sp.files_of("entries", checkpoint.size):
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
    if not leaves:
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
