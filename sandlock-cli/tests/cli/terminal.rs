//! `sandlock run` in a terminal, as a user of a shell meets it, and signals that are sent to it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::harness::{GRANTS, SANDLOCK, command};

const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with a session of its own on it.
struct Terminal {
    master: File,
    slave: OwnedFd,
    process: Child,
    printed: Receiver<Vec<u8>>,
    unread: String,
}

impl Terminal {
    /// Runs `words` as the leader of the session.
    fn with(words: &[&str]) -> Terminal {
        // Wide, so that no shell breaks the lines that are typed.
        let size = Winsize { ws_row: 24, ws_col: 500, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        // The ends must not reach the programs: the terminal is hung up when ours is closed.
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let stdio = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut leader = command("setsid");
        leader.args(["--ctty", "--wait"]).args(words);
        leader.env("PS1", "ready> ").env("TERM", "dumb").env("SANDLOCK", SANDLOCK);
        let process = leader.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        let (sender, printed) = channel();
        let mut reader = File::from(pty.master.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut block = [0; 4096];
            // EIO: nobody has the terminal open any more.
            while let Ok(length @ 1..) = reader.read(&mut block) {
                if sender.send(block[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        let master = File::from(pty.master);
        Terminal { master, slave: pty.slave, process, printed, unread: String::new() }
    }

    /// An interactive shell in which `run` stands for the command with the usual grants.
    fn with_shell() -> Terminal {
        let mut terminal = Terminal::with(&["bash", "--norc", "--noprofile", "-i"]);
        terminal.expect("ready> ");
        let grants = GRANTS.join(" ");
        let run = "$SANDLOCK run -w /dev/null -w /dev/tty";
        terminal.line(&format!("run() {{ {run} {grants} -r /bin -- \"$@\"; }}"));
        terminal.expect("ready> ");
        terminal
    }

    /// Types a line. The terminal echoes it.
    fn line(&mut self, text: &str) {
        self.type_in(&format!("{text}\n"));
        self.expect("\r\n");
    }

    fn type_in(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until `text` has been printed, and returns what came before it.
    fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((before, after)) = self.unread.split_once(text) {
                let before = before.to_owned();
                self.unread = after.to_owned();
                return before;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.printed.recv_timeout(left) {
                Ok(block) => self.unread.push_str(&String::from_utf8_lossy(&block)),
                Err(_) => panic!("{text:?} was not printed: {:?}", self.unread),
            }
        }
    }

    /// What stty(1) says or does to the terminal.
    fn stty(&self, words: &[&str]) -> String {
        let mut stty = Command::new("stty");
        let output = stty.args(words).stdin(self.slave.try_clone().unwrap()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The session ends with its leader, which may have ended already.
        let _ended = (self.process.kill(), self.process.wait());
    }
}

const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";

#[test]
fn ctrl_c_reaches_the_program_and_its_answer_is_the_status() {
    let mut terminal = Terminal::with_shell();
    // Not waiting, which can begin just after the signal.
    terminal
        .line("run sh -c 'trap \"echo caught; exit 7\" INT; echo be\"\"gun; while :; do :; done'");
    terminal.expect("begun");
    terminal.type_in(CTRL_C);
    terminal.expect("caught");
    terminal.expect("ready> ");
    terminal.line("echo status $?");
    terminal.expect("status 7");
    // One that does nothing about it ends by the signal.
    terminal.expect("ready> ");
    terminal.line("run sh -c 'echo be\"\"gun; read line'");
    terminal.expect("begun");
    terminal.type_in(CTRL_C);
    terminal.expect("ready> ");
    terminal.line("echo status $?");
    terminal.expect("status 130");
}

/// As around any other program that dies of the signal itself.
#[test]
fn ctrl_c_ends_the_loop_around_the_program_too() {
    let mut terminal = Terminal::with_shell();
    for (end, goes_on) in [("while :; do :; done", false), ("trap \"exit 7\" INT; read x", true)] {
        terminal.line(&format!(
            "for round in 1 2; do run sh -c 'echo be\"\"gun; {end}'; echo round $?; done"
        ));
        terminal.expect("begun");
        std::thread::sleep(Duration::from_millis(100));
        terminal.type_in(CTRL_C);
        if goes_on {
            terminal.expect("round 7");
            terminal.expect("begun");
            std::thread::sleep(Duration::from_millis(100));
            terminal.type_in(CTRL_C);
        }
        let printed = terminal.expect("ready> ");
        assert_eq!(printed.contains("round"), goes_on, "{printed}");
    }
}

/// The kernel tells the leader of the session alone.
#[test]
fn a_terminal_that_is_closed_ends_the_program() {
    for redirection in ["", "2>/dev/null"] {
        let script = format!(
            "exec \"$SANDLOCK\" run {} -r /bin -- sh -c 'echo $$ begun; while :; do sleep 1; done' {redirection}",
            GRANTS.join(" ")
        );
        let mut terminal = Terminal::with(&["sh", "-c", &script]);
        let begun = terminal.expect(" begun");
        let program: i32 = begun.trim().parse().unwrap();
        let is_there = || kill(Pid::from_raw(program), None).is_ok();
        assert!(is_there());
        drop(terminal);
        let deadline = Instant::now() + PATIENCE;
        while is_there() {
            assert!(Instant::now() < deadline, "the program lives on without its terminal");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The partner reads the keys, as a pager does: it must not find itself in the background.
#[test]
fn a_pipeline_keeps_the_terminal_for_all_of_it() {
    let mut terminal = Terminal::with_shell();
    let pager = "(read key < /dev/tty; echo got $key; cat)";
    terminal.line(&format!("run sh -c 'echo be\"\"gun >&2; echo text' | {pager}"));
    terminal.expect("begun");
    terminal.line("key");
    terminal.expect("got key");
    terminal.expect("text");
    terminal.expect("ready> ");
    // What the terminal sends reaches all of it, and the program once.
    // Not with bash, which can run a trap twice for one signal that its child gets, too.
    let count = "import os, signal, time\\n\
                 say = lambda word: os.write(2, word.encode() + bytes([10]))\\n\
                 signal.signal(signal.SIGINT, lambda *_: say('ca' 'ught'))\\n\
                 say('be' 'gun')\\n\
                 time.sleep(0.9)";
    terminal.line(&format!("run /usr/bin/python3 -c \"exec(\\\"{count}\\\")\" | cat"));
    terminal.expect("begun");
    terminal.type_in(CTRL_C);
    let printed = terminal.expect("ready> ");
    assert_eq!(printed.matches("caught").count(), 1, "{printed}");
}

#[test]
fn ctrl_z_stops_the_job_and_the_shell_lets_it_go_on() {
    stop_and_go_on(Terminal::with_shell());
}

/// A signal that the first thread has blocked is kept, also while it is ignored.
#[test]
fn ctrl_z_stops_a_command_once_that_was_started_with_the_signal_blocked() {
    let mut terminal = Terminal::with_shell();
    let block = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTSTP])";
    let execute = "os.execvp(sys.argv[1], sys.argv[1:])";
    terminal.line(&format!(
        "blocked() {{ python3 -c 'import os, signal, sys; {block}; {execute}' \"$@\"; }}"
    ));
    terminal.expect("ready> ");
    let grants = GRANTS.join(" ");
    terminal.line(&format!(
        "run() {{ blocked $SANDLOCK run -w /dev/tty {grants} -r /bin -- \"$@\"; }}"
    ));
    terminal.expect("ready> ");
    stop_and_go_on(terminal);
}

fn stop_and_go_on(mut terminal: Terminal) {
    // Without forks, as a shell cannot be stopped while its child is not a program yet (vfork), and
    // without waiting, which can begin just after the signal.
    terminal
        .line("run sh -c 'trap \"echo ag\\\"\\\"ain\" CONT; echo be\"\"gun; while :; do :; done'");
    terminal.expect("begun");
    for _ in 0..5 {
        terminal.type_in(CTRL_Z);
        terminal.expect("Stopped");
        terminal.expect("ready> ");
        terminal.line("fg");
        // A key that comes before the program goes on is lost, as in every shell.
        terminal.expect("again");
    }
    terminal.type_in(CTRL_C);
    terminal.expect("ready> ");
    terminal.line("echo status $?");
    terminal.expect("status 130");
}

#[test]
fn a_job_in_the_background_leaves_the_terminal_alone_until_it_is_brought_back() {
    let mut terminal = Terminal::with_shell();
    terminal.line("run sh -c 'read line; echo got $line' &");
    terminal.expect("ready> ");
    terminal.line("echo still $((40 + 2))");
    terminal.expect("still 42");
    terminal.expect("ready> ");
    terminal.line("fg");
    terminal.expect("run");
    terminal.line("that");
    terminal.expect("got that");
    terminal.expect("ready> ");
}

#[test]
fn a_shell_inside_controls_jobs_of_its_own() {
    let mut terminal = Terminal::with_shell();
    terminal.line("PS1='inner> ' run bash --norc --noprofile -i");
    terminal.expect("inner> ");
    // What is typed before it runs would not be its own.
    terminal.line("sh -c 'echo be\"\"gun; exec cat'");
    terminal.expect("begun");
    terminal.type_in(CTRL_Z);
    terminal.expect("Stopped");
    terminal.expect("inner> ");
    terminal.line("fg");
    terminal.expect("exec cat'\r\n");
    terminal.line("a line");
    terminal.expect("a line");
    terminal.type_in(CTRL_C);
    terminal.expect("inner> ");
    terminal.line("exit 5");
    terminal.expect("ready> ");
    terminal.line("echo status $?");
    terminal.expect("status 5");
}

#[test]
fn a_change_of_size_reaches_the_program() {
    let mut terminal = Terminal::with_shell();
    terminal
        .line("run sh -c 'trap \"stty size\" WINCH; echo be\"\"gun; while read line; do :; done'");
    terminal.expect("begun");
    terminal.stty(&["rows", "33"]);
    // dash waits for the end of its read first.
    terminal.line("");
    terminal.expect("33 500");
}

#[test]
fn a_terminal_is_given_back_as_it_was_by_a_program_that_is_killed() {
    let end = "echo ended; read line";
    let raw = "stty raw -echo; echo begun; read line; kill -KILL $$";
    let script = format!("\"$SANDLOCK\" run {} -r /bin -- sh -c '{raw}'; {end}", GRANTS.join(" "));
    let mut terminal = Terminal::with(&["sh", "-c", &script]);
    terminal.expect("begun");
    assert!(terminal.stty(&["-a"]).contains("-icanon"), "the program has changed it");
    terminal.type_in("\n");
    terminal.expect("ended");
    let modes = terminal.stty(&["-a"]);
    assert!(modes.contains(" icanon") && modes.contains(" echo "), "{modes}");
    terminal.line("");
}

/// Starts `sandlock run` without a terminal, and waits until the program has begun.
fn begun(script: &str) -> (Child, impl Read) {
    let mut process = command(SANDLOCK)
        .args(["run", "-t", "60"])
        .args(GRANTS)
        .args(["--", "sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = process.stdout.take().unwrap();
    let mut line = [0; 6];
    stdout.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"begun\n");
    (process, stdout)
}

#[test]
fn signals_that_ask_for_an_end_are_passed_on() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let name = signal.as_str().trim_start_matches("SIG");
        let caught = format!("trap 'exit 9' {name}; echo begun; while :; do sleep 0.01; done");
        let (mut process, _stdout) = begun(&caught);
        kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(9), "{signal}");
        let (mut process, _stdout) = begun("echo begun; while :; do sleep 0.01; done");
        kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
        assert_eq!(process.wait().unwrap().code(), Some(128 + signal as i32), "{signal}");
    }
}

/// As a supervisor does that ends a whole group: the program hears of it once, from us.
#[test]
fn a_signal_to_the_group_reaches_the_program_once() {
    let script = "count=0; trap 'count=$((count + 1))' TERM; echo begun; \
        for i in 1 2 3 4 5 6 7 8 9; do sleep 0.05; done; echo $count";
    let mut process = command("setsid");
    process
        .args([SANDLOCK, "run", "-t", "60"])
        .args(GRANTS)
        .args(["-r", "/bin", "--", "bash", "-c", script]);
    process.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = process.spawn().unwrap();
    let mut stdout = process.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 6]).unwrap();
    killpg(Pid::from_raw(process.id().cast_signed()), Signal::SIGTERM).unwrap();
    let mut printed = String::new();
    stdout.read_to_string(&mut printed).unwrap();
    assert_eq!((printed.as_str(), process.wait().unwrap().code()), ("1\n", Some(0)));
}
