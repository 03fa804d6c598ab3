//! Nothing is allocated between clone and exec: keeper and child share the host's heap, so an
//! allocation there could take a lock that a thread of the host holds.

#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use sandlock::{ErrorKind, Policy, Sandbox, Step};

/// Counts what is allocated in another process than the one it was armed in. Keeper and child share
/// this memory, so their count arrives here.
struct Watch;

static HOME: AtomicI32 = AtomicI32::new(0);
static ELSEWHERE: AtomicUsize = AtomicUsize::new(0);

impl Watch {
    fn look(&self) {
        // SAFETY: the call takes nothing and cannot fail.
        let here = unsafe { libc::getpid() };
        let home = HOME.load(Ordering::Relaxed);
        if home != 0 && home != here {
            ELSEWHERE.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Watch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.look();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.look();
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static WATCH: Watch = Watch;

fn allocated_elsewhere(action: impl FnOnce()) -> usize {
    HOME.store(std::process::id().cast_signed(), Ordering::Relaxed);
    ELSEWHERE.store(0, Ordering::Relaxed);
    action();
    ELSEWHERE.load(Ordering::Relaxed)
}

extern "C" fn allocate_once(_: *mut libc::c_void) -> libc::c_int {
    drop(std::hint::black_box(Box::new(1)));
    0
}

/// The twin of the test below: what it looks for would be found.
fn the_watch_sees_an_allocation_in_another_process() {
    let mut stack = vec![0u8; 64 << 10];
    let top = stack.as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let seen = allocated_elsewhere(|| {
        // SAFETY: the child has a stack of its own, and the only thread that allocates waits for it.
        unsafe {
            let top = top.map_addr(|address| address & !15).cast();
            let child = libc::clone(allocate_once, top, flags, std::ptr::null_mut());
            assert!(child > 0);
            assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
        }
    });
    assert_eq!(seen, 2);
}

fn starting_a_program_allocates_nothing_between_clone_and_exec() {
    let policy = || {
        Policy::builder()
            .fs_read("/usr")
            .fs_read_if_exists("/lib")
            .fs_read_if_exists("/lib64")
            .max_open_files(64)
            .max_file_size("1M")
            .cwd("/")
            .keep_capability("net_bind_service")
            .net_allow("tcp://:443")
            .env("A", "b")
    };
    let seen = allocated_elsewhere(|| {
        let sandbox = Sandbox::new(policy().build().unwrap()).unwrap();
        for _ in 0..3 {
            assert!(sandbox.run(["true"]).unwrap().success());
        }
        // What fails at the exec takes the other way out of the child.
        let empty = Sandbox::new(Policy::default()).unwrap();
        let error = empty.run(["true"]).unwrap_err();
        assert_eq!((error.kind(), error.step()), (ErrorKind::CannotExecute, Some(Step::Execute)));
    });
    assert_eq!(seen, 0);
}

/// One after the other: the watch counts for the whole process.
#[test]
fn nothing_is_allocated_in_keeper_and_child() {
    the_watch_sees_an_allocation_in_another_process();
    starting_a_program_allocates_nothing_between_clone_and_exec();
}
