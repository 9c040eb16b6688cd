"""Logs of other parks, and their checkpoints in this one (RULES.md, section 21)."""

from hashlib import sha256

from . import c2sp
from . import formats as f
from .rules import Refused, require

MAX_POLICY = 16_384
MAX_NOTE = 8_192
MAX_FOLLOWED = 64


class Foreign:
    """The part of the ledger that follows other logs."""

    def follow_log(self, event, record, index, text):
        """A policy by which the checkpoints of a log are judged, in place of an earlier one."""
        data = text.encode("utf-8")
        require(len(data) <= MAX_POLICY, 180)
        try:
            policy = c2sp.parse_policy(data)
        except c2sp.Refused:
            raise Refused(180)
        origins = {key.name for key in policy.logs}
        require(len(origins) == 1 and policy.quorum != "none", 180)
        origin = origins.pop()
        require(origin != "wattle/%s/%s" % (self.genesis.name, self.park.hex()), 180)
        rows = self.state.rows[f.T_FOLLOWED]
        require((origin,) in rows or len(rows) < MAX_FOLLOWED, 180)
        self.state.put(f.T_FOLLOWED, (origin,), text)

    def record_checkpoint(self, event, record, index, fields):
        """A checkpoint of a followed log: the next one, or one that contradicts what is recorded."""
        data, proof = fields
        checkpoint, cosigned = self.foreign_checkpoint(data)
        origin = (checkpoint.origin,)
        row = f.FOREIGN(
            checkpoint.size,
            checkpoint.root,
            sha256(data).digest(),
            cosigned,
            self.time,
            index,
            record.role[1],
        )
        known = self.state.rows[f.T_FOREIGN].get(origin)
        if known is None:
            require(not proof, 183)
            require(checkpoint.size > 0 or checkpoint.root == c2sp.tree_hash([]), 183)
            self.state.put(f.T_FOREIGN, origin, row)
            return
        require(checkpoint.size >= known.size, 182)
        if checkpoint.size == known.size:
            require(checkpoint.root != known.root, 182)
            require(origin not in self.state.rows[f.T_CONTRADICTIONS], 182)
            fact = f.CONTRADICTION(known.size, known.root, known.leaf, checkpoint.root, index)
            self.state.put(f.T_CONTRADICTIONS, origin, fact)
            return
        require(
            c2sp.consistent(known.size, known.root, checkpoint.size, checkpoint.root, proof),
            183,
        )
        self.state.put(f.T_FOREIGN, origin, row)

    def foreign_checkpoint(self, data):
        """The checkpoint of a note that satisfies the policy of its log, and the earliest time of its cosignatures."""
        require(len(data) <= MAX_NOTE, 181)
        try:
            note = c2sp.parse_note(data)
            text = self.state.get(f.T_FOLLOWED, note.text.split("\n")[0])
            require(text is not None, 181)
            checkpoint = c2sp.parse_checkpoint(note.text)
            policy = c2sp.parse_policy(text.encode("utf-8"))
        except c2sp.Refused:
            raise Refused(181)
        verdicts = [c2sp.verdict(note, key) for key in policy.logs]
        times = {name: c2sp.cosigned_at(note, key) for name, key in policy.witnesses.items()}
        require(False not in verdicts and True in verdicts, 181)
        require(all(c2sp.verdict(note, key) is not False for key in policy.witnesses.values()), 181)
        signed = {name for name, time in times.items() if time is not None}
        require(c2sp.quorum_holds(policy, policy.quorum, signed), 181)
        return checkpoint, min(times[name] for name in signed)
