//! Counts: whole numbers above zero.

use std::ffi::OsStr;

use super::{Value, describe, utf8};

impl Value for u64 {
    const EXPECTED: &'static str = "a whole number above zero";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        let text = utf8(text, Self::EXPECTED)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse::<i64>().ok()).flatten();
        positive(number.ok_or_else(|| format!("expected {}, found \"{text}\"", Self::EXPECTED))?)
    }

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let number = value.as_integer();
        positive(
            number
                .ok_or_else(|| format!("expected {}, found {}", Self::EXPECTED, describe(value)))?,
        )
    }
}

fn positive(number: i64) -> Result<u64, String> {
    u64::try_from(number)
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| format!("expected {}, found {number}", u64::EXPECTED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_positive_numbers_are_counts() {
        assert_eq!(u64::from_text(OsStr::new("64")), Ok(64));
        for wrong in ["", "0", "-1", "+1", "1.5", "1e3", "0x10", "64 ", "99999999999999999999"] {
            assert!(u64::from_text(OsStr::new(wrong)).is_err(), "{wrong:?}");
        }
        assert!(u64::from_toml(&toml::Value::Integer(0)).is_err());
        assert!(u64::from_toml(&toml::Value::String("64".into())).is_err());
    }
}
