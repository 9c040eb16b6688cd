//! One side's levels, sorted by rank, the best last; each with its orders, oldest first.
//!
//! Prices are far too many for a place each, so that levels stand in sorted blocks under a sorted
//! list of the blocks. A level whose last order goes keeps its place: its price is likely to be
//! quoted again, and then nothing has to move. All vacant levels go at once where there are too
//! many.

use super::orders::{NONE, Orders};

/// Levels in a block, one for each bit of its `occupied`.
const BLOCK: usize = 64;
/// Least number of levels remembered.
const MEMORY_MIN: usize = 64;
/// Levels that a side may have beyond the greatest number of orders that ever rested at once:
/// that many new ones at least lie between two sweeps of the vacant ones.
const VACANT_MAX: usize = 256;
/// The rank of no order: a bid above every price.
const NO_RANK: u32 = u32::MAX >> 1;

/// The ends of a level's list of orders; the tail means nothing while there is no head.
#[derive(Clone, Copy, Debug)]
struct Queue {
    head: u32,
    tail: u32,
}

const VACANT: Queue = Queue {
    head: NONE,
    tail: NONE,
};

#[derive(Clone, Debug)]
struct Block {
    count: usize,
    /// Which levels may have orders; the others have none.
    occupied: u64,
    /// Ascending; `NO_RANK` from `count` on.
    ranks: [u32; BLOCK],
    queues: [Queue; BLOCK],
}

/// Where a block begins. Ranks below the first block's belong to it too.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: u32,
    block: u32,
}

/// Which level: its block, and its position there in the low bits. It holds until a level is
/// added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u32);

impl Place {
    fn new(block: u32, at: usize) -> Place {
        Place(block * BLOCK as u32 + at as u32)
    }

    #[inline]
    fn block(self) -> usize {
        self.0 as usize / BLOCK
    }

    #[inline]
    fn at(self) -> usize {
        self.0 as usize % BLOCK
    }
}

/// The levels of one side.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// No level with orders ranks above this; it may rank above all of them.
    best: u32,
    /// No entry beyond this one has a level with orders.
    top: usize,
    /// Levels in all blocks, vacant ones included.
    count: usize,
    entries: Vec<Entry>,
    blocks: Vec<Block>,
    /// Where the levels of some ranks may be, by a hash of the rank: none, or a power of two of
    /// places. The level there tells whether it is the one.
    memory: Vec<Place>,
    /// 32 less the binary logarithm of its length.
    shift: u32,
}

impl Ladder {
    pub(super) const fn new() -> Self {
        Ladder {
            best: 0,
            top: 0,
            count: 0,
            entries: Vec::new(),
            blocks: Vec::new(),
            memory: Vec::new(),
            shift: 32,
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.memory.capacity() * size_of::<Place>()
    }

    /// Whether an order may rest at `rank` or above. `false` is certain.
    #[inline]
    pub(super) fn may_reach(&self, rank: u32) -> bool {
        self.best >= rank
    }

    /// The best level with orders. What was found vacant on the way is not looked at again.
    #[inline]
    pub(super) fn best(&mut self) -> Option<Place> {
        while let Some(entry) = self.entries.get(self.top) {
            let block = &mut self.blocks[entry.block as usize];
            while block.occupied != 0 {
                let at = 63 - block.occupied.leading_zeros() as usize;
                if block.queues[at].head != NONE {
                    self.best = block.ranks[at];
                    return Some(Place::new(entry.block, at));
                }
                block.occupied &= !(1 << at);
            }
            if self.top == 0 {
                break;
            }
            self.top -= 1;
        }
        self.best = 0;
        None
    }

    /// Rank and oldest order of each level that has orders, the best first.
    pub(super) fn levels(&self) -> impl Iterator<Item = (u32, u32)> {
        let entries = self.entries.iter().take(self.top + 1).rev();
        entries.flat_map(|entry| {
            let block = &self.blocks[entry.block as usize];
            let levels = block
                .ranks
                .iter()
                .zip(&block.queues)
                .take(block.count)
                .rev();
            let levels = levels.map(|(rank, queue)| (*rank, queue.head));
            levels.filter(|(_, head)| *head != NONE)
        })
    }

    /// Rank and oldest order of a level.
    #[inline]
    pub(super) fn level(&self, place: Place) -> (u32, u32) {
        let block = &self.blocks[place.block()];
        (block.ranks[place.at()], block.queues[place.at()].head)
    }

    /// Makes `slot` the oldest order of a level whose older ones were filled.
    #[inline]
    pub(super) fn set_head(&mut self, place: Place, slot: u32, orders: &mut Orders) {
        self.blocks[place.block()].queues[place.at()].head = slot;
        if slot != NONE {
            orders.get_mut(slot).previous = NONE;
        }
    }

    /// Lets an order wait behind the others of its rank.
    #[inline]
    pub(super) fn push(&mut self, slot: u32, orders: &mut Orders) {
        let rank = orders.get(slot).rank;
        let place = match self.recall(rank) {
            Some(place) => place,
            None => self.find_or_insert(rank, orders),
        };
        let block = &mut self.blocks[place.block()];
        let queue = &mut block.queues[place.at()];
        let previous = if queue.head == NONE { NONE } else { queue.tail };
        queue.tail = slot;
        let order = orders.get_mut(slot);
        (order.next, order.previous) = (NONE, previous);
        if previous != NONE {
            orders.get_mut(previous).next = slot;
            return;
        }
        queue.head = slot;
        block.occupied |= 1 << place.at();
        if rank > self.best {
            self.best = rank;
            self.top = self.entry_of(rank);
        }
    }

    /// Takes an order out of its level, wherever it stands there.
    #[inline]
    pub(super) fn unlink(&mut self, slot: u32, orders: &mut Orders) {
        let order = *orders.get(slot);
        if order.previous != NONE {
            orders.get_mut(order.previous).next = order.next;
        }
        if order.next != NONE {
            orders.get_mut(order.next).previous = order.previous;
        }
        if order.previous != NONE && order.next != NONE {
            return;
        }
        let place = self.recall(order.rank).or_else(|| self.find(order.rank));
        let place = place.expect("the level of a resting order is there");
        let queue = &mut self.blocks[place.block()].queues[place.at()];
        if order.previous == NONE {
            queue.head = order.next;
        }
        if order.next == NONE {
            queue.tail = order.previous;
        }
    }

    /// The level of a rank, if it is remembered.
    #[inline]
    fn recall(&self, rank: u32) -> Option<Place> {
        let place = *self.memory.get(self.memory_at(rank))?;
        let block = &self.blocks[place.block()];
        (block.ranks[place.at()] == rank).then_some(place)
    }

    /// Fibonacci hashing, as for ids.
    #[inline]
    fn memory_at(&self, rank: u32) -> usize {
        (u64::from(rank.wrapping_mul(0x9e37_79b9)) >> self.shift) as usize
    }

    /// Which block holds a rank, or would.
    #[inline]
    fn entry_of(&self, rank: u32) -> usize {
        if self.entries.len() < 2 {
            return 0;
        }
        let after = self.entries.partition_point(|entry| entry.first <= rank);
        after.saturating_sub(1)
    }

    fn find(&self, rank: u32) -> Option<Place> {
        let entry = self.entries.get(self.entry_of(rank))?;
        let block = &self.blocks[entry.block as usize];
        let at = block.position(rank);
        (at < block.count && block.ranks[at] == rank).then(|| Place::new(entry.block, at))
    }

    #[inline(never)]
    fn find_or_insert(&mut self, rank: u32, orders: &Orders) -> Place {
        let place = match self.find(rank) {
            Some(place) => place,
            None => self.insert(rank, orders),
        };
        if self.count > self.memory.len() {
            let length = self.count.next_power_of_two().max(MEMORY_MIN);
            // The first place is there, and its level says itself whether it is the one.
            self.memory = vec![Place(0); length];
            self.shift = 32 - length.trailing_zeros();
        }
        let at = self.memory_at(rank);
        self.memory[at] = place;
        place
    }

    /// Adds a level that is not there.
    fn insert(&mut self, rank: u32, orders: &Orders) -> Place {
        if self.count > orders.count_max() + VACANT_MAX {
            self.sweep();
        }
        if self.entries.is_empty() {
            let block = self.add_block();
            self.entries.push(Entry { first: rank, block });
        }
        let mut found = self.entry_of(rank);
        if self.blocks[self.entries[found].block as usize].count == BLOCK {
            self.split(found);
            found = self.entry_of(rank);
        }
        let entry = &mut self.entries[found];
        let block = &mut self.blocks[entry.block as usize];
        let at = block.position(rank);
        block.insert(at, rank, VACANT);
        entry.first = block.ranks[0];
        self.count += 1;
        Place::new(entry.block, at)
    }

    /// Moves the better half of a full block into a block of its own.
    fn split(&mut self, found: usize) {
        let block = self.add_block();
        let lower = &mut self.blocks[self.entries[found].block as usize];
        let from = lower.clone();
        lower.truncate(BLOCK / 2);
        let upper = &mut self.blocks[block as usize];
        for at in BLOCK / 2..BLOCK {
            upper.insert(upper.count, from.ranks[at], from.queues[at]);
        }
        let first = upper.ranks[0];
        self.entries.insert(found + 1, Entry { first, block });
        self.top = self.entries.len() - 1;
    }

    fn add_block(&mut self) -> u32 {
        self.blocks.reserve_exact(self.blocks.len() / 8 + 1);
        self.blocks.push(Block::EMPTY);
        (self.blocks.len() - 1) as u32
    }

    /// Drops all vacant levels, and fills the blocks anew, three quarters full.
    fn sweep(&mut self) {
        let old = std::mem::take(&mut self.blocks);
        let entries = std::mem::take(&mut self.entries);
        // Its places are void.
        self.memory.clear();
        (self.count, self.top) = (0, 0);
        for entry in entries {
            let block = &old[entry.block as usize];
            for at in (0..block.count).filter(|at| block.queues[*at].head != NONE) {
                if self.count.is_multiple_of(BLOCK * 3 / 4) {
                    let (first, block) = (block.ranks[at], self.add_block());
                    self.entries.push(Entry { first, block });
                    self.top = self.entries.len() - 1;
                }
                let last = self.blocks.last_mut().expect("one was just added");
                last.insert(last.count, block.ranks[at], block.queues[at]);
                self.count += 1;
            }
        }
    }
}

impl Block {
    const EMPTY: Block = Block {
        count: 0,
        occupied: 0,
        ranks: [NO_RANK; BLOCK],
        queues: [VACANT; BLOCK],
    };

    /// How many ranks are below `rank`.
    #[inline]
    fn position(&self, rank: u32) -> usize {
        self.ranks[..self.count].partition_point(|other| *other < rank)
    }

    /// Puts a level before those from `at` on. There is room for it.
    fn insert(&mut self, at: usize, rank: u32, queue: Queue) {
        self.ranks.copy_within(at..self.count, at + 1);
        self.queues.copy_within(at..self.count, at + 1);
        (self.ranks[at], self.queues[at]) = (rank, queue);
        self.count += 1;
        let below = (1 << at) - 1;
        let bit = u64::from(queue.head != NONE) << at;
        self.occupied = (self.occupied & below) | bit | (self.occupied & !below) << 1;
    }

    fn truncate(&mut self, count: usize) {
        self.ranks[count..].fill(NO_RANK);
        self.count = count;
        self.occupied &= (1 << count) - 1;
    }
}
