"""What happens in a strange park that follows other logs and records their checkpoints (RULES.md, section 21)."""

import base64
from hashlib import sha256

from exports import public_bytes, signature_line
from wattle_verify import c2sp
from wattle_verify import formats as f

LOGS = 4
COSIGNERS = 4


def prove(hashes, first):
    """The consistency proof of RFC 6962 from the first so many leaves to all."""

    def part(first, hashes, whole):
        if first == len(hashes):
            return [] if whole else [c2sp.tree_hash(hashes)]
        left = 1 << (len(hashes) - 1).bit_length() - 1
        if first <= left:
            return part(first, hashes[:left], whole) + [c2sp.tree_hash(hashes[left:])]
        return part(first - left, hashes[left:], False) + [c2sp.tree_hash(hashes[:left])]

    return part(first, hashes, True) if first else []


class ForeignActs:
    """Acts of a strange park; see rules_park.py."""

    def begin_foreign(self):
        """Nodes get keys for the log, and other logs begin."""
        self.others = {"other.example/log-%d" % at: [] for at in range(LOGS)}  # origin -> leaf hashes
        self.anchors = []
        for node in self.ledger.founding() + [77]:
            label = "anchor of node %d" % node
            self.say("registrar", f.ADD_KEY, (self.public(label), (f.NODE_ROLE, node)))
            self.anchors.append(label)
        for origin in sorted(self.others):
            self.say("registrar", f.FOLLOW_LOG, "\n".join(self.other_policy(origin, odd=0) + [""]))
        self.batch()

    def other_key(self, origin, role):
        """The private key of a role of another log."""
        return self.key("%s %s" % (origin, role))

    def vkey(self, origin, role):
        """A verifier key of another log."""
        log = role.startswith("log")
        name, kind = (origin, b"\1") if log else ("%s/%s" % (origin, role), b"\4")
        data = kind + public_bytes(self.other_key(origin, role))
        return "%s+%s+%s" % (name, c2sp.key_id(name, data).hex(), base64.b64encode(data).decode())

    def other_policy(self, origin, odd=0.3):
        """A policy of another log, as lines; mostly one that is a policy."""
        rng = self.rng
        lines = ["log %s" % self.vkey(origin, "log")]
        if rng.random() < 0.3:
            lines.append("log\t%s  https://other.example/ " % self.vkey(origin, "log 2"))
        names = ["w%d" % at for at in range(COSIGNERS)]
        lines += ["  witness %s %s" % (name, self.vkey(origin, name)) for name in names]
        lines += rng.choice(
            (
                ["group g 2 %s" % " ".join(names), "quorum g"],
                ["group g any %s" % " ".join(names), "quorum g", "# the end é"],
                ["group a all w0 w1", "group b 1 w2 w3", "group g any a b", "quorum\tg"],
                ["", " \t", "quorum w1"],
            )
        )
        return rng.choice(self.odd_policies(lines, origin)) if rng.random() < odd else lines

    def odd_policies(self, lines, origin):
        """Policies with something odd, most of which are refused."""
        first, key = lines[0], self.vkey(origin, "w0")
        weak = b"\4" + bytes(32)
        weak = "weak+%s+%s" % (c2sp.key_id("weak", weak).hex(), base64.b64encode(weak).decode())
        own = "%s+%s+%s" % (
            self.origin,
            c2sp.key_id(self.origin, b"\1" + self.genesis.nodes[0].log).hex(),
            base64.b64encode(b"\1" + self.genesis.nodes[0].log).decode(),
        )
        return (
            lines[1:],
            [first + "\r"] + lines[1:],
            [first + "\x7f"] + lines[1:],
            ["#\x0b"] + lines,
            ["#\u2028 \u0085 \u00a0"] + lines,
            [first.replace(" ", "\u00a0")] + lines[1:],
            [first + " url more"] + lines[1:],
            [first, first] + lines[1:],
            ["log " + self.vkey("other.example/else", "log")] + lines,
            ["log " + own] + lines[1:],
            ["log " + key] + lines[1:],
            [first.replace("+", "", 1)] + lines[1:],
            [first[:-1]] + lines[1:],
            [first[:4] + first[4:].upper()] + lines[1:],
            [line for line in lines if "quorum" not in line],
            lines + ["quorum none"],
            [line if "quorum" not in line else "quorum none" for line in lines],
            [line if "quorum" not in line else "quorum nobody" for line in lines],
            lines[:3] + ["quorum w0"],
            lines[:1] + ["quorum w0"] + lines[1:3],
            lines[:5] + ["group h 0 w0", "quorum h"],
            lines[:5] + ["group h 01 w0", "quorum h"],
            lines[:5] + ["group h +1 w0", "quorum h"],
            lines[:5] + ["group h 3 w0 w1", "quorum h"],
            lines[:5] + ["group h 2 w0 w0", "quorum h"],
            lines[:5] + ["group h any w0 nobody", "quorum h"],
            lines[:5] + ["group h any", "quorum h"],
            lines[:5] + ["group h any none", "quorum h"],
            lines[:5] + ["group w0 any w1", "quorum w0"],
            lines[:5] + ["group none any w1", "quorum none"],
            lines[:5] + ["group h any w0", "group i any w0", "quorum i"],
            lines[:5] + ["group h any w0", "quorum w0"],
            lines[:5] + ["witness w0 " + self.vkey(origin, "w9"), "quorum w0"],
            lines[:5] + ["witness x " + key, "quorum x"],
            lines[:5] + ["witness none " + self.vkey(origin, "w9"), "quorum w0"],
            lines[:5] + ["witness quorum " + self.vkey(origin, "w9"), "quorum quorum"],
            lines[:5] + ["witness \u00a0 " + self.vkey(origin, "w9"), "quorum w0"],
            lines[:5] + ["witness x " + self.vkey(origin, "log"), "quorum x"],
            lines[:5] + ["witness x " + weak, "quorum w0"],
            lines[:5] + ["witness y", "quorum w0"],
            lines[:5] + ["Quorum w0"],
            ["\ufeff" + first] + lines[1:],
            [""] * 8_000 + lines,
            ["#" * (16_382 - len("\n".join(lines).encode()))] + lines,
            ["#" * (16_383 - len("\n".join(lines).encode()))] + lines,
        )

    def follow(self):
        """A log is followed, or it is tried."""
        rng = self.rng
        origin = rng.choice(sorted(self.others))
        end = "\n" if rng.random() < 0.9 else ""
        label = "registrar" if rng.random() < 0.97 else rng.choice(("treasurer", self.anchors[0]))
        self.say(label, f.FOLLOW_LOG, "\n".join(self.other_policy(origin)) + end)

    def follow_many(self):
        """Every odd policy, and more logs than a park may follow."""
        for origin in sorted(self.others):
            lines = self.other_policy(origin)
            while not any("w3" in line for line in lines):
                lines = self.other_policy(origin)
            for odd in self.odd_policies(lines, origin):
                self.say("registrar", f.FOLLOW_LOG, "\n".join(odd) + "\n")
                self.batch()
            self.say("registrar", f.FOLLOW_LOG, "\n".join(lines) + "\n")
        for at in range(66):
            origin = "many.example/%d" % at
            lines = ["log " + self.vkey(origin, "log"), "witness w0 " + self.vkey(origin, "w0"), "quorum w0", ""]
            self.say("registrar", f.FOLLOW_LOG, "\n".join(lines))
            if at % 30 == 0:
                self.batch()
        self.batch()

    def note(self, origin, text):
        """A note with the signatures of another log's keys, mostly those that it should have."""
        rng = self.rng
        lines, log = [], rng.choice(("log", "log", "log", "log 2"))
        signers = [log] * (rng.random() < 0.97) + ["w%d" % at for at in range(COSIGNERS) if rng.random() < 0.8]
        if rng.random() < 0.1:
            signers.append(rng.choice(("log", "w0", "w9", "log 9")))
        for role in signers:
            key, message = self.other_key(origin, role), text.encode()
            kind, name, begin = b"\1", origin, b""
            if role.startswith("w"):
                seconds = self.time // 1000 + rng.randint(-50, 50)
                seconds = rng.choice((0, 2**63 - 1, 2**63)) if rng.random() < 0.05 else seconds
                kind, name, begin = b"\4", "%s/%s" % (origin, role), seconds.to_bytes(8, "big")
                message = b"cosignature/v1\ntime %d\n" % seconds + message
            signature = begin + key.sign(message)
            if rng.random() < 0.03:
                at = rng.randrange(len(signature))
                signature = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
            if rng.random() < 0.01:
                signature = signature[: rng.choice((0, 1, 40))]
            lines.append(signature_line(name, kind, key, signature))
        if rng.random() < 0.3:
            rng.shuffle(lines)
        if rng.random() < 0.1:
            stranger = self.key("a stranger")
            name = rng.choice(("stranger.example", "stranger é", "a b", "a+b", "x\u00a0y", "x\u2003y", ""))
            more = signature_line(name, b"\1", stranger, stranger.sign(b"anything"))
            lines += [more] * rng.choice((1, 2, 60, 100))
        note = (text + "\n" + "".join(lines)).encode()
        if rng.random() < 0.08:
            note = rng.choice(
                (
                    note[:-1],
                    note + b"\n",
                    note[:-3] + b"=\n",
                    note.replace(b"\xe2\x80\x94", b"-", 1),
                    text.encode(),
                    b"",
                    b"\n\n",
                    note + b"\xff\n",
                    note.replace(b"\n", b"\r\n"),
                    note.replace(b"=\n", b"\n"),
                    b"\n" + note,
                )
            )
        return note

    def checkpoint_text(self, origin, size, root):
        """A checkpoint's three lines, seldom with something odd."""
        rng = self.rng
        root = base64.b64encode(root).decode()
        text = "%s\n%d\n%s\n" % (origin, size, root)
        if rng.random() > 0.06:
            return text
        return rng.choice(
            (
                text + "an extension\n",
                text + "\n",
                "%s\n0%d\n%s\n" % (origin, size, root),
                "%s\n-%d\n%s\n" % (origin, size, root),
                "%s\n%d\n%s\n" % (origin, size + 2**40, root),
                "%s\n%d\n%s\n" % (origin, size, root[:-2]),
                "%s\n%d\n%sAA==\n" % (origin, size, root[:-1]),
                "nobody.example\n%d\n%s\n" % (size, root),
                "%s\n%d\n" % (origin, size),
                text.replace("\n", "\n\n", 1),
            )
        )

    def record(self):
        """A checkpoint of another log is recorded, or it is tried."""
        rng = self.rng
        origin = rng.choice(sorted(self.others))
        known = self.ledger.state.get(f.T_FOREIGN, origin)
        hashes = self.others[origin]
        grow = rng.choice((0, 0, 1, 1, 2, 3, 7, rng.randint(1, 100)))
        hashes += [sha256(b"%d" % (len(hashes) + at)).digest() for at in range(grow)]
        size = len(hashes) if rng.random() < 0.9 else rng.randint(0, len(hashes))
        root = c2sp.tree_hash(hashes[:size])
        first = known.size if known else 0
        proof = prove(hashes[:size], first) if first <= size else []
        if rng.random() < 0.08:
            root = rng.choice((bytes(32), sha256(root).digest()))
        if rng.random() < 0.1:
            other = prove(hashes[:size], rng.randint(0, size))
            proof = rng.choice((proof[1:], proof[:-1], proof + [bytes(32)], proof[::-1], other, [root]))
        if rng.random() < 0.02:
            proof = [bytes(32)] * rng.choice((63, 64, 65, 200))
        note = self.note(origin, self.checkpoint_text(origin, size, root))
        if rng.random() < 0.03:
            note += b"\n" * (8_193 - len(note))
        labels = [*self.anchors[:-1]] * 20 + [*self.anchors[-1:], "registrar", "tenant 1"]
        self.say(rng.choice(labels), f.RECORD_CHECKPOINT, (note, tuple(proof)))

    def odd_anchor(self):
        """A node's key signs what it may not, and keys come and go."""
        rng = self.rng
        label, key = rng.choice(self.anchors), self.public("anchor %d" % len(self.leaves))
        new = "new " + label
        rotation = b"wattle/rotation/v0\n" + self.park + self.public(label) + self.public(new)
        if rng.random() < 0.2:
            self.say(label, f.ROTATE_KEY, (self.public(new), self.key(new).sign(rotation)))
            self.anchors[self.anchors.index(label)] = new
            return
        node = rng.choice(self.ledger.node_ids() + [0, 77])
        self.say(
            *rng.choice(
                (
                    (label, f.DEPOSIT, f.MONEY_ACTION(1, 1, "")),
                    (label, f.SUBMIT_READINGS, ()),
                    ("registrar", f.ADD_KEY, (key, (f.NODE_ROLE, node))),
                    ("registrar", f.ADD_KEY, (key, (f.NODE_ROLE, node))),
                    ("registrar", f.REVOKE_KEY, key),
                )
            )
        )
