//! Outputs of a program in words.

use jaq_json::Val;

const MAX_OUTPUTS: usize = 5;
const MAX_CHARS: usize = 160;

/// As JSON, the first few of them.
pub(super) fn outputs(outputs: &[Val]) -> String {
    let shown: Vec<String> =
        outputs.iter().take(MAX_OUTPUTS).map(|output| cut(&output.to_string())).collect();
    let more = outputs.len().saturating_sub(MAX_OUTPUTS);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    format!("{}{more}", shown.join(", "))
}

pub(super) fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    format!("{}...", text.chars().take(MAX_CHARS).collect::<String>())
}
