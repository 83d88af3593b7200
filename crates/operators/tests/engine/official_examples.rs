//! Answers from operators' own documents that stand in no fixture, read as worked out by hand.

use crate::support::{Stub, account, built_in, ok, status};
use simgauge_domain::reading::{PeriodKind, ProfileStatus, Reading};
use simgauge_domain::time::UnixMs;
use simgauge_operators::{NoGate, Operator, OperatorAccount, ProfileRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One SIM of a built-in definition, and what its operator answers.
struct Asked {
    definition: &'static str,
    iccid: &'static str,
    /// Seconds since 1970.
    now: i64,
    settings: &'static [(&'static str, &'static str)],
    /// Path and answer.
    answers: &'static [(&'static str, &'static str)],
}

async fn read(asked: Asked) -> Reading {
    let Asked { definition, iccid, now, settings, answers } = asked;
    let stub = Stub::new(move |request| {
        let answer = answers.iter().find(|(path, _)| *path == request.path);
        answer.map_or_else(|| status(418, ""), |(_, body)| ok(body))
    })
    .await;
    let definition = built_in(definition);
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let account = OperatorAccount { settings, ..account(&definition, &stub.url) };
    let clock = Arc::new(move || UnixMs::from_seconds(now));
    let operator = Operator::new(definition, account, clock).unwrap();
    operator.read(&ProfileRef { iccid, eid: None }, &NoGate).await.unwrap()
}

/// hologram-io/rest-api-docs@cb35c992c5e67fde91fb3b561a25648cc24a6047 apiary.apib, Device Link: the examples
/// of its fields, within the answer of List All Devices.
#[tokio::test]
async fn hologram_the_link_of_a_device() {
    let reading = read(Asked {
        definition: "hologram",
        iccid: "9990000000000001234",
        now: 1_549_000_000,
        settings: &[],
        answers: &[(
            "/devices",
            r#"{"success":true,"limit":1,"size":1,"continues":true,"data":[{"id":1234,"links":{"cellular":[
                {"id":4321,"sim":"9990000000000001234","imsi":123456789876543,"msisdn":"999900001234",
                 "carrierid":2,"state":"LIVE","whenclaimed":"2019-01-05 01:00:00",
                 "whenexpires":"2019-02-05 01:00:00","overagelimit":20000,"datathreshold":0,"smslimit":0,
                 "pin":"12345","puk":"12345",
                 "euicc_type":"UICC","eid":null,"profile_state":"ENABLED","apn":"hologram",
                 "plan":{"id":127,"zone":1,"name":"Pay-as-you-go","data":1000000,"cost":"1.50","sms":"0.19",
                 "overage":"1",
                 "account_tier":"BASE"},"last_network_used":"T-Mobile USA, Inc",
                 "last_connect_time":"2022-02-09 19:39:43","cur_billing_data_used":2692964,
                 "last_billing_data_used":5421465}]}}]}"#,
        )],
    })
    .await;
    // Bytes as they are; more than the plan has, since what is over it is paid for.
    assert_eq!((reading.used, reading.total), (2_692_964, Some(1_000_000)));
    // 2019-02-05T01:00:00Z: 17,932 days of 86,400 seconds, and one hour.
    assert_eq!(reading.period.end, Some(UnixMs::from_seconds(17_932 * 86_400 + 3_600)));
    assert_eq!((reading.period.kind, reading.period.start), (PeriodKind::BillingCycle, None));
    assert_eq!(reading.status, Some(ProfileStatus::Active));
}

/// api-evangelist/aeris@093266e20f499afe61c17fa547e8faae15ec61b8
/// openapi/_original/subscription-search-api.yaml, the example of the list: three SIMs, of which the second
/// is asked for.
#[tokio::test]
async fn aeris_one_of_three() {
    let reading = read(Asked {
        definition: "aeris",
        iccid: "99987100783000000006",
        now: 1_778_235_072,
        settings: &[],
        answers: &[
            ("/auth/token", r#"{"access_token":"t","token_type":"JWT","expires_in":60}"#),
            (
                "/subscriptions/details",
                r#"{"subscriptions":[
                    {"enterprise":"78000003","iccid":"99987100783000000005","state":"ACTIVE","monthlyData":0,
                     "monthlySms":0},
                    {"enterprise":"78000003","enterpriseName":"OpKis2 Enterprise 02","label":"AFBPPP",
                     "firstActivatedAt":"2016-10-04T13:38:22.331Z","iccid":"99987100783000000006",
                     "imsi":"100783000000006","msisdn":"200783000410118","organizationId":"3.78.3",
                     "state":"ACTIVE","simSpecificationId":"Test 0100",
                     "subscriptionPackageName":"200200202_SP_01",
                     "subscriptionStateLocked":false,"monthlyData":33230,"monthlySms":10},
                    {"enterprise":"78000003","iccid":"99987100783000000007","state":"ACTIVE",
                     "monthlyData":8500000000,"monthlySms":10}],
                    "next":"/details?q=COMPANY==78000003&order=IMSI&limit=3&cursor=100783000000007",
                    "size":3}"#,
            ),
        ],
    })
    .await;
    // Bytes as they are: neither 0 of the first nor 8.5 GB of the third.
    assert_eq!((reading.used, reading.total), (33_230, None));
    assert_eq!(reading.period.kind, PeriodKind::CalendarMonth);
    assert_eq!(reading.status, Some(ProfileStatus::Active));
}

/// https://help.onomondo.com/en/articles/159032-how-do-i-set-data-limits-and-usage-alerts: the operator's
/// example of a usage alert, whose data limit is that of a SIM.
#[tokio::test]
async fn onomondo_the_data_limit_of_an_alert() {
    let reading = read(Asked {
        definition: "onomondo",
        iccid: "89457387300000000105",
        now: 1_638_353_316,
        settings: &[],
        answers: &[(
            "/sims/89457387300000000105",
            r#"{"type":"usage-alert","reason":"alert-threshold","time":"2021-12-01T10:08:36.530Z",
                "sim_id":"000000001","iccid":"89457387300000000105","ipv4":"100.96.0.1",
                "data_limit":{"used":1101976,"total":2000000,"type":"monthly","period":"202112",
                "alert_threshold":1000000,"resets_at":"2022-01-01T00:00:00.000Z"},"sim_label":"foobar"}"#,
        )],
    })
    .await;
    // Bytes as they are.
    assert_eq!((reading.used, reading.total), (1_101_976, Some(2_000_000)));
    // December 2021: from day 18,962 since 1970 to day 18,993.
    let days = |days: i64| Some(UnixMs::from_seconds(days * 86_400));
    assert_eq!((reading.period.start, reading.period.end), (days(18_962), days(18_993)));
    assert_eq!(reading.period.key, "2021-12");
}

/// https://developers.telnyx.com/api/wireless/get-sim-card: the example's amounts, within the answer of the
/// list.
#[tokio::test]
async fn telnyx_amounts_with_a_decimal() {
    const LIST: &[(&str, &str)] = &[(
        "/sim_cards",
        r#"{"data":[{"id":"6a09cdc3-8948-47f0-aa62-74ac943d6c58","record_type":"sim_card",
            "status":{"value":"enabled","reason":"The SIM card is active, ready to connect to networks."},
            "type":"physical","iccid":"89310410106543789301","imsi":"081932214823362973",
            "data_limit":{"amount":"2048.1","unit":"MB"},
            "current_billing_period_consumed_data":{"amount":"2049.0","unit":"MB"},
            "actions_in_progress":true}]}"#,
    )];
    let asked = |settings| Asked {
        definition: "telnyx",
        iccid: "89310410106543789301",
        now: 1_778_235_072,
        settings,
        answers: LIST,
    };
    let decimal = read(asked(&[("kilobyte", "1000")])).await;
    assert_eq!((decimal.used, decimal.total), (2_049_000_000, Some(2_048_100_000)));
    let binary = read(asked(&[("kilobyte", "1024")])).await;
    // 2049 * 1,048,576 = 2,148,532,224, and 2048.1 * 1,048,576 = 2,147,483,648 + 104,857.6 = 2,147,588,505.6.
    assert_eq!((binary.used, binary.total), (2_148_532_224, Some(2_147_588_506)));
}

/// simboss-sdk/simboss-golang-sdk@5fd79bf0e5b352f520216eb6d833ffbd1b5a7501 tests/v2/device_test.go
/// TestDevice_DetailBatch, the first SIM (numbers replaced), alone.
#[tokio::test]
async fn simboss_a_sim_that_was_switched_off() {
    let reading = read(Asked {
        definition: "simboss",
        iccid: "898602B7091700000019",
        now: 1_521_020_000,
        settings: &[],
        answers: &[(
            "/device/detail",
            r#"{"code":"0","message":"OK","detail":"normally invoke","success":true,"data":
                {"iccid":"898602B7091700000019","imsi":"460040780000019","msisdn":"1064878000019",
                 "carrier":"cmcc","type":"SINGLE","status":"deactivation","deviceStatus":"DEACTIVATED_NAME",
                 "openDate":"2018-03-14 14:38:31","startDate":"2018-03-14 14:38:56",
                 "expireDate":"2018-03-31 23:59:59","lastSyncDate":"2018-03-14 16:00:01","activeDuration":0,
                 "ratePlanId":1982,"iratePlanName":"30.0M/月","usedDataVolume":0.0,"totalDataVolume":30.0,
                 "ratePlanEffetiveDate":"2018-03-14 14:38:56","ratePlanExpirationDate":"2018-03-31 23:59:59",
                 "dataUsage":0.0,"functions":["FUN1","FUN2"]}}"#,
        )],
    })
    .await;
    // 30 * 1,048,576.
    assert_eq!((reading.used, reading.total), (0, Some(31_457_280)));
    // 2018-03-14 is day 17,604, 2018-03-31 day 17,621; China is eight hours ahead.
    let china = |day: i64, hours: i64, minutes: i64, seconds: i64| {
        let of_day = (hours - 8) * 3_600 + minutes * 60 + seconds;
        Some(UnixMs::from_seconds(day * 86_400 + of_day))
    };
    assert_eq!(reading.as_of, china(17_604, 16, 0, 1));
    assert_eq!(reading.period.start, china(17_604, 14, 38, 56));
    assert_eq!(reading.period.end, china(17_621, 23, 59, 59));
    assert_eq!(reading.status, Some(ProfileStatus::Suspended));
}
