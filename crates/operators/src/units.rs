//! Amounts of data: from an operator's number to whole bytes, by decimal arithmetic only.
//!
//! Terms are added exactly, and the sum is multiplied by the unit exactly. Only then it is rounded, half up,
//! to a whole byte. What cannot be computed exactly in 128 bits is refused instead of approximated.

use serde::Deserialize;
use thiserror::Error;

/// A larger amount would not fit a signed 64-bit column.
const MAX_BYTES: i128 = i64::MAX as i128;
const MAX_DIGITS: usize = 34;

/// Why an amount could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AmountError {
    /// Empty, or only blanks.
    #[error("is blank")]
    Blank,
    #[error("is not a number")]
    NotANumber,
    #[error("is negative")]
    Negative,
    /// Too large, or with too many digits to be computed exactly.
    #[error("is out of range")]
    OutOfRange,
    #[error("has a unit the definition does not know")]
    UnknownUnit,
    /// Half a byte cannot be used. The number counts something else.
    #[error("has a fraction of a byte, so it cannot be in bytes")]
    FractionOfByte,
}

/// An exact decimal number: `mantissa` / 10^`scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };
    pub const MINUS_ONE: Self = Self { mantissa: -1, scale: 0 };

    /// Reads `-12.340`, `.5`, `1e3`. Blanks around it are ignored.
    ///
    /// # Errors
    /// [`AmountError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AmountError::Blank);
        }
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((digits, exponent)) => {
                let sound = exponent.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit());
                if !sound {
                    return Err(AmountError::NotANumber);
                }
                match exponent.parse::<i32>() {
                    Ok(exponent) if exponent.abs() <= 40 => (digits, exponent),
                    Ok(_) => return Err(AmountError::OutOfRange),
                    Err(_) if exponent.len() > 5 => return Err(AmountError::OutOfRange),
                    Err(_) => return Err(AmountError::NotANumber),
                }
            }
        };
        let (negative, digits) = match digits.as_bytes().first() {
            Some(b'-') => (true, &digits[1..]),
            Some(b'+') => (false, &digits[1..]),
            _ => (false, digits),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !numeric(whole) || !numeric(fraction) {
            return Err(AmountError::NotANumber);
        }
        let fraction = fraction.trim_end_matches('0');
        let joined = format!("{whole}{fraction}");
        let significant = joined.trim_start_matches('0');
        if significant.len() > MAX_DIGITS || fraction.len() > MAX_DIGITS {
            return Err(AmountError::OutOfRange);
        }
        let mantissa: i128 = if significant.is_empty() {
            0
        } else {
            significant.parse().map_err(|_| AmountError::OutOfRange)?
        };
        let mantissa = if negative { -mantissa } else { mantissa };
        let scale = i32::try_from(fraction.len()).unwrap_or(i32::MAX) - exponent;
        match u32::try_from(scale) {
            Ok(scale) => Ok(Self { mantissa, scale }),
            Err(_) => {
                let mantissa = power_of_ten(scale.unsigned_abs())
                    .and_then(|power| mantissa.checked_mul(power))
                    .ok_or(AmountError::OutOfRange)?;
                Ok(Self { mantissa, scale: 0 })
            }
        }
    }

    /// The exact sum.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`] where it does not fit 128 bits.
    pub fn plus(self, other: Self) -> Result<Self, AmountError> {
        let scale = self.scale.max(other.scale);
        let raise = |number: Self| {
            power_of_ten(scale - number.scale)
                .and_then(|power| number.mantissa.checked_mul(power))
                .ok_or(AmountError::OutOfRange)
        };
        let mantissa = raise(self)?.checked_add(raise(other)?).ok_or(AmountError::OutOfRange)?;
        Ok(Self { mantissa, scale })
    }

    /// The exact difference.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`] where it does not fit 128 bits.
    pub fn minus(self, other: Self) -> Result<Self, AmountError> {
        self.plus(Self { mantissa: -other.mantissa, scale: other.scale })
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`AmountError::OutOfRange`] where it does not fit 128 bits.
    pub fn times(self, factor: u64) -> Result<Self, AmountError> {
        let mantissa = self.mantissa.checked_mul(i128::from(factor)).ok_or(AmountError::OutOfRange)?;
        Ok(Self { mantissa, scale: self.scale })
    }

    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Whether it has no fraction.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        match power_of_ten(self.scale) {
            Some(power) => self.mantissa % power == 0,
            None => self.mantissa == 0,
        }
    }

    /// As whole bytes. A half is rounded up.
    ///
    /// # Errors
    /// [`AmountError::Negative`] below zero, [`AmountError::OutOfRange`] from 2^63 on.
    pub fn to_bytes(self) -> Result<u64, AmountError> {
        if self.is_negative() {
            return Err(AmountError::Negative);
        }
        let whole = match power_of_ten(self.scale) {
            Some(power) => {
                let (whole, rest) = (self.mantissa / power, self.mantissa % power);
                if rest >= power - rest { whole + 1 } else { whole }
            }
            None => 0,
        };
        if whole > MAX_BYTES {
            return Err(AmountError::OutOfRange);
        }
        u64::try_from(whole).map_err(|_| AmountError::OutOfRange)
    }
}

const fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// What an operator means by a kilobyte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub enum Base {
    /// 1 KB = 1000 bytes.
    Decimal,
    /// 1 KB = 1024 bytes.
    Binary,
}

impl TryFrom<u32> for Base {
    type Error = &'static str;
    fn try_from(number: u32) -> Result<Self, Self::Error> {
        match number {
            1000 => Ok(Self::Decimal),
            1024 => Ok(Self::Binary),
            _ => Err("base must be 1000 or 1024"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Unit {
    B,
    KB,
    MB,
    GB,
    TB,
}

impl Unit {
    /// The unit of that name, in any letter case. `M` is `MB`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "b" | "byte" | "bytes" => Self::B,
            "k" | "kb" => Self::KB,
            "m" | "mb" => Self::MB,
            "g" | "gb" => Self::GB,
            "t" | "tb" => Self::TB,
            _ => return None,
        })
    }

    /// The unit of that name in an operator's answer. `MiB` is a unit of 1024 alone: where the definition
    /// counts in 1000, an operator that names it has changed its unit.
    #[must_use]
    pub fn parse_in(name: &str, base: Base) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.strip_suffix("ib") {
            Some(prefix) if base == Base::Binary && !prefix.is_empty() => Self::parse(prefix),
            Some(_) => None,
            None => Self::parse(&name),
        }
    }

    #[must_use]
    pub const fn bytes(self, base: Base) -> u64 {
        let kilo: u64 = match base {
            Base::Decimal => 1000,
            Base::Binary => 1024,
        };
        kilo.pow(match self {
            Self::B => 0,
            Self::KB => 1,
            Self::MB => 2,
            Self::GB => 3,
            Self::TB => 4,
        })
    }
}

impl TryFrom<String> for Unit {
    type Error = &'static str;
    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name).ok_or("unit must be B, KB, MB, GB or TB")
    }
}

/// Splits `12.5MB` into its number and its unit. The unit is `None` where there is none.
///
/// # Errors
/// [`AmountError::UnknownUnit`] for letters that are no unit, and the errors of [`Decimal::parse`].
pub fn split_unit(text: &str, base: Base) -> Result<(Decimal, Option<Unit>), AmountError> {
    let text = text.trim();
    let number_ends = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (number, unit) = text.split_at(number_ends);
    if number.is_empty() && !unit.is_empty() {
        return Err(AmountError::NotANumber);
    }
    let number = Decimal::parse(number)?;
    if unit.is_empty() {
        return Ok((number, None));
    }
    Unit::parse_in(unit, base).map(|unit| (number, Some(unit))).ok_or(AmountError::UnknownUnit)
}

#[cfg(test)]
mod tests;
