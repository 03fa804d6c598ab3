//! Sizes in bytes.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::{Data, Value, utf8};

/// A number of bytes, at most `i64::MAX`.
///
/// As text: an integer or a decimal, with `K`, `M`, `G` or `T` for powers of 1024. A fraction of a
/// byte is rounded down.
///
/// # Examples
///
/// ```
/// use sandlock::ByteSize;
///
/// assert_eq!("1.5K".parse::<ByteSize>()?.bytes(), 1536);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(i64);

impl ByteSize {
    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0.unsigned_abs()
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Value for ByteSize {
    const EXPECTED: &'static str = "a size like 4096, 512M or 1.5G";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        let text = utf8(text, Self::EXPECTED)?;
        let (number, unit) = split_unit(text);
        let decimal = Decimal::parse(number)
            .ok_or_else(|| format!("expected {}, found \"{text}\"", Self::EXPECTED))?;
        decimal
            .times(unit)
            .and_then(|bytes| i64::try_from(bytes).ok())
            .map(ByteSize)
            .ok_or_else(|| format!("\"{text}\" is more bytes than fit in 63 bits"))
    }

    fn to_text(&self) -> OsString {
        self.to_string().into()
    }

    fn from_data(data: &Data) -> Result<Self, String> {
        match data {
            Data::Integer(bytes) if *bytes >= 0 => Ok(ByteSize(*bytes)),
            Data::Text(text) => Self::from_text(text),
            other => Err(format!("expected {}, found {}", Self::EXPECTED, other.describe())),
        }
    }

    fn to_data(&self) -> Data {
        Data::Integer(self.0)
    }
}

fn split_unit(text: &str) -> (&str, u64) {
    let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)];
    units
        .iter()
        .find_map(|&(letter, unit)| Some((text.strip_suffix(letter)?, unit)))
        .unwrap_or((text, 1))
}

/// An exact decimal: `digits / 10^scale`.
pub(crate) struct Decimal {
    digits: u128,
    scale: u32,
}

impl Decimal {
    /// Reads `12`, `1.5` or `0.25`: digits, and at most one dot between digits.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (text, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > 9 {
            return None;
        }
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(Decimal { digits, scale: u32::try_from(fraction.len()).ok()? })
    }

    /// The number times `unit`, rounded down; `None` where it does not fit in 64 bits.
    pub(crate) fn times(&self, unit: u64) -> Option<u64> {
        let product = self.digits.checked_mul(u128::from(unit))?;
        u64::try_from(product / 10u128.pow(self.scale)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        let cases =
            [("0", 0), ("4096", 4096), ("512M", 512 << 20), ("1.5G", 3 << 29), ("2T", 2 << 40)];
        for (text, bytes) in cases {
            assert_eq!(text.parse::<ByteSize>().unwrap().bytes(), bytes, "{text}");
        }
        assert_eq!("0.3K".parse::<ByteSize>().unwrap().bytes(), 307);
        assert_eq!("9223372036854775807".parse::<ByteSize>().unwrap().bytes(), i64::MAX as u64);
    }

    #[test]
    fn overflow_and_nonsense_are_errors() {
        for wrong in [
            "",
            "M",
            "-1",
            "+1",
            "1.",
            ".5",
            "1..5",
            "1,5",
            "1 M",
            "1MB",
            "1m",
            "0x10",
            "1e3",
            "9223372036854775808",
            "9999999999T",
            "99999999999999999999999999999999999999999",
        ] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong:?}");
        }
    }
}
