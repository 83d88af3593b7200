//! The store in the hands of one person.

use crate::error::AdminError;
use simgauge_domain::time::UnixMs;
use simgauge_service::apps::AppDirectory;
use simgauge_service::clock::Clock;
use simgauge_store::{Store, StoreError};

/// Who acts, and by which way they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    way: &'static str,
    name: String,
}

impl Actor {
    /// A user of this machine at the command line.
    #[must_use]
    pub fn command_line(user: impl Into<String>) -> Self {
        Self { way: "cli", name: user.into() }
    }

    /// An admin in the console.
    #[must_use]
    pub fn console(admin: impl Into<String>) -> Self {
        Self { way: "console", name: admin.into() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The name in the audit: `cli:USER` or `console:NAME`.
impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.way, self.name)
    }
}

/// Administrative actions of one actor. Every change writes its audit entry in its own transaction. Cheap to
/// clone.
#[derive(Clone)]
pub struct Administration {
    pub(crate) store: Store,
    pub(crate) actor: Actor,
    clock: Clock,
    apps: Option<AppDirectory>,
}

impl Administration {
    #[must_use]
    pub fn new(store: &Store, actor: Actor, clock: Clock) -> Self {
        let store = store.acting_as(&actor.to_string(), clock.as_fn());
        Self { store, actor, clock, apps: None }
    }

    /// Reads this directory again after every change of an app, so that the process that made the change goes
    /// by it at once.
    #[must_use]
    pub fn with_app_directory(self, apps: AppDirectory) -> Self {
        Self { apps: Some(apps), ..self }
    }

    /// The store, for reading.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    #[must_use]
    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    pub(crate) async fn reload_apps(&self) -> Result<(), StoreError> {
        match &self.apps {
            Some(apps) => apps.reload().await,
            None => Ok(()),
        }
    }

    /// Refuses an account that does not exist: an empty list would look like an account that has nothing.
    ///
    /// # Errors
    /// The account does not exist.
    pub async fn require_account(&self, account: Option<&str>) -> Result<(), AdminError> {
        match account {
            Some(name) if !self.store.accounts().await?.iter().any(|known| known.name == name) => {
                Err(AdminError::NoAccount(name.to_owned()))
            }
            _ => Ok(()),
        }
    }
}
