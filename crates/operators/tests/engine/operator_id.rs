//! An id of the operator's own: looked up once, kept by whoever asked, looked up again when it is refused.

use crate::support::{ICCID, NOW, Stub, account, clock, ok, parse, profile, status};
use simgauge_domain::failure::FailureKind;
use simgauge_domain::reading::ProfileStatus;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{Definition, KnownId, NoGate, Operator, ProfileReading, ReadError};
use std::sync::{Arc, Mutex};

const WITH_ID: &str = r#"
name = "with_id"
title = "With an id"
[secrets.user]
about = "user"
identifies = true
[operator_id]
capture = "id"
[[steps]]
name = "sim"
request = { path = "/sims", query = { iccid = "{{ iccid }}" } }
find = { in = ".[]", key = ".iccid", equals = "{{ iccid }}" }
capture = { id = { body = ".id" } }
[[steps]]
name = "usage"
request = { path = "/sims/{{ capture.id }}/usage" }
success = ".id == $operator_id"
[answer]
used = { add = ".used", unit = "B" }
period = { kind = "billing_cycle" }
status = { from = "$answers.sim.state", map = { on = "active" } }
"#;

const DAY: i64 = 86_400_000;

/// An operator that gives its only SIM the id that is there at the moment. Empty: it does not know the SIM.
struct World {
    stub: Stub,
    id: Arc<Mutex<&'static str>>,
}

impl World {
    async fn new(id: &'static str) -> Self {
        let id = Arc::new(Mutex::new(id));
        let of_stub = Arc::clone(&id);
        let stub = Stub::new(move |asked| {
            let id = *of_stub.lock().unwrap();
            match asked.path.strip_prefix("/sims/").and_then(|rest| rest.strip_suffix("/usage")) {
                None if id.is_empty() => ok("[]"),
                None => ok(&format!(r#"[{{"iccid":"{ICCID}","id":"{id}","state":"on"}}]"#)),
                Some("moved") => ok(r#"{"error":"moved"}"#),
                Some("down") => status(500, "{}"),
                Some(asked) if asked == id && id != "without usage" => {
                    ok(&format!(r#"{{"id":"{id}","used":5}}"#))
                }
                Some(_) => status(404, "{}"),
            }
        });
        Self { stub: stub.await, id }
    }

    fn operator(&self, toml: &str) -> Operator {
        let definition = parse(toml);
        let account = account(&definition, &self.stub.url);
        Operator::new(definition, account, clock()).unwrap()
    }

    /// The calls of a reading with what is kept, and its outcome.
    async fn read(
        &self,
        operator: &Operator,
        kept: Option<&str>,
        read_at: i64,
    ) -> (Vec<String>, Result<ProfileReading, ReadError>) {
        let before = self.stub.asked().len();
        let known = kept.map(|operator_id| KnownId { operator_id, read_at: UnixMs(read_at) });
        let outcome = operator.read_with_id(&profile(ICCID), known, &NoGate).await;
        let calls = self.stub.asked().split_off(before).into_iter().map(|asked| asked.path).collect();
        (calls, outcome)
    }
}

/// What the first reading keeps.
async fn first(world: &World, operator: &Operator) -> String {
    let (calls, outcome) = world.read(operator, None, NOW).await;
    assert_eq!(calls.len(), 2, "{calls:?}");
    outcome.unwrap().operator_id.unwrap()
}

#[tokio::test]
async fn an_id_is_looked_up_once_and_then_saves_a_call() {
    let world = World::new("a1").await;
    let operator = world.operator(WITH_ID);
    let (calls, outcome) = world.read(&operator, None, NOW).await;
    let ProfileReading { reading, operator_id } = outcome.unwrap();
    assert_eq!(calls, ["/sims", "/sims/a1/usage"]);
    assert_eq!((reading.used, reading.status), (5, Some(ProfileStatus::Active)));
    let kept = operator_id.unwrap();
    assert!(kept.starts_with("a1@"), "{kept}");

    let (calls, outcome) = world.read(&operator, Some(&kept), NOW).await;
    let ProfileReading { reading, operator_id } = outcome.unwrap();
    assert_eq!(calls, ["/sims/a1/usage"]);
    assert_eq!((reading.used, reading.status, operator_id), (5, None, None));
}

#[tokio::test]
async fn a_refused_id_is_looked_up_again_in_the_same_reading_once() {
    let world = World::new("a1").await;
    let operator = world.operator(WITH_ID);
    let kept = first(&world, &operator).await;
    for (now, calls, used, begins) in [
        ("b2", vec!["/sims/a1/usage", "/sims", "/sims/b2/usage"], Ok(5), Some("b2@")),
        // The SIM is gone as well.
        ("", vec!["/sims/a1/usage", "/sims"], Err(FailureKind::NotFound), None),
        // The new one is refused, too.
        (
            "without usage",
            vec!["/sims/a1/usage", "/sims", "/sims/without%20usage/usage"],
            Err(FailureKind::NotFound),
            None,
        ),
    ] {
        *world.id.lock().unwrap() = now;
        let (asked, outcome) = world.read(&operator, Some(&kept), NOW).await;
        assert_eq!(asked, calls, "{now}");
        assert_eq!(outcome.as_ref().map(|read| read.reading.used).map_err(|error| error.kind), used);
        let again = outcome.ok().and_then(|read| read.operator_id);
        assert_eq!(again.is_some(), begins.is_some(), "{again:?}");
        assert!(again.is_none_or(|again| again.starts_with(begins.unwrap_or_default())));
    }
}

#[tokio::test]
async fn a_definition_can_say_by_what_an_id_is_refused() {
    let toml = WITH_ID.replace("capture = \"id\"\n", "capture = \"id\"\nrefused = '.error == \"moved\"'\n");
    let world = World::new("a1").await;
    let operator = world.operator(&toml);
    let kept = first(&world, &operator).await;
    let known = |id: &str| kept.replace("a1", id);
    let (calls, outcome) = world.read(&operator, Some(&known("moved")), NOW).await;
    assert_eq!(calls, ["/sims/moved/usage", "/sims", "/sims/a1/usage"]);
    assert!(outcome.unwrap().operator_id.unwrap().starts_with("a1@"));
    // Trouble of another kind says nothing about the id.
    let (calls, outcome) = world.read(&operator, Some(&known("down")), NOW).await;
    assert_eq!((calls.len(), outcome.unwrap_err().kind), (1, FailureKind::Temporary));
}

#[tokio::test]
async fn an_id_is_used_only_where_it_was_looked_up_and_not_for_ever() {
    let world = World::new("a1").await;
    let operator = world.operator(WITH_ID);
    let kept = first(&world, &operator).await;
    let mark = kept.strip_prefix("a1@").unwrap();
    for bad in ["", "a1", "a1@", "a1@00000000", mark] {
        let (calls, outcome) = world.read(&operator, Some(bad), NOW).await;
        assert_eq!((calls.len(), outcome.unwrap().operator_id.as_ref()), (2, Some(&kept)), "{bad}");
    }
    // NOW is 2026-05-08T10:11:12Z: the day begins 36,672 seconds before.
    let midnight = NOW - 36_672_000;
    for (read_at, calls) in [(midnight, 1), (midnight - 1, 2), (NOW - DAY, 2), (NOW + DAY, 2)] {
        assert_eq!(world.read(&operator, Some(&kept), read_at).await.0.len(), calls, "{read_at}");
    }
    let often = WITH_ID.replace("capture = \"id\"\n", "capture = \"id\"\nrenew_hours = 2\n");
    let operator = world.operator(&often);
    // Two hours begin at 10:00.
    for (read_at, calls) in [(NOW - 671_000, 1), (NOW - 673_000, 2)] {
        assert_eq!(world.read(&operator, Some(&kept), read_at).await.0.len(), calls, "{read_at}");
    }
    // Another account, another user, another definition.
    let definition = parse(WITH_ID);
    let mut renamed = account(&definition, &world.stub.url);
    renamed.name = "second".into();
    let mut other_user = account(&definition, &world.stub.url);
    other_user.secrets.insert("user".into(), "someone else".to_owned().into());
    let other = parse(&WITH_ID.replace("name = \"with_id\"", "name = \"another\""));
    let same_host = account(&definition, &format!("{}/", world.stub.url));
    for (definition, account) in [
        (&definition, renamed),
        (&definition, other_user),
        (&other, account(&other, &world.stub.url)),
        (&definition, same_host),
    ] {
        let operator = Operator::new(Arc::clone(definition), account, clock()).unwrap();
        assert_eq!(world.read(&operator, Some(&kept), NOW).await.0.len(), 2);
    }
}

#[test]
fn mistakes_with_ids_have_their_place() {
    for (from, to, message) in [
        ("capture = \"id\"\n", "capture = \"ids\"\n", "no step captures `ids`; did you mean `id`?"),
        (
            "capture = { id = { body = \".id\" } }",
            "capture = { id = { body = \".id\" }, x = { body = \".x\" } }",
            "it can capture nothing else",
        ),
        ("[answer]\n", "capture = { id = { body = \".id\" } }\n[answer]\n", "the last step looks the id up"),
        ("add = \".used\"", "add = \"$answers.sim.used\"", "only `status` may read its answer"),
        (".id == $operator_id", ".id == $answers.sim.id", "only `status` may read its answer"),
        ("[operator_id]\ncapture = \"id\"\n", "", "always `null` without `[operator_id]`"),
        ("capture = \"id\"\n", "capture = \"id\"\nrenew_hours = 0\n", "nonzero"),
    ] {
        let toml = WITH_ID.replacen(from, to, 1);
        assert_ne!(toml, WITH_ID, "{from}");
        let error = Definition::parse("x.toml", &toml).unwrap_err().to_string();
        assert!(error.contains(message) && error.starts_with("x.toml:"), "{to}: {error}");
    }
}
