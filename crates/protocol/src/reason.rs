//! Why a refresh failed, or why a reading is not believed, as a sentence for people in both languages.

use crate::Language;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::guard::held::SuspectReason;
use simgauge_domain::refresh::Failure;

/// A plain sentence: in Chinese what the kind means, in English what exactly happened.
#[must_use]
pub fn sentence(failure: &Failure, language: Language) -> String {
    let zh = match failure.kind {
        FailureKind::Auth => "运营商不接受平台的凭证,请联系平台",
        FailureKind::TokenExpired => "平台在运营商的登录已失效,请稍后再试",
        FailureKind::NotFound => "运营商没有这张卡",
        FailureKind::RateLimited => "运营商限制了查询频率,请稍后再试",
        FailureKind::BadRequest => "查询请求有误或被运营商拒绝,请联系平台",
        FailureKind::Temporary => "暂时无法从运营商取得用量,请稍后再试",
        FailureKind::Unsupported => "运营商无法提供这张卡的流量用量",
        FailureKind::BadAnswer => "运营商的应答无法采信,用量未改变",
        FailureKind::Internal => "平台未能保存该卡片的查询结果,请联系平台",
        FailureKind::OperatorDown => "运营商持续无法访问,刷新等待超时,请稍后再试",
        FailureKind::OperatorPaused => "平台已暂停向该运营商查询,刷新等待超时,请稍后再试",
        FailureKind::QueueTimeout => "排队等待超时,未向运营商查询,请稍后再试",
    };
    match language {
        Language::Zh => zh.to_owned(),
        Language::En => failure.detail.clone(),
    }
}

/// Why a reading is held back, as a plain sentence.
#[must_use]
pub const fn warning(reason: SuspectReason, language: Language) -> &'static str {
    let (en, zh) = match reason {
        SuspectReason::Sentinel => {
            ("The operator's answer holds a number that stands for no usage.", "运营商返回的数值不是真实用量")
        }
        SuspectReason::TooFast => {
            ("The usage grew faster than a SIM can carry.", "用量增长超过了一张卡可能达到的速度")
        }
        SuspectReason::UnitChange => {
            ("The operator seems to have changed its unit.", "运营商可能更改了用量单位")
        }
        SuspectReason::Fall => {
            ("The usage fell, and the operator does not say why.", "用量变小，运营商没有说明原因")
        }
        SuspectReason::ImpossiblePeriod => {
            ("The operator's answer has a period that cannot be.", "运营商返回的计费周期不合理")
        }
    };
    match language {
        Language::En => en,
        Language::Zh => zh,
    }
}
