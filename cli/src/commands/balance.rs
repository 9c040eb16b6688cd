//! `wattle balance`: what an account holds.

use crate::args::WhoArgs;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::Park;
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(
    args: &WhoArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let (client, participant) = park.private_of(args)?;
    let balance = client.balance(participant)?;
    let mut table = Table::new(&[&format!("participant {participant}"), ">amount"]);
    for (name, amount) in [
        ("balance", balance.balance),
        ("reserved for orders and trades", balance.reserved),
        ("credit limit", balance.credit_limit),
        ("free for new orders", balance.available),
    ] {
        table.row(vec![name.to_owned(), amount.to_string()]);
    }
    output.print(&balance, |writer| {
        table.write(writer, "")?;
        writeln!(writer, "{}", extent_text(&balance.log))
    })
}
