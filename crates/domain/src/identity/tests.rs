//! Expected values are worked out by hand, from examples that operators and platforms publish.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// 18 digits, 19 with their check digit, 20 with a check digit of those.
const CHAIN: [&str; 3] = ["898606100000100001", "8986061000001000015", "89860610000010000159"];

#[test]
fn luhn_digits() {
    // The example of ISO/IEC 7812-1.
    assert_eq!(luhn_digit("7992739871"), Some('3'));
    assert_eq!(luhn_digit(CHAIN[0]), Some('5'));
    assert_eq!(luhn_digit(CHAIN[1]), Some('9'));
    assert_eq!((luhn_digit(""), luhn_digit("89D6")), (None, None));
    assert!(ends_in_luhn_digit("8988308650100524999") && !ends_in_luhn_digit("8988308650100524998"));
}

#[test]
fn every_spelling_has_one_canonical_one() {
    for spelling in [
        CHAIN[1],
        "8986061000001000015F",
        "8986061000001000015f",
        "8986 0610-0000 1000 015FF",
        "\u{feff}8986061000001000015\r\n",
        "8986061000\u{200b}001000015",
        "８９８６０６１００００0100００１５",
        "8986–0610\u{3000}0000\u{2011}1000\u{a0}015Ｆ",
    ] {
        assert_eq!(canonical_iccid(spelling), CHAIN[1], "{spelling:?}");
    }
    assert_eq!(canonical_iccid("898600d6991330004146"), "898600D6991330004146");
    assert!(matches!(canonical_iccid(CHAIN[1]), Cow::Borrowed(_)), "the usual spelling is not copied");
    assert_eq!(canonical_iccid("F"), "F");
    // What does not belong there stays, so that it is refused and not guessed at.
    assert_eq!(canonical_iccid("8986061000001000015.0"), "8986061000001000015.0");
    assert_eq!(canonical_iccid("8.98606E+18"), "8.98606E+18");
    assert_eq!(canonical_eid("8904 9032１23451234512345678901235"), "89049032123451234512345678901235");
    assert_eq!(canonical_eid("1F"), "1F", "an EID has no fillers");
}

fn meaning_among<'a>(number: &str, stored: &[&'a str]) -> Meaning<&'a str> {
    meaning(number, |spelling| stored.iter().copied().find(|known| *known == spelling))
}

#[test]
fn a_number_means_the_sim_under_its_other_spelling() {
    for stored in CHAIN {
        for asked in CHAIN {
            let far = asked.len().abs_diff(stored.len()) > 1;
            let expected = if far { Meaning::Nothing } else { Meaning::One(stored) };
            assert_eq!(meaning_among(asked, &[stored]), expected, "{asked} where {stored} is stored");
        }
    }
    let lettered = "898600D6991330004146";
    assert_eq!(meaning_among(lettered, &[lettered]), Meaning::One(lettered));
    assert_eq!(meaning_among("898600D699133000414", &[lettered]), Meaning::Nothing);
    assert_eq!(meaning_among("8988308650100524990", &["8988308650100524999"]), Meaning::Nothing);
}

#[test]
fn a_number_that_could_be_two_sims_is_neither() {
    let [short, middle, long] = CHAIN;
    assert_eq!(meaning_among(middle, &[middle, long]), Meaning::Ambiguous(middle, long));
    assert_eq!(meaning_among(middle, &[short, long]), Meaning::Ambiguous(long, short));
    assert_eq!(meaning_among(long, &[middle, long]), Meaning::One(long));
    assert_eq!(meaning_among(short, &[middle, long]), Meaning::One(middle));
    assert_eq!(meaning_among(long, &[middle]), Meaning::One(middle));
}

#[test]
fn rounded_by_a_spreadsheet() {
    let sim = |number| is_rounded_by_spreadsheet(CardKind::Sim, number);
    assert!(sim("8986061234567890000"));
    // Its check digit happens to be 0, and is right.
    assert!(!sim("8986061234567080000"));
    assert!(!sim("8986061234567890001") && !sim("898606123456789"));
    assert!(!sim("898600D6991330000000"));
    assert!(is_rounded_by_spreadsheet(CardKind::CloudEsim, "89049032123451200000000000000000"));
    assert!(!is_rounded_by_spreadsheet(CardKind::CloudEsim, "89049032123451234512345678901235"));
    assert!(has_eid_check("89049032123451234512345678901235"));
    assert!(!has_eid_check("89049032123451234512345678901234") && !has_eid_check(&"1".repeat(26)));
}

/// A number as an issuer gives it: 17 to 20 digits and their check digit, or with letters.
fn number() -> impl Strategy<Value = String> {
    let complete = "89[0-9]{16,19}".prop_map(|head| {
        let digit = luhn_digit(&head).unwrap_or('0');
        format!("{head}{digit}")
    });
    prop_oneof![complete, "89[0-9]{3}[A-E][0-9]{14}"]
}

/// A spelling of it: in lower case, grouped, padded, full-width, and where it has one, without check digit.
fn spelled(number: &str) -> impl Strategy<Value = String> + use<> {
    let shorter = without_check_digit(number).unwrap_or(number).to_owned();
    let number = number.to_owned();
    let between = prop::sample::select(vec!["", "", "", "", "", "", " ", "-", "\u{200b}", "\u{3000}"]);
    let gaps = prop::collection::vec((between, any::<bool>(), any::<bool>()), 23);
    (any::<bool>(), gaps, 0..3_usize).prop_map(move |(short, gaps, fillers)| {
        let base = if short { &shorter } else { &number };
        let mut text = String::new();
        for (one, (gap, wide, lower)) in base.chars().zip(gaps) {
            let one = if lower { one.to_ascii_lowercase() } else { one };
            let wide = char::from_u32(u32::from(one) + 0xfee0).filter(|_| wide);
            text.push(wide.unwrap_or(one));
            text.push_str(gap);
        }
        text + &"f".repeat(fillers)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn all_spellings_of_one_sim_meet(
        (number, stored, asked) in number().prop_flat_map(|number| {
            let spellings = (spelled(&number), spelled(&number));
            spellings.prop_map(move |(stored, asked)| (number.clone(), stored, asked))
        }),
    ) {
        let (stored, asked) = (canonical_iccid(&stored), canonical_iccid(&asked));
        let found = meaning(&asked, |spelling| (spelling == stored).then_some(()));
        prop_assert_eq!(found, Meaning::One(()), "{} as {} and {}", number, stored, asked);
        prop_assert!(is_same_sim(&stored, &asked));
        prop_assert!(canonical_iccid(&asked) == asked, "canonical is canonical");
    }

    /// Whatever is stored: a number means a SIM only where it is that SIM's own or its other spelling, and
    /// never one of two that it could be.
    #[test]
    fn two_sims_are_never_joined_silently(
        base in "89[0-9]{16}",
        stored in prop::collection::btree_set(0..4_usize, 0..4),
        asked in 0..4_usize,
    ) {
        let mut chain = vec![base];
        for at in 0..3 {
            let next = with_check_digit(&chain[at]).unwrap_or_default();
            chain.push(next);
        }
        let is_stored = |at: usize| stored.contains(&at);
        let found = meaning(&chain[asked], |spelling| {
            chain.iter().position(|known| known == spelling).filter(|at| is_stored(*at))
        });
        let could_be: BTreeSet<usize> =
            stored.iter().copied().filter(|at| at.abs_diff(asked) <= 1).collect();
        match found {
            Meaning::Nothing => prop_assert!(could_be.is_empty()),
            Meaning::One(sim) => {
                prop_assert!(could_be.contains(&sim));
                // The only other one it could be is its own without check digit.
                let others: Vec<usize> = could_be.into_iter().filter(|at| *at != sim).collect();
                prop_assert!(others.is_empty() || (sim == asked && others == [asked - 1]));
            }
            Meaning::Ambiguous(one, other) => {
                prop_assert!(one != other && could_be.contains(&one) && could_be.contains(&other));
            }
        }
    }

    /// A number of other digits, or a wrong check digit, is another SIM.
    #[test]
    fn other_numbers_do_not_meet(number in number(), at in 0..18_usize, digit in 1..10_u8) {
        let mut other = number.clone().into_bytes();
        if other[at].is_ascii_digit() {
            other[at] = b'0' + (other[at] - b'0' + digit) % 10;
            let other = String::from_utf8(other).unwrap_or_default();
            prop_assert!(!is_same_sim(&number, &other), "{} and {}", number, other);
        }
    }
}
