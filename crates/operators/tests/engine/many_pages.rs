//! Lists of SIMs: by page number, by cursor, by link, and what goes wrong with them.

use crate::many::{element, numbers, outcomes, read};
use crate::support::{Asked, SIMPLE, Stub, account, clock, ok, operator, parse, status};
use simgauge_domain::failure::FailureKind;
use simgauge_operators::{Operator, OperatorAccount};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `SIMPLE`, with a list that goes on as `pages` says.
fn with_pages(pages: &str, query: &str) -> String {
    let many = format!(
        "[many]\nrequest = {{ path = \"/list\"{query} }}\npages = {{ {pages} }}\neach = \".sims[]\"\n\
         key = \".iccid\"\n\n[answer]\n"
    );
    SIMPLE.replace("[answer]\n", &many)
}

fn by_number() -> String {
    with_pages("first = 1", ", query = { page = \"{{ page }}\", size = \"2\" }")
}

fn by_cursor() -> String {
    with_pages("cursor = \".next\", query = { after = \"{{ cursor }}\" }, most = 20", "")
}

fn by_link() -> String {
    with_pages("link = \".next\"", ", query = { size = \"2\" }")
}

fn page(sims: &[String], next: &str) -> String {
    format!(r#"{{"sims":[{}],"next":{next}}}"#, sims.join(","))
}

fn sims(iccids: &[String]) -> Vec<String> {
    iccids.iter().map(|iccid| element(iccid, 7)).collect()
}

fn parameter(asked: &Asked, name: &str) -> String {
    let pairs = url::form_urlencoded::parse(asked.query.as_bytes());
    pairs.into_owned().find(|(key, _)| key == name).map(|(_, value)| value).unwrap_or_default()
}

/// Lists two of `iccids` on each page.
async fn numbered(iccids: Vec<String>, bad: Option<usize>) -> Stub {
    Stub::new(move |asked| {
        let number: usize = parameter(asked, "page").parse().unwrap();
        let of_page = iccids.chunks(2).nth(number - 1).unwrap_or_default();
        if bad == Some(number) { status(500, "{}") } else { ok(&page(&sims(of_page), "null")) }
    })
    .await
}

#[tokio::test]
async fn numbered_pages_are_read_to_the_first_empty_one() {
    let iccids = numbers(5);
    let stub = numbered(iccids.clone(), None).await;
    let mut asked = iccids.clone();
    asked.push("8988308650199999999".to_owned());
    let readings = read(&operator(&parse(&by_number()), &stub.url), &asked).await;
    assert_eq!(outcomes(&readings)[..5], [Ok(7); 5]);
    assert!(matches!(outcomes(&readings)[5], Err((FailureKind::BadAnswer, _))), "{readings:?}");
    assert_eq!(stub.asked().len(), 4, "the fourth page is empty");
    // The list is not read further than needed.
    let stub = numbered(iccids.clone(), None).await;
    read(&operator(&parse(&by_number()), &stub.url), &iccids[..3]).await;
    assert_eq!(stub.asked().len(), 2);
}

#[tokio::test]
async fn what_the_pages_before_a_failure_said_is_kept() {
    let iccids = numbers(10);
    let stub = numbered(iccids.clone(), Some(3)).await;
    let readings = read(&operator(&parse(&by_number()), &stub.url), &iccids).await;
    for (index, outcome) in outcomes(&readings).into_iter().enumerate() {
        match index {
            0..4 => assert_eq!(outcome, Ok(7), "{index}"),
            _ => assert!(matches!(outcome, Err((FailureKind::Temporary, _))), "{index}: {outcome:?}"),
        }
    }
    assert_eq!(stub.asked().len(), 3);
}

#[tokio::test]
async fn a_cursor_is_followed_to_its_end() {
    let iccids = numbers(6);
    let listed = iccids.clone();
    let stub = Stub::new(move |asked| {
        let from: usize = parameter(asked, "after").parse().unwrap_or(0);
        let next = if from < 4 { format!("\"{}\"", from + 2) } else { "\"\"".into() };
        ok(&page(&sims(&listed[from..from + 2]), &next))
    })
    .await;
    let mut asked = iccids.clone();
    asked.push("8988308650199999999".to_owned());
    let readings = read(&operator(&parse(&by_cursor()), &stub.url), &asked).await;
    assert_eq!(outcomes(&readings)[..6], [Ok(7); 6]);
    let queries: Vec<String> = stub.asked().into_iter().map(|asked| asked.query).collect();
    assert_eq!(queries, ["", "after=2", "after=4"]);
}

#[tokio::test]
async fn a_list_that_does_not_end_is_cut() {
    let iccids = numbers(3);
    let first = iccids[0].clone();
    // A new cursor each time, the same cursor each time, and a page number that is not looked at.
    for (toml, same_cursor, most_calls, why) in [
        (by_cursor(), false, 20, "more than 20 pages"),
        (by_cursor(), true, 2, "a cursor came again"),
        (by_number(), true, 2, "a page came again"),
    ] {
        let (first, count) = (first.clone(), AtomicUsize::new(0));
        let stub = Stub::new(move |_| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            let other = element(&format!("8988308650155{number:06}"), 1);
            let sims = if same_cursor {
                sims(std::slice::from_ref(&first))
            } else {
                vec![element(&first, 7), other]
            };
            ok(&page(&sims, &format!("\"{}\"", if same_cursor { 0 } else { number })))
        })
        .await;
        let readings = read(&operator(&parse(&toml), &stub.url), &iccids).await;
        assert_eq!(stub.asked().len(), most_calls, "{why}");
        let outcomes = outcomes(&readings);
        assert_eq!(outcomes[0], Ok(7), "{why}");
        for outcome in &outcomes[1..] {
            assert!(
                matches!(outcome, Err((FailureKind::BadAnswer, detail)) if detail.contains(why)),
                "{outcomes:?}"
            );
        }
    }
}

#[tokio::test]
async fn sims_that_move_between_pages_are_found_once() {
    // Two new SIMs come before the others while page 1 is read, so that two of it are on page 2 once more.
    // One of them is used meanwhile. Another moves to page 1 when that was read already.
    let iccids = numbers(6);
    let pages = [
        vec![element(&iccids[0], 10), element(&iccids[1], 20)],
        vec![element(&iccids[0], 10), element(&iccids[1], 25)],
        vec![element(&iccids[2], 30), element(&iccids[3], 40)],
        vec![element(&iccids[4], 50)],
        Vec::new(),
    ];
    let stub = Stub::new(move |asked| {
        let number: usize = parameter(asked, "page").parse().unwrap();
        ok(&page(&pages[number - 1], "null"))
    })
    .await;
    let readings = read(&operator(&parse(&by_number()), &stub.url), &iccids).await;
    let outcomes = outcomes(&readings);
    assert_eq!(outcomes[..5], [Ok(10), Ok(25), Ok(30), Ok(40), Ok(50)]);
    assert!(matches!(outcomes[5], Err((FailureKind::BadAnswer, _))), "{outcomes:?}");
    assert_eq!((readings.ignored, readings.calls), (0, 5));
}

#[tokio::test]
async fn usage_that_falls_from_one_page_to_the_next_is_a_contradiction() {
    let iccids = numbers(2);
    let pages = [vec![element(&iccids[0], 10)], vec![element(&iccids[0], 9), element(&iccids[1], 1)]];
    let stub = Stub::new(move |asked| {
        let number: usize = parameter(asked, "page").parse().unwrap();
        ok(&page(pages.get(number - 1).map_or(&[][..], Vec::as_slice), "null"))
    })
    .await;
    let readings = read(&operator(&parse(&by_number()), &stub.url), &iccids).await;
    let outcomes = outcomes(&readings);
    assert!(matches!(outcomes[0], Err((FailureKind::BadAnswer, _))), "{outcomes:?}");
    assert_eq!(outcomes[1], Ok(1));
}

#[tokio::test]
async fn links_are_followed_on_the_operators_own_host_only() {
    let iccids = numbers(3);
    for (link, is_followed) in [
        ("/list?from=1&size=2&q=a%20b", true),
        ("https://api.simple.example/v1/list?from=1&size=2&q=a%20b", true),
        ("https://api.simple.example/v1evil/list?from=1", false),
        ("https://api.simple.example.evil/v1/list?from=1", false),
        ("//evil.example/list?from=1", false),
        ("http://user@evil.example/list", false),
    ] {
        let listed = iccids.clone();
        let stub = Stub::new(move |asked| match parameter(asked, "from").as_str() {
            "" => ok(&page(&sims(&listed[..1]), &format!("\"{link}\""))),
            _ => ok(&page(&sims(&listed[1..]), "null")),
        })
        .await;
        // The operator writes its own base URL, whatever the account is read through.
        let toml = format!("base_url = \"https://api.simple.example/v1\"\n{}", by_link());
        let readings = read(&operator(&parse(&toml), &stub.url), &iccids).await;
        let outcomes = outcomes(&readings);
        assert_eq!(outcomes[0], Ok(7), "{link}");
        if is_followed {
            assert_eq!(outcomes[1..], [Ok(7), Ok(7)], "{link}");
            assert_eq!(stub.asked()[1].query, "from=1&size=2&q=a%20b", "{link}");
            assert_eq!(stub.asked()[1].headers["x-key"], "sim-secret");
        } else {
            let Err((FailureKind::BadAnswer, detail)) = outcomes[1] else { panic!("{link}: {outcomes:?}") };
            assert!(detail.contains("another host"), "{link}: {detail}");
            assert_eq!(stub.asked().len(), 1, "{link}");
        }
    }
}

/// A list behind a log-in whose first token is good for two pages only.
#[tokio::test]
async fn a_token_that_runs_out_in_the_middle_is_renewed_once_and_the_page_asked_again() {
    let toml = by_number().replace(
        "[auth]\nheaders = { X-Key = \"{{ secret.key }}\" }",
        "[auth.login]\nrequest = { path = \"/login\" }\ncapture = { token = { body = \".token\" } }\n\
         ttl = { seconds = 600 }\nsend = { headers = { X-Token = \"{{ login.token }}\" } }\n",
    );
    let iccids = numbers(8);
    for every_token_is_bad_later in [false, true] {
        let (listed, logins) = (iccids.clone(), AtomicUsize::new(0));
        let stub = Stub::new(move |asked| {
            if asked.path == "/login" {
                return ok(&format!(r#"{{"token":"t{}"}}"#, logins.fetch_add(1, Ordering::SeqCst)));
            }
            let number: usize = parameter(asked, "page").parse().unwrap();
            let is_bad = number > 2 && (every_token_is_bad_later || asked.headers["x-token"] == "t0");
            let of_page = listed.chunks(2).nth(number - 1).unwrap_or_default();
            if is_bad { status(401, "{}") } else { ok(&page(&sims(of_page), "null")) }
        })
        .await;
        let readings = read(&operator(&parse(&toml), &stub.url), &iccids).await;
        let outcomes = outcomes(&readings);
        let calls: Vec<String> = stub
            .asked()
            .iter()
            .map(|asked| if asked.path == "/login" { "login".into() } else { parameter(asked, "page") })
            .collect();
        if every_token_is_bad_later {
            assert_eq!(calls, ["login", "1", "2", "3", "login", "3"]);
            assert_eq!(outcomes[..4], [Ok(7); 4]);
            assert!(
                outcomes[4..].iter().all(|one| matches!(one, Err((FailureKind::TokenExpired, _)))),
                "{outcomes:?}"
            );
        } else {
            assert_eq!(calls, ["login", "1", "2", "3", "login", "3", "4"]);
            assert_eq!(outcomes, [Ok(7); 8]);
            assert_eq!(readings.calls, 7);
        }
    }
}

#[tokio::test]
async fn a_list_whose_address_is_unknown_says_nothing_about_its_sims() {
    let stub = Stub::new(|_| status(404, "{}")).await;
    for iccids in [numbers(1), numbers(3)] {
        let readings = read(&operator(&parse(&by_number()), &stub.url), &iccids).await;
        let outcomes = outcomes(&readings);
        assert!(outcomes.iter().all(|one| matches!(one, Err((FailureKind::BadAnswer, _)))), "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_trace_of_a_list_has_every_call_and_no_secret() {
    let iccids = numbers(4);
    let stub = numbered(iccids.clone(), None).await;
    let definition = parse(&by_number());
    let given = OperatorAccount { ..account(&definition, &stub.url) };
    let operator = Operator::new(Arc::clone(&definition), given, clock()).unwrap();
    let profiles: Vec<_> = iccids.iter().map(|iccid| crate::support::profile(iccid)).collect();
    let (steps, readings) = operator.read_many_traced(&profiles, &simgauge_operators::NoGate).await;
    assert_eq!((steps.len(), outcomes(&readings)), (2, vec![Ok(7); 4]));
    assert!(steps.iter().all(|step| step.step == "many" && step.status == Some(200)), "{steps:?}");
    assert!(!format!("{steps:?}").contains("sim-secret"));
}
