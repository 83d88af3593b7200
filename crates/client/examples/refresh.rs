//! Refreshes a card and shows its usage before and after: `cargo run -p simgauge-client --example refresh --
//! http://127.0.0.1:8080 demo demo-secret 8988308650100524999`

use anyhow::{Context as _, bail};
use simgauge_client::{Client, ClientError, Language, RefreshOptions, SecretString};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, appkey, secret, iccid] = arguments.as_slice() else {
        bail!("give: URL APPKEY SECRET ICCID");
    };
    let client =
        Client::builder(url, appkey, SecretString::from(secret.as_str())).language(Language::En).build()?;

    let answer = match client.refresh_sim(iccid, RefreshOptions { wait: Some(8) }).await {
        Ok(answer) => answer,
        Err(ClientError::Refused(refusal)) => match refusal.retry_after_seconds() {
            Some(seconds) => bail!("{}; again in {seconds} s", refusal.message),
            None => bail!("{}", refusal.message),
        },
        Err(error) => return Err(error).context("the refresh was not asked for"),
    };
    println!("refresh {} is {:?}", answer.refresh_id, answer.state);
    if let Some(report) = &answer.refresh {
        println!("used bytes before: {:?}, after: {:?}", report.before, report.after);
    }

    let card = client.sim(iccid).await.context("the card cannot be read")?;
    match card.usage {
        Some(usage) => println!("{} bytes used, {} s old", usage.used_bytes, usage.age_seconds),
        None => println!("no usage yet"),
    }
    Ok(())
}
