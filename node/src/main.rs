//! `wattled`, the node of one building.

use std::process::ExitCode;

fn main() -> ExitCode {
    wattle_node::daemon::main(std::env::args_os())
}
