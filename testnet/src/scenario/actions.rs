//! What people sign. Each statement's last column is `accepted`, `rejected` with the refusal's
//! name, or nothing, which means `accepted`.

use wattle_ledger::event::{
    Action, OrderChange, OrderItem, OrderWithMinimum, Reading, delegation_message,
};
use wattle_ledger::registration::{
    AffiliateGroupId, DelegationLimits, MarketMode, Meter, MeterId, Metering, Participant,
    ParticipantId, Point, Role, RuleSet,
};
use wattle_ledger::state::registers::Ratio;
use wattle_market::order::Side;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::units::{Money, Price, WattHours};

use super::Wrong;
use super::names::{MeterOf, OrderOf, Stage, TARIFF, TenantOf};
use super::words::{Verdict, Words};

impl Stage {
    /// Performs a statement, if it is one of these.
    pub(super) fn acts(&mut self, verb: &str, words: &mut Words) -> Result<bool, Wrong> {
        match verb {
            "tenant" => self.registers_tenant(words)?,
            "point" => self.registers_point(words)?,
            "meter" => self.registers_meter(words)?,
            "deposit" | "withdraw" => self.moves_funds(verb, words)?,
            "pool" => self.instructs(words)?,
            "order" | "immediate" => self.orders(verb, words)?,
            "change" => self.changes(words)?,
            "cancel" => self.cancels(words)?,
            "cancel-all" => self.cancels_all(words)?,
            "read" | "correct" => self.reads(verb, words)?,
            "reset" | "replace" | "ratio" => self.restarts(verb, words)?,
            "unfreeze" => self.unfreezes(words)?,
            "end" | "assign" => self.moves(verb, words)?,
            "affiliates" => self.affiliates(words)?,
            "halt" | "resume" => self.halts(verb, words)?,
            "bounds" | "prices" => self.prices(verb, words)?,
            "mode" | "rules" => self.rules(verb, words)?,
            "delegate" | "revoke" => self.delegates(verb, words)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn registers_tenant(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the tenant's name")?;
        let (mut deposit, mut credit) = (Money(1_000 * Money::YUAN.0), None);
        loop {
            if words.take("deposit") {
                deposit = words.money("the deposit")?;
            } else if words.take("credit") {
                credit = Some(words.money("the credit limit")?);
            } else {
                break;
            }
        }
        let verdict = words.verdict()?;
        let number = u32::try_from(self.tenants.len() + 1).unwrap_or(u32::MAX);
        let id = ParticipantId(number);
        let key = self.keyring.named(&format!("tenant {name}"));
        let (registrar, treasurer) = (self.registrar(), self.treasurer());
        let participant = Participant {
            id,
            name: name.clone(),
        };
        self.act(
            &registrar,
            Action::RegisterParticipant(participant),
            verdict,
        )?;
        if verdict != Verdict::Accepted {
            return Ok(());
        }
        let add = Action::AddKey {
            key: key.public(),
            role: Role::Tenant(id),
        };
        self.act(&registrar, add, verdict)?;
        if deposit > Money::ZERO {
            let deposit = Action::Deposit {
                participant: id,
                amount: deposit,
                reference: "opening".to_owned(),
            };
            self.act(&treasurer, deposit, verdict)?;
        }
        if let Some(limit) = credit {
            let action = Action::SetCreditLimit {
                participant: id,
                limit,
            };
            self.act(&treasurer, action, verdict)?;
        }
        self.tenants.insert(name, TenantOf { id, key });
        Ok(())
    }

    fn registers_point(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point's name")?;
        let owner = words.word("the tenant")?;
        let number = u32::try_from(self.points.len() + 1).unwrap_or(u32::MAX);
        let mut point = Point {
            id: PointId(number),
            participant: self.tenant(&owner)?.id,
            building: BuildingId(1),
            tariff: TARIFF,
            generation_w: 100_000,
            connection_w: 100_000,
            metering: Metering::LoadMeter,
            from: self.interval,
        };
        loop {
            if words.take("building") {
                point.building = BuildingId(words.number("a building")?);
            } else if words.take("generation") {
                point.generation_w = words.power("the generation")?;
            } else if words.take("connection") {
                point.connection_w = words.power("the connection")?;
            } else if words.take("connection-meter") {
                point.metering = Metering::ConnectionMeter;
            } else if words.take("from") {
                point.from = words.interval(self.interval)?;
            } else {
                break;
            }
        }
        let (verdict, registrar) = (words.verdict()?, self.registrar());
        let id = point.id;
        self.act(&registrar, Action::RegisterPoint(point), verdict)?;
        if verdict == Verdict::Accepted {
            self.points.insert(name, (id, owner));
        }
        Ok(())
    }

    fn registers_meter(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let kind = words.kind()?;
        let (point, _) = self.point(&name)?;
        let id = MeterId(self.meters_made + 1);
        let key = self.keyring.named(&format!("meter {id}"));
        let mut meter = Meter {
            id,
            point,
            kind,
            key: key.public(),
            from: self.interval,
            register: WattHours::ZERO,
            rated_w: 100_000,
        };
        loop {
            if words.take("register") {
                meter.register = words.energy("the register")?;
            } else if words.take("rated") {
                meter.rated_w = words.power("the rating")?;
            } else if words.take("from") {
                meter.from = words.interval(self.interval)?;
            } else {
                break;
            }
        }
        let (verdict, registrar) = (words.verdict()?, self.registrar());
        self.act(&registrar, Action::RegisterMeter(meter), verdict)?;
        if verdict == Verdict::Accepted {
            self.meters_made += 1;
            self.meters.insert((name, kind), MeterOf { id, key });
        }
        Ok(())
    }

    fn moves_funds(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the tenant")?;
        let participant = self.tenant(&name)?.id;
        let amount = words.money("the amount")?;
        let reference = "scenario".to_owned();
        let action = if verb == "deposit" {
            Action::Deposit {
                participant,
                amount,
                reference,
            }
        } else {
            Action::Withdraw {
                participant,
                amount,
                reference,
            }
        };
        let (verdict, treasurer) = (words.verdict()?, self.treasurer());
        self.act(&treasurer, action, verdict).map(drop)
    }

    /// `pool POINT in|out [ask P] [bid P]`.
    fn instructs(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let (point, owner) = self.point(&name)?;
        let enrolled = match words.word("in or out")?.as_str() {
            "in" => true,
            "out" => false,
            other => return Err(format!("{other:?} is neither in nor out").into()),
        };
        let (mut ask_limit, mut bid_limit) = (Price::ZERO, None);
        loop {
            if words.take("ask") {
                ask_limit = words.price("the ask limit")?;
            } else if words.take("bid") {
                bid_limit = Some(words.price("the bid limit")?);
            } else {
                break;
            }
        }
        let verdict = words.verdict()?;
        let action = Action::SetStandingInstruction {
            point,
            enrolled,
            ask_limit,
            bid_limit,
        };
        self.act(&owner.key, action, verdict).map(drop)
    }

    /// `order NAME POINT buy|sell E @ P [at T] [minimum E] [by KEY]`.
    fn orders(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the order's name")?;
        let point = words.word("the point")?;
        let (point, owner) = self.point(&point)?;
        let side = match words.word("buy or sell")?.as_str() {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            other => return Err(format!("{other:?} is neither buy nor sell").into()),
        };
        let quantity = words.energy("the quantity")?;
        words.must("@")?;
        let limit = words.price("the limit")?;
        let interval = self.at(words)?;
        let (mut minimum, mut key) = (None, owner.key);
        loop {
            if words.take("minimum") {
                minimum = Some(words.energy("the minimum")?);
            } else if words.take("by") {
                let by = words.word("a delegated key")?;
                let known = self.delegates.get(&by);
                key = known
                    .cloned()
                    .ok_or_else(|| format!("there is no delegated key {by:?}"))?;
            } else {
                break;
            }
        }
        let verdict = words.verdict()?;
        let item = OrderItem {
            point,
            interval,
            side,
            quantity,
            limit,
        };
        let with = |minimum| OrderWithMinimum {
            order: item,
            minimum,
        };
        let action = match (verb, minimum) {
            ("order", None) => Action::PlaceOrders(vec![item]),
            ("order", Some(minimum)) => Action::PlaceOrdersWith(vec![with(minimum)]),
            (_, minimum) => Action::PlaceImmediate(vec![with(minimum.unwrap_or_default())]),
        };
        let id = self.act(&key, action, verdict)?;
        self.orders.insert(name, OrderOf { id, key });
        Ok(())
    }

    fn changes(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the order")?;
        let order = self.order(&name)?;
        let quantity = words.energy("the quantity")?;
        words.must("@")?;
        let limit = words.price("the limit")?;
        let verdict = words.verdict()?;
        let change = OrderChange {
            order: order.id,
            quantity,
            limit,
        };
        self.act(&order.key, Action::ChangeOrders(vec![change]), verdict)
            .map(drop)
    }

    fn cancels(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the order")?;
        let order = self.order(&name)?;
        let verdict = words.verdict()?;
        self.act(&order.key, Action::CancelOrders(vec![order.id]), verdict)
            .map(drop)
    }

    fn cancels_all(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the tenant")?;
        let tenant = self.tenant(&name)?;
        let interval = if words.take("at") {
            Some(words.interval(self.interval)?)
        } else {
            None
        };
        let verdict = words.verdict()?;
        let action = Action::CancelAll {
            point: None,
            interval,
        };
        self.act(&tenant.key, action, verdict).map(drop)
    }

    /// `read POINT KIND E [at T]`: the register at the interval's end.
    fn reads(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let kind = words.kind()?;
        let meter = self.meter(&name, kind)?;
        let register = words.energy("the register")?;
        let interval = self.at(words)?;
        let verdict = words.verdict()?;
        let (key, action) = if verb == "read" {
            let reading = Reading { interval, register };
            (meter.key, Action::SubmitReadings(vec![reading]))
        } else {
            let action = Action::CorrectReading {
                meter: meter.id,
                interval,
                register,
                reason: "a scenario".to_owned(),
            };
            (self.registrar(), action)
        };
        self.act(&key, action, verdict).map(drop)
    }

    /// `reset POINT KIND last E start E [at T]`, `replace … [ratio A/B] [at T]`,
    /// `ratio POINT KIND A/B register E [at T]`.
    fn restarts(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let kind = words.kind()?;
        let meter = self.meter(&name, kind)?.id;
        let mut ratio = Ratio::ONE;
        let (last, start);
        if verb == "ratio" {
            ratio = words.ratio()?;
            words.must("register")?;
            last = words.energy("the register")?;
            start = last;
        } else {
            words.must("last")?;
            last = words.energy("the last register")?;
            words.must("start")?;
            start = words.energy("the first register")?;
            if verb == "replace" && words.take("ratio") {
                ratio = words.ratio()?;
            }
        }
        let interval = self.at(words)?;
        let verdict = words.verdict()?;
        let key = self
            .keyring
            .named(&format!("meter {meter} from {interval} on"));
        let action = match verb {
            "reset" => Action::ResetRegister {
                meter,
                interval,
                last,
                start,
            },
            "replace" => Action::ReplaceMeter {
                meter,
                interval,
                last,
                start,
                ratio,
                key: key.public(),
            },
            _ => Action::SetRatio {
                meter,
                from: interval,
                register: last,
                ratio,
            },
        };
        let registrar = self.registrar();
        self.act(&registrar, action, verdict)?;
        if verb == "replace" && verdict == Verdict::Accepted {
            self.meters.insert((name, kind), MeterOf { id: meter, key });
        }
        Ok(())
    }

    fn unfreezes(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let kind = words.kind()?;
        let key = self.meter(&name, kind)?.key.public();
        let (verdict, registrar) = (words.verdict()?, self.registrar());
        self.act(&registrar, Action::LiftFreeze { key }, verdict)
            .map(drop)
    }

    /// `end POINT T`, `assign POINT KIND POINT T`.
    fn moves(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the point")?;
        let registrar = self.registrar();
        if verb == "end" {
            let (point, _) = self.point(&name)?;
            let from = words.interval(self.interval)?;
            let verdict = words.verdict()?;
            let action = Action::EndPoint { point, from };
            return self.act(&registrar, action, verdict).map(drop);
        }
        let kind = words.kind()?;
        let meter = self.meter(&name, kind)?;
        let to = words.word("the new point")?;
        let (point, _) = self.point(&to)?;
        let from = words.interval(self.interval)?;
        let verdict = words.verdict()?;
        let action = Action::AssignMeter {
            meter: meter.id,
            point,
            from,
        };
        self.act(&registrar, action, verdict)?;
        if verdict == Verdict::Accepted {
            // By either name it is the same meter.
            self.meters.insert((to, kind), meter);
        }
        Ok(())
    }

    /// `affiliates GROUP TENANT…`.
    fn affiliates(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let group = AffiliateGroupId(words.number("the group")?);
        let mut members = Vec::new();
        while let Ok(name) = words.clone().word("a tenant") {
            if ["accepted", "rejected"].contains(&name.as_str()) {
                break;
            }
            words.must(&name)?;
            members.push(self.tenant(&name)?.id);
        }
        let (verdict, registrar) = (words.verdict()?, self.registrar());
        self.act(
            &registrar,
            Action::SetAffiliates { group, members },
            verdict,
        )
        .map(drop)
    }

    fn halts(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let from = words.interval(self.interval)?;
        let action = if verb == "resume" {
            Action::ResumeMarket { from }
        } else if words.take("until") {
            let until = Some(words.interval(self.interval)?);
            Action::HaltMarket { from, until }
        } else {
            Action::HaltMarket { from, until: None }
        };
        let (verdict, registrar) = (words.verdict()?, self.registrar());
        self.act(&registrar, action, verdict).map(drop)
    }

    /// `bounds T floor P cap P`, `prices T feed-in P export P wheeling P`.
    fn prices(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let from = words.interval(self.interval)?;
        let mut price = |name: &str| {
            words.must(name)?;
            words.price(name)
        };
        let action = if verb == "bounds" {
            Action::SetPriceBounds {
                from,
                floor: price("floor")?,
                cap: price("cap")?,
            }
        } else {
            let terms = ParkTerms {
                feed_in: price("feed-in")?,
                export: price("export")?,
                wheeling: price("wheeling")?,
            };
            Action::SetTerms { from, terms }
        };
        let (verdict, registrar) = (words.verdict()?, self.registrar());
        self.act(&registrar, action, verdict).map(drop)
    }

    /// `mode auction|continuous T`, `rules final-runs|price-index T`.
    fn rules(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("which")?;
        let from = words.interval(self.interval)?;
        let action = match (verb, name.as_str()) {
            ("mode", "auction") => Action::SetMarketMode {
                from,
                mode: MarketMode::CallAuction,
            },
            ("mode", "continuous") => Action::SetMarketMode {
                from,
                mode: MarketMode::Continuous,
            },
            ("rules", "final-runs") => Action::ActivateRules {
                rules: RuleSet::FinalRuns,
                from,
            },
            ("rules", "price-index") => Action::ActivateRules {
                rules: RuleSet::PriceIndex,
                from,
            },
            (_, other) => return Err(format!("{other:?} is no {verb} that there is").into()),
        };
        let (verdict, registrar) = (words.verdict()?, self.registrar());
        self.act(&registrar, action, verdict).map(drop)
    }

    /// `delegate KEY TENANT POINT… order E day E money M from T until T`, `revoke KEY TENANT`.
    fn delegates(&mut self, verb: &str, words: &mut Words) -> Result<(), Wrong> {
        let name = words.word("the delegated key")?;
        let tenant = words.word("the tenant")?;
        let tenant = self.tenant(&tenant)?;
        let key = self.keyring.named(&format!("delegate {name}"));
        if verb == "revoke" {
            let verdict = words.verdict()?;
            let key = key.public();
            let action = Action::RevokeDelegate { key };
            return self.act(&tenant.key, action, verdict).map(drop);
        }
        let mut points = Vec::new();
        while !words.take("order") {
            let point = words.word("a point, or order")?;
            points.push(self.point(&point)?.0);
        }
        let order_energy = words.energy("the most of one order")?;
        words.must("day")?;
        let day_energy = words.energy("the most of a day")?;
        words.must("money")?;
        let day_money = words.money("the most money of a day")?;
        words.must("from")?;
        let from = words.interval(self.interval)?;
        words.must("until")?;
        let until = words.interval(self.interval)?;
        let verdict = words.verdict()?;
        let limits = DelegationLimits {
            points,
            order_energy,
            day_energy,
            day_money,
            from,
            until,
        };
        let park = self.park()?.ledger().genesis().park();
        let message = delegation_message(&park, &tenant.key.public(), &key.public());
        let action = Action::Delegate {
            key: key.public(),
            limits,
            proof: key.sign(&message),
        };
        self.act(&tenant.key, action, verdict)?;
        self.delegates.insert(name, key);
        Ok(())
    }
}
