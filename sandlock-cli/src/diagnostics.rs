//! How errors are told: one line each on descriptor 2, beginning `sandlock: `.

use std::io::{self, Write};

use crate::exit;

/// Why a command failed: the lines to print and the exit status.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    lines: Vec<String>,
}

impl Failure {
    /// A failure of sandlock itself, with one line.
    pub(crate) fn new(line: impl Into<String>) -> Failure {
        Failure { status: exit::FAILED, lines: vec![line.into()] }
    }

    /// Puts a way out behind the last line.
    pub(crate) fn with_hint(mut self, hint: &str) -> Failure {
        if let Some(line) = self.lines.last_mut() {
            line.push_str(&format!(" (hint: {hint})"));
        }
        self
    }

    /// Says in each line where it comes from.
    pub(crate) fn in_place(mut self, place: &str) -> Failure {
        for line in &mut self.lines {
            line.insert_str(0, &format!("{place}: "));
        }
        self
    }

    /// What the parser of the command line found, without its page of usage.
    pub(crate) fn usage(error: &clap::Error) -> Failure {
        let text = error.render().to_string();
        let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let words: Vec<&str> = message.split_whitespace().collect();
        let failure = Failure::new(words.join(" "));
        let line_with = |prefix| rest.lines().find_map(|line| line.trim().strip_prefix(prefix));
        match (line_with("tip: "), line_with("Usage: ")) {
            (Some(tip), _) => failure.with_hint(tip),
            (None, Some(usage)) => failure.with_hint(&format!("usage is {usage}")),
            (None, None) => failure.with_hint("see --help"),
        }
    }

    /// Both values, or every line of both failures.
    pub(crate) fn join<A, B>(
        one: Result<A, Failure>,
        other: Result<B, Failure>,
    ) -> Result<(A, B), Failure> {
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            (Ok(_), Err(failure)) | (Err(failure), Ok(_)) => Err(failure),
            (Err(mut one), Err(other)) => {
                one.lines.extend(other.lines);
                Err(one)
            }
        }
    }

    /// One failure with the lines of all.
    pub(crate) fn collect(failures: impl IntoIterator<Item = Failure>) -> Option<Failure> {
        failures.into_iter().reduce(|mut all, one| {
            all.lines.extend(one.lines);
            all
        })
    }

    /// Prints the lines and returns the exit status.
    pub(crate) fn report(&self) -> u8 {
        let mut stderr = io::stderr().lock();
        for line in &self.lines {
            // Where descriptor 2 takes nothing, the exit status is all that is left to tell.
            if writeln!(stderr, "sandlock: {}", on_one_line(line)).is_err() {
                break;
            }
        }
        self.status
    }
}

impl From<sandlock::Error> for Failure {
    fn from(error: sandlock::Error) -> Failure {
        let status = exit::of_error(error.kind());
        let problems = error.problems();
        if problems.len() < 2 {
            return Failure { status, lines: vec![error.to_string()] };
        }
        let failure = Failure { status, lines: problems.iter().map(ToString::to_string).collect() };
        match error.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

/// The system's text for a failed operation, without Rust's `(os error n)`.
pub(crate) fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(errno) => nix::errno::Errno::from_raw(errno).desc().to_owned(),
        None => error.to_string(),
    }
}

/// Names of files can hold line ends and escape sequences; a terminal gets neither.
fn on_one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandlock::Policy;

    #[test]
    fn each_problem_is_a_line() {
        let error = Policy::from_toml("limits.memry = 1\nfs.reed = []").unwrap_err();
        let failure = Failure::from(error).in_place("x.toml");
        assert_eq!(
            failure.lines,
            [
                "x.toml: fs.reed: unknown setting; did you mean fs.read?",
                "x.toml: limits.memry: unknown setting"
            ]
        );
    }

    #[test]
    fn usage_errors_become_one_line_with_a_hint() {
        for arguments in [
            &["sandlock"][..],
            &["sandlock", "rnu"],
            &["sandlock", "run"],
            &["sandlock", "run", "--fs-raed", "/usr", "true"],
            &["sandlock", "run", "--fs-read"],
            &["sandlock", "run", "--status-fd", "x", "true"],
            &["sandlock", "check", "\u{1b}[31m\n\n"],
        ] {
            let error = crate::command().try_get_matches_from(arguments).unwrap_err();
            let failure = Failure::usage(&error);
            assert_eq!((failure.status, failure.lines.len()), (exit::FAILED, 1), "{arguments:?}");
            let line = &failure.lines[0];
            assert!(line.contains(" (hint: ") && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(on_one_line("a\nb\u{1b}[31mc\u{9b}é"), "a\\nb\\u{1b}[31mc\\u{9b}é");
    }
}
