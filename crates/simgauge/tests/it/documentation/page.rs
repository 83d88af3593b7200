//! A page of the documentation, taken apart.

use std::path::{Path, PathBuf};

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    pub language: String,
    pub text: String,
    /// The HTML comment right before it.
    comment: Option<String>,
}

impl Block {
    /// What the comment before it says under this name.
    pub fn mark(&self, name: &str) -> Option<&str> {
        self.comment.as_deref()?.strip_prefix(name)?.strip_prefix(':').map(str::trim)
    }

    pub fn is_run(&self) -> bool {
        let left_out = self.mark("not run");
        assert_ne!(left_out, Some(""), "line {}: say why it is not run", self.line);
        self.language == "sh" && left_out.is_none()
    }
}

#[derive(Debug)]
pub struct Page {
    /// Relative to the repository.
    pub name: String,
    pub path: PathBuf,
    text: String,
    pub blocks: Vec<Block>,
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The README in both languages, CONTRIBUTING and everything in `docs/en`.
pub fn pages() -> Vec<Page> {
    let root = root();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(root.join("docs/en")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.extend(["README.md", "README.zh-CN.md", "CONTRIBUTING.md"].map(|name| root.join(name)));
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    paths.iter().map(|path| Page::read(path)).collect()
}

impl Page {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.canonicalize().unwrap().strip_prefix(root()).unwrap().display().to_string();
        let mut blocks: Vec<Block> = Vec::new();
        let mut open: Option<Block> = None;
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(language)) => {
                    let comment = before.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
                    open = Some(Block {
                        line: number + 1,
                        language: language.trim().to_owned(),
                        text: String::new(),
                        comment: comment.map(|comment| comment.trim().to_owned()),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => block.text.extend([line, "\n"]),
                (None, None) => {}
            }
            before = line;
        }
        assert!(open.is_none(), "{name}: a block does not end");
        for block in &blocks {
            let known = ["sh", "text", "json", "toml", "python", "ini", "yaml"];
            assert!(known.contains(&block.language.as_str()), "{name}:{}: of which language?", block.line);
        }
        Self { name, path: path.to_owned(), text, blocks }
    }

    /// What a block of commands prints, where the page shows it: in a block of text right after it.
    pub fn output_of(&self, block: &Block) -> Option<&str> {
        let after = block.line + block.text.lines().count() + 2;
        let next = self.blocks.iter().find(|other| other.line == after || other.line == after + 1)?;
        (next.language == "text").then_some(next.text.as_str())
    }

    /// Where its links lead, those within the repository.
    pub fn links(&self) -> Vec<String> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let targets = targets.map(|(target, _)| target.to_owned());
        targets.filter(|target| !target.contains("://") && !target.contains(' ')).collect()
    }

    /// Its headings as links name them.
    pub fn anchors(&self) -> Vec<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        headings
            .map(|line| {
                line.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>()
            })
            .map(|heading| heading.replace(' ', "-"))
            .collect()
    }

    /// What stands in backquotes within the text, blocks aside, with its line.
    pub fn inline_code(&self) -> Vec<(usize, String)> {
        let mut in_block = false;
        let mut found = Vec::new();
        for (number, line) in self.text.lines().enumerate() {
            if line.starts_with("```") {
                in_block = !in_block;
            } else if !in_block {
                found.extend(line.split('`').skip(1).step_by(2).map(|code| (number + 1, code.to_owned())));
            }
        }
        found
    }

    /// The cells of a table's row that begins with this name.
    pub fn row_of(&self, name: &str) -> Option<Vec<&str>> {
        let begin = format!("| `{name}` |");
        let row = self.text.lines().find(|line| line.starts_with(&begin))?;
        Some(cells(row))
    }
    /// The cells of each row of the table below a heading, without the table's own heading.
    pub fn table_below(&self, heading: &str) -> Vec<Vec<&str>> {
        let below = self.text.lines().skip_while(|line| *line != heading);
        let rows = below.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        rows.skip(2).map(cells).collect()
    }
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}
