"""The types of FORMATS.md, sections 1 and 3 to 8, as codecs."""

from .codec import BOOL, BYTES, I16, I64, I128, STRING, U8, U16, U32, U64
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
METER_KIND = Choice(6, grows="MeterKind")
REGISTRAR, TREASURER, REGULATOR, METER_ROLE, TENANT, DELEGATE_ROLE = range(6)  # Role
ROLE = Enum(None, None, None, METER_ID, PARTICIPANT_ID, PARTICIPANT_ID, grows="Role")
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
) = range(50)
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

# Section 7, facts.
FORWARD, POOL, GRID, BALANCING, WHEELING, REPLACEMENT = range(6)  # PostingKind
POSTING_KIND = Choice(6, grows="PostingKind")
POINT_LINES, TO_CLEARING, TO_GRID, TO_BALANCING, TO_NETWORK = range(5)  # Account of a posting
ACCOUNT = Enum(POINT_ID, None, None, None, None, grows="Account")
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
    POINT_ADJUSTED,
    INTERVAL_ADJUSTED,
    CERTIFICATE_ADJUSTED,
    DELIVERY_ADJUSTED,
    RUN_HELD,
    MONTH_CLOSED,
    READING_CORRECTED,
    KEY_FROZEN,
    MINIMUM_MISSED,
    AUCTION_HALTED,
    ORDERS_CANCELLED,
    REGISTER_RESTARTED,
    DAY_PRICED,
    CERTIFICATE,
    ORDER_MATCHED,
    REMAINDER_CANCELLED,
    CONTINUOUS_CLOSED,
    POINT_CHARGED,
    MONTH_INVOICED,
    MONTH_BALANCED,
    MONTH_HELD,
    UTILITY_BILLED,
    UTILITY_BILL_REVERSED,
    RESIDUE_MOVED,
    DEFAULT_COVERED,
    GAIN_CUT,
    DEFAULT_CLEARED,
    JOINT_CLEARED,
    BUNDLE_CLOSED,
    JOINT_FILLED,
) = range(38)
FACT_NAMES = (
    "IntervalCleared",
    "OrderClosed",
    "PointSettled",
    "IntervalSettled",
    "SettlementHeld",
    "CertificateIssued",
    "CertificateDelivered",
    "FundsMoved",
    "PointAdjusted",
    "IntervalAdjusted",
    "CertificateAdjusted",
    "DeliveryAdjusted",
    "RunHeld",
    "MonthClosed",
    "ReadingCorrected",
    "KeyFrozen",
    "MinimumMissed",
    "AuctionHalted",
    "OrdersCancelled",
    "RegisterRestarted",
    "DayPriced",
    "Certificate",
    "OrderMatched",
    "RemainderCancelled",
    "ContinuousClosed",
    "PointCharged",
    "MonthInvoiced",
    "MonthBalanced",
    "MonthHeld",
    "UtilityBilled",
    "UtilityBillReversed",
    "ResidueMoved",
    "DefaultCovered",
    "GainCut",
    "DefaultCleared",
    "JointCleared",
    "BundleClosed",
    "JointFilled",
)
INITIAL, FINAL = range(2)  # Run
RUN = Choice(2, grows="Run")
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
POINT_ADJUSTED_FACT = Struct(
    "PointAdjusted",
    ("interval", INTERVAL),
    ("point", POINT_ID),
    ("run", RUN),
    ("terms", POINT_TERMS),
    ("substituted", List(METER_KIND)),
    ("before", Option(LINE)),
    ("line", LINE),
    ("postings", List(Tuple(POSTING_KIND, MONEY))),
)
INTERVAL_ADJUSTED_FACT = Struct(
    "IntervalAdjusted",
    ("interval", INTERVAL),
    ("run", RUN),
    ("terms", TERMS),
    ("factor", FACTOR),
    ("price_before", Option(PRICE)),
    ("volume_before", WH),
    ("pool_price", Option(PRICE)),
    ("pool_volume", WH),
    ("postings", List(Tuple(ACCOUNT, POSTING_KIND, MONEY))),
)
MONTH_FACT = Struct(
    "MonthClosed",
    ("year", I64),
    ("month", U8),
    ("first", INTERVAL),
    ("last", INTERVAL),
    ("intervals", U32),
    ("adjusted", U32),
)
INVOICE_FACT = Struct(
    "MonthInvoiced",
    ("month", MONTH),
    ("postings", List(Tuple(POSTING_KIND, MONEY))),
    ("demand", MONEY),
    ("fees", MONEY),
    ("gross", MONEY),
    ("vat_rate", U32),
    ("vat", MONEY),
    ("grid_alone", MONEY),
)
BALANCE_FACT = Struct(
    "MonthBalanced",
    ("month", MONTH),
    ("first", INTERVAL),
    ("last", INTERVAL),
    ("terms", MONTH_TERMS),
    ("imported", Option(WH)),
    ("exported", Option(WH)),
    ("net", WH),
    ("losses", Option(WH)),
    ("substituted", U32),
    ("held", U32),
    ("invoices", U32),
    ("demand", MONEY),
    ("fees", MONEY),
    ("collected", MONEY),
)
ROLL_UP = Struct("RollUp", ("carried", WH), ("month", WH), ("units", U32), ("left", WH))
(
    RELEASED,
    TRANSFERRED,
    CANCELLED,
    WITHDRAWN,
    EXPIRED,
    STORAGE_CHARGED,
    STORAGE_DISCHARGED,
    STORAGE_LOST,
    ROLLED_UP,
    LINKED,
) = range(10)
CERTIFICATE_FACT = Enum(
    Tuple(CERTIFICATE_ID, WH),
    Tuple(CERTIFICATE_ID, PARTICIPANT_ID, PARTICIPANT_ID, WH),
    Tuple(CERTIFICATE_ID, WH, PURPOSE),
    Tuple(CERTIFICATE_ID, WH),
    Tuple(CERTIFICATE_ID, WH),
    Tuple(INTERVAL, POINT_ID, WH, WH),
    Tuple(CERTIFICATE_ID, WH, WH, WH, WH),
    Tuple(INTERVAL, POINT_ID, WH),
    Tuple(POINT_ID, MONTH, ROLL_UP, ROLL_UP),
    LINK,
    grows="CertificateFact",
)
JOINT_INTERVAL = Struct(
    "JointInterval", ("interval", INTERVAL), ("price", PRICE), ("volume", WH), ("sold", WH), ("bought", WH)
)
JOINT_FACT = Struct(
    "JointCleared",
    ("day", INTERVAL),
    ("intervals", List(JOINT_INTERVAL)),
    ("bids", U32),
    ("offers", U32),
    ("accepted", U32),
    ("rejected", U32),
    ("profitable", U32),
    ("left_out", U32),
    ("rounds", U32),
)
ACCEPTED, REJECTED, LEFT_OUT = range(3)  # BundleState
BUNDLE_FACT = Struct(
    "BundleClosed",
    ("bundle", ORDER_ID),
    ("day", INTERVAL),
    ("point", POINT_ID),
    ("legs", List(LEG)),
    ("prices", List(PRICE)),
    ("limit", MONEY),
    ("state", Choice(3)),
    ("cash", Option(MONEY)),
    ("surplus", Option(MONEY)),
)
AVERAGE = Struct("Average", ("volume", WH), ("price", Option(PRICE)))
FACT = Enum(
    Tuple(INTERVAL, Option(PRICE), WH, U32, U32),
    Tuple(ORDER_ID, ORDER, WH, Option(PRICE)),
    POINT_FACT,
    INTERVAL_FACT,
    Tuple(INTERVAL, STRING),
    Tuple(INTERVAL, POINT_ID, BUNDLE),
    Tuple(INTERVAL, POINT_ID, POINT_ID, WH),
    MONEY,
    POINT_ADJUSTED_FACT,
    INTERVAL_ADJUSTED_FACT,
    Tuple(INTERVAL, POINT_ID, BUNDLE, BUNDLE),
    Tuple(INTERVAL, POINT_ID, POINT_ID, WH, WH),
    Tuple(INTERVAL, RUN, STRING),
    MONTH_FACT,
    Tuple(METER_ID, INTERVAL, WH, WH),
    Tuple(METER_ID, KEY, INTERVAL, WH, WH),
    Tuple(ORDER_ID, INTERVAL, WH, WH),
    Tuple(INTERVAL, U32, U32),
    Tuple(U32, U32),
    Tuple(METER_ID, INTERVAL, WH, WH, U32, U32),
    Tuple(INTERVAL, AVERAGE, AVERAGE, AVERAGE),
    CERTIFICATE_FACT,
    Tuple(ORDER_ID, ORDER, WH, PRICE, Choice(2)),
    Tuple(ORDER_ID, ORDER),
    Tuple(INTERVAL, U64, AVERAGE, U32, U32),
    Tuple(MONTH, POINT_ID, WH, INTERVAL, MONEY, MONEY),
    INVOICE_FACT,
    BALANCE_FACT,
    Tuple(MONTH, STRING),
    Tuple(MONTH, BILL, MONEY, MONEY, PARTICIPANT_ID),
    Tuple(MONTH, MONEY, MONEY),
    MONEY,
    Tuple(MONTH, MONEY, MONEY, MONEY, MONEY),
    Tuple(MONTH, MONEY, MONEY, MONEY),
    Tuple(),
    JOINT_FACT,
    BUNDLE_FACT,
    Tuple(ORDER_ID, ORDER, WH, PRICE),
    grows="Fact",
)

# Section 3, leaves.
GENESIS_LEAF, BATCH_LEAF, EVENT_LEAF, DERIVED_LEAF, SEAL_LEAF = range(5)
UNKNOWN_LEAF = 5  # not an Entry: a derived leaf with a fact of rules that are not known here
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
}
