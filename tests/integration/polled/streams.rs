//! What goes in and comes out.

use std::io::{PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use sandlock::{Launch, Polled, Reason, Stdio};

use super::{
    Fork, PATIENCE, all_ended, ended, is_readable, launch, next_line, sandbox, script, wake_ups,
};
use crate::harness::{alone, here};

fn pattern(seed: usize, size: usize) -> Vec<u8> {
    (0..size).map(|index| (index / 251 + index + seed) as u8).collect()
}

#[test]
fn many_runs_with_megabytes_in_and_out_are_driven_by_one_loop_in_one_thread() {
    const SIZE: usize = 4 << 20;
    let sandbox = sandbox();
    let begin = |seed| sandbox.run_polled(launch(&["echo"]).input(pattern(seed, SIZE))).unwrap();
    let mut runs: Vec<_> = (0..16).map(begin).collect();
    for (seed, output) in all_ended(&mut runs).into_iter().enumerate() {
        let output = output.unwrap();
        assert!(output.success());
        assert!(output.stdout() == pattern(seed, SIZE), "run {seed}");
        assert_eq!(output.stderr(), format!("{SIZE}\n").as_bytes());
    }
}

#[test]
fn both_outputs_are_kept_up_to_their_limit_and_counted_beyond_it() {
    const SIZE: usize = 3 << 20;
    let sandbox = sandbox();
    let print = || launch(&["print", &SIZE.to_string()]);
    let limits = [0, 1, 1000, 65536, 1 << 20, SIZE - 1, SIZE, SIZE + 1];
    let begin = |limit: usize| sandbox.run_polled(print().capture_limit(limit as u64)).unwrap();
    let mut runs: Vec<_> = limits.into_iter().map(begin).collect();
    for (limit, output) in limits.into_iter().zip(all_ended(&mut runs)) {
        let output = output.unwrap();
        let (kept, dropped) = (limit.min(SIZE), SIZE.saturating_sub(limit) as u64);
        assert_eq!((output.stdout().len(), output.stdout_dropped()), (kept, dropped));
        assert_eq!((output.stderr().len(), output.stderr_dropped()), (kept, dropped));
    }
}

#[test]
fn what_a_run_takes_and_gives_is_what_an_ordinary_run_does() {
    let sandbox = sandbox();
    let launches: [fn() -> Launch; 6] = [
        || launch(&["exit", "7"]),
        || launch(&["raise", "6"]),
        || launch(&["echo"]).input("abc"),
        || launch(&["echo"]),
        || launch(&["print", "4096"]).stderr(Stdio::null()),
        || script("echo 1; echo 2 >&2; echo 3; exit 4").stderr(Stdio::stdout()),
    ];
    for launch in launches {
        let polled = ended(&mut sandbox.run_polled(launch()).unwrap()).unwrap();
        let plain = sandbox.run(launch()).unwrap();
        assert_eq!((polled.status(), polled.reason()), (plain.status(), plain.reason()));
        assert_eq!((polled.stdout(), polled.stderr()), (plain.stdout(), plain.stderr()));
        assert_eq!(polled.enforcement(), plain.enforcement());
        assert!(!polled.usage().wall.is_zero());
    }
}

/// The program's descriptor 0 in our hands, and its 2 for words to us.
fn held(text: &str) -> (Polled, PipeWriter, std::io::PipeReader) {
    let (stdin, hold) = std::io::pipe().unwrap();
    let (words, stderr) = std::io::pipe().unwrap();
    let launch = script(text).stdin(stdin).stderr(stderr);
    (sandbox().run_polled(launch).unwrap(), hold, words)
}

#[test]
fn a_program_that_closes_its_output_lives_on_and_is_waited_for() {
    let (mut run, hold, mut words) =
        held("echo before; exec >&-; echo closed >&2; read line; exit 9");
    assert_eq!(next_line(&mut run, &mut words), "closed\n");
    assert!(run.advance().unwrap().is_none());
    drop(hold);
    let output = ended(&mut run).unwrap();
    assert_eq!((output.code(), output.stdout()), (Some(9), &b"before\n"[..]));
}

#[test]
fn what_a_program_leaves_behind_with_its_outputs_does_not_hold_the_run_up() {
    let sandbox = sandbox();
    let output = ended(&mut sandbox.run_polled(launch(&["orphans", "3"])).unwrap()).unwrap();
    assert!(output.success());
    assert_eq!(String::from_utf8_lossy(output.stdout()).matches("orphan ok").count(), 3);
    // The twin: as long as their program is there, they are.
    let mut run = sandbox.run_polled(launch(&["family"])).unwrap();
    assert!(is_readable(&run, PATIENCE));
    wake_ups(&mut run, Duration::from_millis(100));
    run.kill().unwrap();
    let output = ended(&mut run).unwrap();
    assert_eq!(String::from_utf8_lossy(output.stdout()).matches("orphan ok").count(), 3);
}

/// It has our ends of the pipes and the program's. (So the program does not learn that its input has
/// ended, as with any pipe.)
#[test]
fn a_process_that_was_forked_meanwhile_holds_nothing_else_up() {
    if !alone(here!()) {
        return;
    }
    let (input, sandbox) = (pattern(0, 2 << 20), sandbox());
    let head = script("exec head -c 2097152").input(input.clone());
    let mut run = sandbox.run_polled(head).unwrap();
    let _fork = Fork::new();
    assert!(ended(&mut run).unwrap().stdout() == input);
    let (mut run, hold, mut words) = held("echo before; exec >&-; echo closed >&2; read line");
    assert_eq!(next_line(&mut run, &mut words), "closed\n");
    let _fork = Fork::new();
    // That one has a copy of the input's end.
    run.kill().unwrap();
    drop(hold);
    let output = ended(&mut run).unwrap();
    assert_eq!((output.reason(), output.stdout()), (Reason::Killed, &b"before\n"[..]));
}

fn default_sigpipe() {
    // SAFETY: this process is the test's own.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

fn is_sigpipe_pending() -> bool {
    // SAFETY: asks for the set of this thread and process.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut set);
        libc::sigismember(&raw const set, libc::SIGPIPE) == 1
    }
}

#[test]
fn programs_that_do_not_read_their_input_send_no_signal_to_a_host_that_would_die_of_it() {
    if !alone(here!()) {
        return;
    }
    default_sigpipe();
    let sandbox = sandbox();
    let input = pattern(0, 2 << 20);
    let actions: [&[&str]; 3] = [&["exit", "3"], &["echo"], &["exit", "4"]];
    let begin = |action: &&[&str]| sandbox.run_polled(launch(action).input(input.clone())).unwrap();
    let mut runs: Vec<_> = actions.iter().cycle().take(12).map(begin).collect();
    let outputs = all_ended(&mut runs);
    for (outputs, code) in outputs.chunks(3).zip(std::iter::repeat([Some(3), Some(0), Some(4)])) {
        let codes: Vec<_> = outputs.iter().map(|output| output.as_ref().unwrap().code()).collect();
        assert_eq!(codes, code);
        assert!(outputs[1].as_ref().unwrap().stdout() == input);
    }
    assert!(!is_sigpipe_pending());
}

#[test]
fn a_program_that_closes_its_input_early_lives_on_while_another_one_is_fed() {
    if !alone(here!()) {
        return;
    }
    default_sigpipe();
    let (sandbox, input) = (sandbox(), pattern(0, 1 << 20));
    let (mut words, stderr) = std::io::pipe().unwrap();
    let closes = script("exec <&-; echo closed >&2; echo out; exec sleep 1000").stderr(stderr);
    let mut closed = sandbox.run_polled(closes.input(input.clone())).unwrap();
    assert_eq!(next_line(&mut closed, &mut words), "closed\n");
    let mut fed = sandbox.run_polled(launch(&["echo"]).input(input.clone())).unwrap();
    for _ in 0..100 {
        assert!(closed.advance().unwrap().is_none());
    }
    assert!(ended(&mut fed).unwrap().stdout() == input);
    closed.kill().unwrap();
    assert_eq!(ended(&mut closed).unwrap().stdout(), b"out\n");
    assert!(!is_sigpipe_pending());
    // The twin: one that came of a pipe of ours is seen.
    let (reader, mut writer) = std::io::pipe().unwrap();
    drop(reader);
    // SAFETY: the set is this thread's.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
    assert!(writer.write_all(b"x").is_err());
    assert!(is_sigpipe_pending());
}

/// A host can have closed its own 0, 1 and 2, whose numbers new descriptors get then.
#[test]
fn a_host_without_standard_descriptors_drives_runs_as_well() {
    if !alone(here!()) {
        return;
    }
    let sandbox = sandbox();
    let handled = sandbox.clone().add_handler("getppid", crate::asked::returning(7)).unwrap();
    let saved = [0, 1, 2].map(|fd| {
        // SAFETY: this process is the test's own; what is closed is put back below.
        unsafe {
            let copy = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 100);
            libc::close(fd);
            copy
        }
    });
    let outputs = [&sandbox, &handled].map(|sandbox| {
        let echo = launch(&["echo"]).input("abc");
        ended(&mut sandbox.run_polled(echo).unwrap())
    });
    for (fd, copy) in (0..).zip(saved) {
        // SAFETY: as above.
        unsafe { libc::dup2(copy, fd) };
    }
    for output in outputs {
        assert_eq!(output.unwrap().stdout(), b"abc");
    }
}

#[test]
fn a_given_descriptor_ends_with_the_run() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let launch = launch(&["print", "1024"]).stdout(OwnedFd::from(writer));
    let mut run = sandbox().run_polled(launch).unwrap();
    assert!(ended(&mut run).unwrap().stdout().is_empty());
    drop(run);
    let mut text = Vec::new();
    reader.read_to_end(&mut text).unwrap();
    assert_eq!(text.len(), 1024);
}
