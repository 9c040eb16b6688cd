"""What happens in a strange park whose nodes record what was signed twice (RULES.md, section 22)."""

import base64
from hashlib import sha256

from exports import signature_line
from foreign_acts import prove
from wattle_verify import c2sp
from wattle_verify import formats as f
from wattle_verify.codec import decode
from wattle_verify.evidence import MAGIC, MAX_RECORDED

NEWCOMERS = range(30, 34)


class EvidenceActs:
    """Acts of a strange park; see rules_park.py."""

    def begin_evidence(self):
        """Nodes get keys for the log, and some nodes come."""
        self.recorders = []
        for node in self.ledger.founding():
            label = "recorder of node %d" % node
            self.say("registrar", f.ADD_KEY, (self.public(label), (f.NODE_ROLE, node)))
            self.recorders.append(label)
        for number in NEWCOMERS[:2]:
            self.say("registrar", f.REGISTER_NODE, self.node(number))
        self.batch()

    def signed_leaf(self, index):
        """The event that stands in a leaf."""
        return decode(f.ENTRY, self.leaves[index])[1][0]

    def chain(self, key):
        """The events that registered a key, from a key of the genesis on."""
        founding = (self.genesis.registrar, self.genesis.treasurer, self.genesis.regulator)
        chain = []
        while key not in founding:
            row = self.ledger.state.get(f.T_KEYS, key)
            if row is None:
                return []
            chain.insert(0, self.signed_leaf(row.added))
            key = decode(f.EVENT, chain[0][:-64]).author
        return chain

    def double_author(self):
        """Whose key signs twice: a meter's mostly."""
        rng = self.rng
        meters = [self.meter_label(meter) for meter in sorted(self.registers)]
        others = [*self.tenants.values(), "registrar", "second registrar", "treasurer", *self.recorders]
        others += [label for label, _ in self.delegates] + ["nobody at all", "node 1 Batch"]
        return rng.choice(rng.choice((meters, meters, others)))

    def double_action(self):
        """Something that may be signed."""
        rng = self.rng
        return rng.choice(
            (
                (f.SUBMIT_READINGS, (f.READING(rng.randrange(2**30), rng.randrange(2**30)),)),
                (f.CANCEL_ALL, (rng.choice((None, rng.randrange(9))), None)),
                (f.SET_CREDIT_LIMIT, (rng.randrange(9), rng.randrange(2**40))),
                (f.SUBMIT_READINGS, (f.READING(1, rng.randrange(99)),) * rng.choice((1, 1, 1, 1000, 1800))),
            )
        )

    def two_events(self):
        """Registrations and statement of a key that used a sequence twice, mostly."""
        rng, label = self.rng, self.double_author()
        sequence = rng.choice((1, 2, 3, 7, 2**64 - 1, rng.randrange(1, 60)))
        park = bytes(32) if rng.random() < 0.03 else None
        one = self.sign(label, self.double_action(), sequence, park)
        other = self.sign(label, self.double_action(), sequence)
        odd = rng.random()
        if odd < 0.03:
            other = self.sign(label, self.double_action(), sequence - 1 or 9)
        elif odd < 0.06:
            other = self.sign(self.double_author(), self.double_action(), sequence)
        elif odd < 0.09:
            other = one[:-1] + bytes([one[-1] ^ 1])
        elif odd < 0.12:
            other = self.sign(label, self.double_action(), sequence, version=1)
        elif odd < 0.15:
            other = one
        pair = sorted((one, other), key=lambda signed: sha256(signed).digest())
        if rng.random() < 0.03:
            pair.reverse()
        chain = self.chain(self.public(label)) if rng.random() < 0.6 else []
        return chain, (f.TWO_EVENTS, tuple(pair))

    def head(self, size, root, nodes):
        """A head that some nodes sign, mostly well."""
        rng = self.rng
        origin = self.origin if rng.random() < 0.98 else "wattle/strange/" + "0" * 64
        text = "%s\n%d\n%s\n" % (origin, size, base64.b64encode(root).decode())
        lines = []
        for node in nodes:
            roles = rng.choice((("Log",), ("Cosigner",), ("Log", "Cosigner"), ("Log", "Cosigner"), ("Cosigner",) * 2))
            for role in roles:
                key, kind, name, begin, message = self.key("node %d %s" % (node, role)), b"\1", origin, b"", text.encode()
                if role == "Cosigner":
                    seconds = rng.randrange(2**40)
                    begin, kind, name = seconds.to_bytes(8, "big"), b"\4", "%s/node/%d" % (origin, node)
                    name = name if rng.random() < 0.98 else origin
                    message = b"cosignature/v1\ntime %d\n" % seconds + message
                signature = begin + key.sign(message)
                if rng.random() < 0.02:
                    signature = signature[:-1] + bytes([signature[-1] ^ 1])
                lines.append(signature_line(name, kind, key, signature))
        if not lines or rng.random() < 0.1:
            stranger = self.key("a stranger")
            lines.append(signature_line("stranger.example", b"\1", stranger, stranger.sign(b"anything")))
        return (text + "\n" + "".join(lines)).encode()

    def two_heads(self):
        """Registrations and statement of nodes that signed two heads, mostly."""
        rng = self.rng
        first, second = sorted((rng.randint(1, 40), rng.randint(1, 40)))
        first = rng.choice((first, first, second, 0 if rng.random() < 0.1 else first))
        fork = rng.randint(0, max(0, first - 1)) if rng.random() < 0.93 else first
        mine = [sha256(b"%d" % at).digest() for at in range(first)]
        theirs = mine[:fork] + [sha256(b"other %d" % at).digest() for at in range(fork, second)]
        roots = [c2sp.tree_hash(mine), c2sp.tree_hash(theirs)]
        path = []
        if 0 < first < second:
            path = prove(theirs, first)
            if first & (first - 1) == 0:
                path.insert(0, c2sp.tree_hash(theirs[:first]))
        if rng.random() < 0.06:
            path = rng.choice((path[1:], path[:-1], path + [bytes(32)], path[::-1], [bytes(32)] * 65, [roots[0]] * 64))
        ids = [*self.ledger.node_ids(), *NEWCOMERS]
        both = rng.sample(ids, rng.choice((0, 1, 1, 1, 2)))
        signers = [both + rng.sample(ids, rng.choice((0, 1))) for _ in range(2)]
        heads = [self.head(size, root, sorted(set(nodes))) for size, root, nodes in zip((first, second), roots, signers)]
        if (first, roots[0]) > (second, roots[1]) and rng.random() < 0.95:
            heads.reverse()
        chain = []
        for node in sorted(set(signers[0] + signers[1])):
            row = self.ledger.state.get(f.T_NODES, node)
            if row is not None and rng.random() < 0.5:
                chain.append(self.signed_leaf(row.leaf))
            elif row is None and node in NEWCOMERS and rng.random() < 0.4:
                chain.append(self.sign("registrar", (f.REGISTER_NODE, self.node(node)), 1))
        return chain, (f.TWO_HEADS, (tuple(heads), tuple(path)))

    def odd_registrations(self, chain):
        """Registrations of which one does not hold, or most of which say nothing."""
        rng = self.rng
        label = rng.choice(("registrar", "registrar", "treasurer", "tenant 1", "nobody at all"))
        new = self.public("new key %d" % rng.randrange(9))
        node = self.node(rng.choice((1, 40, 41)))
        key = rng.choice((bytes(32), node.log, self.genesis.nodes[0].log, self.genesis.registrar))
        more = rng.choice(
            (
                (f.ADD_KEY, (new, (f.TENANT, 1))),
                (f.ADD_KEY, (self.genesis.regulator, (f.TENANT, 1))),
                (f.ADD_KEY, (bytes(32), (f.TENANT, 1))),
                (f.ROTATE_KEY, (new, bytes(64))),
                (f.DELEGATE, (new, f.LIMITS((), 0, 0, 0, 0, 0), bytes(64))),
                (f.REVOKE_KEY, new),
                (f.REGISTER_NODE, node),
                (f.REGISTER_NODE, node._replace(receipt=key)),
                (f.REGISTER_NODE, node._replace(cosigner=key)),
                (f.REGISTER_BOUNDARY_METER, f.BOUNDARY_METER(5, f.IMPORT, new, 0, 0, 1)),
            )
        )
        made = self.sign(label, more, rng.randrange(1, 9))
        if rng.random() < 0.1:
            made = made[:-1] + bytes([made[-1] ^ 1])
        return rng.choice((chain + [made], [made] + chain, chain[1:], chain[::-1], chain * 2, [made] * 17))

    def evidence(self):
        """A node records what was signed twice, or tries to."""
        rng = self.rng
        chain, statement = rng.choice((self.two_events, self.two_events, self.two_heads))()
        if rng.random() < 0.12:
            chain = self.odd_registrations(chain)
        genesis = decode(f.ENTRY, self.leaves[0])[1]
        if rng.random() < 0.02:
            genesis = rng.choice((b"", genesis[:-1], genesis[:-1] + bytes([genesis[-1] ^ 1])))
        data = MAGIC + f.EVIDENCE.write(f.EVIDENCE(genesis, tuple(chain), statement))
        if rng.random() < 0.08:
            at = rng.randrange(len(data))
            data = rng.choice(
                (
                    data[:at],
                    data + b"\0",
                    data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
                    data[len(MAGIC) :],
                    b"",
                    data + bytes(max(0, MAX_RECORDED - len(data))),
                    data + bytes(max(0, MAX_RECORDED + 1 - len(data))),
                )
            )
        if len(data) > 59_000:
            return
        if sum(map(len, self.pending)) + len(data) > 55_000:
            self.batch()
        labels = self.recorders * 20 + ["registrar", "tenant 1", "meter 11"]
        self.say(rng.choice(labels), f.RECORD_EVIDENCE, data)

    def much_evidence(self):
        """More of one key than is recorded."""
        genesis = decode(f.ENTRY, self.leaves[0])[1]
        for sequence in range(100, 118):
            pair = [self.sign("tenant 3", (f.CANCEL_ALL, (at, None)), sequence) for at in (None, 1)]
            pair.sort(key=lambda signed: sha256(signed).digest())
            data = MAGIC + f.EVIDENCE.write(f.EVIDENCE(genesis, (), (f.TWO_EVENTS, tuple(pair))))
            self.say(self.recorders[0], f.RECORD_EVIDENCE, data)
        self.batch()

    def lift_evidence(self):
        """The registrar lifts what evidence has frozen."""
        for (key,) in sorted(self.ledger.state.rows[f.T_FROZEN_BY_EVIDENCE]):
            if self.rng.random() < 0.5:
                self.say("registrar", f.LIFT_FREEZE, key)
