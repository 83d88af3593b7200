//! Who sits at the command line, for the audit.

use std::os::unix::fs::MetadataExt as _;

/// `cli:USER`: the owner of this process, whatever the environment says; with `sudo`, also who it was before.
#[must_use]
pub fn name() -> String {
    let user = std::fs::metadata("/proc/self").map(|process| process.uid()).ok();
    let name = user.map_or("unknown".to_owned(), |uid| {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}"))
    });
    match std::env::var("SUDO_USER") {
        Ok(before) if !before.is_empty() => format!("cli:{name} (sudo {before})"),
        _ => format!("cli:{name}"),
    }
}

fn name_of(uid: u32, passwd: &str) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_number() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(name_of(1000, passwd).as_deref(), Some("alice"));
        assert_eq!(name_of(7, passwd), None);
        assert!(name().starts_with("cli:") && name().len() > 4);
    }
}
