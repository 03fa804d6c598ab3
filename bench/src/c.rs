//! The C library against the floors that the Rust library is measured against: a C program that
//! embeds it, and what it costs to load.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use sandlock::Syscall;

use crate::embedder::Embedder;
use crate::handlers::{answer, answer_path, chained, handled};
use crate::library::Library;
use crate::rounds::{interleave, median, median_difference};
use crate::spawn::Spawn;
use crate::start::timed;
use crate::table::{Amount, Row, Unit};
use crate::trapped::{self, Subject, bare, inside, row};

const ANSWER_GOAL: f64 = 1.2;
const CHAIN_GOAL: f64 = 1.3;
const RUN_GOAL: f64 = 1.3;
const LOAD_GOAL: f64 = 1e6;
const SIZE_GOAL_KIB: f64 = 3.0 * 1024.0;
const ANSWER_ROUNDS: usize = 25;
const RUN_ROUNDS: usize = 60;
const LOAD_ROUNDS: usize = 200;

const LOAD: &str = concat!(env!("OUT_DIR"), "/load");
const NOTHING: &str = concat!(env!("OUT_DIR"), "/nothing");
const EMPTY: &str = concat!(env!("OUT_DIR"), "/libempty.so");

/// What C programs pay, with what loading the library costs once.
pub(crate) fn figures() -> (Vec<Row>, Vec<Amount>) {
    let library = Library::new();
    let program = library.link("embedder", &["embedder.c", "timing.c"]);
    let embedder = Embedder::start(&mut Command::new(program));
    let mut rows = answered(&embedder);
    rows.extend(run(&embedder));
    embedder.end();
    let (loaded, amounts) = load(&library);
    rows.extend(loaded);
    (rows, amounts)
}

fn answered(embedder: &Embedder) -> Vec<Row> {
    let one = handled(Syscall::GETPPID, answer);
    let chain = chained();
    let path = handled(Syscall::CHDIR, answer_path);
    let [floor, path_floor, one, c_one, chain, c_chain, path, c_path] = interleave(
        [
            bare("answered"),
            bare("path"),
            inside(&one, "answered"),
            embedder.subject("answered"),
            inside(&chain, "answered"),
            embedder.subject("chain"),
            inside(&path, "path"),
            embedder.subject("path"),
        ],
        ANSWER_ROUNDS,
    );
    vec![
        row("a C handler's answer", &floor, &c_one, Some(ANSWER_GOAL)),
        row("the same from Rust", &floor, &one, Some(ANSWER_GOAL)),
        row("C, observer and two handlers", &floor, &c_chain, Some(CHAIN_GOAL)),
        row("the same from Rust", &floor, &chain, Some(CHAIN_GOAL)),
        row("C, with a path of 64 bytes", &path_floor, &c_path, Some(ANSWER_GOAL)),
        row("the same from Rust", &path_floor, &path, Some(ANSWER_GOAL)),
    ]
}

fn run(embedder: &Embedder) -> Vec<Row> {
    let spawn = Spawn::new(c"/bin/true");
    let sandbox = trapped::sandbox();
    let [c_floor, c_run, floor, run] = interleave(
        [
            embedder.subject("spawn"),
            embedder.subject("run"),
            timed(|| spawn.inherit()),
            timed(|| assert!(sandbox.run(["/bin/true"]).expect("run").success())),
        ],
        RUN_ROUNDS,
    );
    vec![
        row("sandlock_sandbox_run", &c_floor, &c_run, Some(RUN_GOAL)),
        row("the same from Rust", &floor, &run, Some(RUN_GOAL)),
    ]
}

/// A process that loads the library, and the start of one that is linked with it.
fn load(library: &Library) -> (Vec<Row>, Vec<Amount>) {
    let linked = library.link("linked", &["nothing.c"]);
    let starts = [Path::new(NOTHING), &linked].map(spawn);
    let [empty, loaded, unlinked, linked] = interleave(
        [
            opened(Path::new(EMPTY)),
            opened(library.file()),
            timed(|| starts[0].inherit()),
            timed(|| starts[1].inherit()),
        ],
        LOAD_ROUNDS,
    );
    let threads = print_of(Command::new(LOAD).arg(library.file()).arg("threads"));
    let size = library.stripped_size() as f64 / 1024.0;
    let rows = vec![
        row("dlopen, to an empty library", &empty, &loaded, None),
        row("start of a linked program", &unlinked, &linked, None),
    ];
    let amount = |name, ours, goal, unit| Amount { name, ours, goal, unit };
    let amounts = vec![
        amount("dlopen", median(loaded.iter().copied()), LOAD_GOAL, Unit::Nanoseconds),
        amount(
            "dlopen, more than an empty one",
            median_difference(&empty, &loaded),
            LOAD_GOAL,
            Unit::Nanoseconds,
        ),
        amount(
            "a linked start, more",
            median_difference(&unlinked, &linked),
            LOAD_GOAL,
            Unit::Nanoseconds,
        ),
        amount("threads after dlopen", threads, 1.0, Unit::One),
        amount("the library, stripped", size, SIZE_GOAL_KIB, Unit::Kib),
    ];
    (rows, amounts)
}

fn spawn(program: &Path) -> Spawn {
    Spawn::new(CString::new(program.as_os_str().as_bytes()).expect("paths hold no NUL"))
}

fn opened(library: &Path) -> Subject<'_> {
    Box::new(move || print_of(Command::new(LOAD).arg(library)))
}

fn print_of(command: &mut Command) -> f64 {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    trapped::parse(&output.stdout)
}
