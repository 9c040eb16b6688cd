"""One participant's view of a log (FORMATS.md, section 14): whose each leaf is, and how a view's files are divided."""

from . import formats as f
from .codec import BYTES, U64, Malformed, decode
from .evidence import MAX_RECORDED, Nothing
from .evidence import read as read_evidence

PART_LIMIT = 4_194_304
OFFICES = (f.REGISTRAR, f.TREASURER, f.REGULATOR)
EVERYONE, NOBODY = "everyone", frozenset()
PUBLIC = (
    f.REGISTER_PARTICIPANT,
    f.REGISTER_POINT,
    f.REGISTER_METER,
    f.REGISTER_BOUNDARY_METER,
    f.REGISTER_NODE,
    f.SET_NODE_STANDING,
    f.ADD_KEY,
    f.REVOKE_KEY,
    f.REVOKE_DELEGATE,
    f.LIFT_FREEZE,
    f.END_POINT,
    f.ASSIGN_METER,
    f.SET_TARIFF,
    f.SET_TERMS,
    f.SET_FACTOR,
    f.ACTIVATE_RULES,
    f.HALT_MARKET,
    f.RESUME_MARKET,
    f.SET_PRICE_BOUNDS,
    f.SET_CERTIFICATE_POLICY,
    f.SET_MARKET_MODE,
    f.SET_MONTH_CLOSE,
    f.RECORD_UTILITY_BILL,
    f.REVERSE_UTILITY_BILL,
    f.FOLLOW_LOG,
)


class Owners:
    """Keys, points and meters of all leaves that are there, by which each leaf is somebody's."""

    def __init__(self, entries, park, genesis):
        self.park, self.genesis = park, genesis
        self.roles = {
            genesis.registrar: (f.REGISTRAR, None),
            genesis.treasurer: (f.TREASURER, None),
            genesis.regulator: (f.REGULATOR, None),
        }
        self.owners = {}  # point -> participant
        self.registered = {}  # meter -> from and point of its registration
        self.measured = {}  # meter -> {from: point} of its assignments
        for kind, fields in entries:
            if kind == f.EVENT_LEAF and tuple(fields[1]) == (0,):
                event = decode(f.EVENT, fields[0][:-64])
                self._apply(event.author, *event.action)

    def _apply(self, author, number, action):
        if number == f.ADD_KEY:
            self.roles[action[0]] = action[1]
        elif number in (f.REGISTER_METER, f.REGISTER_BOUNDARY_METER):
            self.roles[action.key] = (f.METER_ROLE, action.id)
            self.measured[action.id] = {}
            if number == f.REGISTER_METER:
                self.registered[action.id] = (action.start, action.point)
        elif number == f.REPLACE_METER:
            self.roles[action.key] = (f.METER_ROLE, action.meter)
        elif number == f.ROTATE_KEY:
            self.roles[action[0]] = self.roles[author]
        elif number == f.DELEGATE:
            self.roles[action[0]] = (f.DELEGATE_ROLE, self.roles[author][1])
        elif number == f.REGISTER_POINT:
            self.owners[action.id] = action.participant
        elif number == f.ASSIGN_METER:
            self.measured[action[0]][action[2]] = action[1]

    def of_meter(self, meter, intervals=()):
        """All whose points a meter ever measures; of several those in the intervals, if there are some."""
        if meter not in self.registered:
            return NOBODY
        (begin, first), points = self.registered[meter], self.measured[meter]
        everyone = frozenset(self.owners[point] for point in (first, *points.values()))
        if len(everyone) < 2 or not intervals:
            return everyone
        found = set()
        for interval in intervals:
            start = max((at for at in points if at <= interval), default=None)
            if start is not None or interval >= begin:
                found.add(self.owners[first if start is None else points[start]])
        return frozenset(found) or everyone

    def of_leaf(self, kind, fields):
        """The participants whose a leaf is, or EVERYONE."""
        if kind == f.DERIVED_LEAF:
            return EVERYONE if fields[0] is None else frozenset((fields[0],))
        if kind != f.EVENT_LEAF:
            return EVERYONE
        event = decode(f.EVENT, fields[0][:-64])
        number, action = event.action
        role, who = self.roles.get(event.author, (None, None))
        if role == f.DELEGATE_ROLE:
            return frozenset((who,))
        if number == f.ROTATE_KEY and role is not None:
            return EVERYONE
        if role == f.TENANT:
            return frozenset((who,))
        if role == f.METER_ROLE:
            intervals = [one.interval for one in action] if number == f.SUBMIT_READINGS else ()
            return self.of_meter(who, intervals)
        if role == f.NODE_ROLE and number == f.RECORD_CHECKPOINT:
            return EVERYONE
        if role == f.NODE_ROLE and number == f.RECORD_EVIDENCE:
            return self._of_evidence(action)
        return self._of_office(number, action) if role in OFFICES else NOBODY

    def _of_evidence(self, data):
        """Heads are everyone's; two events are as private as each of them."""
        if len(data) > MAX_RECORDED:
            return NOBODY
        try:
            evidence = read_evidence(data, self.park, self.genesis)
        except Nothing:
            return NOBODY
        if not evidence.is_events:
            return EVERYONE
        role, who = self.roles.get(evidence.events[0].body.author, (None, None))
        if role in (f.TENANT, f.DELEGATE_ROLE):
            return frozenset((who,))
        return self.of_meter(who) if role == f.METER_ROLE else NOBODY

    def _of_office(self, number, action):
        if number in PUBLIC:
            return EVERYONE
        if number in (f.DEPOSIT, f.WITHDRAW, f.SET_CREDIT_LIMIT, f.DECLARE_DEFAULT):
            return frozenset((action[0],))
        if number == f.CLEAR_DEFAULT:
            return frozenset((action,))
        if number in (f.CORRECT_READING, f.RESET_REGISTER, f.REPLACE_METER, f.SET_RATIO):
            return self.of_meter(action[0])
        if number == f.SET_AFFILIATES:
            return frozenset(action[1])
        if number == f.WITHDRAW_CERTIFICATE:
            return frozenset((action.holder,))
        if number == f.LINK_CERTIFICATES and action.point in self.owners:
            return frozenset((self.owners[action.point],))
        return NOBODY


def is_his(owners, participant):
    """Whether a leaf belongs in a participant's view."""
    return owners == EVERYONE or participant in owners


def divide(records):
    """The parts of a view's records, which are (index, leaf)."""
    parts = []
    for index, leaf in records:
        record = U64.write(index) + BYTES.write(leaf)
        if not parts or len(parts[-1]) + len(record) > PART_LIMIT:
            parts.append(bytearray())
        parts[-1] += record
    return [bytes(part) for part in parts]


def read_records(part):
    """The records of a part."""
    at = 0
    while at < len(part):
        end = at + 16 + int.from_bytes(part[at + 8 : at + 16], "little")
        if at + 16 > len(part) or end > len(part):
            raise Malformed("a record is cut")
        yield int.from_bytes(part[at : at + 8], "little"), part[at + 16 : end]
        at = end
