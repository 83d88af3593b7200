//! What an operation of the open API is: from a parsed body to an answer.

use crate::answer::ApiError;
use crate::gate::Origin;
use crate::state::ApiState;
use axum::response::Response;
use simgauge_protocol::Body;

/// An operation of the open API. `origin` is what the call says outside its body.
pub(super) trait Operation: Copy + Send + 'static {
    fn run(
        self,
        state: &ApiState,
        body: &Body<'_>,
        origin: Origin,
        request_id: &str,
    ) -> impl Future<Output = Result<Response, ApiError>> + Send;
}
