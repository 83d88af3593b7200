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

/// Writes a file for `simgauge card import`, with its cards spread over the lanes.
pub(crate) fn write_csv(path: &Path, total: u64, lanes: &[String]) -> anyhow::Result<()> {
    let mut file =
        BufWriter::new(File::create(path).with_context(|| format!("cannot create {}", path.display()))?);
    writeln!(file, "iccid,account,operator_account")?;
    for (n, lane) in (0..total).zip(lanes.iter().cycle()) {
        writeln!(file, "{},{ACCOUNT},{lane}", number(n))?;
    }
    file.flush()?;
    Ok(())
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
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut file =
            BufWriter::new(File::create(&path).with_context(|| format!("cannot create {}", path.display()))?);
        let mut bytes = 0;
        let count = range.end - range.start;
        for n in range {
            let nonce = 10_000 + (n + round * 7_919) % 90_000;
            let request = http(&body(&number(scattered(n, total)), timestamp, nonce, secret)?);
            bytes = request.len();
            file.write_all(&request)?;
        }
        file.flush()?;
        Ok(Self { path, bytes, count })
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn body(iccid: &str, timestamp: u64, nonce: u64, secret: &str) -> anyhow::Result<String> {
    let fields = format!(r#""appkey":"{APPKEY}","timestamp":{timestamp},"nonce":{nonce},"iccid":"{iccid}""#);
    let unsigned = format!("{{{fields}}}");
    let sign = sign::sign(&Body::parse(unsigned.as_bytes())?, Scope::Request, secret);
    Ok(format!(r#"{{{fields},"sign":"{sign}"}}"#))
}

fn http(body: &str) -> Vec<u8> {
    format!(
        "POST /api/v3/card/refreshUsage HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
