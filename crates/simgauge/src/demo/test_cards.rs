//! Test cards: refreshes of them always end the same way.

use super::names::TEST_OPERATOR;
use simgauge_domain::failure::FailureKind;
use simgauge_protocol::{Code, Language};
use simgauge_simulator::{Fault, FaultSpan, Simulator};
use std::time::Duration;

/// A test card, for people who write a client.
#[derive(Debug)]
pub struct TestCard {
    /// Its number. The last digits hint at what happens.
    pub iccid: &'static str,
    /// A short name for what happens.
    pub name: &'static str,
    /// Its operator account.
    pub place: Place,
    /// What the operator answers about it.
    pub behavior: Behavior,
    /// How a refresh of it ends.
    pub end: End,
    /// When it ends.
    pub takes: Takes,
    zh: &'static str,
    en: &'static str,
}

/// The operator account of a test card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// That of the ordinary cards of its operator.
    Common,
    /// An account of its own, so that a slow or paused lane does not concern other cards.
    Own,
    /// An account that is not configured.
    NotConfigured,
    /// None: the demo does not have this card.
    Nowhere,
}

/// What the simulated operator answers about a test card.
#[derive(Debug)]
pub enum Behavior {
    /// Usage.
    Works,
    /// Always this fault.
    Fault(Fault),
    /// That it does not know the SIM.
    UnknownSim,
}

/// How a refresh ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It succeeds, with more usage than before.
    Grown,
    /// It succeeds, with the same usage as before.
    Unchanged,
    /// It is accepted and fails.
    Failed(FailureKind),
    /// It is not accepted: the answer has this code.
    Refused(Code),
}

/// When a refresh ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// With the first attempt.
    AtOnce,
    /// After about so many seconds.
    Seconds(u64),
    /// At the deadline of attempts.
    Deadline,
}

/// How long the operator takes for the slow card.
const SLOW: Duration = Duration::from_secs(4);
/// The `Retry-After` of the operator for the rate-limited card.
const RETRY_AFTER_SECONDS: u64 = 3;

/// All test cards, in the order in which they are shown.
pub static TEST_CARDS: &[TestCard] = &[
    TestCard {
        iccid: "8986099000000000200",
        name: "success",
        place: Place::Common,
        behavior: Behavior::Works,
        end: End::Grown,
        takes: Takes::AtOnce,
        zh: "运营商立即应答,用量增加",
        en: "the operator answers at once, and usage has grown",
    },
    TestCard {
        iccid: "8986099000000000202",
        name: "slow",
        place: Place::Own,
        behavior: Behavior::Fault(Fault::Delay(SLOW)),
        end: End::Grown,
        takes: Takes::Seconds(SLOW.as_secs()),
        zh: "运营商应答很慢:先看到 queued 和 running,然后成功",
        en: "the operator takes its time: queued and running are seen before it succeeds",
    },
    TestCard {
        iccid: "8986099000000000304",
        name: "unchanged",
        place: Place::Common,
        behavior: Behavior::Fault(Fault::Unchanged),
        end: End::Unchanged,
        takes: Takes::AtOnce,
        zh: "刷新成功,但用量与上次相同(before 等于 after)",
        en: "it succeeds with the same usage as last time: before equals after",
    },
    TestCard {
        iccid: "8986099000000000401",
        name: "auth",
        place: Place::Own,
        behavior: Behavior::Fault(Fault::Status(401)),
        end: End::Failed(FailureKind::Auth),
        takes: Takes::AtOnce,
        zh: "运营商拒绝平台的登录凭据,不再重试",
        en: "the operator refuses the platform's log-in; not tried again",
    },
    TestCard {
        iccid: "8986099000000000404",
        name: "unknown",
        place: Place::Common,
        behavior: Behavior::UnknownSim,
        end: End::Failed(FailureKind::NotFound),
        takes: Takes::AtOnce,
        zh: "平台有这张卡,但运营商不认识它,不再重试",
        en: "the platform has the card, but the operator does not know it; not tried again",
    },
    TestCard {
        iccid: "8986099000000000429",
        name: "limit",
        place: Place::Own,
        behavior: Behavior::Fault(Fault::RateLimited { retry_after: Some(RETRY_AFTER_SECONDS) }),
        end: End::Failed(FailureKind::RateLimited),
        takes: Takes::Deadline,
        zh: "运营商一直应答 429,按其 Retry-After 重试到期限为止",
        en: "the operator answers 429 all the time; its Retry-After is kept to until the deadline",
    },
    TestCard {
        iccid: "8986099000000000502",
        name: "nonsense",
        place: Place::Own,
        behavior: Behavior::Fault(Fault::Nonsense),
        end: End::Failed(FailureKind::BadAnswer),
        takes: Takes::Deadline,
        zh: "运营商用 200 应答一个网页,不可信,重试到期限为止",
        en: "the operator answers 200 with a web page, which is not believed; tried again until the deadline",
    },
    TestCard {
        iccid: "8986099000000000503",
        name: "down",
        place: Place::Own,
        behavior: Behavior::Fault(Fault::Status(503)),
        end: End::Failed(FailureKind::Temporary),
        takes: Takes::Deadline,
        zh: "运营商停机,重试到期限为止",
        en: "the operator is down; tried again until the deadline",
    },
    TestCard {
        iccid: "8986099000000009503",
        name: "not-set-up",
        place: Place::NotConfigured,
        behavior: Behavior::Works,
        end: End::Refused(Code::Unavailable),
        takes: Takes::AtOnce,
        zh: "这张卡的运营商账号未在本平台配置:不接受,也不占用冷却时间",
        en: "its operator account is not set up on this platform: not accepted, and no cooldown is used",
    },
    TestCard {
        iccid: "8986099000000009404",
        name: "no-card",
        place: Place::Nowhere,
        behavior: Behavior::Works,
        end: End::Refused(Code::NotFound),
        takes: Takes::AtOnce,
        zh: "该账户没有这张卡",
        en: "the account has no such card",
    },
];

impl TestCard {
    /// The name of its operator account, where it has one. `common` is that of the ordinary cards.
    #[must_use]
    pub fn operator_account(&self, common: &str) -> Option<String> {
        match self.place {
            Place::Common => Some(common.to_owned()),
            Place::Own | Place::NotConfigured => Some(format!("test-{}", self.name)),
            Place::Nowhere => None,
        }
    }

    /// The simulated operator that answers for it.
    #[must_use]
    pub fn simulated_operator(&self) -> String {
        match self.place {
            Place::Own => format!("{TEST_OPERATOR}@{}", self.name),
            Place::Common | Place::NotConfigured | Place::Nowhere => TEST_OPERATOR.to_owned(),
        }
    }

    /// Makes the simulated operator answer as it has to.
    pub fn set_up(&self, simulator: &Simulator) {
        let operator = self.simulated_operator();
        match &self.behavior {
            Behavior::Works => {}
            Behavior::Fault(fault) => {
                simulator.set_fault(&operator, Some(self.iccid), fault.clone(), FaultSpan::Forever);
            }
            Behavior::UnknownSim => simulator.set_unknown(&operator, self.iccid, true),
        }
    }

    /// What happens, in one sentence.
    #[must_use]
    pub fn story(&self, language: Language) -> &'static str {
        language.pick(self.zh, self.en)
    }
}

impl End {
    /// The end in the words of the API.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Grown => "succeeded".to_owned(),
            Self::Unchanged => "succeeded, before = after".to_owned(),
            Self::Failed(kind) => format!("failed, reason {kind}"),
            Self::Refused(code) => format!("code {}", code.as_str()),
        }
    }
}

impl Takes {
    /// When the refresh ends, in words. `deadline` is how long attempts are made.
    #[must_use]
    pub fn text(self, deadline: Duration, language: Language) -> String {
        let about = |seconds: u64| match language {
            Language::Zh => format!("约 {seconds} 秒后"),
            Language::En => format!("after about {seconds} s"),
        };
        match self {
            Self::AtOnce => language.pick("立即", "at once").to_owned(),
            Self::Seconds(seconds) => about(seconds),
            Self::Deadline => about(deadline.as_secs()),
        }
    }
}
