//! The cards of the measurements, the file they are imported from, and requests about them, signed
//! beforehand.

use anyhow::Context as _;
use simgauge_protocol::Body;
use simgauge_protocol::sign::{self, Scope};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The account of every card.
pub(crate) const ACCOUNT: &str = "bench";
/// The account's app.
pub(crate) const APPKEY: &str = "bench-appkey";

/// Coprime with the round numbers of cards. Steps of this length reach every card once before they repeat
/// one, and cards that are called one after the other are far apart in the store, as the cards of real
/// customers are.
const STRIDE: u64 = 7_368_787;

/// The ICCID of the n-th card.
pub(crate) fn number(n: u64) -> String {
    format!("8986{n:015}")
}

/// The card of the n-th request.
fn scattered(n: u64, total: u64) -> u64 {
    // Below 10^11 for every total that fits on a disk.
    n * STRIDE % total
}

/// Writes a file for `simgauge card import`: an account's cards, spread over the lanes.
pub(crate) fn write_csv(
    path: &Path,
    account: &str,
    cards: Range<u64>,
    lanes: &[String],
) -> anyhow::Result<()> {
    let mut file =
        BufWriter::new(File::create(path).with_context(|| format!("cannot create {}", path.display()))?);
    writeln!(file, "iccid,account,operator_account")?;
    for (n, lane) in cards.zip(lanes.iter().cycle()) {
        writeln!(file, "{},{account},{lane}", number(n))?;
    }
    file.flush()?;
    Ok(())
}

/// Who signs requests.
pub(crate) struct Caller {
    pub(crate) appkey: String,
    pub(crate) secret: String,
}

/// A call to be signed.
pub(crate) struct Call {
    /// Such as `card/refreshUsage`.
    pub(crate) operation: &'static str,
    /// Its own fields, as JSON without braces.
    pub(crate) fields: String,
}

/// Requests in a file, one after the other, all of the same length.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(crate) path: PathBuf,
    /// The length of each request.
    pub(crate) bytes: usize,
    pub(crate) count: u64,
}

impl Requests {
    /// Signs one request for each n of `range`, each about another card as long as there are enough cards.
    /// The requests are valid for the five minutes of the timestamp's window. `round` is part of the nonce,
    /// so that another round about the same cards has other signs.
    pub(crate) fn write(
        path: PathBuf,
        secret: &str,
        range: Range<u64>,
        total: u64,
        round: u64,
    ) -> anyhow::Result<Self> {
        let caller = Caller { appkey: APPKEY.to_owned(), secret: secret.to_owned() };
        let timestamp = now()?;
        let mut file =
            BufWriter::new(File::create(&path).with_context(|| format!("cannot create {}", path.display()))?);
        let mut bytes = 0;
        let count = range.end - range.start;
        for n in range {
            let fields = format!(r#""iccid":"{}""#, number(scattered(n, total)));
            let call = Call { operation: "card/refreshUsage", fields };
            let request = http(&call, &body(&caller, &call, timestamp, nonce(n + round * 7_919))?, 0);
            bytes = request.len();
            file.write_all(&request)?;
        }
        file.flush()?;
        Ok(Self { path, bytes, count })
    }

    /// Signs calls of any kind. A header makes them equally long.
    pub(crate) fn of(
        path: PathBuf,
        caller: &Caller,
        calls: impl Iterator<Item = Call>,
    ) -> anyhow::Result<Self> {
        let timestamp = now()?;
        let signed = calls.zip(0..).map(|(call, n)| {
            let body = body(caller, &call, timestamp, nonce(n))?;
            anyhow::Ok((call, body))
        });
        let signed: Vec<(Call, String)> = signed.collect::<Result<_, _>>()?;
        let bytes = signed.iter().map(|(call, body)| http(call, body, 0).len()).max().unwrap_or(0);
        let mut file = Vec::with_capacity(bytes * signed.len());
        for (call, body) in &signed {
            file.extend(http(call, body, bytes - http(call, body, 0).len()));
        }
        std::fs::write(&path, file)?;
        Ok(Self { path, bytes, count: signed.len() as u64 })
    }
}

fn now() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// The nonce of the n-th request: five digits.
fn nonce(n: u64) -> u64 {
    10_000 + n % 90_000
}

impl Drop for Requests {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn body(caller: &Caller, call: &Call, timestamp: u64, nonce: u64) -> anyhow::Result<String> {
    let Caller { appkey, secret } = caller;
    let own = &call.fields;
    let fields = format!(r#""appkey":"{appkey}","timestamp":{timestamp},"nonce":{nonce},{own}"#);
    let unsigned = format!("{{{fields}}}");
    let sign = sign::sign(&Body::parse(unsigned.as_bytes())?, Scope::Request, secret);
    Ok(format!(r#"{{{fields},"sign":"{sign}"}}"#))
}

/// `longer`: by so many bytes, in a header's value.
fn http(call: &Call, body: &str, longer: usize) -> Vec<u8> {
    format!(
        "POST /api/v3/{} HTTP/1.1\r\nHost: bench{:.>longer$}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        call.operation,
        "",
        body.len()
    )
    .into_bytes()
}
