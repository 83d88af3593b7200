//! Lists as CSV files that no spreadsheet runs.

use crate::error::{PageError, PageResult};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use simgauge_admin::import::guard_formula;
use std::io;

/// Longer lists are cut; the last line says so.
const MAX_ROWS: usize = 1_000_000;

/// Some lines of a file, each with its cells, and where the next ones begin.
pub(super) struct Batch<P> {
    pub(super) lines: Vec<Vec<String>>,
    pub(super) next: Option<P>,
}

/// A CSV file `name` whose lines are fetched batch by batch, beginning at `first`. It is sent as it is made,
/// so it may be long.
pub(super) fn csv<P, F>(
    name: &str,
    columns: &[&str],
    first: P,
    fetch: impl Fn(P) -> F + Send + 'static,
) -> PageResult
where
    P: Send + 'static,
    F: Future<Output = PageResult<Batch<P>>> + Send + 'static,
{
    let head = line(columns.iter().map(|column| (*column).to_owned()))?;
    let batches = stream::try_unfold((Some(first), 0), move |(place, sent): (Option<P>, usize)| {
        let fetching = place.map(&fetch);
        async move {
            let Some(fetching) = fetching else { return Ok(None) };
            // Half a file must not look like a whole one, so the transfer breaks off on an error.
            let Batch { lines, mut next } =
                fetching.await.map_err(|_| io::Error::other("the list broke off"))?;
            let sent = sent + lines.len();
            let mut out = Vec::new();
            for cells in lines {
                out.extend(line(cells).map_err(|_| io::Error::other("a row cannot be written"))?);
            }
            if sent >= MAX_ROWS && next.take().is_some() {
                out.extend(format!("\"(cut after {sent} rows)\"\r\n").into_bytes());
            }
            Ok(Some((Bytes::from(out), (next, sent))))
        }
    });
    Ok(file(name, Body::from_stream(stream::iter([Ok::<_, io::Error>(Bytes::from(head))]).chain(batches))))
}

/// The answer with a CSV file.
pub(super) fn file(name: &str, body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    // Names are ours or made of digits.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.csv\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

fn line(cells: impl IntoIterator<Item = String>) -> PageResult<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer
        .write_record(cells.into_iter().map(|cell| guard_formula(&cell).into_owned()))
        .map_err(PageError::internal)?;
    writer.into_inner().map_err(|error| PageError::internal(error.error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_has_a_formula() {
        let cells = ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "a,b", "\"q\"", "卡", "＝1", "a;=1"];
        let out = line(cells.map(str::to_owned)).expect("line");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, "'=1+1,'+1,'-1,'@a,'\tx,\"'\rx\",\"a,b\",\"\"\"q\"\"\",卡,'＝1,a;'=1\r\n");
    }

    #[tokio::test]
    async fn batches_follow_each_other_to_the_end() {
        let response = csv("list", &["n"], 0, |from: u32| async move {
            Ok(Batch { lines: vec![vec![from.to_string()]], next: (from < 2).then_some(from + 1) })
        })
        .expect("csv");
        let bytes = axum::body::to_bytes(response.into_body(), 1_000).await.expect("body");
        assert_eq!(bytes, "n\r\n0\r\n1\r\n2\r\n");
    }
}
