//! How a file names keys that the genesis does not hold: by the events that registered them.

use super::{Evidence, EvidenceError};
use crate::event::{Action, SignedEvent};
use crate::keys::PublicKey;
use crate::registration::Role;
use std::collections::BTreeMap;

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
}

impl Evidence {
    /// The keys that sign events and that the file names, with the roles that somebody who could
    /// gave them: the genesis', then each registration's by a key that is named before it.
    pub(super) fn named_keys(&self) -> Result<BTreeMap<PublicKey, Role>, EvidenceError> {
        let body = self.genesis.body();
        let mut named = BTreeMap::from([
            (body.registrar, Role::Registrar),
            (body.treasurer, Role::Treasurer),
            (body.regulator, Role::Regulator),
        ]);
        for (at, event) in self.registrations.iter().enumerate() {
            let (key, role) =
                self.registered(&named, event)
                    .map_err(|error| EvidenceError::Registration {
                        place: at + 1,
                        error,
                    })?;
            named.insert(key, role);
        }
        Ok(named)
    }

    fn registered(
        &self,
        named: &BTreeMap<PublicKey, Role>,
        event: &SignedEvent,
    ) -> Result<(PublicKey, Role), RegistrationError> {
        let author = named.get(&event.body().author);
        let author = *author.ok_or(RegistrationError::UnknownAuthor)?;
        let (key, role) = registration(&event.body().action, author)?;
        if named.contains_key(&key) {
            return Err(RegistrationError::NothingNew);
        }
        event
            .verify(&self.genesis.park())
            .map_err(|_| RegistrationError::BadSignature)?;
        Ok((key, role))
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
        _ => return Err(RegistrationError::NothingNew),
    };
    if author == Role::Registrar {
        Ok((key, role))
    } else {
        Err(RegistrationError::NotAllowed)
    }
}
