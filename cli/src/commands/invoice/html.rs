//! An invoice as one page: no script, nothing fetched, readable on paper.

use std::io::{self, Write};

use super::{Addressed, Item, cover_name, gain, money};
use crate::commands::statement::html::{STYLE, escaped};

pub(super) fn write(
    writer: &mut dyn Write,
    addressed: &Addressed,
    items: &[Item],
) -> io::Result<()> {
    let invoice = &addressed.invoice;
    let name = escaped(&addressed.name);
    writeln!(
        writer,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n\
         <title>Invoice {} of {name}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<h1>Invoice {}</h1>\n\
         <p class=\"soft\">Park {} to {name}, participant {}. Entry {} of the park's log.</p>\n\
         <div class=\"wide\"><table class=\"account\"><tbody>",
        invoice.month,
        invoice.month,
        escaped(&addressed.park),
        addressed.participant,
        invoice.leaf
    )?;
    for item in items {
        let (name, amount) = (escaped(&item.name), money(item.amount));
        writeln!(writer, "<tr><td>{name}</td><td>{amount}</td></tr>")?;
    }
    writeln!(
        writer,
        "<tr class=\"sum\"><td>{}</td><td>{}</td></tr>\n<tr><td>{}</td><td>{}</td></tr>\n\
         </tbody></table></div>",
        addressed.total_name(),
        invoice.gross,
        addressed.vat_name(),
        invoice.vat
    )?;
    writeln!(
        writer,
        "<p class=\"soft\">All prices contain the VAT. With the grid alone this energy would \
         have cost {}; gained by the park: {}.</p>",
        money(-i128::from(invoice.grid_alone.0)),
        money(gain(invoice))
    )?;
    for cover in &invoice.covers {
        writeln!(
            writer,
            "<p>{}: {} (entry {})</p>",
            cover_name(cover.kind),
            cover.amount,
            cover.leaf
        )?;
    }
    writeln!(writer, "<p class=\"soft\">{}.</p>", addressed.stage_text())?;
    writeln!(writer, "</body>\n</html>")
}
