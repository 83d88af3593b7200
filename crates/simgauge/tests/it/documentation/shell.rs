//! The shell in which a page's commands are run.

use super::page::{Block, Page};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// `simgauge` as the commands find it: what serves is stopped once it is ready, so that the next command
/// runs.
const SIMGAUGE: &str = r#"#!/usr/bin/env bash
arguments=("$@")
case " $* " in
    *" demo "*) arguments+=(--listen 127.0.0.1:0 --past 1) ;;
    *" simulate-operator "*) arguments+=(--listen 127.0.0.1:0) ;;
    *" serve "*) ;;
    *) exec "$SIMGAUGE_PROGRAM" "$@" ;;
esac
log=$(mktemp "$HOME/served.XXXXXX")
"$SIMGAUGE_PROGRAM" "${arguments[@]}" >"$log" 2>&1 &
for _ in $(seq 1200); do
    if grep -q -e '^ready http' -e ' serving address=' "$log"; then
        kill -TERM $!
        wait $!
        exit
    fi
    kill -0 $! 2>/dev/null || break
    sleep 0.1
done
cat "$log" >&2
exit 1
"#;

/// `cargo run -- ...`, without another build.
const CARGO: &str = r#"#!/usr/bin/env bash
[ "$1 $2" = "run --" ] || { echo "cargo $*: not in a block that is run" >&2; exit 1; }
shift 2
exec simgauge "$@"
"#;

pub struct Shell {
    dir: tempfile::TempDir,
    /// What stands in the documentation, and what stands for it here.
    instead: Vec<(&'static str, String)>,
    demo: String,
}

impl Shell {
    /// With a demo that runs, and an empty PostgreSQL database.
    pub fn new(demo: &str, database: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let below = |path: &str| format!(" {}{path}", dir.path().display());
        for folder in ["bin", "work", "etc/simgauge", "var/lib/simgauge", "var/log", "backup"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for (name, text) in [("simgauge", SIMGAUGE), ("cargo", CARGO)] {
            let file = dir.path().join("bin").join(name);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let instead = vec![
            ("http://127.0.0.1:8080", demo.to_owned()),
            ("postgres://simgauge@db/simgauge", database.to_owned()),
            (" /etc/", below("/etc/")),
            (" /backup/", below("/backup/")),
            (" /var/", below("/var/")),
            ("=/etc/", below("/etc/").replace(' ', "=")),
            (">/var/", below("/var/").replace(' ', ">")),
            ("sqlite:///var/", format!("sqlite://{}/var/", dir.path().display())),
        ];
        Self { dir, instead, demo: demo.to_owned() }
    }

    /// Runs the blocks of a page one after another, each in a shell of its own and all in one folder; what
    /// each printed.
    pub fn run(&self, page: &Page, blocks: &[&Block]) -> Vec<String> {
        let mut script = "set -euo pipefail\n".to_owned();
        for (index, block) in blocks.iter().enumerate() {
            let text =
                self.instead.iter().fold(block.text.clone(), |text, (shown, here)| text.replace(shown, here));
            let place = format!("{}:{}", page.name, block.line);
            script.push_str(&format!("echo '{place}' >&2\n(\n{text}) >\"$HOME/{index}.out\"\n"));
        }
        let path = format!("{}:{}", self.dir.path().join("bin").display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(self.dir.path().join("work"))
            .env("PATH", path)
            .env("HOME", self.dir.path())
            .env("SIMGAUGE_PROGRAM", env!("CARGO_BIN_EXE_simgauge"))
            .env("SIMGAUGE_URL", &self.demo)
            .env("SIMGAUGE__SERVER__LISTEN", "127.0.0.1:0")
            .env("SIMGAUGE__METRICS__LISTEN", "127.0.0.1:0")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
        let printed = |index| std::fs::read_to_string(self.out(index)).unwrap();
        (0..blocks.len()).map(printed).collect()
    }

    fn out(&self, index: usize) -> impl AsRef<Path> {
        self.dir.path().join(format!("{index}.out"))
    }
}
