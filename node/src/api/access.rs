//! Who asks for what is private.

use super::Api;
use super::failure::Failure;
use crate::event_loop;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use wattle_client::request::SignedRequest;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::{ParticipantId, Role};

/// Whoever signed a request, and what he may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A node, registrar, treasurer or regulator: everything.
    Office,
    /// A tenant: his own.
    Tenant(ParticipantId),
}

impl Reader {
    /// Whether the reader may see all leaves.
    pub(super) fn check_office(self) -> Result<(), Failure> {
        match self {
            Reader::Office => Ok(()),
            Reader::Tenant(_) => Err(Failure::forbidden(
                "only keys of nodes, registrar, treasurer and regulator read all entries",
            )),
        }
    }

    /// Whether the reader may see what concerns a participant.
    pub(super) fn check(self, participant: ParticipantId) -> Result<(), Failure> {
        match self {
            Reader::Tenant(own) if own != participant => Err(Failure::forbidden(format!(
                "the key is participant {own}'s, who does not see participant {participant}'s"
            ))),
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Api> for Reader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Reader, Failure> {
        let header = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let unauthorized = |error: &dyn std::fmt::Display| {
            Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", error.to_string())
        };
        let signed = SignedRequest::from_headers(header).map_err(|error| unauthorized(&error))?;
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let now = event_loop::now(&api.clock);
        signed
            .verify(
                &api.genesis.park(),
                parts.method.as_str(),
                target,
                now,
                api.clock_speed,
            )
            .map_err(|error| unauthorized(&error))?;
        reader(api, signed.key).await?.ok_or_else(|| {
            Failure::forbidden("the key is registered for nothing that may read this")
        })
    }
}

async fn reader(api: &Api, key: PublicKey) -> Result<Option<Reader>, Failure> {
    let (is_node, record) = api
        .ask(move |view| {
            let registry = &view.ledger().state().registry;
            let is_node = registry.members().is_key_in_force(&key);
            (is_node, registry.keys().get(&key).cloned())
        })
        .await?;
    if is_node {
        return Ok(Some(Reader::Office));
    }
    let record = record.filter(|record| record.revoked.is_none());
    Ok(match record.map(|record| record.role) {
        Some(Role::Registrar | Role::Treasurer | Role::Regulator | Role::Node(_)) => {
            Some(Reader::Office)
        }
        Some(Role::Tenant(participant) | Role::Delegate(participant)) => {
            Some(Reader::Tenant(participant))
        }
        Some(Role::Meter(_)) | None => None,
    })
}
