//! Log lines: text for people or JSON for machines, on standard error.

use crate::config::{LogConfig, LogFormat};
use anyhow::Context as _;
use std::borrow::Cow;
use std::io::{self, IsTerminal as _};
use tracing_subscriber::EnvFilter;

/// Starts logging.
///
/// # Errors
/// The filter is malformed.
pub fn start(log: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.filter).context("log.filter")?;
    // Colours only for a terminal.
    let colours = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || OneLine { colours })
        .with_ansi(colours)
        .with_target(false);
    // Where logging was started before, as in tests, that logging stays.
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Standard error. Each event stays one line of plain text, whatever it quotes. The formatter writes one
/// event at a time.
struct OneLine {
    /// Whether the formatter uses colours. Its escape sequences are then kept. (Those in values were escaped
    /// by the formatter.)
    colours: bool,
}

impl io::Write for OneLine {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut to = io::stderr().lock();
        to.write_all(one_line(&String::from_utf8_lossy(event), self.colours).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// An event whose characters that would end its line, control a terminal or change the direction of text are
/// escaped. The escapes are those of JSON, so that an event in JSON stays JSON.
fn one_line(event: &str, colours: bool) -> Cow<'_, str> {
    let harmful = |c: char| match c {
        '\u{1b}' => !colours,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    };
    let (text, end) = match event.strip_suffix('\n') {
        Some(text) => (text, "\n"),
        None => (event, ""),
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(event);
    }
    let mut line = String::with_capacity(event.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if harmful(c) => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.push_str(end);
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stays_one_line_of_plain_text() {
        let forged = "INFO a\r\n2026-01-01 ERROR b\u{1b}[31m\u{9b}1m\u{202e}c\t\0\u{2028}\n";
        let safe = "INFO a\\r\\n2026-01-01 ERROR b\\u001b[31m\\u009b1m\\u202ec\\t\\u0000\\u2028\n";
        assert_eq!(one_line(forged, false), safe);
        assert_eq!(one_line("\u{1b}[32mINFO\u{1b}[0m 卡\n", true), "\u{1b}[32mINFO\u{1b}[0m 卡\n");
        assert!(matches!(one_line("INFO 卡 \"é\"\n", false), Cow::Borrowed(_)));
        let json = one_line("{\"a\":\"\u{7f}\u{202e}\"}\n", false).into_owned();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON")["a"], "\u{7f}\u{202e}");
    }
}
