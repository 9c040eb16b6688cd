//! Resting orders: a slab whose places are reused, so that memory follows the greatest number of
//! orders that ever rested at once.

/// No order.
pub(super) const NONE: u32 = u32::MAX;

/// One resting order: 24 bytes. A free place is chained through `next` and has no quantity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resting {
    pub(super) id: u32,
    pub(super) account: u32,
    /// Side and price; see [`super::rank`].
    pub(super) rank: u32,
    /// What is still open, in watt-hours; above zero while the order rests.
    pub(super) quantity: u32,
    /// The next younger order of its rank.
    pub(super) next: u32,
    /// The next older order of its rank.
    pub(super) previous: u32,
}

/// The slab.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    places: Vec<Resting>,
    free: u32,
    count: u32,
}

impl Orders {
    pub(super) const fn new() -> Self {
        Orders {
            places: Vec::new(),
            free: NONE,
            count: 0,
        }
    }

    /// How many orders rest.
    #[inline]
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The greatest number of orders that ever rested at once.
    #[inline]
    pub(super) fn count_max(&self) -> usize {
        self.places.len()
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Resting>()
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> &Resting {
        &self.places[slot as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Resting {
        &mut self.places[slot as usize]
    }

    /// The resting orders and their places, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Resting)> {
        let slots = (0..).zip(&self.places);
        slots.filter(|(_, order)| order.quantity > 0)
    }

    /// An order and all younger ones of its rank, oldest first.
    pub(super) fn starting_at(&self, head: u32) -> impl Iterator<Item = &Resting> {
        let mut slot = head;
        std::iter::from_fn(move || {
            if slot == NONE {
                return None;
            }
            let order = self.get(slot);
            slot = order.next;
            Some(order)
        })
    }

    /// Takes a place for an order.
    #[inline]
    pub(super) fn add(&mut self, order: Resting) -> u32 {
        self.count += 1;
        if self.free == NONE {
            return self.push(order);
        }
        let slot = self.free;
        let place = self.get_mut(slot);
        let next = place.next;
        *place = order;
        self.free = next;
        slot
    }

    #[inline]
    fn push(&mut self, order: Resting) -> u32 {
        if self.places.len() == self.places.capacity() {
            // By a quarter and not by doubling: memory stays near what is used.
            self.places.reserve_exact((self.places.len() / 4).max(16));
        }
        self.places.push(order);
        // The number of orders is bounded.
        (self.places.len() - 1) as u32
    }

    /// Gives an order's place back.
    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        let next = self.free;
        let order = self.get_mut(slot);
        order.quantity = 0;
        order.next = next;
        self.free = slot;
        self.count -= 1;
    }
}
