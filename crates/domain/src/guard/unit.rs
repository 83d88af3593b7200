//! A usage that jumps by the ratio of two units: the operator shows kilobytes as bytes, or the like.

use serde::{Deserialize, Serialize};

/// A usage has to be larger than this: small ones grow a thousandfold by themselves.
const LEAST: u64 = 100 << 20;

/// How a usage jumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitJump {
    /// About 1,000 or 1,024 times as much.
    ThousandUp,
    /// About 1,000,000 or 1,048,576 times as much.
    MillionUp,
    /// A thousandth.
    ThousandDown,
    /// A millionth.
    MillionDown,
}

impl UnitJump {
    const ALL: [Self; 4] = [Self::ThousandUp, Self::MillionUp, Self::ThousandDown, Self::MillionDown];

    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ThousandUp => "thousand_up",
            Self::MillionUp => "million_up",
            Self::ThousandDown => "thousand_down",
            Self::MillionDown => "million_down",
        }
    }

    /// The jump with this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|jump| jump.as_str() == name)
    }
}

/// Whether two usages of one count would show that the unit changed between them.
#[must_use]
pub fn would_show(last: u64, new: u64) -> bool {
    last.min(new) > 0 && last.max(new) > LEAST
}

/// The jump from `last` to `new`, if it is one. In between, usage may have grown by a tenth, and rounding to
/// the new unit changes it by a fiftieth.
#[must_use]
pub fn unit_jump(last: u64, new: u64) -> Option<UnitJump> {
    if !would_show(last, new) {
        return None;
    }
    let is_times = |small: u64, large: u64, percent: (u128, u128)| {
        let (small, large) = (u128::from(small), u128::from(large) * 100);
        percent.0 * small <= large && large <= percent.1 * small
    };
    UnitJump::ALL.into_iter().find(|jump| match jump {
        UnitJump::ThousandUp => is_times(last, new, (98_000, 112_640)),
        UnitJump::MillionUp => is_times(last, new, (98_000_000, 115_343_360)),
        UnitJump::ThousandDown => is_times(new, last, (90_900, 104_448)),
        UnitJump::MillionDown => is_times(new, last, (90_900_000, 106_954_752)),
    })
}
