//! Examples, signed with the demo's key, so that readers can check their own signs against them. To call with
//! one, only the time and the sign have to be new.

use crate::answer::{
    CardAnswer, CardPage, DayAnswer, Envelope, HistoryAnswer, OperatorAnswer, PollAnswer, ProfileAnswer,
    ReadingAnswer, RefreshAnswer, RefreshReport, RefreshState, Usage, UsagePeriod,
};
use crate::body::Body;
use crate::code::Code;
use crate::language::Language;
use crate::operation::OperationName;
use crate::refusal::RetryDetail;
use crate::sign::{self, Scope};
use serde::Serialize;
use serde_json::{Value, json};
use simgauge_domain::card_kind::CardKind;

/// The demo's app.
const APPKEY: &str = "demo";
/// The demo's secret is public.
const SECRET: &str = "demo-secret";
/// The published documentation's card.
const ICCID: &str = "8988308650100524999";
/// The published documentation's cloud eSIM.
const EID: &str = "11111111111111111111111111";
const REFRESH: &str = "01m80wsthj3wxfxksg03wt5001";
const NOW: i64 = 1_795_326_536;

/// Bodies of an operation: one with the required fields, and one with more where there is more to show.
pub(super) fn requests(operation: OperationName) -> Value {
    let number = |kind: CardKind| match kind {
        CardKind::Sim => json!({ "nonce": 90_174, "iccid": ICCID }),
        CardKind::CloudEsim => json!({ "nonce": 49_890, "eid": EID }),
    };
    let with = |mut fields: Value, name: &str, value: Value| {
        fields[name] = value;
        fields
    };
    let (least, more) = match operation {
        OperationName::RefreshUsage(CardKind::Sim) => (
            number(CardKind::Sim),
            (
                "undeclared",
                "未声明的参数参与签名 · an undeclared field is signed, too",
                json!({
                    "operator": 5, "nonce": 90_175, "iccid": ICCID, "wait": 0,
                }),
            ),
        ),
        OperationName::RefreshUsage(kind) => (
            number(kind),
            ("wait", "最多等待 8 秒 · held for up to 8 s", with(number(kind), "wait", json!(8))),
        ),
        OperationName::GetCard(kind) => (number(kind), ("", "", Value::Null)),
        OperationName::ListCards(kind) => {
            let all = json!({ "nonce": 31_415, "pageNum": 1, "pageSize": 100 });
            let some = json!({
                "nonce": 31_416, "pageNum": "1", "pageSize": 2, "cardStatus": "ACTIVATED_NAME",
                kind.list_field(): match kind { CardKind::Sim => ICCID, CardKind::CloudEsim => EID },
            });
            (all, ("narrowed", "筛选 · narrowed", some))
        }
        OperationName::UsageHistory(kind) => (
            number(kind),
            ("older", "下一页 · the page after", with(number(kind), "before", json!("1777611600000"))),
        ),
        OperationName::GetRefresh => {
            (json!({ "nonce": 27_182, "refreshId": REFRESH }), ("", "", Value::Null))
        }
    };
    let mut examples =
        json!({ "least": { "summary": "最少参数 · what is needed", "value": signed(&least) } });
    let (name, summary, fields) = more;
    if !name.is_empty() {
        examples[name] = json!({ "summary": summary, "value": signed(&fields) });
    }
    examples
}

fn signed(fields: &Value) -> Value {
    let mut body = json!({ "appkey": APPKEY, "timestamp": NOW });
    for (name, value) in fields.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let text = body.to_string();
    // The body is made here, so it parses.
    let sign = Body::parse(text.as_bytes()).map(|body| sign::sign(&body, Scope::Request, SECRET));
    body["sign"] = sign.unwrap_or_default().into();
    body
}

pub(super) fn answers(operation: OperationName) -> Value {
    let success = |message: &str, data: Value| {
        let answer = Envelope::new(Code::Ok, message, Some(data));
        json!({ "success": { "summary": "成功 · done", "value": answer } })
    };
    let plain = Code::Ok.default_message(Language::Zh);
    match operation {
        OperationName::RefreshUsage(kind) => {
            let answer = RefreshAnswer {
                refresh_id: REFRESH.to_owned(),
                state: RefreshState::Queued,
                accepted_at: NOW,
                next_refresh_at: NOW + 301,
                estimated_seconds: Some(1),
                operator: Some(operator_ok()),
                poll: Some(PollAnswer { every_seconds: 2, for_seconds: Some(1_230) }),
                usage: None,
                refresh: None,
                warning: None,
            };
            let detail = RetryDetail {
                retry_after_seconds: 297,
                next_refresh_at: Some(NOW + 301),
                estimated_seconds: None,
                operator: None,
            };
            let message = "该卡片刚刷新过,请 297 秒后再试";
            let mut examples = success(crate::request::success_message(kind), value(&answer));
            examples["cooling"] = json!({
                "summary": "冷却中 · cooling down",
                "value": Envelope::new(Code::TooMany, message, Some(detail)),
            });
            examples
        }
        OperationName::GetCard(kind) => success(plain, value(&card(kind))),
        OperationName::ListCards(kind) => {
            let page = CardPage {
                page_num: 1,
                page_size: 100,
                has_more: false,
                next_cursor: None,
                list: vec![card(kind)],
            };
            success(plain, value(&page))
        }
        OperationName::UsageHistory(_) => success(plain, value(&history())),
        OperationName::GetRefresh => {
            let answer = RefreshAnswer {
                refresh_id: REFRESH.to_owned(),
                state: RefreshState::Succeeded,
                accepted_at: NOW,
                next_refresh_at: NOW + 301,
                estimated_seconds: None,
                operator: Some(operator_ok()),
                poll: None,
                usage: Some(usage()),
                refresh: Some(report(CardKind::Sim)),
                warning: None,
            };
            success(plain, value(&answer))
        }
    }
}

fn operator_ok() -> OperatorAnswer {
    OperatorAnswer { state: "ok".to_owned(), until: None }
}

fn value<T: Serialize>(data: &T) -> Value {
    json!(data)
}

fn numbered(kind: CardKind) -> (Option<String>, Option<String>) {
    match kind {
        CardKind::Sim => (Some(ICCID.to_owned()), None),
        CardKind::CloudEsim => (None, Some(EID.to_owned())),
    }
}

fn report(kind: CardKind) -> RefreshReport {
    let (iccid, eid) = numbered(kind);
    RefreshReport {
        refresh_id: REFRESH.to_owned(),
        iccid,
        eid,
        state: RefreshState::Succeeded,
        accepted_at: NOW,
        finished_at: Some(NOW + 1),
        before: Some(4_500_000),
        after: Some(5_000_000),
        reason: None,
        reason_text: None,
        warning: None,
        warning_text: None,
        operator: None,
    }
}

fn usage() -> Usage {
    Usage {
        used_bytes: 5_000_000,
        total_bytes: Some(1_073_741_824),
        remaining_bytes: Some(1_068_741_824),
        as_of: None,
        synced_at: NOW + 1,
        age_seconds: 60,
        declared_lag_seconds: Some(900),
        period: UsagePeriod {
            kind: "billing_cycle".to_owned(),
            start: Some(1_795_190_400),
            end: None,
            assumed: false,
        },
        warning: None,
    }
}

fn card(kind: CardKind) -> CardAnswer {
    let (iccid, eid) = numbered(kind);
    let profile =
        ProfileAnswer { iccid: ICCID.to_owned(), status: Some("active".to_owned()), usage: Some(usage()) };
    CardAnswer {
        iccid,
        eid,
        card_status: "ACTIVATED_NAME".to_owned(),
        label: String::new(),
        usage: Some(usage()),
        packages: Vec::new(),
        overage_bytes: None,
        profiles: vec![profile],
        refresh: Some(report(kind)),
        next_refresh_at: Some(NOW + 301),
        operator: Some(operator_ok()),
    }
}

fn history() -> HistoryAnswer {
    let reading = |synced_at, used_bytes, delta_bytes, kind: &str| ReadingAnswer {
        iccid: ICCID.to_owned(),
        synced_at,
        as_of: None,
        used_bytes,
        delta_bytes,
        kind: kind.to_owned(),
    };
    HistoryAnswer {
        readings: vec![
            reading(1_777_615_201, 4_500_000, -500_000, "correction"),
            reading(1_777_611_600, 5_000_000, 5_000_000, "first"),
        ],
        next_before: None,
        days: vec![DayAnswer { day: "2026-05-01".to_owned(), used_bytes: 4_500_000 }],
    }
}
