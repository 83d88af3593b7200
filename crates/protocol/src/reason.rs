//! Why a refresh failed, as a sentence for people in both languages.

use crate::Language;
use simgauge_domain::failure::FailureKind;
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
