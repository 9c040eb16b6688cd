"""The types of FORMATS.md, sections 1, 4 to 6 and 17: what is signed."""

from .codec import BOOL, BYTES, I16, I64, STRING, U16, U32, U64, U8
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

# Section 17, steps of the membership.
LEARNER, VOTER, REMOVED = range(3)  # Standing
NODE_STANDING = Choice(3, grows="Standing")
STEP = Struct("Step", ("node", NODE_ID), ("standing", NODE_STANDING))

# Section 5, events.
GENERATION, LOAD, CHARGE, DISCHARGE, IMPORT, EXPORT = range(6)  # MeterKind
METER_KIND = Choice(6, grows="MeterKind")
REGISTRAR, TREASURER, REGULATOR, METER_ROLE, TENANT, DELEGATE_ROLE, NODE_ROLE = range(7)  # Role
ROLE = Enum(None, None, None, METER_ID, PARTICIPANT_ID, PARTICIPANT_ID, NODE_ID, grows="Role")
FINAL_RUNS, PRICE_INDEX, CERTIFICATES, MONTH_CLOSE, JOINT_AUCTION = range(5)  # RuleSet
RULE_SET = Choice(5, grows="RuleSet")
CALL_AUCTION, CONTINUOUS = range(2)  # MarketMode
MARKET_MODE = Choice(2, grows="MarketMode")
MAKER, TAKER = range(2)  # TradeRole
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
RATIO = Struct("Ratio", ("numerator", U32), ("denominator", U32))
LIMITS = Struct(
    "DelegationLimits",
    ("points", List(POINT_ID)),
    ("order_energy", WH),
    ("day_energy", WH),
    ("day_money", MONEY),
    ("start", INTERVAL),
    ("end", INTERVAL),
)
SCHEDULE_ENTRY = Struct(
    "ScheduleEntry",
    ("weekdays", U8),
    ("start", U8),
    ("end", U8),
    ("enrolled", BOOL),
    ("ask", PRICE),
    ("bid", Option(PRICE)),
)
LEG = Struct("Leg", ("interval", INTERVAL), ("side", Choice(2)), ("quantity", WH))
BUNDLE_ACTION = Struct("BundleAction", ("point", POINT_ID), ("legs", List(LEG)), ("limit", MONEY))
MONTH = U32
BOUNDARY_METER = Struct(
    "BoundaryMeter",
    ("id", METER_ID),
    ("kind", METER_KIND),
    ("key", KEY),
    ("start", INTERVAL),
    ("register", WH),
    ("rated", U32),
)
MONTH_TERMS = Struct(
    "MonthTerms", ("demand_price", I64), ("fee", MONEY), ("vat_rate", U32), ("owner", PARTICIPANT_ID)
)
BILL = Struct("Bill", ("imported", WH), ("exported", WH), ("amount", MONEY), ("number", STRING))
CERTIFICATE_ID = Struct("CertificateId", ("origin", INTERVAL), ("point", POINT_ID), ("interval", INTERVAL))
FOR_USE, DECLARED = range(2)  # Purpose
PURPOSE = Enum(POINT_ID, STRING, grows="Purpose")
CN, ENERGYTAG = range(2)  # Policy
POLICY = Enum(None, U16, grows="Policy")
TRANSFER_ITEM = Struct(
    "TransferItem", ("certificate", CERTIFICATE_ID), ("to", PARTICIPANT_ID), ("quantity", WH)
)
CANCEL_ITEM = Struct("CancelItem", ("certificate", CERTIFICATE_ID), ("quantity", WH), ("purpose", PURPOSE))
WITHDRAWAL = Struct(
    "Withdrawal",
    ("certificate", CERTIFICATE_ID),
    ("holder", PARTICIPANT_ID),
    ("quantity", WH),
    ("reason", STRING),
)
LINK = Struct(
    "Link",
    ("point", POINT_ID),
    ("month", MONTH),
    ("units", U32),
    ("tradable", BOOL),
    ("number", STRING),
)
RESTART = Struct(
    "Restart",
    ("meter", METER_ID),
    ("interval", INTERVAL),
    ("last", WH),
    ("start", WH),
    ("ratio", RATIO),
    ("key", KEY),
)
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
    ACTIVATE_RULES,
    CORRECT_READING,
    LIFT_FREEZE,
    PLACE_ORDERS_WITH,
    CHANGE_ORDERS,
    CANCEL_ALL,
    SET_AFFILIATES,
    HALT_MARKET,
    RESUME_MARKET,
    SET_PRICE_BOUNDS,
    RESET_REGISTER,
    REPLACE_METER,
    SET_RATIO,
    END_POINT,
    ASSIGN_METER,
    DELEGATE,
    REVOKE_DELEGATE,
    SET_SCHEDULE,
    TRANSFER_CERTIFICATES,
    CANCEL_CERTIFICATES,
    WITHDRAW_CERTIFICATE,
    LINK_CERTIFICATES,
    SET_CERTIFICATE_POLICY,
    SET_MARKET_MODE,
    PLACE_IMMEDIATE,
    REGISTER_BOUNDARY_METER,
    SET_MONTH_CLOSE,
    RECORD_UTILITY_BILL,
    REVERSE_UTILITY_BILL,
    MOVE_RESIDUE,
    DECLARE_DEFAULT,
    CLEAR_DEFAULT,
    PLACE_BUNDLE,
    CANCEL_BUNDLE,
    REGISTER_NODE,
    SET_NODE_STANDING,
    FOLLOW_LOG,
    RECORD_CHECKPOINT,
    RECORD_EVIDENCE,
) = range(55)
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
    Tuple(RULE_SET, INTERVAL),
    Tuple(METER_ID, INTERVAL, WH, STRING),
    KEY,
    List(Tuple(ORDER, WH)),
    List(Tuple(ORDER_ID, WH, PRICE)),
    Tuple(Option(POINT_ID), Option(INTERVAL)),
    Tuple(U16, List(PARTICIPANT_ID)),
    Tuple(INTERVAL, Option(INTERVAL)),
    INTERVAL,
    Tuple(INTERVAL, PRICE, PRICE),
    Tuple(METER_ID, INTERVAL, WH, WH),
    RESTART,
    Tuple(METER_ID, INTERVAL, WH, RATIO),
    Tuple(POINT_ID, INTERVAL),
    Tuple(METER_ID, POINT_ID, INTERVAL),
    Tuple(KEY, LIMITS, SIG),
    KEY,
    Tuple(POINT_ID, List(SCHEDULE_ENTRY)),
    List(TRANSFER_ITEM),
    List(CANCEL_ITEM),
    WITHDRAWAL,
    LINK,
    Tuple(INTERVAL, POLICY),
    Tuple(INTERVAL, MARKET_MODE),
    List(Tuple(ORDER, WH)),
    BOUNDARY_METER,
    Tuple(INTERVAL, MONTH_TERMS),
    Tuple(MONTH, BILL),
    Tuple(MONTH, STRING),
    Tuple(MONEY, STRING),
    Tuple(PARTICIPANT_ID, MONTH),
    PARTICIPANT_ID,
    BUNDLE_ACTION,
    ORDER_ID,
    NODE,
    STEP,
    STRING,
    Tuple(BYTES, List(HASH)),
    BYTES,
    grows="Action",
)
EVENT_HEAD = Struct("EventHead", ("version", U8), ("author", KEY), ("sequence", U64), ("issued", TIME))
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

# Section 15, evidence.
TWO_EVENTS, TWO_HEADS = range(2)  # Statement
EVIDENCE = Struct(
    "EvidenceFile",
    ("genesis", BYTES),
    ("registrations", List(BYTES)),
    ("statement", Enum(Array(2, BYTES), Tuple(Array(2, BYTES), List(HASH)))),
)
