//! What an operation of the open API is: from a call to an answer.

use crate::answer::ApiError;
use crate::gate::Call;
use crate::state::ApiState;
use axum::response::Response;

/// An operation of the open API.
pub(super) trait Operation: Copy + Send + 'static {
    fn run(
        self,
        state: &ApiState,
        call: &Call<'_>,
    ) -> impl Future<Output = Result<Response, ApiError>> + Send;
}
