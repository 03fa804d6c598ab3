//! Attacks as lists of system calls, which the guest makes in order.
//!
//! `calls! { openat(AT_FDCWD, &path, O_RDONLY); ftruncate(Answer(0), 0) }` opens a path and passes
//! what came back to the second call. [`Calls::under`] says how the last one was answered.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sandlock::{PolicyBuilder, Syscall};

use crate::harness::{says, says_outside};

/// See the module.
macro_rules! calls {
    ($($name:ident($($argument:expr),* $(,)?));+ $(;)?) => {
        $crate::calls::Calls::default()$(
            .then(stringify!($name), &[$($crate::calls::Argument::from($argument)),*])
        )+
    };
}

pub(crate) use calls;

/// The answer to a call that no filter refuses, where the guest guards itself against making it.
pub(crate) const LET_THROUGH: &str = "ENOSYS";

/// Calls that are made in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    words: Vec<OsString>,
    number: usize,
    exist: Vec<bool>,
}

/// What the call of this position, from 0, returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer(pub(crate) usize);

/// A text in which `{N}` stands for the answer of call N.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text(pub(crate) &'static str);

/// An argument, as the guest reads it.
#[derive(Clone, Debug)]
pub(crate) struct Argument(OsString);

impl Calls {
    pub(crate) fn then(mut self, name: &str, arguments: &[Argument]) -> Self {
        let call = Syscall::from_name(name);
        self.exist.push(call.is_ok());
        self.number += 1;
        if !self.words.is_empty() {
            self.words.push(";".into());
        }
        self.words.push(name.into());
        self.words.push(call.map_or(0, |call| call.nr()).to_string().into());
        self.words.extend(arguments.iter().map(|argument| argument.0.clone()));
        self
    }

    /// A call by a number that is not in the table.
    pub(crate) fn by_number(number: i64) -> Self {
        let words = vec!["number".into(), number.to_string().into()];
        Calls { words, number: 1, exist: vec![true] }
    }

    /// More arguments of the last call.
    pub(crate) fn with(mut self, arguments: &[Argument]) -> Self {
        self.words.extend(arguments.iter().map(|argument| argument.0.clone()));
        self
    }

    /// Whether this architecture has all of the calls: the later one lacks old spellings.
    pub(crate) fn exist(&self) -> bool {
        self.exist.iter().all(|exists| *exists)
    }

    /// How many there are.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// How the last call is answered under `policy`: `ok`, or the name of the error. All before it
    /// must succeed.
    pub(crate) fn under(&self, policy: &PolicyBuilder) -> String {
        self.last(&says(policy.clone(), &self.action("calls")))
    }

    /// The same without a sandbox.
    pub(crate) fn outside(&self) -> String {
        self.last(&says_outside(&self.action("calls")))
    }

    /// What the filter of `policy` says to the last call, without making any: the name of the
    /// error, or [`LET_THROUGH`].
    pub(crate) fn filtered_under(&self, policy: &PolicyBuilder) -> String {
        self.all_filtered_under(policy).pop().unwrap()
    }

    /// The same for each call.
    pub(crate) fn all_filtered_under(&self, policy: &PolicyBuilder) -> Vec<String> {
        let printed = says(policy.clone(), &self.action("guarded"));
        printed.lines().map(|line| last_word(line).to_owned()).collect()
    }

    /// The guest's action that makes them.
    pub(crate) fn action(&self, kind: &str) -> Vec<OsString> {
        assert!(self.exist(), "{:?}: not on this architecture", self.words);
        [kind.into()].into_iter().chain(self.words.iter().cloned()).collect()
    }

    fn last(&self, printed: &str) -> String {
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), self.number, "{self:?}: {printed}");
        let (last, before) = lines.split_last().unwrap();
        assert!(before.iter().all(|line| line.contains(" ok ")), "{self:?}: {printed}");
        if last.contains(" ok ") { "ok".to_owned() } else { last_word(last).to_owned() }
    }
}

fn last_word(line: &str) -> &str {
    line.rsplit(' ').next().unwrap()
}

/// Demands that each of `attacks` is answered `errno` under `denied` and works under `allowed`.
/// Each is made in surroundings of its own.
pub(crate) fn each_refused_and_granted<S>(
    surroundings: impl Fn() -> S,
    attacks: impl Fn(&S) -> Vec<Calls>,
    denied: impl Fn(&S) -> PolicyBuilder,
    errno: &str,
    allowed: impl Fn(&S) -> PolicyBuilder,
) {
    let number = attacks(&surroundings()).len();
    for index in 0..number {
        let surroundings = surroundings();
        let attack = &attacks(&surroundings)[index];
        if attack.exist() {
            assert_eq!(attack.under(&denied(&surroundings)), errno, "{attack:?}");
            assert_eq!(attack.under(&allowed(&surroundings)), "ok", "{attack:?}");
        }
    }
}

impl Argument {
    /// The id of the parent, where the guest's action `parent` makes the calls.
    pub(crate) fn parent() -> Self {
        Argument("PARENT".into())
    }

    /// The id of a child or another thread, or its own, where the guest's action `with-child` and its
    /// like make the calls; with `dirt` in the bits above it.
    pub(crate) fn target(dirt: i64) -> Self {
        Argument(format!("TARGET+{dirt}").into())
    }

    /// The path of `name` in its folder of `/proc`.
    pub(crate) fn parent_path(name: &str) -> Self {
        Argument(format!("@/proc/PARENT/{name}").into())
    }
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl From<$type> for Argument {
            fn from(number: $type) -> Self {
                Argument((number as i64).to_string().into())
            }
        }
    )*};
}

numbers!(i32 u32 i64 u64 usize);

impl From<Answer> for Argument {
    fn from(answer: Answer) -> Self {
        Argument(format!("${}", answer.0).into())
    }
}

impl From<Text> for Argument {
    fn from(text: Text) -> Self {
        Argument(format!("%{}", text.0).into())
    }
}

impl From<&OsStr> for Argument {
    fn from(text: &OsStr) -> Self {
        let mut word = OsString::from("@");
        word.push(text);
        Argument(word)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        OsStr::new(text).into()
    }
}

impl From<&Path> for Argument {
    fn from(path: &Path) -> Self {
        path.as_os_str().into()
    }
}

impl From<&PathBuf> for Argument {
    fn from(path: &PathBuf) -> Self {
        path.as_os_str().into()
    }
}

/// Bytes that the call gets the address of.
impl From<&[u8]> for Argument {
    fn from(bytes: &[u8]) -> Self {
        let mut word = String::from("#");
        for byte in bytes {
            write!(word, "{byte:02x}").unwrap();
        }
        Argument(word.into())
    }
}

impl From<Vec<u8>> for Argument {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<const N: usize> From<[u8; N]> for Argument {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}
