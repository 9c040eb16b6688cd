//! How a file names keys that the genesis does not hold: by the events that registered them.

use super::{Evidence, EvidenceError};
use crate::event::{Action, SignedEvent};
use crate::genesis::NodeRecord;
use crate::keys::PublicKey;
use crate::registration::Role;
use std::collections::{BTreeMap, BTreeSet};

/// Why an event does not register a key, as far as a file alone can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The author is a key that neither the genesis nor an earlier registration names.
    #[error("its author is named neither by the genesis nor by an earlier registration")]
    UnknownAuthor,
    /// The author's role may not register keys of this kind.
    #[error("its author's role may not register this")]
    NotAllowed,
    /// It registers no key, or one that is named already.
    #[error("it registers no key that is not named already")]
    NothingNew,
    /// The signature does not hold for the park.
    #[error("its signature does not hold for this park")]
    BadSignature,
    /// A key that it registers is not one that any ledger takes.
    #[error("a key that it registers is weak or not canonical, or a node has it twice")]
    KeyRefused,
}

/// Whom a file names: by the genesis in it, and by its registrations.
pub(super) struct Named {
    /// Keys that sign events, with the roles that somebody who could gave them.
    pub(super) keys: BTreeMap<PublicKey, Role>,
    /// Nodes that are not of the genesis, in the order of their registrations.
    pub(super) nodes: Vec<NodeRecord>,
}

/// What one registration adds.
enum Newcomer {
    Key(PublicKey, Role),
    Node(NodeRecord),
}

impl Evidence {
    /// Whom the file names: the genesis' keys, then each registration's by a key that is named
    /// before it.
    pub(super) fn named(&self) -> Result<Named, EvidenceError> {
        let body = self.genesis.body();
        let mut named = Named {
            keys: BTreeMap::from([
                (body.registrar, Role::Registrar),
                (body.treasurer, Role::Treasurer),
                (body.regulator, Role::Regulator),
            ]),
            nodes: Vec::new(),
        };
        for (at, event) in self.registrations.iter().enumerate() {
            let place = at + 1;
            let registered = self.registered(&named, event);
            match registered.map_err(|error| EvidenceError::Registration { place, error })? {
                Newcomer::Key(key, role) => {
                    named.keys.insert(key, role);
                }
                Newcomer::Node(node) => named.nodes.push(node),
            }
        }
        Ok(named)
    }

    fn registered(
        &self,
        named: &Named,
        event: &SignedEvent,
    ) -> Result<Newcomer, RegistrationError> {
        let author = named.keys.get(&event.body().author);
        let author = *author.ok_or(RegistrationError::UnknownAuthor)?;
        let newcomer = match &event.body().action {
            Action::RegisterNode(node) if author == Role::Registrar => {
                self.check_node(named, node)?;
                Newcomer::Node(node.clone())
            }
            action => {
                let (key, role) = registration(action, author)?;
                if named.keys.contains_key(&key) {
                    return Err(RegistrationError::NothingNew);
                }
                key.check().map_err(|_| RegistrationError::KeyRefused)?;
                Newcomer::Key(key, role)
            }
        };
        event
            .verify(&self.genesis.park())
            .map_err(|_| RegistrationError::BadSignature)?;
        Ok(newcomer)
    }

    /// A node of a new id, whose keys are accepted, differ and are nobody's who is named.
    fn check_node(&self, named: &Named, node: &NodeRecord) -> Result<(), RegistrationError> {
        let keys = node.keys().map(|(_, key)| key);
        let distinct: BTreeSet<PublicKey> = keys.into_iter().collect();
        let is_sound = |key: &PublicKey| key.check().is_ok();
        if distinct.len() < keys.len() || !keys.iter().all(is_sound) {
            return Err(RegistrationError::KeyRefused);
        }
        let nodes = self.genesis.body().nodes.iter().chain(&named.nodes);
        let is_other = |other: &NodeRecord| {
            let mut others = other.keys().into_iter();
            other.id != node.id && others.all(|(_, key)| !distinct.contains(&key))
        };
        let are_unnamed = keys.iter().all(|key| !named.keys.contains_key(key));
        if !are_unnamed || !nodes.into_iter().all(is_other) {
            return Err(RegistrationError::NothingNew);
        }
        Ok(())
    }
}

/// The key that an action of an author registers, and as what.
fn registration(action: &Action, author: Role) -> Result<(PublicKey, Role), RegistrationError> {
    let (key, role) = match action {
        Action::AddKey { key, role } => (*key, *role),
        Action::RegisterMeter(meter) => (meter.key, Role::Meter(meter.id)),
        Action::RegisterBoundaryMeter(meter) => (meter.key, Role::Meter(meter.id)),
        Action::ReplaceMeter { meter, key, .. } => (*key, Role::Meter(*meter)),
        Action::RotateKey { new, .. } => return Ok((*new, author)),
        Action::Delegate { key, .. } => match author {
            Role::Tenant(participant) => return Ok((*key, Role::Delegate(participant))),
            _ => return Err(RegistrationError::NotAllowed),
        },
        // A registrar's is seen to before; nobody else registers nodes.
        Action::RegisterNode(_) => return Err(RegistrationError::NotAllowed),
        _ => return Err(RegistrationError::NothingNew),
    };
    if author == Role::Registrar {
        Ok((key, role))
    } else {
        Err(RegistrationError::NotAllowed)
    }
}
