//! `wattle node register|promote|demote|remove`: the registrar's word on nodes.

use wattle_client::api::{RegisteredNode, Registry};
use wattle_ledger::event::Action;
use wattle_ledger::membership::{NodeStanding, seal_quorum};
use wattle_ledger::registration::NodeId;

use crate::args::{NodeIdArgs, NodeRegisterArgs};
use crate::commands::park_init::read_record;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::output::Output;
use crate::park::{Park, REGISTRAR_KEY};
use crate::settings::Settings;

/// Signs a node's record and writes what the node shows of it.
pub(super) fn register(
    args: &NodeRegisterArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let record = read_record(&args.record)?;
    if args.out.exists() {
        return Err(Failure::new(
            Exit::Failure,
            format!(
                "{} exists already and is never overwritten",
                args.out.display()
            ),
            "name another file with --out",
        ));
    }
    let park = Park::open(settings)?;
    let id = record.id;
    let recorded = park.submit(&park.key(REGISTRAR_KEY)?, Action::RegisterNode(record))?;
    if recorded.check().is_ok() {
        folder::write_new(&args.out, recorded.event.bytes(), false)?;
        let out = args.out.display();
        eprintln!(
            "node {id} gets the log as a learner. Put {out}, as `registration`, beside its node.toml \
             with `genesis` and `network.key`, and start it: wattled run --config node.toml. When \
             `wattle node status` shows that it keeps up: wattle node promote {id}"
        );
    }
    recorded.print(output)
}

/// Sets what a node shall be.
pub(super) fn set(
    args: &NodeIdArgs,
    standing: NodeStanding,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let node = NodeId(args.id);
    let action = Action::SetNodeStanding { node, standing };
    let recorded = park.submit(&park.key(REGISTRAR_KEY)?, action)?;
    if recorded.check().is_ok() {
        let registry = park.client.registry()?;
        for line in lines(&registry) {
            eprintln!("{line}");
        }
        if standing == NodeStanding::Removed {
            eprintln!("leave node {node} running, if it runs, until a seal follows its removal");
        }
    }
    recorded.print(output)
}

/// Who votes and learns, what is still to come, and what to think of.
pub(super) fn lines(registry: &Registry) -> Vec<String> {
    let ids = |standing| {
        let nodes = registry.nodes.iter();
        let of = nodes.filter(|node| node.standing == Some(standing));
        of.map(|node| node.id.to_string()).collect::<Vec<String>>()
    };
    let (voters, learners) = (ids(NodeStanding::Voter), ids(NodeStanding::Learner));
    let mut lines = vec![format!(
        "voters {}; a seal needs {} of {}",
        voters.join(", "),
        seal_quorum(voters.len()),
        voters.len()
    )];
    if !learners.is_empty() {
        lines.push(format!("learners {}", learners.join(", ")));
    }
    lines.extend(registry.nodes.iter().filter_map(to_come));
    let shall_vote = |node: &&RegisteredNode| node.wanted == Some(NodeStanding::Voter);
    let count = registry.nodes.iter().filter(shall_vote).count();
    if count > 1 && count.is_multiple_of(2) {
        lines.push(format!(
            "{count} voters bear no more failures than {}; bring it to an odd number",
            count - 1
        ));
    }
    lines
}

fn to_come(node: &RegisteredNode) -> Option<String> {
    let id = node.id;
    let name = |standing| match standing {
        NodeStanding::Learner => "a learner",
        NodeStanding::Voter => "a voter",
        NodeStanding::Removed => "removed",
    };
    let wanted = node.wanted?;
    let is_there = node.standing == Some(wanted)
        || (wanted == NodeStanding::Removed && node.standing.is_none());
    if is_there {
        return None;
    }
    let waits = match wanted {
        NodeStanding::Voter => ", once it is heard of and has the log",
        NodeStanding::Learner => "",
        NodeStanding::Removed => ", once more than half of the others are heard of",
    };
    Some(format!("node {id} is to become {}{waits}", name(wanted)))
}
