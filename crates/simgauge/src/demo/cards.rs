//! The demo's cards: a hundred ordinary ones, the documentation's own two, and test cards that always end the
//! same way.

use simgauge_domain::failure::FailureKind;
use simgauge_operators::simulator::{Fault, Simulator};
use simgauge_protocol::{Code, Language};
use std::time::Duration;

/// The documentation's own card.
pub const ICCID: &str = "8988308650100524999";
/// The documentation's own cloud eSIM.
pub const EID: &str = "11111111111111111111111111";
/// Its profile.
pub const EID_PROFILE: &str = "8988308650100525004";
/// Ordinary cards beside those two.
pub const MORE_CARDS: u32 = 100;
/// The operator that test cards are of.
pub const TEST_OPERATOR: &str = "cisco_control_center";

/// The number of an ordinary card.
#[must_use]
pub fn ordinary(n: u32) -> String {
    format!("89860000000000{n:05}")
}

/// A card with a fixed end, for people who write a client.
#[derive(Debug)]
pub struct TestCard {
    /// Its number; the last digits remind of what happens.
    pub iccid: &'static str,
    /// One word for what happens.
    pub name: &'static str,
    /// Where it is read.
    pub place: Place,
    /// What the operator does when it is asked about it.
    pub trouble: Trouble,
    /// How a refresh of it ends.
    pub end: End,
    /// When.
    pub takes: Takes,
    zh: &'static str,
    en: &'static str,
}

/// Where a test card is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// With the ordinary cards of its operator.
    Common,
    /// At an operator account of its own: what holds up or breaks its lane must not concern other cards.
    Own,
    /// At an operator account that is not configured.
    NotConfigured,
    /// Nowhere: the demo has no such card.
    Nowhere,
}

/// What the simulated operator does with a test card.
#[derive(Debug)]
pub enum Trouble {
    /// Answers well.
    None,
    /// This, always.
    Fault(Fault),
    /// Does not know it.
    UnknownSim,
}

/// How a refresh ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Succeeds, with more used than before.
    Grown,
    /// Succeeds, with as much used as before.
    Unchanged,
    /// Is accepted and fails.
    Failed(FailureKind),
    /// Is not accepted: the call answers this code.
    Refused(Code),
}

/// When a refresh ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// With the first attempt.
    AtOnce,
    /// After about so many seconds.
    Seconds(u64),
    /// When the deadline of attempts is reached.
    Deadline,
}

/// How long the operator of the slow card takes.
const SLOW: Duration = Duration::from_secs(4);
/// What the operator of the limited card asks for.
const RETRY_AFTER_SECONDS: u64 = 3;

/// Every test card, in the order they are shown.
pub static TEST_CARDS: &[TestCard] = &[
    TestCard {
        iccid: "8986099000000000200",
        name: "success",
        place: Place::Common,
        trouble: Trouble::None,
        end: End::Grown,
        takes: Takes::AtOnce,
        zh: "运营商立即应答,用量增加",
        en: "the operator answers at once, and usage has grown",
    },
    TestCard {
        iccid: "8986099000000000202",
        name: "slow",
        place: Place::Own,
        trouble: Trouble::Fault(Fault::Delay(SLOW)),
        end: End::Grown,
        takes: Takes::Seconds(SLOW.as_secs()),
        zh: "运营商应答很慢:先看到 queued 和 running,然后成功",
        en: "the operator takes its time: queued and running are seen before it succeeds",
    },
    TestCard {
        iccid: "8986099000000000304",
        name: "unchanged",
        place: Place::Common,
        trouble: Trouble::Fault(Fault::Unchanged),
        end: End::Unchanged,
        takes: Takes::AtOnce,
        zh: "刷新成功,但用量与上次相同(before 等于 after)",
        en: "it succeeds with the figure of the last time: before equals after",
    },
    TestCard {
        iccid: "8986099000000000401",
        name: "auth",
        place: Place::Own,
        trouble: Trouble::Fault(Fault::Status(401)),
        end: End::Failed(FailureKind::Auth),
        takes: Takes::AtOnce,
        zh: "运营商拒绝平台的登录凭据,不再重试",
        en: "the operator refuses the platform's log-in; not tried again",
    },
    TestCard {
        iccid: "8986099000000000404",
        name: "unknown",
        place: Place::Common,
        trouble: Trouble::UnknownSim,
        end: End::Failed(FailureKind::NotFound),
        takes: Takes::AtOnce,
        zh: "平台有这张卡,但运营商不认识它,不再重试",
        en: "the platform has the card, but the operator does not know it; not tried again",
    },
    TestCard {
        iccid: "8986099000000000429",
        name: "limit",
        place: Place::Own,
        trouble: Trouble::Fault(Fault::RateLimited { retry_after: Some(RETRY_AFTER_SECONDS) }),
        end: End::Failed(FailureKind::RateLimited),
        takes: Takes::Deadline,
        zh: "运营商一直应答 429,按其 Retry-After 重试到期限为止",
        en: "the operator answers 429 all the time; its Retry-After is kept to until the deadline",
    },
    TestCard {
        iccid: "8986099000000000502",
        name: "nonsense",
        place: Place::Own,
        trouble: Trouble::Fault(Fault::Nonsense),
        end: End::Failed(FailureKind::BadAnswer),
        takes: Takes::Deadline,
        zh: "运营商用 200 应答一个网页,不可信,重试到期限为止",
        en: "the operator answers 200 with a web page, which is not believed; tried again until the deadline",
    },
    TestCard {
        iccid: "8986099000000000503",
        name: "down",
        place: Place::Own,
        trouble: Trouble::Fault(Fault::Status(503)),
        end: End::Failed(FailureKind::Temporary),
        takes: Takes::Deadline,
        zh: "运营商停机,重试到期限为止",
        en: "the operator is down; tried again until the deadline",
    },
    TestCard {
        iccid: "8986099000000009503",
        name: "not-set-up",
        place: Place::NotConfigured,
        trouble: Trouble::None,
        end: End::Refused(Code::Unavailable),
        takes: Takes::AtOnce,
        zh: "这张卡的运营商账号未在本平台配置:不接受,也不占用冷却时间",
        en: "its operator account is not set up on this platform: not accepted, and no cooldown is used",
    },
    TestCard {
        iccid: "8986099000000009404",
        name: "no-card",
        place: Place::Nowhere,
        trouble: Trouble::None,
        end: End::Refused(Code::NotFound),
        takes: Takes::AtOnce,
        zh: "该账户没有这张卡",
        en: "the account has no such card",
    },
];

impl TestCard {
    /// The name of its operator account, where it is read at all.
    #[must_use]
    pub fn operator_account(&self, common: &str) -> Option<String> {
        match self.place {
            Place::Common => Some(common.to_owned()),
            Place::Own | Place::NotConfigured => Some(format!("test-{}", self.name)),
            Place::Nowhere => None,
        }
    }

    /// The copy of its operator that the simulator runs for it.
    #[must_use]
    pub fn simulated_operator(&self) -> String {
        match self.place {
            Place::Own => format!("{TEST_OPERATOR}@{}", self.name),
            Place::Common | Place::NotConfigured | Place::Nowhere => TEST_OPERATOR.to_owned(),
        }
    }

    /// Makes the simulated operator do what it has to.
    pub fn set_up(&self, simulator: &Simulator) {
        let operator = self.simulated_operator();
        match &self.trouble {
            Trouble::None => {}
            Trouble::Fault(fault) => {
                let forever = simgauge_operators::simulator::FaultSpan::Forever;
                simulator.set_fault(&operator, Some(self.iccid), fault.clone(), forever);
            }
            Trouble::UnknownSim => simulator.set_unknown(&operator, self.iccid, true),
        }
    }

    /// What happens, in a sentence.
    #[must_use]
    pub fn story(&self, language: Language) -> &'static str {
        language.pick(self.zh, self.en)
    }
}

impl End {
    /// In the words of the API.
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
    /// In words; `deadline` is how long attempts are made.
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
