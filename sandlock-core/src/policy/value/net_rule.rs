//! Rules of outbound networks, `[scheme://]target[:ports]`.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::ops::RangeInclusive;

use super::{Value, utf8};

/// A grant of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetRule {
    /// `*`: TCP and UDP without restriction, in both directions.
    Any,
    /// `tcp://:PORTS`: outbound TCP connections to these ports of any host.
    Tcp(Ports),
}

/// A non-empty set of ports, in ascending ranges that neither overlap nor touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    /// The ranges, ascending.
    pub fn ranges(&self) -> &[RangeInclusive<u16>] {
        &self.0
    }

    /// Whether every port is in the set.
    pub fn is_all(&self) -> bool {
        self.0 == [1..=u16::MAX]
    }

    fn new(mut ranges: Vec<RangeInclusive<u16>>) -> Ports {
        ranges.sort_by_key(|range| *range.start());
        let mut merged: Vec<RangeInclusive<u16>> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => merged.push(range),
            }
        }
        Ports(merged)
    }

    fn parse(text: &str) -> Result<Ports, String> {
        if text == "*" {
            return Ok(Ports::new(vec![1..=u16::MAX]));
        }
        let ranges = text.split(',').map(parse_range).collect::<Result<Vec<_>, _>>()?;
        Ok(Ports::new(ranges))
    }
}

fn parse_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || format!("expected a port from 1 to 65535 or a range of them, found \"{text}\"");
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten().filter(|&port| port > 0)
    };
    let (first, last) = (port(first).ok_or_else(wrong)?, port(last).ok_or_else(wrong)?);
    if first > last { Err(wrong()) } else { Ok(first..=last) }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("*");
        }
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match range.start() == range.end() {
                true => write!(f, "{comma}{}", range.start())?,
                false => write!(f, "{comma}{}-{}", range.start(), range.end())?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for NetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetRule::Any => f.write_str("*"),
            NetRule::Tcp(ports) => write!(f, "tcp://:{ports}"),
        }
    }
}

impl Value for NetRule {
    const EXPECTED: &'static str = "a rule like `*` or `tcp://:443`";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        let text = utf8(text, Self::EXPECTED)?;
        if text == "*" {
            return Ok(NetRule::Any);
        }
        let Some(rest) = text.strip_prefix("tcp://") else {
            return Err(format!(
                "expected {}, found \"{text}\": rules for UDP, ICMP, hosts and addresses are not \
                 supported yet",
                Self::EXPECTED
            ));
        };
        let (target, ports) = rest.rsplit_once(':').unwrap_or((rest, "*"));
        if !matches!(target, "" | "*") {
            return Err(format!(
                "\"{text}\" names the host \"{target}\", and only ports can be held so far: write \
                 `tcp://:{ports}` for any host"
            ));
        }
        Ports::parse(ports).map(NetRule::Tcp)
    }

    fn to_text(&self) -> OsString {
        self.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<NetRule, String> {
        NetRule::from_text(OsStr::new(text))
    }

    #[test]
    fn rules_read_and_print_in_one_spelling() {
        for (text, printed) in [
            ("*", "*"),
            ("tcp://:443", "tcp://:443"),
            ("tcp://*:80,443", "tcp://:80,443"),
            ("tcp://:8000-8100,8050-8200,22", "tcp://:22,8000-8200"),
            ("tcp://:1-9,10", "tcp://:1-10"),
            ("tcp://", "tcp://:*"),
            ("tcp://*", "tcp://:*"),
            ("tcp://:1-65535", "tcp://:*"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_cannot_be_held_is_an_error() {
        for wrong in [
            "",
            "443",
            ":443",
            "*:443",
            "udp://:53",
            "icmp://*",
            "TCP://:443",
            "tcp:443",
            "tcp://:0",
            "tcp://:65536",
            "tcp://:443-80",
            "tcp://:",
            "tcp://:80,",
            "tcp://:+80",
            "tcp://example.org:443",
            "tcp://10.0.0.0/8",
            "tcp://[::1]:80",
            "tcp://: 443",
            "**",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
