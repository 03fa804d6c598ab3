//! Profiles: policies in TOML, by path or by name, and `sandlock profile`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use sandlock::Policy;

use crate::diagnostics::{Failure, describe};
use crate::exit;
use crate::stdout;

const NAME: &str = "name";
const SUFFIX: &[u8] = b".toml";

const LIST_NAMES: &str = "`sandlock profile list` prints the names of all profiles";
const NAMES_HAVE_NO_SUFFIX: &str =
    "what has a slash or ends in .toml is a path; a name has neither";

const LONG_ABOUT: &str = "\
Shows the profiles that `-p NAME` finds: the files NAME.toml in $XDG_CONFIG_HOME/sandlock/profiles
or ~/.config/sandlock/profiles.";

pub(crate) fn command() -> Command {
    Command::new("profile")
        .about("Show the profiles that there are")
        .long_about(LONG_ABOUT)
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(Command::new("list").about("Print the names of all profiles"))
        .subcommand(
            Command::new("show").about("Print a profile, if it is one without mistakes").arg(
                Arg::new(NAME)
                    .value_name("NAME")
                    .value_parser(value_parser!(OsString))
                    .required(true)
                    .help("A name that `sandlock profile list` prints"),
            ),
        )
        .subcommand(Command::new("path").about("Print the directory of the profiles"))
}

pub(crate) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let text = match matches.subcommand() {
        Some(("show", matches)) => show(matches.get_one::<OsString>(NAME))?,
        Some(("path", _)) => with_line_end(directory()?.into_os_string()),
        _ => list(&directory()?)?.into_iter().flat_map(with_line_end).collect(),
    };
    stdout::print(&text)?;
    Ok(exit::SUCCESS)
}

/// Lays the profile that `-p` names over `policy`.
pub(crate) fn lay_over(policy: &mut Policy, profile: &OsStr) -> Result<(), Failure> {
    let (path, way_out) = match is_path(profile) {
        true => (PathBuf::from(profile), NAMES_HAVE_NO_SUFFIX),
        false => (path_of(profile)?, LIST_NAMES),
    };
    let text = read(&path, way_out)?;
    policy.merge_toml(&text).map_err(|error| in_file(error, &path))
}

fn is_path(profile: &OsStr) -> bool {
    let bytes = profile.as_bytes();
    bytes.contains(&b'/') || bytes.ends_with(SUFFIX)
}

fn show(name: Option<&OsString>) -> Result<Vec<u8>, Failure> {
    let path = path_of(name.map_or(OsStr::new(""), |name| name))?;
    let text = read(&path, LIST_NAMES)?;
    Policy::from_toml(&text).map_err(|error| in_file(error, &path))?;
    Ok(text.into_bytes())
}

fn in_file(error: sandlock::Error, path: &Path) -> Failure {
    Failure::from(error).in_place(&path.display().to_string())
}

/// The text in the file `path`; `way_out` is the hint if there is no such file.
fn read(path: &Path, way_out: &str) -> Result<String, Failure> {
    let failure = |what: &str| Failure::new(format!("profile {}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| {
        let failure = failure(&describe(&error));
        match error.kind() {
            io::ErrorKind::NotFound => failure.with_hint(way_out),
            _ => failure,
        }
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        failure(&format!("is not UTF-8 text at byte {place}"))
    })
}

/// The file of the profile called `name`, which exists or not.
fn path_of(name: &OsStr) -> Result<PathBuf, Failure> {
    if !is_name(name) {
        let name = name.display();
        return Err(Failure::new(format!("\"{name}\" cannot be the name of a profile"))
            .with_hint("a name is neither empty nor `.` or `..`, and has no slash"));
    }
    let mut file = name.to_owned();
    file.push(OsStr::from_bytes(SUFFIX));
    Ok(directory()?.join(file))
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

fn is_name(name: &OsStr) -> bool {
    !matches!(name.as_bytes(), b"" | b"." | b"..") && !name.as_bytes().contains(&b'/')
}

/// Where profiles lie. As the XDG base directory specification demands, a path that is not
/// absolute is ignored.
fn directory() -> Result<PathBuf, Failure> {
    let absolute = |variable: &str| {
        std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
    };
    absolute("XDG_CONFIG_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".config")))
        .map(|config| config.join("sandlock/profiles"))
        .ok_or_else(|| {
            Failure::new("there is no directory of profiles")
                .with_hint("set HOME or XDG_CONFIG_HOME to an absolute path")
        })
}

/// The names of all profiles in `directory`, sorted; none if it does not exist.
fn list(directory: &Path) -> Result<Vec<OsString>, Failure> {
    let failure =
        |error: io::Error| Failure::new(format!("{}: {}", directory.display(), describe(&error)));
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failure)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failure)?;
        let file = entry.file_name();
        let name = file.as_bytes().strip_suffix(SUFFIX).map(OsStr::from_bytes);
        // A name that itself ends in .toml would be taken for a path.
        let name = name.filter(|name| is_name(name) && !is_path(name) && !is_hidden(name));
        // A link counts as what it leads to.
        let is_file = std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
        names.extend(name.filter(|_| is_file).map(OsStr::to_owned));
    }
    names.sort();
    Ok(names)
}

fn with_line_end(text: OsString) -> Vec<u8> {
    let mut line = text.into_vec();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_or_the_suffix_makes_a_path() {
        for path in ["./web", "/etc/web", "web.toml", "sub/web", ".toml"] {
            assert!(is_path(OsStr::new(path)), "{path}");
        }
        for name in ["web", "web.tom", "toml", "..", ""] {
            assert!(!is_path(OsStr::new(name)), "{name}");
        }
    }
}
