#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn bytes(text: &str, unit: Unit, base: Base) -> Result<u64, AmountError> {
    Decimal::parse(text)?.times(unit.bytes(base))?.to_bytes()
}

#[test]
fn known_amounts() {
    assert_eq!(bytes("0.030001", Unit::MB, Base::Decimal), Ok(30_001));
    assert_eq!(bytes("410.25", Unit::MB, Base::Binary), Ok(430_178_304));
    assert_eq!(bytes("0.0000005", Unit::MB, Base::Decimal), Ok(1), "a half rounds up");
    assert_eq!(bytes("0.00000049", Unit::MB, Base::Decimal), Ok(0));
    assert_eq!(bytes("1e3", Unit::B, Base::Decimal), Ok(1000));
    assert_eq!(bytes(" 7 ", Unit::B, Base::Decimal), Ok(7));
    assert_eq!(bytes("9223372036854775807", Unit::B, Base::Decimal), Ok(u64::try_from(i64::MAX).unwrap()));
}

#[test]
fn nonsense_is_refused() {
    use AmountError::{Blank, Negative, NotANumber, OutOfRange};
    for (text, error) in [
        ("", Blank),
        (" ", Blank),
        ("-1", Negative),
        ("NaN", NotANumber),
        ("Infinity", NotANumber),
        ("1,5", NotANumber),
        ("0x10", NotANumber),
        (".", NotANumber),
        ("1e", NotANumber),
        ("--1", NotANumber),
        ("9223372036854775808", OutOfRange),
        ("1e999999999999", OutOfRange),
        ("1e30", OutOfRange),
        ("123456789012345678901234567890123456789", OutOfRange),
    ] {
        assert_eq!(bytes(text, Unit::B, Base::Decimal), Err(error), "{text}");
    }
}

#[test]
fn suffixes() {
    assert_eq!(split_unit("1.00MB", Base::Binary).unwrap().1, Some(Unit::MB));
    assert_eq!(split_unit("100", Base::Binary).unwrap().1, None);
    assert_eq!(split_unit("1.00XB", Base::Binary), Err(AmountError::UnknownUnit));
    assert_eq!(split_unit("MB", Base::Binary), Err(AmountError::NotANumber));
}

proptest! {
    #[test]
    fn whole_bytes_stay_as_they_are(n in 0_u64..=i64::MAX as u64) {
        prop_assert_eq!(bytes(&n.to_string(), Unit::B, Base::Binary), Ok(n));
    }

    #[test]
    fn megabytes_with_six_decimals_are_exact(n in 0_u64..1_000_000_000_000_000) {
        let text = format!("{}.{:06}", n / 1_000_000, n % 1_000_000);
        prop_assert_eq!(bytes(&text, Unit::MB, Base::Decimal), Ok(n));
    }

    #[test]
    fn binary_units_agree_with_integer_arithmetic(n in 0_u64..1_000_000_000, unit in 0_usize..4) {
        let unit = [Unit::B, Unit::KB, Unit::MB, Unit::GB][unit];
        prop_assert_eq!(bytes(&n.to_string(), unit, Base::Binary), Ok(n * unit.bytes(Base::Binary)));
    }

    #[test]
    fn adding_and_taking_away_gives_the_same(
        a in -1_000_000_000_i64..1_000_000_000,
        b in -1_000_000_000_i64..1_000_000_000,
        s in 0_u32..9,
    ) {
        let (a, b) = (Decimal { mantissa: a.into(), scale: s }, Decimal { mantissa: b.into(), scale: 9 - s });
        let back = a.plus(b).unwrap().minus(b).unwrap();
        prop_assert!(!back.minus(a).unwrap().is_negative() && !a.minus(back).unwrap().is_negative());
    }

    #[test]
    fn rounding_is_never_off_by_more_than_half(n in 0_u64..1_000_000_000_000, s in 1_u32..9) {
        let exact = Decimal { mantissa: n.into(), scale: s };
        let power = 10_u64.pow(s);
        let rounded = exact.to_bytes().unwrap();
        prop_assert!((i128::from(rounded * power) - i128::from(n)).abs() * 2 <= i128::from(power));
    }

    #[test]
    fn any_text_is_answered_without_panic(text in ".{0,40}") {
        let _ = split_unit(&text, Base::Decimal);
        let _ = bytes(&text, Unit::TB, Base::Binary);
    }
}
