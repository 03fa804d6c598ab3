//! Conditions on arguments, which the kernel checks before it asks anybody.

use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition};

/// A condition on one argument of a call. Calls that do not match are never trapped and cost
/// nothing.
///
/// Comparisons are unsigned. Whether an argument has 32 or 64 bits depends on the call, and for one
/// of 32 the kernel ignores what a program leaves in the upper half. A condition therefore matches
/// if it does in *either* reading: no spelling of a value gets past it, but a handler may be asked
/// about arguments with something in their upper halves.
///
/// # Examples
///
/// Opens for writing alone, which are the ones with an access mode that is not 0; and one `ioctl`:
///
/// ```
/// use sandlock::When;
///
/// let read_only = When::arg(2).masked_eq(0o3, 0);
/// let window_size = When::arg(1).eq(libc::TIOCGWINSZ);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    argument: u8,
    test: Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Eq(u64),
    Ne(u64),
    Lt(u64),
    Ge(u64),
    MaskedEq { mask: u64, value: u64 },
}

/// One argument of a call, to be compared; see [`When::arg`].
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct WhenArg(u8);

impl When {
    /// Argument `index`, 0 to 5.
    pub fn arg(index: u8) -> WhenArg {
        WhenArg(index)
    }
}

impl WhenArg {
    /// It is `value`. Negative numbers may be given as either `-1i32 as u32` or `-1i64 as u64`.
    pub fn eq(self, value: u64) -> When {
        self.when(Test::Eq(value))
    }

    /// It is not `value`.
    pub fn ne(self, value: u64) -> When {
        self.when(Test::Ne(value))
    }

    /// It is lower than `value`.
    pub fn lt(self, value: u64) -> When {
        self.when(Test::Lt(value))
    }

    /// It is `value` or higher.
    pub fn ge(self, value: u64) -> When {
        self.when(Test::Ge(value))
    }

    /// Its bits of `mask` are those of `value`, which has no others.
    pub fn masked_eq(self, mask: u64, value: u64) -> When {
        match mask {
            u64::MAX => self.eq(value),
            _ => self.when(Test::MaskedEq { mask, value }),
        }
    }

    fn when(self, test: Test) -> When {
        When { argument: self.0, test }
    }
}

/// A comparison as the filter makes it: the single one that covers both readings.
#[derive(Clone, Copy)]
enum Compared {
    /// The lower half.
    Low(u32),
    /// The whole register.
    Whole(u64),
}

impl When {
    /// What is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self.test {
            _ if self.argument > 5 => Some("a call has the arguments 0 to 5"),
            Test::MaskedEq { mask, value } if value & !mask != 0 => {
                Some("a masked value has no bits outside its mask, or nothing matches")
            }
            Test::Lt(0) => Some("nothing is lower than 0"),
            _ => None,
        }
    }

    pub(crate) fn matches(&self, arguments: &[u64; 6]) -> bool {
        let Some(&argument) = arguments.get(usize::from(self.argument)) else { return true };
        let low = argument & u64::from(u32::MAX);
        match (self.test, self.compared()) {
            (Test::Eq(_), Compared::Low(value)) => low == u64::from(value),
            (Test::Eq(_), Compared::Whole(value)) => argument == value,
            (Test::Lt(_), Compared::Low(value)) => low < u64::from(value),
            (Test::Lt(_), Compared::Whole(value)) => argument < value,
            (Test::MaskedEq { mask, .. }, Compared::Low(value)) => low & mask == u64::from(value),
            (Test::Ne(value), _) => argument != value,
            (Test::Ge(value), _) => argument >= value,
            (Test::MaskedEq { mask, value }, Compared::Whole(_)) => argument & mask == value,
        }
    }

    /// The same for the filter.
    pub(crate) fn condition(&self) -> Result<SeccompCondition, seccompiler::BackendError> {
        let operator = match self.test {
            Test::Eq(_) => SeccompCmpOp::Eq,
            Test::Ne(_) => SeccompCmpOp::Ne,
            Test::Lt(_) => SeccompCmpOp::Lt,
            Test::Ge(_) => SeccompCmpOp::Ge,
            Test::MaskedEq { mask, .. } => SeccompCmpOp::MaskedEq(mask),
        };
        let (length, value) = match self.compared() {
            Compared::Low(value) => (SeccompCmpArgLen::Dword, u64::from(value)),
            Compared::Whole(value) => (SeccompCmpArgLen::Qword, value),
        };
        SeccompCondition::new(self.argument, length, operator, value)
    }

    /// Equal in either reading is equal in the lower half, if the value fits there; not equal in
    /// either one is not equal as a whole; and so on.
    fn compared(&self) -> Compared {
        match self.test {
            Test::Eq(value) => match lower_half(value) {
                Some(low) => Compared::Low(low),
                None => Compared::Whole(value),
            },
            Test::Lt(value) => match u32::try_from(value) {
                Ok(low) => Compared::Low(low),
                Err(_) => Compared::Whole(value),
            },
            // Also a mask of all bits but some, which has bits in the upper half.
            Test::MaskedEq { mask, value } => match (lower_half(mask), lower_half(value)) {
                (Some(_), Some(low)) => Compared::Low(low),
                _ => Compared::Whole(value),
            },
            Test::Ne(value) | Test::Ge(value) => Compared::Whole(value),
        }
    }
}

/// A value of 32 bits, also a negative one that was extended to 64.
fn lower_half(value: u64) -> Option<u32> {
    let signed = i32::try_from(value.cast_signed()).ok().map(i32::cast_unsigned);
    u32::try_from(value).ok().or(signed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            0..4u64,
            any::<u32>().prop_map(u64::from),
            (-4..0i64).prop_map(i64::cast_unsigned),
            (1u64 << 32)..(1 << 32) + 4,
        ]
    }

    fn any_when() -> impl Strategy<Value = When> {
        (any_value(), any_value(), 0..5u8).prop_map(|(value, mask, kind)| match kind {
            0 => When::arg(0).eq(value),
            1 => When::arg(0).ne(value),
            2 => When::arg(0).lt(value),
            3 => When::arg(0).ge(value),
            _ => When::arg(0).masked_eq(mask, value & mask),
        })
    }

    /// What a comparison of registers with `bits` bits says.
    fn holds(when: &When, argument: u64, bits: u64) -> bool {
        let argument = argument & bits;
        match when.test {
            Test::Eq(value) => argument == value & bits,
            Test::Ne(value) => argument != value & bits,
            Test::Lt(value) => argument < value,
            Test::Ge(value) => argument >= value,
            Test::MaskedEq { mask, value } => argument & mask == value & bits,
        }
    }

    proptest! {
        #[test]
        fn whatever_matches_in_one_reading_matches(when in any_when(), argument in any_value()) {
            // A value that 32 bits cannot hold means an argument of 64.
            let is_long = match when.test {
                Test::Eq(value) | Test::Ne(value) => lower_half(value).is_none(),
                Test::Lt(value) | Test::Ge(value) => value > u64::from(u32::MAX),
                Test::MaskedEq { mask, value } => {
                    lower_half(mask).is_none() || lower_half(value).is_none()
                }
            };
            let in_32 = !is_long && holds(&when, argument, u64::from(u32::MAX));
            if holds(&when, argument, u64::MAX) || in_32 {
                prop_assert!(when.matches(&[argument, 0, 0, 0, 0, 0]));
            }
        }
    }

    #[test]
    fn nothing_else_matches() {
        let matches = |when: When, argument: u64| when.matches(&[argument, 0, 0, 0, 0, 0]);
        assert!(!matches(When::arg(0).eq(5), 6));
        assert!(matches(When::arg(0).eq(5), 0xdead_0000_0005));
        assert!(!matches(When::arg(0).ne(5), 5));
        assert!(!matches(When::arg(0).lt(5), 5));
        assert!(!matches(When::arg(0).ge(5), 4));
        assert!(!matches(When::arg(0).masked_eq(3, 1), 2));
        assert!(matches(When::arg(0).eq(-100i64 as u64), u64::from(-100i32 as u32)));
        assert!(!matches(When::arg(0).eq(1 << 40), 0));
    }

    #[test]
    fn what_could_never_match_is_told() {
        assert!(When::arg(6).eq(1).problem().is_some());
        assert!(When::arg(0).masked_eq(1, 2).problem().is_some());
        assert!(When::arg(0).lt(0).problem().is_some());
        assert!(When::arg(5).masked_eq(3, 2).problem().is_none());
    }
}
