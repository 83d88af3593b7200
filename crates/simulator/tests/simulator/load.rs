use crate::support::World;
use simgauge_simulator::SimulatorConfig;

/// Many callers at once on many SIMs: every call is counted, none is lost, growth never runs backwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_at_once() {
    let world = World::new(SimulatorConfig { enforce_limits: false, ..SimulatorConfig::default() }).await;
    let callers: Vec<_> = (0..20_u64)
        .map(|caller| {
            let (http, url) = (world.http.clone(), world.simulator.url());
            tokio::spawn(async move {
                let mut last = 0;
                for call in 0..100_u64 {
                    let iccid = format!(
                        "89883086501{:08}",
                        if call % 2 == 0 { 99_999_999 } else { caller * 1_000 + call }
                    );
                    let url = format!(
                        "{url}/cisco_control_center@lane{}/rws/api/v1/devices/{iccid}/ctdUsages",
                        caller % 4
                    );
                    let answer =
                        http.get(url).basic_auth("sim-user", Some("sim-secret")).send().await.unwrap();
                    let answer: serde_json::Value =
                        serde_json::from_str(&answer.text().await.unwrap()).unwrap();
                    assert_eq!(answer["iccid"], iccid);
                    if call % 2 == 0 {
                        let used = answer["ctdDataUsage"].as_u64().unwrap();
                        assert!(used > last);
                        last = used;
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    for lane in 0..4 {
        let stats = world.simulator.stats(&format!("cisco_control_center@lane{lane}"));
        assert_eq!((stats.requests, stats.readings, stats.asked.len()), (500, 500, 500));
        assert_eq!(stats.count_for("8988308650199999999"), 250);
        assert_eq!(stats.sims_touched, 251);
        // The clock stands: all but the first five are too many, and those may have come at once.
        assert!((495..500).contains(&stats.violations), "{stats:?}");
    }
}

#[tokio::test]
async fn a_million_sims_are_no_trouble() {
    let world = World::fixed().await;
    for number in 0..1_000_000_u64 {
        world.simulator.set_usage("telnyx", &format!("8988308{number:012}"), number);
    }
    assert_eq!(world.simulator.stats("telnyx").sims_touched, 1_000_000);
    assert_eq!(world.simulator.usage("telnyx", "8988308000000123456"), 123_456);
}
