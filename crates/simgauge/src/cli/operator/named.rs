//! A definition that a person names: its file, or its name.

use anyhow::Context as _;
use simgauge_operators::catalog::Origin;
use simgauge_operators::{Catalog, Definition};
use std::path::Path;
use std::sync::Arc;

pub(super) struct NamedDefinition {
    pub(super) definition: Arc<Definition>,
    pub(super) origin: Origin,
}

/// # Errors
/// There is no such file or definition, or it has mistakes.
pub(super) fn find(named: &str, definitions_dir: Option<&Path>) -> anyhow::Result<NamedDefinition> {
    let path = Path::new(named);
    if path.is_file() {
        let toml = std::fs::read_to_string(path).with_context(|| format!("{named} cannot be read"))?;
        let definition = Arc::new(Definition::parse(named, &toml)?);
        return Ok(NamedDefinition { definition, origin: Origin::File(path.to_owned()) });
    }
    let catalog = Catalog::load(definitions_dir)?;
    let found = catalog.get(named).zip(catalog.origin(named));
    let (definition, origin) = found.with_context(|| {
        let names: Vec<&str> = catalog.iter().map(|definition| definition.name()).collect();
        format!("there is no definition or file {named:?}; there are: {}", names.join(", "))
    })?;
    Ok(NamedDefinition { definition: Arc::clone(definition), origin: origin.clone() })
}
