//! `wattle registrar …` beyond the registry: rules in force, corrections, the lives of meters and
//! points, affiliates and the market.

use wattle_client::api::Registry;
use wattle_ledger::billing::MonthCloseTerms;
use wattle_ledger::certificate::{CertificatePolicy, ExternalLink, LocalMonth, Withdrawal};
use wattle_ledger::event::Action;
use wattle_ledger::registration::{
    AffiliateGroupId, BoundaryMeter, MarketMode, MeterId, MeterKind, RuleSet,
};
use wattle_market::interval::DeliveryInterval;
use wattle_market::invoice::MonthPrices;
use wattle_market::point::PointId;

use crate::args::{
    AffiliatesCommand, BoundaryAddArgs, BoundaryCommand, BoundaryKindArg, MarketCommand, ModeArg,
    MonthCloseCommand, ReadingCommand, RegistrarCertificateCommand, RegistrarRulesCommand,
    RulesArg, RulesCommand,
};
use crate::failure::Failure;
use crate::folder;
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
                    RulesArg::Certificates => RuleSet::Certificates,
                    RulesArg::MonthClose => RuleSet::MonthClose,
                    RulesArg::JointAuction => RuleSet::JointAuction,
                },
                from: match (rules, from) {
                    (RulesArg::JointAuction, None) => park.next_joint_day(),
                    _ => park.next_open(*from)?,
                },
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
        RegistrarRulesCommand::Boundary(BoundaryCommand::Add(args)) => {
            Action::RegisterBoundaryMeter(boundary(args, park, registry)?)
        }
        RegistrarRulesCommand::MonthClose(MonthCloseCommand::Set(args)) => Action::SetMonthClose {
            from: park.next_open(args.from)?,
            terms: MonthCloseTerms {
                prices: MonthPrices {
                    demand: args.demand.0,
                    fee: args.fee,
                    vat_basis_points: args.vat,
                },
                residue_owner: park::participant(registry, &args.residue_owner)?,
            },
        },
        RegistrarRulesCommand::Affiliates(command) => affiliates(command, registry)?,
        RegistrarRulesCommand::Market(command) => market(command, park)?,
        RegistrarRulesCommand::Certificate(command) => certificate(command, park, registry)?,
        RegistrarRulesCommand::Follow { policy } => Action::FollowLog {
            policy: folder::read_text(policy)?,
        },
    })
}

fn boundary(
    args: &BoundaryAddArgs,
    park: &Park<'_>,
    registry: &Registry,
) -> Result<BoundaryMeter, Failure> {
    let at_points = registry.meters.iter().map(|known| known.id.0);
    let used = at_points.chain(registry.boundary.iter().map(|known| known.id.0));
    Ok(BoundaryMeter {
        id: MeterId(park::free_id(args.id, used)),
        kind: match args.kind {
            BoundaryKindArg::Import => MeterKind::Import,
            BoundaryKindArg::Export => MeterKind::Export,
        },
        key: args.meter_key,
        from: park.next_open(args.from)?,
        register: args.register,
        rated_w: args.rated,
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

fn certificate(
    command: &RegistrarCertificateCommand,
    park: &Park<'_>,
    registry: &Registry,
) -> Result<Action, Failure> {
    Ok(match command {
        RegistrarCertificateCommand::Policy {
            storage_yield,
            energytag,
            from,
            ..
        } => {
            let yield_bp = storage_yield.filter(|_| *energytag);
            Action::SetCertificatePolicy {
                from: park.next_open(*from)?,
                policy: match yield_bp {
                    Some(yield_bp) => CertificatePolicy::EnergyTag { yield_bp },
                    None => CertificatePolicy::Cn,
                },
            }
        }
        RegistrarCertificateCommand::Withdraw {
            certificate,
            holder,
            quantity,
            reason,
        } => Action::WithdrawCertificate(Withdrawal {
            certificate: *certificate,
            holder: park::participant(registry, holder)?,
            quantity: *quantity,
            reason: reason.clone(),
        }),
        RegistrarCertificateCommand::Link {
            point,
            month,
            units,
            number,
            self_use,
        } => {
            let (first, _) = month.intervals(park.offset())?;
            Action::LinkCertificates(ExternalLink {
                point: PointId(*point),
                month: LocalMonth::of(first, park.offset()),
                units: *units,
                tradable: !self_use,
                number: number.clone(),
            })
        }
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
