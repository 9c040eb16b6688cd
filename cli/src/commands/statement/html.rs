//! A statement as one page: no script, nothing fetched, readable on paper and in the dark.

use std::io::{self, Write};

use super::account::{Account, Sums};
use super::{
    CLOSING, account_rows, cells, columns, energy, funds_name, gain, money, provisional, sealed,
};
use crate::moment;

pub(in crate::commands) const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f1d;--soft:#5d6763;--rule:#d5dbd8;--paper:#fff;
--tint:#f2f6f4;--mark:#0b6b4f}
@media (prefers-color-scheme:dark){:root{--ink:#e6ebe8;--soft:#9aa6a1;--rule:#39423e;
--paper:#141816;--tint:#1d2320;--mark:#5fd0a8}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2.5rem 1.5rem 4rem;max-width:72rem;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,\"Noto Sans\",\"Noto Sans CJK SC\",sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .25rem}
h2{font-size:1.05rem;margin:2.25rem 0 .5rem}
p{margin:.25rem 0;max-width:46rem}
.soft{color:var(--soft)}
.figures{display:flex;flex-wrap:wrap;gap:1rem;margin:1.5rem 0 0}
.figures div{flex:1 1 12rem;padding:.75rem 1rem;background:var(--tint);border-radius:.4rem}
.figures span{display:block;color:var(--soft);font-size:.85rem}
.figures b{font-size:1.05rem;white-space:nowrap;font-variant-numeric:tabular-nums}
.figures .gain b{color:var(--mark)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .5rem;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--rule)}
th{color:var(--soft);font-weight:600}
th:first-child,td:first-child,.text{text-align:left}
tr.sum td{font-weight:700;border-top:2px solid var(--ink)}
table.account{width:auto;min-width:28rem}
summary{cursor:pointer;margin:2.25rem 0 .5rem;font-weight:600}
@media print{@page{size:A4 landscape;margin:14mm}
:root{color-scheme:light;--ink:#000;--soft:#444;--rule:#bbb;--paper:#fff;--tint:#fff;
--mark:#000}
body{padding:0;max-width:none;font-size:9.5pt}.figures div{border:1px solid var(--rule)}
thead{display:table-header-group}tr,.figures{break-inside:avoid}h2{break-after:avoid}
details:not([open]){display:none}.wide{overflow:visible}}
";

/// Text from elsewhere as text of the page.
pub(in crate::commands) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

pub(super) fn write(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    let statement = &account.statement;
    let offset = account.utc_offset_minutes;
    let name = escaped(&account.name);
    let from = moment::interval_text(statement.from, offset).replace('T', " ");
    let to = moment::interval_text(statement.to.next(), offset).replace('T', " ");
    writeln!(
        writer,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <title>Statement of {name}, {from} to {to}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<h1>Statement of {name}</h1>\n\
         <p class=\"soft\">Park {}, participant {}. Delivered from {from} to {to}.</p>",
        escaped(&account.park),
        statement.participant
    )?;
    let total = &account.total;
    writeln!(writer, "<div class=\"figures\">")?;
    for (class, label, amount) in [
        ("", "Settled in the park", total.credit),
        ("", "The same with the grid alone", total.grid_alone),
        ("gain", gain(total).0, gain(total).1),
        ("", "Closing balance", account.closing),
    ] {
        writeln!(
            writer,
            "<div class=\"{class}\"><span>{label}</span><b>{}</b></div>",
            money(amount)
        )?;
    }
    writeln!(
        writer,
        "</div>\n<p class=\"soft\">Amounts below zero are paid, others received. Of {} used, \
         {} came from neighbors in the park and {} from the grid.</p>",
        energy(total.used),
        energy(total.received),
        energy(total.from_grid)
    )?;
    write_account(writer, account)?;
    write_days(writer, account)?;
    write_intervals(writer, account)?;
    writeln!(
        writer,
        "<p class=\"soft\">Every amount is an entry of the park's log and can be taken apart \
         down to signed readings and orders: <code>wattle statement explain</code>.</p>\n\
         </body>\n</html>"
    )
}

fn write_account(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    writeln!(
        writer,
        "<h2>Account</h2>\n<div class=\"wide\"><table class=\"account\"><tbody>"
    )?;
    for (name, amount, is_balance) in account_rows(account) {
        let class = if is_balance { " class=\"sum\"" } else { "" };
        writeln!(writer, "<tr{class}><td>{name}</td><td>{amount}</td></tr>")?;
    }
    writeln!(
        writer,
        "</tbody></table></div>\n<p class=\"soft\">{CLOSING}</p>"
    )?;
    if let Some(sentence) = provisional(account) {
        writeln!(writer, "<p class=\"soft\">{sentence}</p>")?;
    }
    writeln!(writer, "<p class=\"soft\">{}</p>", sealed(account))?;
    for funds in &account.statement.funds {
        writeln!(
            writer,
            "<p>{} of {} on {} (entry {})</p>",
            funds_name(funds.amount),
            funds.amount,
            moment::time_text(funds.time_ms, account.utc_offset_minutes).replace('T', " "),
            funds.leaf
        )?;
    }
    Ok(())
}

fn head(writer: &mut dyn Write, first: &str, account: &Account) -> io::Result<()> {
    write!(writer, "<div class=\"wide\"><table><thead><tr>{first}")?;
    for column in columns(account) {
        match column.strip_prefix('>') {
            Some(name) => write!(writer, "<th>{name}</th>")?,
            None => write!(writer, "<th class=\"text\">{column}</th>")?,
        }
    }
    writeln!(writer, "</tr></thead><tbody>")
}

fn row(
    writer: &mut dyn Write,
    class: &str,
    first: &[&str],
    (account, sums): (&Account, &Sums),
) -> io::Result<()> {
    write!(writer, "<tr{class}>")?;
    for cell in first {
        write!(writer, "<td>{}</td>", escaped(cell))?;
    }
    for (cell, column) in cells(account, sums).iter().zip(columns(account)) {
        let is_right = column.starts_with('>');
        let class = if is_right { "" } else { " class=\"text\"" };
        write!(writer, "<td{class}>{}</td>", escaped(cell))?;
    }
    writeln!(writer, "</tr>")
}

fn write_days(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    writeln!(writer, "<h2>By day</h2>")?;
    if account.days.is_empty() {
        return writeln!(writer, "<p>Nothing is settled in this period.</p>");
    }
    head(writer, "<th>day</th>", account)?;
    for (day, sums) in &account.days {
        row(writer, "", &[day], (account, sums))?;
    }
    let total = (account, &account.total);
    row(writer, " class=\"sum\"", &["all days"], total)?;
    writeln!(writer, "</tbody></table></div>")
}

fn write_intervals(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    if account.statement.lines.is_empty() {
        return Ok(());
    }
    writeln!(
        writer,
        "<details><summary>Every quarter of an hour ({} lines; printed only while open)</summary>",
        account.total.lines
    )?;
    head(writer, "<th>start</th><th>point</th>", account)?;
    for settled in &account.statement.lines {
        let (day, time) = moment::day_and_time(settled.interval, account.utc_offset_minutes);
        let (start, point) = (format!("{day} {time}"), settled.point.0.to_string());
        if let Some(sums) = Sums::of(settled) {
            row(writer, "", &[&start, &point], (account, &sums))?;
        }
    }
    writeln!(writer, "</tbody></table></div></details>")
}
