//! Typed async client of the open API. It also verifies the notifications that the server sends.
//!
//! ```no_run
//! use simgauge_client::{Client, RefreshOptions, SecretString};
//!
//! # async fn example() -> Result<(), simgauge_client::ClientError> {
//! let secret = SecretString::from("my-secret");
//! let client = Client::builder("https://sim.example.com", "my-appkey", secret).build()?;
//! let options = RefreshOptions { wait: Some(8) };
//! match client.refresh_sim("8988308650100524999", options).await {
//!     Ok(answer) => println!("{}: {:?}", answer.refresh_id, answer.usage),
//!     Err(error) => match error.refusal().and_then(|refusal| refusal.retry_after_seconds()) {
//!         // The card is cooling down, or there were too many calls. The error says which.
//!         Some(seconds) => println!("{error}; again in {seconds} s"),
//!         None => return Err(error),
//!     },
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Every call has a time-out. It is retried with growing, jittered pauses within a budget, but only where no
//! answer came or the status is 5xx, and not before the server's `Retry-After`. A refresh repeats the
//! identical signed request, which the API answers alike without asking an operator twice. A read is signed
//! anew, because the API accepts a read's sign only once.

#![warn(missing_docs)]

mod builder;
mod client;
mod connection;
mod error;
mod notification;
mod request;

pub use builder::ClientBuilder;
pub use client::Client;
pub use error::{ClientError, Refusal};
pub use notification::{NotificationError, verify_notification};
pub use request::{HistoryQuery, ListQuery, RefreshOptions};
pub use secrecy::SecretString;
pub use simgauge_protocol::sign::SignType;
pub use simgauge_protocol::{Code, Language, answer};
