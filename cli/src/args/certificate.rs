//! What people type about certificates of origin and carbon.

use clap::{Args as ClapArgs, Subcommand};
use wattle_ledger::certificate::CertificateId;
use wattle_market::units::WattHours;

use super::regulator::ExportArgs;
use super::tenant::{PeriodArgs, WhoArgs};
use crate::amount;
use crate::moment::{Moment, Month};

/// `wattle certificate …`.
#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    /// List what one holds, the use that it may cover, and months in units of 1,000 kWh
    List(CertificateListArgs),
    /// Show what became of one certificate
    Show {
        /// The certificate, POINT-INTERVAL as the list prints it
        #[arg(value_name = "CERTIFICATE")]
        certificate: CertificateId,
        #[command(flatten)]
        who: WhoArgs,
    },
    /// Hand a certificate, or a part of it, to another participant
    Transfer {
        /// The certificate, POINT-INTERVAL as the list prints it
        #[arg(value_name = "CERTIFICATE")]
        certificate: CertificateId,
        /// Whose it becomes: name or id
        #[arg(long, value_name = "NAME|ID")]
        to: String,
        /// How much of it, like 12.5kWh or 12500Wh
        #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
        quantity: WattHours,
    },
    /// Use a certificate up: for a point's use of its interval, or for somebody who is named
    #[command(group = clap::ArgGroup::new("purpose").required(true))]
    Cancel {
        /// The certificate, POINT-INTERVAL as the list prints it
        #[arg(value_name = "CERTIFICATE")]
        certificate: CertificateId,
        /// How much of it, like 12.5kWh or 12500Wh
        #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
        quantity: WattHours,
        /// One's own point, whose use in that interval it covers
        #[arg(long, group = "purpose")]
        point: Option<u32>,
        /// Whom it is for, in 1 to 64 bytes; of his use the park knows nothing
        #[arg(long, group = "purpose")]
        beneficiary: Option<String>,
    },
    /// How much of a point's use was covered, hour by hour, offline from an export
    ///
    /// Covered is what own generation, a storage that keeps origins, deliveries from within the
    /// park and claims add up to in each quarter of an hour, and never more than the use.
    Match(MatchArgs),
}

/// `wattle certificate list`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CertificateListArgs {
    #[command(flatten)]
    pub(crate) who: WhoArgs,
    #[command(flatten)]
    pub(crate) period: PeriodArgs,

    /// A whole month of the park's clock instead of --from and --to
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    pub(crate) month: Option<Month>,
}

/// `wattle certificate match`.
#[derive(Debug, ClapArgs)]
pub(crate) struct MatchArgs {
    #[command(flatten)]
    pub(crate) export: ExportArgs,

    /// The point
    #[arg(long)]
    pub(crate) point: u32,

    /// The month of the park's clock [default: all that is settled]
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,

    /// A line for each hour instead of one for each day
    #[arg(long)]
    pub(crate) hourly: bool,
}

/// `wattle carbon …`.
#[derive(Debug, Subcommand)]
pub(crate) enum CarbonCommand {
    /// Carbon of each participant and the park, offline from an export
    ///
    /// Each watt-hour is counted where it was used. The factor stands in the report with its year
    /// and source, and what the report is not good for as well.
    Report(CarbonReportArgs),
}

/// `wattle carbon report`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CarbonReportArgs {
    #[command(flatten)]
    pub(crate) export: ExportArgs,

    /// The month of the park's clock [default: all that is settled]
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
}

/// `wattle registrar certificate …`.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistrarCertificateCommand {
    /// Say what becomes of stored generation from an interval on
    #[command(group = clap::ArgGroup::new("policy").required(true))]
    Policy {
        /// It is retired, and discharge has no certificate
        #[arg(long, group = "policy")]
        cn: bool,
        /// Discharge keeps the origin, less losses
        #[arg(long, group = "policy", requires = "storage_yield")]
        energytag: bool,
        /// What storages give back of what they take, like 0.9
        #[arg(long = "yield", value_name = "SHARE", value_parser = amount::share,
            id = "storage_yield", conflicts_with = "cn")]
        storage_yield: Option<u16>,
        /// First interval [default: the next open one]
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
    },
    /// Take out a certificate that should not have been there
    Withdraw {
        /// The certificate, POINT-INTERVAL
        #[arg(value_name = "CERTIFICATE")]
        certificate: CertificateId,
        /// Whose it is: name or id
        #[arg(long, value_name = "NAME|ID")]
        holder: String,
        /// How much of it, like 12.5kWh or 12500Wh
        #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
        quantity: WattHours,
        /// Why, in 1 to 64 bytes; everyone who reads the log reads it
        #[arg(long)]
        reason: String,
    },
    /// Record that units of a month are registered elsewhere, as GECs; they move no more here
    Link {
        /// The generating point
        #[arg(long)]
        point: u32,
        /// The month of the park's clock
        #[arg(long, value_name = "YYYY-MM")]
        month: Month,
        /// Units of 1,000 kWh
        #[arg(long, value_name = "N")]
        units: u32,
        /// The other registry's number, in 1 to 64 bytes
        #[arg(long)]
        number: String,
        /// Units of self-use, which the other registry does not let be traded
        #[arg(long)]
        self_use: bool,
    },
}
