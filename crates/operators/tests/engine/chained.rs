//! Chained log-ins, as Verizon ThingSpace has them: OAuth2, then a session. Each has a life of its own.

use crate::many::{numbers, outcomes, read};
use crate::support::{Asked, ICCID, NOW, SIMPLE, Stub, account, ok, operator, parse, profile, status};
use futures::future::join_all;
use simgauge_domain::failure::FailureKind;
use simgauge_domain::time::UnixMs;
use simgauge_operators::{Definition, NoGate, Operator, ReadError};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const AUTH: &str = r#"
[auth.oauth2]
path = "/oauth2/token"
client_id = "{{ secret.key }}"
client_secret = "{{ secret.key }}"
client_auth = "basic"
encoding = "form"

[auth.login]
name = "session"
request = { method = "POST", path = "/session/login", json = '{"password": {{ secret.key }}}' }
capture = { session = { body = ".sessionToken" } }
ttl = { seconds = 86400 }
send = { headers = { VZ-M2M-Token = "{{ login.session }}" } }
lock_out = { stop_after = 3, source = "https://operator.example/locks" }
"#;

const RULES: &str = r#"
[[errors.rules]]
step = "session"
when = '.code == "Password.Invalid"'
kind = "auth"
[[errors.rules]]
when = '.code == "SessionToken.Expired"'
kind = "token_expired"
[[errors.rules]]
status = [401]
step = "usage"
kind = "token_expired"
login = "oauth2"
"#;

fn toml() -> String {
    let simple = SIMPLE.replace("[auth]\nheaders = { X-Key = \"{{ secret.key }}\" }", AUTH);
    format!("{simple}{RULES}")
}

/// Which tokens the operator accepts at the moment, by their numbers.
#[derive(Default)]
struct Tokens {
    bearer: AtomicUsize,
    session: AtomicUsize,
}

struct World {
    stub: Stub,
    operator: Operator,
    now: Arc<AtomicI64>,
    tokens: Arc<Tokens>,
}

fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// The operator: a log-in answers with a token that is accepted from then on, in place of the last one.
fn answer(tokens: &Tokens, asked: &Asked) -> axum::response::Response {
    let bearer =
        header(asked, "authorization") == format!("Bearer b{}", tokens.bearer.load(Ordering::SeqCst));
    let session = header(asked, "vz-m2m-token") == format!("s{}", tokens.session.load(Ordering::SeqCst));
    match asked.path.as_str() {
        "/oauth2/token" => {
            let number = tokens.bearer.fetch_add(1, Ordering::SeqCst) + 1;
            ok(&format!(r#"{{"access_token":"b{number}","expires_in":3600}}"#))
        }
        _ if !bearer => status(401, ""),
        "/session/login" => {
            let number = tokens.session.fetch_add(1, Ordering::SeqCst) + 1;
            ok(&format!(r#"{{"sessionToken":"s{number}"}}"#))
        }
        _ if !session => status(400, r#"{"code":"SessionToken.Expired"}"#),
        _ => ok(&format!(r#"{{"iccid":"{ICCID}","used":5}}"#)),
    }
}

impl World {
    async fn new() -> Self {
        let tokens = Arc::new(Tokens::default());
        let answering = Arc::clone(&tokens);
        Self::answering(tokens, move |asked| answer(&answering, asked)).await
    }

    async fn answering(
        tokens: Arc<Tokens>,
        answers: impl Fn(&Asked) -> axum::response::Response + Send + Sync + 'static,
    ) -> Self {
        let stub = Stub::new(answers).await;
        let now = Arc::new(AtomicI64::new(NOW));
        let clock = Arc::clone(&now);
        let definition = parse(&toml());
        let account = account(&definition, &stub.url);
        let clock = Arc::new(move || UnixMs(clock.load(Ordering::SeqCst)));
        Self { operator: Operator::new(definition, account, clock).unwrap(), stub, now, tokens }
    }

    /// What one reading was answered: `ok`, or the failure.
    async fn read(&self) -> Result<u64, ReadError> {
        self.operator.read(&profile(ICCID), &NoGate).await.map(|reading| reading.used)
    }

    /// Calls of OAuth2, of the session's log-in, and for usage.
    fn calls(&self) -> [usize; 3] {
        let asked = self.stub.asked();
        ["/oauth2/token", "/session/login", &format!("/sims/{ICCID}")]
            .map(|path| asked.iter().filter(|asked| asked.path == path).count())
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn both_are_made_in_order_once_and_sent() {
    let world = World::new().await;
    let outcomes = join_all((0..20).map(|_| world.read())).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(world.calls(), [1, 1, 20]);
    let asked = world.stub.asked();
    assert_eq!(header(&asked[0], "authorization"), "Basic c2ltLXNlY3JldDpzaW0tc2VjcmV0");
    assert_eq!((asked[1].path.as_str(), header(&asked[1], "authorization")), ("/session/login", "Bearer b1"));
    assert_eq!((header(&asked[2], "authorization"), header(&asked[2], "vz-m2m-token")), ("Bearer b1", "s1"));
}

#[tokio::test]
async fn each_is_renewed_when_its_own_life_ends() {
    let world = World::new().await;
    for (seconds, wanted) in [(0, [1, 1, 1]), (3_500, [1, 1, 2]), (41, [2, 1, 3]), (83_000, [3, 2, 4])] {
        world.pass(seconds);
        world.read().await.unwrap();
        assert_eq!(world.calls(), wanted, "{seconds} s later");
    }
}

#[tokio::test]
async fn the_one_that_ended_in_the_middle_is_renewed_alone() {
    let world = World::new().await;
    world.read().await.unwrap();
    world.tokens.session.store(7, Ordering::SeqCst);
    assert_eq!(world.read().await, Ok(5));
    assert_eq!(world.calls(), [1, 2, 3], "the session had ended");
    world.tokens.bearer.store(7, Ordering::SeqCst);
    assert_eq!(world.read().await, Ok(5));
    assert_eq!(world.calls(), [2, 2, 5], "the OAuth2 token had ended");
}

/// The session has ended, and its log-in is refused because the OAuth2 token has ended too.
#[tokio::test]
async fn a_log_in_that_is_refused_for_the_one_before_it_is_made_again() {
    let tokens = Arc::new(Tokens::default());
    let answering = Arc::clone(&tokens);
    let world = World::answering(tokens, move |asked| {
        let is_first = answering.session.load(Ordering::SeqCst) == 0;
        match asked.path == "/session/login" && header(asked, "authorization") == "Bearer b1" && !is_first {
            true => status(401, ""),
            false => answer(&answering, asked),
        }
    })
    .await;
    world.read().await.unwrap();
    world.tokens.session.store(7, Ordering::SeqCst);
    assert_eq!(world.read().await, Ok(5));
    assert_eq!(world.calls(), [2, 3, 3]);
}

#[tokio::test]
async fn tokens_that_are_never_accepted_lead_to_two_log_ins_each_and_no_more() {
    for (code, body, wanted) in [(400, r#"{"code":"SessionToken.Expired"}"#, [1, 2, 2]), (401, "", [2, 1, 2])]
    {
        let tokens = Arc::new(Tokens::default());
        let answering = Arc::clone(&tokens);
        let world = World::answering(tokens, move |asked| match asked.path.starts_with("/sims") {
            true => status(code, body),
            false => answer(&answering, asked),
        })
        .await;
        assert_eq!(world.read().await.unwrap_err().kind, FailureKind::TokenExpired);
        assert_eq!(world.calls(), wanted, "{code}");
    }
}

/// An operator that refuses the session's log-in, five times before it locks the user.
async fn refusing(code: u16, body: &'static str) -> World {
    let tokens = Arc::new(Tokens::default());
    let answering = Arc::clone(&tokens);
    World::answering(tokens, move |asked| match asked.path.as_str() {
        "/session/login" => status(code, body),
        _ => answer(&answering, asked),
    })
    .await
}

#[tokio::test]
async fn refused_log_ins_stop_before_the_operator_locks_the_user() {
    // A 401 could mean the OAuth2 token: that is renewed, but the refusals count.
    for (code, body) in [(400, r#"{"code":"Password.Invalid"}"#), (401, "")] {
        let world = refusing(code, body).await;
        for _ in 0..50 {
            let error = world.read().await.unwrap_err();
            assert_eq!(error.kind, FailureKind::Auth, "{error}");
            world.pass(61);
        }
        assert_eq!(world.calls()[1..], [3, 0], "{code}");
        let error = world.read().await.unwrap_err();
        assert!(error.detail.contains("does not lock the user"), "{error}");
        let left = error.retry_after.unwrap();
        assert!(left < Duration::from_secs(24 * 3600) && left > Duration::from_secs(22 * 3600), "{left:?}");

        world.pass(i64::try_from(left.as_secs()).unwrap() + 1);
        world.read().await.unwrap_err();
        let after_a_day = world.calls()[1];
        assert_eq!(after_a_day, 4, "{code}: one more after a day");
        world.pass(3_600);
        world.read().await.unwrap_err();
        assert_eq!(world.calls()[1], after_a_day);
    }
}

#[tokio::test]
async fn a_person_ends_the_stop_and_a_success_forgets_refusals() {
    let tokens = Arc::new(Tokens::default());
    let is_wrong = Arc::new(Mutex::new(true));
    let (answering, wrong) = (Arc::clone(&tokens), Arc::clone(&is_wrong));
    let world = World::answering(tokens, move |asked| match asked.path.as_str() {
        "/session/login" if *wrong.lock().unwrap() => status(400, r#"{"code":"Password.Invalid"}"#),
        _ => answer(&answering, asked),
    })
    .await;
    let refuse = async |times: usize| {
        for _ in 0..times {
            assert_eq!(world.read().await.unwrap_err().kind, FailureKind::Auth);
            world.pass(61);
        }
    };
    refuse(5).await;
    assert_eq!(world.calls()[1], 3);
    *is_wrong.lock().unwrap() = false;
    assert_eq!(world.read().await.unwrap_err().kind, FailureKind::Auth, "nobody has acted yet");
    world.operator.forget_refused_logins();
    assert_eq!(world.read().await, Ok(5));
    assert_eq!(world.calls()[1], 4);
    *is_wrong.lock().unwrap() = true;
    world.tokens.session.store(70, Ordering::SeqCst);
    refuse(2).await;
    *is_wrong.lock().unwrap() = false;
    assert_eq!(world.read().await, Ok(5), "two refusals do not stop it");
    *is_wrong.lock().unwrap() = true;
    world.tokens.session.store(90, Ordering::SeqCst);
    refuse(2).await;
    assert_eq!(world.calls()[1], 9, "they were forgotten");
}

/// What fails for another reason is no refusal.
#[tokio::test]
async fn an_operator_that_is_down_locks_nobody() {
    let world = refusing(503, "").await;
    for _ in 0..5 {
        assert_eq!(world.read().await.unwrap_err().kind, FailureKind::Temporary);
    }
    assert_eq!(world.calls()[1], 5);
}

#[test]
fn mistakes_in_a_chain_are_told_with_their_place() {
    let session = "name = \"session\"";
    for (from, to, expected) in [
        (
            "stop_after = 3",
            "stop_after = 1",
            "20:27: `stop_after` of a log-in that follows another is at least 2",
        ),
        ("stop_after = 3", "stop_after = 0", "20:27: "),
        ("https://operator.example/locks", "", "20:39: say where the operator states when it locks a user"),
        (", source = \"https://operator.example/locks\"", "", "20:12: missing field `source`"),
        ("session = { body", "token = { body", "a log-in before this one captures `token` already"),
        (session, "name = \"oauth2\"", "15:8: log-ins have names of their own"),
        (session, "name = \"usage\"", "steps have names of their own"),
        (session, "name = \"many\"", "no log-in is called `many`"),
        ("login = \"oauth2\"", "login = \"oauth\"", "43:9: there is no log-in `oauth`"),
        ("login = \"oauth2\"", "login = \"session\"", ""),
        ("step = \"session\"", "step = \"sesion\"", "33:8: there is no step `sesion`"),
        ("step = \"session\"", "step = \"login\"", ""),
        ("kind = \"token_expired\"\nlogin", "kind = \"auth\"\nlogin", "only for `token_expired`"),
        ("[auth.login]", "[[auth.login]]", ""),
        ("capture = {", "captures = {", "17:1: "),
    ] {
        let toml = toml();
        assert!(toml.contains(from), "{from}");
        let got = Definition::parse("x.toml", &toml.replace(from, to)).map(drop);
        match got {
            Ok(()) => assert_eq!(expected, "", "{to}"),
            Err(error) => {
                assert!(!expected.is_empty() && error.to_string().contains(expected), "{to}: {error}");
            }
        }
    }
}

/// Several `[[auth.login]]` without OAuth2.
#[tokio::test]
async fn two_log_ins_of_any_kind() {
    let auth = r#"
[[auth.login]]
name = "first"
request = { method = "POST", path = "/first", json = '{"key": {{ secret.key }}}' }
capture = { a = { body = ".token" } }
ttl = { seconds = 600 }
[[auth.login]]
name = "second"
request = { method = "POST", path = "/second/{{ login.a }}", json = '{}' }
capture = { b = { body = ".token" } }
ttl = { seconds = 600 }
send = { query = { token = "{{ login.b }}" } }
"#;
    let toml = SIMPLE.replace("[auth]\nheaders = { X-Key = \"{{ secret.key }}\" }", auth);
    let stub = Stub::new(|asked| match asked.path.as_str() {
        "/first" => ok(r#"{"token":"one"}"#),
        "/second/one" => ok(r#"{"token":"two"}"#),
        _ => ok(&format!(r#"{{"iccid":"{ICCID}","used":5}}"#)),
    })
    .await;
    let operator = crate::support::operator(&parse(&toml), &stub.url);
    operator.read(&profile(ICCID), &NoGate).await.unwrap();
    let asked = stub.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/first", "/second/one", &format!("/sims/{ICCID}")]);
    assert_eq!(asked[2].query, "token=two");
}

const LIST: &str = r#"
[many]
request = { path = "/list", query = { page = "{{ page }}" } }
pages = { first = 1 }
each = ".sims[]"
key = ".iccid"

[answer]
"#;

#[tokio::test]
async fn a_list_renews_each_log_in_once_for_a_page() {
    let toml = toml().replace("[answer]\n", LIST).replace("step = \"usage\"", "step = \"many\"");
    let (iccids, tokens, last) = (numbers(4), Tokens::default(), AtomicUsize::new(0));
    let listed = iccids.clone();
    let stub = Stub::new(move |asked| {
        let page: usize = asked.query.strip_prefix("page=").map_or(0, |page| page.parse().unwrap());
        // Before page 2 the session ends, before page 3 the bearer, before page 4 both.
        if page > last.fetch_max(page, Ordering::SeqCst) {
            tokens.session.fetch_add(usize::from(page == 2 || page == 4), Ordering::SeqCst);
            tokens.bearer.fetch_add(usize::from(page >= 3), Ordering::SeqCst);
        }
        let reply = answer(&tokens, asked);
        if page == 0 || !reply.status().is_success() {
            return reply;
        }
        ok(&format!(r#"{{"sims":[{{"iccid":"{}","used":5}}]}}"#, listed[page - 1]))
    })
    .await;
    let readings = read(&operator(&parse(&toml), &stub.url), &iccids).await;
    assert_eq!(outcomes(&readings), [Ok(5); 4]);
    let asked = stub.asked();
    let called: Vec<&str> = asked
        .iter()
        .map(|asked| if asked.path == "/list" { asked.query.as_str() } else { asked.path.as_str() })
        .collect();
    let (bearer, session) = ("/oauth2/token", "/session/login");
    let first = [bearer, session, "page=1"];
    let second = ["page=2", session, "page=2"];
    let third = ["page=3", bearer, "page=3"];
    let fourth = ["page=4", bearer, "page=4", session, "page=4"];
    assert_eq!(called, [&first[..], &second, &third, &fourth].concat());
}
