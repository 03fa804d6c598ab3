//! Counts: whole numbers above zero.

use std::ffi::{OsStr, OsString};

use super::{Data, Value, utf8};

impl Value for u64 {
    const EXPECTED: &'static str = "a whole number above zero";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        let text = utf8(text, Self::EXPECTED)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse::<i64>().ok()).flatten();
        positive(number.ok_or_else(|| format!("expected {}, found \"{text}\"", Self::EXPECTED))?)
    }

    fn to_text(&self) -> OsString {
        self.to_string().into()
    }

    fn from_data(data: &Data) -> Result<Self, String> {
        match data {
            Data::Integer(number) => positive(*number),
            _ => Err(format!("expected {}, found {}", Self::EXPECTED, data.describe())),
        }
    }

    fn to_data(&self) -> Data {
        let beyond = || Data::Other("a number beyond 64 bits".to_owned());
        i64::try_from(*self).map_or_else(|_| beyond(), Data::Integer)
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
        assert!(u64::from_data(&Data::Integer(0)).is_err());
        assert!(u64::from_data(&Data::Text("64".into())).is_err());
    }
}
