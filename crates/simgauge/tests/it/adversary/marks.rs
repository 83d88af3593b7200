//! Texts that some program somewhere might run, cut off, or be led astray by.

const SHORT: &[&str] = &[
    // SQL.
    "'",
    "' OR '1'='1",
    "\" OR \"\"=\"",
    "'; DROP TABLE card; --",
    "'); DELETE FROM app; --",
    "1; SELECT pg_sleep(9)--",
    "x' UNION SELECT secret FROM app --",
    "\\'; DROP TABLE card; --",
    "%",
    "_",
    "$1",
    "?1",
    ":a",
    "$$ DROP $$",
    // HTML and scripts.
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=\"alert(1)",
    "</title><svg/onload=alert(1)>",
    "<!--<b>",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "<a href=//evil.example>x</a>",
    // Spreadsheets.
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "=HYPERLINK(\"//evil.example\")",
    "'=1+1",
    "a,b\",c\n=1",
    ";=1",
    // Logs and terminals.
    "x\n2026-01-01T00:00:00Z ERROR forged",
    "x\r\n2026-01-01T00:00:00Z ERROR forged",
    "x\r ERROR forged",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "\u{8}\u{8}\u{8}x",
    "x\",\"level\":\"ERROR\",\"forged\":\"",
    "x\u{2028}y\u{85}z",
    // Headers.
    "x\r\nset-cookie: forged=1",
    "x\r\n\r\n<b>forged",
    "x%0d%0aset-cookie:%20forged=1",
    // Templates and shells.
    "{{7331*7919}}",
    "{{ secret.api_key }}",
    "{% for x in y %}",
    "${7331*7919}",
    "#{7331*7919}",
    "$(id)",
    "`id`",
    "; id",
    "| id",
    "%s%n%p",
    // Paths.
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "..\\..\\x",
    ".",
    "..",
    "~root",
    // What is odd about characters.
    "a\0b",
    "\0",
    "%00",
    "\u{202e}gpj.exe",
    "\u{feff}x",
    "\u{200b}",
    "\u{fffd}",
    "\u{1f600}",
    "e\u{301}",
    "\u{10ffff}",
    "ﷺ",
    "null",
    "undefined",
    "NaN",
    "true",
    "[]",
    "{}",
    "-0",
    "1e999",
    "9223372036854775808",
];

/// All of them. Where one could run in a page, [`is_raw_in`] tells it from the page's own text.
pub fn texts() -> Vec<String> {
    let mut texts: Vec<String> = SHORT.iter().map(|text| (*text).to_owned()).collect();
    texts.push("A".repeat(8_000));
    texts.push("é".repeat(1_000));
    texts.push("\u{301}".repeat(1_000));
    texts
}

/// Whether a page has the text as it is, though something in it would be taken for the page's own.
pub fn is_raw_in(page: &str, text: &str) -> bool {
    let runs = text.contains(['<', '>', '"', '\'']) && text.trim().len() > 3;
    runs && page.contains(text.trim())
}

/// Whether a spreadsheet would run a cell.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A spreadsheet that opens the file runs nothing.
pub fn assert_no_formula(csv: &str, what: &str) {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv.as_bytes());
    for row in rows.records() {
        for cell in &row.unwrap() {
            assert!(!is_formula(cell), "{what}: {cell:?}");
        }
    }
}
