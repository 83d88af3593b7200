//! Lists that are read by cursor while cards come, move and leave.

use crate::support::call::Answer;
use crate::support::{Database, EID, ICCID, TestServer, import, row, server};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge_client::{Client, ListQuery, SecretString};
use std::collections::BTreeSet;

const LIST: &str = "/api/v3/card/getAllCardInfo";

/// Numbers from 100 on, so that lower ones can come later.
fn number(n: u32) -> String {
    format!("89860000000002{n:05}")
}

fn rows(numbers: impl IntoIterator<Item = u32>, status: &str) -> Vec<simgauge_store::ImportRow> {
    let one = |n| {
        let number = number(n);
        simgauge_store::ImportRow { status: status.into(), ..row(&number, &number, "acme") }
    };
    numbers.into_iter().map(one).collect()
}

async fn list(server: &TestServer, fields: Value) -> Answer {
    server.post(LIST, server.signed(fields).to_string()).await
}

fn numbers(page: &Value) -> Vec<String> {
    page["list"].as_array().unwrap().iter().map(|card| card["iccid"].as_str().unwrap().to_owned()).collect()
}

/// Reads a list to its end by cursor; `between` runs after each page.
async fn read_all(
    server: &TestServer,
    mut fields: Value,
    mut between: impl AsyncFnMut(usize),
) -> Vec<String> {
    let mut read = Vec::new();
    for page in 1.. {
        let answer = list(server, fields.clone()).await.expect("200").clone();
        read.extend(numbers(&answer));
        assert_eq!(answer["hasMore"], json!(answer["nextCursor"].is_string()), "{answer}");
        let Some(cursor) = answer["nextCursor"].as_str() else { break };
        fields["cursor"] = cursor.into();
        between(page).await;
    }
    read
}

#[rstest]
#[tokio::test]
async fn a_list_by_cursor_has_no_card_twice_and_none_left_out(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server().database(database).start().await;
    import(server.store(), &rows(100..130, "ACTIVATED_NAME")).await;
    // Three lower numbers come after page 1.
    let all = read_all(&server, json!({ "pageSize": 10 }), async |page| {
        if page == 1 {
            import(server.store(), &rows(10..13, "ACTIVATED_NAME")).await;
        }
    })
    .await;
    let expected: Vec<String> = (100..130).map(number).chain([ICCID.to_owned()]).collect();
    assert_eq!(all, expected, "each once, in order");

    // Five of page 1 leave the status that is asked for.
    let fields = json!({ "pageSize": 10, "cardStatus": "ACTIVATED_NAME" });
    let all = read_all(&server, fields.clone(), async |page| {
        if page == 1 {
            import(server.store(), &rows([10, 11, 100, 101, 102], "RETIRED_NAME")).await;
        }
    })
    .await;
    let before: Vec<String> = (10..13).chain(100..130).map(number).chain([ICCID.to_owned()]).collect();
    assert_eq!(all, before, "none is left out");

    // Whatever happens between pages: what stays is there once.
    let stays: BTreeSet<String> = (103..130).map(number).collect();
    let all = read_all(&server, json!({ "pageSize": 3, "cardStatus": "ACTIVATED_NAME" }), async |page| {
        let page = u32::try_from(page).unwrap();
        import(server.store(), &rows([page, 200 + page], "ACTIVATED_NAME")).await;
        import(server.store(), &rows([page.saturating_sub(1), 12], "RETIRED_NAME")).await;
    })
    .await;
    let once: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(once.len(), all.len(), "{all:?}");
    assert!(once.is_superset(&stays), "{all:?}");
}

#[tokio::test]
async fn cursors_go_as_deep_as_one_likes_and_wrong_ones_are_named() {
    let server = server().start().await;
    import(server.store(), &rows(100..105, "ACTIVATED_NAME")).await;
    let first = list(&server, json!({ "pageSize": 2 })).await.expect("200").clone();
    let cursor = first["nextCursor"].as_str().unwrap().to_owned();
    // A page number beside the cursor says nothing.
    let fields = json!({ "pageSize": 2, "pageNum": 1_000_000, "cursor": cursor });
    assert_eq!(numbers(list(&server, fields).await.expect("200")), [number(102), number(103)]);
    let last = list(&server, json!({ "pageSize": 500 })).await.expect("200").clone();
    assert_eq!((&last["hasMore"], last.get("nextCursor")), (&json!(false), None));
    let named = json!({ "iccids": format!("{},{}", number(101), number(104)), "cursor": cursor });
    assert_eq!(numbers(list(&server, named).await.expect("200")), [number(104)], "also of named cards");
    let esims =
        server.post("/api/v3/cloudesim/list", server.signed(json!({ "cursor": cursor })).to_string()).await;
    for (wrong, answer) in [
        ("of another list", esims),
        ("nonsense", list(&server, json!({ "cursor": "nonsense" })).await),
        ("a number", list(&server, json!({ "cursor": 5 })).await),
    ] {
        answer.expect("400");
        assert!(answer.message().contains("cursor"), "{wrong}: {}", answer.message());
    }
    let empty = list(&server, json!({ "cursor": "", "pageSize": 2 })).await;
    assert_eq!(numbers(empty.expect("200")), [number(100), number(101)], "an empty one is none");
    let deep = list(&server, json!({ "pageNum": 2_000, "pageSize": 500 })).await;
    assert!(deep.message().contains("cursor"), "{}", deep.message());

    let client = Client::builder(&server.url, "k", SecretString::from("test-secret")).build().unwrap();
    let mut query = ListQuery { page_size: 4, ..ListQuery::default() };
    let mut read = Vec::new();
    loop {
        let page = client.sims(&query).await.unwrap();
        read.extend(page.list.into_iter().filter_map(|card| card.iccid));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(read.len(), 6);
    let esims = client.cloud_esims(&ListQuery::default()).await.unwrap();
    assert_eq!(esims.list[0].eid.as_deref(), Some(EID));
}
