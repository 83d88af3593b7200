//! What a call asks for, and what can be wrong with it.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Login,
    /// A call on the way to the usage of this SIM, or beside it.
    Lookup(String),
    /// The call that returns the usage of this SIM.
    Usage(String),
    /// The call that returns the usage of all these SIMs. A listing names none beforehand.
    UsageOfMany(Vec<String>),
    /// Nothing that this operator has.
    Unknown,
}

impl Operation {
    /// The one SIM that the call is about.
    pub(crate) fn sim(&self) -> Option<&str> {
        match self {
            Self::Lookup(sim) | Self::Usage(sim) => Some(sim),
            Self::UsageOfMany(sims) if sims.len() == 1 => Some(&sims[0]),
            Self::Login | Self::Unknown | Self::UsageOfMany(_) => None,
        }
    }

    pub(crate) fn usage_sim(&self) -> Option<&str> {
        match self {
            Self::Usage(sim) => Some(sim),
            _ => None,
        }
    }

    /// The SIMs whose usage is asked for. `None` where none is.
    pub(crate) fn usage_sims(&self) -> Option<&[String]> {
        match self {
            Self::Usage(sim) => Some(std::slice::from_ref(sim)),
            Self::UsageOfMany(sims) => Some(sims),
            Self::Login | Self::Lookup(_) | Self::Unknown => None,
        }
    }
}

/// What is wrong with a call. Each operator answers it in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NoCredentials,
    BadCredentials,
    /// The log-in has expired.
    TokenGone,
    UnknownSim,
    BadRequest(&'static str),
    /// No such path or method.
    NoSuchCall,
    RateLimited,
    /// Any other HTTP status, on demand.
    Failure(u16),
}
