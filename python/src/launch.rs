//! What to start, and how, from keywords.

use std::ffi::OsString;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyMapping, PyString};
use sandlock::{ErrorKind, Launch, Stdio};

use crate::argument::{bytes, copied_fd, duration, number, os_string};
use crate::error::plain;
use crate::keywords::Keywords;
use crate::result::Text;

/// As subprocess has them; INHERIT is ours.
pub(crate) const PIPE: i32 = -1;
pub(crate) const STDOUT: i32 = -2;
pub(crate) const DEVNULL: i32 = -3;
pub(crate) const INHERIT: i32 = -4;

const KEYWORDS: [&str; 12] = [
    "stdin",
    "stdout",
    "stderr",
    "input",
    "timeout",
    "cwd",
    "env",
    "capture_limit",
    "interactive",
    "text",
    "encoding",
    "errors",
];

/// What PIPE means.
#[derive(Clone, Copy)]
pub(crate) enum Pipes {
    /// What comes out is collected for the result.
    Collected,
    /// The caller has the other end.
    Given,
}

/// A launch, and how its outputs become text.
pub(crate) struct Asked {
    pub(crate) launch: Launch,
    pub(crate) text: Option<Text>,
}

/// The launch of `cmd` as `keywords` ask for it.
pub(crate) fn asked(
    cmd: &Bound<'_, PyAny>,
    keywords: Option<&Bound<'_, PyDict>>,
    pipes: Pipes,
) -> PyResult<Asked> {
    let keywords = Keywords::new(keywords, &KEYWORDS)?;
    let text = keywords.get("text")?.unwrap_or(false);
    let text = Text::wanted(cmd.py(), text, keywords.get("encoding")?, keywords.get("errors")?)?;
    let mut launch = Launch::new(words(cmd)?);
    if keywords.get("interactive")?.unwrap_or(false) {
        launch = launch.interactive();
    }
    launch = with_streams(launch, &keywords, text.as_ref(), pipes)?;
    if let Some(limit) = keywords.object("timeout")? {
        launch = launch.timeout(duration("timeout", &limit)?);
    }
    if let Some(directory) = keywords.object("cwd")? {
        launch = launch.cwd(os_string(&directory)?);
    }
    if let Some(limit) = keywords.object("capture_limit")? {
        launch = launch.capture_limit(number("capture_limit", &limit)?);
    }
    if let Some(env) = keywords.object("env")? {
        launch = with_environment(launch, &env)?;
    }
    Ok(Asked { launch, text })
}

fn words(cmd: &Bound<'_, PyAny>) -> PyResult<Vec<OsString>> {
    let is_one = cmd.is_instance_of::<PyString>()
        || cmd.is_instance_of::<PyBytes>()
        || cmd.hasattr("__fspath__")?;
    if is_one {
        let message =
            "a command is a list of words, like [\"echo\", \"hello\"]; no shell is involved";
        return Err(PyTypeError::new_err(message));
    }
    cmd.try_iter()?.map(|word| os_string(&word?)).collect()
}

fn with_streams(
    mut launch: Launch,
    keywords: &Keywords<'_, '_>,
    text: Option<&Text>,
    pipes: Pipes,
) -> PyResult<Launch> {
    let stdin = keywords.object("stdin")?;
    if let Some(input) = keywords.object("input")? {
        if stdin.is_some() {
            return Err(PyTypeError::new_err("stdin and input may not both be given"));
        }
        launch = launch.input(input_bytes(&input, text)?);
    }
    if let Some(stdin) = stdin {
        check_stdin(&stdin, pipes)?;
        launch = launch.stdin(stdio(&stdin, Stdio::piped())?);
    }
    let pipe = || match pipes {
        Pipes::Collected => Stdio::captured(),
        Pipes::Given => Stdio::piped(),
    };
    if let Some(stdout) = keywords.object("stdout")? {
        launch = launch.stdout(stdio(&stdout, pipe())?);
    }
    if let Some(stderr) = keywords.object("stderr")? {
        launch = launch.stderr(stdio(&stderr, pipe())?);
    }
    Ok(launch)
}

/// Nobody could write to a pipe while the caller waits for the end.
fn check_stdin(stdin: &Bound<'_, PyAny>, pipes: Pipes) -> PyResult<()> {
    match (pipes, constant(stdin)?) {
        (Pipes::Collected, Some(PIPE)) => {
            let message = "stdin=PIPE is for popen(): give `input` here";
            Err(plain(stdin.py(), ErrorKind::Command, message))
        }
        _ => Ok(()),
    }
}

fn input_bytes(input: &Bound<'_, PyAny>, text: Option<&Text>) -> PyResult<Vec<u8>> {
    match (input.cast::<PyString>(), text) {
        (Ok(input), Some(text)) => bytes(&input.call_method1("encode", (&text.encoding,))?),
        (Ok(_), None) => Err(PyTypeError::new_err("input is bytes, or str with text=True")),
        (Err(_), _) => bytes(input),
    }
}

/// The number that `object` is, if it is one.
fn constant(object: &Bound<'_, PyAny>) -> PyResult<Option<i32>> {
    match object.is_instance_of::<PyInt>() {
        true => number("stream", object).map(Some),
        false => Ok(None),
    }
}

fn stdio(object: &Bound<'_, PyAny>, pipe: Stdio) -> PyResult<Stdio> {
    Ok(match constant(object)? {
        Some(PIPE) => pipe,
        Some(STDOUT) => Stdio::stdout(),
        Some(DEVNULL) => Stdio::null(),
        Some(INHERIT) => Stdio::inherit(),
        _ => copied_fd(object)?.into(),
    })
}

/// The whole environment, as subprocess has it: nothing of the host's but what is said.
fn with_environment(launch: Launch, env: &Bound<'_, PyAny>) -> PyResult<Launch> {
    let mut launch = launch.env_clear();
    for item in env.cast::<PyMapping>()?.items()? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        launch = launch.env(os_string(&name)?, os_string(&value)?);
    }
    Ok(launch)
}
