//! From an order's id to its place: open addressing with a fixed hash, so that two runs agree.

use super::orders::{NONE, Orders};

/// Ids of one run of this many stand side by side, in one cache line: ids given out in sequence
/// are looked up where their neighbors were.
const RUN: u32 = 64;
const CELLS_MIN: usize = 1024;

/// Where orders may be. A cell holds a place in the slab and no id: the slab tells whose place it
/// is. So nothing is taken out when an order closes; its cell leads to an empty place or to
/// somebody else's order, and goes when the cells are filled anew from the open orders.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    /// A power of two of places, or `NONE`.
    cells: Vec<u32>,
    used: usize,
    /// No open order has a greater id.
    greatest: u32,
    /// 32 less the binary logarithm of the number of runs.
    shift: u32,
}

impl Ids {
    pub(super) const fn new() -> Self {
        Ids {
            cells: Vec::new(),
            used: 0,
            greatest: 0,
            shift: 32,
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<u32>()
    }

    /// Where the search for an id begins. Fibonacci hashing of its run (Knuth, volume 3, section
    /// 6.4): the high bits of a product with 2^32 divided by the golden ratio spread runs given
    /// in sequence so evenly that they hardly ever meet.
    #[inline]
    fn home(&self, id: u32) -> usize {
        let run = u64::from((id / RUN).wrapping_mul(0x9e37_79b9)) >> self.shift;
        run as usize * RUN as usize + (id % RUN) as usize
    }

    /// Whether an open order has this id. Ids given out in sequence are not even looked up.
    #[inline]
    pub(super) fn contains(&self, id: u32, orders: &Orders) -> bool {
        id <= self.greatest && self.get(id, orders).is_some()
    }

    /// The place of an open order.
    #[inline]
    pub(super) fn get(&self, id: u32, orders: &Orders) -> Option<u32> {
        if self.cells.is_empty() {
            return None;
        }
        let mask = self.cells.len() - 1;
        let mut at = self.home(id);
        loop {
            let slot = self.cells[at & mask];
            if slot == NONE {
                return None;
            }
            let order = orders.get(slot);
            if order.id == id && order.quantity > 0 {
                return Some(slot);
            }
            at += 1;
        }
    }

    /// Enters the place of an order that has just come to rest.
    #[inline]
    pub(super) fn insert(&mut self, id: u32, slot: u32, orders: &Orders) {
        self.greatest = self.greatest.max(id);
        if self.used * 8 >= self.cells.len() * 5 {
            return self.rebuild(orders);
        }
        self.place(id, slot);
    }

    #[inline]
    fn place(&mut self, id: u32, slot: u32) {
        let mask = self.cells.len() - 1;
        let mut at = self.home(id) & mask;
        while self.cells[at] != NONE {
            at = (at + 1) & mask;
        }
        self.cells[at] = slot;
        self.used += 1;
    }

    /// Enters all open orders anew, with cells for twice as many at least.
    #[cold]
    fn rebuild(&mut self, orders: &Orders) {
        let count = orders.count() as usize;
        let cells = (count * 2).next_power_of_two().max(CELLS_MIN);
        if self.cells.len() == cells {
            self.cells.fill(NONE);
        } else {
            self.cells = Vec::new();
            self.cells = vec![NONE; cells];
        }
        self.used = 0;
        self.shift = 32 - (cells as u32 / RUN).trailing_zeros();
        for (slot, order) in orders.iter() {
            self.place(order.id, slot);
        }
    }
}
