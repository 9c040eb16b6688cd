//! The bundled park: five buildings, ten tenants, one point each, and the park's prices.
//!
//! **These are assumptions, and none was measured.** A role is a label on a named SimBench class, a
//! rating was chosen so that a sunny July noon leaves some roofs with a surplus while others still
//! need power, and an evening leaves nearly everyone in need. The prices are plausible ones for
//! Shanghai.

use wattle_market::point::{BuildingId, PointId};
use wattle_market::units::{Price, WattHours};

use crate::dispatch::{Battery, Serves};
use crate::profile::RatedPower;
use crate::strategy::Strategy;

/// What the grid pays for own photovoltaic generation: Shanghai's benchmark price of coal power,
/// 0.4155 CNY/kWh.
pub const FEED_IN: Price = Price(415_500);

/// What the grid pays for anything else, such as battery energy: an assumption, 0.30 CNY/kWh.
pub const EXPORT: Price = Price(300_000);

/// The stamp per kWh that the receiver of park energy pays for the wires: an assumption, 0.05
/// CNY/kWh.
pub const WHEELING: Price = Price(50_000);

/// Flat-period retail price on the two-part industrial tariff, VAT included: an assumption, 0.65
/// CNY/kWh. Peak, valley and super-peak follow from it by the tariff's seasons.
pub const RETAIL_FLAT: Price = Price(650_000);

/// The five buildings, each of which runs a node.
pub const BUILDINGS: [(BuildingId, &str); 5] = [
    (BuildingId(1), "Mill Hall"),
    (BuildingId(2), "Data Hall"),
    (BuildingId(3), "Office Court"),
    (BuildingId(4), "Workshop Row"),
    (BuildingId(5), "Logistics Yard"),
];

/// A load or a photovoltaic plant: a column of the extract times a rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaled {
    /// Column of the extract.
    pub column: &'static str,
    /// Rated power.
    pub rated_kilowatts: u32,
}

/// One tenant and what stands behind his connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
    /// His one point.
    pub point: PointId,
    /// Unique short name.
    pub name: &'static str,
    /// What he does: a label.
    pub role: &'static str,
    /// Where he is.
    pub building: BuildingId,
    /// What he uses.
    pub load: Scaled,
    /// His roof, if he has one.
    pub pv: Option<Scaled>,
    /// His battery, if he has one.
    pub battery: Option<Battery>,
    /// How he trades.
    pub strategy: Strategy,
}

impl Tenant {
    /// Rated powers of his meters.
    #[must_use]
    pub fn rated_power(&self) -> RatedPower {
        let battery_watts = self.battery.map_or(0, |battery| battery.power_watts);
        RatedPower {
            load_watts: self.load.rated_kilowatts * 1_000,
            pv_watts: self.pv.map_or(0, |pv| pv.rated_kilowatts * 1_000),
            charge_watts: battery_watts,
            discharge_watts: battery_watts,
        }
    }
}

const fn scaled(column: &'static str, rated_kilowatts: u32) -> Scaled {
    Scaled {
        column,
        rated_kilowatts,
    }
}

/// A strategy that sells and buys; the four numbers are thousandths, as in [`Strategy`].
const fn trades(sell_share: i64, ask: i64, buy_share: i64, bid: i64) -> Strategy {
    Strategy {
        sell_share_per_mille: sell_share,
        ask_per_mille: ask,
        buy_share_per_mille: buy_share,
        bid_per_mille: bid,
    }
}

/// The cold store's battery: it covers the store's own evening peak.
const COLD_STORE_BATTERY: Battery = Battery {
    power_watts: 100_000,
    capacity: WattHours(400_000),
    charge_efficiency_per_mille: 900,
    window_first_quarter: 72,
    window_end_quarter: 84,
    serves: Serves::OwnNeed,
};

/// The battery operator's: it sells the midday sun of his roof to the park's evening peak, 18:00 to
/// 21:00.
const PARK_BATTERY: Battery = Battery {
    power_watts: 500_000,
    capacity: WattHours(1_500_000),
    charge_efficiency_per_mille: 900,
    window_first_quarter: 72,
    window_end_quarter: 84,
    serves: Serves::Park,
};

/// Every tenant, by point.
pub const TENANTS: [Tenant; 10] = [
    Tenant {
        point: PointId(1),
        name: "rolling-mill",
        role: "Rolling mill",
        building: BuildingId(1),
        load: scaled("load.G3-M", 1_800),
        pv: Some(scaled("pv.PV2", 1_000)),
        battery: None,
        strategy: trades(800, 100, 700, 900),
    },
    Tenant {
        point: PointId(2),
        name: "data-centre",
        role: "Green data centre",
        building: BuildingId(2),
        load: scaled("load.G3-H", 800),
        pv: Some(scaled("pv.PV8", 500)),
        battery: None,
        strategy: trades(800, 100, 800, 900),
    },
    Tenant {
        point: PointId(3),
        name: "telecom-site",
        role: "Telecom site",
        building: BuildingId(2),
        load: scaled("load.BL-H", 150),
        pv: Some(scaled("pv.PV5", 80)),
        battery: None,
        strategy: trades(800, 150, 900, 900),
    },
    Tenant {
        point: PointId(4),
        name: "offices",
        role: "Offices",
        building: BuildingId(3),
        load: scaled("load.G1-A", 500),
        pv: Some(scaled("pv.PV5", 400)),
        battery: None,
        strategy: trades(700, 300, 600, 650),
    },
    Tenant {
        point: PointId(5),
        name: "canteen",
        role: "Canteen",
        building: BuildingId(3),
        load: scaled("load.G5-A", 150),
        pv: None,
        battery: None,
        strategy: trades(0, 0, 800, 850),
    },
    Tenant {
        point: PointId(6),
        name: "workshop",
        role: "Machine workshop",
        building: BuildingId(4),
        load: scaled("load.G1-B", 500),
        pv: Some(scaled("pv.PV2", 1_200)),
        battery: None,
        strategy: trades(700, 250, 600, 700),
    },
    Tenant {
        point: PointId(7),
        name: "ev-depot",
        role: "Electric lorry depot",
        building: BuildingId(4),
        load: scaled("load.G2-A", 450),
        pv: Some(scaled("pv.PV8", 250)),
        battery: None,
        strategy: trades(800, 200, 500, 600),
    },
    Tenant {
        point: PointId(8),
        name: "logistics-hall",
        role: "Logistics hall",
        building: BuildingId(5),
        load: scaled("load.G4-A", 400),
        pv: Some(scaled("pv.PV5", 2_400)),
        battery: None,
        strategy: trades(700, 150, 700, 750),
    },
    Tenant {
        point: PointId(9),
        name: "cold-store",
        role: "Cold store",
        building: BuildingId(5),
        load: scaled("load.G4-H", 350),
        pv: Some(scaled("pv.PV8", 1_300)),
        battery: Some(COLD_STORE_BATTERY),
        strategy: trades(600, 350, 800, 900),
    },
    Tenant {
        point: PointId(10),
        name: "battery-operator",
        role: "Battery operator",
        building: BuildingId(5),
        load: scaled("load.G3-A", 60),
        pv: Some(scaled("pv.PV8", 900)),
        battery: Some(PARK_BATTERY),
        strategy: trades(800, 550, 0, 0),
    },
];
