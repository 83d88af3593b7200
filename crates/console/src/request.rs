//! What handlers take: a page that is asked for, a form that is sent.

use crate::error::{PageError, PageResult};
use crate::fields::Fields;
use crate::page::Shell;
use crate::state::ConsoleState;
use crate::text::Texts;
use crate::visitor::Visitor;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use simgauge_store::Session;
use std::sync::Arc;

/// A page that an admin asks for. Every handler takes this or [`ActionRequest`], except those of the log-in.
pub(super) struct PageRequest {
    pub(super) visitor: Arc<Visitor>,
    pub(super) query: Fields,
}

impl PageRequest {
    pub(super) fn texts(&self) -> Texts {
        self.visitor.texts
    }

    /// The frame of a page that belongs to this part of the console.
    pub(super) fn shell(&self, active: &'static str) -> Shell {
        Shell::new(&self.visitor, active)
    }
}

impl FromRequestParts<ConsoleState> for PageRequest {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &ConsoleState) -> PageResult<Self> {
        let visitor = visitor(parts)?;
        visitor.logged_in()?;
        Ok(Self { visitor, query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()) })
    }
}

/// A form of ours, whoever sent it. It may change only what concerns the sender.
pub(super) struct FormRequest {
    pub(super) visitor: Arc<Visitor>,
    pub(super) form: Fields,
}

impl FromRequest<ConsoleState> for FormRequest {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &ConsoleState) -> PageResult<Self> {
        let (parts, body) = request.into_parts();
        let visitor = visitor(&parts)?;
        let body = Bytes::from_request(Request::from_parts(parts, body), state)
            .await
            .map_err(|_| PageError::Forged)?;
        let form = Fields::parse(&body);
        // No form of ours holds a NUL, and PostgreSQL would refuse it as our fault.
        if form.hold_nul() || !visitor.is_own_form(form.get("csrf")) {
            return Err(PageError::Forged);
        }
        Ok(Self { visitor, form })
    }
}

/// A form of ours from an admin who may act. Handlers that change more than the sender's session take this.
pub(super) struct ActionRequest {
    pub(super) visitor: Arc<Visitor>,
    pub(super) session: Session,
    pub(super) form: Fields,
}

impl FromRequest<ConsoleState> for ActionRequest {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &ConsoleState) -> PageResult<Self> {
        let FormRequest { visitor, form } = FormRequest::from_request(request, state).await?;
        let session = visitor.may_act()?.clone();
        Ok(Self { visitor, session, form })
    }
}

/// The visitor that the middleware `surround` found.
pub(super) fn visitor(parts: &Parts) -> PageResult<Arc<Visitor>> {
    let found = parts.extensions.get::<Arc<Visitor>>();
    found.cloned().ok_or_else(|| PageError::internal("the route is not surrounded"))
}
