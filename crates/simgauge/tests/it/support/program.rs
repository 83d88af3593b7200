//! The program's commands, each run as a process of its own.

use serde_json::Value;
use std::process::Command;

/// What a command printed and how it ended.
pub struct CommandOutput {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

impl CommandOutput {
    #[track_caller]
    pub fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.error);
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Runs `simgauge` with these arguments in this environment.
pub async fn run(arguments: impl IntoIterator<Item = String>, environment: &[(&str, &str)]) -> CommandOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simgauge"));
    command.args(arguments).envs(environment.iter().copied());
    // A server may live on this thread.
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    CommandOutput { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}
