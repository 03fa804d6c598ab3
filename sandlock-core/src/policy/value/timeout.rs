//! Lengths of time.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::time::Duration;

use super::size::Decimal;
use super::{Data, Value, utf8};

/// A wall-clock limit, above zero.
///
/// As text: a number of seconds, or with `ms`, `s`, `m` or `h`, to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timeout(Duration);

impl Timeout {
    /// The length of time.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Timeout {
    /// Seconds with all the digits there are: `90s`, `1.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:09}", self.0.subsec_nanos());
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}s", self.0.as_secs()),
            digits => write!(f, "{}.{digits}s", self.0.as_secs()),
        }
    }
}

impl TryFrom<Duration> for Timeout {
    type Error = String;

    fn try_from(duration: Duration) -> Result<Self, String> {
        if duration.is_zero() {
            return Err("a timeout must be above zero".to_owned());
        }
        Ok(Timeout(duration))
    }
}

impl Value for Timeout {
    const EXPECTED: &'static str = "a time like 30, 1.5, 500ms or 2m";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        let text = utf8(text, Self::EXPECTED)?;
        let wrong = || format!("expected {}, found \"{text}\"", Self::EXPECTED);
        let (number, nanos) = split_unit(text);
        let decimal = Decimal::parse(number).ok_or_else(wrong)?;
        let nanos = decimal.times(nanos).ok_or_else(|| format!("\"{text}\" is too long a time"))?;
        Duration::from_nanos(nanos).try_into()
    }

    fn to_text(&self) -> OsString {
        self.to_string().into()
    }

    fn from_data(data: &Data) -> Result<Self, String> {
        match data {
            Data::Integer(seconds) => Self::from_text(OsStr::new(&seconds.to_string())),
            Data::Float(seconds) => Self::from_text(OsStr::new(&seconds.to_string())),
            Data::Text(text) => Self::from_text(text),
            other => Err(format!("expected {}, found {}", Self::EXPECTED, other.describe())),
        }
    }
}

/// The number, and the nanoseconds its unit stands for.
fn split_unit(text: &str) -> (&str, u64) {
    const SECOND: u64 = 1_000_000_000;
    let units = [("ms", SECOND / 1000), ("s", SECOND), ("m", 60 * SECOND), ("h", 3600 * SECOND)];
    units
        .iter()
        .find_map(|&(suffix, nanos)| Some((text.strip_suffix(suffix)?, nanos)))
        .unwrap_or((text, SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Duration, String> {
        Timeout::from_text(OsStr::new(text)).map(Timeout::duration)
    }

    #[test]
    fn units_and_fractions() {
        assert_eq!(parse("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("0.000000001"), Ok(Duration::from_nanos(1)));
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for nanos in [1, 999_999_999, 1_000_000_000, 1_500_000_000, 86_400_000_000_001] {
            let timeout = Timeout::try_from(Duration::from_nanos(nanos)).unwrap();
            assert_eq!(parse(&timeout.to_string()), Ok(timeout.duration()));
        }
    }

    #[test]
    fn zero_negative_and_nonsense_are_errors() {
        for wrong in ["", "0", "0.0", "-1", "s", "1d", "1 s", "inf", "nan", "99999999999999h"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Timeout::from_data(&Data::Float(f64::NAN)).is_err());
        assert!(Timeout::from_data(&Data::Float(-1.0)).is_err());
        assert!(Timeout::from_data(&Data::Float(1e-300)).is_err());
    }
}
