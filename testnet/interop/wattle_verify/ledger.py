"""What the ledger does with batches and events (RULES.md, sections 1 to 5, and the order of all others)."""

from hashlib import sha256

from . import formats as f
from .codec import U64, Malformed, decode
from .ed25519 import signature_holds
from .certificates import Certificates, expiry_due
from .continuous import Continuous
from .evidence import Convictions
from .foreign import Foreign
from .joint import Joint, joint_due
from .members import Members
from .metering import Contradiction, Metering
from .months import Months
from .registry import Registry
from .rules import (
    DUE_LIMIT,
    EVENT_LIMIT,
    HOUR,
    KEPT_OUTCOMES,
    OUTCOMES_TOGETHER,
    LIST_LIMIT,
    QUARTER,
    QUOTA,
    SEAL_EVERY,
    Refused,
    gate_closure,
    require,
    settlement_due,
    split_signature,
    tariff_price,
)
from .runs import Runs
from .state import State
from .trading import Trading

NEVER = 2**64

# Who may sign an action, and what carries it out. A list's items are judged one by one.
ACTIONS = {
    f.REGISTER_PARTICIPANT: ((f.REGISTRAR,), "register_participant"),
    f.REGISTER_POINT: ((f.REGISTRAR,), "register_point"),
    f.REGISTER_METER: ((f.REGISTRAR,), "register_meter"),
    f.ADD_KEY: ((f.REGISTRAR,), "add_key"),
    f.ROTATE_KEY: (
        (f.REGISTRAR, f.TREASURER, f.REGULATOR, f.METER_ROLE, f.TENANT, f.NODE_ROLE),
        "rotate_key",
    ),
    f.REVOKE_KEY: ((f.REGISTRAR,), "revoke_key"),
    f.SET_TARIFF: ((f.REGISTRAR,), "set_tariff"),
    f.SET_TERMS: ((f.REGISTRAR,), "set_terms"),
    f.SET_FACTOR: ((f.REGISTRAR,), "set_factor"),
    f.DEPOSIT: ((f.TREASURER,), "deposit"),
    f.WITHDRAW: ((f.TREASURER,), "withdraw"),
    f.SET_CREDIT_LIMIT: ((f.TREASURER,), "set_credit_limit"),
    f.SUBMIT_READINGS: ((f.METER_ROLE,), None),
    f.PLACE_ORDERS: ((f.TENANT, f.DELEGATE_ROLE), None),
    f.CANCEL_ORDERS: ((f.TENANT, f.DELEGATE_ROLE), None),
    f.SET_STANDING: ((f.TENANT,), "set_standing"),
    f.ACTIVATE_RULES: ((f.REGISTRAR,), "activate_rules"),
    f.CORRECT_READING: ((f.REGISTRAR,), "correct_reading"),
    f.LIFT_FREEZE: ((f.REGISTRAR,), "lift_freeze"),
    f.PLACE_ORDERS_WITH: ((f.TENANT, f.DELEGATE_ROLE), None),
    f.CHANGE_ORDERS: ((f.TENANT, f.DELEGATE_ROLE), None),
    f.CANCEL_ALL: ((f.TENANT, f.DELEGATE_ROLE), "cancel_all"),
    f.SET_AFFILIATES: ((f.REGISTRAR,), "set_affiliates"),
    f.HALT_MARKET: ((f.REGISTRAR,), "halt_market"),
    f.RESUME_MARKET: ((f.REGISTRAR,), "resume_market"),
    f.SET_PRICE_BOUNDS: ((f.REGISTRAR,), "set_price_bounds"),
    f.RESET_REGISTER: ((f.REGISTRAR,), "reset_register"),
    f.REPLACE_METER: ((f.REGISTRAR,), "replace_meter"),
    f.SET_RATIO: ((f.REGISTRAR,), "set_ratio"),
    f.END_POINT: ((f.REGISTRAR,), "end_point"),
    f.ASSIGN_METER: ((f.REGISTRAR,), "assign_meter"),
    f.DELEGATE: ((f.TENANT,), "delegate"),
    f.REVOKE_DELEGATE: ((f.TENANT, f.REGISTRAR), "revoke_delegate"),
    f.SET_SCHEDULE: ((f.TENANT,), "set_schedule"),
    f.TRANSFER_CERTIFICATES: ((f.TENANT,), None),
    f.CANCEL_CERTIFICATES: ((f.TENANT,), None),
    f.WITHDRAW_CERTIFICATE: ((f.REGISTRAR,), "withdraw_certificate"),
    f.LINK_CERTIFICATES: ((f.REGISTRAR,), "link_certificates"),
    f.SET_CERTIFICATE_POLICY: ((f.REGISTRAR,), "set_certificate_policy"),
    f.REGISTER_BOUNDARY_METER: ((f.REGISTRAR,), "register_boundary_meter"),
    f.SET_MONTH_CLOSE: ((f.REGISTRAR,), "set_month_close"),
    f.RECORD_UTILITY_BILL: ((f.TREASURER,), "record_utility_bill"),
    f.REVERSE_UTILITY_BILL: ((f.TREASURER,), "reverse_utility_bill"),
    f.MOVE_RESIDUE: ((f.TREASURER,), "move_residue"),
    f.DECLARE_DEFAULT: ((f.TREASURER,), "declare_default"),
    f.CLEAR_DEFAULT: ((f.TREASURER,), "clear_default"),
    f.SET_MARKET_MODE: ((f.REGISTRAR,), "set_market_mode"),
    f.PLACE_IMMEDIATE: ((f.TENANT, f.DELEGATE_ROLE), None),
    f.PLACE_BUNDLE: ((f.TENANT,), "place_bundle"),
    f.CANCEL_BUNDLE: ((f.TENANT,), "cancel_bundle"),
    f.REGISTER_NODE: ((f.REGISTRAR,), "register_node"),
    f.SET_NODE_STANDING: ((f.REGISTRAR,), "set_node_standing"),
    f.FOLLOW_LOG: ((f.REGISTRAR,), "follow_log"),
    f.RECORD_CHECKPOINT: ((f.NODE_ROLE,), "record_checkpoint"),
    f.RECORD_EVIDENCE: ((f.NODE_ROLE,), "record_evidence"),
}


class Ledger(
    Registry, Trading, Continuous, Joint, Metering, Runs, Certificates, Months, Members, Foreign, Convictions
):
    """A park's state, changed batch by batch. `leaves` is the size of the log so far."""

    def __init__(self, park, genesis, signature, check_signatures=True):
        self.park, self.genesis = park, genesis
        self.check_signatures = check_signatures
        self.state = State()
        self.running = sha256(bytes(32) + signature).digest()
        self.leaves = 1
        self.time = self.term = self.sealed_at = 0
        self.unsealed = True
        self.next_gate = self.next_settlement = genesis.first
        self.names = set()
        self.kept_from = 0  # the day before which all registers were let go of that can be
        self.know_nodes()
        self.dearest = {}  # interval -> h, forgotten when the registry or a price changes
        self.findings = []  # (claim, reason) of invariants that broke since the caller last looked
        put = self.state.put
        for role, key in ((0, genesis.registrar), (1, genesis.treasurer), (2, genesis.regulator)):
            put(f.T_KEYS, (key,), f.KEY_RECORD((role, None), 0, 0, None, 0, 0))
        for account in range(f.A_CASH, f.A_NETWORK + 1):
            put(f.T_ACCOUNTS, ((account, None),), f.BALANCE(0, 0, 0))
        for tariff, prices in genesis.tariffs:
            put(f.T_TARIFFS, (tariff, genesis.first), prices)
        put(f.T_TERMS, (genesis.first,), genesis.terms)
        put(f.T_FACTORS, (genesis.first,), genesis.factor)

    # Leaves.

    def derive(self, concerns, fact):
        """The leaf of a derived fact, with its blind (FORMATS.md, section 3)."""
        blind = sha256(b"wattle/blind/v0\n" + self.running + U64.write(self.leaves)).digest()
        self.leaves += 1
        self.unsealed = True
        return f.ENTRY.write((f.DERIVED_LEAF, (concerns, blind, fact)))

    def sign(self, signature):
        """Takes a recorded signature into the running hash."""
        self.running = sha256(self.running + signature).digest()

    def seal_if_due(self, must_seal):
        """The seal's leaf, or None (section 2, step 4)."""
        if not must_seal and not (self.unsealed and self.time >= self.sealed_at + SEAL_EVERY):
            return None
        return self.seal()

    def seal(self):
        """The seal's leaf."""
        self.sealed_at, self.unsealed = self.time, False
        clock = f.CLOCK(
            self.time,
            self.term,
            self.next_gate,
            self.next_settlement,
            self.sealed_at,
            self.unsealed,
            self.leaves,
            self.running,
        )
        self.state.put(f.T_CLOCK, (), clock)
        self.leaves += 1
        return f.ENTRY.write((f.SEAL_LEAF, self.state.root()))

    # Section 2, what is due.

    def due(self):
        """Does what the clock made due; gives the facts in order and whether a seal must follow."""
        facts, must_seal = [], False
        for _ in range(DUE_LIMIT):
            course, joint = self.state.get(f.T_COURSE), self.state.get(f.T_JOINT)
            certificates = self.state.get(f.T_CERTIFICATE_COURSE)
            dues = [gate_closure(self.next_gate), settlement_due(self.next_settlement)]
            dues.append(joint_due(joint.next_day) if joint else NEVER)
            dues.append(self.final_due(course.next_final) if course else NEVER)
            dues.append(self.expiry_due(certificates.next_expiry) if certificates else NEVER)
            if min(dues) > self.time:
                break
            what = dues.index(min(dues))
            if what == 0:
                interval, self.next_gate = self.next_gate, self.next_gate + 1
                self.pin(interval)
                facts += self.close_gate(interval)
            elif what == 1:
                interval, self.next_settlement = self.next_settlement, self.next_settlement + 1
                run = None
                if self.state.get(f.T_PARK_PINS, interval) is not None:
                    found, run = self.settle(interval)
                    facts += found
                    must_seal = True
                if not self.has_final_run(interval):
                    facts += self.finish(interval, run)
                    if run is not None:
                        self.release_pins(interval)
                self.forget_past()
                facts += self.price_day(interval)
            elif what == 2:
                facts += self.hold_joint()
            elif what == 3:
                found, closed = self.final_run()
                facts += found
                must_seal = must_seal or closed
            else:
                facts += self.expire()
        return facts, must_seal

    def expiry_due(self, origin):
        """When the certificates of an origin expire."""
        return expiry_due(origin, self.genesis.utc_offset)

    # Section 4, prices in force.

    def retail(self, point, interval):
        """The point's retail price at an interval, or None."""
        tariff = self.state.in_force(f.T_TARIFFS, point.tariff, interval)
        return None if tariff is None else tariff_price(tariff, interval, self.genesis.utc_offset)

    def terms_at(self, interval):
        """The terms in force at an interval; there are some from the first interval on."""
        return self.state.in_force(f.T_TERMS, interval)

    def interval_now(self):
        """The interval that contains the present time."""
        return self.time // QUARTER

    def gate_open(self, interval):
        """Whether an interval's gate is open."""
        return interval >= self.next_gate and self.time < gate_closure(interval)

    # Section 11, accounts.

    def move(self, account, amount):
        """Adds to a balance."""
        row = self.state.get(f.T_ACCOUNTS, account)
        self.state.put(f.T_ACCOUNTS, (account,), row._replace(balance=row.balance + amount))

    def reserve(self, participant, amount):
        """Adds to what is reserved of a participant's cover."""
        account = (f.A_PARTICIPANT, participant)
        row = self.state.get(f.T_ACCOUNTS, account)
        self.state.put(f.T_ACCOUNTS, (account,), row._replace(reserved=row.reserved + amount))

    # Section 3, admission.

    def admit(self, signed):
        """The event of signed bytes, ready to be recorded; refuses with a code below 100."""
        require(len(signed) <= EVENT_LIMIT, 2)
        try:
            body, signature = split_signature(signed)
            event = decode(f.EVENT, body)
        except Malformed:
            raise Refused(1)
        require(event.version == 0, 1)
        record = self.state.get(f.T_KEYS, event.author)
        require(record is not None, 4)
        if event.sequence <= record.sequence:
            raise Refused(7 if self.state.get(f.T_OUTCOMES, event.author, event.sequence) else 9)
        require(record.revoked is None, 5)
        require(event.sequence == record.sequence + 1, 6)
        require(record.hour != self.time // HOUR or record.hour_events < QUOTA, 8)
        if self.check_signatures:
            require(signature_holds(event.author, b"wattle/event/v0\n" + self.park + body, signature), 3)
        return event

    def record(self, signed):
        """Records an event; gives its leaf and the leaves it causes."""
        event = self.admit(signed)
        self.sign(signed[-64:])
        record = self.state.get(f.T_KEYS, event.author)
        hour = self.time // HOUR
        record = record._replace(
            sequence=event.sequence,
            hour=hour,
            hour_events=record.hour_events + 1 if record.hour == hour else 1,
        )
        self.state.put(f.T_KEYS, (event.author,), record)
        index, self.leaves, self.unsealed = self.leaves, self.leaves + 1, True
        number, fields = event.action
        roles, method = ACTIONS[number]
        facts = []
        try:
            require(not self.is_frozen(event.author), 307)
            require(record.role[0] in roles, 100)
            if method is None:
                require(len(fields) > 0, 101)
                require(len(fields) <= LIST_LIMIT, 102)
                outcome, facts = self.judge_items(event, record.role[1], index, number, fields)
            else:
                outcome = [0]
                facts = getattr(self, method)(event, record, index, fields) or []
        except Refused as refused:
            outcome = [refused.code]
        row = f.OUTCOME(sha256(signed).digest(), index, tuple(outcome))
        self.state.put(f.T_OUTCOMES, (event.author, event.sequence), row)
        if event.sequence >= KEPT_OUTCOMES + OUTCOMES_TOGETHER:
            first = (event.sequence - KEPT_OUTCOMES) // OUTCOMES_TOGETHER * OUTCOMES_TOGETHER - OUTCOMES_TOGETHER
            for sequence in range(first, first + OUTCOMES_TOGETHER):
                self.state.drop(f.T_OUTCOMES, event.author, sequence)
        leaf = f.ENTRY.write((f.EVENT_LEAF, (signed, tuple(outcome))))
        return leaf, [self.derive(concerns, fact) for concerns, fact in facts]

    def judge_items(self, event, owner, index, number, items):
        """A code for each item, each seeing what those before it changed; and the facts that they cause."""
        codes, facts = [], []
        author = event.author
        for place, item in enumerate(items):
            try:
                if number == f.SUBMIT_READINGS:
                    self.submit_reading(author, owner, item)
                elif number == f.PLACE_ORDERS:
                    facts += self.place_order(event, index, place, owner, item)
                elif number in (f.PLACE_ORDERS_WITH, f.PLACE_IMMEDIATE):
                    immediate = number == f.PLACE_IMMEDIATE
                    facts += self.place_order(event, index, place, owner, *item, immediate=immediate)
                elif number == f.TRANSFER_CERTIFICATES:
                    facts += self.transfer_certificate(owner, item)
                elif number == f.CANCEL_CERTIFICATES:
                    facts += self.cancel_certificate(owner, item)
                elif number == f.CHANGE_ORDERS:
                    facts += self.change_order(author, owner, item, f.ARRIVAL(index, place))
                else:
                    self.cancel_order(author, owner, item)
                codes.append(0)
            except Refused as refused:
                codes.append(refused.code)
            except Contradiction as contradiction:
                codes.append(305)
                facts.append(self.freeze(author, contradiction))
        return codes, facts
