//! Signals inside a sandbox: programs that live with many of them work as outside.

use std::ffi::OsStr;
use std::process::Command;

use sandlock::{PolicyBuilder, Sandbox};

use crate::harness::{policy, require, says, says_outside};

/// Whether none of the calls failed, and the timer did come.
fn expect_no_failure(printed: &str) {
    let mut calls: Vec<&str> = printed.lines().collect();
    let ticks: u32 = calls.pop().unwrap().strip_prefix("ticks ok ").unwrap().parse().unwrap();
    assert!(ticks >= 14 * 20, "{printed}");
    assert_eq!(calls.len(), 14);
    assert!(calls.iter().all(|line| line.ends_with(" ok 0")), "{printed}");
}

#[test]
fn a_timer_interrupts_no_call_that_does_not_wait() {
    expect_no_failure(&says_outside(&["interrupted"]));
    expect_no_failure(&says(policy(), &["interrupted"]));
}

/// What `command` prints, without the last line end, within a minute.
fn prints(policy: PolicyBuilder, command: &[impl AsRef<OsStr>]) -> String {
    let sandbox = Sandbox::new(policy.build().unwrap()).unwrap();
    let output = sandbox.run(command).unwrap();
    let (printed, errors) = (output.stdout(), String::from_utf8_lossy(output.stderr()));
    assert!(output.success() && errors.is_empty(), "{output:?} {errors}");
    String::from_utf8_lossy(printed).trim_end().to_owned()
}

/// A shell forks three times for each.
#[test]
fn a_thousand_pipelines_of_a_shell_work() {
    let script = "i=0; while [ $i -lt 1000 ]; do echo abc | cat | cat; i=$((i+1)); done";
    let printed = prints(policy().fs_write("/dev/null"), &["sh", "-c", script]);
    assert_eq!(printed, ["abc"; 1000].join("\n"));
}

const PYTHON: &str = "
import os, signal, subprocess, threading, time
ticks = 0
def tick(*_):
    global ticks
    ticks += 1
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def work():
    for _ in range(20):
        subprocess.run(['/bin/true'], check=True)
        time.sleep(0.001)
for _ in range(20):
    pid = os.fork()
    if pid == 0: os._exit(0)
    assert os.waitpid(pid, 0) == (pid, 0)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
assert ticks > 20, ticks
print('done')
";

#[test]
fn python_starts_programs_from_threads_while_a_timer_runs() {
    let python = ["/usr/bin/python3", "-Ic", PYTHON];
    require!(std::path::Path::new(python[0]).exists(), "needs Debian's python3");
    assert_eq!(prints(policy().fs_write("/dev/null"), &python), "done");
}

#[test]
fn make_runs_its_jobs_in_parallel() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "all: $(patsubst %,%.out,$(shell seq 200))\n%.out:\n\t@echo $* | cat > $@\n";
    std::fs::write(folder.path().join("Makefile"), rule).unwrap();
    let command = ["make".as_ref(), "-j8".as_ref(), "-C".as_ref(), folder.path().as_os_str()];
    let printed = prints(policy().fs_write(folder.path()).fs_write("/dev/null"), &command);
    assert!(!printed.contains("Error"), "{printed}");
    for number in 1..=200 {
        let path = folder.path().join(format!("{number}.out"));
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{number}\n"));
    }
}

const GO: &str = r#"
package main

import ("fmt"; "os/exec"; "runtime"; "sync")

func main() {
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			// Loops without calls are preempted by signals.
			for n := 0; n < 20; n++ {
				sum := 0
				for j := 0; j < 5000000; j++ { sum += j }
				if err := exec.Command("/bin/true").Run(); err != nil { panic(err) }
				runtime.GC()
			}
		}()
	}
	all.Wait()
	fmt.Println("done")
}
"#;

/// The build runs compilers in parallel, and the program runs others under signals of its runtime.
#[test]
fn go_builds_and_runs_a_program() {
    require!(Command::new("go").arg("version").output().is_ok(), "needs go");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.go"), GO).unwrap();
    let go = policy()
        .fs_read("/dev/null")
        .fs_write("/dev/null")
        .fs_write(folder.path())
        .env("HOME", folder.path())
        .env("TMPDIR", folder.path())
        .env("GO111MODULE", "off")
        .cwd(folder.path());
    assert_eq!(prints(go.clone(), &["go", "build", "-o", "program", "main.go"]), "");
    let program = folder.path().join("program");
    assert_eq!(prints(go, &[program]), "done");
}
