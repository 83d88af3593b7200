use crate::support::{Answer, SIM, UNKNOWN, World, send};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

const COMMON: &str = "Format=JSON&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&Version=2021-05-20\
                      &Timestamp=2026-05-08T10:11:12Z";

/// Signs parameters whose values need no encoding, but for the colons of the timestamp.
async fn call(world: &World, secret: &str, nonce: &str, parameters: &str) -> Answer {
    let all = format!("{COMMON}&AccessKeyId=sim-user&SignatureNonce={nonce}&{parameters}");
    let mut pairs: Vec<String> = all.split('&').map(|pair| pair.replace(':', "%3A")).collect();
    pairs.sort_unstable();
    let query = pairs.join("&");
    let text = format!("GET&%2F&{}", query.replace('%', "%25").replace('=', "%3D").replace('&', "%26"));
    let mac = Hmac::<Sha1>::new_from_slice(format!("{secret}&").as_bytes()).unwrap().chain_update(text);
    let sign = STANDARD.encode(mac.finalize().into_bytes());
    let sign = sign.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    send(world.get(&format!("alibaba_linkcard/?{query}&Signature={sign}"))).await
}

#[tokio::test]
async fn amounts_have_their_unit_and_success_has_a_message() {
    let world = World::with_usage("alibaba_linkcard", 1_572_864).await;
    let latest = format!("Action=GetCardLatestFlow&Iccid={SIM}");
    let answer = call(&world, "sim-secret", "1", &latest).await.json();
    assert_eq!((&answer["Success"], &answer["Code"]), (&true.into(), &"200".into()));
    assert_eq!((&answer["Data"], answer["ErrorMessage"].is_string()), (&"1.50MB".into(), true));
    world.simulator.set_usage("alibaba_linkcard", SIM, 512);
    assert_eq!(call(&world, "sim-secret", "2", &latest).await.text_at("/Data"), "0.50KB");
    let asked = format!("Action=ListCardInfo&PageNo=1&PageSize=10&Iccid={SIM}");
    let list = call(&world, "sim-secret", "3", &asked).await.json();
    let card = &list["Data"]["List"][0];
    assert_eq!((&list["Data"]["Total"], &card["Iccid"]), (&1.into(), &SIM.into()));
    assert_eq!((&card["PeriodAddFlow"], &card["PeriodRestFlow"]), (&"0.50KB".into(), &"29.99MB".into()));
    assert_eq!(card["FlowLatestModifiedTime"], "2026-05-08 18:11:12");
    let asked = format!("Action=GetCardFlowInfo&Iccid={SIM}&DateList.1=202605");
    let months = call(&world, "sim-secret", "4", &asked).await.json();
    let month = &months["Data"]["ListCardMonthFlow"][0];
    assert_eq!((&month["Month"], &month["FlowCount"]), (&"202605".into(), &"0.50KB".into()));
}

#[tokio::test]
async fn refusals_have_the_platforms_form() {
    let world = World::fixed().await;
    let latest = |iccid: &str| format!("Action=GetCardLatestFlow&Iccid={iccid}");
    for (secret, nonce, asked, code) in [
        ("x", "1", latest(SIM), "SignatureDoesNotMatch"),
        ("sim-secret", "2", latest(UNKNOWN), "linkcard.common.IccidNotExist"),
        ("sim-secret", "2", latest(SIM), "SignatureNonceUsed"),
        ("sim-secret", "3", "Action=GetCardLatestFlow".to_owned(), "linkcard.check.IccidCanNotEmpty"),
        ("sim-secret", "4", "Action=ListCardInfo&PageNo=1&PageSize=50".to_owned(), "IllegalParameter"),
    ] {
        let answer = call(&world, secret, nonce, &asked).await;
        assert_eq!((answer.status, answer.text_at("/Code").as_str()), (400, code));
        assert_eq!(answer.fields("").join(" "), "RequestId HostId Code Message");
    }
    let asked = format!("Action=ListCardInfo&PageNo=1&PageSize=10&Iccid={UNKNOWN}");
    assert_eq!(call(&world, "sim-secret", "5", &asked).await.json()["Data"]["Total"], 0);
}
