//! The open API as an OpenAPI 3.1 document. It is made from the operations' fields, the answers' types and
//! the codes, so that nothing is written twice.

mod examples;
mod schemas;

use crate::Code;
use crate::code_table::CodeTable;
use crate::language::Language;
use crate::operation::OperationName;
use serde_json::{Map, Value, json};
use simgauge_domain::card_kind::CardKind;

/// The description of the API as a whole.
const ABOUT: &str = include_str!("about.md");

/// The OpenAPI document with this program's own codes, as JSON.
#[must_use]
pub fn document() -> Value {
    document_with(&CodeTable::default())
}

/// The OpenAPI document of a server that answers with these codes, as JSON.
#[must_use]
pub fn document_with(code_table: &CodeTable) -> Value {
    let paths: Map<String, Value> = OperationName::ALL
        .into_iter()
        .map(|operation| (operation.path().to_owned(), json!({ "post": described(operation) })))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "simgauge",
            "summary": "刷新套餐用量 · the refresh button of a SIM platform",
            "description": format!("{ABOUT}\n{}", codes(code_table)),
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "本服务 · this server" }],
        "security": [],
        "tags": [
            { "name": "card", "description": "卡片 · physical cards" },
            { "name": "cloudesim", "description": "云 eSIM · cloud eSIMs" },
            { "name": "refresh", "description": "刷新记录 · refreshes" },
        ],
        "paths": paths,
        "components": { "schemas": schemas::components(code_table), "headers": headers() },
    })
}

fn described(operation: OperationName) -> Value {
    let (summary, description) = words(operation);
    let mut described = json!({
        "operationId": operation_id(operation),
        "summary": summary,
        "description": description,
        "tags": [operation.short().split('/').next()],
        "parameters": [{
            "name": "Accept-Language",
            "in": "header",
            "required": false,
            "description": concat!(
                "返回信息的语言:zh 或 en;缺省为账户的语言;刷新受理成功时的 message 固定 · ",
                "the language of messages, zh or en; by default the account's; ",
                "that of an accepted refresh is always the same",
            ),
            "schema": { "type": "string" },
            "example": "zh",
        }],
        "requestBody": {
            "required": true,
            "description": "JSON 对象,最大 16 KiB · a JSON object of 16 KiB at most",
            "content": { "application/json": {
                "schema": schemas::request(operation),
                "examples": examples::requests(operation),
            } },
        },
        "responses": {
            "200": {
                "description": "已处理。`code` 为 \"200\" 表示成功,其他失败 · It reached the operation. `code` is \"200\" \
                                for success, anything else is a refusal",
                "headers": { "x-request-id": id_header(), "Retry-After": retry_header() },
                "content": json_content(schemas::answer(operation), Some(examples::answers(operation))),
            },
            "413": {
                "description": schemas::message_of(Code::TooLarge),
                "headers": { "x-request-id": id_header() },
                "content": json_content(schemas::refusal_of(Code::TooLarge), None),
            },
            "503": {
                "description": schemas::message_of(Code::Unavailable),
                "headers": { "x-request-id": id_header(), "Retry-After": retry_header() },
                "content": json_content(schemas::refusal_of(Code::Unavailable), None),
            },
        },
    });
    if let OperationName::RefreshUsage(_) = operation {
        described["responses"]["200"]["links"] = json!({ "refresh": {
            "operationId": operation_id(OperationName::GetRefresh),
            "description": "查询该次刷新的结果 · the state of this refresh",
            "requestBody": { "refreshId": "$response.body#/data/refreshId" },
        } });
    }
    described
}

fn json_content(schema: Value, examples: Option<Value>) -> Value {
    let mut content = json!({ "schema": schema });
    if let Some(examples) = examples {
        content["examples"] = examples;
    }
    json!({ "application/json": content })
}

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "本次调用在服务器日志中的编号 · names the call in the server's logs",
            "required": true,
            "schema": { "type": "string" },
        },
        "RetryAfter": {
            "description": "多少秒后可重试;仅在 code 为 429 或 503 时返回 · \
                            seconds until it is worth trying again; with the codes 429 and 503",
            "required": false,
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

fn id_header() -> Value {
    json!({ "$ref": "#/components/headers/RequestId" })
}

fn retry_header() -> Value {
    json!({ "$ref": "#/components/headers/RetryAfter" })
}

/// `card/refreshUsage` as `cardRefreshUsage`.
fn operation_id(operation: OperationName) -> String {
    let mut id = String::new();
    for (at, part) in operation.short().split('/').enumerate() {
        let (first, rest) = part.split_at(1);
        id += &if at == 0 { first.to_owned() } else { first.to_ascii_uppercase() };
        id += rest;
    }
    id
}

/// Summary and description, both in two languages.
fn words(operation: OperationName) -> (&'static str, &'static str) {
    match operation {
        OperationName::RefreshUsage(CardKind::Sim) => (
            "刷新套餐用量 · refresh a card's usage",
            "触发一次向运营商同步用量的操作,立即返回;5 分钟内仅可调用一次(可配置)。请仅在用户手动刷新时调用,不要用于定时任务。\
             完全相同的请求(包括 sign)会得到相同的结果,不会再次触发。\n\n\
             Reads the card from its operator in the background, and answers at once. A card is accepted \
             once in five minutes, unless configured otherwise. For a person's button, not for a \
             schedule. The identical request, including its sign, gets the same answer and triggers \
             nothing.",
        ),
        OperationName::RefreshUsage(CardKind::CloudEsim) => (
            "云 eSIM 卡片刷新套餐用量 · refresh a cloud eSIM's usage",
            "与卡片的刷新相同,读取该 EID 下所有 profile 的用量。\n\n\
             As for a card; every profile of the cloud eSIM is read.",
        ),
        OperationName::GetCard(CardKind::Sim) => ("查询卡片 · read a card", GET),
        OperationName::GetCard(CardKind::CloudEsim) => ("查询云 eSIM · read a cloud eSIM", GET),
        OperationName::ListCards(CardKind::Sim) => ("卡片列表 · list cards", LIST),
        OperationName::ListCards(CardKind::CloudEsim) => ("云 eSIM 列表 · list cloud eSIMs", LIST),
        OperationName::UsageHistory(CardKind::Sim) => ("卡片用量历史 · what was read of a card", HISTORY),
        OperationName::UsageHistory(CardKind::CloudEsim) => {
            ("云 eSIM 用量历史 · what was read of a cloud eSIM", HISTORY)
        }
        OperationName::GetRefresh => (
            "查询刷新结果 · the state of a refresh",
            "返回内容与等待结束的 refreshUsage 相同:成功时含用量,失败时含原因,未结束时给出轮询方式。\n\n\
             The same as a refreshUsage that was held until the end: after a success with the usage, after a \
             failure with the reason, before the end with how to ask again.",
        ),
    }
}

const GET: &str = "返回卡片信息、最近一次读取的用量、套餐和最近一次刷新。不会触发刷新。同一签名只能使用一次。\n\n\
                   The card with its usage as last read, its packages and its last refresh. Nothing is \
                   refreshed. A sign can be used once.";
const LIST: &str =
    "分页列出账户下的卡。同一签名只能使用一次。\n\nThe account's cards, by pages. A sign can be used once.";
const HISTORY: &str = "按时间倒序返回读取记录,首页另含每日用量。不会触发刷新。同一签名只能使用一次。\n\n\
                       Readings, newest first. The first page also has the days. Nothing is refreshed. \
                       A sign can be used once.";

/// The codes as a table.
fn codes(code_table: &CodeTable) -> String {
    let mut table = "| code | 含义 | meaning |\n|---|---|---|\n".to_owned();
    for code in Code::ALL {
        let (zh, en) = (code.default_message(Language::Zh), code.default_message(Language::En));
        table += &format!("| `{}` | {zh} | {en} |\n", code_table.codes_of(code).join("`, `"));
    }
    table
}

#[cfg(test)]
mod tests;
