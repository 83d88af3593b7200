//! Bodies that a caller packed: gzip is unpacked, any other encoding is refused.

use crate::answer::ApiError;
use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use simgauge_protocol::FieldError;
use std::io::Read as _;

/// How the body of a request is packed, by its `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum ContentEncoding {
    #[default]
    Plain,
    Gzip,
    /// One that this server does not read.
    Other,
}

impl ContentEncoding {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut named = headers.get_all(header::CONTENT_ENCODING).iter();
        let (Some(value), more) = (named.next(), named.next()) else { return Self::Plain };
        match value.to_str().unwrap_or_default().trim() {
            _ if more.is_some() => Self::Other,
            "" | "identity" => Self::Plain,
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => Self::Gzip,
            _ => Self::Other,
        }
    }

    /// The body as it was before it was packed. It may have `most` bytes: a small packed body can be a huge
    /// one.
    pub(super) fn unpacked(self, body: Bytes, most: usize) -> Result<Bytes, ApiError> {
        match self {
            Self::Plain => Ok(body),
            Self::Gzip => gunzipped(&body, most),
            Self::Other => Err(ApiError::Field(FieldError::Body(
                "the header `Content-Encoding` must be absent, `identity` or `gzip`".into(),
                "请求头 Content-Encoding 仅支持 gzip 和 identity",
            ))),
        }
    }
}

fn gunzipped(packed: &[u8], most: usize) -> Result<Bytes, ApiError> {
    let mut body = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed).take(limit).read_to_end(&mut body).map_err(|_| {
        ApiError::Field(FieldError::Body(
            "the header says `Content-Encoding: gzip`, but the body is not gzip".into(),
            "请求头声明 Content-Encoding: gzip,但请求体不是 gzip",
        ))
    })?;
    if body.len() > most { Err(ApiError::TooLarge { limit: most }) } else { Ok(body.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn packed(body: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(body).expect("in memory");
        encoder.finish().expect("in memory").into()
    }

    fn named(values: &[&'static str]) -> ContentEncoding {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, value.parse().expect("a header"));
        }
        ContentEncoding::of(&headers)
    }

    #[test]
    fn the_header_is_read() {
        assert_eq!(named(&[]), ContentEncoding::Plain);
        assert_eq!(named(&["identity"]), ContentEncoding::Plain);
        assert_eq!(named(&["GZIP"]), ContentEncoding::Gzip);
        for other in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["deflate"]] {
            assert_eq!(named(other), ContentEncoding::Other, "{other:?}");
        }
    }

    #[test]
    fn what_is_unpacked_has_a_limit() {
        let gzip = ContentEncoding::Gzip;
        assert_eq!(gzip.unpacked(packed(&[b'x'; 100]), 100).expect("within").len(), 100);
        let bomb = packed(&vec![b'x'; 10_000_000]);
        assert!(bomb.len() < 16 * 1024);
        assert!(matches!(gzip.unpacked(bomb, 100), Err(ApiError::TooLarge { limit: 100 })));
        let broken = packed(b"{}").slice(..12);
        for bad in [Bytes::from_static(b"{}"), broken, Bytes::new()] {
            assert!(matches!(gzip.unpacked(bad.clone(), 100), Err(ApiError::Field(_))), "{bad:?}");
        }
    }
}
