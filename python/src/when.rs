//! `sandlock.When`.

use std::hash::{Hash, Hasher};

use pyo3::prelude::*;

use crate::argument::{self, number};
use crate::error::unusable;

/// A condition on one argument of a call, which the kernel checks: calls that do not match are never
/// trapped and cost nothing. Made by When.arg(index) and a comparison.
///
/// Comparisons are unsigned; a negative number means its two's complement. Whether an argument has 32
/// or 64 bits depends on the call: a condition matches if it does in either reading.
///
/// >>> When.arg(2).masked_eq(0o3, 0)
/// When.arg(2).masked_eq(0x3, 0x0)
#[pyclass(frozen, eq, hash, module = "sandlock")]
#[derive(PartialEq)]
pub(crate) struct When {
    pub(crate) when: sandlock::When,
    shown: String,
}

/// One argument of a call, to be compared.
#[pyclass(frozen, module = "sandlock")]
pub(crate) struct WhenArg(u8);

/// By what it is made of.
impl Hash for When {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.shown.hash(state);
    }
}

#[pymethods]
impl When {
    /// Argument 0 to 5.
    #[staticmethod]
    fn arg(py: Python<'_>, index: &Bound<'_, PyAny>) -> PyResult<WhenArg> {
        match number("index", index)? {
            index @ 0..=5 => Ok(WhenArg(index)),
            _ => Err(unusable(py, "a call has the arguments 0 to 5")),
        }
    }

    fn __repr__(&self) -> &str {
        &self.shown
    }
}

#[pymethods]
impl WhenArg {
    /// It is this value.
    fn eq(&self, value: &Bound<'_, PyAny>) -> PyResult<When> {
        self.when("eq", [value], |[value]| self.arg().eq(value))
    }

    /// It is not this value.
    fn ne(&self, value: &Bound<'_, PyAny>) -> PyResult<When> {
        self.when("ne", [value], |[value]| self.arg().ne(value))
    }

    /// It is lower than this value.
    fn lt(&self, value: &Bound<'_, PyAny>) -> PyResult<When> {
        self.when("lt", [value], |[value]| self.arg().lt(value))
    }

    /// It is this value or higher.
    fn ge(&self, value: &Bound<'_, PyAny>) -> PyResult<When> {
        self.when("ge", [value], |[value]| self.arg().ge(value))
    }

    /// Its bits of `mask` are those of `value`, which has no others.
    fn masked_eq(&self, mask: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<When> {
        self.when("masked_eq", [mask, value], |[mask, value]| self.arg().masked_eq(mask, value))
    }
}

impl WhenArg {
    fn arg(&self) -> sandlock::WhenArg {
        sandlock::When::arg(self.0)
    }

    fn when<const N: usize>(
        &self,
        comparison: &str,
        values: [&Bound<'_, PyAny>; N],
        make: impl FnOnce([u64; N]) -> sandlock::When,
    ) -> PyResult<When> {
        let mut registers = [0; N];
        for (register, value) in registers.iter_mut().zip(values) {
            *register = argument::register("value", value)?;
        }
        let shown = registers.map(|register| format!("{register:#x}")).join(", ");
        let shown = format!("When.arg({}).{comparison}({shown})", self.0);
        Ok(When { when: make(registers), shown })
    }
}
