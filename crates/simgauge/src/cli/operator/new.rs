//! `simgauge operator new`: the first text of a definition.

use crate::cli::Output;
use crate::config::Config;
use anyhow::{Context as _, bail, ensure};
use serde_json::json;
use simgauge_operators::{builtin_definitions, skeleton};
use std::fs::{File, create_dir_all};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where to write it.
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    /// Its name: lower-case letters, digits and `_`.
    name: String,
    /// The folder; the configuration's definitions folder, else the current one.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Writes `NAME.toml` and `fixtures/NAME/reading.toml`, and says where to go on.
///
/// # Errors
/// The name cannot be one, a file is there already or cannot be written.
pub(super) fn run(args: &NewArgs, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let name = args.name.as_str();
    let is_sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    ensure!(
        !name.is_empty() && name.bytes().all(is_sound),
        "{name:?} cannot be a definition's name: it has lower-case letters, digits and `_` only"
    );
    if builtin_definitions().any(|(known, _)| known == name) {
        bail!("{name} is built in; `simgauge operator show {name}` prints it, to copy and change");
    }
    let dir = args.dir.as_deref().or(config.definitions_dir()).unwrap_or_else(|| Path::new("."));
    let definition = dir.join(format!("{name}.toml"));
    let fixtures = dir.join("fixtures").join(name).join("reading.toml");
    for path in [&definition, &fixtures] {
        ensure!(!path.exists(), "{} is there already, and stays as it is", path.display());
    }
    let (text, fixture_text) = skeleton(name);
    write(&definition, &text)?;
    write(&fixtures, &fixture_text)?;
    let (definition, fixtures) = (definition.display().to_string(), fixtures.display().to_string());
    output.print(&json!({ "definition": definition, "fixtures": fixtures }), || {
        format!(
            "{definition}: compiles, and its comments say what to change\n\
             {fixtures}: what the operator answers, and what that must read as\n\
             next: simgauge operator try {definition} --answer answer.json --iccid ICCID\n      \
             simgauge operator check {definition}\n      \
             docs/en/operators.md describes every key\n      \
             then: `[operators] definitions_dir` is its folder, and an operator account has \
             `definition = \"{name}\"`"
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    // Never over a file that somebody made meanwhile.
    let mut file = File::create_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} is there already, and stays as it is", path.display())
        }
        _ => anyhow::anyhow!("{} cannot be written: {error}", path.display()),
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))
}
