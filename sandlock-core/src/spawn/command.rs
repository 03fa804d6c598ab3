//! The command: found, checked and turned into what execve(2) takes, before anything runs.

use std::ffi::{CString, NulError, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat};

use super::directory::Directory;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Variable;
use crate::text::{describe_errno, errno_of, one_line};

/// Where commands are looked for when the program's environment has no PATH, as execvp(3) does.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A command that exists and is executable as far as file permissions go.
#[derive(Debug)]
pub(crate) struct Command {
    /// What is executed.
    pub(crate) path: PathBuf,
    pub(crate) path_text: CString,
    pub(crate) argv: Vec<CString>,
    pub(crate) envp: Vec<CString>,
    /// Where it starts; `None` for the caller's directory.
    pub(crate) directory: Option<Directory>,
}

impl Command {
    /// Finds the command of `arguments`, relative to `directory` and the PATH of `environment`,
    /// without the first `skipped` of those that are found there.
    pub(crate) fn new(
        arguments: &[OsString],
        environment: Vec<Variable>,
        directory: Option<Directory>,
        skipped: usize,
    ) -> Result<Command> {
        let argument = |(index, argument): (usize, &OsString)| {
            text(argument).map_err(|_| match index {
                0 => with_nul("the command", argument),
                index => with_nul(&format!("argument {index} of the command"), argument),
            })
        };
        let argv = arguments.iter().enumerate().map(argument).collect::<Result<_>>()?;
        let name = match arguments.first() {
            Some(name) if !name.is_empty() => name,
            _ => return Err(Error::new(ErrorKind::Command, "the command is empty")),
        };
        // The first one, as getenv(3) has it.
        let search = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value);
        let cwd = directory.as_ref().map(|directory| &*directory.path);
        let path = find(name, search, cwd, skipped)?;
        let path_text = text(path.as_os_str()).map_err(|_| with_nul("PATH", path.as_os_str()))?;
        let envp = environment.into_iter().map(variable).collect::<Result<_>>()?;
        Ok(Command { path, path_text, argv, envp, directory })
    }
}

fn text(bytes: &OsStr) -> Result<CString, NulError> {
    CString::new(bytes.as_bytes())
}

fn with_nul(what: &str, bytes: &OsStr) -> Error {
    let message = format!("{what} holds a NUL byte: \"{}\"", one_line(bytes));
    Error::new(ErrorKind::Command, message)
}

fn variable((mut name, value): Variable) -> Result<CString> {
    // With room for the NUL that ends it.
    name.reserve_exact(value.len() + 2);
    name.push("=");
    name.push(value);
    CString::new(name.into_vec())
        .map_err(|_| Error::new(ErrorKind::Command, "a variable of the environment holds a NUL"))
}

/// The path of `name`: itself if it has a slash, otherwise the first executable one in PATH behind
/// those to skip.
fn find(
    name: &OsStr,
    search: Option<&OsString>,
    cwd: Option<&Path>,
    mut skipped: usize,
) -> Result<PathBuf> {
    let place = |path: &Path| cwd.map_or_else(|| path.to_owned(), |cwd| cwd.join(path));
    if name.as_bytes().contains(&b'/') {
        // There is no other one.
        if skipped > 0 {
            return Err(unusable(name, libc::ENOENT));
        }
        return match check(&place(Path::new(name))) {
            Ok(()) => Ok(PathBuf::from(name)),
            Err(errno) => Err(unusable(name, errno)),
        };
    }
    let mut refusal = None;
    for directory in std::env::split_paths(search.map_or(OsStr::new(DEFAULT_PATH), |path| path)) {
        let here = if directory.as_os_str().is_empty() { Path::new(".") } else { &directory };
        let candidate = here.join(name);
        match check(&place(&candidate)) {
            Ok(()) if skipped > 0 => skipped -= 1,
            Ok(()) => return Ok(candidate),
            Err(libc::ENOENT | libc::ENOTDIR) => {}
            Err(errno) => refusal = refusal.or(Some((candidate, errno))),
        }
    }
    match refusal {
        Some((candidate, errno)) => Err(unusable(candidate.as_os_str(), errno)),
        None => {
            let message = format!("command not found: \"{}\"", one_line(name));
            Err(Error::new(ErrorKind::NotFound, message)
                .with_errno(libc::ENOENT)
                .with_hint("it is searched in the PATH of the program's environment"))
        }
    }
}

/// Whether file type and permissions let `path` be executed.
fn check(path: &Path) -> Result<(), i32> {
    let metadata = std::fs::metadata(path).map_err(|e| errno_of(&e))?;
    if metadata.is_dir() {
        return Err(libc::EISDIR);
    }
    let access = faccessat(AT_FDCWD, path, AccessFlags::X_OK, AtFlags::AT_EACCESS);
    access.map_err(|errno| errno as i32)
}

fn unusable(path: &OsStr, errno: i32) -> Error {
    let kind = match errno {
        libc::ENOENT | libc::ENOTDIR => ErrorKind::NotFound,
        _ => ErrorKind::CannotExecute,
    };
    let message = format!("cannot execute \"{}\": {}", one_line(path), describe_errno(errno));
    let error = Error::new(kind, message).with_errno(errno);
    match errno {
        libc::EACCES => error.with_hint("it must be marked executable, and its directories too"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::directory::NamedBy;
    use super::*;

    fn command(arguments: &[&str]) -> Result<Command> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        Command::new(&arguments, Vec::new(), None, 0)
    }

    fn kind_of(arguments: &[&str]) -> ErrorKind {
        command(arguments).unwrap_err().kind()
    }

    #[test]
    fn commands_are_found_in_the_path_of_their_environment() {
        assert_eq!(command(&["true"]).unwrap().path, Path::new("/bin/true"));
        let empty = vec![("PATH".into(), "/nonexistent".into())];
        let error = Command::new(&["true".into()], empty, None, 0).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(libc::ENOENT)));
    }

    #[test]
    fn what_cannot_be_a_command_has_a_kind_of_its_own() {
        assert_eq!(kind_of(&[]), ErrorKind::Command);
        assert_eq!(kind_of(&[""]), ErrorKind::Command);
        assert_eq!(kind_of(&["tr\0ue"]), ErrorKind::Command);
        assert_eq!(kind_of(&["true", "a\0b"]), ErrorKind::Command);
        assert_eq!(kind_of(&["no-such-command-anywhere"]), ErrorKind::NotFound);
        assert_eq!(kind_of(&["/no/such/command"]), ErrorKind::NotFound);
        assert_eq!(kind_of(&["/etc"]), ErrorKind::CannotExecute);
        assert_eq!(kind_of(&["/etc/passwd"]), ErrorKind::CannotExecute);
    }

    #[test]
    fn a_relative_command_is_looked_for_in_its_own_directory() {
        let below = |path: &str| {
            let directory = Directory::open(Path::new(path), NamedBy::Launch).unwrap();
            Command::new(&["./true".into()], Vec::new(), Some(directory), 0)
        };
        assert_eq!(below("/bin").unwrap().path, Path::new("./true"));
        let missing = below("/");
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    }
}
