//! Cards from a CSV file: what the command line and the console share.

pub mod cells;
pub mod check;
pub mod errors;
pub mod lines;
pub mod rows;
pub mod run;

/// Reads a card file as an import does, up to the store: how many rows it would hand over, and how many it refuses. For tests that
/// try many files.
///
/// # Errors
/// The first line is none that an import takes.
#[doc(hidden)]
pub fn dry_run(file: &[u8], operator_accounts: &[String]) -> anyhow::Result<(usize, usize)> {
    let rows = rows::Rows::open(Box::new(std::io::Cursor::new(file.to_vec())))?;
    let (mut good, mut refused) = (0, 0);
    rows.each(operator_accounts.into(), |chunk| {
        if let Ok(chunk) = chunk {
            good += chunk.good.len();
            refused += chunk.refused.len();
        }
        true
    });
    Ok((good, refused))
}
