//! Who uses the command line, for the audit.

use simgauge_admin::Actor;
use std::os::unix::fs::MetadataExt as _;

/// The owner of this process, whatever the environment says. With `sudo`, also who called it.
#[must_use]
pub fn actor() -> Actor {
    let user = std::fs::metadata("/proc/self").map(|process| process.uid()).ok();
    let name = user.map_or("unknown".to_owned(), |uid| {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}"))
    });
    Actor::command_line(match std::env::var("SUDO_USER") {
        Ok(caller) if !caller.is_empty() => format!("{name} (sudo {caller})"),
        _ => name,
    })
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
        assert!(actor().to_string().starts_with("cli:") && actor().to_string().len() > 4);
    }
}
