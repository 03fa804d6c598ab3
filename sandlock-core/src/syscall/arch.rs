//! The architectures whose call tables are known, and their numbering.

use std::str::FromStr;

use syscalls::{aarch64, x86_64};

use crate::listed::listed;

listed! {
    /// An architecture with a known system call table.
    ///
    /// A [`Plan`](crate::Plan) can be made for either, whatever machine it is made on; only a plan for
    /// [`Arch::NATIVE`] can be carried out.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Arch {
        /// 64-bit x86, called natively (not through the 32-bit or the x32 entry).
        X86_64,
        /// 64-bit Arm.
        Aarch64,
    }
}

impl Arch {
    /// The architecture this program is compiled for.
    #[cfg(target_arch = "x86_64")]
    pub const NATIVE: Arch = Arch::X86_64;
    /// The architecture this program is compiled for.
    #[cfg(target_arch = "aarch64")]
    pub const NATIVE: Arch = Arch::Aarch64;

    /// The name, as `uname -m` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
        }
    }

    /// The number of AUDIT_ARCH_ in linux/audit.h, by which the kernel tells what made a call.
    pub fn audit(self) -> u32 {
        // __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE.
        const LITTLE_64_BIT: u32 = 0xc000_0000;
        let machine = match self {
            Arch::X86_64 => libc::EM_X86_64,
            Arch::Aarch64 => libc::EM_AARCH64,
        };
        LITTLE_64_BIT | u32::from(machine)
    }

    /// The largest number in the table.
    pub fn newest(self) -> u32 {
        let last = match self {
            Arch::X86_64 => x86_64::Sysno::last() as i32,
            Arch::Aarch64 => aarch64::Sysno::last() as i32,
        };
        last.unsigned_abs()
    }

    /// The name of call `number`.
    pub fn name_of(self, number: u32) -> Option<&'static str> {
        let index = usize::try_from(number).ok()?;
        match self {
            Arch::X86_64 => x86_64::Sysno::new(index).map(|call| call.name()),
            Arch::Aarch64 => aarch64::Sysno::new(index).map(|call| call.name()),
        }
    }

    /// The number of the call named `name`.
    pub fn number_of(self, name: &str) -> Option<u32> {
        let number = match self {
            Arch::X86_64 => x86_64::Sysno::from_str(name).ok()? as i32,
            Arch::Aarch64 => aarch64::Sysno::from_str(name).ok()? as i32,
        };
        u32::try_from(number).ok()
    }

    /// Every call of the table, in the order of the numbers.
    pub fn calls(self) -> impl Iterator<Item = (u32, &'static str)> {
        (0..=self.newest()).filter_map(move |number| Some((number, self.name_of(number)?)))
    }

    /// Whether numbers with the x32 bit (`0x4000_0000`) are a second spelling of every call.
    pub(crate) fn has_x32(self) -> bool {
        self == Arch::X86_64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_reaches_both_ends_of_each_table() {
        for arch in Arch::ALL {
            let calls: Vec<_> = arch.calls().collect();
            assert_eq!(calls.first().unwrap().0, 0, "{arch:?}");
            assert_eq!(calls.last().unwrap().0, arch.newest(), "{arch:?}");
            assert!(calls.iter().all(|&(number, name)| arch.number_of(name) == Some(number)));
        }
    }
}
