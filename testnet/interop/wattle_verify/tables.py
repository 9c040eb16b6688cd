"""The tables of FORMATS.md, section 8."""

from .codec import BOOL, I128, STRING, U8, U16, U32, U64
from .codec import Array, Enum, List, Option, Struct, Tuple
from .events import (
    BILL,
    BOUNDARY_METER,
    CERTIFICATE_ID,
    FACTOR,
    HASH,
    INTERVAL,
    KEY,
    LEG,
    LIMITS,
    MARKET_MODE,
    METER,
    METER_ID,
    MONEY,
    MONTH,
    MONTH_TERMS,
    NODE,
    NODE_ID,
    NODE_STANDING,
    ORDER,
    ORDER_ID,
    PARTICIPANT,
    PARTICIPANT_ID,
    POINT,
    POINT_ID,
    POLICY,
    PRICE,
    RATIO,
    ROLE,
    SCHEDULE_ENTRY,
    STANDING,
    TARIFF,
    TARIFF_ID,
    TERMS,
    TIME,
    WH,
)
from .facts import BUNDLE, POINT_TERMS, ROLL_UP

# Section 8, the state's tables: key and value.
(
    T_CLOCK,
    T_PARTICIPANTS,
    T_POINTS,
    T_METERS,
    T_KEYS,
    T_TARIFFS,
    T_TERMS,
    T_FACTORS,
    T_STANDING,
    T_ACCOUNTS,
    T_ORDERS,
    T_POSITIONS,
    T_READINGS,
    T_PARK_PINS,
    T_POINT_PINS,
    T_CERTIFICATES,
    T_OUTCOMES,
    T_COURSE,
    T_INPUTS,
    T_CORRECTED,
    T_FROZEN,
    T_MINIMUMS,
    T_AFFILIATES,
    T_HALTS,
    T_BOUNDS,
    T_BREAKS,
    T_ENDS,
    T_ASSIGNMENTS,
) = range(28)
T_DELEGATIONS, T_USES, T_INDEX, T_TURNOVERS, T_SCHEDULES = range(30, 35)
T_MODES, T_ARRIVALS, T_TRADES = range(35, 38)
T_JOINT, T_BUNDLES = range(40, 42)
(
    T_CERTIFICATE_COURSE,
    T_LIVES,
    T_HOLDINGS,
    T_UNCOVERED,
    T_POLICIES,
    T_LOTS,
    T_OPEN_MONTHS,
    T_ROLLED_UP,
    T_EXTERNAL,
) = range(45, 54)
(
    T_BOUNDARY,
    T_MONTH_TERMS,
    T_MONTH_CLOSE,
    T_GREATEST,
    T_PARTICIPANT_MONTHS,
    T_PARK_MONTHS,
    T_CLOSED_MONTHS,
    T_INVOICES,
    T_IN_DEFAULT,
    T_COVERED,
) = range(55, 65)
T_NODES, T_WANTED, T_MEMBERSHIP = range(65, 68)
T_FOLLOWED, T_FOREIGN, T_CONTRADICTIONS = range(68, 71)
T_CONVICTED_KEYS, T_CONVICTED_NODES, T_FROZEN_BY_EVIDENCE = range(71, 74)
CLOCK = Struct(
    "Clock",
    ("time", TIME),
    ("term", U64),
    ("next_gate", INTERVAL),
    ("next_settlement", INTERVAL),
    ("sealed_at", TIME),
    ("unsealed", BOOL),
    ("leaves", U64),
    ("signatures", HASH),
)
KEY_RECORD = Struct(
    "KeyRecord",
    ("role", ROLE),
    ("sequence", U64),
    ("added", U64),
    ("revoked", Option(U64)),
    ("hour", U64),
    ("hour_events", U32),
)
# AccountId
A_PARTICIPANT, A_CASH, A_CLEARING, A_GRID, A_BALANCING, A_NETWORK, A_FEES, A_RESIDUE = range(8)
ACCOUNT_ID = Enum(PARTICIPANT_ID, None, None, None, None, None, None, None)
BALANCE = Struct("Balance", ("balance", MONEY), ("reserved", MONEY), ("credit", MONEY))
OPEN_ORDER = Struct("OpenOrder", ("participant", PARTICIPANT_ID), ("item", ORDER), ("reserved", MONEY))
POSITION = Struct("Position", ("sold", WH), ("bought", WH), ("cash", MONEY), ("reserved", MONEY))
OUTCOME = Struct("Outcome", ("hash", HASH), ("leaf", U64), ("outcome", List(U16)))
COURSE = Struct(
    "Course",
    ("start", INTERVAL),
    ("next_final", INTERVAL),
    ("month_first", INTERVAL),
    ("intervals", U32),
    ("adjusted", U32),
)
ENERGY = Struct(
    "Energy",
    ("generation", WH),
    ("load", WH),
    ("charge", WH),
    ("discharge", WH),
    ("connection", Option(Tuple(WH, WH))),
    ("actual", BOOL),
)
INPUTS = Struct("Inputs", ("sold", WH), ("bought", WH), ("cash", MONEY), ("energy", ENERGY))
FROZEN = Struct("Frozen", ("meter", METER_ID), ("interval", INTERVAL), ("recorded", WH), ("claimed", WH))
BOUNDS = Struct("Bounds", ("floor", PRICE), ("cap", PRICE))
BREAK = Struct("Break", ("last", WH), ("start", WH), ("ratio", RATIO))
DELEGATION = Struct("Delegation", ("participant", PARTICIPANT_ID), ("by", KEY), ("limits", LIMITS))
USE = Struct("Use", ("energy", I128), ("money", I128))
TURNOVER = Struct("Turnover", ("auction", WH), ("auction_value", I128), ("pool", WH), ("pool_value", I128))
ARRIVAL = Struct("Arrival", ("leaf", U64), ("item", U16))
TRADES = Struct("Trades", ("count", U64), ("volume", WH), ("value", I128), ("last", PRICE))
JOINT = Struct("Joint", ("start", INTERVAL), ("next_day", INTERVAL))
OPEN_BUNDLE = Struct(
    "OpenBundle",
    ("participant", PARTICIPANT_ID),
    ("point", POINT_ID),
    ("legs", List(LEG)),
    ("limit", MONEY),
    ("reserved", MONEY),
)
CERTIFICATE_COURSE = Struct(
    "CertificateCourse", ("start", INTERVAL), ("next", INTERVAL), ("next_expiry", INTERVAL)
)
LIFE = Struct("Life", ("held", WH), ("cancelled", WH), ("expired", WH), ("withdrawn", WH), ("linked", WH))
LOT = Struct("Lot", ("green", WH), ("grey", WH))
OPEN_MONTH = Struct("OpenMonth", ("left", WH), ("added", WH), ("self_use_left", WH), ("self_use_added", WH))
ROLLED_UP_MONTH = Struct(
    "RolledUpMonth",
    ("tradable", ROLL_UP),
    ("self_use", ROLL_UP),
    ("linked", U32),
    ("linked_self_use", U32),
)
GREATEST = Struct("Greatest", ("need", WH), ("interval", INTERVAL))
PARTICIPANT_MONTH = Struct("ParticipantMonth", ("postings", Array(6, I128)), ("grid_alone", I128))
PARK_MONTH = Struct("ParkMonth", ("grid", I128), ("net", I128), ("substituted", U32), ("held", U32))
CLOSED_MONTH = Struct("ClosedMonth", ("collected", MONEY), ("owner", PARTICIPANT_ID), ("bill", Option(BILL)))
INVOICE = Struct("Invoice", ("gross", MONEY), ("credit", MONEY), ("grid_alone", MONEY), ("cut", MONEY))
COVERED = Struct("Covered", ("debt", MONEY), ("balancing", MONEY), ("gains", MONEY))
REGISTERED_NODE = Struct("RegisteredNode", ("node", NODE), ("leaf", U64))
MEMBERSHIP = Struct("Membership", ("voters", List(NODE_ID)), ("learners", List(NODE_ID)), ("since", U64))
FOREIGN = Struct(
    "ForeignCheckpoint",
    ("size", U64),
    ("root", HASH),
    ("note", HASH),
    ("cosigned", U64),
    ("recorded", TIME),
    ("leaf", U64),
    ("node", NODE_ID),
)
CONTRADICTION = Struct(
    "LogContradiction",
    ("size", U64),
    ("root", HASH),
    ("leaf", U64),
    ("other_root", HASH),
    ("other_leaf", U64),
)
RECORDED = Struct(
    "RecordedEvidence", ("evidence", HASH), ("recorded", TIME), ("leaf", U64), ("node", NODE_ID)
)
CONVICTED_NODE = Struct(
    "ConvictedNode",
    ("first_size", U64),
    ("first_root", HASH),
    ("second_size", U64),
    ("second_root", HASH),
    ("recorded", RECORDED),
)
FROZEN_BY_EVIDENCE = Struct("FrozenByEvidence", ("meter", METER_ID), ("sequence", U64))
TABLES = {
    T_CLOCK: (Tuple(), CLOCK),
    T_PARTICIPANTS: (Tuple(PARTICIPANT_ID), PARTICIPANT),
    T_POINTS: (Tuple(POINT_ID), POINT),
    T_METERS: (Tuple(METER_ID), METER),
    T_KEYS: (Tuple(KEY), KEY_RECORD),
    T_TARIFFS: (Tuple(TARIFF_ID, INTERVAL), TARIFF),
    T_TERMS: (Tuple(INTERVAL), TERMS),
    T_FACTORS: (Tuple(INTERVAL), FACTOR),
    T_STANDING: (Tuple(POINT_ID), STANDING),
    T_ACCOUNTS: (Tuple(ACCOUNT_ID), BALANCE),
    T_ORDERS: (Tuple(INTERVAL, ORDER_ID), OPEN_ORDER),
    T_POSITIONS: (Tuple(INTERVAL, POINT_ID), POSITION),
    T_READINGS: (Tuple(METER_ID, INTERVAL), WH),
    T_PARK_PINS: (Tuple(INTERVAL), TERMS),
    T_POINT_PINS: (Tuple(INTERVAL, POINT_ID), POINT_TERMS),
    T_CERTIFICATES: (Tuple(INTERVAL, POINT_ID), BUNDLE),
    T_OUTCOMES: (Tuple(KEY, U64), OUTCOME),
    T_COURSE: (Tuple(), COURSE),
    T_INPUTS: (Tuple(INTERVAL, POINT_ID), INPUTS),
    T_CORRECTED: (Tuple(INTERVAL, METER_ID), WH),
    T_FROZEN: (Tuple(KEY), FROZEN),
    T_MINIMUMS: (Tuple(INTERVAL, ORDER_ID), WH),
    T_AFFILIATES: (Tuple(U16), List(PARTICIPANT_ID)),
    T_HALTS: (Tuple(INTERVAL), Option(INTERVAL)),
    T_BOUNDS: (Tuple(INTERVAL), BOUNDS),
    T_BREAKS: (Tuple(METER_ID, INTERVAL), BREAK),
    T_ENDS: (Tuple(POINT_ID), INTERVAL),
    T_ASSIGNMENTS: (Tuple(METER_ID, INTERVAL), POINT_ID),
    T_DELEGATIONS: (Tuple(KEY), DELEGATION),
    T_USES: (Tuple(INTERVAL, KEY), USE),
    T_INDEX: (Tuple(), INTERVAL),
    T_TURNOVERS: (Tuple(INTERVAL), TURNOVER),
    T_SCHEDULES: (Tuple(POINT_ID), List(SCHEDULE_ENTRY)),
    T_MODES: (Tuple(INTERVAL), MARKET_MODE),
    T_ARRIVALS: (Tuple(INTERVAL, ORDER_ID), ARRIVAL),
    T_TRADES: (Tuple(INTERVAL), TRADES),
    T_JOINT: (Tuple(), JOINT),
    T_BUNDLES: (Tuple(INTERVAL, ORDER_ID), OPEN_BUNDLE),
    T_CERTIFICATE_COURSE: (Tuple(), CERTIFICATE_COURSE),
    T_LIVES: (Tuple(CERTIFICATE_ID), LIFE),
    T_HOLDINGS: (Tuple(CERTIFICATE_ID, PARTICIPANT_ID), WH),
    T_UNCOVERED: (Tuple(INTERVAL, POINT_ID), WH),
    T_POLICIES: (Tuple(INTERVAL), POLICY),
    T_LOTS: (Tuple(POINT_ID, INTERVAL), LOT),
    T_OPEN_MONTHS: (Tuple(POINT_ID), OPEN_MONTH),
    T_ROLLED_UP: (Tuple(POINT_ID, MONTH), ROLLED_UP_MONTH),
    T_BOUNDARY: (Tuple(METER_ID), BOUNDARY_METER),
    T_MONTH_TERMS: (Tuple(INTERVAL), MONTH_TERMS),
    T_MONTH_CLOSE: (Tuple(), INTERVAL),
    T_GREATEST: (Tuple(MONTH, POINT_ID), GREATEST),
    T_PARTICIPANT_MONTHS: (Tuple(MONTH, PARTICIPANT_ID), PARTICIPANT_MONTH),
    T_PARK_MONTHS: (Tuple(MONTH), PARK_MONTH),
    T_CLOSED_MONTHS: (Tuple(MONTH), CLOSED_MONTH),
    T_INVOICES: (Tuple(MONTH, PARTICIPANT_ID), INVOICE),
    T_IN_DEFAULT: (Tuple(PARTICIPANT_ID), TIME),
    T_COVERED: (Tuple(MONTH, PARTICIPANT_ID), COVERED),
    T_EXTERNAL: (Tuple(STRING), Tuple(POINT_ID, MONTH, U32, BOOL)),
    T_NODES: (Tuple(NODE_ID), REGISTERED_NODE),
    T_WANTED: (Tuple(NODE_ID), NODE_STANDING),
    T_MEMBERSHIP: (Tuple(), MEMBERSHIP),
    T_FOLLOWED: (Tuple(STRING), STRING),
    T_FOREIGN: (Tuple(STRING), FOREIGN),
    T_CONTRADICTIONS: (Tuple(STRING), CONTRADICTION),
    T_CONVICTED_KEYS: (Tuple(KEY, U64), RECORDED),
    T_CONVICTED_NODES: (Tuple(NODE_ID), CONVICTED_NODE),
    T_FROZEN_BY_EVIDENCE: (Tuple(KEY), FROZEN_BY_EVIDENCE),
}

# Tables whose rows go into the trie in groups: the codec of the group's key, and how many rows a group has room for.
GROUPED = {
    T_READINGS: (Tuple(METER_ID, U64), 96),
    T_POINT_PINS: (Tuple(INTERVAL, U64), 64),
    T_CERTIFICATES: (Tuple(INTERVAL, U64), 64),
    T_OUTCOMES: (Tuple(KEY, U64), 16),
    T_INPUTS: (Tuple(INTERVAL, U64), 64),
}


def members(value_codec):
    """The codec of the rows of a group: each place with its value."""
    return List(Tuple(U8, value_codec))
