//! All definitions: the built-in ones, and those of the user's folder.

use crate::definition::{Definition, DefinitionError};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(BuiltIn {
            name: $name,
            toml: include_str!(concat!("../definitions/", $name, ".toml")),
            fixtures: &[
                ("reading.toml", include_str!(concat!("../definitions/fixtures/", $name, "/reading.toml"))),
                ("errors.toml", include_str!(concat!("../definitions/fixtures/", $name, "/errors.toml"))),
            ],
        }),*]
    };
}

struct BuiltIn {
    name: &'static str,
    toml: &'static str,
    fixtures: &'static [(&'static str, &'static str)],
}

const BUILT_IN: &[BuiltIn] = built_in![
    "cisco_control_center",
    "1nce",
    "telnyx",
    "soracom",
    "esim_go",
    "airalo",
    "simboss",
    "onelink_v5",
    "oapi",
    "emnify",
    "kore_super_sim",
    "huawei_gsl",
    "esim_access",
    "hologram",
    "onomondo",
    "simbase",
    "acceleronix",
    "alibaba_linkcard",
    "aeris",
    "1ot",
    "bics",
    "tuge",
    "verizon_thingspace",
    "things_mobile",
    "unicom_cmp",
    "china_telecom",
    "china_telecom_m2m",
];

/// Fixtures that only some definitions have.
struct MoreFixtures {
    of: &'static str,
    file: &'static str,
    text: &'static str,
}

macro_rules! more_fixtures {
    ($($file:literal: $($name:literal),+ ;)*) => {
        &[$($(MoreFixtures {
            of: $name,
            file: $file,
            text: include_str!(concat!("../definitions/fixtures/", $name, "/", $file)),
        }),+),*]
    };
}

/// Of many SIMs at once, and of ids of the operator's own.
const MORE: &[MoreFixtures] = more_fixtures![
    "many.toml": "telnyx", "simboss", "onelink_v5", "huawei_gsl", "aeris", "alibaba_linkcard",
        "esim_access", "hologram", "simbase", "unicom_cmp";
    "operator_id.toml": "emnify", "kore_super_sim";
];

/// The built-in definitions: name and text.
pub fn builtin_definitions() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.iter().map(|built_in| (built_in.name, built_in.toml))
}

/// The fixture files of a built-in definition: name and text. Empty for an unknown name.
pub fn builtin_fixtures(name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let found = BUILT_IN.iter().find(|built_in| built_in.name == name);
    let more = MORE.iter().filter(move |more| more.of == name).map(|more| (more.file, more.text));
    found.into_iter().flat_map(|built_in| built_in.fixtures.iter().copied()).chain(more)
}

/// Why the definitions could not be loaded.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// The folder or a file in it cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// Two files of the folder define the same name.
    #[error("{}: `{name}` is already defined in {}", path.display(), other.display())]
    Twice { path: PathBuf, other: PathBuf, name: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    File(PathBuf),
}

#[derive(Clone, Debug)]
pub struct Catalog {
    entries: BTreeMap<String, (Arc<Definition>, Origin)>,
}

impl Catalog {
    /// The built-in definitions alone.
    ///
    /// # Errors
    /// [`CatalogError::Definition`] only if the program was built with a broken definition. A test checks
    /// that.
    pub fn builtin() -> Result<Self, CatalogError> {
        let mut entries = BTreeMap::new();
        for (name, toml) in builtin_definitions() {
            let definition = Definition::parse(&format!("built-in {name}.toml"), toml)?;
            entries.insert(name.to_owned(), (Arc::new(definition), Origin::BuiltIn));
        }
        Ok(Self { entries })
    }

    /// The built-in definitions and every `*.toml` of a folder. A file with a built-in's name replaces it.
    ///
    /// # Errors
    /// [`CatalogError`] that names file, line and column of what is wrong.
    pub fn load(dir: Option<&Path>) -> Result<Self, CatalogError> {
        let mut catalog = Self::builtin()?;
        for path in dir.map(definition_files).transpose()?.unwrap_or_default() {
            let toml = fs::read_to_string(&path)
                .map_err(|source| CatalogError::Unreadable { path: path.clone(), source })?;
            let definition = Definition::parse(&path.display().to_string(), &toml)?;
            let name = definition.name().to_owned();
            if let Some((_, Origin::File(other))) = catalog.entries.get(&name) {
                return Err(CatalogError::Twice { path, other: other.clone(), name });
            }
            catalog.entries.insert(name, (Arc::new(definition), Origin::File(path)));
        }
        Ok(catalog)
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Definition>> {
        self.entries.get(name).map(|(definition, _)| definition)
    }

    #[must_use]
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        self.entries.get(name).map(|(_, origin)| origin)
    }

    /// Ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.entries.values().map(|(definition, _)| definition)
    }
}

/// The definition files of a folder, ordered by name.
fn definition_files(dir: &Path) -> Result<Vec<PathBuf>, CatalogError> {
    let unreadable = |source| CatalogError::Unreadable { path: dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
