use crate::support::{Answer, SIM, UNKNOWN, World, form, send};
use std::time::Duration;

async fn ask(world: &World, call: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![("username", "sim-user"), ("token", token)];
    pairs.extend_from_slice(more);
    send(form(world.post(&format!("things_mobile/services/business-api/{call}")), &pairs)).await
}

#[tokio::test]
async fn a_sim_has_its_months_bytes_in_xml() {
    let world = World::with_usage("things_mobile", 1_234).await;
    let answer = ask(&world, "simStatus", "sim-secret", &[("iccid", SIM)]).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml; charset=utf-8")));
    assert!(
        answer.text.starts_with("<result><done>true</done><sims><sim><activationDate>"),
        "{}",
        answer.text
    );
    for part in [
        format!("<iccid>{SIM}</iccid>"),
        "<monthlyTraffic>1234</monthlyTraffic>".to_owned(),
        "<tag>tag &amp; more</tag>".to_owned(),
        "<monthlyTrafficThreshold>2000000</monthlyTrafficThreshold>".to_owned(),
    ] {
        assert!(answer.text.contains(&part), "{}", answer.text);
    }
    world.simulator.set_usage("things_mobile", SIM, 0);
    let unused = ask(&world, "simStatus", "sim-secret", &[("iccid", SIM)]).await.text;
    assert!(unused.contains("<lastConnectionDate/><monthlyTraffic>0</monthlyTraffic>"), "{unused}");
}

#[tokio::test]
async fn errors_are_numbers_in_http_200() {
    let world = World::fixed().await;
    for (token, more, code) in [
        ("x", [("iccid", SIM), ("page", "1")], "30"),
        ("sim-secret", [("iccid", UNKNOWN), ("page", "1")], "40"),
        ("sim-secret", [("iccid", SIM), ("pageSize", "2001")], "20"),
    ] {
        let answer = ask(&world, "simStatus", token, &more).await;
        assert_eq!(answer.status, 200);
        let start = format!("<result><done>false</done><errorCode>{code}</errorCode><errorMessage>");
        assert!(answer.text.starts_with(&start), "{}", answer.text);
    }
}

#[tokio::test]
async fn the_list_may_be_asked_for_once_a_second() {
    let world = World::fixed().await;
    for number in 0..5 {
        world.simulator.set_usage("things_mobile", &format!("894450000000002{number:04}"), 10_000 + number);
    }
    let page = async |page: &str| {
        let more = [("page", page), ("pageSize", "2")];
        ask(&world, "simListLite", "sim-secret", &more).await.text
    };
    let first = page("1").await;
    assert!(first.contains("<monthlyTraffic>10001</monthlyTraffic>"), "{first}");
    assert!(page("2").await.contains("<errorCode>60</errorCode>"));
    world.pass(Duration::from_secs(1));
    let last = page("3").await;
    assert_eq!(last.matches("<sim>").count(), 1, "{last}");
    world.pass(Duration::from_secs(1));
    assert_eq!(page("4").await, "<result><done>true</done><sims/></result>");
    let stats = world.simulator.stats("things_mobile");
    assert_eq!((stats.violations, stats.violation_notes[0].note.as_str()), (1, "simListLite over 1 per 1 s"));
}
