//! `wattle registrar …`: who and what is in the park, and its prices.

use wattle_client::api::Registry;
use wattle_ledger::event::Action;
use wattle_ledger::registration::{
    CarbonFactor, Meter, MeterId, MeterKind, Metering, NodeId, Participant, ParticipantId, Point,
    Role, TariffId,
};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;

use super::registrar_rules;
use crate::args::{
    FactorCommand, KeyRegistryCommand, MeterArgs, MeterKindArg, MeteringArg, ParticipantArgs,
    PointArgs, RegistrarCommand, RoleArg, TariffCommand, TariffSetArgs, TermsCommand,
};
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::output::Output;
use crate::park::{self, Park, REGISTRAR_KEY};
use crate::settings::Settings;

pub(super) fn run(
    command: &RegistrarCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let registry = park.client.registry()?;
    let action = match command {
        RegistrarCommand::Participant(args) => {
            Action::RegisterParticipant(participant(args, &registry))
        }
        RegistrarCommand::Point(args) => {
            Action::RegisterPoint(point(args, park.next_open(args.from)?, &registry)?)
        }
        RegistrarCommand::Meter(args) => {
            Action::RegisterMeter(meter(args, park.next_open(args.from)?, &registry))
        }
        RegistrarCommand::Key(KeyRegistryCommand::Add {
            public,
            tenant,
            role,
            node,
        }) => {
            let role = match node {
                Some(node) => Role::Node(NodeId(*node)),
                None => role_of(tenant.as_deref(), *role, &registry)?,
            };
            Action::AddKey { key: *public, role }
        }
        RegistrarCommand::Key(KeyRegistryCommand::Revoke { public }) => {
            Action::RevokeKey { key: *public }
        }
        RegistrarCommand::Key(KeyRegistryCommand::LiftFreeze { public }) => {
            Action::LiftFreeze { key: *public }
        }
        RegistrarCommand::Tariff(TariffCommand::Set(args)) => Action::SetTariff {
            tariff: TariffId(args.tariff),
            from: park.next_open(args.from)?,
            prices: tariff(args)?,
        },
        RegistrarCommand::Terms(TermsCommand::Set(args)) => Action::SetTerms {
            from: park.next_open(args.from)?,
            terms: ParkTerms {
                feed_in: args.feed_in,
                export: args.export,
                wheeling: args.wheeling,
            },
        },
        RegistrarCommand::Factor(command) => factor(command, &park)?,
        RegistrarCommand::Rules(command) => registrar_rules::action(command, &park, &registry)?,
    };
    let named = named(&action);
    let recorded = park.submit(&park.key(REGISTRAR_KEY)?, action)?;
    if let (Some(named), true) = (named, recorded.check().is_ok()) {
        eprintln!("{named}");
    }
    recorded.print(output)
}

/// What was registered, by the id that later commands need.
fn named(action: &Action) -> Option<String> {
    match action {
        Action::RegisterParticipant(participant) => Some(format!(
            "participant {}: {}",
            participant.id, participant.name
        )),
        Action::RegisterPoint(point) => {
            Some(format!("{} of participant {}", point.id, point.participant))
        }
        Action::RegisterBoundaryMeter(meter) => {
            Some(format!("meter {} at the park's boundary", meter.id))
        }
        Action::RegisterMeter(meter) => Some(format!("meter {} at {}", meter.id, meter.point)),
        _ => None,
    }
}

fn participant(args: &ParticipantArgs, registry: &Registry) -> Participant {
    let used = registry.participants.iter().map(|known| known.id.0);
    Participant {
        id: ParticipantId(park::free_id(args.id, used)),
        name: args.name.clone(),
    }
}

fn point(args: &PointArgs, from: DeliveryInterval, registry: &Registry) -> Result<Point, Failure> {
    let used = registry.points.iter().map(|known| known.point.id.0);
    Ok(Point {
        id: PointId(park::free_id(args.id, used)),
        participant: park::participant(registry, &args.participant)?,
        building: BuildingId(args.building),
        tariff: TariffId(args.tariff),
        generation_w: args.generation,
        connection_w: args.connection,
        metering: match args.metering {
            MeteringArg::Load => Metering::LoadMeter,
            MeteringArg::Connection => Metering::ConnectionMeter,
        },
        from,
    })
}

fn meter(args: &MeterArgs, from: DeliveryInterval, registry: &Registry) -> Meter {
    let used = registry.meters.iter().map(|known| known.id.0);
    let used = used.chain(registry.boundary.iter().map(|known| known.id.0));
    Meter {
        id: MeterId(park::free_id(args.id, used)),
        point: PointId(args.point),
        kind: match args.kind {
            MeterKindArg::Generation => MeterKind::Generation,
            MeterKindArg::Load => MeterKind::Load,
            MeterKindArg::Charge => MeterKind::Charge,
            MeterKindArg::Discharge => MeterKind::Discharge,
            MeterKindArg::Import => MeterKind::Import,
            MeterKindArg::Export => MeterKind::Export,
        },
        key: args.meter_key,
        from,
        register: args.register,
        rated_w: args.rated,
    }
}

fn role_of(
    tenant: Option<&str>,
    office: Option<RoleArg>,
    registry: &Registry,
) -> Result<Role, Failure> {
    match (tenant, office) {
        (Some(tenant), _) => Ok(Role::Tenant(park::participant(registry, tenant)?)),
        (None, Some(RoleArg::Registrar)) => Ok(Role::Registrar),
        (None, Some(RoleArg::Treasurer)) => Ok(Role::Treasurer),
        (None, Some(RoleArg::Regulator)) => Ok(Role::Regulator),
        (None, None) => Err(Failure::usage(
            "no role was given",
            "give --tenant, --role or --node",
        )),
    }
}

fn tariff(args: &TariffSetArgs) -> Result<Tariff, Failure> {
    let tariff = if let Some(base) = args.shanghai {
        Tariff::shanghai_two_part(base)
            .map_err(|error| Failure::of(Exit::Usage, &error, "give another price"))?
    } else if let Some(price) = args.uniform {
        Tariff::uniform(price)
    } else {
        let path = args.file.as_deref().unwrap_or("".as_ref());
        let text = folder::read_text(path)?;
        serde_json::from_str(&text).map_err(|error| {
            Failure::usage(
                format!("{} is not a tariff: {error}", path.display()),
                "give JSON with months, seasons, ranges and prices (docs/FORMATS.md)",
            )
        })?
    };
    tariff
        .check()
        .map_err(|error| Failure::of(Exit::Usage, &error, "correct the tariff"))?;
    Ok(tariff)
}

fn factor(command: &FactorCommand, park: &Park<'_>) -> Result<Action, Failure> {
    let FactorCommand::Set {
        name,
        year,
        kg_per_kwh,
        source,
        from,
    } = command;
    Ok(Action::SetFactor {
        from: park.next_open(*from)?,
        factor: CarbonFactor {
            name: name.clone(),
            year: *year,
            milligrams_per_kwh: *kg_per_kwh,
            source: source.clone(),
        },
    })
}
