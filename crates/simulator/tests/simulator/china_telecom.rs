//! Both interfaces of China Telecom.

use crate::support::{Answer, SIM, UNKNOWN, World, json, send};
use md5::{Digest, Md5};
use serde_json::{Value, json as j};

/// The time of [`crate::support::NOW`] in GMT.
const TIME: &str = "20260508101112";

fn sign(query: &str, body: &str, secret: &str, time: &str) -> String {
    hex::encode_upper(hex::encode(Md5::digest(format!("{query}{body}{secret}{time}"))))
}

/// A GET call. The query is sorted already.
async fn get(world: &World, path: &str, query: &str, secret: &str, time: &str) -> Answer {
    let request = world.get(&format!("china_telecom/{path}?{query}"));
    let request = request.header("AppKey", "sim-user").header("Timestamp", time);
    send(request.header("Sign", sign(query, "", secret, time))).await
}

async fn batch(world: &World, body: &Value) -> Answer {
    let request = world.post("china_telecom/api/v1/batchQry/batchQryFlowByMonth");
    let request = request.header("AppKey", "sim-user").header("Timestamp", TIME);
    let request = request.header("Sign", sign("", &body.to_string(), "sim-secret", TIME));
    send(json(request, body)).await
}

async fn access_number(world: &World, iccid: &str) -> String {
    let query = format!("iccid={iccid}&pageIndex=1");
    let list = get(world, "openapi/v1/prodinst/getSIMList", &query, "sim-secret", TIME).await;
    list.text_at("/description/simList/0/accNumber")
}

#[tokio::test]
async fn a_batch_goes_by_access_numbers() {
    let world = World::with_usage("china_telecom", 1_572_864).await;
    let number = access_number(&world, SIM).await;
    assert_eq!(number.len(), 13);
    let asked = j!({"accessNumber": [number, "1"], "custNumber": "500000000001"});
    let found = batch(&world, &asked).await.json();
    assert_eq!((&found["code"], &found["data"][0]["accessNumber"]), (&0.into(), &number.as_str().into()));
    let amount = (&found["data"][0]["flowAmount"], &found["data"][0]["unit"], &found["data"][0]["month"]);
    assert_eq!(amount, (&"1.50".into(), &"MB".into(), &"202605".into()));
    assert_ne!(found["data"][1]["status"], "0");
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let many = batch(&world, &j!({"accessNumber": many, "custNumber": "500000000001"})).await.json();
    assert_ne!(many["code"], 0);
    assert_eq!(world.simulator.stats("china_telecom").violations, 1, "101 SIMs in a call");
}

#[tokio::test]
async fn one_sim_is_answered_in_xml() {
    let world = World::with_usage("china_telecom", 1_572_864).await;
    let number = access_number(&world, SIM).await;
    let traffic = async |secret, time| {
        let query = format!("access_number={number}&needDtl=0");
        get(&world, "api/v1/openbill/queryTraffic", &query, secret, time).await
    };
    let good = traffic("sim-secret", TIME).await.text;
    assert!(good.contains("<TOTAL_BYTES_CNT>1.50MB</TOTAL_BYTES_CNT>"), "{good}");
    assert!(good.contains(&format!("<number>{number}</number>")), "{good}");
    // Beijing's time is taken as well.
    assert_eq!(traffic("sim-secret", "20260508181112").await.text, good);
    for (secret, time) in [("x", TIME), ("sim-secret", "20260508121112")] {
        assert!(traffic(secret, time).await.json()["message"].is_string());
    }
    let by_date = async |iccid: &str, last: &str| {
        let query = format!("endDate={last}&iccid={iccid}&needDtl=0&startDate=20260501");
        get(&world, "api/v1/openbill/queryTrafficByDate", &query, "sim-secret", TIME).await.text
    };
    assert!(by_date(SIM, "20260531").await.contains(">1.50MB<"));
    // Days have equal shares: two of eight.
    assert!(by_date(SIM, "20260502").await.contains(">0.37MB<"));
    assert!(by_date(SIM, "20260601").await.contains("自然月"));
    assert!(by_date(UNKNOWN, "20260531").await.contains("无权限"));
}

/// Made with the JavaScript routine that clients carry, from the keys `sim`, `-se`, `cre`.
const PASSWORD: &str = "998AEE3D5D680F9E9E0EBF1E6705C29058D3D869A37FB528";
const SIM_SIGN: &str = "CC103DAF3D4FA88403B53B7B209044C3E997CA0E4C1DAA04969FA6487FEB8C3297433826DF24FCAD\
                           87AF57CE8F4B87CF0676DC4EE34016B7A879994EA6A692B502F4E9D524F08EA6C7948F88261042FA\
                           D2B4C4FDACBEC002998AEE3D5D680F9EEFDFAEAAEE38E8E9";
const UNKNOWN_SIGN: &str = "1D364CD308A8D589CA84AB1A476A5885CA84AB1A476A58851719E297BC5E4F4CB4C03CCED89C6813\
                           87AF57CE8F4B87CF0676DC4EE34016B7A879994EA6A692B502F4E9D524F08EA6C7948F88261042FA\
                           D2B4C4FDACBEC002998AEE3D5D680F9EEFDFAEAAEE38E8E9";

#[tokio::test]
async fn the_old_interface_takes_a_chained_cipher() {
    let world = World::with_usage("china_telecom_m2m", 1_572_864).await;
    let ask = async |iccid: &str, sign: &str| {
        let path = format!(
            "china_telecom_m2m/m2m_ec/query.do?method=queryTraffic&user_id=sim-user&passWord={PASSWORD}\
             &sign={sign}&needDtl=0&iccid={iccid}"
        );
        send(world.get(&path)).await.text
    };
    let answer = ask(SIM, SIM_SIGN).await;
    let start = "<root><web:NEW_DATA_TICKET_QRsp xmlns:web=\"http://www.example.org/webservice\">";
    assert!(answer.starts_with(start), "{answer}");
    assert!(answer.contains("<IRESULT>0</IRESULT>"), "{answer}");
    assert!(answer.contains("<TOTAL_BYTES_CNT>1.50MB</TOTAL_BYTES_CNT>"), "{answer}");
    assert!(ask(SIM, UNKNOWN_SIGN).await.contains("<IRESULT>1</IRESULT>"));
    assert!(ask(UNKNOWN, UNKNOWN_SIGN).await.contains("<IRESULT>2</IRESULT>"));
}
