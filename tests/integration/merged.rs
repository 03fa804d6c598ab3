//! Both outputs as one: `Stdio::stdout`.

use std::io::{Read, Seek};
use std::os::fd::OwnedFd;

use sandlock::{ErrorKind, Launch, Sandbox, Stdio, Step};

use crate::asked::returning;
use crate::harness::{GUEST, again, alone, here, policy, read_to_end};

/// Alternates between its outputs.
const TEXT: &str = "echo 1; echo 2 >&2; echo 3; echo 4 >&2";
const MERGED: &[u8] = b"1\n2\n3\n4\n";

fn sandbox() -> Sandbox {
    Sandbox::new(policy().build().unwrap()).unwrap()
}

fn launch() -> Launch {
    Launch::new(["sh", "-c", TEXT]).stderr(Stdio::stdout())
}

#[test]
fn captured_outputs_that_are_one_keep_their_order() {
    let output = sandbox().run(launch()).unwrap();
    assert_eq!((output.stdout(), output.stderr()), (MERGED, &b""[..]));
    let child = sandbox().spawn(launch()).unwrap().wait().unwrap();
    assert_eq!((child.stdout(), child.stderr()), (MERGED, &b""[..]));
    // The twin: two that are captured are two.
    let apart = sandbox().run(launch().stderr(Stdio::captured())).unwrap();
    assert_eq!((apart.stdout(), apart.stderr()), (&b"1\n3\n"[..], &b"2\n4\n"[..]));
}

/// Far more than a pipe holds.
#[test]
fn outputs_of_any_size_are_kept_in_order_up_to_one_limit() {
    const SIZE: usize = 1 << 20;
    let launch = || Launch::new([GUEST, "print", &SIZE.to_string()]).stderr(Stdio::stdout());
    let output = sandbox().run(launch()).unwrap();
    assert_eq!((output.stdout().len(), output.stderr().len()), (2 * SIZE, 0));
    let output = sandbox().run(launch().capture_limit(1000)).unwrap();
    assert_eq!((output.stdout().len(), output.stdout_dropped()), (1000, 2 * SIZE as u64 - 1000));
    assert_eq!(output.stderr_dropped(), 0);
    let numbers =
        "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); echo $i >&2; i=$((i+1)); done";
    let output = sandbox().run(Launch::new(["sh", "-c", numbers]).stderr(Stdio::stdout())).unwrap();
    let expected: String = (0..2000).map(|number| format!("{number}\n")).collect();
    assert!(output.stdout() == expected.as_bytes());
}

#[test]
fn a_piped_output_has_both_and_the_other_one_is_not_given_out() {
    let child = sandbox().spawn(launch().stdout(Stdio::piped())).unwrap();
    assert!(child.stderr().is_none());
    assert_eq!(read_to_end(child.stdout().unwrap()).as_bytes(), MERGED);
    let output = child.wait().unwrap();
    assert!(output.success() && output.stdout().is_empty() && output.stderr().is_empty());
}

/// Two descriptors of one open file have one position: neither overwrites the other.
#[test]
fn a_file_has_both() {
    let mut file = tempfile::tempfile().unwrap();
    let output = sandbox().run(launch().stdout(file.try_clone().unwrap())).unwrap();
    assert!(output.success() && output.stdout().is_empty());
    let mut text = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut text).unwrap();
    assert_eq!(text, MERGED);
}

#[test]
fn a_given_pipe_ends_when_both_are_closed() {
    let (reader, writer) = std::io::pipe().unwrap();
    let text = "echo 1; exec >&-; echo 2 >&2; exec 2>&-; read line";
    let launch = Launch::new(["sh", "-c", text]).stdin(Stdio::piped());
    let launch = launch.stdout(OwnedFd::from(writer)).stderr(Stdio::stdout());
    let child = sandbox().spawn(launch).unwrap();
    assert_eq!(read_to_end(reader), "1\n2\n");
    assert!(child.try_wait().unwrap().is_none(), "it is still there");
}

#[test]
fn what_is_swallowed_is_swallowed_with_both() {
    let is_null = "[ /dev/stdout -ef /dev/null ] && [ /dev/stderr -ef /dev/null ]";
    let proc = Sandbox::new(policy().fs_read("/proc").fs_read("/dev").build().unwrap()).unwrap();
    let launch = || Launch::new(["sh", "-c", is_null]);
    assert!(proc.run(launch().stdout(Stdio::null()).stderr(Stdio::stdout())).unwrap().success());
    assert!(!proc.run(launch().stdout(Stdio::null())).unwrap().success());
}

/// Whose descriptor 2 is another one, by which it can be told.
#[test]
fn the_callers_own_output_has_both() {
    if let Some(printed) = again(here!(), &["plain"]) {
        assert!(printed.contains("1\n2\n3\n4\n1\n2\n3\n4\n1\n2\n3\n4\n"), "{printed}");
        return;
    }
    println!();
    let inherited = || launch().stdout(Stdio::inherit());
    assert!(sandbox().run(inherited()).unwrap().success());
    assert!(sandbox().spawn(inherited()).unwrap().wait().unwrap().success());
    assert!(sandbox().run(launch().interactive().stderr(Stdio::stdout())).unwrap().success());
}

#[test]
fn other_descriptors_cannot_follow_it() {
    for (number, launch) in
        [(0, launch().stdin(Stdio::stdout())), (1, launch().stdout(Stdio::stdout()))]
    {
        let errors = [
            sandbox().run(&launch).unwrap_err(),
            sandbox().spawn(&launch).unwrap_err(),
            sandbox().run_polled(&launch).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Command);
            assert!(error.to_string().contains(&format!("descriptor {number}")), "{error}");
        }
    }
    assert!(sandbox().run(launch()).unwrap().success());
}

/// Where the caller has closed its own, the number is that of a descriptor of the library, or nobody's.
#[test]
fn an_output_that_the_caller_has_closed_is_not_one_of_the_librarys() {
    if !alone(here!()) {
        return;
    }
    let plain = sandbox();
    let handled = plain.clone().add_handler("getppid", returning(7)).unwrap();
    let launch = || Launch::new(["sh", "-c", "exit 3"]).stdout(Stdio::inherit());
    // SAFETY: this process is the test's own; what is closed is put back below.
    let copy = unsafe { libc::fcntl(1, libc::F_DUPFD_CLOEXEC, 100) };
    let close = || {
        // SAFETY: as above.
        unsafe { libc::close(1) };
    };
    let mut results = Vec::new();
    for sandbox in [&plain, &handled] {
        close();
        results.push(sandbox.run(launch().stderr(Stdio::stdout())));
        close();
        results
            .push(sandbox.spawn(launch().stderr(Stdio::stdout())).and_then(|child| child.wait()));
        close();
        // The twin: a program without one.
        results.push(sandbox.run(launch()));
    }
    // SAFETY: as above.
    unsafe { libc::dup2(copy, 1) };
    for results in results.chunks(3) {
        for refused in &results[..2] {
            let error = refused.as_ref().unwrap_err();
            assert_eq!((error.kind(), error.step()), (ErrorKind::Spawn, Some(Step::Descriptors)));
            assert_eq!(error.errno(), Some(libc::EBADF), "{error}");
        }
        assert_eq!(results[2].as_ref().unwrap().code(), Some(3));
    }
}
