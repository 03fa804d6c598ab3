//! clone(2) into a function on a stack of its own. libc's own clone would write `errno` of the
//! thread whose thread pointer a keeper borrows.

#![allow(unsafe_code)]

use std::arch::asm;
use std::ffi::c_void;

use syscalls::Sysno;

use super::raw::{Errno, check};

/// What the new task runs; it ends by exit or exec.
pub(crate) type Entry = extern "C" fn(*mut c_void) -> !;

/// A memory range that a new task uses as its stack.
#[derive(Clone, Copy)]
pub(crate) struct Stack {
    /// The end, aligned to 16 bytes; the stack grows down from it.
    pub(crate) top: *mut u8,
    /// In bytes.
    pub(crate) size: usize,
}

/// What the kernel writes of a new task.
#[derive(Clone, Copy)]
pub(crate) struct Slots {
    /// Its descriptor, where CLONE_PIDFD is asked for.
    pub(crate) pidfd: *mut i32,
    /// 0 when it has left the memory, where CLONE_CHILD_CLEARTID is asked for.
    pub(crate) memory: *mut i32,
}

/// clone(2) with CLONE_VM: the new task runs `entry(argument)` on `stack`.
///
/// # Safety
///
/// Nobody else uses `stack` until the task has ended or executed a program, and so long `argument`
/// and what `entry` reaches through it stay valid. `entry` makes raw system calls only. The slots
/// are valid as far as `flags` ask for them.
pub(crate) unsafe fn clone(
    flags: i32,
    stack: Stack,
    slots: Slots,
    entry: Entry,
    argument: *mut c_void,
) -> Result<i32, Errno> {
    let [pidfd, memory] = [slots.pidfd as usize, slots.memory as usize];
    // The last two are exchanged between the architectures.
    let (fourth, fifth) = if cfg!(target_arch = "x86_64") { (memory, 0) } else { (0, memory) };
    let words = [flags.cast_unsigned() as usize, stack.top as usize, pidfd, fourth, fifth];
    // SAFETY: as the caller promises.
    unsafe { enter(Sysno::clone, words, entry, argument) }
}

/// `struct clone_args` of linux/sched.h, in its first version.
#[repr(C)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

/// As [`clone`], with every handled signal of the new task reset: clone3(2), CLONE_CLEAR_SIGHAND
/// (Linux 5.5). Filters of containers that cannot look into its arguments refuse it.
///
/// # Safety
///
/// As [`clone`].
pub(crate) unsafe fn clone_without_handlers(
    flags: i32,
    stack: Stack,
    pidfd: *mut i32,
    entry: Entry,
    argument: *mut c_void,
) -> Result<i32, Errno> {
    const CLEAR_SIGHAND: u64 = 1 << 32;
    let arguments = CloneArgs {
        flags: u64::from(flags.cast_unsigned()) | CLEAR_SIGHAND,
        pidfd: pidfd as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: 0,
        stack: (stack.top as usize - stack.size) as u64,
        stack_size: stack.size as u64,
        tls: 0,
    };
    let words = [&raw const arguments as usize, size_of_val(&arguments), 0, 0, 0];
    // SAFETY: as the caller promises; the kernel reads one structure of this size.
    unsafe { enter(Sysno::clone3, words, entry, argument) }
}

/// Makes the call `number`, which starts a task on a stack of its own, and has that task run
/// `entry(argument)`.
///
/// # Safety
///
/// As [`clone`]; `words` are what the call takes.
unsafe fn enter(
    number: Sysno,
    words: [usize; 5],
    entry: Entry,
    argument: *mut c_void,
) -> Result<i32, Errno> {
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
            inlateout("rax") number as usize => answer,
            in("rdi") words[0],
            in("rsi") words[1],
            in("rdx") words[2],
            in("r10") words[3],
            in("r8") words[4],
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
            in("x8") number as usize,
            inlateout("x0") words[0] => answer,
            in("x1") words[1],
            in("x2") words[2],
            in("x3") words[3],
            in("x4") words[4],
            in("x20") entry,
            in("x21") argument,
            lateout("x30") _,
        );
    }
    check(answer).map(|pid| pid as i32)
}
