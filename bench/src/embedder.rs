//! A program in another language that embeds the library, and measures in its own process what it
//! is asked for.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::grants;
use crate::trapped::{self, Subject};

pub(crate) struct Embedder {
    child: Child,
    streams: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Embedder {
    /// Its last arguments are the paths that its sandboxes may read.
    pub(crate) fn start(command: &mut Command) -> Embedder {
        let mut child = command
            .arg(trapped::PROGRAM)
            .args(grants::directories())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let streams = child.stdin.take().zip(child.stdout.take()).expect("pipes");
        let (input, output) = streams;
        Embedder { child, streams: RefCell::new((input, BufReader::new(output))) }
    }

    pub(crate) fn end(mut self) {
        drop(self.streams);
        assert!(self.child.wait().expect("it ends").success());
    }

    pub(crate) fn subject<'a>(&'a self, name: &'a str) -> Subject<'a> {
        Box::new(move || {
            let (input, output) = &mut *self.streams.borrow_mut();
            writeln!(input, "{name}").expect("it reads");
            let mut line = Vec::new();
            output.read_until(b'\n', &mut line).expect("it answers");
            trapped::parse(&line)
        })
    }
}
