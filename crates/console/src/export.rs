//! Lists as CSV files that no spreadsheet runs.

use crate::page::{PageError, PageResult};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use simgauge_admin::import::guard_formula;

/// Longer lists are cut; the last line says so.
const MOST_ROWS: usize = 1_000_000;

/// Some rows, and what the next ones are asked for with; nothing at the end.
pub(super) type Page<C> = (Vec<Vec<String>>, Option<C>);

/// A CSV file `name` whose rows come page by page from `next`, beginning with `first`. Sent as it is made, so that it may be long.
pub(super) fn csv<C, F>(
    name: &str,
    columns: &[&str],
    first: C,
    next: impl Fn(C) -> F + Send + 'static,
) -> PageResult
where
    C: Send + 'static,
    F: Future<Output = PageResult<Page<C>>> + Send,
{
    let head = line(columns.iter().map(|column| (*column).to_owned()))?;
    let rows = stream::unfold((Some(first), head, next, 0), |(cursor, mut out, next, mut sent)| async move {
        let cursor = match cursor {
            Some(cursor) => cursor,
            None if out.is_empty() => return None,
            None => return Some((Ok(Bytes::from(out)), (None, Vec::new(), next, sent))),
        };
        let (rows, mut after) = match next(cursor).await {
            Ok(page) => page,
            // Half a file must not look like a whole one: the transfer breaks off.
            Err(_) => {
                return Some((
                    Err(std::io::Error::other("the list broke off")),
                    (None, Vec::new(), next, sent),
                ));
            }
        };
        for row in rows {
            match line(row) {
                Ok(line) => out.extend(line),
                Err(_) => {
                    return Some((
                        Err(std::io::Error::other("a row cannot be written")),
                        (None, Vec::new(), next, sent),
                    ));
                }
            }
            sent += 1;
        }
        if sent >= MOST_ROWS && after.take().is_some() {
            out.extend(format!("\"(cut after {sent} rows)\"\r\n").into_bytes());
        }
        Some((Ok(Bytes::from(out)), (after, Vec::new(), next, sent)))
    });
    Ok(file(name, Body::from_stream(rows)))
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
    fn no_cell_begins_like_a_formula() {
        let cells = ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "a,b", "\"q\"", "卡"];
        let out = line(cells.map(str::to_owned)).expect("line");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text, "'=1+1,'+1,'-1,'@a,'\tx,\"'\rx\",\"a,b\",\"\"\"q\"\"\",卡\r\n");
    }

    #[tokio::test]
    async fn pages_follow_each_other_to_the_end() {
        let response = csv("list", &["n"], 0, |from: u32| async move {
            Ok((vec![vec![from.to_string()]], (from < 2).then_some(from + 1)))
        })
        .expect("csv");
        let bytes = axum::body::to_bytes(response.into_body(), 1_000).await.expect("body");
        assert_eq!(bytes, "n\r\n0\r\n1\r\n2\r\n");
    }
}
