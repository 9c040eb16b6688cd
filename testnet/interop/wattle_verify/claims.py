"""An export, claim by claim."""

import os

from . import c2sp
from .replay import replay

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
    """The first failure of each claim, and which claims could not be looked at."""

    def __init__(self):
        self.failed = {}
        self.checked = set()

    def fail(self, claim, entry, reason):
        """A claim fails; the first failure is kept."""
        self.failed.setdefault(claim, (entry, reason))

    def rows(self):
        """The claims in order, as JSON wants them."""
        for claim in CLAIMS:
            if claim in self.failed:
                entry, reason = self.failed[claim]
                yield {"claim": claim, "status": "failed", "entry": entry, "reason": reason}
            else:
                status = "ok" if claim in self.checked else "not checked"
                yield {"claim": claim, "status": status, "entry": None, "reason": ""}


def verify(folder, policy):
    """Verifies an export against a policy; gives the claims."""
    report = Report()
    leaves = None
    try:
        note = c2sp.parse_note(c2sp.read(folder, "checkpoint", c2sp.NOTE_LIMIT))
        checkpoint = c2sp.parse_checkpoint(note.text)
        report.checked.add("form")
        leaves = _leaves(folder, checkpoint, report)
        _signatures(note, checkpoint, policy, report)
    except c2sp.Refused as error:
        report.fail("form", None, str(error))
    if leaves is None:
        return list(report.rows())
    _ledger, failures = replay(leaves, checkpoint.origin)
    stopped = _ledger is None
    for failure in failures:
        report.fail(*failure)
    if not stopped:
        report.checked.update(CLAIMS[5:])
    return list(report.rows())


def _signatures(note, checkpoint, policy, report):
    """Claims of the signatures over the checkpoint."""
    report.checked.update(("log signatures", "quorum"))
    verdicts = [c2sp.verdict(note, key) for key in policy.logs if key.name == checkpoint.origin]
    if True not in verdicts or False in verdicts:
        why = "does not hold" if False in verdicts else "is missing"
        report.fail("log signatures", None, "the signature of a log key of the policy %s" % why)
    verdicts = {name: c2sp.verdict(note, key) for name, key in policy.witnesses.items()}
    signed = {name for name, verdict in verdicts.items() if verdict}
    if False in verdicts.values():
        report.fail("quorum", None, "a node's cosignature does not hold")
    if not c2sp.quorum_holds(policy, policy.quorum, signed):
        report.fail("quorum", None, "%d nodes cosigned, too few for the policy" % len(signed))


def _leaves(folder, checkpoint, report):
    """Reads entries and tiles; gives the leaves, or None if they are not all there."""
    leaves = []
    present = {
        os.path.relpath(os.path.join(base, name), folder)
        for base, _, names in os.walk(os.path.join(folder, "tile"))
        for name in names
    }
    for number, path in c2sp.files_of("entries", checkpoint.size):
        wanted = min(c2sp.WIDTH, checkpoint.size - number * c2sp.WIDTH)
        try:
            found = c2sp.split_bundle(c2sp.read(folder, path, c2sp.WIDTH * (LEAF_LIMIT + 2)))
            if len(found) != wanted:
                raise c2sp.Refused("%s holds %d entries instead of %d" % (path, len(found), wanted))
        except c2sp.Refused as error:
            report.fail("form", number * c2sp.WIDTH, str(error))
            return None
        present.discard(path)
        leaves += found
    hashes = [c2sp.leaf_hash(leaf) for leaf in leaves]
    report.checked.update(("bytes to root", "tiles"))
    if c2sp.tree_hash(hashes) != checkpoint.root:
        report.fail("bytes to root", None, "the entries do not give the checkpoint's root")
    for path, content in c2sp.tiles_of(hashes):
        present.discard(path)
        try:
            if c2sp.read(folder, path, 32 * c2sp.WIDTH) != content:
                report.fail("tiles", None, "%s is not the entries' tile" % path)
        except c2sp.Refused as error:
            report.fail("tiles", None, str(error))
    return leaves
