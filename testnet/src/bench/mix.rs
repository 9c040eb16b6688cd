//! The four mixes of operations that engines are compared on, made from a seed.
//!
//! Each follows a published or plausible mix of messages; what a mix has in shares of messages,
//! of messages that trade, and in resting orders is in `docs/BENCHMARKS.md`. A generator plays
//! its own operations to the naive book, so that it cancels and moves orders that are open.

use std::fmt;

use wattle_market::order::Side;

use super::naive::Naive;
use super::random::Random;
use super::workload::{Kind, Operation, Workload};

/// A mix of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// A park: 300 tenants, two orders each per interval, many moves, all cancelled at its end.
    Park,
    /// exchange-core's published mix: four of five messages move an order among 1,000.
    Ecore,
    /// A feed of an exchange: adds and cancels among 10,000 resting orders.
    Itch,
    /// liquibook's own: nothing but orders at ten overlapping prices a side.
    Liqui,
}

impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Mix::Park => "park",
            Mix::Ecore => "ecore",
            Mix::Itch => "itch",
            Mix::Liqui => "liqui",
        })
    }
}

/// Makes a workload with `timed` operations after the prefill.
pub fn workload(mix: Mix, timed: usize, seed: u64) -> Workload {
    let mut generator = Generator::new(mix, seed);
    match mix {
        Mix::Park | Mix::Liqui => {}
        Mix::Ecore => generator.prefill(ECORE.resting),
        Mix::Itch => generator.prefill(ITCH.resting),
    }
    let prefill = generator.operations.len();
    while generator.operations.len() < prefill + timed {
        match mix {
            Mix::Park => generator.park_interval(),
            Mix::Ecore => generator.exchange(&ECORE),
            Mix::Itch => generator.exchange(&ITCH),
            Mix::Liqui => generator.liquibook(),
        }
    }
    generator.operations.truncate(prefill + timed);
    Workload {
        prefill,
        operations: generator.operations,
    }
}

/// An exchange in steady state.
struct Exchange {
    /// How many orders rest.
    resting: usize,
    /// Shares of 1,000 messages; the rest are moves.
    adds: u32,
    immediate: u32,
    cancels: u32,
    /// Of 1,000 adds and moves, how many reach for the other side.
    reaching: u32,
    /// How many ticks behind the middle a passive order may stand: the greater of two draws is
    /// never taken, so that most stand near the middle, where `spread` is 2.
    depth: u32,
    spread: u32,
    /// Of 1,000 cancels, how many take one of the 500 youngest orders.
    young: u32,
}

const ECORE: Exchange = Exchange {
    resting: 1_000,
    adds: 103,
    immediate: 30,
    cancels: 47,
    reaching: 36,
    depth: 1_000,
    spread: 1,
    young: 0,
};

const ITCH: Exchange = Exchange {
    resting: 10_000,
    adds: 455,
    immediate: 50,
    cancels: 415,
    reaching: 5,
    depth: 2_000,
    spread: 2,
    young: 600,
};

struct Generator {
    random: Random,
    book: Naive,
    operations: Vec<Operation>,
    /// Orders that were open when they were last looked at, oldest first.
    open: Vec<(u32, Side)>,
    next_id: u32,
    middle: u32,
}

impl Generator {
    fn new(mix: Mix, seed: u64) -> Generator {
        Generator {
            random: Random::new(seed ^ (mix as u64) << 56),
            book: Naive::default(),
            operations: Vec::new(),
            open: Vec::new(),
            next_id: 1,
            middle: 20_000,
        }
    }

    fn push(&mut self, operation: Operation) {
        self.book.perform(&operation, &mut Vec::new());
        self.operations.push(operation);
    }

    fn add(&mut self, kind: Kind, side: Side, user: u16, price: u32, quantity: u32) {
        let id = self.next_id;
        self.next_id += 1;
        self.push(Operation {
            kind,
            side,
            user,
            id,
            price,
            quantity,
        });
        if kind == Kind::Add && self.book.is_open(id) {
            self.open.push((id, side));
        }
    }

    fn cancel(&mut self, (id, side): (u32, Side)) {
        let (user, price, quantity) = (0, 0, 0);
        self.push(Operation {
            kind: Kind::Cancel,
            side,
            user,
            id,
            price,
            quantity,
        });
    }

    fn move_to(&mut self, (id, side): (u32, Side), price: u32, quantity: u32) {
        self.push(Operation {
            kind: Kind::Move,
            side,
            user: 0,
            id,
            price,
            quantity,
        });
    }

    fn side(&mut self) -> Side {
        match self.random.below(2) {
            0 => Side::Buy,
            _ => Side::Sell,
        }
    }

    /// An open order at `at` or near it. Orders that were filled meanwhile are dropped.
    fn open_at(&mut self, mut at: usize) -> Option<usize> {
        while !self.open.is_empty() {
            at = at.min(self.open.len() - 1);
            if self.book.is_open(self.open[at].0) {
                return Some(at);
            }
            self.open.swap_remove(at);
        }
        None
    }

    fn any_open(&mut self) -> Option<usize> {
        let at = self.random.below(self.open.len() as u32) as usize;
        self.open_at(at)
    }

    /// 300 tenants place two orders each, move 210, and withdraw what is left.
    fn park_interval(&mut self) {
        for step in 0..600 {
            let side = self.side();
            let user = self.random.below(300) as u16;
            let price = self.park_price(side);
            let quantity = self.random.between(1, 50) * 100;
            self.add(Kind::Add, side, user, price, quantity);
            // 210 moves among 600 orders: 7 after each 20.
            if matches!(step % 20, 2 | 5 | 8 | 11 | 14 | 17 | 19)
                && let Some(at) = self.any_open()
            {
                let order = self.open[at];
                let price = self.park_price(order.1);
                let quantity = self.random.between(1, 50) * 100;
                self.move_to(order, price, quantity);
            }
        }
        for order in std::mem::take(&mut self.open) {
            if self.book.is_open(order.0) {
                self.cancel(order);
            }
        }
    }

    /// Between feed-in and retail price, in thousandths of a yuan; sellers ask for a little more.
    fn park_price(&mut self, side: Side) -> u32 {
        match side {
            Side::Buy => self.random.between(400, 700),
            Side::Sell => self.random.between(440, 740),
        }
    }

    fn prefill(&mut self, resting: usize) {
        while self.book.len() < resting {
            let exchange = if resting == ECORE.resting {
                &ECORE
            } else {
                &ITCH
            };
            let side = self.side();
            let price = self.passive(exchange, side);
            self.add_of_exchange(Kind::Add, side, price);
        }
    }

    fn add_of_exchange(&mut self, kind: Kind, side: Side, price: u32) {
        let user = self.random.below(1_000) as u16;
        let quantity = self.random.between(1, 100);
        self.add(kind, side, user, price, quantity);
    }

    /// A price behind the middle.
    fn passive(&mut self, exchange: &Exchange, side: Side) -> u32 {
        let draws = (0..exchange.spread).map(|_| self.random.below(exchange.depth));
        let behind = draws.min().unwrap_or_default() + 1;
        match side {
            Side::Buy => self.middle - behind,
            Side::Sell => self.middle + behind,
        }
    }

    /// A price that meets the best of the other side, or goes a little beyond.
    fn reaching(&mut self, side: Side) -> Option<u32> {
        let beyond = self.random.below(4);
        let best = self.book.best(side.opposite())?;
        Some(match side {
            Side::Buy => best + beyond,
            Side::Sell => best - beyond,
        })
    }

    fn price(&mut self, exchange: &Exchange, side: Side) -> u32 {
        let is_reaching = self.random.below(1_000) < exchange.reaching;
        let reaching = is_reaching.then(|| self.reaching(side)).flatten();
        reaching.unwrap_or_else(|| self.passive(exchange, side))
    }

    /// One message of an exchange whose middle wanders.
    fn exchange(&mut self, exchange: &Exchange) {
        if self.random.below(1_000) == 0 {
            self.middle = self.middle - 1 + 2 * self.random.below(2);
        }
        let draw = self.random.below(1_000);
        let (adds, immediate) = (exchange.adds, exchange.adds + exchange.immediate);
        // Where the book runs low or high, an add takes a cancel's place or the reverse.
        let is_low = self.book.len() * 20 < exchange.resting * 19;
        let is_high = self.book.len() * 20 > exchange.resting * 21;
        let is_add = draw < adds && !is_high;
        let is_cancel = (immediate..immediate + exchange.cancels).contains(&draw);
        if is_add || is_cancel && is_low {
            let side = self.side();
            let price = self.price(exchange, side);
            self.add_of_exchange(Kind::Add, side, price);
        } else if (adds..immediate).contains(&draw) {
            let side = self.side();
            if let Some(price) = self.reaching(side) {
                self.add_of_exchange(Kind::AddImmediateOrCancel, side, price);
            }
        } else if is_cancel || draw < adds {
            self.cancel_one(exchange);
        } else if let Some(at) = self.any_open() {
            let order = self.open[at];
            let price = self.price(exchange, order.1);
            let quantity = self.random.between(1, 100);
            self.move_to(order, price, quantity);
        }
    }

    fn cancel_one(&mut self, exchange: &Exchange) {
        let count = self.open.len();
        let at = if self.random.below(1_000) < exchange.young {
            count - 1 - self.random.below(count.min(500) as u32) as usize
        } else {
            self.random.below(count as u32) as usize
        };
        if let Some(at) = self.open_at(at) {
            let order = self.open.swap_remove(at);
            self.cancel(order);
        }
    }

    /// Buyers and sellers take turns: bids at 1880 to 1889, offers at 1884 to 1893, 100 to 1,000.
    fn liquibook(&mut self) {
        let (side, low) = match self.operations.len() % 2 {
            0 => (Side::Buy, 1_880),
            _ => (Side::Sell, 1_884),
        };
        let price = low + self.random.below(10);
        let quantity = self.random.between(1, 10) * 100;
        let id = self.next_id;
        self.next_id += 1;
        let user = (id % 1_000) as u16;
        self.push(Operation {
            kind: Kind::Add,
            side,
            user,
            id,
            price,
            quantity,
        });
    }
}
