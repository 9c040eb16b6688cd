//! Certificates of origin, as the state has them.

use super::Api;
use super::access::Reader;
use super::extent::extent;
use super::failure::Failure;
use super::market::range;
use super::private::participant;
use super::query::Parameters;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use wattle_client::api::{
    CertificateRecord, Certificates, Extent, HeldCertificate, Link, RolledUpMonth, UncoveredUse,
};
use wattle_ledger::certificate::{CertificateId, LocalMonth};
use wattle_ledger::ledger::Ledger;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// Certificates, and uses, of one answer; a longer one is cut.
const ROWS_MAX: usize = 10_000;

/// `GET /v1/certificates?participant=N&from=N&to=N`.
pub(super) async fn certificates(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Certificates>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant", "from", "to"])?;
    let participant = participant(&parameters, reader)?;
    let (from, to) = range(&parameters)?;
    let answer = api.ask(move |view| Certificates {
        log: extent(view),
        ..list(view.ledger(), participant, from, to)
    });
    Ok(Json(answer.await?))
}

/// `GET /v1/certificates/{id}?participant=N`.
pub(super) async fn certificate(
    State(api): State<Api>,
    reader: Reader,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<CertificateRecord>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant"])?;
    let participant = participant(&parameters, reader)?;
    let id: CertificateId = id.parse().map_err(Failure::malformed)?;
    let is_office = reader == Reader::Office;
    let record = api.ask(move |view| {
        let record = record(view.ledger(), participant, id, is_office)?;
        let log = extent(view);
        Some(CertificateRecord { log, ..record })
    });
    let record = record.await?.ok_or_else(|| {
        let reason = format!("no final certificate {id} is or was participant {participant}'s");
        Failure::not_found(reason)
    })?;
    Ok(Json(record))
}

fn record(
    ledger: &Ledger,
    participant: ParticipantId,
    id: CertificateId,
    is_office: bool,
) -> Option<CertificateRecord> {
    let state = ledger.state();
    let holdings = &state.certificates.holdings;
    let life = holdings.life(&id)?;
    let producer = state.registry.points().get(&id.point)?.participant;
    let holding = holdings.rows().get(&(id, participant)).copied();
    if !is_office && producer != participant && holding.is_none() {
        return None;
    }
    let offset = ledger.genesis().body().utc_offset_minutes;
    Some(CertificateRecord {
        certificate: id,
        origin: id.origin,
        point: id.point,
        producer,
        interval: id.interval,
        expires_ms: id.origin.certificates_expire(offset),
        held: life.held,
        cancelled: life.cancelled,
        expired: life.expired,
        withdrawn: life.withdrawn,
        linked: life.linked,
        holding: holding.unwrap_or(WattHours::ZERO),
        log: Extent::default(),
    })
}

fn list(
    ledger: &Ledger,
    participant: ParticipantId,
    from: DeliveryInterval,
    to: DeliveryInterval,
) -> Certificates {
    let state = ledger.state();
    let holdings = &state.certificates.holdings;
    let course = holdings.course();
    let offset = ledger.genesis().body().utc_offset_minutes;
    let row = |certificate: CertificateId, quantity: WattHours, is_provisional| HeldCertificate {
        certificate,
        interval: certificate.interval,
        quantity,
        is_provisional,
        expires_ms: certificate.origin.certificates_expire(offset),
    };
    let points: Vec<PointId> = state
        .registry
        .points()
        .iter()
        .filter(|(_, point)| point.participant == participant)
        .map(|(id, _)| *id)
        .collect();
    let generated = holdings.generated_between(from, to);
    let held = generated.filter(|((_, holder), _)| *holder == participant);
    let mut certificates: Vec<HeldCertificate> = held
        .map(|((id, _), quantity)| row(*id, *quantity, false))
        .take(ROWS_MAX + 1)
        .collect();
    // What is not final yet: the bundles of one's own points.
    let provisional = course.map_or(from, |course| course.next.max(from));
    let bundles = state.certificates.between(provisional, to);
    let own = bundles.filter(|((_, point), bundle)| bundle.held.0 > 0 && points.contains(point));
    let room = (ROWS_MAX + 1).saturating_sub(certificates.len());
    let own = own.map(|((interval, point), bundle)| {
        row(CertificateId::direct(interval, point), bundle.held, true)
    });
    certificates.extend(own.take(room));
    let is_cut = certificates.len() > ROWS_MAX;
    certificates.truncate(ROWS_MAX);
    let uses = holdings.uncovered_between(from, to);
    let own = uses.filter(|((_, point), _)| points.contains(point));
    let uncovered = own.map(|((interval, point), quantity)| UncoveredUse {
        point: *point,
        interval: *interval,
        quantity: *quantity,
    });
    let months = LocalMonth::of(from, offset)..=LocalMonth::of(to, offset);
    Certificates {
        participant,
        active_from: course.map(|course| course.from),
        next_final: course.map(|course| course.next),
        certificates,
        uncovered: uncovered.take(ROWS_MAX).collect(),
        months: points
            .iter()
            .flat_map(|point| rolled_up(ledger, *point, months.clone()))
            .collect(),
        is_cut,
        log: Extent::default(),
    }
}

fn rolled_up(
    ledger: &Ledger,
    point: PointId,
    within: std::ops::RangeInclusive<LocalMonth>,
) -> Vec<RolledUpMonth> {
    let months = &ledger.state().certificates.months;
    let keys = (point, *within.start())..=(point, *within.end());
    let rows = months.closed().range(keys);
    rows.map(|((point, month), row)| {
        let links = months.numbers().iter();
        let links = links.filter(|(_, (of, when, ..))| of == point && when == month);
        let links = links.map(|(number, (_, _, units, tradable))| Link {
            number: number.clone(),
            units: *units,
            tradable: *tradable,
        });
        RolledUpMonth {
            point: *point,
            month: *month,
            tradable: row.tradable,
            self_use: row.self_use,
            links: links.collect(),
        }
    })
    .collect()
}
