//! What tests share: the binary, grants that let ordinary programs start, and what came of a run.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The path of the command.
pub(crate) const SANDLOCK: &str = env!("CARGO_BIN_EXE_sandlock");

/// Flags under which programs of the system can start.
pub(crate) const GRANTS: [&str; 6] =
    ["--fs-read", "/usr", "--fs-read-if-exists", "/lib", "--fs-read-if-exists", "/lib64"];

/// How the command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The lines on descriptor 2, which are all errors of sandlock.
    pub(crate) fn errors(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines
            .map(|line| {
                line.strip_prefix("sandlock: ").unwrap_or_else(|| panic!("{line:?} in {self:?}"))
            })
            .collect()
    }

    /// The one error of a command that failed with `status`.
    pub(crate) fn error(&self, status: i32) -> &str {
        let errors = self.errors();
        assert_eq!((self.status, errors.len()), (status, 1), "{self:?}");
        errors[0]
    }

    /// What a command printed that went well and had nothing to complain of.
    pub(crate) fn printed(&self) -> &str {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{self:?}");
        &self.stdout
    }

    /// The same, as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.printed()).unwrap()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        Ended {
            status: output.status.code().unwrap_or_else(|| panic!("{:?}", output.status)),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// `program` with a known environment and nothing to read.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    command.stdin(Stdio::null());
    command
}

/// Runs the command with `arguments`.
pub(crate) fn sandlock<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ended {
    command(SANDLOCK).args(arguments).output().unwrap().into()
}

/// Runs `program` with `flags` and the usual grants.
pub(crate) fn run(flags: &[&str], program: &[&str]) -> Ended {
    sandlock([&["run"], &GRANTS[..], flags, &["--"], program].concat())
}

/// A path as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
