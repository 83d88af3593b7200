//! Many SIMs in one call: every SIM has its own outcome, whatever the others' elements are.

use crate::support::{NOW, SIMPLE, Stub, ok, operator, parse, status};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{CallGate, CallKind, Definition, ManyReadings, NoGate, Operator, ProfileRef};
use std::sync::Mutex;

/// `SIMPLE`, with calls about up to 50 SIMs.
pub(crate) fn with_ids() -> String {
    SIMPLE.replace(
        "[answer]\n",
        r#"
[many]
ids = 50
request = { path = "/many", query = { ids = "{{ iccids | join(',') }}" } }
each = ".sims[]"
key = ".iccid"

[answer]
"#,
    )
}

/// The numbers of so many SIMs, 19 digits each.
pub(crate) fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("898830865010{number:07}")).collect()
}

pub(crate) async fn read(operator: &Operator, iccids: &[impl AsRef<str>]) -> ManyReadings {
    let profiles: Vec<ProfileRef<'_>> =
        iccids.iter().map(|iccid| ProfileRef { iccid: iccid.as_ref(), eid: None }).collect();
    operator.read_many(&profiles, &NoGate).await
}

/// What was read of each SIM: the bytes, or the kind and the sentence of the failure.
pub(crate) fn outcomes(readings: &ManyReadings) -> Vec<Result<u64, (FailureKind, &str)>> {
    let outcomes = readings.outcomes.iter().map(|one| match &one.outcome {
        Ok(reading) => Ok(reading.used),
        Err(error) => Err((error.kind, error.detail.as_str())),
    });
    outcomes.collect()
}

pub(crate) fn element(iccid: &str, used: impl std::fmt::Display) -> String {
    format!(r#"{{"iccid":"{iccid}","used":{used}}}"#)
}

fn answer(elements: &[String]) -> String {
    format!(r#"{{"sims":[{}]}}"#, elements.join(","))
}

/// What is read of `iccids` where the operator answers with these elements.
async fn read_elements(toml: &str, iccids: &[impl AsRef<str>], elements: &[String]) -> ManyReadings {
    let stub = Stub::saying(answer(elements)).await;
    read(&operator(&parse(toml), &stub.url), iccids).await
}

#[tokio::test]
async fn fifty_sims_of_which_one_is_null_one_missing_one_unknown_and_one_repeated() {
    let iccids = numbers(50);
    let mut elements: Vec<String> = iccids
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != 7)
        .map(|(index, iccid)| match index {
            3 => element(iccid, "null"),
            _ => element(iccid, index * 1_000),
        })
        .collect();
    elements.insert(20, element("8988308650199999999", 5));
    elements.push(element(&iccids[11], 12_000));
    // The same number twice is one.
    elements.push(element(&iccids[12], 12_000));
    let stub = Stub::saying(answer(&elements)).await;
    let readings = read(&operator(&parse(&with_ids()), &stub.url), &iccids).await;
    assert_eq!((stub.asked().len(), readings.calls, readings.ignored), (1, 1, 1));
    assert_eq!(stub.asked()[0].query, format!("ids={}", iccids.join("%2C")));
    let outcomes = outcomes(&readings);
    assert_eq!(outcomes.len(), 50);
    for (index, outcome) in outcomes.iter().enumerate() {
        match (index, outcome) {
            (3, Err((FailureKind::BadAnswer, detail))) => assert!(detail.contains("used amount"), "{detail}"),
            (7, Err((FailureKind::BadAnswer, detail))) => assert!(detail.contains(&iccids[7]), "{detail}"),
            (11, Err((FailureKind::BadAnswer, detail))) => {
                assert!(detail.contains("two different numbers") && detail.contains(&iccids[11]), "{detail}");
            }
            (3 | 7 | 11, outcome) => panic!("{index}: {outcome:?}"),
            (index, outcome) => assert_eq!(*outcome, Ok(index as u64 * 1_000), "{index}"),
        }
    }
}

#[tokio::test]
async fn a_broken_element_spoils_no_other() {
    let iccids = numbers(3);
    for broken in ["null", "\"text\"", "17", "[]", "{}", r#"{"iccid":null,"used":1}"#] {
        let elements = [element(&iccids[0], 1), broken.to_owned(), element(&iccids[2], 3)];
        let readings = read_elements(&with_ids(), &iccids, &elements).await;
        let outcomes = outcomes(&readings);
        assert_eq!((&outcomes[0], &outcomes[2]), (&Ok(1), &Ok(3)), "{broken}");
        // The element may have been about this one, so it is not said to be unknown.
        assert!(matches!(outcomes[1], Err((FailureKind::BadAnswer, _))), "{broken}: {outcomes:?}");
    }
    let said_to_be_unknown = with_ids().replace("key = ", "absent = \"not_found\"\nkey = ");
    for (elements, kind) in [
        (vec![element(&iccids[0], 1)], FailureKind::NotFound),
        (vec![element(&iccids[0], 1), "null".into()], FailureKind::BadAnswer),
    ] {
        let readings = read_elements(&said_to_be_unknown, &iccids, &elements).await;
        let outcomes = outcomes(&readings);
        assert_eq!(outcomes[0], Ok(1));
        assert!(matches!(outcomes[1], Err((is, _)) if is == kind), "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_number_counts_in_any_spelling() {
    let asked =
        ["8988308650100524999", "8986061000001000015F", "898600D6991330004146", "8988 3086-5010 0000 001"];
    let elements = [
        // With its check digit, as a number without quotes.
        r#"{"iccid":89883086501005249997,"used":1}"#.to_owned(),
        element("8986 0610-0000 1000 015", 2),
        element("898600d6991330004146", 3),
        element("8988308650100000001F", 4),
        // A wrong check digit is another SIM.
        element("89883086501005249990", 9),
    ];
    let readings = read_elements(&with_ids(), &asked, &elements).await;
    assert_eq!(outcomes(&readings), [Ok(1), Ok(2), Ok(3), Ok(4)]);
    assert_eq!(readings.ignored, 1);
    let spelled: Vec<&str> = readings.outcomes.iter().map(|one| one.iccid.as_str()).collect();
    assert_eq!(spelled, asked, "they are named as they were asked");
}

#[tokio::test]
async fn an_element_that_could_mean_two_sims_is_neither_ones() {
    let asked = ["8986061000001000015", "89860610000010000159", "8988308650100524999"];
    for number in &asked[..2] {
        let elements = [element(number, 5), element(asked[2], 6)];
        let readings = read_elements(&with_ids(), &asked, &elements).await;
        let outcomes = outcomes(&readings);
        for outcome in &outcomes[..2] {
            let Err((FailureKind::BadAnswer, detail)) = outcome else { panic!("{outcomes:?}") };
            assert!(detail.contains(asked[0]) && detail.contains(asked[1]), "{detail}");
        }
        assert_eq!(outcomes[2], Ok(6));
    }
    // Where only one is asked about, its own number counts before one with a check digit.
    for elements in [
        [element("8986061000001000015", 5), element("89860610000010000159", 6)],
        [element("89860610000010000159", 6), element("8986061000001000015", 5)],
    ] {
        let readings = read_elements(&with_ids(), &asked[..1], &elements).await;
        assert_eq!(outcomes(&readings), [Ok(5)]);
    }
    // Neither of these is the number that was asked about.
    let elements = [element("89860610000010000159", 6), element("898606100000100001", 7)];
    let readings = read_elements(&with_ids(), &asked[..1], &elements).await;
    assert!(matches!(outcomes(&readings)[0], Err((FailureKind::BadAnswer, _))), "{readings:?}");
}

#[tokio::test]
async fn the_newer_element_counts_where_they_carry_a_time() {
    let timed = with_ids() + "[answer.as_of]\nfrom = \".at\"\nformat = \"unix_s\"\n";
    let iccids = numbers(1);
    let at = |used: u64, at: i64| format!(r#"{{"iccid":"{}","used":{used},"at":{at}}}"#, iccids[0]);
    for elements in
        [[at(5, 1_778_000_000), at(4, 1_778_000_060)], [at(4, 1_778_000_060), at(5, 1_778_000_000)]]
    {
        assert_eq!(outcomes(&read_elements(&timed, &iccids, &elements).await), [Ok(4)]);
    }
    let alike = [at(5, 1_778_000_000), at(4, 1_778_000_000)];
    let readings = read_elements(&timed, &iccids, &alike).await;
    assert!(matches!(outcomes(&readings)[0], Err((FailureKind::BadAnswer, _))), "{readings:?}");
}

#[tokio::test]
async fn a_fault_inside_of_http_200_fails_the_call() {
    let iccids = numbers(2);
    let elements = answer(&[element(&iccids[0], 1), element(&iccids[1], 2)]);
    let rule = "[[errors.rules]]\nwhen = '.code == \"E9\"'\nkind = \"rate_limited\"\nretry_after = \"30\"\n";
    let with_success = with_ids().replace("each = ", "success = \".ok\"\neach = ");
    for (toml, text, kind) in [
        (with_ids() + rule, elements.replacen('{', r#"{"code":"E9","#, 1), FailureKind::RateLimited),
        (with_success.clone(), elements.clone(), FailureKind::BadAnswer),
        (with_success, elements.replacen('{', r#"{"ok":false,"#, 1), FailureKind::BadAnswer),
        (with_ids(), r#"{"sims":7}"#.to_owned(), FailureKind::BadAnswer),
        (with_ids(), "<html></html>".to_owned(), FailureKind::BadAnswer),
    ] {
        let stub = Stub::saying(&text).await;
        let readings = read(&operator(&parse(&toml), &stub.url), &iccids).await;
        for outcome in outcomes(&readings) {
            assert!(matches!(outcome, Err((is, _)) if is == kind), "{text}: {outcome:?}");
        }
    }
}

/// The SIMs that a stub was asked about, call by call.
fn asked_about(stub: &Stub) -> Vec<usize> {
    stub.asked().iter().map(|asked| asked.query.split("%2C").count()).collect()
}

#[tokio::test]
async fn a_call_has_no_more_sims_than_the_operator_allows_and_one_that_fails_leaves_the_others() {
    let iccids = numbers(120);
    let stub = Stub::new(|asked| {
        let ids = asked.query.trim_start_matches("ids=").split("%2C");
        let elements: Vec<String> = ids.clone().map(|iccid| element(iccid, 7)).collect();
        match ids.clone().any(|iccid| iccid.ends_with("60")) {
            true => ok("no JSON"),
            false => ok(&answer(&elements)),
        }
    })
    .await;
    let readings = read(&operator(&parse(&with_ids()), &stub.url), &iccids).await;
    assert_eq!(asked_about(&stub), [50, 50, 20]);
    let good: Vec<usize> = (0..120).filter(|index| outcomes(&readings)[*index] == Ok(7)).collect();
    assert_eq!(good, (0..50).chain(100..120).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_that_is_limited_is_the_last_one() {
    let stub = Stub::new(|_| status(429, r#"{"code":"slow"}"#)).await;
    let readings = read(&operator(&parse(&with_ids()), &stub.url), &numbers(120)).await;
    assert_eq!(stub.asked().len(), 1);
    let outcomes = outcomes(&readings);
    assert!(outcomes.iter().all(|one| matches!(one, Err((FailureKind::RateLimited, _)))), "{outcomes:?}");
}

#[tokio::test]
async fn one_unknown_sim_that_refuses_the_call_is_found_and_the_others_are_read() {
    let iccids = numbers(50);
    let refusing = |names: bool| {
        Stub::new(move |asked| {
            let ids: Vec<&str> = asked.query.trim_start_matches("ids=").split("%2C").collect();
            match ids.iter().find(|iccid| iccid.ends_with("13")) {
                Some(iccid) if names => status(404, &format!(r#"{{"code":"gone","iccid":"{iccid}"}}"#)),
                Some(_) => status(404, r#"{"code":"gone"}"#),
                None => ok(&answer(&ids.iter().map(|iccid| element(iccid, 7)).collect::<Vec<_>>())),
            }
        })
    };
    let refused = with_ids().replace("key = ", "refused = \".iccid // empty\"\nkey = ");
    // Without a name: one call, and two for each of the six times that 50 can be halved.
    for (names, most_calls) in [(true, 2), (false, 13)] {
        let stub = refusing(names).await;
        let readings = read(&operator(&parse(&refused), &stub.url), &iccids).await;
        assert!(stub.asked().len() <= most_calls, "{:?}", asked_about(&stub));
        for (index, outcome) in outcomes(&readings).into_iter().enumerate() {
            match index {
                13 => assert!(matches!(outcome, Err((FailureKind::NotFound, _))), "{outcome:?}"),
                _ => assert_eq!(outcome, Ok(7), "{index}"),
            }
        }
    }
    // Where the definition does not say that this can be, nobody is said to be unknown.
    let stub = refusing(false).await;
    let readings = read(&operator(&parse(&with_ids()), &stub.url), &iccids).await;
    let outcomes = outcomes(&readings);
    assert!(outcomes.iter().all(|one| matches!(one, Err((FailureKind::BadAnswer, _)))), "{outcomes:?}");
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn an_operator_that_refuses_every_call_is_not_asked_more_often_than_for_each_sim() {
    let stub = Stub::new(|_| status(404, r#"{"code":"gone"}"#)).await;
    let refused = with_ids().replace("key = ", "refused = \"empty\"\nkey = ");
    let readings = read(&operator(&parse(&refused), &stub.url), &numbers(50)).await;
    assert_eq!((stub.asked().len(), readings.calls), (50, 50));
    assert!(outcomes(&readings).iter().all(Result::is_err));
}

/// Notes the calls and the SIMs of each.
#[derive(Default)]
struct Noting(Mutex<Vec<(CallKind, usize)>>);

impl CallGate for Noting {
    fn admit<'a>(&'a self, kind: CallKind, _: &'a str) -> BoxFuture<'a, Box<dyn Send>> {
        self.0.lock().unwrap().push((kind, 1));
        futures::future::ready(Box::new(()) as Box<dyn Send>).boxed()
    }

    fn admit_many<'a>(&'a self, kind: CallKind, iccids: &'a [String]) -> BoxFuture<'a, Box<dyn Send>> {
        self.0.lock().unwrap().push((kind, iccids.len()));
        futures::future::ready(Box::new(()) as Box<dyn Send>).boxed()
    }
}

#[tokio::test]
async fn every_call_has_a_permit_of_its_own() {
    let iccids = numbers(60);
    let stub = Stub::saying(answer(&[])).await;
    let gate = Noting::default();
    let profiles: Vec<ProfileRef<'_>> = iccids.iter().map(|iccid| ProfileRef { iccid, eid: None }).collect();
    operator(&parse(&with_ids()), &stub.url).read_many(&profiles, &gate).await;
    assert_eq!(*gate.0.lock().unwrap(), [(CallKind::Step, 50), (CallKind::Step, 10)]);
    // Without `[many]` they are read one after the other.
    let gate = Noting::default();
    let stub = Stub::new(|asked| ok(&element(asked.path.trim_start_matches("/sims/"), 3))).await;
    let readings = operator(&parse(SIMPLE), &stub.url).read_many(&profiles[..3], &gate).await;
    assert_eq!(*gate.0.lock().unwrap(), [(CallKind::Step, 1); 3]);
    assert_eq!((outcomes(&readings), readings.calls), (vec![Ok(3); 3], 3));
    assert!(readings.outcomes.iter().all(|one| one.began == UnixMs(NOW) && one.ended == UnixMs(NOW)));
    assert!(read(&operator(&parse(&with_ids()), &stub.url), &[] as &[&str]).await.outcomes.is_empty());
}

#[test]
fn mistakes_in_many_are_told() {
    let mistakes = [
        ("ids = 50\n", "", "how many `ids` a call takes"),
        ("ids = 50\n", "ids = 0\n", "nonzero"),
        ("iccids | join(',')", "iccid", "a call about many SIMs has `iccids`"),
        ("ids = 50\n", "ids = 50\npages = { first = 1, cursor = \".next\" }\n", "give one of them"),
        ("ids = 50\n", "pages = { first = 1 }\nrefused = \"empty\"\n", "for calls that take `ids`"),
        ("ids = 50\n", "ids = 50\nas = \".x |\"\n", "jq program does not compile"),
        ("path = \"/sims/{{ iccid }}\"", "path = \"/sims/{{ iccids }}\"", "templates know no `iccids`"),
        ("name = \"usage\"", "name = \"many\"", "none is called `login`, `many`"),
        ("[answer]\n", "[many.answer]\nused = { add = \".a + .b\", unit = \"B\" }\n[answer]\n", "`+`"),
    ];
    for (from, to, message) in mistakes {
        let toml = with_ids().replacen(from, to, 1);
        assert_ne!(toml, with_ids(), "{from}");
        let error = Definition::parse("x.toml", &toml).unwrap_err();
        assert!(error.to_string().contains(message), "{to}: {error}");
        assert_eq!(error.problems.len(), 1, "{to}: {error}");
    }
    let rule = "[[errors.rules]]\nstep = \"many\"\nstatus = [418]\nkind = \"temporary\"\n";
    assert!(Definition::parse("x.toml", &(with_ids() + rule)).is_ok());
    assert!(Definition::parse("x.toml", &(SIMPLE.to_owned() + rule)).is_err());
}
