//! The wire contract of the open API: the body as it was sent, its sign, the envelope, the codes, and the
//! shapes of requests and answers. No I/O and no clock. The server, the client and the command line share
//! this one contract.

#![warn(missing_docs)]

pub mod answer;
pub mod body;
pub mod code;
pub mod code_table;
pub mod cursor;
pub mod field;
pub mod language;
pub mod openapi;
pub mod operation;
pub mod reason;
pub mod refusal;
pub mod request;
pub mod sign;

pub use answer::Envelope;
pub use body::{Body, BodyError, Value};
pub use code::Code;
pub use code_table::{Cause, CodeStyle, CodeTable};
pub use field::FieldError;
pub use language::Language;
pub use operation::OperationName;
