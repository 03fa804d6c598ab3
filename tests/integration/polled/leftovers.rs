//! What such runs leave behind in their host: nothing.

use std::time::Duration;

use sandlock::{ErrorKind, HandlerCtx, Launch, NotifAction, Reason, Sandbox, Stdio};

use super::{ended, launch, sandbox};
use crate::asked::returning;
use crate::calls::calls;
use crate::harness::{GUEST, alone, here};
use crate::soak::Census;

const RUNS: usize = 200;
const KINDS: usize = 10;

/// One that ends in another way for each number.
fn one(sandbox: &Sandbox, number: usize) {
    let begin = |launch: Launch| sandbox.run_polled(launch).unwrap();
    match number % KINDS {
        0 => {
            let mut run = begin(launch(&["hang"]));
            run.kill().unwrap();
            assert_eq!(ended(&mut run).unwrap().reason(), Reason::Killed);
        }
        1 => drop(begin(launch(&["hang"]))),
        2 => {
            let mut run = begin(launch(&["hang"]).timeout(Duration::from_millis(3)));
            assert_eq!(ended(&mut run).unwrap().reason(), Reason::Timeout);
        }
        3 => assert!(sandbox.run_polled(["/no/such/command"]).is_err()),
        4 => {
            let unread = vec![b'x'; 100_000];
            let mut run = begin(launch(&["orphans", "2"]).input(unread));
            assert!(ended(&mut run).unwrap().success());
        }
        5 => {
            let mut run = begin(launch(&["echo"]).input("abc\n").stderr(Stdio::stdout()));
            assert_eq!(ended(&mut run).unwrap().stdout(), b"abc\n4\n");
        }
        6 => {
            let failing = Launch::new([GUEST]).args(calls! { getegid() }.action("calls"));
            let error = ended(&mut begin(failing)).err();
            assert!(error.is_none_or(|error| error.kind() == ErrorKind::Handler));
        }
        7 => {
            let calling = Launch::new([GUEST]).args(calls! { getppid() }.action("calls"));
            assert!(ended(&mut begin(calling)).unwrap().success());
        }
        // Not driven to its end.
        8 => {
            let mut run = begin(launch(&["print", "100000"]));
            assert!(run.advance().is_ok());
        }
        _ => {
            let code = (number % 100) as i32;
            let mut run = begin(launch(&["exit", &code.to_string()]));
            assert_eq!(ended(&mut run).unwrap().code(), Some(code));
        }
    }
}

#[test]
fn two_hundred_runs_leave_no_descriptor_thread_or_zombie() {
    if !alone(here!()) {
        return;
    }
    let begun = Census::take();
    let failing = |_: &HandlerCtx<'_>| NotifAction::Fail("for this test".into());
    let plain = sandbox();
    let handled = plain.clone().add_handler("getppid", returning(7)).unwrap();
    let handled = handled.add_handler("getegid", failing).unwrap();
    for sandbox in [&plain, &handled] {
        (0..KINDS).for_each(|number| one(sandbox, number));
    }
    // What the sandboxes themselves keep is there now.
    let before = begun.with_descriptors_of(&Census::take());
    before.expect_again();
    for sandbox in [&plain, &handled] {
        (0..RUNS).for_each(|number| one(sandbox, number));
        before.expect_again();
    }
    // SAFETY: asks for children that have ended; there are none at all.
    let reaped = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) };
    assert_eq!(reaped, -1);
    // The twin: one that is there is seen, and starts no thread.
    let run = plain.run_polled(launch(&["hang"])).unwrap();
    let busy = Census::take();
    assert!(busy != before && busy.children() > before.children());
    assert_eq!(busy.threads(), before.threads());
    drop(run);
    before.expect_again();
}
