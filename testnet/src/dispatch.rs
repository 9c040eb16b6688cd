//! What the park's batteries do: a written rule, not a measurement.
//!
//! # The rule
//! A battery has a power, a capacity, an efficiency of charging and an evening window on the park's
//! clock. It begins empty. In each interval, with `surplus = pos(generation − load)` and `need =
//! pos(load − generation)` of its own point:
//!
//! 1. **Inside the window** it does not charge. It discharges the least of: a quarter hour at rated
//!    power; what it holds; and, if it serves its own point only, the point's need. If it serves
//!    the park, that need is no bound, and what the point does not use is for sale.
//! 2. **Outside the window** it does not discharge. It charges the least of: a quarter hour at
//!    rated power; the surplus (never from the grid, so that what it holds is the roof's); and the
//!    most that still fits.
//! 3. Of each watt-hour charged, `charge_efficiency_per_mille / 1000` are held, the sum of the
//!    interval rounded down. Discharging loses nothing more: the efficiency is that of a round
//!    trip.
//!
//! Charge that is left at the end of the window stays for the next day. The rule looks at the
//! present interval alone, so the same readings always give the same registers.

use wattle_market::exposure::energy_per_interval;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;

use crate::profile::quarter_of_day;

/// Whose need a battery discharges for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// Its own point's alone.
    OwnNeed,
    /// Anyone's in the park: it discharges at rated power.
    Park,
}

/// The data of a battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Battery {
    /// Rated power, charging and discharging, in watts.
    pub power_watts: u32,
    /// The most it holds.
    pub capacity: WattHours,
    /// Share of the charged energy that it holds, 1 to 1000.
    pub charge_efficiency_per_mille: i64,
    /// First quarter hour of the park's day in which it discharges.
    pub window_first_quarter: u64,
    /// The quarter hour in which it no longer does; at most 96.
    pub window_end_quarter: u64,
    /// Whose need it discharges for.
    pub serves: Serves,
}

/// What a battery's two meters measure in one interval. At least one of the two is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dispatched {
    /// Into the battery.
    pub charge: WattHours,
    /// Out of it.
    pub discharge: WattHours,
}

/// A battery and what it holds, from interval to interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    battery: Battery,
    held: WattHours,
}

impl Dispatch {
    /// An empty battery.
    ///
    /// # Panics
    /// If the battery's data is not sensible: it is part of the program.
    #[must_use]
    pub fn new(battery: Battery) -> Self {
        assert!(battery.power_watts > 0, "a battery has a power");
        assert!(battery.capacity.0 > 0, "a battery has a capacity");
        assert!(
            (1..=1_000).contains(&battery.charge_efficiency_per_mille),
            "a battery returns some of what it takes, and not more"
        );
        assert!(
            battery.window_first_quarter < battery.window_end_quarter,
            "the window is not empty"
        );
        assert!(
            battery.window_end_quarter <= 96,
            "the window lies within a day"
        );
        Self {
            battery,
            held: WattHours(0),
        }
    }

    /// What it holds now.
    #[must_use]
    pub fn held(&self) -> WattHours {
        self.held
    }

    /// Applies the rule to the next interval and carries the charge on.
    pub fn step(
        &mut self,
        interval: DeliveryInterval,
        generation: WattHours,
        load: WattHours,
    ) -> Dispatched {
        let battery = &self.battery;
        let by_power = energy_per_interval(battery.power_watts).0;
        let quarter = quarter_of_day(interval);
        let window = battery.window_first_quarter..battery.window_end_quarter;
        let dispatched = if window.contains(&quarter) {
            let by_need = match battery.serves {
                Serves::OwnNeed => (load.0 - generation.0).max(0),
                Serves::Park => i64::MAX,
            };
            let discharge = by_power.min(self.held.0).min(by_need);
            self.held = WattHours(self.held.0 - discharge);
            Dispatched {
                charge: WattHours(0),
                discharge: WattHours(discharge),
            }
        } else {
            let surplus = (generation.0 - load.0).max(0);
            let room = battery.capacity.0 - self.held.0;
            let by_room = room * 1_000 / battery.charge_efficiency_per_mille;
            let charge = by_power.min(surplus).min(by_room);
            let gain = charge * battery.charge_efficiency_per_mille / 1_000;
            self.held = WattHours(self.held.0 + gain);
            Dispatched {
                charge: WattHours(charge),
                discharge: WattHours(0),
            }
        };
        assert!(
            self.held.0 >= 0,
            "a battery does not give more than it holds"
        );
        assert!(
            self.held.0 <= battery.capacity.0,
            "a battery does not hold more than fits"
        );
        dispatched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::first_interval_of;

    const BATTERY: Battery = Battery {
        power_watts: 400_000,
        capacity: WattHours(250_000),
        charge_efficiency_per_mille: 900,
        window_first_quarter: 72,
        window_end_quarter: 84,
        serves: Serves::OwnNeed,
    };

    fn at(quarter: u64) -> DeliveryInterval {
        DeliveryInterval(first_interval_of(jiff::civil::date(2016, 7, 8)).unwrap().0 + quarter)
    }

    /// Steps a battery from `held` and compares charge, discharge and what it then holds.
    fn check(battery: Battery, held: i64, step: (u64, i64, i64), expect: (i64, i64, i64)) {
        let mut dispatch = Dispatch {
            battery,
            held: WattHours(held),
        };
        let (quarter, generation, load) = step;
        let got = dispatch.step(at(quarter), WattHours(generation), WattHours(load));
        assert_eq!((got.charge.0, got.discharge.0, dispatch.held.0), expect);
    }

    #[test]
    fn charges_from_own_surplus_alone() {
        check(BATTERY, 0, (48, 30_000, 10_000), (20_000, 0, 18_000));
        check(BATTERY, 0, (48, 10_000, 30_000), (0, 0, 0));
    }

    #[test]
    fn charging_is_bounded_by_power_and_by_what_fits() {
        check(BATTERY, 0, (48, 900_000, 0), (100_000, 0, 90_000));
        check(BATTERY, 249_000, (48, 900_000, 0), (1_111, 0, 249_999));
        check(BATTERY, 250_000, (48, 900_000, 0), (0, 0, 250_000));
    }

    #[test]
    fn discharges_in_the_window_to_own_need() {
        check(BATTERY, 200_000, (71, 0, 50_000), (0, 0, 200_000));
        check(BATTERY, 200_000, (72, 0, 50_000), (0, 50_000, 150_000));
        check(BATTERY, 200_000, (83, 0, 900_000), (0, 100_000, 100_000));
        check(BATTERY, 200_000, (84, 0, 50_000), (0, 0, 200_000));
        check(BATTERY, 20_000, (72, 0, 50_000), (0, 20_000, 0));
    }

    #[test]
    fn surplus_in_the_window_is_not_stored() {
        check(BATTERY, 10_000, (72, 50_000, 20_000), (0, 0, 10_000));
    }

    #[test]
    fn a_battery_that_serves_the_park_discharges_at_rated_power() {
        let battery = Battery {
            serves: Serves::Park,
            ..BATTERY
        };
        check(
            battery,
            200_000,
            (72, 50_000, 20_000),
            (0, 100_000, 100_000),
        );
    }

    #[test]
    fn over_a_day_nothing_comes_out_that_did_not_go_in() {
        let mut dispatch = Dispatch::new(Battery {
            serves: Serves::Park,
            ..BATTERY
        });
        let (mut charged, mut discharged) = (0, 0);
        for quarter in 0..96 {
            let sun = if (24..76).contains(&quarter) {
                40_000
            } else {
                0
            };
            let got = dispatch.step(at(quarter), WattHours(sun), WattHours(7_001));
            assert!(got.charge.0 == 0 || got.discharge.0 == 0);
            charged += got.charge.0;
            discharged += got.discharge.0;
        }
        assert!(discharged > 0);
        assert!(discharged + dispatch.held().0 <= charged * 900 / 1_000);
    }
}
