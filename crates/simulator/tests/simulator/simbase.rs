use crate::support::{SIM, UNKNOWN, World};

#[tokio::test]
async fn one_card_has_this_months_bytes() {
    let world = World::with_usage("simbase", 3_000_000_000).await;
    let card = world.get_with_bearer("sim-secret", &format!("simbase/v2/simcards/{SIM}")).await.json();
    assert_eq!(card["iccid"], SIM);
    assert_eq!(card["current_month_usage"]["data"], 3_000_000_000_u64);
    let fields = "name state tags plan_id coverage iccid sim_profile msisdn hardware imei imei_lock \
                  public_ip private_network_ip current_month_usage current_month_costs autodisable";
    assert_eq!(card.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" "), fields);
    for (key, path, status) in
        [("x", SIM, 401), ("sim-secret", UNKNOWN, 404), ("sim-secret", "?limit=101", 400)]
    {
        let answer = world.get_with_bearer(key, &format!("simbase/simcards/{path}")).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test]
async fn the_list_ends_without_a_cursor() {
    let world = World::fixed().await;
    for number in 0..250_u64 {
        world.simulator.set_usage("simbase", &format!("894450000000001{number:04}"), number);
    }
    let (mut found, mut next) = (Vec::new(), String::new());
    for size in [100, 100, 50] {
        let path = format!("simbase/simcards?limit=100{next}");
        let page = world.get_with_bearer("sim-secret", &path).await.json();
        assert_eq!((&page["count"], &page["has_more"]), (&size.into(), &(size == 100).into()));
        found.extend(page["simcards"].as_array().unwrap().clone());
        match page["cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={}", cursor.replace('+', "%2B").replace('=', "%3D")),
            None => assert_eq!(size, 50),
        }
    }
    for (number, card) in found.iter().enumerate() {
        assert_eq!(card["iccid"], format!("894450000000001{number:04}"));
        assert_eq!(card["current_month_usage"]["data"], number);
    }
}
