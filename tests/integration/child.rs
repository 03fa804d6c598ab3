//! A program under way: its streams, its signals, waiting for it, and what comes too late.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use sandlock::{Child, ErrorKind, Launch, Reason, Sandbox, Stdio};

use crate::harness::{GUEST, alone, eventually, here, policy};

fn sandbox() -> Sandbox {
    Sandbox::new(policy().build().unwrap()).unwrap()
}

fn launch(action: &[&str]) -> Launch {
    Launch::new([&[GUEST], action].concat())
}

/// The guest with both ends of its life in our hands: it waits for its input to end.
fn waiting() -> Child {
    sandbox().spawn(launch(&["echo"]).stdin(Stdio::piped())).unwrap()
}

/// A guest that does not end by itself, and three descendants, and what they print: who cannot
/// print any more ends.
fn hanging() -> (Child, impl Read) {
    let child = sandbox().spawn(launch(&["family-awake"]).stdout(Stdio::piped())).unwrap();
    let mut stdout = child.stdout().unwrap();
    read_until(&mut stdout, "family ok\n");
    (child, stdout)
}

fn read_until(reader: &mut impl Read, end: &str) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with(end) {
        assert_eq!(reader.read(&mut byte).unwrap(), 1, "{text:?} is all there is");
        text.push(char::from(byte[0]));
    }
    text
}

#[test]
fn bytes_go_in_and_come_out_while_the_program_runs() {
    let child =
        sandbox().spawn(launch(&["echo"]).stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap();
    let (mut stdin, mut stdout) = (child.stdin().unwrap(), child.stdout().unwrap());
    for word in ["one\n", "two\n", "three\n"] {
        stdin.write_all(word.as_bytes()).unwrap();
        assert_eq!(read_until(&mut stdout, "\n"), word);
    }
    drop(stdin);
    let output = child.wait().unwrap();
    assert_eq!((output.code(), output.stderr()), (Some(0), &b"14\n"[..]));
    assert_eq!(stdout.read(&mut [0]).unwrap(), 0, "the end of the stream is the program's");
}

/// Far more than pipes hold, in both directions at once.
#[test]
fn input_of_any_size_is_fed_while_both_outputs_are_collected() {
    for size in [0, 1, 65536, 3 << 20] {
        let input: Vec<u8> = (0..size).map(|index| index as u8).collect();
        let output = sandbox().run(launch(&["echo"]).input(input.clone())).unwrap();
        assert!(output.success());
        assert_eq!(output.stdout(), input);
        assert_eq!(output.stderr(), format!("{size}\n").as_bytes());
    }
}

#[test]
fn a_program_that_reads_nothing_of_its_input_is_no_error() {
    let spawned = sandbox().spawn(launch(&["exit", "3"]).input(vec![b'x'; 1 << 20])).unwrap();
    assert_eq!(spawned.wait().unwrap().code(), Some(3));
    let output = sandbox().run(launch(&["exit", "3"]).input(vec![b'x'; 1 << 20])).unwrap();
    assert_eq!(output.code(), Some(3));
    // The signal that came of it was not left for the host: its default would end this process.
    // SAFETY: asks for the set of this thread.
    let pending = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut set);
        libc::sigismember(&raw const set, libc::SIGPIPE)
    };
    assert_eq!(pending, 0);
}

#[test]
fn what_is_beyond_the_limit_of_capture_is_counted_and_the_program_goes_on() {
    const SIZE: usize = 1 << 20;
    let run = |limit: u64| {
        sandbox().run(launch(&["print", &SIZE.to_string()]).capture_limit(limit)).unwrap()
    };
    for limit in [0, 1, 1000, 65536, SIZE - 1] {
        let output = run(limit as u64);
        assert!(output.success(), "{output:?}");
        for (kept, dropped) in
            [(output.stdout(), output.stdout_dropped()), (output.stderr(), output.stderr_dropped())]
        {
            assert_eq!((kept.len(), dropped), (limit, (SIZE - limit) as u64));
        }
    }
    let output = run(SIZE as u64);
    assert_eq!((output.stdout().len(), output.stdout_dropped()), (SIZE, 0));
}

#[test]
fn descriptors_and_files_are_handed_in_and_stay_the_callers() {
    let mut source = tempfile::tempfile().unwrap();
    source.write_all(b"from a file").unwrap();
    source.rewind().unwrap();
    let mut target = tempfile::tempfile().unwrap();
    let output =
        sandbox().run(launch(&["echo"]).stdin(source).stdout(target.try_clone().unwrap())).unwrap();
    assert!(output.success() && output.stdout().is_empty());
    target.rewind().unwrap();
    let mut text = String::new();
    target.read_to_string(&mut text).unwrap();
    assert_eq!(text, "from a file");
}

#[test]
fn a_reader_of_a_given_descriptor_learns_that_the_program_closed_it() {
    let (reader, writer) = std::io::pipe().unwrap();
    let command = ["sh", "-c", "exec >&-; read line"];
    let launch = Launch::new(command).stdin(Stdio::piped()).stdout(OwnedFd::from(writer));
    let child = sandbox().spawn(launch).unwrap();
    assert_eq!(crate::harness::read_to_end(reader), "");
    assert!(child.try_wait().unwrap().is_none(), "it is still there");
}

#[test]
fn what_was_not_piped_is_not_given_out_and_the_rest_once() {
    let child = waiting();
    assert!(child.stdout().is_none() && child.stderr().is_none());
    assert!(child.stdin().is_some() && child.stdin().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn streams_that_nobody_could_serve_are_typed_errors() {
    let kind = |launch: Launch| sandbox().run(launch).unwrap_err().kind();
    assert_eq!(kind(launch(&["echo"]).stdin(Stdio::piped())), ErrorKind::Command);
    assert_eq!(kind(launch(&["echo"]).stdout(Stdio::piped())), ErrorKind::Command);
    assert_eq!(kind(launch(&["echo"]).stdin(Stdio::captured())), ErrorKind::Command);
}

#[test]
fn a_descriptor_that_is_closed_is_an_error_that_names_its_stream() {
    if !alone(here!()) {
        return;
    }
    let sandbox = sandbox();
    let file = File::open("/dev/null").unwrap();
    let number = file.as_raw_fd();
    let launch = launch(&["exit", "0"]).stderr(file);
    assert!(sandbox.run(&launch).unwrap().success());
    // SAFETY: this process is the test's own, and the number is put to use again below.
    assert_eq!(unsafe { libc::close(number) }, 0);
    let errors = [sandbox.run(&launch).unwrap_err(), sandbox.spawn(&launch).unwrap_err()];
    // SAFETY: as above.
    assert_eq!(unsafe { libc::dup2(0, number) }, number);
    for error in errors {
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, Some(libc::EBADF)), "{error}");
        assert!(error.to_string().contains("descriptor 2"), "{error}");
    }
}

#[test]
fn what_cannot_be_launched_is_an_error_before_anything_starts() {
    let error = |launch: Launch| {
        let error = sandbox().run(&launch).unwrap_err();
        assert_eq!(error, sandbox().spawn(launch).unwrap_err());
        (error.kind(), error.to_string())
    };
    let exit = || launch(&["exit", "0"]);
    for (launch, words) in [
        (exit().env("A=B", "c"), "A=B"),
        (exit().env("", "c"), "empty"),
        (exit().env("A", "b\0c"), "\"A\" holds a NUL"),
        (exit().timeout(Duration::ZERO), "zero"),
        (exit().cwd("/no/such/place"), "/no/such/place"),
        (exit().cwd("/usr\0"), "NUL"),
        (exit().arg("a\0b"), "argument 3"),
    ] {
        let (kind, message) = error(launch);
        assert_eq!(kind, ErrorKind::Command, "{message}");
        assert!(message.contains(words), "{message}");
    }
    assert!(sandbox().run(exit().env("A", "b=c").cwd("/usr")).unwrap().success());
}

#[test]
fn a_launch_serves_many_runs_and_one_program_feeds_another() {
    let (sandbox, print) = (sandbox(), launch(&["echo"]).input("abc"));
    for _ in 0..3 {
        assert_eq!(sandbox.run(&print).unwrap().stdout(), b"abc");
    }
    let first = sandbox.spawn(print.stdout(Stdio::piped())).unwrap();
    let second = launch(&["echo"]).stdin(first.stdout().unwrap());
    assert_eq!(sandbox.run(second).unwrap().stdout(), b"abc");
    assert!(first.wait().unwrap().success());
}

#[test]
fn the_end_of_the_tree_can_be_waited_for_with_poll() {
    let child = waiting();
    let is_readable = |patience: i32| {
        let mut poll =
            libc::pollfd { fd: child.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the kernel reads and writes one structure.
        unsafe { libc::poll(&raw mut poll, 1, patience) == 1 }
    };
    assert!(!is_readable(50));
    drop(child.stdin());
    assert!(is_readable(20_000));
    assert!(child.wait().unwrap().success());
}

#[test]
fn waiting_gives_the_same_answer_as_often_as_it_is_asked() {
    let child = waiting();
    assert!(child.try_wait().unwrap().is_none());
    let start = Instant::now();
    assert!(child.wait_timeout(Duration::from_millis(50)).unwrap().is_none());
    assert!(start.elapsed() >= Duration::from_millis(50));
    // Only who waits for ever closes the program's input.
    drop(child.stdin().unwrap());
    let output = child.wait().unwrap();
    assert_eq!(child.wait().unwrap(), output);
    assert_eq!(child.try_wait().unwrap(), Some(output.clone()));
    assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), Some(output));
}

#[test]
fn many_threads_can_wait_for_one_program() {
    let child = waiting();
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..8).map(|_| scope.spawn(|| child.wait().unwrap())).collect();
        drop(child.stdin());
        for waiter in waiters {
            assert!(waiter.join().unwrap().success());
        }
    });
}

#[test]
fn kill_ends_the_tree_and_says_so() {
    let (child, _stdout) = hanging();
    assert_eq!(child.processes().unwrap().len(), 4, "{:?}", child.processes());
    child.kill().unwrap();
    let output = child.wait().unwrap();
    assert_eq!((output.reason(), output.signal()), (Reason::Killed, Some(libc::SIGKILL)));
    // The twin: the same signal from somebody else.
    let (child, _stdout) = hanging();
    child.signal(libc::SIGKILL).unwrap();
    let output = child.wait().unwrap();
    assert_eq!((output.reason(), output.signal()), (Reason::Signaled, Some(libc::SIGKILL)));
}

#[test]
fn what_comes_too_late_changes_nothing() {
    let child = waiting();
    let output = child.wait().unwrap();
    child.kill().unwrap();
    child.signal(libc::SIGTERM).unwrap();
    child.pause().unwrap();
    child.resume().unwrap();
    assert_eq!(child.processes().unwrap(), []);
    assert_eq!(child.usage().unwrap(), output.usage());
    assert_eq!(child.wait().unwrap().reason(), Reason::Exited);
    assert!(waiting().signal(1000).is_err(), "no such signal");
}

#[test]
fn a_signal_reaches_the_program_itself() {
    let (child, _stdout) = hanging();
    child.signal(libc::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
}

/// The state letters of the processes, from /proc.
fn states(child: &Child) -> Vec<char> {
    let state = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().chars().next().unwrap()
    };
    child.processes().unwrap().into_iter().map(|process| state(process.pid)).collect()
}

#[test]
fn pause_stops_the_whole_tree_and_resume_lets_it_go_on() {
    let (child, _stdout) = hanging();
    eventually(|| states(&child) == ['S'; 4]);
    child.pause().unwrap();
    assert!(states(&child).iter().all(|state| *state == 'T'), "{:?}", states(&child));
    child.resume().unwrap();
    eventually(|| states(&child) == ['S'; 4]);
    child.pause().unwrap();
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
}

/// Parents in vfork(2) do not stop before their children are programs.
#[test]
fn a_tree_that_starts_programs_all_the_time_can_be_paused() {
    let child = sandbox().spawn(launch(&["churn"]).stdout(Stdio::piped())).unwrap();
    let mut stdout = child.stdout().unwrap();
    read_until(&mut stdout, "churn ok\n");
    for _ in 0..50 {
        child.pause().unwrap();
        let paused = child.processes().unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(child.processes().unwrap(), paused);
        child.resume().unwrap();
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().reason(), Reason::Killed);
}

/// The kernel shows it as ended while its other threads run.
#[test]
fn a_process_without_its_first_thread_is_paused_too() {
    let child = sandbox().spawn(launch(&["headless"]).stdout(Stdio::piped())).unwrap();
    let mut stdout = File::from(OwnedFd::from(child.stdout().unwrap()));
    let prints = |stdout: &File| {
        let mut poll = libc::pollfd { fd: stdout.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the kernel reads and writes one structure.
        unsafe { libc::poll(&raw mut poll, 1, 200) == 1 }
    };
    for _ in 0..3 {
        assert!(prints(&stdout));
        child.pause().unwrap();
        assert_ne!(stdout.read(&mut [0; 65536]).unwrap(), 0);
        assert!(!prints(&stdout), "it runs on");
        child.resume().unwrap();
    }
}

/// More processes than this one can have descriptors, and commands as long as they like.
#[test]
fn listing_takes_no_more_than_a_few_descriptors_and_bytes() {
    if !alone(here!()) {
        return;
    }
    let launch = Launch::new(["sh", "-c", "for i in $(seq 200); do sleep 60 & done; echo; wait"]);
    // From which shells have the input of what runs in the background.
    let sandbox = Sandbox::new(policy().fs_read("/dev/null").build().unwrap()).unwrap();
    let child = sandbox.spawn(launch.arg("x".repeat(100_000)).stdout(Stdio::piped())).unwrap();
    let mut stdout = child.stdout().unwrap();
    read_until(&mut stdout, "\n");
    let limit = libc::rlimit { rlim_cur: 40, rlim_max: 40 };
    // SAFETY: the kernel reads one structure; this process is the test's own.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    let processes = child.processes().unwrap();
    assert_eq!(processes.len(), 201);
    let bytes: usize = processes[0].command.iter().map(|word| word.len()).sum();
    assert!((100..=4096).contains(&bytes), "{bytes}");
    child.pause().unwrap();
    assert_eq!(states(&child), ['T'; 201]);
}

#[test]
fn time_goes_on_for_a_paused_tree() {
    let limit = Duration::from_millis(400);
    let child = sandbox().spawn(launch(&["hang"]).timeout(limit)).unwrap();
    child.pause().unwrap();
    assert_eq!(child.wait().unwrap().reason(), Reason::Timeout);
}

#[test]
fn processes_are_listed_with_parents_and_commands() {
    let (child, _stdout) = hanging();
    let processes = child.processes().unwrap();
    let program = &processes[0];
    assert_eq!((program.pid, program.command.len()), (child.id(), 2));
    assert_eq!(program.command[0], GUEST);
    // Their own parents have ended: the keeper is everybody's.
    for process in &processes {
        assert_eq!(process.parent, program.parent, "{processes:?}");
    }
}

#[test]
fn usage_grows_while_the_program_runs() {
    let launch = launch(&["spin", "300"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let child = sandbox().spawn(launch).unwrap();
    read_until(&mut child.stdout().unwrap(), "spin ok\n");
    let before = child.usage().unwrap();
    // As far as the ticks of the kernel tell.
    assert!(before.user + before.system >= Duration::from_millis(250), "{before:?}");
    assert!(before.wall >= Duration::from_millis(250), "{before:?}");
    assert!(before.peak_memory.unwrap() > 100 << 10, "{before:?}");
    let used = child.wait().unwrap().usage();
    assert!(used.user + used.system >= Duration::from_millis(300), "{used:?}");
    assert!(used.wall >= before.wall, "{before:?} {used:?}");
}

#[test]
fn a_start_that_fails_is_told_by_spawn_itself() {
    let kind = |launch: Launch| sandbox().spawn(launch).unwrap_err().kind();
    assert_eq!(kind(Launch::new([""; 0])), ErrorKind::Command);
    assert_eq!(kind(Launch::new(["no-such-command"])), ErrorKind::NotFound);
    assert_eq!(kind(Launch::new(["/etc/passwd"])), ErrorKind::CannotExecute);
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), "no program\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(script.path(), mode).unwrap();
    let granted = policy().fs_read(script.path()).build().unwrap();
    let path = script.into_temp_path();
    let error = Sandbox::new(granted).unwrap().spawn([&path]).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::CannotExecute, Some(libc::ENOEXEC)));
}

#[test]
fn a_launch_has_a_directory_variables_and_a_time_of_its_own() {
    let output = sandbox().run(launch(&["directory"]).cwd("/usr")).unwrap();
    assert_eq!(output.stdout(), b"directory ok /usr\n");
    let both = Sandbox::new(policy().env("A", "policy").env("B", "policy").build().unwrap());
    let output = both.unwrap().run(launch(&["environment"]).env("A", "launch")).unwrap();
    let printed = String::from_utf8_lossy(output.stdout()).into_owned();
    let has = |line: &str| printed.lines().filter(|other| *other == line).count();
    assert_eq!((has("A=launch"), has("A=policy"), has("B=policy")), (1, 0, 1), "{printed}");
    let limit = Duration::from_millis(200);
    let output = sandbox().run(launch(&["hang"]).timeout(limit)).unwrap();
    assert_eq!(output.reason(), Reason::Timeout);
}

#[test]
fn a_batch_keeps_its_order_and_its_failures() {
    let launches = (0..40).map(|number| match number {
        13 => Launch::new(["no-such-command"]),
        _ => launch(&["exit", &number.to_string()]),
    });
    let results = sandbox().run_all(launches, 8);
    assert_eq!(results.len(), 40);
    for (number, result) in results.into_iter().enumerate() {
        match result {
            Err(error) => assert_eq!((number, error.kind()), (13, ErrorKind::NotFound)),
            Ok(output) => assert_eq!(output.code(), Some(number as i32)),
        }
    }
    assert!(sandbox().run_all(Vec::<Launch>::new(), 0).is_empty());
    assert!(sandbox().run_all([launch(&["exit", "0"])], 0)[0].as_ref().unwrap().success());
}

#[test]
fn two_hundred_programs_of_one_sandbox_run_at_once_from_eight_threads() {
    let sandbox = sandbox();
    let start = || sandbox.spawn(launch(&["echo"]).stdin(Stdio::piped())).unwrap();
    let many = || (0..25).map(|_| start()).collect::<Vec<_>>();
    let all: Vec<Child> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(many)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(all.len(), 200);
    for child in all {
        assert!(child.try_wait().unwrap().is_none(), "it waits for its input");
        assert!(child.wait().unwrap().success());
    }
}

/// A stop and an end in the same moment: the status of the end is what counts.
#[test]
fn a_program_that_is_stopped_and_killed_at_once_has_a_status() {
    let sandbox = sandbox();
    for round in 0..200 {
        let output = sandbox.run(launch(&["stop-and-die", &(round * 3).to_string()])).unwrap();
        assert_eq!((output.reason(), output.signal()), (Reason::Signaled, Some(libc::SIGKILL)));
    }
}
