//! An export checked in a process of its own, and its figures: what `run` prints its table from.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use wattle_ledger::log::Policy;
use wattle_ledger::verify::claim::Report;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::{Progress, verify};
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::{Money, Price, WattHours};

mod render;

/// The verdict on an export and the sums over its leaves: the content of `report.json`. Energies
/// in Wh, prices in µCNY/kWh, money in nCNY, carbon in grams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Whether every claim holds.
    pub verified: bool,
    /// The verifier's findings, one for each claim.
    pub claims: Vec<Claim>,
    /// The log's origin.
    pub origin: String,
    /// Leaves that the checkpoint covers.
    pub entries: u64,
    /// The checkpoint's root, in hexadecimal.
    pub root: String,
    /// Cosigners of the checkpoint.
    pub cosigners: u64,
    /// Leaves by kind.
    pub entries_by_kind: BTreeMap<String, u64>,
    /// Bytes of all leaves.
    pub leaf_bytes: u64,
    /// Signatures of authors and leaders in the leaves.
    pub signatures: u64,
    /// Seal leaves.
    pub seals: u64,
    /// Settled intervals.
    pub intervals: u64,
    /// The first of them, as a count of quarter hours since 1970.
    pub first_interval: Option<u64>,
    /// Intervals that could not be settled and wait for the registrar.
    pub held: u64,
    /// Call auctions in which anything traded.
    pub auctions: u64,
    /// Their volume.
    pub auction_volume_wh: i64,
    /// Continuous intervals in which anything traded.
    pub continuous: u64,
    /// Watt-hours traded in them.
    pub continuous_volume_wh: i64,
    /// Their lowest price.
    pub price_min: Option<i64>,
    /// Their highest price.
    pub price_max: Option<i64>,
    /// Their mean price by volume, rounded down.
    pub price_mean: Option<i64>,
    /// Matched in the surplus pool.
    pub pool_volume_wh: i64,
    /// Tenants by id.
    pub tenants: Vec<Tenant>,
    /// Postings to clearing, grid, balancing and network.
    pub park_accounts_ncny: BTreeMap<String, i64>,
    /// Carbon dioxide avoided: certified solar energy used within the park times the factor.
    pub carbon_avoided_g: i64,
    /// Name and year of the factor.
    pub carbon_factor: String,
}

/// One finding of the verifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The claim.
    pub claim: String,
    /// `ok`, `FAILED` or `not checked`.
    pub status: String,
    /// The first entry at fault.
    pub entry: Option<u64>,
    /// Why it does not hold.
    pub reason: String,
}

/// One tenant's sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// His id.
    pub id: u32,
    /// His name.
    pub name: String,
    /// Generated.
    pub generated_wh: WattHours,
    /// Used, storage aside.
    pub used_wh: WattHours,
    /// Own generation used at once.
    pub self_used_wh: WattHours,
    /// Sold before delivery.
    pub sold_forward_wh: WattHours,
    /// Bought before delivery.
    pub bought_forward_wh: WattHours,
    /// Given to the surplus pool.
    pub sold_pool_wh: WattHours,
    /// Taken from it.
    pub bought_pool_wh: WattHours,
    /// Need covered from within the park.
    pub received_wh: WattHours,
    /// Need that the grid covered.
    pub imported_wh: WattHours,
    /// Surplus that the grid took.
    pub exported_wh: WattHours,
    /// Certificates cancelled against his need, for neighbors' generation.
    pub green_received_wh: WattHours,
    /// What he paid; below zero he earned.
    pub paid_ncny: Money,
    /// What the same readings would have cost with the grid alone.
    pub grid_alone_ncny: Money,
    /// Point-intervals settled on a substitute.
    pub substituted: u64,
}

/// Verifies an export against a policy file and sums up its leaves.
///
/// # Errors
/// If the policy cannot be read; what is wrong with the export is in the findings.
pub fn audit(
    export: &Path,
    policy: &Path,
    progress: &mut dyn FnMut(Progress),
) -> anyhow::Result<Audit> {
    let text = std::fs::read_to_string(policy)
        .with_context(|| format!("the policy {} cannot be read", policy.display()))?;
    let policy =
        Policy::parse(&text).with_context(|| format!("{} is no policy", policy.display()))?;
    Ok(Audit::of(&verify(
        &Directory::new(export),
        &policy,
        progress,
    )))
}

impl Audit {
    fn of(report: &Report) -> Self {
        let summary = &report.summary;
        let kinds = &summary.entries;
        let clearings = &summary.clearings;
        let volume: i64 = clearings.iter().map(|clearing| clearing.volume.0).sum();
        let value: i128 = clearings
            .iter()
            .map(|clearing| i128::from(clearing.price.0) * i128::from(clearing.volume.0))
            .sum();
        let mean = (volume > 0).then(|| narrow(value.div_euclid(i128::from(volume))));
        let prices = || clearings.iter().map(|clearing| clearing.price.0);
        let factors = summary.factors.iter();
        let factors: Vec<String> = factors
            .map(|factor| {
                let grams = factor.milligrams_per_kwh / 1_000;
                format!(
                    "{} {}, {grams} g/kWh, {}",
                    factor.name, factor.year, factor.source
                )
            })
            .collect();
        let finding = |found: &wattle_ledger::verify::claim::Finding| Claim {
            claim: found.claim.to_owned(),
            status: found.status.name().to_owned(),
            entry: found.entry,
            reason: found.reason.clone(),
        };
        Self {
            verified: report.is_ok(),
            claims: report.claims.iter().map(finding).collect(),
            origin: report.origin.clone().unwrap_or_default(),
            entries: report.size,
            root: report.root.map(|root| root.to_string()).unwrap_or_default(),
            cosigners: report.cosigners.len() as u64,
            entries_by_kind: kinds
                .iter()
                .map(|(kind, n)| ((*kind).to_owned(), *n))
                .collect(),
            leaf_bytes: summary.leaf_bytes,
            signatures: summary.signatures,
            seals: kinds.get("seal").copied().unwrap_or(0),
            intervals: summary.intervals.len() as u64,
            first_interval: summary.intervals.first().map(|interval| interval.0),
            held: summary.held.len() as u64,
            auctions: clearings.len() as u64,
            auction_volume_wh: volume,
            continuous: summary.continuous.len() as u64,
            continuous_volume_wh: summary.continuous.iter().map(|one| one.volume.0).sum(),
            price_min: prices().min(),
            price_max: prices().max(),
            price_mean: mean,
            pool_volume_wh: summary.pool_volume.0,
            tenants: summary
                .participants
                .iter()
                .map(|(id, tenant)| Tenant {
                    id: id.0,
                    name: tenant.name.clone(),
                    generated_wh: tenant.generated,
                    used_wh: tenant.used,
                    self_used_wh: tenant.self_used,
                    sold_forward_wh: tenant.sold_forward,
                    bought_forward_wh: tenant.bought_forward,
                    sold_pool_wh: tenant.pool_sold,
                    bought_pool_wh: tenant.pool_bought,
                    received_wh: tenant.received,
                    imported_wh: tenant.imported,
                    exported_wh: tenant.exported,
                    green_received_wh: tenant.certificates_cancelled,
                    paid_ncny: Money(-tenant.credit.0),
                    grid_alone_ncny: Money(-tenant.grid_alone.0),
                    substituted: tenant.substituted,
                })
                .collect(),
            park_accounts_ncny: summary
                .park_accounts
                .iter()
                .map(|(name, amount)| ((*name).to_owned(), narrow(*amount)))
                .collect(),
            carbon_avoided_g: narrow(summary.carbon_avoided_ug / 1_000_000),
            carbon_factor: factors.join("; "),
        }
    }

    /// The sum of an energy over all tenants.
    #[must_use]
    pub fn total(&self, of: impl Fn(&Tenant) -> WattHours) -> WattHours {
        WattHours(self.tenants.iter().map(|tenant| of(tenant).0).sum())
    }

    /// The sum of an amount over all tenants.
    #[must_use]
    pub fn total_money(&self, of: impl Fn(&Tenant) -> Money) -> Money {
        Money(self.tenants.iter().map(|tenant| of(tenant).0).sum())
    }

    /// The lowest and highest price, where anything traded.
    #[must_use]
    pub fn price_range(&self) -> Option<(Price, Price)> {
        Some((Price(self.price_min?), Price(self.price_max?)))
    }

    /// The first settled interval.
    #[must_use]
    pub fn first(&self) -> Option<DeliveryInterval> {
        self.first_interval.map(DeliveryInterval)
    }
}

fn narrow(value: i128) -> i64 {
    i64::try_from(value).expect("the sums of a park's days are far below what 64 bits hold")
}
