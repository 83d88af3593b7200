//! How a request differs from what a fixture says, in words: a line for each value that differs.

use super::case::ExpectedRequest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use url::form_urlencoded;

/// What stands for anything.
const ANY: &str = "*";

pub(super) fn of(wanted: &ExpectedRequest, head: &http::request::Parts, body: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(text("the method", head.method.as_str(), &wanted.method));
    lines.extend(text("the path", head.uri.path(), &wanted.path));
    let query = pairs_of(head.uri.query().unwrap_or_default().as_bytes());
    lines.extend(pairs("the query", &query, &wanted.query));
    for (name, value) in &wanted.headers {
        let what = format!("the header `{name}`");
        match head.headers.get(name) {
            None => lines.push(format!("{what} is missing, the fixture says `{value}`")),
            Some(is) => lines.extend(text(&what, &String::from_utf8_lossy(is.as_bytes()), value)),
        }
    }
    if let Some(form) = &wanted.form {
        lines.extend(pairs("the form", &pairs_of(body), form));
    }
    if let Some(wanted) = &wanted.json {
        match serde_json::from_slice(body) {
            Ok(is) => json(&mut String::new(), &is, wanted, &mut lines),
            Err(_) if body.is_empty() => {
                lines.push(format!("there is no body, the fixture says the JSON {wanted}"));
            }
            Err(_) => lines.push(format!("the body `{}` is not JSON", String::from_utf8_lossy(body))),
        }
    }
    if wanted.form.is_none() && wanted.json.is_none() && !body.is_empty() {
        lines.push(format!("there is a body, `{}`, the fixture has none", String::from_utf8_lossy(body)));
    }
    lines
}

fn text(what: &str, is: &str, wanted: &str) -> Option<String> {
    (is != wanted && wanted != ANY).then(|| format!("{what} is `{is}`, the fixture says `{wanted}`"))
}

fn pairs_of(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn pairs(what: &str, is: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let differing = wanted.iter().filter_map(|(name, wanted)| match is.get(name) {
        None => Some(format!("{what} has no `{name}`, the fixture says `{wanted}`")),
        Some(is) => text(&format!("`{name}` in {what}"), is, wanted),
    });
    let beyond = is.iter().filter(|(name, _)| !wanted.contains_key(*name));
    let beyond = beyond.map(|(name, value)| format!("{what} has `{name}`, `{value}`, the fixture has not"));
    differing.chain(beyond).collect()
}

/// `path` is where both values are, such as `.data.iccids[0]`. It is as before afterwards.
fn json(path: &mut String, is: &Value, wanted: &Value, lines: &mut Vec<String>) {
    let length = path.len();
    match (is, wanted) {
        (_, Value::String(any)) if any == ANY => {}
        (Value::Object(is), Value::Object(wanted)) => {
            for (name, wanted) in wanted {
                path.push('.');
                path.push_str(name);
                match is.get(name) {
                    Some(is) => json(path, is, wanted, lines),
                    None => lines.push(format!("the JSON body has no `{path}`, the fixture says {wanted}")),
                }
                path.truncate(length);
            }
            for (name, value) in is.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
                lines.push(format!("the JSON body has `{path}.{name}`, {value}, the fixture has not"));
            }
        }
        (Value::Array(is), Value::Array(wanted)) if is.len() == wanted.len() => {
            for (index, (is, wanted)) in is.iter().zip(wanted).enumerate() {
                // Writing into a String cannot fail.
                let _ = write!(path, "[{index}]");
                json(path, is, wanted, lines);
                path.truncate(length);
            }
        }
        _ if is == wanted => {}
        _ if path.is_empty() => lines.push(format!("the JSON body is {is}, the fixture says {wanted}")),
        _ => lines.push(format!("`{path}` in the JSON body is {is}, the fixture says {wanted}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use serde_json::json;

    fn wanted() -> ExpectedRequest {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        ExpectedRequest {
            method: "GET".into(),
            path: "/sims".into(),
            query: map(&[("a", "1"), ("b", "*"), ("c", "3")]),
            headers: map(&[("x-key", "k"), ("x-other", "o")]),
            form: None,
            json: Some(json!({"ids": ["1", "2"], "any": "*", "page": {"size": 9}})),
            source: None,
        }
    }

    fn differences(uri: &str, body: &str) -> Vec<String> {
        let request = Request::post(uri).header("x-key", "another").body(()).expect("a request");
        of(&wanted(), &request.into_parts().0, body.as_bytes())
    }

    #[test]
    fn each_value_that_differs_is_told_in_words() {
        let body = r#"{"ids":["1","3"],"any":[7],"page":{"size":"9","number":1}}"#;
        assert_eq!(
            differences("/cards?a=2&b=x&d=4", body),
            [
                "the method is `POST`, the fixture says `GET`",
                "the path is `/cards`, the fixture says `/sims`",
                "`a` in the query is `2`, the fixture says `1`",
                "the query has no `c`, the fixture says `3`",
                "the query has `d`, `4`, the fixture has not",
                "the header `x-key` is `another`, the fixture says `k`",
                "the header `x-other` is missing, the fixture says `o`",
                "`.ids[1]` in the JSON body is \"3\", the fixture says \"2\"",
                "`.page.size` in the JSON body is \"9\", the fixture says 9",
                "the JSON body has `.page.number`, 1, the fixture has not",
            ]
        );
    }

    #[test]
    fn a_body_that_is_another_or_none_is_told() {
        let last = |body: &str| differences("/sims?a=1&b=2&c=3", body).pop().unwrap_or_default();
        assert_eq!(last("a=1"), "the body `a=1` is not JSON");
        assert!(last("").starts_with("there is no body, the fixture says the JSON {"), "{}", last(""));
        let list = r#"{"ids":["1"],"any":null,"page":{"size":9}}"#;
        assert_eq!(last(list), "`.ids` in the JSON body is [\"1\"], the fixture says [\"1\",\"2\"]");
        assert!(last("[]").starts_with("the JSON body is [], the fixture says {"), "{}", last("[]"));
    }
}
