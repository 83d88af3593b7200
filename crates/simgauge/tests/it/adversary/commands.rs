//! Texts that something might run, in what people type at the command line.

use super::injection::{Target, assert_no_formula};
use super::marks::texts;
use crate::support::{ICCID, LANE};
use clap::Parser as _;
use simgauge::cli::command::{Cli, run};

/// Every argument that people fill in, with every text. The commands run in this process: no shell stands
/// between.
///
/// Of the commands that refuse most texts, each text meets one in so many; what keeps texts meets all.
pub async fn through_the_command_line(target: &mut Target, one_in: usize) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("simgauge.toml");
    let text = format!(
        "[store]\nurl = \"{}\"\n[secrets]\nkey_file = \"{}\"\n",
        target.server.config.store.url,
        target.server.config.secrets.key_file.display()
    );
    std::fs::write(&config, text).unwrap();
    let file = dir.path().join("file.csv");
    let lines: &[&[&str]] = &[
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
        &["card", "show", "--iccid", "X"],
        &["card", "list", "--account", "X"],
        &["card", "export", "--account", "X"],
        &["card", "import", "FILE"],
        &["package", "add", "--iccid", ICCID, "--code", "X", "--name", "a name", "--total", "1GB"],
        &["package", "add", "--iccid", ICCID, "--code", "one", "--name", "X", "--total", "1GB"],
        &["package", "add", "--iccid", "X", "--code", "two", "--name", "a name", "--total", "1GB"],
        &["package", "import", "PACKAGES"],
        &["notification", "replay", "X"],
        &["operator", "show", "X"],
        &["audit", "verify", "--anchor", "X"],
    ];
    let packages = dir.path().join("packages.csv");
    for (n, text) in texts().into_iter().enumerate() {
        let card = format!("89860000000004{n:05}");
        std::fs::write(
            &file,
            format!(
                "iccid,account,operator_account,label\n{card},acme,{LANE},\"{}\"\n",
                text.replace('"', "\"\"")
            ),
        )
        .unwrap();
        let row = format!("card,code,name,total_bytes\n{ICCID},c{n},\"{}\",1GB\n", text.replace('"', "\"\""));
        std::fs::write(&packages, row).unwrap();
        for (m, line) in lines.iter().enumerate() {
            let keeps = line.iter().any(|word| matches!(*word, "FILE" | "PACKAGES" | "--label" | "--name"));
            if !keeps && (n + m) % one_in != 0 {
                continue;
            }
            // No argument of a program can hold a NUL; a file can.
            if text.contains('\0') && !line.iter().any(|word| matches!(*word, "FILE" | "PACKAGES")) {
                continue;
            }
            let words = line.iter().map(|word| match *word {
                "X" => text.clone(),
                "https://example.com/X" => format!("https://example.com/{text}"),
                "FILE" => file.display().to_string(),
                "PACKAGES" => packages.display().to_string(),
                other => other.to_owned(),
            });
            let head = [
                "simgauge".to_owned(),
                "--config".to_owned(),
                config.display().to_string(),
                "--json".to_owned(),
            ];
            // Refused by name, or run: either may fail, neither may break.
            let Ok(cli) = Cli::try_parse_from(head.into_iter().chain(words)) else { continue };
            let ran = run(cli).await;
            if let Err(error) = ran {
                let said = format!("{error:#}");
                assert!(
                    !said.contains("syntax error") && !said.contains("database:"),
                    "{line:?} {text:?}: {said}"
                );
            }
            target.inputs += 1;
        }
        // What was taken is kept to the letter; what is left out are white space around it and a
        // spreadsheet's guard.
        if let Some(kept) = target.store.card_of_any(&card).await.unwrap() {
            let typed = text.trim();
            assert!(
                kept.label == typed || typed.strip_prefix('\'') == Some(&kept.label),
                "{typed:?} {:?}",
                kept.label
            );
        }
    }
    let export = dir.path().join("export.csv");
    let words =
        ["simgauge", "--config", config.to_str().unwrap(), "card", "export", "-o", export.to_str().unwrap()];
    run(Cli::try_parse_from(words).unwrap()).await.unwrap();
    let text = std::fs::read_to_string(&export).unwrap();
    assert!(text.contains("<script>") && text.lines().count() > 40, "{text}");
    assert_no_formula(&text, "card export");
    let labels: Vec<String> = target.store.apps().await.unwrap().into_iter().map(|app| app.label).collect();
    for kept in
        ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "'; DROP TABLE card; --", "\u{202e}gpj.exe"]
    {
        assert!(labels.iter().any(|label| label == kept), "{kept} was not kept as it is");
    }
}
