"""Nodes that come, vote and go after the founding (RULES.md, section 20)."""

from hashlib import sha256

from . import formats as f
from .ed25519 import key_accepted
from .rules import require

MAX_NODE_ID = 2**53
MAX_MEMBERS = 64
MAX_NODES = 1_024
MAX_VOTERS = 7
KEYS_AT = 2  # a node's five keys follow its id and its building


def step_hash(step):
    """What a step's header has in place of the events' hash (FORMATS.md, section 17)."""
    return sha256(b"wattle/change/v0\n" + f.STEP.write(step)).digest()


class Members:
    """The part of the ledger that knows which nodes there are, what the registrar wants of them, and who votes."""

    def know_nodes(self):
        """Whose keys take no other role: those of all nodes that there ever were."""
        nodes = [*self.genesis.nodes, *(row.node for row in self.state.rows[f.T_NODES].values())]
        self.node_keys = {key for node in nodes for key in node[KEYS_AT:]}

    def founding(self):
        """The ids of the genesis' nodes."""
        return [node.id for node in self.genesis.nodes]

    def node_ids(self):
        """The ids of all nodes that there ever were."""
        return self.founding() + [number for (number,) in self.state.rows[f.T_NODES]]

    def membership(self):
        """Who votes and who learns."""
        row = self.state.get(f.T_MEMBERSHIP)
        return f.MEMBERSHIP(tuple(self.founding()), (), 0) if row is None else row

    def signers(self):
        """The founding nodes and those who vote now: whose keys may stand on a checkpoint beside the policy's."""
        voters = self.membership().voters
        later = [row.node for row in self.state.rows[f.T_NODES].values()]
        return [*self.genesis.nodes, *(node for node in later if node.id in voters)]

    def wanted_standing(self, node):
        """What the registrar wants a node to be; None if there is no such node."""
        if node not in self.founding() and self.state.get(f.T_NODES, node) is None:
            return None
        wanted = self.state.get(f.T_WANTED, node)
        if wanted is None:
            return f.VOTER if node in self.founding() else f.LEARNER
        return wanted

    def register_node(self, event, record, index, node):
        """A node that is not of the genesis; it is wanted as a learner."""
        require(1 <= node.id <= MAX_NODE_ID, 170)
        ids = self.node_ids()
        require(node.id not in ids, 171)
        keys = node[KEYS_AT:]
        for key in keys:
            require(key_accepted(key), 111)
            require(self.key_unused(key), 112)
        require(len(set(keys)) == len(keys), 112)
        kept = [one for one in ids if self.wanted_standing(one) != f.REMOVED]
        require(len(kept) < MAX_MEMBERS and len(ids) < MAX_NODES, 172)
        self.state.put(f.T_NODES, (node.id,), f.REGISTERED_NODE(node, index))
        self.node_keys.update(keys)

    def set_node_standing(self, event, record, index, step):
        """What a node shall be from now on; its steps follow."""
        wanted = self.wanted_standing(step.node)
        require(wanted is not None, 173)
        require(wanted != f.REMOVED, 174)
        require(wanted != step.standing, 175)
        others = [self.wanted_standing(one) for one in self.node_ids() if one != step.node]
        voters = others.count(f.VOTER) + (step.standing == f.VOTER)
        require(voters >= 1, 176)
        require(voters <= MAX_VOTERS, 177)
        self.state.put(f.T_WANTED, (step.node,), step.standing)

    def after_step(self, step, leaf):
        """The membership after a step that stands in a leaf."""
        voters, learners = (set(ids) - {step.node} for ids in self.membership()[:2])
        if step.standing == f.VOTER:
            voters.add(step.node)
        elif step.standing == f.LEARNER:
            learners.add(step.node)
        return f.MEMBERSHIP(tuple(sorted(voters)), tuple(sorted(learners)), leaf)

    def wanted_steps(self):
        """The steps that are wanted here, in their order."""
        voters, learners, _ = self.membership()
        founding = self.founding()
        ids = founding + sorted(set(self.node_ids()) - set(founding))
        wanted = {node: self.wanted_standing(node) for node in ids}
        steps = [(node, f.REMOVED) for node in ids if node in voters + learners and wanted[node] == f.REMOVED]
        for node in ids:
            comes = node not in voters + learners and wanted[node] != f.REMOVED
            if comes or (node in voters and wanted[node] == f.LEARNER):
                steps.append((node, f.LEARNER))
        steps += [(node, f.VOTER) for node in ids if node in learners and wanted[node] == f.VOTER]
        steps = [f.STEP(*step) for step in steps]
        return [step for step in steps if 1 <= len(self.after_step(step, 0).voters) <= MAX_VOTERS]

    def take_step(self, signed, header, step):
        """Changes the membership; gives the leaves after the header's."""
        self.time, self.term = header.time, header.term
        self.sign(signed[-64:])
        self.leaves += 1
        after = self.after_step(step, self.leaves)
        self.state.put(f.T_MEMBERSHIP, (), after)
        leaf = f.ENTRY.write((f.VOTERS_LEAF, (step, after.voters, after.learners)))
        self.leaves += 1
        return [leaf, self.seal()]
