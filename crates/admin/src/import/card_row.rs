//! What a row of a card file must be. Reasons are for the person who mends the file.

use super::cells::Header;
use serde::Serialize;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::identity::{
    ICCID_LENGTH, canonical_eid, canonical_iccid, ends_in_luhn_digit, has_eid_check,
    is_rounded_by_spreadsheet,
};
use simgauge_domain::names;
use simgauge_protocol::request::CARD_STATUSES;
use simgauge_store::ImportRow;
use std::ops::AddAssign;

/// How many of the accepted rows look wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Warnings {
    /// ICCIDs that do not end in a Luhn check digit.
    pub iccid_check_digits: u64,
    /// EIDs that are not 32 digits with right check digits.
    pub eid_check_digits: u64,
}

impl AddAssign for Warnings {
    fn add_assign(&mut self, other: Self) {
        self.iccid_check_digits += other.iccid_check_digits;
        self.eid_check_digits += other.eid_check_digits;
    }
}

/// Reads a row, or says why it cannot be taken. Whether its account exists is checked by the store.
pub fn check(
    header: &Header,
    cells: &[&str],
    operator_accounts: &[String],
) -> Result<(ImportRow, Warnings), String> {
    header.fits(cells)?;
    let cell = |name| header.cell(cells, name);
    let (eid, number, profile) = (cell("eid"), cell("iccid"), cell("profile_iccid"));
    let profile = Some(&*profile).filter(|iccid| !iccid.is_empty());
    let number = match &*number {
        "" if !eid.is_empty() && profile.is_some() => profile.unwrap_or_default(),
        number => number,
    };
    let number = iccid("iccid", number)?;
    let profile = profile.map(|profile| iccid("profile_iccid", profile)).transpose()?;
    let profile = profile.unwrap_or_else(|| number.clone());

    let mut warnings =
        Warnings { iccid_check_digits: u64::from(!ends_in_luhn_digit(&profile)), eid_check_digits: 0 };
    let (kind, number) = if eid.is_empty() {
        (CardKind::Sim, number)
    } else {
        if profile != number {
            return Err("a row with an eid names its profile by iccid; leave profile_iccid empty".to_owned());
        }
        let canonical = canonical_eid(spelled(&eid));
        if !(26..=32).contains(&canonical.len()) || !canonical.bytes().all(|b| b.is_ascii_digit()) {
            return Err(number_reason("eid", &eid, "must be 26 to 32 digits"));
        }
        warnings.eid_check_digits = u64::from(!has_eid_check(&canonical));
        (CardKind::CloudEsim, canonical.into_owned())
    };

    let account = named("account", &cell("account"))?;
    let operator_account = named("operator_account", &cell("operator_account"))?;
    if !operator_accounts.is_empty() && !operator_accounts.contains(&operator_account) {
        return Err(format!("there is no operator account {operator_account:?} in the configuration"));
    }
    let status = cell("status");
    if !status.is_empty() && !CARD_STATUSES.contains(&&*status) {
        return Err(format!("status must be one of {}", CARD_STATUSES.join(", ")));
    }
    let label = names::label(&cell("label")).map_err(|reason| format!("label {reason}"))?;
    let status = status.into_owned();
    Ok((ImportRow { number, kind, account, status, label, iccid: profile, operator_account }, warnings))
}

/// An ICCID in canonical spelling.
fn iccid(column: &str, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!("{column} is empty"));
    }
    let canonical = canonical_iccid(spelled(text));
    let good = |b: u8| b.is_ascii_digit() || matches!(b, b'A'..=b'F');
    if ICCID_LENGTH.contains(&canonical.len()) && canonical.bytes().all(good) {
        Ok(canonical.into_owned())
    } else {
        Err(number_reason(column, text, "must be 18 to 22 digits (or letters A to F)"))
    }
}

/// A number without the apostrophe that spreadsheets put before a text of digits.
fn spelled(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

/// The number of a row that looks as if a spreadsheet had rounded it.
pub fn rounded(row: &ImportRow) -> Option<String> {
    let numbers = [(row.kind, &row.number), (CardKind::Sim, &row.iccid)];
    let rounded = numbers.into_iter().find(|(kind, number)| is_rounded_by_spreadsheet(*kind, number));
    rounded.map(|(_, number)| number.clone())
}

fn number_reason(column: &str, text: &str, must: &str) -> String {
    // Spreadsheets turn long numbers into `8.98831E+18`.
    if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'E' | b'e' | b'+'))
        && text.contains(['.', '+'])
    {
        return format!(
            "{column} was turned into a rounded number by a spreadsheet; format the column as text"
        );
    }
    format!("{column} {must}")
}

fn named(column: &str, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!("{column} is empty"));
    }
    names::name(text).map_err(|reason| format!("{column} {reason}"))
}

#[cfg(test)]
mod tests {
    use super::super::cells::{COLUMNS, REQUIRED};
    use super::*;

    const ICCID: &str = "8988308650100524999";
    const EID: &str = "89049032123451234512345678901235";

    fn run(line: &str) -> Result<(ImportRow, Warnings), String> {
        let header = Header::read(
            "iccid,eid,account,operator_account,status,label,profile_iccid"
                .split(',')
                .map(str::to_owned)
                .collect(),
            &COLUMNS,
            &REQUIRED,
        )
        .expect("header");
        check(&header, &line.split(',').collect::<Vec<_>>(), &["main".to_owned()])
    }

    #[test]
    fn good_rows() {
        let (row, warnings) = run(&format!("{ICCID},,acme,main,,卡 1,")).expect("row");
        assert_eq!(
            row,
            ImportRow {
                number: ICCID.into(),
                kind: CardKind::Sim,
                account: "acme".into(),
                status: String::new(),
                label: "卡 1".into(),
                iccid: ICCID.into(),
                operator_account: "main".into(),
            }
        );
        assert_eq!(warnings, Warnings::default());
        let (row, _) = run(&format!("{ICCID},{EID},acme,main,RETIRED_NAME,,")).expect("row");
        assert_eq!((row.number.as_str(), row.kind, row.iccid.as_str()), (EID, CardKind::CloudEsim, ICCID));
        let (row, warnings) = run("8988308650100524999,,acme,main,,'=x,898600d6991330004146").expect("row");
        assert_eq!(
            (row.number.as_str(), row.iccid.as_str(), row.label.as_str()),
            (ICCID, "898600D6991330004146", "=x")
        );
        assert_eq!(warnings, Warnings { iccid_check_digits: 1, eid_check_digits: 0 });
        for spelling in
            ["'8988308650100524999", "8988 3086-5010 0524 999f", "８９８８308650100524999\u{200b}"]
        {
            assert_eq!(run(&format!("{spelling},,acme,main,,,")).expect(spelling).0.number, ICCID);
        }
        let (_, warnings) = run(&format!("{ICCID},{},acme,main,,,", "1".repeat(26))).expect("row");
        assert_eq!(warnings, Warnings { iccid_check_digits: 0, eid_check_digits: 1 });
    }

    #[test]
    fn bad_rows_say_why() {
        for (line, reason) in [
            (",,acme,main,,,".to_owned(), "iccid is empty"),
            ("89883,,acme,main,,,".to_owned(), "iccid must be 18 to 22 digits (or letters A to F)"),
            (
                "898830865010052499X,,acme,main,,,".to_owned(),
                "iccid must be 18 to 22 digits (or letters A to F)",
            ),
            (
                "8.98831E+18,,acme,main,,,".to_owned(),
                "iccid was turned into a rounded number by a spreadsheet; format the column as text",
            ),
            (format!("{ICCID},123,acme,main,,,"), "eid must be 26 to 32 digits"),
            (
                format!("{ICCID},{EID},acme,main,,,898600D6991330004146"),
                "a row with an eid names its profile by iccid; leave profile_iccid empty",
            ),
            (format!("{ICCID},,,main,,,"), "account is empty"),
            (format!("{ICCID},,a b,main,,,"), "account must be 1 to 64 letters, digits, '_', '-' or '.'"),
            (
                format!("{ICCID},,acme,other,,,"),
                "there is no operator account \"other\" in the configuration",
            ),
            (
                format!("{ICCID},,acme,main,ACTIVE,,"),
                "status must be one of ACTIVATION_READY_NAME, NON_ACTIVATED_NAME, ACTIVATED_NAME, \
                 DEACTIVATED_NAME, RETIRED_NAME",
            ),
            (format!("{ICCID},,acme,main,,{},", "x".repeat(201)), "label must have at most 200 characters"),
            (format!("{ICCID},,acme,main,,a\u{7}b,"), "a cell holds a control character"),
            (format!("{ICCID},,acme,main"), "4 cells, but the first line names 7 columns"),
        ] {
            assert_eq!(run(&line).expect_err(&line), reason);
        }
    }
}
