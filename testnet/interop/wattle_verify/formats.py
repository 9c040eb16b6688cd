"""The types of FORMATS.md, sections 1 and 3 to 8, as codecs."""

from .codec import BOOL, BYTES, I16, I64, STRING, U8, U16, U32, U64
from .codec import Array, Choice, Enum, Fixed, List, Option, Struct, Tuple

# Section 1, units.
TIME = INTERVAL = NODE_ID = U64
WH = PRICE = MONEY = I64
HASH = KEY = Fixed(32)
SIG = Fixed(64)
PARTICIPANT_ID = POINT_ID = METER_ID = U32
BUILDING_ID = TARIFF_ID = U16

# Section 4, genesis.
BAND = Choice(4)
RANGE = Struct("Range", ("start", U8), ("end", U8), ("band", BAND))
BAND_PRICE = Struct("BandPrice", ("band", BAND), ("price", PRICE))
SEASON = Struct("Season", ("ranges", List(RANGE)), ("prices", List(BAND_PRICE)))
TARIFF = Struct("Tariff", ("months", Array(12, U8)), ("seasons", List(SEASON)))
TERMS = Struct("Terms", ("feed_in", PRICE), ("export", PRICE), ("wheeling", PRICE))
FACTOR = Struct("Factor", ("name", STRING), ("year", U16), ("milligrams", U32), ("source", STRING))
NODE = Struct(
    "Node",
    ("id", NODE_ID),
    ("building", BUILDING_ID),
    ("transport", KEY),
    ("log", KEY),
    ("cosigner", KEY),
    ("batch", KEY),
    ("receipt", KEY),
)
GENESIS = Struct(
    "Genesis",
    ("version", U8),
    ("name", STRING),
    ("utc_offset", I16),
    ("first", INTERVAL),
    ("registrar", KEY),
    ("treasurer", KEY),
    ("regulator", KEY),
    ("nodes", List(NODE)),
    ("terms", TERMS),
    ("tariffs", List(Tuple(TARIFF_ID, TARIFF))),
    ("factor", FACTOR),
)

# Section 5, events.
GENERATION, LOAD, CHARGE, DISCHARGE, IMPORT, EXPORT = range(6)  # MeterKind
METER_KIND = Choice(6)
REGISTRAR, TREASURER, REGULATOR, METER_ROLE, TENANT = range(5)  # Role
ROLE = Enum(None, None, None, METER_ID, PARTICIPANT_ID)
LOAD_METER, CONNECTION_METER = range(2)  # metering
BUY, SELL = range(2)  # side
PARTICIPANT = Struct("Participant", ("id", PARTICIPANT_ID), ("name", STRING))
POINT = Struct(
    "Point",
    ("id", POINT_ID),
    ("participant", PARTICIPANT_ID),
    ("building", BUILDING_ID),
    ("tariff", TARIFF_ID),
    ("generation", U32),
    ("connection", U32),
    ("metering", Choice(2)),
    ("start", INTERVAL),
)
METER = Struct(
    "Meter",
    ("id", METER_ID),
    ("point", POINT_ID),
    ("kind", METER_KIND),
    ("key", KEY),
    ("start", INTERVAL),
    ("register", WH),
    ("rated", U32),
)
READING = Struct("Reading", ("interval", INTERVAL), ("register", WH))
ORDER = Struct(
    "Order",
    ("point", POINT_ID),
    ("interval", INTERVAL),
    ("side", Choice(2)),
    ("quantity", WH),
    ("limit", PRICE),
)
ORDER_ID = Struct("OrderId", ("key", KEY), ("sequence", U64), ("item", U16))
MONEY_ACTION = Struct(
    "MoneyAction", ("participant", PARTICIPANT_ID), ("amount", MONEY), ("reference", STRING)
)
STANDING = Struct("Standing", ("enrolled", BOOL), ("ask", PRICE), ("bid", Option(PRICE)))
(
    REGISTER_PARTICIPANT,
    REGISTER_POINT,
    REGISTER_METER,
    ADD_KEY,
    ROTATE_KEY,
    REVOKE_KEY,
    SET_TARIFF,
    SET_TERMS,
    SET_FACTOR,
    DEPOSIT,
    WITHDRAW,
    SET_CREDIT_LIMIT,
    SUBMIT_READINGS,
    PLACE_ORDERS,
    CANCEL_ORDERS,
    SET_STANDING,
) = range(16)
ACTION = Enum(
    PARTICIPANT,
    POINT,
    METER,
    Tuple(KEY, ROLE),
    Tuple(KEY, SIG),
    KEY,
    Tuple(TARIFF_ID, INTERVAL, TARIFF),
    Tuple(INTERVAL, TERMS),
    Tuple(INTERVAL, FACTOR),
    MONEY_ACTION,
    MONEY_ACTION,
    Tuple(PARTICIPANT_ID, MONEY),
    List(READING),
    List(ORDER),
    List(ORDER_ID),
    Tuple(POINT_ID, STANDING),
)
EVENT = Struct(
    "Event", ("version", U8), ("author", KEY), ("sequence", U64), ("issued", TIME), ("action", ACTION)
)

# Section 6, batches.
HEADER = Struct(
    "Header",
    ("version", U8),
    ("park", HASH),
    ("node", NODE_ID),
    ("term", U64),
    ("time", TIME),
    ("events", HASH),
)

# Section 7, facts.
FORWARD, POOL, GRID, BALANCING, WHEELING, REPLACEMENT = range(6)  # PostingKind
POSTING_KIND = Choice(6)
POINT_LINES, TO_CLEARING, TO_GRID, TO_BALANCING, TO_NETWORK = range(5)  # Account of a posting
ACCOUNT = Enum(POINT_ID, None, None, None, None)
POINT_TERMS = Struct(
    "PointTerms",
    ("building", BUILDING_ID),
    ("retail", PRICE),
    ("enrolled", BOOL),
    ("ask", PRICE),
    ("bid", Option(PRICE)),
)
QUANTITIES = Struct("Quantities", ("green", WH), ("other", WH), ("long", WH), ("need", WH), ("short", WH))
LINE = Struct(
    "Line",
    ("net", WH),
    ("load", WH),
    ("surplus", WH),
    ("need", WH),
    ("g1", WH),
    ("g2", WH),
    ("g", WH),
    ("loss", WH),
    ("contracted", WH),
    ("delta", WH),
    ("physical", WH),
    ("virtual", WH),
    ("tranches", QUANTITIES),
    ("pool", QUANTITIES),
    ("unmatched", QUANTITIES),
    ("received", WH),
    ("wheeling", MONEY),
    ("forward_intake", WH),
    ("pool_intake", WH),
    ("actual", BOOL),
    ("delivered", WH),
    ("sent", WH),
    ("kept", WH),
    ("cancelled", WH),
    ("credit", MONEY),
    ("grid_alone", MONEY),
)
BUNDLE = Struct(
    "Bundle", ("quantity", WH), ("self_used", WH), ("stored", WH), ("lost", WH), ("sent", WH), ("held", WH)
)
(
    INTERVAL_CLEARED,
    ORDER_CLOSED,
    POINT_SETTLED,
    INTERVAL_SETTLED,
    SETTLEMENT_HELD,
    CERTIFICATE_ISSUED,
    CERTIFICATE_DELIVERED,
    FUNDS_MOVED,
) = range(8)
FACT_NAMES = (
    "IntervalCleared",
    "OrderClosed",
    "PointSettled",
    "IntervalSettled",
    "SettlementHeld",
    "CertificateIssued",
    "CertificateDelivered",
    "FundsMoved",
)
RUN = Choice(1)
POINT_FACT = Struct(
    "PointSettled",
    ("interval", INTERVAL),
    ("point", POINT_ID),
    ("run", RUN),
    ("terms", POINT_TERMS),
    ("substituted", List(METER_KIND)),
    ("line", LINE),
    ("postings", List(Tuple(POSTING_KIND, MONEY))),
)
INTERVAL_FACT = Struct(
    "IntervalSettled",
    ("interval", INTERVAL),
    ("run", RUN),
    ("terms", TERMS),
    ("factor", FACTOR),
    ("pool_price", Option(PRICE)),
    ("pool_volume", WH),
    ("postings", List(Tuple(ACCOUNT, POSTING_KIND, MONEY))),
)
FACT = Enum(
    Tuple(INTERVAL, Option(PRICE), WH, U32, U32),
    Tuple(ORDER_ID, ORDER, WH, Option(PRICE)),
    POINT_FACT,
    INTERVAL_FACT,
    Tuple(INTERVAL, STRING),
    Tuple(INTERVAL, POINT_ID, BUNDLE),
    Tuple(INTERVAL, POINT_ID, POINT_ID, WH),
    MONEY,
)

# Section 3, leaves.
GENESIS_LEAF, BATCH_LEAF, EVENT_LEAF, DERIVED_LEAF, SEAL_LEAF = range(5)
DROPPED = Struct("Dropped", ("place", U16), ("hash", HASH))
ENTRY = Enum(
    BYTES,
    Tuple(BYTES, List(DROPPED)),
    Tuple(BYTES, List(U16)),
    Tuple(Option(PARTICIPANT_ID), HASH, FACT),
    HASH,
)

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
) = range(17)
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
A_PARTICIPANT, A_CASH, A_CLEARING, A_GRID, A_BALANCING, A_NETWORK = range(6)  # AccountId
ACCOUNT_ID = Enum(PARTICIPANT_ID, None, None, None, None, None)
BALANCE = Struct("Balance", ("balance", MONEY), ("reserved", MONEY), ("credit", MONEY))
OPEN_ORDER = Struct("OpenOrder", ("participant", PARTICIPANT_ID), ("item", ORDER), ("reserved", MONEY))
POSITION = Struct("Position", ("sold", WH), ("bought", WH), ("cash", MONEY), ("reserved", MONEY))
OUTCOME = Struct("Outcome", ("hash", HASH), ("leaf", U64), ("outcome", List(U16)))
TABLES = (
    (Tuple(), CLOCK),
    (Tuple(PARTICIPANT_ID), PARTICIPANT),
    (Tuple(POINT_ID), POINT),
    (Tuple(METER_ID), METER),
    (Tuple(KEY), KEY_RECORD),
    (Tuple(TARIFF_ID, INTERVAL), TARIFF),
    (Tuple(INTERVAL), TERMS),
    (Tuple(INTERVAL), FACTOR),
    (Tuple(POINT_ID), STANDING),
    (Tuple(ACCOUNT_ID), BALANCE),
    (Tuple(INTERVAL, ORDER_ID), OPEN_ORDER),
    (Tuple(INTERVAL, POINT_ID), POSITION),
    (Tuple(METER_ID, INTERVAL), WH),
    (Tuple(INTERVAL), TERMS),
    (Tuple(INTERVAL, POINT_ID), POINT_TERMS),
    (Tuple(INTERVAL, POINT_ID), BUNDLE),
    (Tuple(KEY, U64), OUTCOME),
)
