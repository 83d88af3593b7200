//! Names that stand twice in one object of a JSON text. Readers keep the first or the last value of them, and
//! which of two amounts the operator means nobody knows.

use std::borrow::Cow;
use std::collections::HashSet;

/// So many names are compared one by one, which is faster than hashing them.
const FEW: usize = 16;

/// The first name that an object has twice. `text` is valid JSON.
pub(crate) fn twice(text: &str) -> Option<String> {
    let mut names = Names::default();
    let mut bytes = text.bytes().enumerate();
    let mut last = "";
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                let end = loop {
                    match bytes.next()? {
                        (_, b'\\') => {
                            bytes.next();
                        }
                        (end, b'"') => break end,
                        _ => {}
                    }
                };
                last = text.get(at + 1..end)?;
            }
            // Outside of texts it stands only behind a name.
            b':' => {
                let name = unescaped(last);
                if !names.insert(name.clone()) {
                    return Some(name.into_owned());
                }
            }
            b'{' => names.open(),
            b'}' => names.close(),
            _ => {}
        }
    }
    None
}

fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains('\\') {
        return Cow::Borrowed(name);
    }
    serde_json::from_str(&format!("\"{name}\"")).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// The names of the objects that are open, the innermost last.
#[derive(Default)]
struct Names<'t> {
    names: Vec<Cow<'t, str>>,
    objects: Vec<Object<'t>>,
}

struct Object<'t> {
    /// Where its names begin.
    start: usize,
    /// All of them, where there are many.
    many: HashSet<Cow<'t, str>>,
}

impl<'t> Names<'t> {
    fn open(&mut self) {
        self.objects.push(Object { start: self.names.len(), many: HashSet::new() });
    }

    fn close(&mut self) {
        if let Some(object) = self.objects.pop() {
            self.names.truncate(object.start);
        }
    }

    /// Whether it is new in the innermost object.
    fn insert(&mut self, name: Cow<'t, str>) -> bool {
        let Some(object) = self.objects.last_mut() else { return true };
        let own = &self.names[object.start..];
        if own.len() < FEW {
            let is_new = !own.contains(&name);
            self.names.push(name);
            return is_new;
        }
        if object.many.is_empty() {
            object.many.extend(own.iter().cloned());
        }
        object.many.insert(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_an_object_has_twice_is_found() {
        for (text, name) in [
            (r#"{"a":1,"b":2,"a":1}"#, Some("a")),
            (r#"[{"a":1},{"a":2,"a":3}]"#, Some("a")),
            (r#"{"x":{"u" : 1, "u" : 2}}"#, Some("u")),
            (r#"{"a":{"b":1},"b":2,"c":[{"b":3}],"b":4}"#, Some("b")),
            (r#"{"used":1,"\u0075sed":2}"#, Some("used")),
            (r#"{"a\"b":1,"a\"b":2}"#, Some("a\"b")),
            (r#"{"":1,"":2}"#, Some("")),
            (r#"{"量":1,"量":2}"#, Some("量")),
            (r#"{"a":{"a":{"a":1}},"b":["a","a","a:","{",":"]}"#, None),
            (r#"{"a":"b\\","b":"a\":1,\"a","c":1}"#, None),
            (r#"[{"a":1},{"a":1}]"#, None),
            (r#"{"a":1,"A":1}"#, None),
            (r#""a:a:a""#, None),
            ("[]", None),
            ("7", None),
        ] {
            assert_eq!(twice(text).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn many_names_are_compared_too() {
        let members = |count: u32| (0..count).map(|n| format!("\"n{n}\":{{\"n0\":{n}}}")).collect::<Vec<_>>();
        for count in [FEW - 1, FEW, FEW + 1, 1_000] {
            let members = members(u32::try_from(count).expect("small")).join(",");
            assert_eq!(twice(&format!("{{{members}}}")), None, "{count}");
            for name in ["n0".to_owned(), format!("n{}", count - 1)] {
                assert_eq!(twice(&format!("{{{members},\"{name}\":1}}")).as_ref(), Some(&name), "{count}");
            }
        }
    }
}
