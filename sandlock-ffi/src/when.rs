//! Conditions on arguments.

use sandlock::{Result, When};

use crate::pointer::wrong;

/// The argument is `value`. A negative number may be given with 32 bits or with 64.
pub const SANDLOCK_WHEN_EQ: u32 = 1;
/// The argument is not `value`.
pub const SANDLOCK_WHEN_NE: u32 = 2;
/// The argument is lower than `value`, both unsigned.
pub const SANDLOCK_WHEN_LT: u32 = 3;
/// The argument is `value` or higher, both unsigned.
pub const SANDLOCK_WHEN_GE: u32 = 4;
/// The argument's bits of `mask` are those of `value`, which has no others.
pub const SANDLOCK_WHEN_MASKED_EQ: u32 = 5;

/// A condition on one argument of a call, which the kernel checks: calls that do not match are never
/// trapped. Whether an argument has 32 or 64 bits depends on the call; a condition matches if it does in
/// either reading, so that bits in the unused upper half cannot avoid it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_when {
    /// The argument, 0 to 5.
    pub argument: u32,
    /// One of SANDLOCK_WHEN_.
    pub test: u32,
    /// For SANDLOCK_WHEN_MASKED_EQ; 0 otherwise.
    pub mask: u64,
    /// What it is compared with.
    pub value: u64,
}

impl sandlock_when {
    pub(crate) fn condition(&self) -> Result<When> {
        let sandlock_when { argument, test, mask, value } = *self;
        let argument = u8::try_from(argument)
            .map_err(|_| wrong(format!("a call has the arguments 0 to 5, not {argument}")))?;
        let argument = When::arg(argument);
        let condition = match test {
            SANDLOCK_WHEN_MASKED_EQ => return Ok(argument.masked_eq(mask, value)),
            SANDLOCK_WHEN_EQ => argument.eq(value),
            SANDLOCK_WHEN_NE => argument.ne(value),
            SANDLOCK_WHEN_LT => argument.lt(value),
            SANDLOCK_WHEN_GE => argument.ge(value),
            _ => return Err(wrong(format!("there is no test {test} of arguments"))),
        };
        match mask {
            0 => Ok(condition),
            _ => Err(wrong("a mask means something for SANDLOCK_WHEN_MASKED_EQ alone")),
        }
    }
}
