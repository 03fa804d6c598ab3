//! Lengths of time.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::time::Duration;

use super::size::Decimal;
use super::{Data, Value, utf8};

/// A wall-clock limit, above zero and at most `u64::MAX` nanoseconds (584 years).
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
        // What is longer could not be written as a text that is read back.
        match u64::try_from(duration.as_nanos()) {
            Ok(_) => Ok(Timeout(duration)),
            Err(_) => Err(format!("{}s is too long a time", duration.as_secs())),
        }
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
            Data::Float(seconds) => Self::from_text(OsStr::new(&to_the_nanosecond(*seconds))),
            Data::Text(text) => Self::from_text(text),
            other => Err(format!("expected {}, found {}", Self::EXPECTED, other.describe())),
        }
    }
}

/// The number as text: what was computed, 0.1 + 0.2, has more digits than a time.
fn to_the_nanosecond(seconds: f64) -> String {
    let text = format!("{seconds:.9}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
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
        for nanos in [1, 999_999_999, 1_000_000_000, 1_500_000_000, 86_400_000_000_001, u64::MAX] {
            let timeout = Timeout::try_from(Duration::from_nanos(nanos)).unwrap();
            assert_eq!(parse(&timeout.to_string()), Ok(timeout.duration()));
        }
    }

    #[test]
    fn what_could_not_be_written_is_no_timeout() {
        let longest = Duration::from_nanos(u64::MAX);
        assert_eq!(Timeout::try_from(longest).map(Timeout::duration), Ok(longest));
        for longer in [longest + Duration::from_nanos(1), Duration::MAX] {
            assert!(Timeout::try_from(longer).is_err(), "{longer:?}");
        }
    }

    #[test]
    fn computed_seconds_are_rounded_to_nanoseconds() {
        let timeout = |seconds| Timeout::from_data(&Data::Float(seconds)).map(Timeout::duration);
        assert_eq!(timeout(0.1 + 0.2), Ok(Duration::from_millis(300)));
        assert_eq!(timeout(10.0), Ok(Duration::from_secs(10)));
        assert_eq!(timeout(1e-9), Ok(Duration::from_nanos(1)));
        let error = timeout(-1.5).unwrap_err();
        assert!(error.ends_with("found \"-1.5\""), "{error}");
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
