//! Texts that something might run, in what people type at the command line.

use super::marks::{assert_no_formula, texts};
use super::target::Target;
use crate::support::{ICCID, LANE};
use clap::Parser as _;
use clap::error::ErrorKind;
use simgauge::cli::command::{Cli, run};

/// The commands. `X` is a text, `CARDS` and `PACKAGES` are files that contain it.
const COMMANDS: &[&[&str]] = &[
    &["account", "create", "X"],
    &["account", "notify", "acme", "--url", "X"],
    &["account", "notify", "acme", "--url", "https://example.com/X"],
    &["account", "notify", "X", "--off"],
    &["account", "quota", "X", "--per-second", "1"],
    &["app", "create", "--account", "acme", "--label", "X"],
    &["app", "create", "--account", "X", "--appkey", "new"],
    &["app", "create", "--account", "acme", "--appkey", "X"],
    &["app", "rotate", "X"],
    &["app", "allow", "off", "X"],
    &["admin", "disable", "X"],
    &["card", "show", "X"],
    &["card", "list", "--account", "X"],
    &["card", "export", "--account", "X"],
    &["card", "import", "CARDS"],
    &["package", "add", "--iccid", ICCID, "--code", "X", "--name", "a name", "--total", "1GB"],
    &["package", "add", "--iccid", ICCID, "--code", "one", "--name", "X", "--total", "1GB"],
    &["package", "add", "--iccid", "X", "--code", "two", "--name", "a name", "--total", "1GB"],
    &["package", "import", "PACKAGES"],
    &["notification", "replay", "X"],
    &["operator", "show", "X"],
    &["audit", "verify", "--anchor", "X"],
];

/// What the commands of one run use.
struct CommandLine {
    dir: tempfile::TempDir,
}

impl CommandLine {
    fn new(target: &Target) -> Self {
        let line = Self { dir: tempfile::tempdir().unwrap() };
        let settings = format!(
            "[store]\nurl = \"{}\"\n[secrets]\nkey_file = \"{}\"\n",
            target.server.config.store.url,
            target.server.config.secrets.key_file.display()
        );
        std::fs::write(line.path("simgauge.toml"), settings).unwrap();
        for command in COMMANDS {
            let parsed = line.parse(command.iter().map(|word| (*word).to_owned()));
            // `X` is a wrong value of some arguments, but no argument is unknown.
            let kind = parsed.err().map(|error| error.kind());
            assert!(matches!(kind, None | Some(ErrorKind::ValueValidation)), "{command:?}: {kind:?}");
        }
        line
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Writes the files to import: a card with the text as its label, a package with the text as its name.
    fn write_files(&self, card: &str, code: &str, text: &str) {
        let quoted = text.replace('"', "\"\"");
        let cards = format!("iccid,account,operator_account,label\n{card},acme,{LANE},\"{quoted}\"\n");
        std::fs::write(self.path("cards.csv"), cards).unwrap();
        let packages = format!("card,code,name,total_bytes\n{ICCID},{code},\"{quoted}\",1GB\n");
        std::fs::write(self.path("packages.csv"), packages).unwrap();
    }

    fn parse(&self, words: impl IntoIterator<Item = String>) -> Result<Cli, clap::Error> {
        let head = ["simgauge".to_owned(), "--config".to_owned(), self.path("simgauge.toml")];
        Cli::try_parse_from(head.into_iter().chain(words))
    }

    /// Runs one command with the text. It may fail, but not in the database. Returns whether it was parsed.
    async fn run(&self, command: &[&str], text: &str) -> bool {
        let words = command.iter().map(|word| match *word {
            "CARDS" => self.path("cards.csv"),
            "PACKAGES" => self.path("packages.csv"),
            "X" => text.to_owned(),
            "https://example.com/X" => format!("https://example.com/{text}"),
            other => other.to_owned(),
        });
        let Ok(cli) = self.parse(["--json".to_owned()].into_iter().chain(words)) else { return false };
        if let Err(error) = run(cli).await {
            let message = format!("{error:#}");
            assert!(
                !message.contains("syntax error") && !message.contains("database:"),
                "{command:?} {text:?}: {message}"
            );
        }
        true
    }
}

/// Tries every text in every argument that people fill in. The commands run in this process, without a shell.
///
/// Commands that refuse most texts meet one text in `one_in`; commands that keep texts meet all.
pub async fn through_the_command_line(target: &mut Target, one_in: usize) {
    let line = CommandLine::new(target);
    for (n, text) in texts().into_iter().enumerate() {
        let card = format!("89860000000004{n:05}");
        line.write_files(&card, &format!("c{n}"), &text);
        for (m, command) in COMMANDS.iter().enumerate() {
            let is_file = command.iter().any(|word| matches!(*word, "CARDS" | "PACKAGES"));
            let keeps = is_file || command.iter().any(|word| matches!(*word, "--label" | "--name"));
            // No argument of a program can hold a NUL; a file can.
            if (keeps || (n + m) % one_in == 0) && (is_file || !text.contains('\0')) {
                target.inputs += usize::from(line.run(command, &text).await);
            }
        }
        // A label is kept to the letter, without white space around it and without a spreadsheet's guard.
        if let Some(kept) = target.store.card_of_any(&card).await.unwrap() {
            let typed = text.trim();
            assert!(
                kept.label == typed || typed.strip_prefix('\'') == Some(&kept.label),
                "{typed:?} {:?}",
                kept.label
            );
        }
    }
    what_was_kept_is_safe(&line, target).await;
}

async fn what_was_kept_is_safe(line: &CommandLine, target: &Target) {
    let words = ["card", "export", "-o", &line.path("export.csv")].map(str::to_owned);
    run(line.parse(words).unwrap()).await.unwrap();
    let text = std::fs::read_to_string(line.path("export.csv")).unwrap();
    assert!(text.contains("<script>") && text.lines().count() > 40, "{text}");
    assert_no_formula(&text, "card export");
    let labels: Vec<String> = target.store.apps().await.unwrap().into_iter().map(|app| app.label).collect();
    for kept in
        ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "'; DROP TABLE card; --", "\u{202e}gpj.exe"]
    {
        assert!(labels.iter().any(|label| label == kept), "{kept} was not kept as it is");
    }
}
