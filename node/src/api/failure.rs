//! Whatever is not an answer: problem documents.

use super::REQUEST_TIMEOUT;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use wattle_client::api::Problem;
use wattle_ledger::rejection::Rejection;

/// A problem on its way to the client.
#[derive(Debug, Clone)]
pub(super) struct Failure(Box<Problem>);

impl Failure {
    pub(super) fn new(status: StatusCode, name: &str, detail: impl Into<String>) -> Failure {
        Failure(Box::new(Problem::new(status.as_u16(), name, detail)))
    }

    /// The request itself is wrong.
    pub(super) fn malformed(detail: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// What was asked for is not there.
    pub(super) fn not_found(detail: impl Into<String>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// Who asks may not have it.
    pub(super) fn forbidden(detail: impl Into<String>) -> Failure {
        Failure::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// The node ends.
    pub(super) fn stopping() -> Failure {
        let detail = "the node is stopping; try another node";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", detail)
    }

    /// The node cannot read its own files; what exactly goes to its log, not to the client.
    pub(super) fn internal(what: &str, error: &dyn std::fmt::Display) -> Failure {
        tracing::error!(%error, "cannot {what}");
        let detail = format!("the node cannot {what}; its operator finds the reason in its log");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Failure {
        Failure(Box::new(Problem::refusal(rejection)))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status)
            .expect("every status in this package is a valid one");
        let body = serde_json::to_vec(&self.0).expect("a problem has nothing JSON cannot say");
        (
            status,
            [(header::CONTENT_TYPE, "application/problem+json")],
            body,
        )
            .into_response()
    }
}

pub(super) async fn no_such_path(request: Request) -> Failure {
    Failure::not_found(format!(
        "there is no {}; look at the API's paths",
        request.uri().path()
    ))
}

pub(super) async fn wrong_method(request: Request) -> Failure {
    let detail = format!(
        "{} does not take {}",
        request.uri().path(),
        request.method()
    );
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// Ends requests that take too long, such as a body that comes byte by byte.
pub(super) async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "the request took longer than 30 seconds; send it again";
            Failure::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail).into_response()
        }
    }
}
