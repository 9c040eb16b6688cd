//! The floor: about the least that a price-time book can do. It checks nothing, tells nobody, and
//! has one place for every tick between the lowest and the highest price and for every id.

use thiserror::Error;
use wattle_market::order::Side;

use super::engine::Traded;
use super::workload::{Kind, Operation, Workload};

const NONE: u32 = u32::MAX;

/// Greatest number of ticks, and of ids: 2²⁶.
const PLACES_MAX: u32 = 1 << 26;

/// A workload that the floor has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the floor has a place for every tick and every id, at most 2^26 of each, and not for \
     {ticks} ticks and ids up to {id_max}; run it without the floor"
)]
pub struct FloorError {
    /// From the lowest price to the highest.
    pub ticks: u32,
    /// The highest id.
    pub id_max: u32,
}

#[derive(Clone, Copy)]
struct Order {
    id: u32,
    quantity: u32,
    next: u32,
    previous: u32,
    /// The tick, with the side in its lowest bit.
    place: u32,
}

/// A ladder for one workload.
pub(super) struct Floor {
    low: u32,
    orders: Vec<Order>,
    free: u32,
    /// Head and tail by side and tick.
    ticks: [Vec<(u32, u32)>; 2],
    /// A bit for each tick with orders.
    bits: [Vec<u64>; 2],
    best: [u32; 2],
    slots: Vec<u32>,
    /// Fills so far.
    pub(super) traded: Traded,
}

impl Floor {
    /// An empty ladder for a workload's ticks and ids.
    ///
    /// # Errors
    /// Where there are too many of them.
    pub(super) fn new(workload: &Workload) -> Result<Floor, FloorError> {
        let (low, high) = workload.prices();
        let (ticks, id_max) = (
            high.saturating_sub(low).saturating_add(1),
            workload.id_max(),
        );
        if ticks > PLACES_MAX || id_max >= PLACES_MAX {
            return Err(FloorError { ticks, id_max });
        }
        let ticks = ticks as usize;
        Ok(Floor {
            low,
            orders: Vec::new(),
            free: NONE,
            ticks: [vec![(NONE, NONE); ticks], vec![(NONE, NONE); ticks]],
            bits: [vec![0; ticks / 64 + 1], vec![0; ticks / 64 + 1]],
            best: [NONE, NONE],
            slots: vec![NONE; id_max as usize + 1],
            traded: Traded::default(),
        })
    }

    /// Performs one operation.
    #[inline]
    pub(super) fn perform(&mut self, operation: &Operation) {
        let side = usize::from(operation.side == Side::Sell);
        let tick = operation.price.wrapping_sub(self.low);
        match operation.kind {
            Kind::Add => self.add(side, tick, operation.id, operation.quantity, true),
            Kind::AddImmediateOrCancel => {
                self.add(side, tick, operation.id, operation.quantity, false);
            }
            Kind::Cancel => {
                self.cancel(operation.id);
            }
            Kind::Move => {
                if let Some((side, open)) = self.cancel(operation.id) {
                    let quantity = if operation.quantity == 0 {
                        open
                    } else {
                        operation.quantity
                    };
                    self.add(side, tick, operation.id, quantity, true);
                }
            }
        }
    }

    #[inline]
    fn add(&mut self, side: usize, tick: u32, id: u32, mut left: u32, rests: bool) {
        let other = 1 - side;
        while left > 0 {
            let best = self.best[other];
            if best == NONE || (side == 0 && best > tick) || (side == 1 && best < tick) {
                break;
            }
            let mut slot = self.ticks[other][best as usize].0;
            while slot != NONE && left > 0 {
                let maker = &mut self.orders[slot as usize];
                let quantity = left.min(maker.quantity);
                (left, maker.quantity) = (left - quantity, maker.quantity - quantity);
                self.traded.trades += 1;
                self.traded.quantity += u64::from(quantity);
                if maker.quantity > 0 {
                    break;
                }
                let next = maker.next;
                maker.next = self.free;
                (self.slots[maker.id as usize], self.free) = (NONE, slot);
                slot = next;
            }
            self.ticks[other][best as usize].0 = slot;
            match slot {
                NONE => self.vacate(other, best),
                _ => self.orders[slot as usize].previous = NONE,
            }
        }
        if left == 0 || !rests {
            return;
        }
        let (head, tail) = self.ticks[side][tick as usize];
        let previous = if head == NONE { NONE } else { tail };
        let place = tick << 1 | side as u32;
        let order = Order {
            id,
            quantity: left,
            next: NONE,
            previous,
            place,
        };
        let slot = self.free;
        let slot = if slot == NONE {
            self.orders.push(order);
            (self.orders.len() - 1) as u32
        } else {
            self.free = self.orders[slot as usize].next;
            self.orders[slot as usize] = order;
            slot
        };
        self.slots[id as usize] = slot;
        if previous == NONE {
            self.ticks[side][tick as usize] = (slot, slot);
            self.bits[side][tick as usize / 64] |= 1 << (tick % 64);
            let best = self.best[side];
            if best == NONE || (side == 0 && tick > best) || (side == 1 && tick < best) {
                self.best[side] = tick;
            }
        } else {
            self.orders[previous as usize].next = slot;
            self.ticks[side][tick as usize].1 = slot;
        }
    }

    #[inline]
    fn cancel(&mut self, id: u32) -> Option<(usize, u32)> {
        let slot = self.slots[id as usize];
        if slot == NONE {
            return None;
        }
        self.slots[id as usize] = NONE;
        let Order {
            quantity,
            next,
            previous,
            place,
            ..
        } = self.orders[slot as usize];
        let (side, tick) = ((place & 1) as usize, place >> 1);
        match previous {
            NONE => self.ticks[side][tick as usize].0 = next,
            _ => self.orders[previous as usize].next = next,
        }
        match next {
            NONE => self.ticks[side][tick as usize].1 = previous,
            _ => self.orders[next as usize].previous = previous,
        }
        if previous == NONE && next == NONE {
            self.vacate(side, tick);
        }
        self.orders[slot as usize].next = self.free;
        self.free = slot;
        Some((side, quantity))
    }

    /// Clears a tick's bit and looks for the next best tick.
    #[inline]
    fn vacate(&mut self, side: usize, tick: u32) {
        let bits = &mut self.bits[side];
        let mut word = tick as usize / 64;
        bits[word] &= !(1 << (tick % 64));
        if self.best[side] != tick {
            return;
        }
        let step = if side == 0 { usize::MAX } else { 1 };
        while word < bits.len() && bits[word] == 0 {
            word = word.wrapping_add(step);
        }
        self.best[side] = match bits.get(word) {
            None => NONE,
            Some(bits) if side == 0 => word as u32 * 64 + 63 - bits.leading_zeros(),
            Some(bits) => word as u32 * 64 + bits.trailing_zeros(),
        };
    }
}
