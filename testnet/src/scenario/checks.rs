//! What the ledger must hold.

use std::collections::BTreeMap;

use wattle_ledger::derived::Fact;
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::MeterKind;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, PointSettlement, PostingKind};
use wattle_market::units::{Money, Price, WattHours};

use super::names::Stage;
use super::words::{Unreadable, Words};
use super::{Wrong, at_price, compare};

/// A point's line by the run that found it, with the kinds that rest on a substitute.
type Found = (PointSettlement, Vec<MeterKind>);

impl Stage {
    /// Compares, if a statement is one of these.
    pub(super) fn checks(&mut self, verb: &str, words: &mut Words) -> Result<bool, Wrong> {
        self.checks += 1;
        match verb {
            "clear" => self.cleared(words)?,
            "filled" => self.filled(words)?,
            "missed" => self.missed(words)?,
            "pooled" => self.pooled(words)?,
            "energy" => self.energy(words)?,
            "credit" | "grid-alone" => self.credit(verb, words)?,
            "substituted" => self.substituted(words)?,
            "posted" | "adjusted" => self.posted(verb, words)?,
            "balance" | "reserved" => self.balance(verb, words)?,
            "certificate" => self.certificate(words)?,
            "delivered" => self.delivered(words)?,
            "standing" => self.standing(words)?,
            "frozen" => self.frozen(words)?,
            _ => {
                self.checks -= 1;
                return Ok(false);
            }
        }
        words.end()?;
        Ok(true)
    }

    fn facts(&mut self) -> Result<impl Iterator<Item = &Fact>, Wrong> {
        Ok(self.park()?.facts().iter().map(|told| &told.fact))
    }

    /// `clear E @ P`, `clear nothing`, `clear halted`, `clear without orders`.
    fn cleared(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let expected = if words.take("nothing") {
            "nothing".to_owned()
        } else if words.take("halted") {
            "halted".to_owned()
        } else if words.take("without") {
            words.must("orders")?;
            "no orders".to_owned()
        } else {
            let volume = words.energy("the volume")?;
            words.must("@")?;
            at_price(volume, Some(words.price("the price")?))
        };
        let interval = self.interval;
        let found = self.facts()?.find_map(|fact| match fact {
            Fact::IntervalCleared {
                interval: of,
                price,
                volume,
                ..
            } if *of == interval => Some(at_price(*volume, *price)),
            Fact::AuctionHalted { interval: of, .. } if *of == interval => {
                Some("halted".to_owned())
            }
            Fact::ContinuousClosed {
                interval: of,
                traded,
                ..
            } if *of == interval => Some(at_price(traded.volume, traded.price)),
            _ => None,
        });
        compare(expected, found.unwrap_or_else(|| "no orders".to_owned()))
    }

    /// `filled ORDER E [@ P]`: at the gate and before it. With several prices it is their average.
    fn filled(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the order")?;
        let order = self.order(&name)?.id;
        let quantity = words.energy("the quantity")?;
        let price = if words.take("@") {
            Some(words.price("the price")?)
        } else {
            None
        };
        let (mut filled, mut value, mut is_known) = (0i64, 0i128, false);
        for fact in self.facts()? {
            let (part, at) = match fact {
                Fact::OrderClosed {
                    order: of,
                    filled,
                    price,
                    ..
                } if *of == order => (*filled, price.unwrap_or_default()),
                Fact::OrderMatched {
                    order: of,
                    filled,
                    price,
                    ..
                } if *of == order => (*filled, *price),
                _ => continue,
            };
            is_known = true;
            filled += part.0;
            value += i128::from(part.0) * i128::from(at.0);
        }
        if !is_known {
            return Err(Wrong::Unexpected {
                expected: at_price(quantity, price.or(Some(Price::ZERO))),
                found: "an order whose gate has not closed".to_owned(),
            });
        }
        let average = (filled > 0).then(|| value / i128::from(filled));
        let average = average
            .and_then(|price| i64::try_from(price).ok())
            .map(Price);
        let text = |quantity: WattHours, price: Option<Price>| match (quantity.0, price) {
            (0, _) | (_, None) => quantity.to_string(),
            (_, price) => at_price(quantity, price),
        };
        let found = price.and(average);
        compare(text(quantity, price), text(WattHours(filled), found))
    }

    /// `missed ORDER E`: left out for its minimum, offered so much.
    fn missed(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the order")?;
        let order = self.order(&name)?.id;
        let expected = words.energy("what was offered")?;
        let found = self.facts()?.find_map(|fact| match fact {
            Fact::MinimumMissed {
                order: of, offered, ..
            } if *of == order => Some(offered.to_string()),
            _ => None,
        });
        let found = found.unwrap_or_else(|| "an order that was not left out".to_owned());
        compare(expected.to_string(), found)
    }

    /// `pooled E @ P`, `pooled nothing`: by the last run.
    fn pooled(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let expected = if words.take("nothing") {
            "nothing".to_owned()
        } else {
            let volume = words.energy("the volume")?;
            words.must("@")?;
            at_price(volume, Some(words.price("the price")?))
        };
        let interval = self.interval;
        let found = self.facts()?.filter_map(|fact| match fact {
            Fact::IntervalSettled {
                interval: of,
                pool_price,
                pool_volume,
                ..
            }
            | Fact::IntervalAdjusted {
                interval: of,
                pool_price,
                pool_volume,
                ..
            } if *of == interval => Some(at_price(*pool_volume, *pool_price)),
            _ => None,
        });
        let found = found.last();
        compare(
            expected,
            found.unwrap_or_else(|| "no settlement".to_owned()),
        )
    }

    /// What the last run found for a point.
    fn line(&mut self, name: &str) -> Result<Found, Wrong> {
        let interval = self.interval;
        let (point, _) = self.point(name)?;
        let found = self.facts()?.filter_map(|fact| match fact {
            Fact::PointSettled {
                interval: of,
                point: at,
                line,
                substituted,
                ..
            }
            | Fact::PointAdjusted {
                interval: of,
                point: at,
                line,
                substituted,
                ..
            } if (*of, *at) == (interval, point) => Some((**line, substituted.clone())),
            _ => None,
        });
        found.last().ok_or_else(|| Wrong::Unexpected {
            expected: format!("a settlement of {name}"),
            found: "none".to_owned(),
        })
    }

    /// `energy POINT FIELD E …`.
    fn energy(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let (line, _) = self.line(&name)?;
        while !words.is_empty() {
            let field = words.word("a figure")?;
            let found = figure(&line, &field)?;
            let expected = words.energy(&field)?;
            compare(format!("{field} {expected}"), format!("{field} {found}"))?;
        }
        Ok(())
    }

    fn credit(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let expected = words.money(verb)?;
        let (line, _) = self.line(&name)?;
        let found = if verb == "credit" {
            line.credit
        } else {
            line.grid_alone
        };
        compare(expected, found)
    }

    /// `substituted POINT KIND …` or `substituted POINT none`.
    fn substituted(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let (_, found) = self.line(&name)?;
        let mut expected = Vec::new();
        while !words.is_empty() && !words.take("none") {
            expected.push(words.kind()?);
        }
        compare(format!("{expected:?}"), format!("{found:?}"))
    }

    /// `posted ACCOUNT KIND M`: by all runs of the interval. `adjusted ACCOUNT KIND M`: by its
    /// final run. An account is a point, or clearing, grid, balancing or network.
    fn posted(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("an account")?;
        let account = match name.as_str() {
            "clearing" => Account::Clearing,
            "grid" => Account::Grid,
            "balancing" => Account::Balancing,
            "network" => Account::Network,
            point => Account::Point(self.point(point)?.0),
        };
        let kind = words.posting()?;
        let expected = words.money("the amount")?;
        let interval = self.interval;
        let mut sums: BTreeMap<(bool, Account, PostingKind), i64> = BTreeMap::new();
        for fact in self.facts()? {
            for (is_adjusted, account, kind, amount) in postings(fact, interval) {
                *sums.entry((is_adjusted, account, kind)).or_default() += amount.0;
            }
        }
        let sum = |is_adjusted| {
            sums.get(&(is_adjusted, account, kind))
                .copied()
                .unwrap_or(0)
        };
        let mut found = sum(true);
        if verb == "posted" {
            found += sum(false);
        }
        compare(expected, Money(found))
    }

    /// `balance NAME M`: a tenant, or cash, clearing, grid, balancing or network.
    fn balance(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("an account")?;
        let id = match name.as_str() {
            "cash" => AccountId::Cash,
            "clearing" => AccountId::Clearing,
            "grid" => AccountId::Grid,
            "balancing" => AccountId::Balancing,
            "network" => AccountId::Network,
            tenant => AccountId::Participant(self.tenant(tenant)?.id),
        };
        let expected = words.money("the amount")?;
        let account = self.park()?.ledger().state().accounts.get(id);
        let found = if verb == "balance" {
            account.balance
        } else {
            account.reserved
        };
        compare(expected, found)
    }

    /// `certificate POINT issued E self-used E stored E sent E kept E`, or with `none`.
    fn certificate(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let (point, _) = self.point(&name)?;
        let interval = self.interval;
        let state = self.park()?.ledger().state();
        let bundle = state.certificates.get(interval, point).copied();
        if words.take("none") {
            let found = bundle.map_or("none".to_owned(), |bundle| bundle.issued.to_string());
            return compare("none".to_owned(), found);
        }
        let bundle = bundle.unwrap_or_default();
        while !words.is_empty() {
            let field = words.word("a part")?;
            let found = match field.as_str() {
                "issued" => bundle.issued,
                "self-used" => bundle.self_used,
                "stored" => bundle.stored,
                "sent" => bundle.sent,
                "kept" => bundle.held,
                _ => return Err(format!("{field:?} is no part of a certificate").into()),
            };
            let expected = words.energy(&field)?;
            compare(format!("{field} {expected}"), format!("{field} {found}"))?;
        }
        Ok(())
    }

    /// `delivered POINT POINT E`: certificates from one to the other, by the last run.
    fn delivered(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let (sender, receiver) = (words.word("the sender")?, words.word("the receiver")?);
        let pair: (PointId, PointId) = (self.point(&sender)?.0, self.point(&receiver)?.0);
        let expected = words.energy("the quantity")?;
        let interval = self.interval;
        let found = self.facts()?.filter_map(|fact| match fact {
            Fact::CertificateDelivered {
                interval: of,
                from,
                to,
                quantity,
            }
            | Fact::DeliveryAdjusted {
                interval: of,
                from,
                to,
                after: quantity,
                ..
            } if *of == interval && (*from, *to) == pair => Some(*quantity),
            _ => None,
        });
        let found = found.last().unwrap_or_default();
        compare(expected, found)
    }

    fn standing(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let expected = words.word("only, provisional, final or held")?;
        let interval = self.interval;
        let standing = self.park()?.ledger().state().standing(interval);
        compare(expected, format!("{standing:?}").to_lowercase())
    }

    /// `frozen POINT KIND yes|no`.
    fn frozen(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let kind = words.kind()?;
        let key = self.meter(&name, kind)?.key.public();
        let expected = words.word("yes or no")?;
        let is_frozen = self.park()?.ledger().state().readings.is_frozen(&key);
        compare(expected, if is_frozen { "yes" } else { "no" }.to_owned())
    }
}

/// A figure of a point's line by its name in RULES.md, section 8.
fn figure(line: &PointSettlement, field: &str) -> Result<WattHours, Unreadable> {
    Ok(match field {
        "load" => line.load,
        "net" => line.net,
        "surplus" => line.surplus,
        "need" => line.need,
        "self-used" => line.green.self_used,
        "stored" => line.green.stored,
        "green" => line.green.surplus,
        "contracted" => line.contracted,
        "deviation" => line.deviation,
        "received" => line.received,
        "pool-green" => line.pool.green,
        "pool-other" => line.pool.other,
        "pool-long" => line.pool.long,
        "pool-need" => line.pool.need,
        "pool-short" => line.pool.short,
        "rest-green" => line.unmatched.green,
        "rest-other" => line.unmatched.other,
        "rest-long" => line.unmatched.long,
        "rest-need" => line.unmatched.need,
        "rest-short" => line.unmatched.short,
        "sent" => line.sent,
        "kept" => line.kept,
        "cancelled" => line.cancelled,
        _ => {
            return Err(format!(
                "{field:?} is no figure; docs/SCENARIOS.md lists them"
            ));
        }
    })
}

/// The postings of a fact about an interval, and whether they are a final run's.
fn postings(fact: &Fact, interval: DeliveryInterval) -> Vec<(bool, Account, PostingKind, Money)> {
    match fact {
        Fact::PointSettled {
            interval: of,
            point,
            postings,
            ..
        }
        | Fact::PointAdjusted {
            interval: of,
            point,
            postings,
            ..
        } if *of == interval => {
            let is_adjusted = matches!(fact, Fact::PointAdjusted { .. });
            let posting = |(kind, amount): &(PostingKind, Money)| {
                (is_adjusted, Account::Point(*point), *kind, *amount)
            };
            postings.iter().map(posting).collect()
        }
        Fact::IntervalSettled {
            interval: of,
            postings,
            ..
        }
        | Fact::IntervalAdjusted {
            interval: of,
            postings,
            ..
        } if *of == interval => {
            let is_adjusted = matches!(fact, Fact::IntervalAdjusted { .. });
            let posting = |(account, kind, amount): &(Account, PostingKind, Money)| {
                (is_adjusted, *account, *kind, *amount)
            };
            postings.iter().map(posting).collect()
        }
        _ => Vec::new(),
    }
}
