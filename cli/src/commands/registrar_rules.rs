//! `wattle registrar …` beyond the registry: rules in force, corrections, the lives of meters and
//! points, affiliates and the market.

use wattle_client::api::Registry;
use wattle_ledger::event::Action;
use wattle_ledger::registration::{AffiliateGroupId, MarketMode, MeterId, RuleSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

use crate::args::{
    AffiliatesCommand, MarketCommand, ModeArg, ReadingCommand, RegistrarRulesCommand, RulesArg,
    RulesCommand,
};
use crate::failure::Failure;
use crate::moment::Moment;
use crate::park::{self, Park};

/// The action that the registrar is to sign.
pub(super) fn action(
    command: &RegistrarRulesCommand,
    park: &Park<'_>,
    registry: &Registry,
) -> Result<Action, Failure> {
    let named = |moment: Moment| moment.interval(park.offset());
    Ok(match command {
        RegistrarRulesCommand::Rules(RulesCommand::Activate { rules, from }) => {
            Action::ActivateRules {
                rules: match rules {
                    RulesArg::FinalRuns => RuleSet::FinalRuns,
                    RulesArg::PriceIndex => RuleSet::PriceIndex,
                },
                from: park.next_open(*from)?,
            }
        }
        RegistrarRulesCommand::Reading(ReadingCommand::Correct(args)) => Action::CorrectReading {
            meter: MeterId(args.meter),
            interval: named(args.interval)?,
            register: args.register,
            reason: args.reason.clone(),
        },
        RegistrarRulesCommand::MeterReset(args) => Action::ResetRegister {
            meter: MeterId(args.meter),
            interval: named(args.interval)?,
            last: args.last,
            start: args.start,
        },
        RegistrarRulesCommand::MeterReplace(args) => Action::ReplaceMeter {
            meter: MeterId(args.meter),
            interval: named(args.interval)?,
            last: args.last,
            start: args.start,
            ratio: args.ratio,
            key: args.meter_key,
        },
        RegistrarRulesCommand::MeterRatio(args) => Action::SetRatio {
            meter: MeterId(args.meter),
            from: named(args.from)?,
            register: args.register,
            ratio: args.ratio,
        },
        RegistrarRulesCommand::MeterAssign(args) => Action::AssignMeter {
            meter: MeterId(args.meter),
            point: PointId(args.point),
            from: park.next_open(args.from)?,
        },
        RegistrarRulesCommand::PointEnd(args) => Action::EndPoint {
            point: PointId(args.point),
            from: park.next_open(args.from)?,
        },
        RegistrarRulesCommand::Affiliates(command) => affiliates(command, registry)?,
        RegistrarRulesCommand::Market(command) => market(command, park)?,
    })
}

fn affiliates(command: &AffiliatesCommand, registry: &Registry) -> Result<Action, Failure> {
    let AffiliatesCommand::Set { group, members, .. } = command;
    let members = members
        .iter()
        .map(|member| park::participant(registry, member));
    // The ledger wants them ascending; in which order they were typed says nothing.
    let mut members = members.collect::<Result<Vec<_>, Failure>>()?;
    members.sort_unstable();
    Ok(Action::SetAffiliates {
        group: AffiliateGroupId(*group),
        members,
    })
}

fn market(command: &MarketCommand, park: &Park<'_>) -> Result<Action, Failure> {
    Ok(match command {
        MarketCommand::Halt { from, until } => {
            let until: Option<DeliveryInterval> = until
                .map(|until| until.interval(park.offset()))
                .transpose()?;
            Action::HaltMarket {
                from: park.next_open(*from)?,
                until,
            }
        }
        MarketCommand::Resume { from } => Action::ResumeMarket {
            from: park.next_open(*from)?,
        },
        MarketCommand::Bounds { from, floor, cap } => Action::SetPriceBounds {
            from: park.next_open(*from)?,
            floor: *floor,
            cap: *cap,
        },
        MarketCommand::Mode { mode, from } => Action::SetMarketMode {
            from: park.next_open(*from)?,
            mode: match mode {
                ModeArg::CallAuction => MarketMode::CallAuction,
                ModeArg::Continuous => MarketMode::Continuous,
            },
        },
    })
}
