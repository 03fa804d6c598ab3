//! clone(2) into a function on a stack of its own.

#![allow(unsafe_code)]

use std::arch::asm;
use std::ffi::c_void;

use syscalls::Sysno;

use super::raw::{Errno, check};

/// What the new task runs; it ends by exit or exec.
pub(crate) type Entry = extern "C" fn(*mut c_void) -> !;

/// clone(2) with CLONE_VM: the new task runs `entry(argument)` on the stack that ends at
/// `stack_top`. `pidfd` is written where `flags` hold CLONE_PIDFD. libc's own clone would write
/// `errno` of the thread whose thread pointer a keeper borrows.
///
/// # Safety
///
/// `stack_top` is the 16-byte aligned end of a stack that nobody else uses until the task has ended
/// or executed a program, and so long `argument` and what `entry` reaches through it stay valid.
/// `entry` makes raw system calls only. `pidfd` is valid or CLONE_PIDFD is not asked for.
pub(crate) unsafe fn clone(
    flags: i32,
    stack_top: *mut u8,
    pidfd: *mut i32,
    entry: Entry,
    argument: *mut c_void,
) -> Result<i32, Errno> {
    let flags = flags.cast_unsigned() as usize;
    let answer: usize;
    // SAFETY: the parent comes back behind the label with every register but the listed ones
    // intact. The child starts with the same registers on the empty new stack, and `entry` does
    // not return.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") Sysno::clone as usize => answer,
            in("rdi") flags,
            in("rsi") stack_top,
            in("rdx") pidfd,
            in("r10") 0usize,
            in("r8") 0usize,
            in("r12") entry,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x21",
            "blr x20",
            "brk #1",
            "2:",
            in("x8") Sysno::clone as usize,
            inlateout("x0") flags => answer,
            in("x1") stack_top,
            in("x2") pidfd,
            in("x3") 0usize,
            in("x4") 0usize,
            in("x20") entry,
            in("x21") argument,
            lateout("x30") _,
        );
    }
    check(answer).map(|pid| pid as i32)
}
