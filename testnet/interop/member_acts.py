"""What happens in a strange park whose nodes come, vote and go (RULES.md, section 20)."""

from wattle_verify import formats as f
from wattle_verify.members import step_hash

ROLES = ("Transport", "Log", "Cosigner", "Batch", "Receipt")
IDS = (0, 1, 2**53, 2**53 + 1, 2**64 - 1, *range(2, 14))


class MemberActs:
    """Acts of a strange park; see rules_park.py."""

    def node(self, number):
        """A node of an id, with keys of its own."""
        return f.NODE(number, number % 3, *[self.public("node %d %s" % (number, role)) for role in ROLES])

    def register_node(self):
        """A node is registered, or it is tried."""
        rng = self.rng
        node = self.node(rng.choice(IDS) if rng.random() < 0.8 else 100 + len(self.leaves))
        if rng.random() < 0.3:
            role = rng.choice(("transport", "log", "cosigner", "batch", "receipt"))
            others = ("registrar", "tenant 1", "node 1 Log", "nobody's")
            keys = (bytes(32), b"\1" + bytes(31), node.log, node.receipt, *map(self.public, others))
            node = node._replace(**{role: rng.choice(keys)})
        self.say("registrar" if rng.random() < 0.95 else "treasurer", f.REGISTER_NODE, node)
        if rng.random() < 0.2:  # a node's key takes no other role
            role = rng.choice(((f.REGULATOR, None), (f.TENANT, 1)))
            self.say("registrar", f.ADD_KEY, (self.public("node %d Batch" % node.id), role))

    def set_node_standing(self):
        """A node shall be something else, mostly more often a voter."""
        rng = self.rng
        node = rng.choice(self.ledger.node_ids() + [77])
        standing = rng.choice((f.VOTER, f.VOTER, f.VOTER, f.LEARNER, f.REMOVED))
        label = "registrar" if rng.random() < 0.95 else "treasurer"
        self.say(label, f.SET_NODE_STANDING, f.STEP(node, standing))

    def step(self, step=None):
        """A step that is wanted is taken, in a batch of its own."""
        self.batch()
        steps = self.ledger.wanted_steps()
        if step is None and not steps:
            return
        step = step or self.rng.choice(steps)
        signed, header = self.header(step_hash(step))
        made = self.ledger.take_step(signed, header, step)
        self.leaves += [f.ENTRY.write((f.BATCH_LEAF, (signed, ())))] + made
        self.counts["step to %s" % ("learner", "voter", "removed")[step.standing]] += 1

    def many_nodes(self):
        """More members than a park may have, and more voters; most go again, so that there is room."""
        first = 10_000
        for number in range(first, first + 66):
            self.say("registrar", f.REGISTER_NODE, self.node(number))
            if number % 40 == 0:
                self.batch()
        self.batch()
        for number in range(first, first + 66):
            standing = f.VOTER if number < first + 9 else f.REMOVED
            self.say("registrar", f.SET_NODE_STANDING, f.STEP(number, standing))
            if number % 3 == 0:
                self.say("registrar", f.REGISTER_NODE, self.node(number + 1_000))
        self.batch()
        for _ in range(12):
            self.step()

    def exchange_voters(self):
        """Steps until nothing is wanted, and then all founding nodes go, the last voter of them only after another came."""
        for _ in range(300):
            if not self.ledger.wanted_steps():
                break
            self.step()
        others = [one for one in self.ledger.node_ids() if one not in self.ledger.founding()]
        for node in others:
            self.say("registrar", f.SET_NODE_STANDING, f.STEP(node, f.VOTER))
        for node in self.ledger.founding():
            self.say("registrar", f.SET_NODE_STANDING, f.STEP(node, f.REMOVED))
        for _ in range(30):
            self.step()
        self.time += 60_000
        self.batch()
